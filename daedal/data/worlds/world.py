"""A world: named factors, and the scene that their values make. What portraits, streets and dancers have in common."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from daedal.data.worlds.keyed import uniform
from daedal.data.worlds.scene import Scene
from daedal.errors import UsageError, did_you_mean

Values = dict[str, Tensor]  # of each factor: float32, or of choices int64; (n,), or (n, size) of several
PLACE = "an item's place"  # beside the factors: a number in [0, 1) of an item, for what is drawn anew for each


@dataclass(frozen=True)
class Factor:
    """Something that varies from picture to picture, independently of the others: a number, or one of some choices."""

    name: str  # an identifier
    meaning: str  # one line for people, with the unit of a number
    low: float = 0.0
    high: float = 1.0
    size: int = 1  # numbers, or choices, in it
    choices: tuple[str, ...] = ()
    shares: tuple[float, ...] = ()  # how often each choice is drawn; (): all alike
    region: tuple[str, ...] = ()  # classes of the stencil in which alone it may change pixels; (): anywhere
    geometry: bool = True  # whether it may change depth and stencil
    shown: bool = True  # whether a picture shows its value; else it only tells items apart, such as which street it is
    circular: bool = False  # whether both ends of its range are the same, as of an angle or an hour

    def of(self, u: Tensor) -> Tensor:
        """Values of numbers u in [0, 1), (n, size)."""
        values = self._choice(u) if self.choices else self.low + u * (self.high - self.low)
        return values[:, 0] if self.size == 1 else values

    def between(self, one: Tensor, other: Tensor) -> Tensor:
        """How far two numbers are apart, in their unit; round the circle where that is shorter."""
        apart = (one - other).abs()
        return torch.minimum(apart, self.high - self.low - apart) if self.circular else apart

    def _choice(self, u: Tensor) -> Tensor:
        if not self.shares:
            return (u * len(self.choices)).to(torch.int64)
        bounds = torch.tensor(self.shares[:-1], dtype=torch.float64, device=u.device).cumsum(0)
        return torch.bucketize(u.double(), bounds, right=True)


@dataclass(frozen=True)
class Correlation:
    """Two factors that vary together: with probability |strength| the second takes the first's place in its range
    (if negative, the mirrored place), else its own. Of two numbers this is their Pearson correlation, exactly.
    """

    first: str
    second: str
    strength: float


class World(ABC):
    """A simulator with exact ground truth. A final class says what its scenes look like; the rest is written once."""

    name: ClassVar[str]
    factors: ClassVar[tuple[Factor, ...]]
    stencil: ClassVar[tuple[str, ...]]  # names of the classes; 0 is what lies behind all bodies
    usual: ClassVar[Mapping[str, float | str]] = {}  # what sheets hold factors at, if not at the middle or first choice
    domains: ClassVar[Mapping[str, str]] = {}  # of a translation: a name, and what it means, such as hour=12
    edits: ClassVar[Mapping[str, str]] = {}  # an instruction, and the factors that it sets, such as hour=23
    actions: ClassVar[tuple[str, ...]] = ()  # what may be done in a clip: see `action`
    action_seconds: ClassVar[float] = math.inf  # how long each action is done, from the clip's beginning on
    longest: ClassVar[float] = math.inf  # seconds of a clip
    boxed: ClassVar[tuple[str, ...]] = ()  # classes of the things that get boxes; (): all
    least_share: ClassVar[float] = 0.0  # of the picture's pixels that a thing with a box has at least

    @abstractmethod
    def scene(self, values: Mapping[str, Tensor], moment: Tensor | None = None) -> Scene:
        """The scenes of these values, (n,) of each factor; of a clip at `moment` (n,) seconds, else the still."""

    @abstractmethod
    def caption(self, values: Mapping[str, Tensor]) -> list[str]:
        """A sentence for each, of which every fact can be read back."""

    def spoken(self) -> Sequence[str]:
        """Captions that have all words that any has, and the most; (): captions of items tell, where they are quick."""
        return ()

    @abstractmethod
    def points(self, values: Mapping[str, Tensor], moment: Tensor | None = None) -> dict[str, Tensor]:
        """Named landmarks in the world, (n, 3) metres each."""

    @property
    def observable(self) -> tuple[Factor, ...]:
        """What a picture tells, and an oracle reads: the factors that are shown, unless a world says otherwise."""
        return tuple(factor for factor in self.factors if factor.shown and factor.size * bool(factor.choices) <= 1)

    def observed(self, values: Mapping[str, Tensor]) -> Values:
        """The values of what is observable, of items with these factors."""
        return {factor.name: values[factor.name] for factor in self.observable}

    def action(self, values: Mapping[str, Tensor], moment: Tensor) -> Tensor:
        """Which of `actions` is being done at `moment` (n,) seconds: int64 (n,); of worlds that have any."""
        raise NotImplementedError

    def acts_alone(self, frame_rate: float) -> bool:
        """Whether there are actions, and one alone between any two frames."""
        frames = frame_rate * self.action_seconds  # of one action
        return bool(self.actions) and (math.isinf(frames) or frames == int(frames) >= 1)

    def factor(self, name: str) -> Factor:
        """The factor of a name. Raises UsageError that lists what there is."""
        for factor in self.factors:
            if factor.name == name:
                return factor
        names = [factor.name for factor in self.factors]
        raise UsageError(
            f"'{name}' is no factor of {self.name}; its factors are {', '.join(names)}.{did_you_mean(name, names)}"
        )

    def draw(self, index: Tensor, seed: int = 0, correlation: Correlation | None = None) -> Values:
        """The factors' values of the items `index`, int64 (n,), of the endless world `seed`."""
        places = {f.name: uniform(seed, f"{self.name} {f.name}", index, f.size) for f in self.factors}
        if correlation is not None:
            for name in (correlation.first, correlation.second):
                self.factor(name)  # raises if there is none
            places[correlation.second] = self._correlated(places, index, seed, correlation)
        return {factor.name: factor.of(places[factor.name]) for factor in self.factors}

    def _correlated(self, places: Values, index: Tensor, seed: int, correlation: Correlation) -> Tensor:
        first, second = places[correlation.first], places[correlation.second]
        together = uniform(seed, f"{self.name} together", index) < abs(correlation.strength)
        largest = 1 - 2**-24  # so that a mirrored place is below 1 too
        return torch.where(together, first if correlation.strength >= 0 else largest - first, second)


def taken(values: Mapping[str, Tensor], rows: Tensor | slice | Sequence[int]) -> Values:
    """The values of some items."""
    return {name: value[rows] for name, value in values.items()}

"""One system before one data set: which items are compared, what was drawn, and how quickly.

The protocol, the same for every system of a comparison:

- the reference is the test split, at most 10,000 of it, in an order that is the same for all systems and seeds;
- there are n samples, n the size of the reference; a conditional system draws each for the `given` of one reference
  item; samples are rounded to the grid;
- the floor is made of n items of the training split, chosen by the seed, without mirrored ones;
- where x is small, so that samples are cheap, further ones are drawn to tell how much is memorised.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from daedal.data.base import Data
from daedal.errors import UsageError
from daedal.evaluate.features import FeatureSpace
from daedal.evaluate.neighbours import chance_of_any, count_nearer, nearest
from daedal.nn.scale import Standardise
from daedal.play.guard import check_samples
from daedal.play.seeds import address
from daedal.spaces import Images, Labels

MOST = 10_000  # items of the reference
MOST_KNOWN = 50_000  # items of the training split that samples are held against for copying
SHOWN = 256  # samples whose nearest training item is looked up
TELLING = 1_500  # samples that tell a share to .01; more than n are drawn, but
FURTHER_NUMBERS = 2**17  # no more than make so many numbers of x,
FURTHER_TIMES = 4  # and no more than so many times n
BOUND, CODES, FURTHER = 1, 2, 3  # the places of their own seeds: what a bound draws, codes of pictures, further samples
CHUNK_NUMBERS = 2**20  # numbers of x that a system is given at once


class Trial:
    """The items of an evaluation; whatever is costly is made when first asked for, and once."""

    def __init__(self, system: Any, data: Data, n: int | None, seed: int):
        self.system, self.data, self.seed = system, data, seed
        self.x: str = system.roles["x"]
        self.given = tuple(system.given)
        _check_fields(self)
        unmirrored = _unmirrored(data.train, self.x)
        self.n = _size(n, min(len(data.test), len(unmirrored), MOST))
        self.reference = np.random.default_rng(0).permutation(len(data.test))[: self.n]
        shuffled = np.random.default_rng(seed).permutation(unmirrored)
        self.training, self.known = shuffled[: self.n], shuffled[:MOST_KNOWN]
        self._features: dict[str, dict[str, Tensor]] = {}

    # -- items

    @property
    def space(self) -> Any:
        """The space that is modelled."""
        return self.data.fields[self.x]

    def chunks(self, n: int, most: int = 500) -> Iterator[slice]:
        """Consecutive slices of n items, small enough for a network."""
        size = max(16, min(most, CHUNK_NUMBERS // self.space.dim))
        return (slice(start, min(n, start + size)) for start in range(0, n, size))

    def references(self, most: int = MOST) -> Iterator[tuple[Tensor, dict[str, Tensor]]]:
        """Items of the reference, `most` of them, in chunks: x (m, *x), and what they are conditioned on."""
        for part in self.chunks(min(self.n, most)):
            items = self.data.test.gather(self.reference[part], (self.x, *self.given))
            yield items[self.x], {name: items[name] for name in self.given}

    @cached_property
    def conditions(self) -> dict[str, Tensor]:
        """What each sample is conditioned on: the fields of the reference, by name."""
        return self.data.test.gather(self.reference, self.given) if self.given else {}

    # -- what the system does

    @cached_property
    def drawn(self) -> tuple[Tensor, float]:
        """Samples on the grid (n, *x), and the seconds that drawing them took."""
        generator = torch.Generator(self.system.device).manual_seed(self.seed)
        self._draw(slice(0, 1), torch.Generator(self.system.device).manual_seed(self.seed))  # the first call warms up
        start = time.perf_counter()
        samples = torch.cat([self._draw(part, generator) for part in self.chunks(self.n)])
        seconds = time.perf_counter() - start
        return self._on_grid(samples), seconds

    @cached_property
    def further(self) -> Tensor:
        """Samples beyond the n, as `samples`: (m, *x), m perhaps 0."""
        m = min(TELLING, FURTHER_NUMBERS // self.space.dim, FURTHER_TIMES * self.n) - self.n
        generator = torch.Generator(self.system.device).manual_seed(address(self.seed, FURTHER))
        rounds = (range(start, min(start + self.n, m)) for start in range(0, m, self.n))  # each through the reference
        drawn = [self._draw(part, generator) for numbers in rounds for part in self.chunks(len(numbers))]
        return self._on_grid(torch.cat(drawn)) if drawn else self.samples[:0]

    def _draw(self, part: slice, generator: torch.Generator) -> Tensor:
        given = {name: value[part] for name, value in self.conditions.items()}
        return self.system.sample(part.stop - part.start, given=given or None, generator=generator).cpu()

    def _on_grid(self, samples: Tensor) -> Tensor:
        check_samples(samples, self.system.name)
        return self.space.quantise(samples) if isinstance(self.space, Images) else samples

    @property
    def samples(self) -> Tensor:
        """Samples on the grid, border form: (n, *x)."""
        return self.drawn[0]

    # -- in feature space

    def features(self, space: FeatureSpace) -> dict[str, Tensor]:
        """Features of `samples`, `reference` and `training` items in a space: each (n, d)."""
        if space.name not in self._features:
            self._features[space.name] = self.mapped(space.features)
        return self._features[space.name]

    def mapped(self, function: Callable[[Tensor], Tensor]) -> dict[str, Tensor]:
        """A function of x, (m, *x) to (m, d), of `samples`, `reference` and `training` items: each (n, d)."""
        sources = {
            "samples": lambda part: self.samples[part],
            "reference": lambda part: self.data.test.gather(self.reference[part], (self.x,))[self.x],
            "training": lambda part: self.data.train.gather(self.training[part], (self.x,))[self.x],
        }
        with torch.no_grad():
            return {
                name: torch.cat([function(take(part)) for part in self.chunks(self.n)])
                for name, take in sources.items()
            }

    # -- item by item

    @cached_property
    def flatten(self) -> Callable[[Tensor], Tensor]:
        """Border form (m, *x) to rows (m, dim) whose distances are those of pixels (levels), vectors or labels.

        Levels are centred, so that products of small images are exact in float32 and equal distances tie.
        """
        space = self.space
        if isinstance(space, Images):
            return lambda x: (space.to_levels(x) - space.levels // 2).float().flatten(1)
        if isinstance(space, Labels):
            return lambda x: F.one_hot(x, space.classes).float().flatten(1)
        standardise = Standardise(space).double()
        standardise.fit(self.data.train, self.x)
        return lambda x: standardise(x.double())

    def rows_of(self, split: Any, rows: np.ndarray) -> Callable[[range], Tensor]:
        """Some of the rows of a split as `flatten` has them, by a range."""
        return lambda part: self.flatten(split.gather(rows[part.start : part.stop], (self.x,))[self.x])

    def nearest_in(self, split: Any, rows: np.ndarray, queries: Tensor) -> tuple[Tensor, np.ndarray]:
        """The item nearest to each of some samples among rows of a split: squared distances, and those rows."""
        distances, index = nearest(self.flatten(queries), len(rows), self.rows_of(split, rows))
        return distances, rows[index.numpy()]

    def nearer_to_training(self) -> Tensor:
        """For each sample the chance that n training items, chosen blindly, hold one nearer than all n test items.

        Of further samples too: (n + m,), float64. In closed form, so that no choice matters; a tie counts half.
        """
        samples = torch.cat([self.samples, self.further])
        unseen, _ = self.nearest_in(self.data.test, self.reference, samples)
        take = self.rows_of(self.data.train, self.known)
        nearer, as_near = count_nearer(self.flatten(samples), unseen, len(self.known), take)
        strictly, weakly = (chance_of_any(k, self.n, len(self.known)) for k in (nearer, nearer + as_near))
        return (strictly + weakly) / 2

    def nearest_training(self) -> np.ndarray:
        """The row of the training split nearest to each of the first samples: (min(n, 256),)."""
        return self.nearest_in(self.data.train, np.arange(len(self.data.train)), self.samples[:SHOWN])[1]

    def exact_copies(self) -> float:
        """The share of samples that are equal to an item of the training split."""
        known = {row.tobytes() for row in self._exact(self.samples)}
        copied: set[bytes] = set()
        for part in self.chunks(len(self.data.train), most=4096):
            items = self.data.train.gather(range(part.start, part.stop), (self.x,))[self.x]
            copied.update(key for row in self._exact(items) if (key := row.tobytes()) in known)
        return sum(row.tobytes() in copied for row in self._exact(self.samples)) / self.n

    def _exact(self, x: Tensor) -> np.ndarray:
        values = self.space.to_levels(x).to(torch.int32) if isinstance(self.space, Images) else x
        return values.flatten(1).numpy() if values.ndim > 1 else values[:, None].numpy()


def _check_fields(trial: Trial) -> None:
    """Raise unless the data has the fields that the system models, in the spaces that it was made for."""
    wanted = {trial.x: trial.system.x, **trial.system.given}
    for name, space in wanted.items():
        if trial.data.fields.get(name) != space:
            raise UsageError(
                f"'{trial.system.name}' needs a field '{name}' {space}; "
                f"'{trial.data.name}' has {trial.data.fields.get(name, 'none of that name')}."
            )


def _unmirrored(split: Any, x: str) -> np.ndarray:
    return np.flatnonzero(split.rows < len(split.columns[x].values))


def _size(n: int | None, most: int) -> int:
    if n is None:
        return most
    if isinstance(n, bool) or not isinstance(n, int) or not 1 <= n <= most:
        raise UsageError(f"'n' of evaluate must be an integer in [1, {most}], what both splits have; got {n!r}.")
    return n

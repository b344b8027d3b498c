"""The base of every system: a module over a space, with options that can be read back and rounds to play.

A system is one file and one final class. It says what it is in class attributes that are literals (`paper`,
`variants`, `recipe`, `accepts`; see `daedal.declare`), takes `(x, given, *, options)` and gives either `loss`
(one player, whose parameters are all of them) or `players` and `turns`.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, final

import torch
from torch import Tensor, nn

from daedal.declare import Paper, Recipe, Variant
from daedal.nn.condition import Condition
from daedal.nn.scale import Standardise
from daedal.options import check_options, options_of
from daedal.play.player import Player, Rate, Stage
from daedal.play.turn import Batch, Turn, Yielded
from daedal.spaces import Images, Space, Vectors, check_given


class System(nn.Module):
    """Base of all systems. `x` is the space that is modelled, `given` the spaces it is conditioned on."""

    accepts: ClassVar[tuple[type, ...]] = (Images, Vectors)
    paper: ClassVar[Paper]
    variants: ClassVar[Mapping[str, Variant]] = {}
    compiles: ClassVar[tuple[str, ...]] = ()  # submodules that `--compile` compiles; never a critic under a penalty
    conditional: ClassVar[bool] = True  # whether it can be given anything
    unpaired: ClassVar[bool] = False  # whether it learns from unpaired domains: x is one, the others are given
    toy: ClassVar[Mapping[str, Any]] = {}  # options that make it small, for tests and first looks
    exempt: ClassVar[Mapping[str, str]] = {}  # contracts that do not apply, each with its reason
    recipe: Recipe = Recipe()
    config: str | None = None  # 'paper' where created so
    given_dropout: float = 0.0
    train_seconds: float = math.nan  # how long it was trained, where known

    def __init__(self, x: Space, given: Mapping[str, Space] | None = None):
        super().__init__()
        if not isinstance(x, self.accepts):
            kinds = " or ".join(kind.__name__ for kind in self.accepts)
            raise ValueError(f"{type(self).__name__} models {kinds}; got {x}.")
        if given and not self.conditional:
            raise ValueError(
                f"{type(self).__name__} models p(x) only and can be given nothing; got {', '.join(given)}."
            )
        self.x, self.given = x, dict(given or {})
        self.roles: dict[str, Any] = {"x": "x", "given": list(self.given)}  # names of fields in the data
        self.standardise = Standardise(x)

    # -- what it is

    @property
    def name(self) -> str:
        """The system's flat name: its file's name in kebab case."""
        return type(self).__module__.rsplit(".", 1)[-1].replace("_", "-")

    @final
    @property
    def options(self) -> dict[str, Any]:
        """The constructor's options after resolution, read back from attributes of the same names."""
        return {name: getattr(self, name) for name in option_names(type(self))}

    # -- how it is trained

    def loss(self, batch: Batch) -> Tensor:
        """The loss of a system with one player: a scalar."""
        raise NotImplementedError(f"{type(self).__name__} has neither 'loss' nor 'turns'.")

    def turns(self, batches: Iterator[Batch]) -> Iterator[Yielded]:
        """One round."""
        yield Turn("model", self.loss(next(batches)))

    def players(self) -> dict[str, Player]:
        """The players, by name."""
        return {"model": Player(self.parameters(), rate=Rate(self.recipe.rate))}

    def stages(self, steps: int) -> list[Stage]:
        """The parts of training, `steps` rounds in all."""
        return [Stage("train", steps, self.players(), self.turns)]

    def fit_scale(self, items: Any) -> None:
        """Learn what the units of vectors are, x and `given`; `items` gathers like a split of `Data`."""
        self.standardise.fit(items, self.roles["x"])
        for module in self.modules():
            if isinstance(module, Condition):
                module.fit(items)

    def progress_scalars(self) -> dict[str, float]:
        """What a system without losses has to log, such as a log-likelihood; read at log points."""
        return {}

    # -- how it is called

    def prepare_given(self, given: Mapping[str, Tensor] | None, n: int) -> dict[str, Tensor]:
        """`given` checked, and on the system's device. Raises ValueError that lists what is expected."""
        ready = check_given(self.given, given, n, optional=self.given_dropout > 0)
        return {name: value.to(self.device) for name, value in ready.items()}

    def check_options(self, options: dict[str, Any]) -> dict[str, Any]:
        """Options of `sample`, checked against those that `draw` declares. Raises UnknownOption or OptionError."""
        draw = type(self).draw  # type: ignore[attr-defined]
        return check_options(options_of(draw), options, f"{type(self).__name__}.sample")

    @property
    def device(self) -> torch.device:
        """Where the system's tensors are."""
        tensor = next(self.parameters(), None)
        tensor = next(self.buffers(), None) if tensor is None else tensor
        return torch.device("cpu") if tensor is None else tensor.device

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of the system's floating-point tensors."""
        tensors = (t for t in [*self.parameters(), *self.buffers()] if t.is_floating_point())
        tensor = next(tensors, None)
        return torch.float32 if tensor is None else tensor.dtype


def option_names(function: Any) -> tuple[str, ...]:
    """Names of the keyword-only parameters of a function or a class's constructor, in order."""
    parameters = inspect.signature(function).parameters.values()
    return tuple(p.name for p in parameters if p.kind is p.KEYWORD_ONLY)

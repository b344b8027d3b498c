"""What the contracts are tried on: systems at toy size, on small data, whole or broken in the middle of a round."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor

from daedal.data.base import Data
from daedal.play.ranks import Ranks
from daedal.play.settings import Settings
from daedal.play.stream import Source, Stream
from daedal.play.system import System
from daedal.play.table import Table
from daedal.play.trainer import Trainer
from daedal.systems import factory
from tests.small import images, vectors

CPU = torch.device("cpu")
BATCH, STEPS = 16, 25


@dataclass(frozen=True)
class Case:
    """A system at toy size on one kind of data."""

    name: str
    kind: str = "images"
    given: tuple[str, ...] = ()
    dtype: torch.dtype = torch.float32

    def data(self) -> Data:
        return _data(self.kind)

    def create(self, seed: int = 0) -> System:
        system = factory.create(self.name, self.data(), given=self.given, seed=seed, **self.system_class.toy)
        return system.to(self.dtype)

    @property
    def system_class(self) -> type[System]:
        return factory.resolve(self.name)[1]

    def seed(self) -> int:
        """A number of its own, the same in every run."""
        return sum("".join((self.name, self.kind, *self.given)).encode())

    def trained(self) -> System:
        """After the toy run, in eval mode; a copy."""
        return copy.deepcopy(_trained(self))

    def test_items(self, n: int = 6, dtype: torch.dtype | None = None) -> tuple[Tensor, dict[str, Tensor]]:
        items = self.data().test.gather(range(n))
        return items["x"].to(dtype or self.dtype), {k: items[k] for k in self.given}


@cache
def _data(kind: str) -> Data:
    return {"images": images, "vectors": vectors, "plane": lambda: vectors(dim=2), "tiny": tiny}[kind]()


def tiny() -> Data:
    """2x2 images of 3 levels: all 81 can be enumerated."""
    return images(n=200, size=2, levels=3)


@cache
def _trained(case: Case) -> System:
    return train(case, case.create()).system


def train(case: Case, system: System, steps: int = STEPS, **kwargs: Any):
    return Trainer(system, case.data(), Settings(steps=steps, batch_size=BATCH, tensorboard=False), **kwargs).run()


def table_of(system: System, case: Case, kind: type[Table] = Table, **kwargs: Any) -> Table:
    """One stage of a system, ready to be played by hand."""
    source = Source(case.data().train, system.roles, CPU, system.dtype)
    stream = Stream(source, BATCH, 0, 1, 0, 0)
    stage = system.stages(STEPS)[0]
    return kind(stage, 0, [stream], Ranks(), seed=0, generators=[torch.default_generator], **kwargs)


class broken:
    """Raises in the middle of a round: where round `step` goes on to turn `turn` (0, 1, ...), on every rank."""

    def __init__(self, step: int, turn: int = 1):
        self.step, self.turn, self.original = step, turn, Table._advance

    def __enter__(self) -> None:
        def advance(table: Table, playing: Any, step: int, turn: int, micro: int) -> Any:
            if step == self.step and turn == self.turn:
                raise ZeroDivisionError
            return self.original(table, playing, step, turn, micro)

        Table._advance = advance  # type: ignore[method-assign]

    def __exit__(self, *_: Any) -> None:
        Table._advance = self.original  # type: ignore[method-assign]

"""What `load_data` returns: named fields, a training and a test split, each a sequence of border-form items."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from daedal.errors import UsageError
from daedal.spaces import Images, Labels, Space


class Density(Protocol):
    """A known distribution: what toys are drawn from."""

    @property
    def entropy(self) -> float | None:
        """Differential entropy in nats; None where no closed form or quadrature is known."""
        ...

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-density of x (n, dim): nats, (n,)."""
        ...

    def sample(self, n: int, generator: np.random.Generator) -> np.ndarray:
        """n fresh items, (n, dim)."""
        ...


@dataclass(frozen=True)
class Column:
    """One field of a split: raw values (levels of images, indices of labels, numbers of vectors) and their space.

    `rows` picks the items of the split out of `values`; an index of `len(values) + i` means item i mirrored.
    """

    values: np.ndarray  # (n, *shape): uint8 or uint16 levels, labels as integers, float32 vectors; may be memory-mapped
    space: Space

    def gather(self, rows: np.ndarray) -> Tensor:
        """The border form of some items: (len(rows), *shape)."""
        n = len(self.values)
        mirrored = rows >= n
        taken = self.values[np.where(mirrored, rows - n, rows)]
        if mirrored.any() and isinstance(self.space, Images):
            taken[mirrored] = taken[mirrored][..., ::-1]
        if isinstance(self.space, Images):
            numbers = torch.from_numpy(taken.astype(np.float32))
            return numbers.mul_(self.space.cell).sub_(1.0)
        if isinstance(self.space, Labels):
            taken = taken.astype(np.int64, copy=False)
        return torch.from_numpy(taken)


@dataclass(frozen=True)
class Split(Sequence):
    """A finite sequence of items, each a dict of border-form tensors; `gather` takes many at once."""

    columns: Mapping[str, Column]
    rows: np.ndarray  # which rows of the columns: int64 (n,)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, i):
        if isinstance(i, slice):
            return Split(self.columns, self.rows[i])
        if not -len(self) <= i < len(self):
            raise IndexError(f"item {i} of a split of {len(self)}")
        return {name: value[0] for name, value in self.gather([i]).items()}

    def gather(self, indices: Iterable[int], fields: Iterable[str] | None = None) -> dict[str, Tensor]:
        """The items of `indices`, stacked: {field: (len(indices), *shape)}."""
        rows = self.rows[np.asarray(indices if isinstance(indices, np.ndarray) else list(indices), np.int64)]
        return {name: self.columns[name].gather(rows) for name in (self.columns if fields is None else fields)}


@dataclass(frozen=True)
class Unpaired:
    """A training split of two domains that have no item in common: `unpaired["a"]` is the split of the field `a`.

    It has no items with both fields, so nothing that trains on it can see which item of one domain belongs to which of
    the other: only the test split knows pairs. The sides may differ in length, and may be endless.
    """

    sides: Mapping[str, Split]  # by the name of the field that is modelled there

    def __getitem__(self, name: str) -> Split:
        if not isinstance(name, str) or name not in self.sides:
            sides = " and ".join(f"train[{side!r}]" for side in self.sides)
            raise UsageError(f"Unpaired data has no items of both domains; take {sides}, or load it with paired=True.")
        return self.sides[name]


@dataclass(frozen=True)
class Data:
    """A data set. `source` is what `load_data` was called with, so that a run can be resumed from its folder.

    The training split of a world may be endless: then it has no `len`, and makes items when they are asked for.
    """

    name: str
    fields: Mapping[str, Space]
    train: Split  # or `Unpaired`
    test: Split
    fingerprint: str  # hex; of the decoded content
    density: Density | None = None
    source: Mapping[str, Any] = field(default_factory=dict)
    notes: Mapping[str, Any] = field(default_factory=dict)  # what the loader found: problems, sizes, modes
    world: Any = None  # of a world: its `Simulator`, which renders any item anew

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}: {space}" for name, space in self.fields.items())
        return f"Data({self.name!r}, {how_many(self.train)} train, {len(self.test)} test, {fields})"

    def finite(self) -> Data:
        """The same with a finite training split: of an endless world, the items that training sees first."""
        if not is_endless(self.train):
            return self
        from daedal.data.load import load_data

        return load_data(**{**self.source, "endless": False})

    def with_side(self, x: str) -> Data:
        """The same with training items that have the field `x` alone where its domains are unpaired."""
        return replace(self, train=self.train[x]) if isinstance(self.train, Unpaired) else self


def check_loaded(data: Any, verb: str) -> None:
    """Raise UsageError for what is no data yet, such as the name of a source."""
    if not isinstance(data, Data):
        typed = repr(str(data)) if isinstance(data, (str, Path)) else "..."
        raise UsageError(f"'data' of {verb} must be what load_data returns; give load_data({typed}).")


def is_endless(split: Any) -> bool:
    """Whether a split makes its items when they are asked for, without end."""
    if isinstance(split, Unpaired):
        return any(is_endless(side) for side in split.sides.values())
    return not hasattr(split, "__len__")


def how_many(split: Any) -> str:
    """The number of items of a split, or 'endless'; of unpaired domains each, such as '450 a + 450 b'."""
    if isinstance(split, Unpaired):
        return " + ".join(f"{how_many(side)} {name}" for name, side in split.sides.items())
    return "endless" if is_endless(split) else str(len(split))


@dataclass(frozen=True)
class Found:
    """What a reader found: columns, the published split if there is one, the density if it is known."""

    name: str
    columns: Mapping[str, Column]
    split: tuple[np.ndarray, np.ndarray] | None = None
    density: Density | None = None
    notes: Mapping[str, Any] = field(default_factory=dict)


Loader = Callable[..., Data]

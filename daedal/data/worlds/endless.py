"""The training split of an endless world: items by position, rendered when they are asked for, and no end."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from daedal.data.base import Column, Split
from daedal.data.worlds.simulator import Simulator, check_indices
from daedal.errors import UsageError


@dataclass(frozen=True)
class EndlessSplit:
    """Gathers like a `Split`, and has no `len`. A slice is a `Split` of items that are rendered at once.

    Its items are those of the training split from `first` on, `step` apart, with the fields `names`.
    """

    simulator: Simulator
    names: tuple[str, ...] | None = None
    first: int = 0
    step: int = 1

    def __getitem__(self, i):
        if isinstance(i, slice):
            if i.stop is None or min(i.start or 0, i.stop, i.step or 1) < 0:
                raise UsageError("A slice of an endless split needs an end, and counts from its first item on.")
            return self._rendered(range(i.stop)[i])
        return {name: value[0] for name, value in self.gather([i]).items()}

    def gather(self, indices: Iterable[int], fields: Iterable[str] | None = None) -> dict[str, Tensor]:
        """The items of `indices`, stacked: {field: (len(indices), *shape)}."""
        asked = self.names if fields is None else tuple(fields)
        if self.names is not None and asked is not None and (other := set(asked) - set(self.names)):
            raise UsageError(f"Items of '{', '.join(self.names)}' have no field '{other.pop()}'.")
        return self.simulator.gather(self._index(indices), asked)

    def _rendered(self, positions: range) -> Split:
        values = self.simulator.values(self._index(positions))
        spaces = self.simulator.spaces
        columns = {name: Column(self.simulator.raw(name, values), spaces[name]) for name in self.names or spaces}
        return Split(columns, np.arange(len(positions)))

    def _index(self, positions: Iterable[int]) -> np.ndarray:
        return self.simulator.training_index(self.first + self.step * check_indices(positions))

"""Which items of a world train and which test: of each ten consecutive indices one is tested, which one by a hash.

So training item k and test item k are found without counting, in an endless world as in a finite one; an item stays on
its side whatever `n` is; and the two sides have no index in common. Items of different indices share nothing.

>>> world = Sides("portraits", seed=0)
>>> index = np.arange(30)
>>> np.array_equal(index[world.is_test(index)], world.test_index(np.arange(3)))
True
>>> np.array_equal(index[~world.is_test(index)], world.training_index(np.arange(27)))
True
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from daedal.data.splits import TEST_SHARE
from daedal.data.worlds.keyed import uniform


@dataclass(frozen=True)
class Sides:
    """The two sides of the world `name` with this seed. Indices and positions are int64 (n,), from 0 on."""

    name: str
    seed: int

    def is_test(self, index: np.ndarray) -> np.ndarray:
        """Whether each index is tested: bool (n,)."""
        ten, place = np.divmod(index, TEST_SHARE)
        return place == self._tested(ten)

    def test_index(self, position: np.ndarray) -> np.ndarray:
        """The indices of test items."""
        return position * TEST_SHARE + self._tested(position)

    def training_index(self, position: np.ndarray) -> np.ndarray:
        """The indices of training items."""
        ten, place = np.divmod(position, TEST_SHARE - 1)
        return ten * TEST_SHARE + place + (place >= self._tested(ten))

    def _tested(self, ten: np.ndarray) -> np.ndarray:
        """Which place of each ten is tested."""
        u = uniform(self.seed, f"{self.name} test", torch.from_numpy(np.asarray(ten, np.int64)))
        return (u[:, 0] * TEST_SHARE).to(torch.int64).numpy()

"""Units of vectors: learned in parts, as if all had been seen at once."""

import numpy as np
import pytest
import torch

from daedal.nn import scale
from daedal.nn.scale import Standardise
from daedal.spaces import Images, Vectors


class Items:
    """Vectors that remember how many were asked for at once."""

    def __init__(self, x):
        self.x, self.most = x, 0

    def __len__(self):
        return len(self.x)

    def gather(self, indices, fields=None):
        self.most = max(self.most, len(indices))
        return {"x": self.x[torch.as_tensor(list(indices))]}


@pytest.mark.parametrize("together", [3 * 7, 3 * 100, 1])
def test_mean_and_deviation_are_those_of_all_items_however_few_are_seen_at_once(together, monkeypatch):
    monkeypatch.setattr(scale, "TOGETHER", together)
    drawn = np.random.default_rng(0).normal(size=(50, 3)) * [1.0, 0.1, 0.0] + [1000.0, -3.0, 5.0]
    items = Items(torch.from_numpy(drawn))
    units = Standardise(Vectors(3)).double()
    units.fit(items, "x")
    assert items.most <= max(1, together // 3)
    np.testing.assert_allclose(units.mean.numpy(), drawn.mean(0), rtol=1e-12)
    np.testing.assert_allclose(units.scale.numpy()[:2], drawn.std(0)[:2], rtol=1e-10)
    assert units.scale[2] == 1  # a constant


def test_images_are_left_alone():
    units = Standardise(Images(1, 2, 2))
    x = torch.rand(2, 1, 2, 2)
    assert units(x) is x
    assert units.inverse(x) is x

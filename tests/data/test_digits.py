"""The digits are scikit-learn's, at 17 levels, split as published."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from daedal.data import load_data
from daedal.spaces import Images, Labels


def test_digits_are_scikit_learns():
    data = load_data("digits")
    reference = load_digits()
    order = np.random.default_rng(0).permutation(1797)
    for split, rows in ((data.train, order[:1297]), (data.test, order[1297:])):
        items = split.gather(range(len(split)))
        levels = data.fields["x"].to_levels(items["x"])
        assert (levels[:, 0].numpy() == reference.images[rows]).all()
        assert (items["label"].numpy() == reference.target[rows]).all()
    assert data.fields == {"x": Images(1, 8, 8, 17), "label": Labels(10)}


def test_border_form():
    item = load_data("digits").train[0]
    assert item["x"].dtype == torch.float32
    assert item["x"].shape == (1, 8, 8)
    assert -1 <= item["x"].min() < item["x"].max() <= 1
    assert item["label"].dtype == torch.int64


def test_digits_at_another_size_have_levels_enough():
    assert load_data("digits", size=8, n=20).fields["x"] == Images(1, 8, 8, 17)
    data = load_data("digits", size=16, channels=3, n=20)
    assert data.fields["x"] == Images(3, 16, 16, 256)
    x = data.train.gather(range(len(data.train)))["x"]
    assert (data.fields["x"].quantise(x) - x).abs().max() < 1e-6
    assert (x[:, 0] == x[:, 2]).all()
    assert len(data.train) + len(data.test) == 20


@pytest.mark.parametrize("size", [16, 32])
def test_enlarged_digits_are_those_of_pytorchs_bicubic(size):
    small, large = (load_data("digits", size=s).test.gather(range(500), ["x"])["x"].double() for s in (8, size))
    reference = torch.nn.functional.interpolate(small, size=(size, size), mode="bicubic", antialias=True).clamp(-1, 1)
    # Half a level of rounding before, at most 1.25 times larger by the weights of each axis, and half a level after.
    assert (large - reference).abs().max() < (0.5 * 1.25**2 + 0.5) * 2 / 255


@pytest.mark.parametrize("size", [16, 32])
def test_enlarging_adds_no_ringing_and_keeps_the_ink(size):
    small, large = (load_data("digits", size=s).test.gather(range(500), ["x"])["x"] for s in (8, size))
    near = torch.nn.functional.max_pool2d(small, 5, stride=1, padding=2)  # ink within two pixels
    assert (large[near.repeat_interleave(size // 8, 2).repeat_interleave(size // 8, 3) == -1] == -1).all()
    back = torch.nn.functional.avg_pool2d(large, size // 8)
    assert ((back - small).mean((1, 2, 3)).abs() < 2 / 16).all()  # the ink of an image: within one of 17 levels
    assert (back - small).abs().mean() < 2 / 16


def test_without_scikit_learns_file_its_loader_is_used(monkeypatch):
    from daedal.data import digits

    read = digits._table()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert (digits._table() == read).all()

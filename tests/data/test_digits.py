"""The digits are scikit-learn's, at 17 levels, split as published."""

import numpy as np
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


def test_digits_at_another_size_keep_their_levels():
    data = load_data("digits", size=16, channels=3, n=20)
    assert data.fields["x"] == Images(3, 16, 16, 17)
    x = data.train.gather(range(len(data.train)))["x"]
    assert (data.fields["x"].quantise(x) - x).abs().max() < 1e-6
    assert (x[:, 0] == x[:, 2]).all()
    assert len(data.train) + len(data.test) == 20


def test_without_scikit_learns_file_its_loader_is_used(monkeypatch):
    from daedal.data import digits

    read = digits._table()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert (digits._table() == read).all()

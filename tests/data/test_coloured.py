"""Coloured digits: the digits' own items and split, in colours that tell of the class what was asked."""

import numpy as np
import pytest
import torch

from daedal.data import load_data
from daedal.data.coloured import COLOURS, draw_colours
from daedal.spaces import Images, Labels


def factors(split):
    items = split.gather(range(len(split)), ["label", "colour"])
    return items["label"].numpy(), items["colour"].numpy()


def z_score(hits, chance):
    return (hits.mean() - chance) / np.sqrt(chance * (1 - chance) / hits.size)


@pytest.mark.parametrize("correlation", [0.0, 0.3, 0.9])
def test_colour_is_the_class_as_often_as_stated(correlation):
    label = np.arange(40_000) % 10
    colour = draw_colours(label, np.full(len(label), correlation), seed=3)
    assert abs(z_score(colour == label, correlation + (1 - correlation) / 10)) < 4
    for shift in range(1, 10):  # all the others alike
        assert abs(z_score(colour == (label + shift) % 10, (1 - correlation) / 10)) < 4


def test_each_split_has_its_own_correlation():
    data = load_data("colour-digits", correlation=0.7, test_correlation=0.2, seed=1)
    for split, correlation in ((data.train, 0.7), (data.test, 0.2)):
        label, colour = factors(split)
        assert abs(z_score(colour == label, correlation + (1 - correlation) / 10)) < 4


def test_full_correlation_ties_colour_to_class_and_the_test_split_stays_fair():
    data = load_data("colour-digits", correlation=1)
    label, colour = factors(data.train)
    assert (label == colour).all()
    label, colour = factors(data.test)
    assert abs(z_score(label == colour, 0.1)) < 4


def test_items_and_split_are_those_of_the_digits():
    data, digits = load_data("colour-digits", size=8), load_data("digits")
    assert data.fields == {
        "x": Images(3, 8, 8),
        "label": Labels(10),
        "colour": Labels(10, names=tuple(COLOURS)),
    }
    tones = torch.tensor(list(COLOURS.values()))
    for split, other in ((data.train, digits.train), (data.test, digits.test)):
        items, plain = split.gather(range(len(split))), other.gather(range(len(other)))
        assert (items["label"] == plain["label"]).all()
        ink = (plain["x"].double() + 1) / 2
        painted = ink * tones[items["colour"]][:, :, None, None]
        assert ((items["x"] + 1) * 127.5 - painted).abs().max() < 0.501  # levels are rounded


@pytest.mark.parametrize(("size", "side"), [(None, 16), (8, 8), (32, 32)])
def test_sizes(size, side):
    data = load_data("colour-digits", size=size, n=20)
    assert data.fields["x"] == Images(3, side, side)
    assert len(data.train) + len(data.test) == 20


def test_a_lower_correlation_only_frees_more_items():
    """So runs at two correlations differ in what was asked and in nothing else."""
    seen = {c: factors(load_data("colour-digits", correlation=c).train) for c in (0.4, 0.8)}
    label, loose = seen[0.4]
    _, tight = seen[0.8]
    assert ((tight == loose) | (tight == label)).all()
    assert (load_data("colour-digits", seed=1).fingerprint) != load_data("colour-digits", seed=2).fingerprint


def test_colours_are_told_apart_at_any_brightness():
    tones = torch.tensor(list(COLOURS.values())).double()
    directions = tones / tones.norm(dim=1, keepdim=True)
    angle = torch.rad2deg(torch.acos((directions @ directions.T).clamp(-1, 1)))
    assert angle[~torch.eye(10, dtype=bool)].min() > 14

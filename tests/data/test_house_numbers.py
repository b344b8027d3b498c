"""House numbers: the middle digit is the label, no digit is on both sides, and an item does not depend on its batch."""

import numpy as np
import pytest
import torch

from daedal.data import house_numbers, load_data, scenery
from daedal.data.base import Column
from daedal.data.digits import digits
from daedal.data.scenery import LUMA, RANGES
from daedal.errors import UsageError
from daedal.spaces import Images, Labels


def read(n, size=16, seed=0):
    """Images (train, test) as levels."""
    data = load_data("house-numbers", n=n, size=size, seed=seed)
    return data.train.gather(range(len(data.train)))["x"], data.test.gather(range(len(data.test)))["x"]


@pytest.fixture
def no_cache(tmp_path, monkeypatch):
    """A cache of its own, as these tests change what is rendered."""
    monkeypatch.setenv("DAEDAL_CACHE", str(tmp_path))


def test_fields_and_the_digits_split():
    data, plain = load_data("house-numbers", size=8, n=1976), load_data("digits")
    assert data.fields == {"x": Images(3, 8, 8), "label": Labels(10)}
    for split, other in ((data.train, plain.train), (data.test, plain.test)):
        label, wanted = (s.gather(range(len(s)))["label"] for s in (split, other))
        assert len(label) > len(wanted)
        assert (label == wanted.repeat(2)[: len(label)]).all()  # a copy of each digit, then another


def test_no_digit_of_the_test_split_is_seen_in_training_nor_the_reverse(monkeypatch, no_cache, tmp_path):
    columns, train, test = digits()
    as_they_are = read(120)
    for blank, side in ((test, 0), (train, 1)):
        levels = columns["x"].values.copy()
        levels[blank] = 0
        changed = columns | {"x": Column(levels, columns["x"].space)}
        monkeypatch.setattr(house_numbers, "digits", lambda changed=changed: (changed, train, test))
        monkeypatch.setenv("DAEDAL_CACHE", str(tmp_path / str(side)))
        found = read(120)
        assert (found[side] == as_they_are[side]).all()
        assert (found[1 - side] != as_they_are[1 - side]).any(dim=(1, 2, 3)).all()


def test_an_item_depends_on_no_other(monkeypatch, no_cache):
    many = read(400)
    monkeypatch.setattr(house_numbers, "CHUNK", 7)
    few = read(40)
    for small, large in zip(few, many, strict=True):
        assert (small == large[: len(small)]).all()
    assert (read(40, seed=1)[0] != few[0]).any(dim=(1, 2, 3)).all()


def test_copies_of_a_digit_differ():
    train, _ = read(1976, size=8)
    assert (train[: len(train) - 1297] != train[1297:]).any(dim=(1, 2, 3)).all()


def test_they_are_rendered_once(monkeypatch, no_cache):
    before = read(20)
    monkeypatch.setattr(house_numbers, "render", None)
    assert (read(20)[0] == before[0]).all()
    with pytest.raises(TypeError):
        read(21)


@pytest.mark.parametrize("size", [7, 129, "16x200"])
def test_sizes_out_of_reach(size):
    with pytest.raises(UsageError, match=r"'size' of house-numbers must be in \[8, 128\]"):
        load_data("house-numbers", size=size)


def constants(**values):
    """Draws in the middle of their ranges, but for these."""
    middle = {name: sum(ends) / 2 for name, ends in RANGES.items()} | values
    return {name: torch.full((1, 1, 1), float(value)) for name, value in middle.items()}


def plane(side=64):
    axis = (torch.arange(side) + 0.5) * 2 / side - 1
    return torch.meshgrid(axis, axis, indexing="xy")


@pytest.mark.parametrize("turn", [0.0, 0.3])
def test_the_middle_digit_is_where_it_was_put(turn):
    """A digit inked all over is a parallelogram: its area and centre are known."""
    d = constants(turn=turn, shear=0.2, left=0.1, top=-0.05, height=0.6, aspect=0.8, before=1, after=1, weight=0.5)
    x, y = plane(256)
    ink = scenery._ink(torch.full((1, 3, 8, 8), 16), *scenery._in_digit(x, y, d), d)
    area = 4 * 0.6**2 * 0.8
    assert ink.mean().item() == pytest.approx(area / 4, rel=0.05)
    assert (ink * x).sum().item() / ink.sum().item() == pytest.approx(0.1, abs=0.01)
    assert (ink * y).sum().item() / ink.sum().item() == pytest.approx(-0.05, abs=0.01)


def test_neighbours_stand_beside_it():
    d = constants(turn=0, shear=0, left=0, top=0, before=0, after=0, lift_before=0, lift_after=0)
    u, v = scenery._in_digit(*plane(), d)
    digit = torch.zeros(1, 3, 8, 8)
    inks = []
    for k in range(3):
        digit.zero_()[:, k] = 16
        inks.append(scenery._ink(digit, u, v, d)[0])
    inside = u[0].abs() < 0.7
    assert (inks[1][inside & (v[0].abs() < 0.7)] == 1).all()
    assert inks[0][inside & (u[0] > 0)].max() == inks[2][inside & (u[0] < 0)].max() == 0
    assert inks[0][:, 0].max() == inks[2][:, -1].max() == 1  # cut by the borders


def luma(tone):
    return (torch.tensor(LUMA).reshape(3, 1, 1) * tone).sum(1)


def test_a_tone_has_the_brightness_that_was_asked():
    bright = torch.linspace(0.05, 0.95, 50).reshape(-1, 1, 1)
    hue = torch.linspace(0, 6.28, 50).reshape(-1, 1, 1)
    tone = scenery._tone(bright, hue, torch.full((50, 1, 1), 0.25))
    assert torch.allclose(luma(tone), bright, atol=1e-6)
    assert 0 < tone.min() < tone.max() < 1
    assert (tone.amax(1) - tone.amin(1))[20:30].min() > 0.2
    assert torch.equal(scenery._tone(bright, hue, torch.full((50, 1, 1), -1.0)), bright[:, None].expand(50, 3, 1, 1))


def test_digits_stand_out_from_their_ground():
    torch.manual_seed(0)
    uniform = torch.rand(4000, house_numbers.UNIFORMS)
    d = scenery.Draws(uniform, *[torch.empty(0)] * 3).named()
    for ground in ("wall", "plate"):
        tone = scenery._tone(d[f"{ground}_luma"], d[f"{ground}_hue"], d[f"{ground}_chroma"])
        assert (luma(scenery._ink_tone(tone, d)) - luma(tone)).abs().min() > RANGES["contrast"][0] - 1e-5


def test_there_are_random_numbers_for_all_that_is_drawn():
    assert len(RANGES) <= house_numbers.UNIFORMS
    assert all(low < high for low, high in RANGES.values())
    assert np.isfinite(list(RANGES.values())).all()

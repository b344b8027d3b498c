"""Paintings: the same strokes however they are asked for, of few paints, along edges, and still of their picture."""

import pytest
import torch

from daedal.data.worlds import painting
from daedal.data.worlds.painting import CHROMA, HUES, PAINTS, TONE, TONES, WARMTH, painted
from daedal.data.worlds.portraits import Portraits
from daedal.data.worlds.render import render

SIZE = 48


@pytest.fixture(scope="module")
def pictures():
    world = Portraits()
    return render(world.scene(world.draw(torch.arange(9))), SIZE, shadows=False)["rgb"]


@pytest.fixture(scope="module")
def paintings(pictures):
    return painted(pictures, torch.arange(9))


def tone(rgb):
    return (rgb * torch.tensor(TONE)[:, None, None]).sum(1)


@pytest.mark.parametrize("rows", [[0], [8], [7, 2], list(range(8, -1, -1)), [4, 4, 4]])
def test_paintings_do_not_depend_on_their_batch(rows, pictures, paintings):
    assert torch.equal(painted(pictures[rows], torch.tensor(rows)), paintings[rows])


def test_paintings_do_not_depend_on_chunks_or_threads(pictures, paintings, monkeypatch):
    monkeypatch.setattr(painting, "PIXELS", 1)
    torch.set_num_threads(2)
    found = painted(pictures, torch.arange(9))
    torch.set_num_threads(1)
    assert torch.equal(found, paintings)


def test_another_key_is_another_hand(pictures, paintings):
    other = painted(pictures, torch.arange(9) + 100)
    assert ((other - paintings).abs() > 0.02).float().mean() > 0.3


def paints():
    """All of them: tones with red and blue beside them, red and blue warm; green is what gives the tone."""
    level = torch.arange(TONES, dtype=torch.float64) / (TONES - 1)
    hue = torch.linspace(-CHROMA, CHROMA, HUES, dtype=torch.float64)
    t, r, b = (part.flatten() for part in torch.meshgrid(level, hue + WARMTH[0], hue + WARMTH[1], indexing="ij"))
    green = (t - TONE[0] * (t + r) - TONE[2] * (t + b)) / TONE[1]
    return torch.stack([t + r, green, t + b], 1).clamp(0, 1)


def test_every_colour_is_a_paint(paintings):
    table = paints()
    assert len(table) == PAINTS
    colours = paintings.movedim(1, -1).reshape(-1, 3).unique(dim=0)
    assert torch.cdist(colours.double(), table).amin(1).max() < 1e-6


def test_a_picture_takes_few_paints(pictures, paintings):
    """At most an eighth of its pixels have colours of their own, of pictures that have at least four times as many."""
    for picture, found in zip(pictures, paintings, strict=True):
        before, after = (len(x.reshape(3, -1).t().unique(dim=0)) for x in (picture, found))
        assert after <= min(SIZE * SIZE / 8, before / 4)


def test_a_painting_is_of_its_picture_and_not_the_picture(pictures, paintings):
    """Tones correlate by at least 0.7, and by 0.85 on average; and they differ by at least 0.02 on average."""
    found = []
    for before, after in zip(tone(pictures), tone(paintings), strict=True):
        found.append(float(torch.corrcoef(torch.stack([before.flatten(), after.flatten()]))[0, 1]))
        assert (before - after).abs().mean() > 0.02
    assert min(found) > 0.7
    assert sum(found) / len(found) > 0.85


def test_paint_is_warm():
    """Grey becomes a warm grey: more red than green, more green than blue, on average."""
    red, green, blue = painted(torch.full((4, 3, SIZE, SIZE), 0.5), torch.arange(4)).mean((0, 2, 3))
    assert red - green > 0.03
    assert green - blue > 0.03


def test_strokes_go_along_edges():
    """A ramp of tones has strokes across it: what is painted beside it varies less along strokes than across them."""
    ramp = torch.linspace(0.2, 0.8, SIZE)
    for rgb, along in ((ramp[:, None].expand(4, 3, SIZE, SIZE), 2), (ramp.expand(4, 3, SIZE, SIZE), 1)):
        rest = tone(painted(rgb, torch.arange(4))) - tone(rgb)
        energy = [rest.diff(dim=dim).square().mean() for dim in (1, 2)]
        assert energy[2 - along] > 1.3 * energy[along - 1]


@pytest.mark.parametrize(("height", "width"), [(16, 16), (20, 33), (32, 32), (65, 40)])
def test_any_size_is_painted(height, width):
    rgb = torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(0))
    found = painted(rgb, torch.arange(2))
    assert found.shape == rgb.shape
    assert found.min() >= 0
    assert found.max() <= 1

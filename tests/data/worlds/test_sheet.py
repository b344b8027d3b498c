"""The contact sheet of a world: every factor has a row in which it alone changes, and nothing is cut."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import ImageFont

from daedal.data.base import Data
from daedal.data.grid import image_grid, show
from daedal.data.sheet import contact_sheet
from daedal.data.worlds.sheet import FAINT, INK, STEPS, caption, sweep, world_sheet
from daedal.data.worlds.simulator import Simulator
from daedal.data.worlds.world import Factor
from daedal.spaces import Images
from tests.data.worlds.blobs import Blobs

OF = Simulator(Blobs(), (8, 8))


@pytest.mark.parametrize("factor", Blobs.factors, ids=lambda factor: factor.name)
def test_a_sweep_changes_its_factor_alone(factor):
    values = sweep(OF, factor)
    n = len(factor.choices) or STEPS
    for other in Blobs.factors:
        value = values[other.name]
        assert len(value) == n
        assert bool((value == value[:1]).all()) == (other.name != factor.name)
    if factor.size == 1:
        ends = (0, n - 1) if factor.choices else (factor.low, factor.high)
        assert values[factor.name][[0, -1]].tolist() == pytest.approx(ends)


def test_a_world_says_what_factors_are_held_at(monkeypatch):
    monkeypatch.setattr(Blobs, "usual", {"hat": "tall", "saturation": 1})
    values = sweep(OF, Blobs().factor("width"))
    assert values["hat"].tolist() == [2] * STEPS
    assert values["saturation"].tolist() == [1] * STEPS


def test_tiles_are_the_sweeps_and_the_margins_are_free():
    sheet = world_sheet(OF, "blobs")
    pixels = np.asarray(sheet)
    for values in (sweep(OF, Blobs().factor("hat")), OF.values(OF.training_index([0, 15]))):
        for x in OF.items(values, ["x"])["x"]:
            assert contains(pixels, np.asarray(image_grid(x[None], scale=8, padding=0)))
    border = np.concatenate([pixels[:8].reshape(-1, 3), pixels[-8:].reshape(-1, 3), pixels[:, -8:].reshape(-1, 3)])
    assert (border == 255).all()


def contains(sheet, tile):
    """Whether the tile lies somewhere in the sheet."""
    first = np.argwhere((sheet == tile[0, 0]).all(2))
    height, width = tile.shape[:2]
    return any(np.array_equal(sheet[y : y + height, x : x + width], tile) for y, x in first)


def test_long_captions_are_not_covered_by_tiles(monkeypatch):
    long = Factor("a_name_of_a_factor_that_is_long", "what it means " * 12, -100, 100)
    monkeypatch.setattr(Blobs, "factors", (*Blobs.factors, long))
    pixels = np.asarray(world_sheet(OF, "a title that is longer than the sheet is wide " * 8))
    width = ImageFont.load_default(14).getlength(caption(long)[0])
    tiles = np.abs(pixels.astype(int) - pixels.mean(2, keepdims=True)).max(2) > 8  # captions are grey, tiles are not
    assert np.flatnonzero(tiles.any(0))[0] > 16 + width
    assert (pixels[:, -8:] == 255).all()
    assert INK != FAINT


def test_data_of_a_world_is_shown_as_its_sheet(tmp_path):
    data = Data("blobs", {"x": Images(3, 8, 8)}, range(20), range(2), "", world=replace(OF, frames=3))
    sheet = contact_sheet(data, tmp_path / "sheet.png")
    assert (tmp_path / "sheet.png").is_file()
    assert sheet.size == show(data).size
    assert torch.equal(*(torch.from_numpy(np.array(s)) for s in (sheet, show(data))))


def test_what_no_still_shows_has_no_row(monkeypatch):
    whole = world_sheet(OF, "blobs").height
    hidden = Factor("tempo", "of its dance", shown=False)
    monkeypatch.setattr(Blobs, "factors", (*Blobs.factors, hidden))
    assert world_sheet(OF, "blobs").height == whole
    monkeypatch.setattr(Blobs, "factors", (*Blobs.factors[:-1], replace(hidden, shown=True)))
    assert world_sheet(OF, "blobs").height > whole

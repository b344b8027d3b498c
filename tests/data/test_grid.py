"""Grids put each pixel where it belongs, at the size that is asked for."""

import numpy as np
import pytest
import torch

from daedal.data.base import Data
from daedal.data.grid import image_grid, show
from daedal.data.load import load_data


def test_pixels_lie_row_by_row_between_white_lines():
    x = torch.tensor([-1.0, 0.0, 1.0]).reshape(3, 1, 1, 1)
    grid = np.asarray(image_grid(x, columns=2, scale=2, padding=1))
    white = 255
    assert grid.tolist() == [
        [white] * 7,
        [white, 0, 0, white, 128, 128, white],
        [white, 0, 0, white, 128, 128, white],
        [white] * 7,
        [white, 255, 255, white, white, white, white],
        [white, 255, 255, white, white, white, white],
        [white] * 7,
    ]


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB"), (4, "RGBA")])
def test_modes_and_border_values(channels, mode):
    levels = torch.arange(channels * 4).reshape(1, channels, 2, 2) * 16
    picture = image_grid(levels / 127.5 - 1, scale=1, padding=0)
    assert picture.mode == mode
    expected = levels[0].movedim(0, 2).numpy()
    np.testing.assert_array_equal(np.asarray(picture).reshape(expected.shape), expected)


@pytest.mark.parametrize(("side", "scale"), [(8, 8), (28, 2), (32, 2), (64, 1), (256, 1)])
def test_tiny_images_are_enlarged(side, scale):
    assert image_grid(torch.zeros(1, 1, side, side), padding=0).size == (side * scale, side * scale)


def test_columns_default_to_a_square_and_clips_to_rows_of_frames():
    assert image_grid(torch.zeros(10, 1, 2, 2), scale=1, padding=0).size == (8, 6)
    assert image_grid(torch.zeros(2, 5, 1, 2, 2), scale=1, padding=0).size == (10, 4)


def test_other_channels_lie_side_by_side():
    x = torch.tensor([-1.0, 1.0]).reshape(1, 2, 1, 1)
    assert np.asarray(image_grid(x, scale=1, padding=0)).tolist() == [[0, 255]]


def test_values_that_are_no_colours():
    x = torch.tensor([-3.0, 3.0, float("nan")]).reshape(1, 1, 1, 3)
    assert np.asarray(image_grid(x, scale=1, padding=0)).tolist() == [[0, 255, 128]]


@pytest.mark.parametrize("shape", [(3,), (0, 1, 2, 2), (2, 2)])
def test_shapes_that_are_no_images(shape):
    with pytest.raises(ValueError, match="'x' must be images"):
        image_grid(torch.zeros(shape))
    with pytest.raises(ValueError, match="at least 1"):
        image_grid(torch.zeros(1, 1, 2, 2), columns=0)


def test_show_takes_what_there_is():
    assert show(torch.zeros(100, 1, 8, 8)).size == show(torch.zeros(64, 1, 8, 8)).size
    assert show(torch.zeros(1, 8, 8)).size == (66, 66)
    assert show(np.random.default_rng(0).normal(size=(9, 2))).mode == "RGB"
    assert show(torch.zeros(9, 1)).mode == "RGB"
    data = load_data("digits")
    assert isinstance(data, Data)
    assert show(data).mode == "RGB"
    with pytest.raises(ValueError, match="must be images"):
        show(torch.zeros(3))

"""Outputs drawn as colours: the flow wheel, the palette of classes, depth and normals."""

import colorsys
import math

import numpy as np
import pytest
import torch

from daedal.data.worlds.colours import depth_colours, flow_colours, normal_colours, palette, stencil_colours


def drawn(u, v, most=1.0):
    return flow_colours(torch.tensor([u, v], dtype=torch.float64).view(1, 2, 1, 1), most).flatten().tolist()


def test_rest_is_white_and_the_wheel_has_the_published_directions():
    assert drawn(0, 0) == [1, 1, 1]
    assert drawn(1, 0) == [1, 0, 0]  # to the right: red
    red_to_yellow = 55 * 0.25 / 15  # a quarter of 55 colours lies within the 15 from red to yellow
    assert drawn(0, 1) == pytest.approx([1, red_to_yellow, 0])  # down: nearly yellow
    green_to_cyan_to_blue = (27.5 - 25) / 11  # half of 55 lies among the 11 from cyan (at 25) to blue
    assert drawn(-1, 0) == pytest.approx([0, 1 - green_to_cyan_to_blue, 1])


def test_hue_follows_direction_and_saturation_length():
    angles = np.linspace(0.01, 2 * math.pi - 0.01, 200)
    hues = [colorsys.rgb_to_hsv(*drawn(math.cos(a), math.sin(a)))[0] for a in angles]
    assert (np.diff(hues) > 0).all()
    for length in (0.25, 0.5, 1.0):
        assert colorsys.rgb_to_hsv(*drawn(4 * length, 0, most=4))[1] == pytest.approx(length)
    assert drawn(9, 0) == [0.75, 0, 0]  # beyond the maximum: darker


def test_the_maximum_must_be_positive():
    with pytest.raises(ValueError, match="above 0"):
        flow_colours(torch.zeros(1, 2, 1, 1), 0)


def test_the_palette_is_pascals():
    assert palette(256)[:5].tolist() == [[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0], [0, 0, 128]]
    assert palette(256)[20].tolist() == [0, 64, 128]  # its last class, a television
    assert len(np.unique(palette(256), axis=0)) == 256
    assert stencil_colours(torch.tensor([[[20]]])).flatten().mul(255).tolist() == [0, 64, 128]


def test_depth_is_brighter_the_nearer_and_black_where_nothing_is():
    grey = depth_colours(torch.tensor([[[1.0, 2.0, 4.0, math.inf]]]))
    assert grey.shape == (1, 3, 1, 4)
    assert grey[0, 0, 0].tolist() == pytest.approx([1, 0.15 + 0.85 / 3, 0.15, 0])
    assert depth_colours(torch.full((1, 2, 2), math.inf)).abs().max() == 0


def test_normals_towards_the_viewer_are_bluish():
    assert normal_colours(torch.tensor([0.0, 0, 1]).view(1, 3, 1, 1)).flatten().tolist() == [0.5, 0.5, 1]

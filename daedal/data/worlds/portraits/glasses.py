"""Glasses of a portrait: rings of links, a bridge and temples."""

from __future__ import annotations

from math import cos, pi, sin

import torch
from torch import Tensor

from daedal.data.worlds.figure import Figure, row, vector
from daedal.data.worlds.portraits.anatomy import Anatomy
from daedal.data.worlds.portraits.head import GLASSES

SHAPES = ("none", "round", "square")
COLOUR = (0.006, 0.006, 0.008)
THICK = 0.0021
WRAP = 0.26  # how much the lenses fall back beside the nose
KNOTS = 8  # of a ring
ROUND = [(cos(2 * pi * (k + 0.5) / KNOTS), sin(2 * pi * (k + 0.5) / KNOTS)) for k in range(KNOTS + 1)]
SQUARE = [  # the same number
    (1.0, 0.30),
    (0.94, 0.86),
    (-0.94, 0.86),
    (-1.0, 0.30),
    (-0.96, -0.60),
    (-0.60, -0.86),
    (0.60, -0.86),
    (0.96, -0.60),
    (1.0, 0.30),
]


def add_glasses(figure: Figure, a: Anatomy, shape: Tensor) -> None:
    """Where `shape` is not 'none'."""
    square = (shape == SHAPES.index("square"))[:, None]
    look = {"colour": COLOUR, "stencil": GLASSES, "where": shape > 0, "gloss": 0.4, "shape": 4.0}
    lens_x, lens_y = torch.where(square, 0.0245, 0.0225), torch.where(square, 0.0205, 0.0225)
    z = torch.maximum(a.front(0.0, 0.010), a.eye_z + a.eye_radius * 1.1) + 0.006
    middle, sides = torch.maximum(a.eye_x, lens_x + 0.0050), row(z, -1, 1)

    def at(x: Tensor, y: Tensor | float) -> Tensor:
        return vector(x, a.eye_y + y, z - WRAP * (x.abs() - 0.010))

    knots = [torch.where(square, row(z, *(p[i] for p in SQUARE)), row(z, *(p[i] for p in ROUND))) for i in (0, 1)]
    for side in (-1, 1):
        figure.chain(at(side * (middle + lens_x * knots[0]), lens_y * knots[1] - 0.001), THICK, **look)
    inner, outer = sides * (middle - lens_x), sides * (middle + lens_x)
    figure.chain(at(inner, 0.005), THICK, **look)
    ear = vector(sides * (a.skull.half[..., 0] + 0.001), 0.006, -0.010)
    figure.link(at(outer, 0.006), ear, THICK, **{**look, "shape": 20.0})

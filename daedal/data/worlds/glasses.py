"""Glasses of a portrait: rings of links, a bridge and temples."""

from __future__ import annotations

from math import cos, pi, sin

import torch
from torch import Tensor

from daedal.data.worlds.anatomy import Anatomy
from daedal.data.worlds.figure import Figure, vector
from daedal.data.worlds.head import GLASSES

SHAPES = ("none", "round", "square")
COLOUR = (0.006, 0.006, 0.008)
THICK = 0.0021
KNOTS = 8  # of a ring
ROUND = [(cos(2 * pi * (k + 0.5) / KNOTS), sin(2 * pi * (k + 0.5) / KNOTS)) for k in range(KNOTS)]
SQUARE = [
    (1.0, 0.30),
    (0.94, 0.86),
    (-0.94, 0.86),
    (-1.0, 0.30),
    (-0.96, -0.60),
    (-0.60, -0.86),
    (0.60, -0.86),
    (0.96, -0.60),
]


def add_glasses(figure: Figure, a: Anatomy, shape: Tensor) -> None:
    """Where `shape` is not 'none'."""
    where, square = shape > 0, shape == SHAPES.index("square")
    lens_x, lens_y = torch.where(square, 0.0245, 0.0225), torch.where(square, 0.0205, 0.0225)
    z = torch.maximum(a.front(0.0, 0.010), a.eye_z + a.eye_radius * 1.1) + 0.006
    middle = torch.maximum(a.eye_x, lens_x + 0.0050)
    for side in (-1, 1):
        ring = []
        for (rx, ry), (sx, sy) in zip(ROUND, SQUARE, strict=True):
            x, y = (torch.where(square, s, r) for r, s in ((rx, sx), (ry, sy)))
            out = middle + lens_x * x * side * side
            ring.append(vector(side * out, a.eye_y - 0.001 + lens_y * y, z - 0.26 * (out - 0.010)))
        figure.chain([*ring, ring[0]], THICK, COLOUR, GLASSES, where=where, gloss=0.4)
        inner, outer = (middle + sign * lens_x for sign in (-1, 1))
        bridge = [vector(x, a.eye_y + 0.004, z - 0.26 * (inner - 0.010)) for x in (side * inner, 0 * inner)]
        figure.link(bridge[0], bridge[1] + vector(0 * inner, 0.002, 0.001), THICK, COLOUR, GLASSES, where=where)
        hinge = vector(side * outer, a.eye_y + 0.006, z - 0.26 * (outer - 0.010))
        ear = vector(side * (a.skull.half[:, 0] + 0.001), 0.006, -0.010)
        figure.link(hinge, ear, THICK, COLOUR, GLASSES, where=where)

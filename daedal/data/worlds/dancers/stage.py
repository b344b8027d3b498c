"""Where the dancers dance: a floor, a wall behind, a key light, and the camera."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from daedal.data.worlds.dancers.body import BACKDROP, FLOOR
from daedal.data.worlds.figure import vector
from daedal.data.worlds.scene import PLANE, Builder, Camera, Light

# name: wall, its second colour and folds a metre; floor, its second colour and boards a metre; as a screen shows them
STAGES = {
    "studio": ((0.62, 0.68, 0.74), (0.62, 0.68, 0.74), 0.0, (0.52, 0.54, 0.58), (0.52, 0.54, 0.58), 0.0),
    "theatre": ((0.50, 0.10, 0.13), (0.30, 0.05, 0.09), 2.3, (0.60, 0.42, 0.26), (0.50, 0.34, 0.20), 2.0),
    "club": ((0.36, 0.30, 0.58), (0.42, 0.36, 0.68), 0.9, (0.28, 0.25, 0.42), (0.62, 0.52, 0.82), 1.5),
    "gym": ((0.86, 0.82, 0.66), (0.86, 0.82, 0.66), 0.0, (0.80, 0.60, 0.34), (0.70, 0.50, 0.27), 3.2),
}
WALL = -1.6  # metres behind the dancer
NEAR, FAR = 4.0, 5.0  # metres to the camera
EYE, AIM, FOCAL = 1.30, 1.04, 3.68
DEGREE = 3.14159265 / 180


def add_stage(builder: Builder, values: Mapping[str, Tensor]) -> None:
    """The wall, and a floor of boards or, in the club, of squares."""
    names, chosen = list(STAGES), values["background"]
    wall, fold_colour, folds, floor, board_colour, boards = (_column(k, values) for k in range(6))
    zero, one = 0 * folds[:, 0], 1 + 0 * folds[:, 0]
    upright = torch.stack([vector(one, 0.0, 0.0), vector(zero, 0.0, 1.0), vector(zero, -1.0, 0.0)], 2)
    builder.add(
        PLANE, (0.0, 0.0, WALL), upright, colour=wall, second=fold_colour, texture="stripes",
        scale=(folds[:, 0], 0.0, 0.0), stencil=BACKDROP,
    )  # fmt: skip
    squares = chosen == names.index("club")
    same = {"colour": floor, "second": board_colour, "stencil": FLOOR}
    flat = (1.0, 1.0, 1.0)
    wide = boards[:, 0]
    builder.add(PLANE, (0.0, 0.0, 0.0), flat, texture="stripes", scale=(wide, 0.0, 0.0), where=~squares, **same)
    builder.add(PLANE, (0.0, 0.0, 0.0), flat, texture="checks", scale=(wide, 0.0, wide), where=squares, **same)


def _column(k: int, values: Mapping[str, Tensor]) -> Tensor:
    """The k-th measure of each one's stage (n, 1) or (n, 3), colours in linear light."""
    like = values["light"]
    parts = [stage[k] for stage in STAGES.values()]
    table = torch.tensor(parts, dtype=like.dtype, device=like.device).view(len(STAGES), -1)
    chosen = table[values["background"]]
    return chosen * chosen if chosen.shape[1] == 3 else chosen


def camera(values: Mapping[str, Tensor]) -> Camera:
    """Before the dancer, who at the least distance fills the picture's height."""
    zero = 0 * values["distance"]
    return Camera.looking(vector(zero, EYE, values["distance"]), vector(zero, AIM, 0.0), zero + FOCAL)


def light(values: Mapping[str, Tensor]) -> Light:
    """A key light from the side that `light` names, and a fill, both as strong as `brightness` says."""
    azimuth, strength = DEGREE * values["light"], values["brightness"][:, None]
    zero = 0 * azimuth
    none = torch.zeros(len(zero), 0, dtype=zero.dtype, device=zero.device)
    black = vector(zero, 0.0, 0.0)
    return Light(
        sun=vector(0.72 * azimuth.sin(), 0.69397406, 0.72 * azimuth.cos()),
        sun_colour=strength * vector(zero + 1.05, 0.99, 0.90), sun_width=zero,
        sky=strength * vector(zero + 0.36, 0.37, 0.40), ground=strength * vector(zero + 0.20, 0.19, 0.18),
        lamp=none[:, :, None].expand(-1, -1, 3), lamp_colour=none[:, :, None].expand(-1, -1, 3), lamp_reach=none,
        fog=zero, fog_colour=black, low=black, high=black, studio=zero + 1,
    )  # fmt: skip

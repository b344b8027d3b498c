"""Where the sun of the streets stands at an hour, in closed form.

The street leads west: west is -z, north +x, up +y. At an hour angle a = (hour - 6) / 12 pi the sun stands at

    (-sin(a) cos(60), sin(a) sin(60), cos(a)),

the path of an equinox at 30 degrees of latitude: it rises at 6 in the east, behind who drives, culminates at 12 at 60
degrees in the south, to the left, and sets at 18 in the west, at the street's end. The moon is full, opposite the sun.
"""

from __future__ import annotations

import torch
from torch import Tensor

from daedal.data.worlds.textures import step

HIGHEST = 3.14159265358979 / 3  # radians above the horizon, at 12
SINE, COSINE = 0.75**0.5, 0.5


def sun_at(hour: Tensor) -> Tensor:
    """Unit vectors (n, 3) towards the sun at hours (n,) from 0 to 24; below the horizon at night.

    >>> (sun_at(torch.tensor([6.0, 12.0])) * 1000).round().long().tolist()
    [[0, 0, 1000], [-500, 866, 0]]
    """
    angle = (hour - 6) * (3.14159265358979 / 12)
    high, east = angle.sin(), angle.cos()
    return torch.stack([-COSINE * high, SINE * high, east], 1)


def times(hour: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """How much of day, dusk and night (n,) an hour is: they sum to 1. Dawn is a dusk."""
    height = sun_at(hour)[:, 1]
    day, night = step(height, 0.0, 0.32), 1 - step(height, -0.24, -0.06)
    return day, 1 - day - night, night


def darkness(hour: Tensor) -> Tensor:
    """0 by day, 1 at night (n,): from 0.1 above the sun's sine of the horizon to 0.16 below, smoothly."""
    return 1 - step(sun_at(hour)[:, 1], -0.16, 0.1)

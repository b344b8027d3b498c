"""What wet ground mirrors: the sky, more so at a grazing angle (Schlick 1994), and lamps, drawn out towards the viewer.

Only what faces up is wet, and puddles vary over it by noise. The scene itself is not mirrored, which the roughness of a
street hides at the sizes of pictures here.
"""

from __future__ import annotations

import torch
from torch import Tensor

from daedal.data.worlds.scene import Light
from daedal.data.worlds.textures import noise, step
from daedal.data.worlds.vectors import Columns, add, columns, dot, scaled, unit

LEAST, MOST = 0.03, 0.75  # of the light that is mirrored: from above, and at a grazing angle
BRIGHT = 4.0  # of a lamp's mirror image, in its light
LEVEL = 0.85  # the cosine of the slope above which water runs off


def mirrored(light: Light, picture: Tensor, point: Columns, n: Columns, toward: Columns) -> Columns | None:
    """Light (m,) that wet ground adds at points with normals n, seen along `toward`; `picture` (m,) is whose."""
    assert light.weather is not None
    wet = light.weather.wet.index_select(0, picture)
    some = ((wet > 0) & (n[1] > LEVEL)).nonzero()[:, 0]
    if not len(some):
        return None
    of, x, up, ray = picture.index_select(0, some), _taken(point, some), _taken(n, some), unit(_taken(toward, some))
    share = wet.index_select(0, some) * (0.35 + 0.65 * step(noise(0.9 * x[0], 0 * x[1], 0.45 * x[2]), 0.3, 0.6))
    graze = (1 + dot(ray, up)).clamp(0, 1)
    share = share * (LEAST + (MOST - LEAST) * (graze * graze) * (graze * graze))
    rise = (ray[1] - 2 * dot(ray, up) * up[1]).clamp(min=0).sqrt()
    low, high = (columns(c.index_select(0, of)) for c in (light.low, light.high))
    found = _lamps(light, of, x, up, ray)
    result = tuple(torch.zeros_like(part) for part in point)
    for whole, a, b, c in zip(result, low, high, found, strict=True):
        whole.index_copy_(0, some, share * (a + rise * (b - a) + c))
    return result  # type: ignore[return-value]


def _lamps(light: Light, picture: Tensor, x: Columns, up: Columns, ray: Columns) -> Columns:
    """Highlights of the lamps, as bright as `lamp_colour` says."""
    total = [torch.zeros_like(x[0]) for _ in range(3)]
    for k in range(light.lamp.shape[1]):
        away = unit(add(columns(light.lamp[:, k].index_select(0, picture)), scaled(x, -1.0)))
        shine = dot(up, unit(add(away, scaled(ray, -1.0)))).clamp(min=0)
        for _ in range(7):  # to the power of 128
            shine = shine * shine
        for part, colour in zip(total, columns(light.lamp_colour[:, k].index_select(0, picture)), strict=True):
            part += BRIGHT * shine * colour
    return total[0], total[1], total[2]


def _taken(parts: Columns, some: Tensor) -> Columns:
    x, y, z = (part.index_select(0, some) for part in parts)
    return x, y, z

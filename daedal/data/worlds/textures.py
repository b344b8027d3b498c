"""Procedural textures: the colour of a surface at a point in its body's own coordinates.

Each maps points (columns) to a weight in [0, 1] of the second colour, or for windows also to a glow. Noise is value
noise on a lattice: a hash of integers, so the same everywhere; its lattice numbers wrap around after 2^31.

>>> weight = texture("checks", (torch.tensor([0.5, 1.5]), torch.tensor([0.5, 0.5]), torch.tensor([0.5, 0.5])))
>>> weight.tolist()
[0.0, 1.0]
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from daedal.data.worlds.vectors import Columns


def texture(name: str, p: Columns) -> Tensor:
    """The weight of the second colour at points whose coordinates are already multiplied by the texture's scale."""
    return _TEXTURES[name](*p)


def noise(x: Tensor, y: Tensor, z: Tensor) -> Tensor:
    """Smooth noise in [0, 1] with a lattice of unit cells."""
    cells, parts = zip(*((c, _fade(v - c)) for v, c in ((v, v.floor()) for v in (x, y, z))), strict=True)
    i, j, k = (c.to(torch.int64) for c in cells)
    result = torch.zeros_like(x)
    for dx in (0, 1):
        for dy in (0, 1):
            across = (parts[0] if dx else 1 - parts[0]) * (parts[1] if dy else 1 - parts[1])
            low, high = (hashed(i + dx, j + dy, k + dz) for dz in (0, 1))
            result = result + across * (low + parts[2] * (high - low))
    return result


def _fade(t: Tensor) -> Tensor:
    return t * t * (3 - 2 * t)


def hashed(i: Tensor, j: Tensor, k: Tensor) -> Tensor:
    """Numbers in [0, 1) of lattice points, as float32 has them exactly."""
    h = (i * 374761393 + j * 668265263 + k * 2147483647) & 0xFFFFFFFF
    h = ((h ^ (h >> 13)) * 1274126177) & 0xFFFFFFFF
    h = ((h ^ (h >> 16)) * 668265263) & 0xFFFFFFFF
    return (h >> 8).to(torch.float32) / (1 << 24)


def fraction(x: Tensor) -> Tensor:
    """x minus the whole number below it."""
    return x - x.floor()


def step(x: Tensor, low: float, high: float) -> Tensor:
    """0 below `low`, 1 above `high`, smooth between."""
    return _fade(((x - low) / (high - low)).clamp(0, 1))


def _plain(x: Tensor, y: Tensor, z: Tensor) -> Tensor:
    return torch.zeros_like(x)


def _noise(x: Tensor, y: Tensor, z: Tensor) -> Tensor:
    return 0.65 * noise(x, y, z) + 0.35 * noise(2 * x + 7, 2 * y + 3, 2 * z + 5)


def _stripes(x: Tensor, y: Tensor, z: Tensor) -> Tensor:
    return step((fraction(x + y + z) - 0.5).abs(), 0.22, 0.28)


def _checks(x: Tensor, y: Tensor, z: Tensor) -> Tensor:
    return fraction((x.floor() + y.floor() + z.floor()) / 2) * 2


def _windows(x: Tensor, y: Tensor, z: Tensor) -> Tensor:
    """Panes in the middle of each cell of x and y (z where a wall faces along x is added to x by its scale)."""
    inside = ((fraction(x + z) - 0.5).abs() < 0.28) & ((fraction(y) - 0.5).abs() < 0.3)
    return inside.to(x.dtype)


def _homes(x: Tensor, y: Tensor, z: Tensor) -> Tensor:
    """Windows of which some are lit: 1; the panes of the others are 0.9. Only what is 1 glows."""
    lit = hashed((x + z).floor().to(torch.int64), y.floor().to(torch.int64), torch.zeros_like(x, dtype=torch.int64))
    return _windows(x, y, z) * torch.where(lit < 0.5, 1.0, 0.9)


def _road(x: Tensor, y: Tensor, z: Tensor) -> Tensor:
    """A dashed line along z at x = 0 and whole lines at x = -1 and 1, on asphalt."""
    dashed = (x.abs() < 0.03) & (fraction(z) < 0.5)
    edge = (x.abs() - 1).abs() < 0.03
    return torch.where(dashed | edge, torch.ones_like(x), 0.12 * noise(x * 40, y, z * 40))


def _bark(x: Tensor, y: Tensor, z: Tensor) -> Tensor:
    return noise(x * 3, y, z * 3)


def _fabric(x: Tensor, y: Tensor, z: Tensor) -> Tensor:
    weave = (fraction(x) - 0.5).abs() + (fraction(y) - 0.5).abs()
    return 0.5 * weave + 0.5 * noise(x / 3, y / 3, z / 3)


def _strands(x: Tensor, y: Tensor, z: Tensor) -> Tensor:
    """Hair: fine lines along y that waver."""
    wave = noise(x / 2, y / 3, z / 2)
    return noise(x * 3 + 2 * wave, y / 2, z * 3 + 2 * wave)


_TEXTURES: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "plain": _plain,
    "noise": _noise,
    "stripes": _stripes,
    "checks": _checks,
    "windows": _windows,
    "road": _road,
    "bark": _bark,
    "fabric": _fabric,
    "strands": _strands,
    "homes": _homes,
}

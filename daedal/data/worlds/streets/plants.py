"""Trees along the pavements: with leaves in summer, bare in winter."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from daedal.data.worlds.scene import CAPSULE, CONE, ELLIPSOID, segment, srgb
from daedal.data.worlds.streets.site import TREE, TREES, Site, chosen, point, turned

SPACING = 15.0  # metres from place to place
AT = 5.7  # metres from the middle of the road
SLOTS = 16  # the most places on a side
BARK, BARK_TOO = srgb(0.34, 0.26, 0.20), srgb(0.22, 0.17, 0.14)
LEAVES = ((0.26, 0.46, 0.16), (0.34, 0.52, 0.18), (0.20, 0.40, 0.18), (0.42, 0.54, 0.20))
CROWN = ((0.0, 4.9, 0.0, 1.55), (-0.9, 3.9, 0.3, 1.25), (0.9, 4.0, -0.3, 1.3))  # x, y, z and radius
BRANCHES = (  # from x, y, z to x, y, z
    (0.0, 2.2, 0.0, 1.5, 4.6, 0.5), (0.0, 2.4, 0.0, -1.5, 4.9, -0.3), (0.0, 2.6, 0.0, 0.3, 6.3, -0.9),
    (0.0, 2.3, 0.0, -0.5, 5.6, 1.3), (-0.7, 3.6, -0.1, -0.9, 5.9, -1.0), (0.7, 3.3, 0.2, 1.0, 5.7, -0.4),
)  # fmt: skip


def add_trees(site: Site) -> None:
    """Each street has trees at most of the places, at some or at none."""
    share = 1.4 * site.draw("wood", 1, 1)[:, 0, 0] - 0.3
    slots = site.slots(SPACING)
    for side, first in ((-1, 9.0), (1, 7.5)):
        u = site.draw(f"trees {side}", slots, 6)
        for k in range(slots):
            z = -(first + SPACING * k + 6 * u[:, k, 0])
            where = (u[:, k, 1] < share) & site.near(z)
            _add_tree(site, side * AT, z, u[:, k], TREES + SLOTS * (side > 0) + k, where)


def _add_tree(site: Site, x: float, z: Tensor, u: Tensor, instance: int, where: Tensor) -> None:
    size, angle = 0.85 + 0.35 * u[:, 2], 6.2832 * u[:, 3]
    thing: dict[str, Any] = {"stencil": TREE, "instance": instance}
    bark: dict[str, Any] = {"texture": "bark", "second": BARK_TOO, "scale": (2, 2, 2), **thing}
    builder = site.builder
    builder.add(
        CONE, (x, 1.5 * size, z), (0.24 * size, 1.5 * size, 0.24 * size), shape=0.6, colour=BARK, where=where, **bark
    )
    leaves = chosen(LEAVES, u[:, 4])
    for px, py, pz, radius in CROWN:
        dx, dz = turned(px * size, pz * size, angle)
        builder.add(
            ELLIPSOID, (x + dx, py * size, z + dz), (radius * size,) * 3, colour=site.snowed(leaves * 1.25, 0.6),
            second=site.snowed(leaves * 0.4, 0.3), texture="noise", scale=(3, 3, 3), where=where & ~site.winter, **thing,
        )  # fmt: skip
    for k, (*start, px, py, pz) in enumerate(BRANCHES):
        ends = [_place(x, z, size, angle, *p) for p in (start, (px, py, pz))]
        origin, axes, shape = segment(ends[0], ends[1], (0.13 if k < 4 else 0.09) * size)
        builder.add(
            CAPSULE, origin, axes, shape=shape, colour=site.snowed(BARK, 0.5), where=where & site.winter, **thing
        )


def _place(x: float, z: Tensor, size: Tensor, angle: Tensor, px: float, py: float, pz: float) -> Tensor:
    dx, dz = turned(torch.full_like(z, px) * size, torch.full_like(z, pz) * size, angle)
    return point(z, x + dx, py * size, z + dz)

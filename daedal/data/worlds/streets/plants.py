"""Trees along the pavements: with leaves in summer, cut back to their boughs in winter."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from daedal.data.worlds.scene import CAPSULE, CONE, ELLIPSOID, NONE, Bodies, segment, srgb
from daedal.data.worlds.streets.site import TREE, TREES, Site, chosen, point, turned

SPACING = 15.0  # metres from place to place
FIRST, AT = 8.25, 5.7  # metres from the beginning, and from the middle of the road
BARK, BARK_TOO = srgb(0.34, 0.26, 0.20), srgb(0.22, 0.17, 0.14)
LEAVES = ((0.26, 0.46, 0.16), (0.34, 0.52, 0.18), (0.20, 0.40, 0.18), (0.42, 0.54, 0.20))
CROWN = ((0.0, 4.9, 0.0, 1.55), (-0.9, 3.9, 0.3, 1.25), (0.9, 4.0, -0.3, 1.3))  # x, y, z and radius
BOUGHS = (  # from x, y, z to x, y, z, and how thick: cut back each winter, as along streets
    (0.0, 2.2, 0.0, 1.25, 4.6, 0.4, 0.22), (0.0, 2.4, 0.0, -1.25, 4.7, -0.3, 0.22),
    (0.0, 2.6, 0.0, 0.1, 5.4, -0.5, 0.22), (1.25, 4.6, 0.4, 1.35, 4.9, 0.4, 0.60),
    (-1.25, 4.7, -0.3, -1.35, 5.0, -0.3, 0.60), (0.1, 5.4, -0.5, 0.1, 5.7, -0.5, 0.60),
)  # fmt: skip


def trees(site: Site) -> Bodies:
    """Each street has trees at most of the places, at some or at none."""
    share = 1.4 * site.draw("wood", 1)[:, 0] - 0.3
    site, share = site.many(2 * site.every(SPACING)), share.repeat_interleave(2 * site.every(SPACING))
    u, (k, side) = site.draw("trees", 5), site.pairs()
    x, z = side * AT, -(FIRST - 0.75 * side + SPACING * k + 6 * u[:, 0])
    where = (u[:, 1] < share) & site.near(z)
    thing: dict[str, Any] = {"stencil": TREE, "instance": TREES + site.slot}
    size = 0.85 + 0.35 * u[:, 2]
    site.builder.add(
        CONE, (x, 1.5 * size, z), (0.24 * size, 1.5 * size, 0.24 * size), shape=0.6, colour=BARK, second=BARK_TOO,
        texture="bark", scale=(2, 2, 2), where=where, **thing,
    )  # fmt: skip
    for limb in range(len(BOUGHS)):
        _add_limb(site, limb, (x, z, size, 6.2832 * u[:, 3]), chosen(LEAVES, u[:, 4]), where, thing)
    return site.bodies()


Root = tuple[Tensor, Tensor, Tensor, Tensor]  # x, z, size and turn of a tree


def _add_limb(site: Site, k: int, root: Root, leaves: Tensor, where: Tensor, thing: dict[str, Any]) -> None:
    """In winter a bough, in summer a ball of leaves: one body, of which each street shows one."""
    winter = site.winter[:, None].to(leaves.dtype)
    x0, y0, z0, x1, y1, z1, radius = BOUGHS[k]
    origin, axes, shape = segment(_place(root, x0, y0, z0), _place(root, x1, y1, z1), radius * root[2])
    colour = second = site.snowed(BARK, 0.5)
    kind = torch.full_like(site.index, CAPSULE)
    if k < len(CROWN):
        *middle, radius = CROWN[k]
        origin = mixed(_place(root, *middle), origin, winter)
        ball = torch.eye(3, dtype=axes.dtype, device=axes.device) * (radius * root[2])[:, None, None]
        axes = mixed(ball, axes, winter[..., None])
        colour = mixed(site.snowed(leaves * 1.25, 0.6), colour, winter)
        second = mixed(site.snowed(leaves * 0.4, 0.3), second, winter)
        kind = torch.where(site.winter, CAPSULE, ELLIPSOID)
    there = where if k < len(CROWN) else where & site.winter
    kind = torch.where(there, kind, NONE)
    site.builder.add(
        kind, origin, axes, shape=shape, colour=colour, second=second, texture="noise", scale=(3, 3, 3), **thing
    )  # fmt: skip


def mixed(summer: Tensor, winter: Tensor, share: Tensor) -> Tensor:
    """One or the other, as `share` is 0 or 1."""
    return torch.where(share > 0.5, winter, summer)


def _place(root: Root, px: float, py: float, pz: float) -> Tensor:
    x, z, size, angle = root
    dx, dz = turned(px * size, pz * size, angle)
    return point(z, x + dx, py * size, z + dz)

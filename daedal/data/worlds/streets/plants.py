"""Trees along the pavements: with leaves in summer, of bare twigs in winter."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from daedal.data.worlds.scene import CONE, ELLIPSOID, Bodies, srgb
from daedal.data.worlds.streets.site import TREE, TREES, Site, chosen, point, turned

SPACING = 15.0  # metres from place to place
FIRST, AT = 8.25, 5.7  # metres from the beginning, and from the middle of the road
BARK, BARK_TOO = srgb(0.34, 0.26, 0.20), srgb(0.22, 0.17, 0.14)
TWIG = srgb(0.46, 0.36, 0.28)
LEAVES = ((0.26, 0.46, 0.16), (0.34, 0.52, 0.18), (0.20, 0.40, 0.18), (0.42, 0.54, 0.20))
CROWN = ((0.0, 4.9, 0.0, 1.55), (-0.9, 3.9, 0.3, 1.25), (0.9, 4.0, -0.3, 1.3))  # x, y, z and radius
TWIGS = 0.85  # of a crown's radius, in winter


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
    for ball in CROWN:
        _add_ball(site, ball, (x, z, size, 6.2832 * u[:, 3]), chosen(LEAVES, u[:, 4]), where, thing)
    return site.bodies()


Root = tuple[Tensor, Tensor, Tensor, Tensor]  # x, z, size and turn of a tree


def _add_ball(
    site: Site, ball: tuple[float, ...], root: Root, leaves: Tensor, where: Tensor, thing: dict[str, Any]
) -> None:
    """Of leaves, or in winter of twigs, which from afar are a brown haze."""
    *middle, radius = ball
    bare = site.winter[:, None]
    size = radius * root[2] * torch.where(site.winter, TWIGS, 1.0)
    colour = torch.where(bare, site.snowed(TWIG, 0.5), site.snowed(leaves * 1.25, 0.6))
    second = torch.where(bare, site.snowed(BARK_TOO, 0.2), site.snowed(leaves * 0.4, 0.3))
    site.builder.add(
        ELLIPSOID, _place(root, *middle), (size, size, size), colour=colour, second=second, texture="noise",
        scale=(3, 3, 3), where=where, **thing,
    )  # fmt: skip


def _place(root: Root, px: float, py: float, pz: float) -> Tensor:
    x, z, size, angle = root
    dx, dz = turned(px * size, pz * size, angle)
    return point(z, x + dx, py * size, z + dz)

"""Trees along the pavements: with leaves in summer, bare in winter."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from daedal.data.worlds.scene import CAPSULE, CONE, ELLIPSOID, NONE, segment, srgb
from daedal.data.worlds.streets.site import TREE, TREES, Site, chosen, point, turned

SPACING = 15.0  # metres from place to place
AT = 5.7  # metres from the middle of the road
SLOTS = 16  # the most places on a side
BARK, BARK_TOO = srgb(0.34, 0.26, 0.20), srgb(0.22, 0.17, 0.14)
LEAVES = ((0.26, 0.46, 0.16), (0.34, 0.52, 0.18), (0.20, 0.40, 0.18), (0.42, 0.54, 0.20))
CROWN = ((0.0, 4.9, 0.0, 1.55), (-0.9, 3.9, 0.3, 1.25), (0.9, 4.0, -0.3, 1.3))  # x, y, z and radius
BRANCHES = (  # from x, y, z to x, y, z
    (0.0, 2.2, 0.0, 1.6, 5.2, 0.5), (0.0, 2.4, 0.0, -1.5, 5.4, -0.3), (0.0, 2.6, 0.0, 0.2, 6.4, -0.6),
    (-0.6, 3.6, -0.1, -0.3, 5.8, 1.0), (0.7, 3.5, 0.2, 1.0, 6.0, -0.8),
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
    for k in range(len(BRANCHES)):
        _add_limb(site, k, (torch.full_like(z, x), z, size, angle), chosen(LEAVES, u[:, 4]), where, thing)


Root = tuple[Tensor, Tensor, Tensor, Tensor]  # x, z, size and turn of a tree


def _add_limb(site: Site, k: int, root: Root, leaves: Tensor, where: Tensor, thing: dict[str, Any]) -> None:
    """In winter a branch, in summer a ball of leaves: one body, of which each street shows one."""
    winter = site.winter[:, None].to(leaves.dtype)
    origin, axes, shape = segment(_place(root, *BRANCHES[k][:3]), _place(root, *BRANCHES[k][3:]), 0.12 * root[2])
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

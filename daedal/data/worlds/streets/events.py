"""Emergencies: a tsunami that rolls up the street, and an aircraft that falls from the sky."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from daedal.data.worlds.scene import BOX, CAPSULE, CONE, ELLIPSOID, Bodies, srgb
from daedal.data.worlds.streets.site import AIRCRAFT, FALLING, SMOKE, TSUNAMI, WATER, Site, point
from daedal.data.worlds.vectors import apply, rotation

EVENTS = ("none", "tsunami", "falling aircraft")
SEA, SPRAY, FOAM = srgb(0.08, 0.34, 0.42), srgb(0.42, 0.68, 0.70), srgb(0.93, 0.97, 0.98)
HIGH, THICK, WIDE = 12.5, 5.0, 45.0  # metres of the wave
ROLLING, NEAREST = 5.0, 12.0  # metres a second, and metres before the camera at which the wave stays
HULL, TRIM, SOOT, FIRE = srgb(0.90, 0.91, 0.93), srgb(0.72, 0.12, 0.14), srgb(0.13, 0.12, 0.12), srgb(1.0, 0.55, 0.10)
SINKING, FLYING, ASIDE = 1.9, 8.0, 1.2  # metres a second down, away from us, and to the side that it faces


def tsunami(site: Site) -> Bodies:
    """A wall of water from side to side, marbled with foam, with a crest and a foot of foam."""
    u = site.draw("tsunami", 24).unflatten(1, (12, 2))
    z = wave_front(site)
    swell = 1 + 0.04 * (2.2 * site.time).sin()
    thing: dict[str, Any] = {"stencil": WATER, "instance": TSUNAMI, "where": site.values["event"] == 1}
    foam: dict[str, Any] = {"colour": FOAM, "second": SPRAY, "texture": "noise", "glow": site.lit(0.5, 0.03), **thing}
    add = site.builder.add
    add(
        CONE, point(z, 0, 0, z - THICK), _across(HIGH * swell, z * 0 + THICK), shape=1.0, colour=SEA, second=SPRAY,
        texture="noise", scale=(3, 26, 3), gloss=0.5, **thing,
    )  # fmt: skip
    add(
        CAPSULE, point(z, 0, 0.93 * HIGH * swell, z - THICK + 1.6), _across(1.0 + 0 * z, 1.9 + 0 * z), shape=1.0,
        scale=(2, 30, 2), **foam,
    )  # fmt: skip
    add(CAPSULE, point(z, 0, 0.4, z + 0.3), _across(1.3 + 0 * z, 2.0 + 0 * z), shape=1.0, scale=(2, 30, 2), **foam)
    for k in range(12):
        x = -11 + 2 * k + 1.2 * u[:, k, 0]
        top, size = k % 3 > 0, 0.8 + 1.4 * u[:, k, 1]
        place = (x, HIGH * swell * 0.95 + 0.3 * size, z - THICK + 2.4) if top else (x, 0.9, z + 0.8)
        add(ELLIPSOID, place, (size * 1.2, size, size), scale=(2, 2, 2), **foam)
    return site.bodies()


def wave_front(site: Site) -> Tensor:
    """z of the wave's foot, (n,): it comes nearer, and never over the camera."""
    start = -(24 + 8 * site.draw("tsunami start", 1)[:, 0])
    return torch.minimum(start + ROLLING * site.time, site.camera_z - NEAREST)


def _across(high: Tensor, thick: Tensor) -> Tensor:
    """Axes of a cylinder from side to side."""
    zero = torch.zeros_like(high)
    rows = (zero, zero + WIDE, zero, high, zero, zero, zero, zero, thick)
    return torch.stack(rows, -1).unflatten(-1, (3, 3))


def aircraft(site: Site) -> Bodies:
    """Nose down and banked, burning, with a trail of smoke behind and above it."""
    u = site.draw("aircraft", 4)
    side = 1 - 2 * (u[:, 0] < 0.5).to(u.dtype)  # the side that its nose points to
    turn = rotation(-side * (0.25 + 0.5 * u[:, 1]), 0.45 + 0 * side, -side * (0.42 + 0.16 * u[:, 2]))
    middle = aircraft_place(site, side, u[:, 3])
    where = site.values["event"] == 2
    plane: dict[str, Any] = {"stencil": AIRCRAFT, "instance": FALLING, "where": where}

    def put(kind: int, at: tuple[float, float, float], half: tuple[float, float, float], **more: Any) -> None:
        local = torch.stack([side * at[0], side * 0 + at[1], side * 0 + at[2]], 1)
        axes = turn * torch.tensor(half, dtype=u.dtype, device=u.device)
        site.builder.add(kind, middle + apply(turn, local), axes, **{**plane, **more})

    put(ELLIPSOID, (0, 0, 0), (8.5, 1.3, 1.3), colour=HULL, gloss=0.3)
    put(BOX, (0.4, -0.3, 0), (1.7, 0.16, 8.5), colour=HULL)  # wings
    put(BOX, (-7.2, 0.3, 0), (0.8, 0.10, 2.8), colour=HULL)
    put(BOX, (-7.4, 1.7, 0), (0.9, 1.6, 0.14), colour=TRIM)  # fin
    put(ELLIPSOID, (1.0, -0.9, 4.0), (1.2, 0.55, 0.55), colour=TRIM)  # engines
    put(ELLIPSOID, (1.0, -0.9, -4.0), (1.2, 0.55, 0.55), colour=TRIM)
    put(ELLIPSOID, (-2.0, -0.2, 4.0), (2.2, 0.8, 0.8), colour=FIRE, glow=1.6, stencil=SMOKE)
    for k in range(7):
        along, size = -4.5 - 2.6 * k, 0.9 + 0.36 * k
        put(
            ELLIPSOID, (along, 0.1 * k * k + 0.2, 3.6 - 0.5 * k), (size * 1.5, size, size), colour=SOOT,
            second=srgb(0.34, 0.32, 0.31), texture="noise", scale=(2, 2, 2), stencil=SMOKE,
        )  # fmt: skip
    return site.bodies()


def aircraft_place(site: Site, side: Tensor, u: Tensor) -> Tensor:
    """The middle of the aircraft, (n, 3)."""
    start = point(u, -1.5 + 4 * (u - 0.5), 17.0, -43.0)
    return start + site.time[:, None] * point(u, ASIDE * side, -SINKING, -FLYING)

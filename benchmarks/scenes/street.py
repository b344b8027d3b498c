"""A street of the size that the streets to come will have: 172 bodies of every kind, for the renderer's speed alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from daedal.data.worlds.keyed import uniform
from daedal.data.worlds.scene import BOX, CAPSULE, CONE, ELLIPSOID, PLANE, Builder, Camera, Light, Scene, srgb

Draw = Callable[[str], Tensor]  # a name to numbers (n,) in [0, 1)


def street(index: Tensor) -> Scene:
    """The streets of these indices, int64 (n,)."""
    n = len(index)
    builder = Builder(n)

    def draw(name: str) -> Tensor:
        return uniform(0, f"street {name}", index)[:, 0]

    _ground(builder)
    for side in (-1, 1):
        _houses(builder, draw, side)
        _trees_and_lamps(builder, draw, side)
    for k in range(8):
        _car(builder, draw, k)
        _person(builder, draw, k)
    across = draw("camera") - 0.5
    position = torch.stack([across, torch.full_like(across, 1.6), torch.zeros_like(across)], 1)
    camera = Camera.looking(position, builder.vector((0.0, 1.5, -20.0)), builder.number(1.6))
    return Scene(camera, _daylight(builder), builder.bodies(), builder.number(1.0))


def _ground(builder: Builder) -> None:
    grey, light = srgb(0.3, 0.3, 0.32), srgb(0.9, 0.9, 0.9)
    noisy: dict[str, Any] = {"texture": "noise", "second": srgb(0.35, 0.4, 0.3)}
    builder.add(PLANE, (0, 0, 0), (1, 1, 1), colour=srgb(0.45, 0.5, 0.4), scale=(0.5, 0.5, 0.5), stencil=1, **noisy)
    builder.add(
        BOX, (0, -0.05, -60), (4, 0.06, 70), colour=grey, second=light, texture="road", scale=(0.98, 1, 20), stencil=2
    )
    for x in (-5.5, 5.5):
        builder.add(
            BOX, (x, 0, -60), (1.5, 0.15, 70), colour=srgb(0.6, 0.6, 0.58), scale=(3, 3, 30), stencil=3, **noisy
        )


def _colour(draw: Draw, name: str) -> Tensor:
    return torch.stack([0.1 + 0.5 * draw(f"{part} of {name}") for part in ("red", "green", "blue")], 1)


def _houses(builder: Builder, draw: Draw, side: int) -> None:
    for k in range(8):
        high = 3 + 5 * draw(f"height {side} {k}")
        place = (side * (11 + 2 * draw(f"place {side} {k}")), high, -6.0 - 14 * k)
        windows: dict[str, Any] = {"texture": "windows", "second": srgb(0.3, 0.4, 0.5), "scale": (2, 3, 2)}
        builder.add(BOX, place, (4, high, 5.5), colour=_colour(draw, f"{side} {k}"), stencil=4, **windows)


def _trees_and_lamps(builder: Builder, draw: Draw, side: int) -> None:
    bark: dict[str, Any] = {"texture": "bark", "second": srgb(0.2, 0.15, 0.1), "colour": srgb(0.4, 0.3, 0.2)}
    leaves: dict[str, Any] = {
        "texture": "noise",
        "second": srgb(0.15, 0.3, 0.1),
        "colour": srgb(0.2, 0.45, 0.15),
        "scale": (4, 4, 4),
    }
    for k in range(6):
        z = -8.0 - 15 * k - 4 * draw(f"tree {side} {k}")
        builder.add(CONE, (side * 6.2, 1.2, z), (0.15, 1.2, 0.15), shape=0.7, stencil=5, **bark)
        for j in (-1, 0, 1):
            place = (side * 6.2 + j * 0.5, 2.8 + 0.4 * abs(j), z + 0.3 * j)
            builder.add(ELLIPSOID, place, (0.8, 0.8, 0.8), stencil=5, **leaves)
        builder.add(CAPSULE, (side * 4.6, 2, z + 5), (0.06, 0.06, 0.06), shape=33.0, colour=(0.1, 0.1, 0.1), stencil=6)
        builder.add(ELLIPSOID, (side * 4.4, 4, z + 5), (0.25, 0.1, 0.15), colour=srgb(1, 0.9, 0.6), glow=1.0, stencil=6)


def _car(builder: Builder, draw: Draw, k: int) -> None:
    x, z = (2.0 if k % 2 else -2.0), -7.0 - 10 * k - 5 * draw(f"car {k}")
    thing: dict[str, Any] = {"stencil": 7, "instance": 30 + k}
    builder.add(BOX, (x, 0.7, z), (0.9, 0.35, 2), colour=_colour(draw, f"car {k}"), gloss=0.5, **thing)
    builder.add(BOX, (x, 1.25, z), (0.8, 0.3, 1.1), colour=srgb(0.2, 0.25, 0.3), gloss=0.8, **thing)
    for dx in (-0.9, 0.9):
        for dz in (-1.2, 1.2):
            builder.add(ELLIPSOID, (x + dx, 0.35, z + dz), (0.12, 0.35, 0.35), colour=(0.01, 0.01, 0.01), **thing)


def _person(builder: Builder, draw: Draw, k: int) -> None:
    x = (5.2 if k % 2 else -5.2) + draw(f"aside {k}") * 0.5
    z = -5.0 - 7 * k - 5 * draw(f"person {k}")
    thing: dict[str, Any] = {"stencil": 8, "instance": 50 + k}
    builder.add(ELLIPSOID, (x, 1.65, z), (0.12, 0.15, 0.12), colour=srgb(0.8, 0.6, 0.5), **thing)
    builder.add(CAPSULE, (x, 1.15, z), (0.2, 0.2, 0.2), shape=1.3, colour=_colour(draw, f"person {k}"), **thing)
    for d in (-0.1, 0.1):
        builder.add(CAPSULE, (x + d, 0.4, z), (0.09, 0.09, 0.09), shape=4.0, colour=srgb(0.2, 0.2, 0.4), **thing)


def _daylight(builder: Builder) -> Light:
    n, v = builder.n, builder.vector
    empty = torch.zeros(n, 0, 3)
    return Light(
        sun=v((0.56980288, 0.68376346, 0.45584230)),
        sun_colour=v((0.9, 0.85, 0.8)),
        sun_width=builder.number(0.0),
        sky=v((0.3, 0.35, 0.45)),
        ground=v((0.15, 0.12, 0.1)),
        lamp=empty,
        lamp_colour=empty,
        lamp_reach=torch.zeros(n, 0),
        fog=builder.number(0.008),
        fog_colour=v((0.6, 0.65, 0.7)),
        low=v((0.7, 0.8, 0.9)),
        high=v((0.2, 0.4, 0.8)),
        studio=builder.number(0.0),
    )

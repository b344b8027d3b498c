"""Street lamps, traffic lights and the crossings before them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from daedal.data.worlds.scene import BOX, CONE, ELLIPSOID, srgb
from daedal.data.worlds.streets.site import LAMPS, LIGHT, MARK, POLE, SIGNALS, Site, point

LAMP_EVERY, LAMP_FIRST = 26.0, {-1: 11.0, 1: 15.0}  # metres
LAMP_AT, HEAD_AT, LAMP_HEIGHT = 4.7, 3.6, 5.6
NEAREST = 2  # lamps on each side that light things
SIGNAL_EVERY, SIGNAL_FIRST = 58.0, 9.0
SIGNAL_AT, SIGNAL_HEIGHT = 4.75, 3.15  # of the housing's middle
SIGNAL_SHARE = 0.5  # of streets
STEEL, HOUSING, LAMP_OFF = srgb(0.30, 0.31, 0.33), srgb(0.10, 0.11, 0.11), srgb(0.86, 0.84, 0.78)
RED, AMBER, GREEN = srgb(1.0, 0.16, 0.12), srgb(1.0, 0.70, 0.10), srgb(0.15, 1.0, 0.45)
PAINT = srgb(0.92, 0.92, 0.88)


def lamp_place(site: Site, side: int, k: Tensor | int) -> Tensor:
    """The head of the k-th lamp on a side, (n, 3)."""
    first = LAMP_FIRST[side] + 4 * site.draw(f"lamps {side}", 1, 1)[:, 0, 0]
    return point(first, side * HEAD_AT, LAMP_HEIGHT, -(first + LAMP_EVERY * k))


def lamps(site: Site) -> Tensor:
    """The heads (n, l, 3) of the next lamps ahead of the camera, for their light."""
    places = []
    for side in (-1, 1):
        passed = ((lamp_place(site, side, 0)[:, 2] - site.camera_z - 5) / LAMP_EVERY).ceil().clamp(min=0)
        places += [lamp_place(site, side, passed + k) for k in range(NEAREST)]
    return torch.stack(places, 1)


def add_lamps(site: Site) -> None:
    """A pole, an arm over the road and a head that is the light."""
    for side in (-1, 1):
        for k in range(-1, site.slots(LAMP_EVERY)):
            x, y, z = lamp_place(site, side, k).unbind(1)
            thing: dict[str, Any] = {"instance": LAMPS + 2 * (k + 1) + (side > 0), "where": site.near(z)}
            pole: dict[str, Any] = {"colour": STEEL, "stencil": POLE, **thing}
            site.builder.add(
                CONE, (side * LAMP_AT, LAMP_HEIGHT / 2, z), (0.11, LAMP_HEIGHT / 2, 0.11), shape=0.6, **pole
            )
            site.builder.add(BOX, (side * 4.2, LAMP_HEIGHT + 0.08, z), (0.55, 0.05, 0.05), **pole)
            glow = site.lit(0.0, 3.0)
            site.builder.add(
                ELLIPSOID, (x, y, z), (0.55, 0.15, 0.30), colour=LAMP_OFF, glow=glow, stencil=LIGHT, **thing
            )


def add_signals(site: Site) -> None:
    """On some streets, a crossing with a traffic light on each side, again and again."""
    u = site.draw("signals", 1, 3)[:, 0]
    for k in range(site.slots(SIGNAL_EVERY)):
        z = -(SIGNAL_FIRST + SIGNAL_EVERY * k + 4 * u[:, 1])
        where = (u[:, 0] < SIGNAL_SHARE) & site.near(z)
        for side in (-1, 1):
            _add_signal(site, side, z, (u[:, 2] * 3).floor(), SIGNALS + 2 * k + (side > 0), where)
        _add_crossing(site, z, where)


def _add_signal(site: Site, side: int, z: Tensor, state: Tensor, instance: int, where: Tensor) -> None:
    x, thing = side * SIGNAL_AT, {"instance": instance, "where": where}
    pole: dict[str, Any] = {"stencil": POLE, **thing}
    site.builder.add(CONE, (x, 1.2, z), (0.10, 1.2, 0.10), shape=1.0, colour=STEEL, **pole)
    site.builder.add(BOX, (x, SIGNAL_HEIGHT, z), (0.38, 0.98, 0.25), colour=HOUSING, **pole)
    for k, colour in enumerate((RED, AMBER, GREEN)):
        on = (state == k).to(z.dtype)
        site.builder.add(
            ELLIPSOID, (x, SIGNAL_HEIGHT + 0.62 * (1 - k), z + 0.25), (0.27, 0.27, 0.14), stencil=LIGHT,
            colour=site.builder.vector(colour) * (0.12 + 0.88 * on[:, None]), glow=1.6 * on, **thing,
        )  # fmt: skip


def _add_crossing(site: Site, z: Tensor, where: Tensor) -> None:
    mark: dict[str, Any] = {"colour": site.paved(PAINT, 0.5), "stencil": MARK, "instance": MARK, "where": where}
    for k in range(7):
        site.builder.add(BOX, (-3.3 + 1.1 * k, 0, z - 1.8), (0.28, 0.016, 1.4), **mark)
    site.builder.add(BOX, (1.9, 0, z + 0.6), (1.75, 0.016, 0.2), **mark)

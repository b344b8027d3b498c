"""Street lamps, traffic lights and the crossings before them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from daedal.data.worlds.keyed import uniform
from daedal.data.worlds.scene import BOX, CONE, ELLIPSOID, Bodies, srgb
from daedal.data.worlds.streets.site import LAMPS, LIGHT, MARK, POLE, SEEN_POSTS, SIGNALS, Site, point

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
    first = _first_lamp(site, side)
    return point(first, side * HEAD_AT, LAMP_HEIGHT, -(first + LAMP_EVERY * k))


def _first_lamp(site: Site, side: int) -> Tensor:
    return LAMP_FIRST[side] + 4 * uniform(0, f"streets lamps {side}", site.index)[:, 0].to(site.time.dtype)


def lamp_heads(site: Site) -> Tensor:
    """The heads (n, l, 3) of the next lamps ahead of the camera, for their light."""
    places = []
    for side in (-1, 1):
        passed = ((lamp_place(site, side, 0)[:, 2] - site.camera_z - 5) / LAMP_EVERY).ceil().clamp(min=0)
        places += [lamp_place(site, side, passed + k) for k in range(NEAREST)]
    return torch.stack(places, 1)


def lamps(site: Site) -> Bodies:
    """A pole, an arm over the road and a head that is the light."""
    site = site.many(2 * site.every(LAMP_EVERY, 1))
    k, side = site.pairs()
    first = torch.where(side < 0, _first_lamp(site, -1), _first_lamp(site, 1))
    z = -(first + LAMP_EVERY * (k - 1))
    thing: dict[str, Any] = {"instance": LAMPS + site.slot, "where": site.near(z, SEEN_POSTS)}
    pole: dict[str, Any] = {"colour": STEEL, "stencil": POLE, **thing}
    add = site.builder.add
    add(CONE, (side * LAMP_AT, LAMP_HEIGHT / 2, z), (0.20, LAMP_HEIGHT / 2, 0.20), shape=0.7, **pole)
    add(BOX, (side * 4.2, LAMP_HEIGHT + 0.08, z), (0.55, 0.10, 0.10), **pole)
    add(
        ELLIPSOID, (side * HEAD_AT, LAMP_HEIGHT, z), (0.55, 0.15, 0.30), colour=LAMP_OFF, glow=site.lit(0.0, 3.0),
        stencil=LIGHT, **thing,
    )  # fmt: skip
    return site.bodies()


def signals(site: Site) -> Bodies:
    """On some streets, again and again, a traffic light on each side."""
    z, where = _crossing(site)
    state = (uniform(0, "streets signal state", site.index)[:, 0] * 3).floor()
    site = site.many(2 * site.every(SIGNAL_EVERY))
    (k, side), state = site.pairs(), state.repeat_interleave(site.slots)
    z, where = z.repeat_interleave(site.slots) - SIGNAL_EVERY * k, where.repeat_interleave(site.slots)
    thing: dict[str, Any] = {"instance": SIGNALS + site.slot, "where": where & site.near(z, SEEN_POSTS)}
    x, add = side * SIGNAL_AT, site.builder.add
    add(CONE, (x, 1.2, z), (0.17, 1.2, 0.17), shape=1.0, colour=STEEL, stencil=POLE, **thing)
    add(BOX, (x, SIGNAL_HEIGHT, z), (0.38, 0.98, 0.25), colour=HOUSING, stencil=POLE, **thing)
    for lamp, colour in enumerate((RED, AMBER, GREEN)):
        on = (state == lamp).to(z.dtype)
        add(
            ELLIPSOID, (x, SIGNAL_HEIGHT + 0.62 * (1 - lamp), z + 0.25), (0.27, 0.27, 0.14), stencil=LIGHT,
            colour=site.builder.vector(colour) * (0.12 + 0.88 * on[:, None]), glow=1.6 * on, **thing,
        )  # fmt: skip
    return site.bodies()


def crossings(site: Site) -> Bodies:
    """A crossing behind each pair of traffic lights, and the line where one stops."""
    z, where = _crossing(site)
    site = site.many(site.every(SIGNAL_EVERY))
    z = z.repeat_interleave(site.slots) - SIGNAL_EVERY * site.slot.to(z.dtype)
    there = where.repeat_interleave(site.slots) & site.near(z)
    mark: dict[str, Any] = {"colour": site.paved(PAINT, 0.5), "stencil": MARK, "instance": MARK, "where": there}
    for k in range(7):
        site.builder.add(BOX, (-3.3 + 1.1 * k, 0, z - 1.8), (0.28, 0.016, 1.4), **mark)
    site.builder.add(BOX, (1.9, 0, z + 0.6), (1.75, 0.016, 0.2), **mark)
    return site.bodies()


def _crossing(site: Site) -> tuple[Tensor, Tensor]:
    """z of the first traffic lights, and whether there are any, (n,) each."""
    u = site.draw("crossings", 2)
    return -(SIGNAL_FIRST + 4 * u[:, 0]), u[:, 1] < SIGNAL_SHARE

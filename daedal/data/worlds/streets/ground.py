"""The road with its marks, kerbs and pavements, and the ground beyond."""

from __future__ import annotations

from typing import Any

from daedal.data.worlds.scene import BOX, PLANE, srgb
from daedal.data.worlds.streets.site import GROUND, KERB, KERB_AT, MARK, PAVEMENT, ROAD, Site

KERB_HEIGHT, KERB_WIDTH = 0.16, 0.30  # metres
FIRST, LAST = 40.0, -300.0  # z between which there is a road
DASH, DASHES = 3.0, 8.0  # metres of a dash, and from one to the next
PAINT = srgb(0.92, 0.92, 0.88)
ASPHALT, ASPHALT_TOO = srgb(0.33, 0.33, 0.36), srgb(0.41, 0.41, 0.43)
PAVED, PAVED_TOO, STONE = srgb(0.62, 0.58, 0.54), srgb(0.70, 0.66, 0.61), srgb(0.80, 0.79, 0.76)
GRASS, BARE = srgb(0.36, 0.47, 0.25), srgb(0.46, 0.43, 0.36)
LONG = (FIRST - LAST) / 2
MIDDLE = (FIRST + LAST) / 2


def add_ground(site: Site) -> None:
    """Everything that lies on the ground."""
    builder, gloss = site.builder, 0.5 * site.wet
    winter = site.winter[:, None].to(site.time.dtype)
    bare = builder.vector(GRASS) + winter * (builder.vector(BARE) - builder.vector(GRASS))
    builder.add(PLANE, (0, -0.02, 0), (1, 1, 1), colour=site.snowed(bare, 0.95), stencil=GROUND, instance=GROUND)
    road: dict[str, Any] = {"texture": "noise", "scale": (10, 1, 200), "second": site.paved(ASPHALT_TOO, 0.75)}
    builder.add(
        BOX, (0, -0.5, MIDDLE), (KERB_AT + 0.1, 0.5, LONG), colour=site.paved(ASPHALT, 0.6), gloss=gloss,
        stencil=ROAD, instance=ROAD, **road,
    )  # fmt: skip
    _add_sides(site)
    _add_marks(site)


def _add_sides(site: Site) -> None:
    paved: dict[str, Any] = {"texture": "checks", "second": site.paved(PAVED_TOO, 0.95), "scale": (2, 0, 130)}
    for side in (-1, 1):
        x = side * (KERB_AT + KERB_WIDTH / 2)
        site.builder.add(
            BOX, (x, 0, MIDDLE), (KERB_WIDTH / 2, KERB_HEIGHT, LONG), colour=site.paved(STONE, 0.8),
            stencil=KERB, instance=KERB,
        )  # fmt: skip
        x = side * (KERB_AT + KERB_WIDTH + 2.0)
        site.builder.add(
            BOX, (x, 0, MIDDLE), (2.0, KERB_HEIGHT - 0.01, LONG), colour=site.paved(PAVED, 0.9), gloss=0.4 * site.wet,
            stencil=PAVEMENT, instance=PAVEMENT, **paved,
        )  # fmt: skip


def _add_marks(site: Site) -> None:
    mark: dict[str, Any] = {"colour": site.paved(PAINT, 0.5), "stencil": MARK, "instance": MARK}
    for side in (-1, 1):
        site.builder.add(BOX, (side * 3.65, 0, MIDDLE), (0.08, 0.015, LONG), **mark)
    for k in range(-1, site.slots(DASHES)):
        z = site.time.new_full(site.time.shape, -DASHES * k)
        site.builder.add(BOX, (0, 0, z), (0.11, 0.015, DASH / 2), where=site.near(z), **mark)

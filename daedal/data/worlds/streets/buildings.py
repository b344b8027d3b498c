"""Rows of houses on both sides, of varied width, height and colour, and one across each end of the street."""

from __future__ import annotations

from typing import Any

from daedal.data.worlds.keyed import uniform
from daedal.data.worlds.scene import BOX, Bodies, srgb
from daedal.data.worlds.streets.site import BEHIND, BUILDING, BUILDINGS, WALL_AT, Site, chosen

PITCH, CELLS = 13.0, 18  # metres of a house along the street on average, and houses on each side
FIRST = 39.0  # z at which the rows begin
END = FIRST - PITCH * CELLS - 6  # z of the house across the end
DETAILED = 90.0  # metres ahead at which small parts begin to be
STOREY, DEEP = 3.1, 4.5  # metres: a storey, and half of how deep houses are
WALLS = (
    (0.66, 0.36, 0.28), (0.82, 0.72, 0.56), (0.88, 0.84, 0.76), (0.60, 0.60, 0.62), (0.76, 0.52, 0.40),
    (0.56, 0.42, 0.36), (0.62, 0.70, 0.72), (0.86, 0.66, 0.44), (0.70, 0.46, 0.44),
)  # fmt: skip
FRONTS = ((0.30, 0.22, 0.20), (0.20, 0.34, 0.32), (0.34, 0.36, 0.42), (0.50, 0.20, 0.18), (0.22, 0.28, 0.46))
GLASS, WARM = srgb(0.24, 0.32, 0.40), srgb(1.0, 0.80, 0.42)
LEDGE = srgb(0.80, 0.78, 0.74)


def ends(site: Site) -> Bodies:
    """The houses across both ends."""
    for z, instance in ((END - 5, BUILDINGS), (FIRST + 11, BUILDINGS + 1)):
        site.builder.add(
            BOX, (0, 0, z), (45, 5 * STOREY, 5), colour=srgb(0.62, 0.58, 0.54), scale=(30, 5, 4),
            stencil=BUILDING, instance=instance, **_panes(site),
        )  # fmt: skip
    return site.bodies()


def houses(site: Site) -> Bodies:
    """The rows. Houses are never absent, so that none appears at a distance; small parts of far ones are."""
    borders = uniform(0, "streets borders", site.index, 2 * CELLS + 2).to(site.time.dtype)
    site = site.many(2 * CELLS)
    u, (k, side) = site.draw("houses", 7), site.pairs()
    start = FIRST - PITCH * k - 5 * (borders[:, :-2].flatten() - 0.5)
    gap = (u[:, 0] < 0.3).to(u.dtype) * (1 + 2 * u[:, 1])
    end = FIRST - PITCH * (k + 1) - 5 * (borders[:, 2:].flatten() - 0.5) + gap
    half, z = (start - end) / 2, (start + end) / 2
    storeys = 2 + (u[:, 2] * u[:, 3] * 3 + u[:, 2]).floor()
    x, top = side * (WALL_AT + DEEP + 0.6 * u[:, 4]), storeys * STOREY
    across = (half / 2.4).floor().clamp(min=1)  # half the windows in a row: whole, so that none is cut
    detailed = (site.camera_z - start < DETAILED) & (site.camera_z - end > -BEHIND)
    thing: dict[str, Any] = {"stencil": BUILDING, "instance": BUILDINGS + 2 + site.slot}
    add = site.builder.add
    add(
        BOX, (x, 0, z), (DEEP, top, half), colour=chosen(WALLS, u[:, 5]), scale=(3, storeys, across),
        **_panes(site), **thing,
    )  # fmt: skip
    add(
        BOX, (x, 0, z), (DEEP + 0.12, 0.95 * STOREY, half - 0.05), colour=chosen(FRONTS, u[:, 6]),
        scale=(2, 0.9, across), where=detailed, **_panes(site), **thing,
    )  # fmt: skip
    ledge = site.snowed(LEDGE, 0.9)
    add(BOX, (x, top, z), (DEEP + 0.25, 0.2, half), colour=ledge, where=detailed, **thing)
    return site.bodies()


def _panes(site: Site) -> dict[str, Any]:
    """Windows: glass by day; at night some are lit."""
    glass = site.builder.vector(GLASS)
    second = glass + site.night[:, None] * (site.builder.vector(WARM) - glass)
    return {"texture": "homes", "second": second, "glow": 0.9 * site.night}

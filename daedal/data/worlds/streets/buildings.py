"""Rows of houses on both sides, of varied width, height and colour, and one across the street's end."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from daedal.data.worlds.scene import BOX, srgb
from daedal.data.worlds.streets.site import BUILDING, BUILDINGS, WALL_AT, Site, chosen

PITCH, CELLS = 13.0, 17  # metres of a house along the street on average, and houses on each side
FIRST = 26.0  # z at which the rows begin
END = FIRST - PITCH * CELLS - 6  # z of the house across the end
STOREY, DEEP = 3.1, 4.5  # metres: a storey, and half of how deep houses are
WALLS = (
    (0.66, 0.36, 0.28), (0.82, 0.72, 0.56), (0.88, 0.84, 0.76), (0.60, 0.60, 0.62), (0.76, 0.52, 0.40),
    (0.56, 0.42, 0.36), (0.62, 0.70, 0.72), (0.86, 0.66, 0.44), (0.70, 0.46, 0.44),
)  # fmt: skip
FRONTS = ((0.30, 0.22, 0.20), (0.20, 0.34, 0.32), (0.34, 0.36, 0.42), (0.50, 0.20, 0.18), (0.22, 0.28, 0.46))
GLASS, WARM = srgb(0.24, 0.32, 0.40), srgb(1.0, 0.80, 0.42)
LEDGE = srgb(0.80, 0.78, 0.74)


def add_buildings(site: Site) -> None:
    """All houses. They are never absent, so that none appears at a distance."""
    site.builder.add(
        BOX, (0, 0, END - 5), (45, 5 * STOREY, 5), colour=srgb(0.62, 0.58, 0.54), scale=(30, 5, 4),
        stencil=BUILDING, instance=BUILDINGS, **_panes(site),
    )  # fmt: skip
    for side in (-1, 1):
        u = site.draw(f"buildings {side}", CELLS + 1, 8)
        for k in range(CELLS):
            _add_house(site, side, k, u[:, k], FIRST - PITCH * k - 5 * (u[:, k, 0] - 0.5), u[:, k + 1, 0])


def _add_house(site: Site, side: int, k: int, u: Tensor, start: Tensor, after: Tensor) -> None:
    """A house from z = `start` to where the next one begins, or to a gap before that."""
    gap = (u[:, 1] < 0.3).to(u.dtype) * (1 + 2 * u[:, 2])
    end = FIRST - PITCH * (k + 1) - 5 * (after - 0.5) + gap
    half, z = (start - end) / 2, (start + end) / 2
    storeys = 2 + (u[:, 3] * u[:, 4] * 3 + u[:, 3]).floor()
    top, deep = storeys * STOREY, WALL_AT + DEEP + 0.6 * u[:, 5]
    across = (half / 2.4).floor().clamp(min=1)  # half the windows in a row: whole, so that none is cut
    thing: dict[str, Any] = {"stencil": BUILDING, "instance": BUILDINGS + 1 + 2 * k + (side > 0)}
    walls = chosen(WALLS, u[:, 6])
    site.builder.add(
        BOX, (side * deep, 0, z), (DEEP, top, half), colour=walls, scale=(3, storeys, across), **_panes(site), **thing
    )
    if FIRST - PITCH * k < -site.length:
        return
    site.builder.add(
        BOX, (side * deep, 0, z), (DEEP + 0.12, 0.95 * STOREY, half - 0.05), colour=chosen(FRONTS, u[:, 7]),
        scale=(2, 0.9, across), **_panes(site), **thing,
    )  # fmt: skip
    site.builder.add(
        BOX, (side * deep, top, z), (DEEP + 0.25, 0.2, half), colour=site.snowed(LEDGE, 0.9), **thing
    )  # fmt: skip


def _panes(site: Site) -> dict[str, Any]:
    """Windows: glass by day; at night some are lit."""
    glass = site.builder.vector(GLASS)
    second = glass + site.night[:, None] * (site.builder.vector(WARM) - glass)
    return {"texture": "homes", "second": second, "glow": 0.9 * site.night}

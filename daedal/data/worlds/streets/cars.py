"""Cars: on our lane ahead of us, on the other towards us, and parked half on the pavement."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from daedal.data.worlds.scene import BOX, CONE, Bodies, srgb
from daedal.data.worlds.streets.drive import LANE, LONGEST, SPEED
from daedal.data.worlds.streets.site import CAR, CARS, LIGHT, Site, chosen

PAINTS = (
    (0.80, 0.12, 0.10), (0.12, 0.26, 0.62), (0.90, 0.90, 0.90), (0.16, 0.17, 0.19), (0.66, 0.68, 0.70),
    (0.90, 0.72, 0.16), (0.14, 0.42, 0.34), (0.84, 0.42, 0.14),
)  # fmt: skip
GLASS, TYRE = srgb(0.13, 0.16, 0.20), srgb(0.07, 0.07, 0.08)
WHITE, RED = srgb(1.0, 0.97, 0.86), srgb(0.95, 0.10, 0.08)
# Places at the beginning: x, the least distance ahead, how much it varies, and the speed towards -z
PLACES = (
    (-LANE, 10.0, 4.0, -9.0), (LANE, 8.5, 3.5, 9.0), (LANE, 20.0, 5.0, 9.5), (-LANE, 22.0, 5.0, -9.0),
    (3.9, 15.0, 4.0, 0.0), (-3.9, 17.0, 4.0, 0.0), (-LANE, 35.0, 6.0, -9.0), (LANE, 34.0, 6.0, 10.0),
    (3.9, 27.0, 4.0, 0.0), (-LANE, 49.0, 6.0, -9.0),
)  # fmt: skip
COMING, PARKED = 18.0, 23.0  # metres between the cars that a clip meets later: those that come, and those parked
LATER = sorted(
    [(-LANE, 66 + COMING * k, 4.0, -9.0) for k in range(int((9 + SPEED) * LONGEST / COMING))]
    + [(3.9 * (1 - 2 * (k % 2)), 46 + PARKED * k, 6.0, 0.0) for k in range(int(SPEED * LONGEST / PARKED) + 1)],
    key=lambda place: place[1],  # so that stills have the first of them
)
LONG, WIDE = 2.1, 0.94  # half metres


def cars(site: Site) -> Bodies:
    """As many of the places are taken as `traffic` says; which, the street says."""
    places = [place for place in (*PLACES, *LATER) if place[1] < site.length]
    site = site.many(len(places))
    u, table = site.draw("cars", 4), site.table(places)
    x, speed = table[:, 0], table[:, 3]
    z = -(table[:, 1] + table[:, 2] * u[:, 0]) - speed * site.time
    where = (u[:, 3] < site.values["traffic"]) & site.near(z)
    _add_car(site, x, z, (x < 0).to(z.dtype), u, where)
    return site.bodies()


def _add_car(site: Site, x: Tensor, z: Tensor, facing: Tensor, u: Tensor, where: Tensor) -> None:
    """Cars of which we see the front (`facing` is 1) or the rear (0); what we see has its lights at z + LONG."""
    paint, van = chosen(PAINTS, u[:, 1]), (u[:, 2] < 0.22).to(z.dtype)
    thing: dict[str, Any] = {"instance": CARS + site.slot, "where": where}
    part: dict[str, Any] = {"stencil": CAR, **thing}
    rise, cabin = 0.30 + 0.22 * van, 1.08 + 0.72 * van
    middle = z + (0.2 - 0.45 * facing) * (1 - van)
    add = site.builder.add
    add(BOX, (x, 0.66, z), (WIDE, 0.34, LONG), colour=site.snowed(paint, 0.35), gloss=0.5, **part)
    add(BOX, (x, 1.0 + rise, middle), (WIDE - 0.10, rise, cabin), colour=GLASS, gloss=0.7, **part)
    roof = (WIDE - 0.12, 0.06, cabin - 0.1)
    add(BOX, (x, 1.04 + 2 * rise, middle), roof, colour=site.snowed(paint, 0.95), gloss=0.3, **part)
    for end in (-1, 1):
        add(CONE, (x, 0.36, z + 1.3 * end), _axle(site), shape=1.0, colour=TYRE, **part)
    white, red = site.builder.vector(WHITE), site.builder.vector(RED)
    colour = red + facing[:, None] * (white - red)
    glow = site.lit(0.35, 1.3) + facing * (site.lit(0.25, 2.5) - site.lit(0.35, 1.3))
    for side in (-1, 1):
        place = (x + side * (WIDE - 0.24), 0.78, z + LONG)
        add(BOX, place, (0.21, 0.14, 0.05), colour=colour, glow=glow, stencil=LIGHT, **thing)


def _axle(site: Site) -> Tensor:
    """Axes of a pair of wheels: a cylinder across the car."""
    rows = site.time.new_tensor([[0.0, WIDE + 0.03, 0.0], [0.36, 0.0, 0.0], [0.0, 0.0, 0.36]])
    return rows.expand(len(site.time), 3, 3)

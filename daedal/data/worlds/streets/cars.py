"""Cars: on our lane ahead of us, on the other towards us, and parked half on the pavement."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from daedal.data.worlds.scene import BOX, CONE, srgb
from daedal.data.worlds.streets.drive import LANE, LONGEST, SPEED
from daedal.data.worlds.streets.site import CAR, CARS, LIGHT, SEEN, Site, chosen, point

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
COMING = 18.0  # metres between the cars that come later in a clip
PARKED = 23.0  # and between those that are parked along the way
LONG, WIDE = 2.1, 0.94  # half metres


def add_cars(site: Site) -> None:
    """As many of the places are taken as `traffic` says; which, the street says."""
    places = PLACES + later(site)
    u = site.draw("cars", len(places), 4)
    for k, (x, least, more, speed) in enumerate(places):
        z = -(least + more * u[:, k, 0]) - speed * site.time
        where = (u[:, k, 3] < site.values["traffic"]) & site.near(z)
        _add_car(site, x, z, speed < 0 or x < 0, u[:, k], CARS + k, where)


def later(site: Site) -> tuple[tuple[float, float, float, float], ...]:
    """The places of clips: what is still far away at the beginning."""
    if site.length <= SEEN:
        return ()
    coming = int((9 + SPEED) * LONGEST / COMING)
    parked = int(SPEED * LONGEST / PARKED) + 1
    return (
        *((-LANE, 66 + COMING * k, 4.0, -9.0) for k in range(coming)),
        *((3.9 * (1 - 2 * (k % 2)), 46 + PARKED * k, 6.0, 0.0) for k in range(parked)),
    )


def _add_car(site: Site, x: float, z: Tensor, facing: bool, u: Tensor, instance: int, where: Tensor) -> None:
    """A car of which we see the front (`facing`) or the rear; both ends that we see have their lights at z + LONG."""
    paint, van = chosen(PAINTS, u[:, 1]), (u[:, 2] < 0.22).to(z.dtype)
    thing: dict[str, Any] = {"stencil": CAR, "instance": instance, "where": where}
    rise, shift = 0.30 + 0.22 * van, (-0.25 if facing else 0.2) * (1 - van)
    add = site.builder.add
    add(BOX, (x, 0.66, z), (WIDE, 0.34, LONG), colour=site.snowed(paint, 0.35), gloss=0.5, **thing)
    cabin = 1.08 + 0.72 * van
    add(BOX, (x, 1.0 + rise, z + shift), (WIDE - 0.10, rise, cabin), colour=GLASS, gloss=0.7, **thing)
    add(
        BOX, (x, 1.04 + 2 * rise, z + shift), (WIDE - 0.12, 0.06, cabin - 0.1), colour=site.snowed(paint, 0.95),
        gloss=0.3, **thing,
    )  # fmt: skip
    for end in (-1, 1):
        add(CONE, point(z, x, 0.36, z + 1.3 * end), _axle(site), shape=1.0, colour=TYRE, **thing)
    colour, glow = (WHITE, site.lit(0.25, 2.5)) if facing else (RED, site.lit(0.35, 1.3))
    for side in (-1, 1):
        add(
            BOX, (x + side * (WIDE - 0.24), 0.78, z + LONG), (0.21, 0.14, 0.05), colour=colour, glow=glow,
            stencil=LIGHT, instance=instance, where=where,
        )  # fmt: skip


def _axle(site: Site) -> Tensor:
    """Axes of a pair of wheels: a cylinder across the car."""
    rows = site.time.new_tensor([[0.0, WIDE + 0.03, 0.0], [0.36, 0.0, 0.0], [0.0, 0.0, 0.36]])
    return rows.expand(len(site.time), 3, 3)

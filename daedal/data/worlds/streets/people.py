"""People who walk along the pavements: a little larger than life, and near, so that a small picture shows them."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from daedal.data.worlds.scene import CAPSULE, ELLIPSOID, Bodies, segment
from daedal.data.worlds.streets.ground import KERB_HEIGHT
from daedal.data.worlds.streets.site import PEOPLE, PERSON, SEEN_PEOPLE, Site, chosen, point

SIZE = 1.22  # times life
# Places at the beginning: x, how much it varies, the least distance ahead, how much that varies
PLACES = (
    (4.8, 0.4, 6.3, 1.2), (-4.6, -0.4, 11.0, 1.5), (5.4, 0.8, 8.6, 1.4), (-4.6, -0.8, 13.2, 1.6),
    (5.1, 0.6, 11.4, 1.6), (-5.1, -0.8, 15.5, 2.0), (5.1, 0.7, 15.0, 3.0), (-5.1, -0.7, 20.0, 4.0),
)  # fmt: skip
LATER = tuple((5.1 - 10.2 * (k % 2), 0.7 - 1.4 * (k % 2), 26.0 + 10 * k, 4.0) for k in range(13))  # met in clips
COATS = (
    (0.82, 0.14, 0.14), (0.94, 0.76, 0.12), (0.14, 0.36, 0.78), (0.92, 0.92, 0.94), (0.16, 0.56, 0.36),
    (0.90, 0.45, 0.12), (0.80, 0.30, 0.56), (0.14, 0.15, 0.18),
)  # fmt: skip
TROUSERS = ((0.12, 0.14, 0.22), (0.10, 0.10, 0.11), (0.28, 0.22, 0.18), (0.20, 0.28, 0.42))
SKINS = ((0.94, 0.76, 0.64), (0.78, 0.56, 0.42), (0.46, 0.30, 0.22))
HAIRS = ((0.10, 0.08, 0.08), (0.36, 0.22, 0.12), (0.80, 0.64, 0.34), (0.60, 0.60, 0.60))
WALK, STRIDE = 1.25, 1.5  # metres a second, and of two steps


def people(site: Site) -> Bodies:
    """As many of the places are taken as `people` says; which, the street says."""
    places = [place for place in PLACES + LATER if place[2] < site.length]
    site = site.many(len(places))
    u, table = site.draw("people", 9), site.table(places)
    way = 1 - 2 * (u[:, 2] < 0.5).to(u.dtype)
    z = -(table[:, 2] + table[:, 3] * u[:, 1]) + way * WALK * site.time
    where = (u[:, 3] < site.values["people"]) & site.near(z, SEEN_PEOPLE)
    _add_person(site, table[:, 0] + table[:, 1] * u[:, 0], z, way, u, where)
    return site.bodies()


def _add_person(site: Site, x: Tensor, z: Tensor, way: Tensor, u: Tensor, where: Tensor) -> None:
    size = SIZE * (0.92 + 0.12 * u[:, 4])
    thing: dict[str, Any] = {"stencil": PERSON, "instance": PEOPLE + site.slot, "where": where}
    coat, legs, skin = chosen(COATS, u[:, 5]), chosen(TROUSERS, u[:, 6]), chosen(SKINS, u[:, 7])
    swing = 0.42 * (6.2832 * (u[:, 8] + WALK * site.time / STRIDE)).sin()
    floor = KERB_HEIGHT - 0.01

    def place(right: float, up: float, ahead: Tensor | float) -> Tensor:
        return point(z, x + right * size, floor + up * size, z + way * ahead * size)

    def limb(start: Tensor, end: Tensor, radius: float, colour: Tensor) -> None:
        origin, axes, shape = segment(start, end, radius * size)
        site.builder.add(CAPSULE, origin, axes, shape=shape, colour=colour, **thing)

    for side in (-1, 1):
        reach = side * swing
        limb(place(0.10 * side, 0.88, 0.0), place(0.11 * side, 0.08, 0.85 * reach), 0.10, legs)
        limb(place(0.25 * side, 1.36, 0.0), place(0.29 * side, 0.88, -0.55 * reach), 0.075, coat * 0.85)
    add = site.builder.add
    add(ELLIPSOID, place(0.0, 1.16, 0.0), _sizes(size, 0.235, 0.40, 0.16), colour=coat, **thing)
    add(ELLIPSOID, place(0.0, 1.68, 0.0), _sizes(size, 0.13, 0.17, 0.14), colour=skin, **thing)
    hair = chosen(HAIRS, u[:, 0])
    add(ELLIPSOID, place(0.0, 1.75, -0.03), _sizes(size, 0.135, 0.13, 0.145), colour=hair, **thing)


def _sizes(size: Tensor, x: float, y: float, z: float) -> tuple[Tensor, Tensor, Tensor]:
    return x * size, y * size, z * size

"""The road with its marks, kerbs and pavements, and the ground beyond."""

from __future__ import annotations

from daedal.data.worlds.scene import BOX, PLANE, Bodies, srgb
from daedal.data.worlds.streets.site import KERB, KERB_AT, MARK, PAVEMENT, ROAD, Site

KERB_HEIGHT, KERB_WIDTH = 0.16, 0.30  # metres
DASH, DASHES = 3.0, 8.0  # metres of a dash, and from one to the next
PAINT = srgb(0.92, 0.92, 0.88)
ASPHALT, ASPHALT_TOO = srgb(0.33, 0.33, 0.36), srgb(0.41, 0.41, 0.43)
PAVED, PAVED_TOO, STONE = srgb(0.62, 0.58, 0.54), srgb(0.70, 0.66, 0.61), srgb(0.80, 0.79, 0.76)
GRASS, BARE = srgb(0.36, 0.47, 0.25), srgb(0.46, 0.43, 0.36)
LINE_AT, LINE_WIDTH = 3.6, 0.28


def ground(site: Site) -> Bodies:
    """Everything that lies on the ground. Planes without end, which are cheap and cast no shadows."""
    site.builder.add(
        PLANE, (0, 0, 0), (1, 1, 1), colour=site.paved(ASPHALT, 0.6), second=site.paved(ASPHALT_TOO, 0.75),
        texture="noise", scale=(2.5, 1, 0.7), gloss=0.5 * site.wet, stencil=ROAD, instance=ROAD,
    )  # fmt: skip
    for side in (-1, 1):
        _add_kerb(site, side)
        site.builder.add(
            PLANE, (0, KERB_HEIGHT, 0), (1, 1, 1), clips=[(-side, 0, 0, -KERB_AT - KERB_WIDTH)], texture="checks",
            colour=site.paved(PAVED, 0.9), second=site.paved(PAVED_TOO, 0.95), scale=(1.0, 0, 0.8),
            gloss=0.4 * site.wet, stencil=PAVEMENT, instance=PAVEMENT,
        )  # fmt: skip
        _add_line(site, side)
    return site.bodies()


def _add_kerb(site: Site, side: int) -> None:
    """A strip that rises from the road to the pavement."""
    half = (KERB_WIDTH * KERB_WIDTH + KERB_HEIGHT * KERB_HEIGHT) ** 0.5 / 2
    x, y = side * KERB_WIDTH / 2 / half, KERB_HEIGHT / 2 / half
    rows = site.time.new_tensor([[x, -y, 0.0], [y, x, 0.0], [0.0, 0.0, 1.0]])
    site.builder.add(
        PLANE, (side * (KERB_AT + KERB_WIDTH / 2), KERB_HEIGHT / 2, 0), rows.expand(len(site.time), 3, 3),
        clips=[(1, 0, 0, half), (-1, 0, 0, half)], colour=site.paved(STONE, 0.8), stencil=KERB, instance=KERB,
    )  # fmt: skip


def _add_line(site: Site, side: int) -> None:
    clips = [(1, 0, 0, LINE_WIDTH / 2), (-1, 0, 0, LINE_WIDTH / 2)]
    site.builder.add(
        PLANE, (side * LINE_AT, 0.01, 0), (1, 1, 1), clips=clips, colour=site.paved(PAINT, 0.5), stencil=MARK,
        instance=MARK,
    )  # fmt: skip


def dashes(site: Site) -> Bodies:
    """The broken line in the middle."""
    site = site.many(site.every(DASHES, 1))
    z = -DASHES * (site.slot - 1).to(site.time.dtype)
    site.builder.add(
        BOX, (0, 0, z), (0.17, 0.015, DASH / 2), where=site.near(z), colour=site.paved(PAINT, 0.5), stencil=MARK,
        instance=MARK,
    )  # fmt: skip
    return site.bodies()

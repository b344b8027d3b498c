"""The conditioning picture of a portrait: a bare head in flat colours of classes (for Deep Video Portraits, 2018)."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from daedal.data.worlds.figure import Figure, row, vector
from daedal.data.worlds.portraits.anatomy import Anatomy
from daedal.data.worlds.portraits.face import IRIS, eye_centres, gaze, lip_line
from daedal.data.worlds.portraits.head import EYES, MOUTH, SKIN

HEAD, FRONT, NOSE, NECK = (0.10, 0.16, 0.30), (0.22, 0.34, 0.52), (0.50, 0.62, 0.75), (0.06, 0.09, 0.16)
WHITE, DARK, LIPS, INSIDE = (1.0, 1.0, 1.0), (0.02, 0.02, 0.02), (0.80, 0.12, 0.12), (0.12, 0.0, 0.02)


def add_rig(head: Figure, bust: Figure, a: Anatomy, values: Mapping[str, Tensor]) -> None:
    """Skull, face, nose, eyes with their gaze, and the mouth; the neck stands still."""
    for solid, colour in ((a.skull, HEAD), (a.face, FRONT), (a.jaw, FRONT), (a.chin, FRONT)):
        head.ellipsoid(solid.centre, solid.half, colour, SKIN)
    tip = vector(0.0, a.nose_y, a.nose_z - 0.010)
    head.link(a.skin(0.0, 0.0, -0.002), tip, a.nose_width * 0.8, NOSE, SKIN)
    turned, zero = gaze(values) * a.eye_radius[..., None, None], 0 * a.eye_x
    head.ellipsoid(eye_centres(a), turned, WHITE, EYES)
    head.ellipsoid(eye_centres(a), turned * 1.03, DARK, EYES, clips=[(0, 0, -1, -IRIS)])
    places = row(zero, -1.0, -0.5, 0.0, 0.5, 1.0)
    for which in (1, -1):
        head.chain(lip_line(a, places, which), a.lips, LIPS, MOUTH, depth=0.007)
    ends = lip_line(a, row(zero, -0.7, 0.7), 0) + row(zero, 0, 0, 0.002)
    head.chain(ends, a.gap / 2 + 0.0008, INSIDE, MOUTH, depth=0.0055)
    bust.link(vector(zero, -0.07, -0.025), vector(zero, -0.19, -0.035), 0.045, NECK, SKIN)

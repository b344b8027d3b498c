"""Eyes, brows, mouth and wrinkles of a portrait."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from daedal.data.worlds import palette
from daedal.data.worlds.anatomy import Anatomy
from daedal.data.worlds.figure import Figure, mix, ramp, vector
from daedal.data.worlds.head import BROWS, EYES, MOUTH, SKIN, Host
from daedal.data.worlds.vectors import rotation

IRIS, PUPIL = 0.90, 0.975  # cosines of the angles that they cover of the eyeball
GAZE = 0.45  # of the head's turn that the eyes take back, to look at the viewer
DEGREE = 3.14159265 / 180


def gaze(values: Mapping[str, Tensor]) -> Tensor:
    """(n, 3, 3): how the eyes are turned in the head."""
    yaw, pitch = -GAZE * DEGREE * values["yaw"], GAZE * DEGREE * values["pitch"]
    return rotation(yaw, pitch, 0 * yaw)


def eye_centre(a: Anatomy, side: int) -> Tensor:
    """(n, 3): of the eyeball at the picture's left (-1) or right (1)."""
    return vector(side * a.eye_x, a.eye_y, a.eye_z)


def openings(values: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Slopes of the upper and the lower lid's edge, seen from the eyeball's centre: age and smiling narrow the eye."""
    upper = 0.44 - 0.08 * values["masculinity"] - 0.13 * values["age"]
    lower = 0.33 - 0.02 * values["masculinity"] - 0.10 * values["smile"].clamp(min=0)
    return upper, lower


def add_eyes(figure: Figure, a: Anatomy, values: Mapping[str, Tensor], host: Host) -> None:
    """Eyeballs with iris and pupil, lids and lashes."""
    turned, (upper, lower) = gaze(values), openings(values)
    tone, zero = palette.skin(values), 0 * upper
    shut = rotation(zero, values["blink"] * 0.75, zero) if "blink" in values else rotation(zero, zero, zero)
    lash = 0.10 + 0.20 * (1 - values["masculinity"])
    radius = a.eye_radius[:, None, None]
    for side in (-1, 1):
        centre = eye_centre(a, side)
        figure.ellipsoid(centre, turned * radius, (0.86, 0.85, 0.82), EYES, gloss=0.12)
        iris = {"second": (0.10, 0.06, 0.03), "texture": "noise", "scale": (9.0, 9.0, 9.0)}
        figure.ellipsoid(centre, turned * radius * 1.025, (0.17, 0.10, 0.05), EYES, clips=[(0, 0, -1, -IRIS)], **iris)
        figure.ellipsoid(
            centre, turned * radius * 1.05, (0.004, 0.004, 0.004), EYES, clips=[(0, 0, -1, -PUPIL)], gloss=0.45
        )
        above = vector(zero, -1.0, upper)
        lid = {"blend": host.face, "blend_width": 0.06}
        figure.ellipsoid(centre, shut * radius * 1.09, tone * 0.9, SKIN, clips=[_clip(above, 0)], **lid)
        below = vector(zero, 1.0, lower)
        figure.ellipsoid(centre, radius[..., 0] * 1.085, tone * 0.95, SKIN, clips=[_clip(below, 0)], **lid)
        edge = [_clip(above, 0), _clip(vector(zero, 1.0, -upper - lash), 0)]
        figure.ellipsoid(centre, shut * radius * 1.125, (0.012, 0.009, 0.009), EYES, clips=edge)


def _clip(normal: Tensor, offset: float) -> Tensor:
    return torch.cat([normal, torch.full_like(normal[:, :1], offset)], 1)


def add_brows(figure: Figure, a: Anatomy, values: Mapping[str, Tensor]) -> None:
    """Two links each, thicker and straighter on masculine faces; age greys them half as much as the hair."""
    male = values["masculinity"]
    colour = palette.hair(values, 0.5) * 0.55
    thick = 0.0022 + 0.0022 * male
    arch = 0.0060 - 0.0035 * male
    for side in (-1, 1):
        at = [(0.0130, 0.0), (0.0290, 1.0), (0.0460, -0.25)]
        shift = a.eye_x - 0.0315
        knots = [a.skin(side * (x + shift), a.brow_y + up * arch, 0.001) for x, up in at]
        figure.chain(knots, thick, colour, BROWS, depth=0.004)


def lip_line(a: Anatomy, place: float, which: int) -> Tensor:
    """The point (n, 3) of the upper (1), the lower (-1) or between the lips (0), `place` -1 to 1 from corner to corner."""
    open_ = (1 - place * place) * a.gap / 2
    bow = (0.0030 - 0.0015 * (place == 0)) * (abs(place) < 1)
    y = a.mouth_y + a.lift * (place * place - 0.35) + which * (open_ + bow) - 0.25 * a.gap
    skin = torch.maximum(a.front(place * a.mouth_x, y), a.front(place * a.mouth_x, a.mouth_y) - 0.004)
    return vector(place * a.mouth_x, y, skin + 0.001)


def add_mouth(figure: Figure, a: Anatomy, values: Mapping[str, Tensor]) -> None:
    """Lips, the dark between them, and teeth where it is wide enough."""
    tone, male = palette.skin(values), values["masculinity"]
    rosy = tone * figure.builder.vector((0.66, 0.30, 0.31)) + figure.builder.vector((0.04, 0.0, 0.004))
    lips = mix(rosy, tone * figure.builder.vector((0.66, 0.46, 0.43)), male)
    places = (-1.0, -0.5, 0.0, 0.5, 1.0)
    figure.chain([lip_line(a, x, 1) for x in places], a.lips * 0.72, lips * 0.85, MOUTH, depth=0.006)
    figure.chain([lip_line(a, x, -1) for x in places], a.lips, lips, MOUTH, depth=0.007, gloss=0.3)
    dark = vector(0.035 + 0 * male, 0.008, 0.010)
    inside = [lip_line(a, x, 0) + vector(0 * male, 0, 0.002) for x in (-0.94, -0.4, 0.4, 0.94)]
    for k, share in enumerate((0.62, 1.0, 0.62)):
        wide = a.gap / 2 * share + 0.0011
        figure.link(inside[k], inside[k + 1], wide, dark, MOUTH, depth=0.0045)
    _add_teeth(figure, a)


def _add_teeth(figure: Figure, a: Anatomy) -> None:
    shown = ramp(a.gap, 0.0030, 0.014) * 0.0042
    lower = vector(0 * a.gap, -shown - 0.0005, 0.0)
    ends = [lip_line(a, x, 1) + lower for x in (-0.42, 0.42)]
    figure.link(ends[0], ends[1], shown.clamp(min=1e-4), (0.82, 0.80, 0.74), MOUTH, depth=0.0062, where=shown > 4e-4)


def add_wrinkles(figure: Figure, a: Anatomy, values: Mapping[str, Tensor], host: Host) -> None:
    """Lines on the forehead, from the nose to the mouth's corners, and bags under the eyes: they come with age."""
    old, tone, zero = values["age"], palette.skin(values), 0 * a.eye_x
    line = mix(tone, tone * 0.42, old)
    some, thin = old > 0.15, ramp(old, 0.1, 1)
    top = a.brow_y + 0.014
    for k, wide in enumerate((0.030, 0.026)):
        y = top + 0.013 * k
        knots = [a.skin(zero + x * wide, y + (1 - x * x) * 0.002, -0.0005) for x in (-1, 0, 1)]
        figure.chain(knots, 0.0002 + 0.0014 * thin, line, SKIN, where=some, blend=host.skull)
    for side in (-1, 1):
        start = a.skin(side * (a.nose_width + 0.008), a.nose_y - 0.001, 0.0)
        end = a.skin(side * (a.mouth_x + 0.008), a.mouth_y + a.lift * 0.5, 0.0005)
        figure.link(start, end, 0.0003 + 0.0019 * thin, line, SKIN, depth=0.002, where=some, blend=host.face)
        bag = a.skin(side * a.eye_x, a.eye_y - a.eye_radius * 0.78, -0.0035)
        shade = mix(tone, tone * 0.60, old)
        figure.ellipsoid(bag, vector(a.eye_radius * 0.75, 0.0030 + 0.0015 * old, 0.0065), shade, SKIN, where=some)

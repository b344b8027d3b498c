"""Eyes, brows, mouth and wrinkles of a portrait."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from daedal.data.worlds.figure import Figure, clip, mix, ramp, row, vector
from daedal.data.worlds.portraits import palette
from daedal.data.worlds.portraits.anatomy import Anatomy
from daedal.data.worlds.portraits.head import BROWS, EYES, MOUTH, SKIN, Host
from daedal.data.worlds.vectors import rotation

IRIS, PUPIL = 0.90, 0.975  # cosines of the angles that they cover of the eyeball
GAZE = 0.45  # of the head's turn that the eyes take back, to look at the viewer
DEGREE = 3.14159265 / 180


def gaze(values: Mapping[str, Tensor]) -> Tensor:
    """(n, 1, 3, 3): how the eyes are turned in the head."""
    yaw, pitch = -GAZE * DEGREE * values["yaw"], GAZE * DEGREE * values["pitch"]
    return rotation(yaw, pitch, 0 * yaw)[:, None]


def eye_centres(a: Anatomy) -> Tensor:
    """(n, 2, 3): of the eyeballs at the picture's left and right."""
    return vector(row(a.eye_x, -1, 1) * a.eye_x, a.eye_y, a.eye_z)


def add_eyes(figure: Figure, a: Anatomy, values: Mapping[str, Tensor], host: Host) -> None:
    """Eyeballs with iris and pupil, lids and lashes."""
    centres, turned = eye_centres(a), gaze(values) * a.eye_radius[..., None, None]
    figure.ellipsoid(centres, turned, (0.72, 0.71, 0.69), EYES, gloss=0.12)
    iris = {"second": (0.05, 0.03, 0.015), "texture": "noise", "scale": (9.0, 9.0, 9.0)}
    figure.ellipsoid(centres, turned * 1.025, (0.11, 0.06, 0.03), EYES, clips=[(0, 0, -1, -IRIS)], **iris)
    black = (0.004, 0.004, 0.004)
    figure.ellipsoid(centres, turned * 1.05, black, EYES, clips=[(0, 0, -1, -PUPIL)], gloss=0.25)
    _add_lids(figure, a, values, host)


def _add_lids(figure: Figure, a: Anatomy, values: Mapping[str, Tensor], host: Host) -> None:
    """Their edges are planes through the eyeball's centre, of a slope; age and smiling narrow the eye."""
    male, old, smile = (values[name][:, None] for name in ("masculinity", "age", "smile"))
    upper = 0.44 - 0.08 * male - 0.16 * old
    lower = 0.33 - 0.02 * male - 0.10 * smile.clamp(min=0)
    lash = 0.10 + 0.20 * (1 - male)
    centres, tone, zero = eye_centres(a), palette.skin(values), 0 * male[:, 0]
    shut = rotation(zero, values["blink"] * 0.75 if "blink" in values else zero, zero)[:, None]
    lid, radius = {"blend": host.face, "blend_width": 0.06}, a.eye_radius[..., None, None]
    above, beyond = clip(0.0, -1.0, upper, 0.0), clip(0.0, 1.0, -upper - lash, 0.0)
    figure.ellipsoid(centres, shut * radius * 1.09, tone * 0.9, SKIN, clips=[above], **lid)
    round_ = a.eye_radius[..., None].expand(-1, 1, 3)
    figure.ellipsoid(centres, round_ * 1.085, tone * 0.95, SKIN, clips=[clip(0.0, 1.0, lower, 0.0)], **lid)
    figure.ellipsoid(centres, shut * radius * 1.125, (0.012, 0.009, 0.009), EYES, clips=[above, beyond])


def add_brows(figure: Figure, a: Anatomy, values: Mapping[str, Tensor]) -> None:
    """Two links each, thicker and straighter on masculine faces; age greys them half as much as the hair."""
    male = values["masculinity"][:, None]
    colour = palette.hair(values, 0.5) * 0.55
    arch = 0.0060 - 0.0035 * male
    x = row(male, 0.0130, 0.0290, 0.0460) + (a.eye_x - 0.0320)
    y = a.brow_y + arch * row(male, 0.0, 1.0, -0.25)
    for side in (-1, 1):
        figure.chain(a.skin(side * x, y, 0.001), 0.0019 + 0.0029 * male, colour, BROWS, depth=0.004)


def lip_line(a: Anatomy, places: Tensor, which: int) -> Tensor:
    """Points (n, m, 3) of the upper (1), the lower (-1) or between the lips (0), from corner (-1) to corner (1)."""
    square = places * places
    open_ = (1 - square) * a.gap / 2
    bow = (0.0030 - 0.0015 * (places == 0)) * (square < 1)
    y = a.mouth_y + a.lift * (square - 0.35) + which * (open_ + bow) - 0.25 * a.gap
    x = places * a.mouth_x
    return vector(x, y, torch.maximum(a.front(x, y), a.front(x, a.mouth_y) - 0.004) + 0.001)


def add_mouth(figure: Figure, a: Anatomy, values: Mapping[str, Tensor]) -> None:
    """Lips, the dark between them, and teeth where it is wide enough."""
    tone, male = palette.skin(values), values["masculinity"][:, None]
    rosy = tone * row(tone, 0.60, 0.25, 0.27) + row(tone, 0.04, 0.0, 0.004)
    lips = mix(rosy, tone * row(tone, 0.60, 0.40, 0.38), male)
    places = row(tone, -1.0, -0.5, 0.0, 0.5, 1.0)
    figure.chain(lip_line(a, places, 1), a.lips * 0.72, lips * 0.85, MOUTH, depth=0.006)
    figure.chain(lip_line(a, places, -1), a.lips, lips, MOUTH, depth=0.007, gloss=0.3)
    inside = lip_line(a, row(tone, -0.94, -0.4, 0.4, 0.94), 0) + row(tone, 0, 0, 0.002)
    wide = a.gap / 2 * row(tone, 0.62, 1.0, 0.62) + 0.0011
    figure.chain(inside, wide, (0.035, 0.008, 0.010), MOUTH, depth=0.0045)
    shown = ramp(a.gap, 0.0030, 0.014) * 0.0042
    ends = lip_line(a, row(tone, -0.42, 0.42), 1) - vector(0.0, shown + 0.0005, 0.0)
    white = (0.82, 0.80, 0.74)
    figure.chain(ends, shown.clamp(min=1e-4), white, MOUTH, depth=0.0062, where=shown[:, 0] > 4e-4)


def add_wrinkles(figure: Figure, a: Anatomy, values: Mapping[str, Tensor], host: Host) -> None:
    """Lines on the forehead, from the nose to the mouth's corners, and bags under the eyes: they come with age."""
    old, tone = values["age"][:, None], palette.skin(values)
    some, thin, sides = old[:, 0] > 0.1, ramp(old, 0.05, 1), row(old, -1, 1)
    line = mix(tone, tone * 0.38, thin)
    for k, wide in enumerate((0.030, 0.026)):
        y = a.brow_y + 0.014 + 0.013 * k + row(old, 0, 0.002, 0)
        knots = a.skin(row(old, -wide, 0, wide), y, -0.0005)
        figure.chain(knots, 0.0002 + 0.0014 * thin, line, SKIN, where=some, blend=host.skull)
    down = row(old, 0.0, 0.5, 1.0)
    top, low = a.nose_y - 0.001, a.mouth_y + 0.008 + a.lift * 0.6
    out = a.nose_width + 0.008 + down * (a.mouth_x + 0.001 - a.nose_width)
    for side in (-1, 1):
        knots = a.skin(side * out, top + down * (low - top), -0.0006)
        figure.chain(knots, 0.0003 + 0.0019 * thin, line, SKIN, depth=0.002, where=some)
    bags = a.skin(sides * a.eye_x, a.eye_y - a.eye_radius * 0.78, -0.0035)
    half = vector(a.eye_radius * 0.75, 0.0030 + 0.0025 * old, 0.0065)
    figure.ellipsoid(bags, half, mix(tone, tone * 0.60, old), SKIN, where=some)

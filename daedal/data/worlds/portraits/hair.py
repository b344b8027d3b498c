"""Hair and beard of a portrait: plane-clipped shells about the skull and jaw, locks, balls of curls."""

from __future__ import annotations

from collections.abc import Mapping
from math import cos, pi, sin
from typing import Any

import torch
from torch import Tensor

from daedal.data.worlds.figure import Figure, clip, mix, ramp, row, vector
from daedal.data.worlds.portraits import palette
from daedal.data.worlds.portraits.anatomy import Anatomy
from daedal.data.worlds.portraits.head import BEARD, HAIR, shell
from daedal.data.worlds.vectors import rotation

STYLES = ("fringe", "parted", "curly", "bun", "mohawk")
NAPE = (0.0, -1.0, 0.10, 0.62)  # hair ends above it
PART = 0.22  # where the parting is, of the skull's half width

Look = dict[str, Any]


def add_hair(figure: Figure, a: Anatomy, values: Mapping[str, Tensor]) -> None:
    """A cap, and what the style adds; at length 0 cropped, so that only the hairline tells the style."""
    style = {name: values["hair_style"] == k for k, name in enumerate(STYLES)}
    length, colour = values["hair_length"][:, None], palette.hair(values)
    look = {"colour": colour, "stencil": HAIR, "second": colour * 0.45, "texture": "strands", "gloss": 0.12}
    _add_cap(figure, a, values, style, look)
    _add_fringe(figure, a, length, {**look, "where": style["fringe"]})
    _add_sides(figure, a, length, {**look, "where": style["parted"]})
    _add_curtains(figure, a, length, {**look, "where": style["fringe"] | style["parted"]})
    curls = {
        "second": colour * 0.25,
        "texture": "noise",
        "scale": (3.2, 3.2, 3.2),
        "gloss": 0.0,
        "where": style["curly"],
    }
    _add_curls(figure, a, length, {**look, **curls})
    _add_bun(figure, a, length, {**look, "where": style["bun"]})
    _add_crest(figure, a, length, {**look, "where": style["mohawk"]})


def _add_cap(figure: Figure, a: Anatomy, values: Mapping[str, Tensor], style: dict[str, Tensor], look: Look) -> None:
    """Close to the skull; shaved beside a mohawk."""
    length = values["hair_length"][:, None]
    parted, bun, mohawk = (style[name].to(length.dtype)[:, None] for name in ("parted", "bun", "mohawk"))
    thick = 0.0025 + 0.011 * ramp(length, 0, 0.6) * (1 - bun - mohawk) + 0.003 * bun
    tone, cover = palette.skin(values), 1 - 0.55 * mohawk
    shades = {"colour": mix(tone, look["colour"], cover), "second": mix(tone, look["second"], cover)}
    hairline = clip(0.0, -0.60, 0.80, 0.24 + 0.26 * parted + 0.08 * bun)
    solid = a.skull.larger(thick, thick, thick)
    shell(figure, solid, clips=[hairline, NAPE], scale=(9.0, 2.0, 1.5), **{**look, **shades})


def _add_fringe(figure: Figure, a: Anatomy, length: Tensor, look: Look) -> None:
    """A straight edge across the forehead that comes down to the brows."""
    more = 0.0035 + 0.011 * ramp(length, 0, 0.6)
    solid = a.skull.larger(more, more, more)
    low = a.brow_y + 0.032 - 0.015 * ramp(length, 0, 0.35)
    edge = clip(0.0, -1.0, 0.0, (solid.centre[..., 1] - low) / solid.half[..., 1])
    shell(figure, solid, clips=[edge, (0, 0, -1, 0.0)], scale=(9.0, 2.0, 1.5), **look)


def _add_sides(figure: Figure, a: Anatomy, length: Tensor, look: Look) -> None:
    """Two halves that fall to either side of a parting."""
    more = 0.004 + 0.013 * ramp(length, 0, 0.6)
    solid = a.skull.larger(more, more, more)
    for side in (-1, 1):
        inner = (-float(side), 0.0, 0.0, -side * PART - 0.012)
        outer = (-side * 0.42, -0.62, 0.70, 0.33 - 0.42 * side * PART)
        shell(figure, solid, clips=[inner, outer], scale=(2.0, 2.0, 8.0), **look)


def _add_curtains(figure: Figure, a: Anatomy, length: Tensor, look: Look) -> None:
    """What falls behind and beside the face."""
    grown = ramp(length, 0.18, 1)
    look = {**look, "where": look["where"] & (length[:, 0] > 0.18)}
    low, wide, sides = -0.035 - 0.175 * grown, a.skull.half[..., 0], row(length, -1, 1)
    back = vector(0.0, (0.10 + low) / 2, -0.045)
    half = vector(wide + 0.010 + 0.022 * grown, (0.10 - low) / 2 + 0.01, 0.075)
    shade = {"colour": look["colour"] * 0.75}
    figure.ellipsoid(back, half, scale=(9.0, 2.0, 6.0), clips=[(0, 0, 1, 0.5)], **{**look, **shade})
    centre = vector(sides * (wide - 0.006 + 0.012 * grown), (0.080 + low) / 2, 0.002)
    lean = vector(-sides * (0.009 + 0.006 * grown), (0.080 - low) * 0.55, 0.0)
    axes = torch.stack([vector(0.013 + 0.011 * grown + 0 * sides, 0, 0), lean, vector(0 * lean[..., 0], 0, 0.044)], -1)
    figure.ellipsoid(centre, axes, scale=(2.5, 1.5, 4.0), clips=[(0.0, -1.0, 0.0, 0.84)], **look)


def _add_curls(figure: Figure, a: Anatomy, length: Tensor, look: Look) -> None:
    """Balls around the crown, and more of them down the sides as the hair grows."""
    size = 0.012 + 0.016 * ramp(length, 0, 0.7)
    wide, tall = a.skull.half[..., 0], a.skull.half[..., 1]
    crown = [(k, z, share) for k in range(7) for z, share in ((0.030, 0.86), (-0.045, 0.95)) if z < 0 or 0 < k < 6]
    angles = [pi * (k - 3) / 6.2 for k, _, _ in crown]
    x = wide * row(wide, *(sin(angle) * share for angle, (_, _, share) in zip(angles, crown, strict=True)))
    up = row(wide, *(cos(angle) * share for angle, (_, _, share) in zip(angles, crown, strict=True)))
    radius = size * row(wide, *(1 + 0.12 * (k % 2) for k, _, _ in crown))
    centre = vector(x, a.skull.centre[..., 1] + tall * up, row(wide, *(z for _, z, _ in crown)))
    figure.ellipsoid(centre, vector(radius, radius, radius), **look)
    grown, sides = ramp(length, 0.25, 1), row(wide, *[-1] * 4, *[1] * 4)
    down, odd = row(wide, *[1, 2, 3, 4] * 2), row(wide, *[0, 1] * 4)
    centre = vector(sides * (wide + 0.006 + 0.010 * grown * odd), 0.020 - 0.046 * grown * down, -0.020 - 0.01 * odd)
    radius = size * (1 + 0.1 * grown)
    figure.ellipsoid(centre, vector(radius, radius, radius), **look)
    back = vector(0.0, 0.02 - 0.07 * grown, -0.055)
    shade = {"colour": look["colour"] * 0.6}
    figure.ellipsoid(back, vector(wide + 0.012, 0.06 + 0.09 * grown, 0.06), **{**look, **shade})


def _add_bun(figure: Figure, a: Anatomy, length: Tensor, look: Look) -> None:
    """All hair is drawn back into a knot on top."""
    size = 0.016 + 0.020 * length
    top = a.skull.centre[..., 1] + a.skull.half[..., 1]
    figure.ellipsoid(
        vector(0.0, top + 0.40 * size, -0.025), vector(size * 1.12, size, size), scale=(3.0, 6.0, 3.0), **look
    )


def _add_crest(figure: Figure, a: Anatomy, length: Tensor, look: Look) -> None:
    """Tufts along the middle of the skull, from the forehead to the nape."""
    angles = [0.80 - 0.36 * k for k in range(7)]  # from the crown towards the face, radians
    (_, cy, cz), (_, ry, rz) = a.skull.centre.unbind(-1), a.skull.half.unbind(-1)
    y = cy + ry * row(length, *(cos(angle) for angle in angles))
    z = cz + rz * row(length, *(sin(angle) for angle in angles))
    tilt = row(length, *angles)
    axes = rotation(0 * tilt, tilt, 0 * tilt) * vector(0.014, 0.012 + 0.040 * length, 0.030)[:, :, None]
    figure.ellipsoid(vector(0.0, y, z), axes, scale=(4.0, 1.0, 4.0), **look)


def add_beard(figure: Figure, a: Anatomy, values: Mapping[str, Tensor]) -> None:
    """Stubble that covers more and more of the jaw, then grows beyond the chin; with a moustache."""
    amount = values["beard"][:, None]
    cover, thick = ramp(amount, 0.0, 0.5), 0.0012 + 0.0030 * amount
    base, tone = palette.hair(values, 0.8) * 0.8, palette.skin(values)
    look = {"colour": mix(tone, base, cover), "second": mix(tone, base * 0.45, cover), "texture": "strands"}
    look |= {"stencil": BEARD, "where": amount[:, 0] > 0.06}
    offset = a.mouth_y + 0.040 + 0.014 * amount
    face, jaw = a.face.larger(thick, thick, thick), a.jaw.larger(thick, thick, thick)
    shell(figure, face, clips=[face.below((0.0, 1.0, 0.4), offset)], scale=(8.0, 3.0, 8.0), **look)
    shell(figure, jaw, clips=[jaw.below((0.0, 1.0, 0.4), offset)], scale=(7.0, 2.0, 7.0), **look)
    below = 0.040 * ramp(amount, 0.25, 1)
    chin = a.chin.larger(0.002 + 0.020 * amount, 0.002 + below / 2, 0.002 + 0.010 * amount)
    figure.ellipsoid(chin.centre - vector(0.0, below / 2, 0.0), chin.half, scale=(3.0, 2.0, 3.0), **look)
    sides = row(amount, -1, 1)
    start = a.skin(0 * sides, a.mouth_y + 0.0125, 0.001)
    end = a.skin(sides * (a.mouth_x * 0.9), a.mouth_y + 0.006 + a.lift * 0.4, 0.001)
    figure.link(start, end, 0.002 + 0.0035 * amount, depth=0.005, scale=(2.0, 1.0, 2.0), **look)

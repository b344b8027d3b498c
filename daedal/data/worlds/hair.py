"""Hair and beard of a portrait: plane-clipped shells about the skull and jaw, locks, balls of curls."""

from __future__ import annotations

from collections.abc import Mapping
from math import cos, pi, sin
from typing import Any

import torch
from torch import Tensor

from daedal.data.worlds import palette
from daedal.data.worlds.anatomy import Anatomy
from daedal.data.worlds.figure import Figure, mix, ramp, vector
from daedal.data.worlds.head import BEARD, HAIR, Host, shell
from daedal.data.worlds.vectors import rotation

STYLES = ("fringe", "parted", "curly", "bun", "mohawk")
HAIRLINE = (0.0, -0.60, 0.80)  # the side of this plane that is hair is above and behind
NAPE = (0.0, -1.0, 0.10, 0.62)


def add_hair(figure: Figure, a: Anatomy, values: Mapping[str, Tensor]) -> None:
    """A cap, and what the style adds; at length 0 cropped, so that only the hairline tells the style."""
    style = {name: values["hair_style"] == k for k, name in enumerate(STYLES)}
    length, colour = values["hair_length"], palette.hair(values)
    look = {"second": colour * 0.45, "texture": "strands", "gloss": 0.12}
    _add_cap(figure, a, values, style, colour, look)
    _add_fringe(figure, a, style["fringe"], length, colour, look)
    _add_sides(figure, a, style["parted"], length, colour, look)
    _add_curtains(figure, a, style["fringe"] | style["parted"], length, colour, look)
    _add_curls(figure, a, style["curly"], length, colour)
    _add_bun(figure, a, style["bun"], length, colour, look)
    _add_crest(figure, a, style["mohawk"], length, colour, look)


def _add_cap(figure: Figure, a: Anatomy, values: Mapping[str, Tensor], style: dict, colour: Tensor, look: dict) -> None:
    """Close to the skull; shaved beside a mohawk."""
    length, shaved = values["hair_length"], style["mohawk"].to(colour.dtype)
    tight = (style["mohawk"] | style["bun"]).to(colour.dtype)
    thick = 0.0025 + (0.011 * ramp(length, 0, 0.6)) * (1 - tight) + 0.003 * style["bun"]
    cover = (1 - shaved) + 0.45 * shaved
    shade = mix(palette.skin(values), colour, cover)
    height = torch.where(style["parted"], 0.62, torch.where(style["bun"], 0.44, 0.36))
    hairline = vector(HAIRLINE[0] + 0 * length, HAIRLINE[1], HAIRLINE[2])
    clip = torch.cat([hairline, (height - 0.12 + 0 * length)[:, None]], 1)
    second = mix(palette.skin(values), colour * 0.45, cover)
    solid = a.skull.larger(thick, thick, thick)
    shell(figure, solid, shade, HAIR, clips=[clip, NAPE], scale=(9.0, 2.0, 1.5), **{**look, "second": second})


def _add_fringe(figure: Figure, a: Anatomy, where: Tensor, length: Tensor, colour: Tensor, look: dict) -> None:
    """A straight edge across the forehead that comes down to the brows."""
    more = 0.0035 + 0.011 * ramp(length, 0, 0.6)
    solid = a.skull.larger(more, more, more)
    low = (a.brow_y + 0.026 - 0.014 * ramp(length, 0, 0.35) - solid.centre[:, 1]) / solid.half[:, 1]
    clip = torch.cat([vector(0 * low, -1.0, 0.0), -low[:, None]], 1)
    shell(figure, solid, colour, HAIR, clips=[clip, (0, 0, -1, 0.0)], scale=(9.0, 2.0, 1.5), where=where, **look)


def _add_sides(figure: Figure, a: Anatomy, where: Tensor, length: Tensor, colour: Tensor, look: dict) -> None:
    """Two halves that fall to either side of a parting."""
    more = 0.004 + 0.013 * ramp(length, 0, 0.6)
    solid = a.skull.larger(more, more, more)
    part = 0.22
    for side in (-1, 1):
        inner = (float(-side), 0.0, 0.0, -side * part - 0.012)
        slope = vector(-side * 0.42 + 0 * length, -0.62, 0.70)
        offset = 0.33 - 0.42 * side * part + 0 * length
        outer = torch.cat([slope, offset[:, None]], 1)
        shell(figure, solid, colour, HAIR, clips=[inner, outer], scale=(2.0, 2.0, 8.0), where=where, **look)


def _add_curtains(figure: Figure, a: Anatomy, where: Tensor, length: Tensor, colour: Tensor, look: dict) -> None:
    """What falls behind and beside the face."""
    grown = ramp(length, 0.18, 1)
    where = where & (length > 0.18)
    low = -0.035 - 0.175 * grown
    wide = a.skull.half[:, 0]
    back = vector(0 * low, (0.10 + low) / 2, -0.045)
    half = vector(wide + 0.010 + 0.022 * grown, (0.10 - low) / 2 + 0.01, 0.075)
    figure.ellipsoid(
        back, half, colour * 0.75, HAIR, scale=(9.0, 2.0, 6.0), clips=[(0, 0, 1, 0.5)], where=where, **look
    )
    for side in (-1, 1):
        lean = -side * (0.010 + 0.004 * grown)
        centre = vector(side * (wide + 0.001 + 0.005 * grown), (0.085 + low) / 2, 0.008)
        high = (0.085 - low) / 2 * 1.1
        axes = torch.stack([vector(0.019 + 0.005 * grown, 0, 0), vector(lean, high, 0), vector(0 * low, 0, 0.036)], 2)
        clips = [(0.0, -1.0, 0.0, 0.84)]
        figure.ellipsoid(centre, axes, colour, HAIR, scale=(2.5, 1.5, 4.0), clips=clips, where=where, **look)


def _add_curls(figure: Figure, a: Anatomy, where: Tensor, length: Tensor, colour: Tensor) -> None:
    """Balls around the crown, and more of them down the sides as the hair grows."""
    look = {"second": colour * 0.25, "texture": "noise", "scale": (3.2, 3.2, 3.2)}
    size = 0.012 + 0.016 * ramp(length, 0, 0.7)
    wide, tall = a.skull.half[:, 0], a.skull.half[:, 1]
    for k in range(7):
        angle = pi * (k - 3) / 6.2
        for z, share in ((0.030, 0.86), (-0.045, 0.95)):
            if z > 0 and k in (0, 6):
                continue
            x, y = wide * sin(angle) * share, a.skull.centre[:, 1] + tall * cos(angle) * share
            _ball(figure, vector(x, y, z), size * (1 + 0.12 * (k % 2)), colour, where, look)
    grown = ramp(length, 0.25, 1)
    for side in (-1, 1):
        for k in range(4):
            y = 0.020 - (k + 1) * 0.046 * grown
            x = side * (wide + 0.006 + 0.010 * grown * (k % 2))
            _ball(
                figure,
                vector(x, y, -0.020 - 0.01 * (k % 2)),
                size * (1 + 0.1 * grown),
                colour,
                where & (grown > 0),
                look,
            )
    back = vector(0 * wide, 0.02 - 0.07 * grown, -0.055)
    figure.ellipsoid(back, vector(wide + 0.012, 0.06 + 0.09 * grown, 0.06), colour * 0.6, HAIR, where=where, **look)


def _ball(figure: Figure, centre: Tensor, size: Tensor, colour: Tensor, where: Tensor, look: dict[str, Any]) -> None:
    figure.ellipsoid(centre, vector(size, size, size), colour, HAIR, where=where, **look)


def _add_bun(figure: Figure, a: Anatomy, where: Tensor, length: Tensor, colour: Tensor, look: dict) -> None:
    """All hair is drawn back into a knot on top."""
    size = 0.016 + 0.020 * length
    top = a.skull.centre[:, 1] + a.skull.half[:, 1]
    figure.ellipsoid(
        vector(0 * size, top + 0.55 * size, -0.025), vector(size * 1.12, size, size), colour, HAIR,
        scale=(3.0, 6.0, 3.0), where=where, **look,
    )  # fmt: skip


def _add_crest(figure: Figure, a: Anatomy, where: Tensor, length: Tensor, colour: Tensor, look: dict) -> None:
    """Tufts along the middle of the skull, from the forehead to the nape."""
    zero = 0 * length
    high = 0.012 + 0.040 * length
    for k in range(7):
        angle = 0.80 - 0.36 * k  # from the crown towards the face, radians
        y, z = (a.skull.half[:, i] * part + a.skull.centre[:, i] for i, part in ((1, cos(angle)), (2, sin(angle))))
        axes = rotation(zero, zero + angle, zero) * vector(0.014 + zero, high, 0.030)[:, None, :]
        figure.ellipsoid(vector(zero, y, z), axes, colour, HAIR, scale=(4.0, 1.0, 4.0), where=where, **look)


def add_beard(figure: Figure, a: Anatomy, values: Mapping[str, Tensor], host: Host) -> None:
    """Stubble that covers more and more of the jaw, then grows beyond the chin; with a moustache."""
    amount = values["beard"]
    some, cover = amount > 0.06, ramp(amount, 0.0, 0.5)
    base, tone = palette.hair(values, 0.8) * 0.8, palette.skin(values)
    colour, second = mix(tone, base, cover), mix(tone, base * 0.45, cover)
    look = {"second": second, "texture": "strands", "where": some}
    thick = 0.0012 + 0.0030 * amount
    edge = torch.cat([vector(0 * amount, 1.0, 0.5), (0.10 * amount - 0.12)[:, None]], 1)
    shell(figure, a.face.larger(thick, thick, thick), colour, BEARD, clips=[edge], scale=(8.0, 3.0, 8.0), **look)
    below = 0.040 * ramp(amount, 0.25, 1)
    chin = a.chin.larger(0.002 + 0.014 * amount, 0.002 + below / 2, 0.002 + 0.010 * amount)
    centre = chin.centre - vector(0 * below, below / 2, 0)
    figure.ellipsoid(centre, chin.half, colour, BEARD, scale=(3.0, 2.0, 3.0), **look)
    clip = torch.cat([vector(0 * amount, 1.0, 0.9), (0.30 + 0.25 * amount)[:, None]], 1)
    shell(figure, a.jaw.larger(thick, thick, thick), colour, BEARD, clips=[clip], scale=(7.0, 2.0, 7.0), **look)
    _add_moustache(figure, a, amount, colour, look)


def _add_moustache(figure: Figure, a: Anatomy, amount: Tensor, colour: Tensor, look: dict) -> None:
    for side in (-1, 1):
        start = a.skin(0.0, a.mouth_y + 0.0125, 0.001)
        end = a.skin(side * (a.mouth_x * 0.9), a.mouth_y + 0.006 + a.lift * 0.4, 0.001)
        figure.link(start, end, 0.002 + 0.0035 * amount, colour, BEARD, depth=0.005, scale=(2.0, 1.0, 2.0), **look)

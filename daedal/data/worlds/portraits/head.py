"""Skull, jaw, nose, ears, neck and clothes of a portrait."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from daedal.data.worlds.figure import Figure, mix, row, vector
from daedal.data.worlds.portraits import palette
from daedal.data.worlds.portraits.anatomy import Anatomy, Solid

CLASSES = ("background", "skin", "hair", "brows", "eyes", "mouth", "beard", "glasses", "clothes")
BACKGROUND, SKIN, HAIR, BROWS, EYES, MOUTH, BEARD, GLASSES, CLOTHES = range(len(CLASSES))


@dataclass(frozen=True)
class Host:
    """The primitives that other parts' normals blend into."""

    skull: int
    face: int


def add_head(figure: Figure, a: Anatomy, values: Mapping[str, Tensor]) -> Host:
    """Everything of skin above the neck but lids."""
    tone = palette.skin(values)
    blotchy = mix(tone, tone * 0.60, values["age"][:, None])
    look = {"second": blotchy, "texture": "noise", "scale": (7.0, 9.0, 7.0), "gloss": 0.10}
    skull = shell(figure, a.skull, tone, SKIN, **look)
    face = shell(figure, a.face, tone, SKIN, blend=skull, blend_width=0.22, **look)
    shell(figure, a.jaw, tone, SKIN, blend=face, blend_width=0.15, **look)
    shell(figure, a.chin, tone, SKIN, blend=face, blend_width=0.10)
    shell(figure, a.ridge, tone, SKIN, blend=skull, blend_width=0.10)
    shell(figure, a.cheeks, tone * row(tone, 1.0, 0.93, 0.91), SKIN, blend=face, blend_width=0.20)
    _add_nose(figure, a, tone, face)
    _add_ears(figure, a, tone)
    return Host(skull, face)


def _add_nose(figure: Figure, a: Anatomy, tone: Tensor, face: int) -> None:
    wide, sides = a.nose_width, row(tone, -1, 1)
    tip = vector(0.0, a.nose_y, a.nose_z - 0.010)
    root = a.skin(0.0, 0.004, -0.002)
    rosy = tone * row(tone, 1.0, 0.93, 0.91)
    bridge = figure.link(root, tip, wide * 0.56, tone, SKIN, blend=face, blend_width=0.12)
    figure.ellipsoid(tip, vector(wide * 0.95, 0.0105, 0.012), rosy, SKIN, blend=bridge, blend_width=0.3, gloss=0.25)
    wings = vector(sides * wide * 0.95, a.nose_y - 0.004, a.nose_z - 0.020)
    figure.ellipsoid(wings, vector(wide * 0.62, 0.0080, 0.0105), rosy, SKIN, blend=face, blend_width=0.04)
    nostrils = vector(sides * wide * 0.55, a.nose_y - 0.0095, a.nose_z - 0.013)
    figure.ellipsoid(nostrils, vector(wide * 0.30, 0.0032, 0.0050), tone * 0.22, SKIN)


def _add_ears(figure: Figure, a: Anatomy, tone: Tensor) -> None:
    sides, x, zero = row(tone, -1, 1), a.skull.half[..., 0] + 0.003, 0 * a.eye_x
    figure.ellipsoid(vector(sides * x, -0.008, -0.010), vector(zero + 0.010, 0.030, 0.018), tone, SKIN)
    inner = vector(sides * (x + 0.002), -0.008, -0.002)
    figure.ellipsoid(inner, vector(zero + 0.0075, 0.018, 0.0115), tone * 0.62, SKIN)


def add_bust(figure: Figure, values: Mapping[str, Tensor]) -> None:
    """Neck, shoulders and collar, which do not turn with the head."""
    tone, cloth, male = palette.skin(values), palette.clothes(values), values["masculinity"][:, None]
    zero = 0 * male
    figure.link(vector(zero, -0.07, -0.025), vector(zero, -0.19, -0.035), 0.036 + 0.019 * male, tone * 0.92, SKIN)
    look = {"second": cloth * 0.7, "texture": "fabric", "scale": (30.0, 30.0, 30.0)}
    broad = vector(0.148 + 0.062 * male, 0.108 + 0.014 * male, 0.100)
    figure.ellipsoid(vector(zero, -0.238, -0.040), broad, cloth, CLOTHES, **look)
    collar = vector(0.050 + 0.021 * male, 0.017, 0.047 + 0.017 * male)
    figure.ellipsoid(vector(zero, -0.140, -0.028), collar, cloth * 0.55, CLOTHES)


def shell(figure: Figure, solid: Solid, colour: Tensor, stencil: int, **options: Any) -> int:
    """Ellipsoids of a solid's measures."""
    return figure.ellipsoid(solid.centre, solid.half, colour, stencil, **options)

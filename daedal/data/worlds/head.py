"""Skull, jaw, nose, ears, neck and clothes of a portrait."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from daedal.data.worlds import palette
from daedal.data.worlds.anatomy import Anatomy, Solid
from daedal.data.worlds.figure import Figure, mix, vector

CLASSES = ("background", "skin", "hair", "brows", "eyes", "mouth", "beard", "glasses", "clothes")
BACKGROUND, SKIN, HAIR, BROWS, EYES, MOUTH, BEARD, GLASSES, CLOTHES = range(len(CLASSES))


@dataclass(frozen=True)
class Host:
    """The primitives that other parts' normals blend into."""

    skull: int
    face: int


def add_head(figure: Figure, a: Anatomy, values: Mapping[str, Tensor]) -> Host:
    """Everything of skin above the neck but lids."""
    tone, old = palette.skin(values), values["age"]
    blotchy = mix(tone, tone * 0.72, old)
    look = {"second": blotchy, "texture": "noise", "scale": (7.0, 9.0, 7.0), "gloss": 0.10}
    skull = figure.ellipsoid(a.skull.centre, a.skull.half, tone, SKIN, **look)
    face = figure.ellipsoid(a.face.centre, a.face.half, tone, SKIN, blend=skull, blend_width=0.22, **look)
    figure.ellipsoid(a.chin.centre, a.chin.half, tone, SKIN, blend=face, blend_width=0.10)
    figure.ellipsoid(a.ridge.centre, a.ridge.half, tone, SKIN, blend=skull, blend_width=0.10)
    figure.ellipsoid(a.jaw.centre, a.jaw.half, tone, SKIN, blend=face, blend_width=0.15, **look)
    blush = tone * figure.builder.vector((1.0, 0.93, 0.91))
    for cheek in a.cheeks:
        figure.ellipsoid(cheek.centre, cheek.half, blush, SKIN, blend=face, blend_width=0.20)
    _add_nose(figure, a, tone, face)
    _add_ears(figure, a, tone)
    return Host(skull, face)


def _add_nose(figure: Figure, a: Anatomy, tone: Tensor, face: int) -> None:
    zero, wide = 0 * a.nose_y, a.nose_width
    tip = vector(zero, a.nose_y, a.nose_z - 0.010)
    root = a.skin(zero, 0.004, -0.002)
    rosy = tone * figure.builder.vector((1.0, 0.93, 0.91))
    bridge = figure.link(root, tip, wide * 0.62, tone, SKIN, blend=face, blend_width=0.05)
    figure.ellipsoid(tip, vector(wide * 0.95, 0.0105, 0.012), rosy, SKIN, blend=bridge, blend_width=0.3, gloss=0.25)
    for side in (-1, 1):
        wing = vector(side * wide * 0.95, a.nose_y - 0.004, a.nose_z - 0.020)
        figure.ellipsoid(wing, vector(wide * 0.62, 0.0080, 0.0105), rosy, SKIN, blend=face, blend_width=0.04)
        nostril = vector(side * wide * 0.55, a.nose_y - 0.0095, a.nose_z - 0.013)
        figure.ellipsoid(nostril, vector(wide * 0.30, 0.0032, 0.0050), tone * 0.22, SKIN)


def _add_ears(figure: Figure, a: Anatomy, tone: Tensor) -> None:
    for side in (-1, 1):
        x = side * (a.skull.half[:, 0] + 0.003)
        figure.ellipsoid(vector(x, -0.008, -0.010), (0.010, 0.030, 0.018), tone, SKIN)
        figure.ellipsoid(vector(x + side * 0.002, -0.008, -0.002), (0.0075, 0.018, 0.0115), tone * 0.62, SKIN)


def add_bust(figure: Figure, a: Anatomy, values: Mapping[str, Tensor]) -> None:
    """Neck, shoulders and collar, which do not turn with the head."""
    tone, cloth, male = palette.skin(values), palette.clothes(values), values["masculinity"]
    zero = 0 * male
    figure.link(vector(zero, -0.07, -0.025), vector(zero, -0.19, -0.035), 0.039 + 0.014 * male, tone * 0.92, SKIN)
    look = {"second": cloth * 0.7, "texture": "fabric", "scale": (30.0, 30.0, 30.0)}
    broad = vector(0.150 + 0.040 * male, 0.110 + 0.010 * male, 0.085)
    figure.ellipsoid(vector(zero, -0.250, -0.040), broad, cloth, CLOTHES, **look)
    collar = vector(0.053 + 0.016 * male, 0.017, 0.050 + 0.012 * male)
    figure.ellipsoid(vector(zero, -0.150, -0.028), collar, cloth * 0.55, CLOTHES)


def shell(figure: Figure, solid: Solid, colour: Tensor, stencil: int, **options) -> int:
    """An ellipsoid of a solid's measures."""
    return figure.ellipsoid(solid.centre, solid.half, colour, stencil, **options)

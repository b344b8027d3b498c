"""The same street in little detail: one flat colour a class, blocks for what is round, and no small parts."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from daedal.data.worlds.scene import BOX, CAPSULE, CONE, ELLIPSOID, TEXTURES, Bodies, Scene, srgb
from daedal.data.worlds.streets.site import CLASSES, LIGHT

COLOURS = {  # of the classes
    "sky": (0.0, 0.0, 0.0), "road": (0.36, 0.36, 0.38), "mark": (0.90, 0.90, 0.86), "kerb": (0.76, 0.76, 0.74),
    "pavement": (0.64, 0.60, 0.56), "building": (0.72, 0.60, 0.50),
    "tree": (0.26, 0.44, 0.18), "car": (0.30, 0.42, 0.66), "person": (0.86, 0.50, 0.34), "light": (0.98, 0.90, 0.50),
    "pole": (0.26, 0.27, 0.29), "water": (0.16, 0.46, 0.54), "aircraft": (0.86, 0.87, 0.90),
    "smoke": (0.22, 0.21, 0.21),
}  # fmt: skip


def coarse(scene: Scene) -> Scene:
    """The scene with its bodies made coarse, in its own light; nothing falls before it, and its ground is dry."""
    bodies = scene.bodies
    table = torch.tensor([srgb(*COLOURS[name]) for name in CLASSES], dtype=bodies.colour.dtype)
    colour = table.to(bodies.colour.device)[bodies.stencil]
    round_ = (bodies.kind == ELLIPSOID) | (bodies.kind == CONE) | (bodies.kind == CAPSULE)
    flat = replace(
        bodies,
        kind=torch.where(round_, BOX, bodies.kind),
        axes=_blocks(bodies),
        colour=colour,
        second=colour,
        texture=torch.full_like(bodies.texture, TEXTURES.index("plain")),
        glow=torch.where(bodies.stencil == LIGHT, bodies.glow, 0.0),
        gloss=torch.zeros_like(bodies.gloss),
    )
    return replace(scene, bodies=flat, light=replace(scene.light, weather=None))


def _blocks(bodies: Bodies) -> Tensor:
    """Axes of blocks of about the size of what they stand for."""
    along = torch.where(bodies.kind == CAPSULE, 1 + bodies.shape, 1.0)
    narrow = torch.where(bodies.kind == ELLIPSOID, 0.85, torch.where(bodies.kind == CONE, 0.9, 1.0))
    return bodies.axes * torch.stack([narrow, along * narrow, narrow], -1)[..., None, :]

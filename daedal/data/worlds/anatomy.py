"""The measures of a head, in metres, from the factors: where things are and how large, in the head's own frame.

The frame's origin lies between the eyes' height and the ears; x to the picture's right, y up, z out of the face.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from daedal.data.worlds.figure import ramp, vector


@dataclass(frozen=True)
class Solid:
    """An ellipsoid along the axes."""

    centre: Tensor  # (n, 3)
    half: Tensor  # (n, 3)

    def front(self, x: Tensor, y: Tensor) -> Tensor:
        """z of its front at (x, y); beside it, z of its middle."""
        across, up = (x - self.centre[:, 0]) / self.half[:, 0], (y - self.centre[:, 1]) / self.half[:, 1]
        return self.centre[:, 2] + self.half[:, 2] * (1 - across * across - up * up).clamp(min=0).sqrt()

    def larger(self, x: Tensor | float, y: Tensor | float, z: Tensor | float) -> Solid:
        """With so many metres more on every half axis."""
        more = vector(x + 0 * self.half[:, 0], y, z)
        return Solid(self.centre, self.half + more)


@dataclass(frozen=True)
class Anatomy:
    """Measures of n heads; every number is (n,)."""

    skull: Solid
    face: Solid
    chin: Solid
    jaw: Solid
    cheeks: tuple[Solid, Solid]
    ridge: Solid  # of the brows
    eye_x: Tensor
    eye_y: Tensor
    eye_z: Tensor
    eye_radius: Tensor
    brow_y: Tensor
    nose_y: Tensor  # of the tip
    nose_z: Tensor
    nose_width: Tensor
    mouth_y: Tensor
    mouth_x: Tensor  # half its width
    gap: Tensor  # between the lips
    lift: Tensor  # of the mouth's corners
    lips: Tensor  # their thickness

    def front(self, x: Tensor | float, y: Tensor | float) -> Tensor:
        """z of the skin at (x, y), without the nose."""
        x, y = x + 0 * self.eye_x, y + 0 * self.eye_x
        z = self.skull.front(x, y)
        for solid in (self.face, self.jaw, self.chin, self.ridge, *self.cheeks):
            z = torch.maximum(z, solid.front(x, y))
        return z

    def skin(self, x: Tensor | float, y: Tensor | float, out: Tensor | float = 0.0) -> Tensor:
        """The point (n, 3) of the skin at (x, y), `out` before it."""
        return vector(x + 0 * self.eye_x, y, self.front(x, y) + out)


def anatomy(values: Mapping[str, Tensor]) -> Anatomy:
    """The measures of the factors' values."""
    width, long, jaw, apart, eyes, nose, mouth, brow = values["identity"].unbind(1)
    male, old, smile = values["masculinity"], values["age"], values["smile"]
    drop = 0.017 * values["mouth_open"]  # of the chin
    wide, tall = 1 + 0.085 * width, 1 + 0.065 * long
    zero = torch.zeros_like(male)

    skull = Solid(vector(0, 0.026 * tall, -0.012), vector(0.0755 * wide, 0.090 * tall, 0.096))
    face_half = vector(wide * (0.0615 + 0.004 * male + 0.002 * jaw), 0.096 * tall + drop / 2, 0.080)
    face = Solid(vector(zero, -0.022 * tall - drop / 2, 0.004), face_half)
    chin_half = vector(0.019 + 0.007 * male + 0.005 * jaw, 0.018 + 0.003 * male, 0.024 + 0.004 * male)
    chin = Solid(vector(zero, -0.100 * tall - drop, 0.050), chin_half)
    jaw_half = vector(wide * (0.047 + 0.007 * male + 0.006 * jaw + 0.003 * old), 0.046 * tall + 0.004 * old, 0.062)
    mandible = Solid(vector(zero, -0.064 * tall - drop - 0.003 * old, 0.010), jaw_half)
    cheer = smile.clamp(min=0)
    cheek_half = vector(0.024 + 0.002 * cheer, 0.022 + 0.002 * cheer, 0.0165 + 0.004 * cheer - 0.002 * old)
    cheek_y = -0.028 * tall + 0.006 * cheer - 0.010 * old
    cheeks = [Solid(vector(side * 0.034 * wide, cheek_y, 0.055), cheek_half) for side in (-1, 1)]
    brow_y = 0.0265 + 0.0055 * brow - 0.003 * male - 0.002 * old
    ridge = Solid(vector(zero, brow_y - 0.004, 0.062), vector(0.053 * wide, 0.012, 0.018 + 0.005 * male))

    eye_x = 0.0315 + 0.0045 * apart
    eye_radius = 0.0165 * (1 + 0.16 * eyes) * (1.06 - 0.10 * male)
    around = Anatomy(
        skull, face, chin, mandible, (cheeks[0], cheeks[1]), ridge,
        eye_x=eye_x, eye_y=zero - 0.001, eye_z=zero, eye_radius=eye_radius, brow_y=brow_y,
        nose_y=-(0.037 + 0.007 * nose) * tall, nose_z=zero, nose_width=0.0125 * (1 + 0.20 * nose) * (0.92 + 0.16 * male),
        mouth_y=-0.073 * tall - 0.002 * old, mouth_x=0.0235 * (1 + 0.20 * mouth) * (1 + 0.16 * cheer),
        gap=0.0008 + 0.030 * values["mouth_open"] + 0.004 * ramp(smile, 0.2, 1),
        lift=0.0105 * smile - 0.0015 - 0.0015 * old, lips=0.0056 - 0.0020 * male - 0.0008 * old,
    )  # fmt: skip
    eye_z = torch.maximum(skull.front(eye_x, zero), face.front(eye_x, zero)) + 0.0055 - eye_radius
    nose_z = around.front(zero, around.nose_y) + 0.020 + 0.003 * nose
    return Anatomy(**{**vars(around), "eye_z": eye_z, "nose_z": nose_z})

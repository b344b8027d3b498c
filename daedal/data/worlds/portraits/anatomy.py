"""The measures of a head, in metres, from the factors: where things are and how large, in the head's own frame.

The frame's origin lies between the eyes' height and the ears; x to the picture's right, y up, z out of the face.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from daedal.data.worlds.figure import ramp, row, vector


@dataclass(frozen=True)
class Solid:
    """Ellipsoids along the axes."""

    centre: Tensor  # (n, m, 3)
    half: Tensor  # (n, m, 3)

    def front(self, x: Tensor, y: Tensor) -> Tensor:
        """z (n, k) of the foremost one's front at (x, y), (n, k) or (n, 1); beside it, z of its middle."""
        (cx, cy, cz), (rx, ry, rz) = self.centre[:, None].unbind(-1), self.half[:, None].unbind(-1)
        across, up = (x[..., None] - cx) / rx, (y[..., None] - cy) / ry
        return (cz + rz * (1 - across * across - up * up).clamp(min=0).sqrt()).amax(-1)

    def larger(self, x: Tensor, y: Tensor, z: Tensor) -> Solid:
        """With so many metres more on every half axis."""
        return Solid(self.centre, self.half + vector(x, y, z))

    def below(self, normal: tuple[float, float, float], offset: Tensor) -> Tensor:
        """The clip (n, 4) of one solid that keeps normal . x <= offset (n, 1) of the head's coordinates x."""
        own, (x, y, z) = self.half * row(offset, *normal), self.centre.unbind(-1)
        return torch.cat([own[:, 0], offset - (normal[0] * x + normal[1] * y + normal[2] * z)], 1)

    @staticmethod
    def of(solids: Sequence[Solid]) -> Solid:
        """All of them."""
        return Solid(torch.cat([s.centre for s in solids], 1), torch.cat([s.half for s in solids], 1))


@dataclass(frozen=True)
class Anatomy:
    """Measures of n heads; every number is (n, 1)."""

    skull: Solid
    face: Solid
    chin: Solid
    jaw: Solid
    cheeks: Solid  # two
    ridge: Solid  # of the brows
    surface: Solid  # all of these
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
        """z (n, m) of the skin at (x, y), without the nose."""
        return self.surface.front(x + 0 * self.eye_x, y + 0 * self.eye_x)

    def skin(self, x: Tensor | float, y: Tensor | float, out: Tensor | float = 0.0) -> Tensor:
        """The points (n, m, 3) of the skin at (x, y), `out` before it."""
        return vector(x, y, self.front(x, y) + out)


def anatomy(values: Mapping[str, Tensor]) -> Anatomy:
    """The measures of the factors' values."""
    width, long, jaw, apart, eyes, nose, mouth, brow = values["identity"].split(1, 1)
    male, old, smile = (values[name][:, None] for name in ("masculinity", "age", "smile"))
    mouth_open = values["mouth_open"][:, None]
    drop = 0.017 * mouth_open  # of the chin
    wide, tall = 1 + 0.11 * width, 1 + 0.082 * long
    zero = torch.zeros_like(male)

    skull = Solid(vector(zero, 0.026 * tall, -0.012), vector(0.0755 * wide, 0.090 * tall, 0.096))
    face_half = vector(wide * (0.0610 + 0.005 * male + 0.005 * jaw), 0.096 * tall + drop / 2, 0.080)
    face = Solid(vector(zero, -0.022 * tall - drop / 2, 0.004), face_half)
    chin_half = vector(0.018 + 0.009 * male + 0.008 * jaw, 0.018 + 0.003 * male, 0.024 + 0.004 * male)
    chin = Solid(vector(zero, -0.100 * tall - drop, 0.050), chin_half)
    jaw_half = vector(wide * (0.046 + 0.010 * male + 0.012 * jaw + 0.003 * old), 0.046 * tall + 0.004 * old, 0.062)
    mandible = Solid(vector(zero, -0.064 * tall - drop - 0.003 * old, 0.010), jaw_half)
    cheer = smile.clamp(min=0)
    cheek_half = vector(0.024 + 0.002 * cheer, 0.022 + 0.002 * cheer, 0.0165 + 0.004 * cheer - 0.002 * old)
    cheek_y = -0.028 * tall + 0.006 * cheer - 0.010 * old
    cheeks = Solid(vector(row(male, -0.034, 0.034) * wide, cheek_y, 0.055), cheek_half.expand(-1, 2, 3))
    brow_y = 0.0275 + 0.0115 * brow - 0.003 * male - 0.002 * old
    ridge = Solid(vector(zero, brow_y - 0.004, 0.062), vector(0.053 * wide, 0.012, 0.018 + 0.005 * male))

    eye_x = 0.0320 + 0.0062 * apart
    eye_radius = 0.0165 * (1 + 0.28 * eyes) * (1.06 - 0.10 * male)
    around = Anatomy(
        skull, face, chin, mandible, cheeks, ridge, Solid.of([skull, face, mandible, chin, cheeks, ridge]),
        eye_x=eye_x, eye_y=zero - 0.001, eye_z=zero, eye_radius=eye_radius, brow_y=brow_y,
        nose_y=-(0.036 + 0.009 * nose) * tall, nose_z=zero,
        nose_width=0.0122 * (1 + 0.28 * nose) * (0.92 + 0.16 * male),
        mouth_y=-0.073 * tall - 0.002 * old, mouth_x=0.0268 * (1 + 0.27 * mouth) * (1 + 0.16 * cheer),
        gap=0.0008 + 0.030 * mouth_open + 0.008 * ramp(smile, 0.1, 1),
        lift=0.0120 * smile + 0.0070 * cheer - 0.0010 - 0.0015 * old, lips=0.0056 - 0.0020 * male - 0.0008 * old,
    )  # fmt: skip
    eye_z = torch.maximum(skull.front(eye_x, zero), face.front(eye_x, zero)) + 0.0055 - eye_radius
    nose_z = around.front(zero, around.nose_y) + 0.020 + 0.004 * nose
    return Anatomy(**{**vars(around), "eye_z": eye_z, "nose_z": nose_z})

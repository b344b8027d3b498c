"""What scenes are made of: primitives, materials, lights and a camera, batched; and how they are put together.

Axes: x to the right, y up, z towards a viewer whose camera is not turned; metres. Colours are linear light in [0, 1];
`srgb` makes them of what a screen shows. A scene is a batch of b pictures with k primitives each; what a picture does
not use has the kind `none`. Every primitive has a body pose, an affine map from its own coordinates to the world's:
a point that moves with its body keeps its coordinates, which is what makes flow exact.

| kind | in its own coordinates p | `shape` |
|---|---|---|
| `plane` | p_y = 0, without end | |
| `box` | max(|p_x|, |p_y|, |p_z|) = 1 | |
| `ellipsoid` | |p| = 1 | |
| `cone` | p_x^2 + p_z^2 = r^2, r from 1 at p_y = -1 to `shape` at p_y = 1, capped; 1: a cylinder | top radius |
| `capsule` | at distance 1 from the segment p_x = p_z = 0, |p_y| <= `shape` | half length |

Clips cut a primitive open: of its surface, only points with normal . p <= offset remain, for each of its clips.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor

from daedal.data.worlds.vectors import cross, length, unit_vector

KINDS = ("none", "plane", "box", "ellipsoid", "cone", "capsule")
NONE, PLANE, BOX, ELLIPSOID, CONE, CAPSULE = range(len(KINDS))
TEXTURES = ("plain", "noise", "stripes", "checks", "windows", "road", "bark", "fabric", "strands")
CLIPS = 2  # of one primitive
NO_CLIP = (0.0, 0.0, 0.0, 1.0)


class _Batched:
    """Tensors whose first axis is the picture."""

    def map(self, function) -> Any:
        """The same with the function applied to every tensor."""
        return replace(self, **{f.name: function(getattr(self, f.name)) for f in fields(self)})  # type: ignore[type-var]

    def __getitem__(self, rows) -> Any:
        return self.map(lambda t: t[rows])

    def to(self, *args: Any) -> Any:
        """Every floating-point tensor in a dtype, or every tensor on a device."""
        return self.map(lambda t: t.to(*args) if t.is_floating_point() or isinstance(args[0], torch.device) else t)


@dataclass(frozen=True)
class Camera(_Batched):
    """Pinhole cameras. The ray of a point (u, v) of the picture is forward + (u right + v up) / focal.

    v runs from -1 at the lower to 1 at the upper border, u likewise in the same unit, so that pixels are square. A
    point's depth is how far it lies along `forward`.
    """

    position: Tensor  # (b, 3)
    turn: Tensor  # (b, 3, 3): rows are the camera's right, up and forward in the world
    focal: Tensor  # (b,) focal length in half-heights of the picture

    @staticmethod
    def looking(position: Tensor, at: Tensor, focal: Tensor) -> Camera:
        """Cameras at `position` (b, 3) that look at `at` (b, 3), upright."""
        forward = unit_vector(at - position)
        up = torch.zeros_like(forward)
        up[:, 1] = 1
        right = unit_vector(cross(forward, up))
        return Camera(position, torch.stack([right, cross(right, forward), forward], 1), focal)


@dataclass(frozen=True)
class Light(_Batched):
    """Sun, sky, lamps and air of each picture."""

    sun: Tensor  # (b, 3) unit vector towards the sun
    sun_colour: Tensor  # (b, 3) light on a surface that faces it
    sun_width: Tensor  # (b,) tangent of the sun's angular radius: 0 casts hard shadows
    sky: Tensor  # (b, 3) light from above
    ground: Tensor  # (b, 3) light from below
    lamp: Tensor  # (b, l, 3) places of point lights; l may be 0
    lamp_colour: Tensor  # (b, l, 3) light at distance zero
    lamp_reach: Tensor  # (b, l) metres at which it has fallen to a half
    fog: Tensor  # (b,) per metre: light from a depth d is dimmed by exp(-fog d)
    fog_colour: Tensor  # (b, 3)
    low: Tensor  # (b, 3) colour where rays end: at the horizon, or at the picture's lower border
    high: Tensor  # (b, 3) colour at the zenith, or at the picture's upper border
    studio: Tensor  # (b,) 1: the colours behind are a backdrop fixed to the picture; 0: a sky of directions


@dataclass(frozen=True)
class Bodies(_Batched):
    """The primitives of each picture."""

    kind: Tensor  # (b, k) int64
    axes: Tensor  # (b, k, 3, 3): world = origin + axes @ p; columns are the body's own axes, lengths included
    origin: Tensor  # (b, k, 3)
    shape: Tensor  # (b, k)
    clip: Tensor  # (b, k, CLIPS, 4): normal and offset in the body's own coordinates
    stencil: Tensor  # (b, k) int64: class
    instance: Tensor  # (b, k) int64: id; what belongs to one thing shares it
    colour: Tensor  # (b, k, 3)
    second: Tensor  # (b, k, 3) the texture's other colour
    texture: Tensor  # (b, k) int64
    scale: Tensor  # (b, k, 3) the texture's frequency along the body's axes
    glow: Tensor  # (b, k) light that it gives off, as a multiple of its colour
    gloss: Tensor  # (b, k) strength of the highlight
    blend: Tensor  # (b, k) int64: the primitive whose normal this one takes on where they meet; -1: none
    blend_width: Tensor  # (b, k) how far from the other's surface, in the other's own coordinates


@dataclass(frozen=True)
class Scene:
    """A batch of pictures before they are rendered."""

    camera: Camera
    light: Light
    bodies: Bodies
    saturation: Tensor  # (b,) of the picture's colours: 1 as they are, 0 grey

    def __len__(self) -> int:
        return len(self.saturation)

    def __getitem__(self, rows) -> Scene:
        return Scene(self.camera[rows], self.light[rows], self.bodies[rows], self.saturation[rows])

    def to(self, *args: Any) -> Scene:
        """In another dtype, such as float64, or on a device."""
        parts = (self.camera.to(*args), self.light.to(*args), self.bodies.to(*args))
        return Scene(*parts, self.saturation.to(*args))


def srgb(red: float, green: float, blue: float) -> tuple[float, float, float]:
    """Linear light of a colour as a screen shows it; the renderer shows the square root of light.

    >>> srgb(0.5, 1.0, 0.0)
    (0.25, 1.0, 0.0)
    """
    return red * red, green * green, blue * blue


class Builder:
    """Collects primitives that are batched over b pictures, and stacks them.

    Numbers may be floats, (b,) tensors, or for vectors 3-tuples and (b, 3) tensors. Each `add_...` returns the
    primitive's number, which `blend` of a later one may name.
    """

    def __init__(self, n: int, *, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32):
        self.n, self.device, self.dtype = n, device, dtype
        self._rows: list[dict[str, Tensor]] = []  # blocks (b, m, ...)

    def add(
        self,
        kind: int,
        origin: Any,
        axes: Any,
        *,
        colour: Any,
        stencil: Any,
        instance: Any = 0,
        shape: Any = 0.0,
        clips: Sequence[Any] = (),
        second: Any = None,
        texture: str = "plain",
        scale: Any = (1.0, 1.0, 1.0),
        glow: Any = 0.0,
        gloss: Any = 0.0,
        blend: int = -1,
        blend_width: Any = 0.1,
        where: Any = None,
    ) -> int:
        """One primitive a picture. `axes` (b, 3, 3) or 3 half sizes; `where` (b,) bool: the pictures that have it."""
        present = torch.ones(self.n, dtype=torch.bool, device=self.device) if where is None else where.to(self.device)
        all_clips = [*clips, *[NO_CLIP] * (CLIPS - len(clips))]
        row = {
            "kind": torch.where(present, kind, NONE),
            "axes": self.axes(axes),
            "origin": self.vector(origin),
            "shape": self.number(shape),
            "clip": torch.stack([self._clip(clip) for clip in all_clips], 1),
            "stencil": self.integer(stencil),
            "instance": self.integer(instance),
            "colour": self.vector(colour),
            "second": self.vector(colour if second is None else second),
            "texture": self.integer(TEXTURES.index(texture)),
            "scale": self.vector(scale),
            "glow": self.number(glow),
            "gloss": self.number(gloss),
            "blend": self.integer(blend),
            "blend_width": self.number(blend_width),
        }
        return self._append({name: value[:, None] for name, value in row.items()})

    def add_many(self, kind: int, origin: Tensor, axes: Tensor, **same: Any) -> int:
        """Primitives that differ in origin (b, m, 3) and axes (b, m, 3, 3) only; the first one's number."""
        number = self.add(kind, origin[:, 0], axes[:, 0], **same)
        row = {name: v.expand(-1, origin.shape[1], *v.shape[2:]) for name, v in self._rows.pop().items()}
        self._rows.append({**row, "origin": origin, "axes": axes})
        return number

    def _append(self, row: dict[str, Tensor]) -> int:
        number = sum(block["kind"].shape[1] for block in self._rows)
        self._rows.append(row)
        return number

    def bodies(self) -> Bodies:
        """All that was added."""
        return Bodies(**{name: torch.cat([row[name] for row in self._rows], 1) for name in self._rows[0]})

    def number(self, value: Any) -> Tensor:
        """(b,) of a float or a (b,) tensor."""
        return torch.as_tensor(value, dtype=self.dtype, device=self.device).expand(self.n)

    def integer(self, value: Any) -> Tensor:
        """(b,) int64."""
        return torch.as_tensor(value, dtype=torch.int64, device=self.device).expand(self.n)

    def vector(self, value: Any) -> Tensor:
        """(b, 3) of a (b, 3) tensor, or of three floats or (b,) tensors."""
        if isinstance(value, Tensor):
            return value.to(self.device, self.dtype).expand(self.n, 3)
        return torch.stack([self.number(part) for part in value], 1)

    def axes(self, value: Any) -> Tensor:
        """(b, 3, 3) of a matrix, or of three half sizes along the world's axes."""
        if isinstance(value, Tensor) and value.ndim >= 2 and value.shape[-2:] == (3, 3):
            return value.to(self.device, self.dtype).expand(self.n, 3, 3)
        return torch.diag_embed(self.vector(value))

    def _clip(self, value: Any) -> Tensor:
        if isinstance(value, Tensor):
            return value.to(self.device, self.dtype).expand(self.n, 4)
        return torch.stack([self.number(part) for part in value], 1)


def segment(start: Tensor, end: Tensor, radius: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Origin, axes and shape of the capsule between two points (b, 3) with a radius (b,)."""
    reach = length(end - start).clamp(min=1e-9)
    y = (end - start) / reach[:, None]
    other = torch.zeros_like(y)
    other[:, 0] = (y[:, 1].abs() > 0.9).to(y.dtype)
    other[:, 1] = 1 - other[:, 0]
    x = unit_vector(cross(y, other))
    axes = torch.stack([x, y, cross(x, y)], 2) * radius[:, None, None]
    return (start + end) / 2, axes, reach / 2 / radius

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
TEXTURES = ("plain", "noise", "stripes", "checks", "windows", "road", "bark", "fabric", "strands", "homes")
CLIPS = 2  # of one primitive
NO_CLIP = (0.0, 0.0, 0.0, 1.0)


class _Batched:
    """Tensors whose first axis is the picture."""

    def map(self, function) -> Any:
        """The same with the function applied to every tensor."""
        parts = {f.name: getattr(self, f.name) for f in fields(self)}  # type: ignore[arg-type]
        return replace(self, **{name: _mapped(part, function) for name, part in parts.items()})  # type: ignore[type-var]

    def __getitem__(self, rows) -> Any:
        return self.map(lambda t: t[rows])

    def to(self, *args: Any) -> Any:
        """Every floating-point tensor in a dtype, or every tensor on a device."""
        return self.map(lambda t: t.to(*args) if t.is_floating_point() or isinstance(args[0], torch.device) else t)


def _mapped(part: Any, function) -> Any:
    if part is None:
        return None
    return part.map(function) if isinstance(part, _Batched) else function(part)


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
        """Cameras at `position` (b, 3) that look at `at` (b, 3), upright; straight down or up, with z down or up."""
        forward = unit_vector(at - position)
        steep = forward[:, 1].abs() > 1 - 1e-6
        up = torch.zeros_like(forward)
        up[:, 1] = (~steep).to(up.dtype)
        up[:, 2] = torch.where(steep, forward[:, 1], 0.0)
        right = unit_vector(cross(forward, up))
        return Camera(position, torch.stack([right, cross(right, forward), forward], 1), focal)


@dataclass(frozen=True)
class Weather(_Batched):
    """Rain and snow before the picture, clouds and a glow about the sun behind it, and how wet its ground is."""

    rain: Tensor  # (b,) 0 none .. 1 heavy
    snow: Tensor  # (b,) 0 none .. 1 dense
    colour: Tensor  # (b, 3) of drops and flakes
    wind: Tensor  # (b,) metres that what falls goes to the right for one down
    phase: Tensor  # (b,) in [0, 1): tells items apart
    moment: Tensor  # (b,) seconds
    cloud: Tensor  # (b,) 0 none .. 1: all of the sky
    cloud_colour: Tensor  # (b, 3)
    halo: Tensor  # (b, 3) light of the sky around the sun
    wet: Tensor  # (b,) 0 .. 1: how much what faces up mirrors the sky


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
    weather: Weather | None = None  # None: nothing falls before a cloudless sky


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

    def packed(self) -> Bodies:
        """The same in the same order, without what pictures do not use: as many as the fullest of them has are left."""
        some = (self.kind != NONE).to(torch.int8)
        blend = torch.where(some > 0, self.blend, -1)
        some = some.scatter_reduce(1, blend.clamp(min=0), (blend >= 0).to(torch.int8), "amax")
        order = some.argsort(dim=1, descending=True, stable=True)
        place, order = order.argsort(dim=1), order[:, : max(1, int(some.sum(1).max()))]
        if order.shape == place.shape:
            return self
        moved = replace(self, blend=torch.where(blend >= 0, place.gather(1, blend.clamp(min=0)), -1))
        rows = (order + torch.arange(len(order), device=order.device)[:, None] * some.shape[1]).flatten()
        return moved.map(lambda t: t.flatten(0, 1).index_select(0, rows).unflatten(0, order.shape))


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
    """Collects primitives that are batched over n pictures, and stacks them.

    Numbers may be floats or (n,) tensors, vectors three of them or a (n, 3) tensor. `add` returns the primitive's
    number, which `blend` of another may name. What is the same in all pictures is put into the tensors at once.
    """

    def __init__(self, n: int, *, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32):
        self.n, self.device, self.dtype = n, device, dtype
        self._numbers: dict[str, list[list[Any]]] = {name: [] for name in _WIDTHS}
        self._integers: dict[str, list[list[Any]]] = {name: [] for name in _INTEGERS}

    def add(
        self,
        kind: int | Tensor,
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
        where: Tensor | None = None,
    ) -> int:
        """One primitive a picture. `axes` (n, 3, 3) or 3 half sizes; `where` (n,) bool: the pictures that have it.

        A kind may be (n,) int64 where no clips are.
        """
        if len(clips) > CLIPS or (clips and kind == CAPSULE):
            raise ValueError(f"'clips' must be at most {CLIPS}, and none of a capsule; got {len(clips)}.")
        numbers = {
            "axes": _matrix(axes),
            "origin": _parts(origin),
            "shape": [shape],
            "clip": [part for clip in (*clips, *[NO_CLIP] * (CLIPS - len(clips))) for part in _parts(clip)],
            "colour": _parts(colour),
            "second": _parts(colour if second is None else second),
            "scale": _parts(scale),
            "glow": [glow],
            "gloss": [gloss],
            "blend_width": [blend_width],
        }
        integers = {
            "kind": kind if where is None else torch.where(where, kind, NONE),
            "stencil": stencil,
            "instance": instance,
            "texture": TEXTURES.index(texture),
            "blend": blend,
        }
        for name, parts in numbers.items():
            self._numbers[name].append(parts)
        for name, value in integers.items():
            self._integers[name].append([value])
        return len(self._integers["kind"]) - 1

    def add_many(self, kind: int, origin: Tensor, axes: Tensor, **same: Any) -> int:
        """Primitives that differ in origin (n, m, 3) and axes (n, m, 3, 3) only; the first one's number."""
        numbers = [self.add(kind, origin[:, k], axes[:, k], **same) for k in range(origin.shape[1])]
        return numbers[0]

    def number(self, value: Any) -> Tensor:
        """(n,) of a float or a (n,) tensor."""
        return torch.as_tensor(value, dtype=self.dtype, device=self.device).expand(self.n)

    def vector(self, value: Any) -> Tensor:
        """(n, 3) of a (n, 3) tensor, or of three floats or (n,) tensors."""
        if isinstance(value, Tensor):
            return value.to(self.device, self.dtype).expand(self.n, 3)
        return torch.stack([self.number(part) for part in value], 1)

    def axes(self, value: Any) -> Tensor:
        """(n, 3, 3) of a matrix, or of three half sizes along the world's axes."""
        if isinstance(value, Tensor) and value.ndim == 3:  # (3, 3) are the half sizes of three pictures
            return value.to(self.device, self.dtype).expand(self.n, 3, 3)
        return torch.diag_embed(self.vector(value))

    def bodies(self) -> Bodies:
        """All that was added."""
        tensors = {name: self._stacked(rows, self.dtype) for name, rows in self._numbers.items()}
        tensors |= {name: self._stacked(rows, torch.int64) for name, rows in self._integers.items()}
        shapes = _WIDTHS | dict.fromkeys(_INTEGERS, ())
        return Bodies(**{name: t.reshape(self.n, -1, *shapes[name]) for name, t in tensors.items()})

    def _stacked(self, rows: list[list[Any]], dtype: torch.dtype) -> Tensor:
        """(n, k, width) of k rows of parts: numbers, (n,) tensors, or one (n, width) tensor in their place."""
        width = max(sum(part.shape[1] if _is_matrix(part) else 1 for part in row) for row in rows)
        constants, varying, place = [], [], 0
        for row in rows:
            for part in row:
                size = part.shape[1] if _is_matrix(part) else 1
                if isinstance(part, Tensor):
                    varying.append((place, size, part))
                constants += [0.0] * size if isinstance(part, Tensor) else [part]
                place += size
        table = torch.tensor(constants, dtype=dtype, device=self.device).repeat(self.n, 1)
        for start, size, part in varying:
            table[:, start : start + size] = part if _is_matrix(part) else part[..., None]
        return table.view(self.n, len(rows), width)


_WIDTHS: dict[str, tuple[int, ...]] = {
    "axes": (3, 3),
    "origin": (3,),
    "shape": (),
    "clip": (CLIPS, 4),
    "colour": (3,),
    "second": (3,),
    "scale": (3,),
    "glow": (),
    "gloss": (),
    "blend_width": (),
}
_INTEGERS = ("kind", "stencil", "instance", "texture", "blend")


def _is_matrix(part: Any) -> bool:
    return isinstance(part, Tensor) and part.ndim == 2


def _parts(value: Any) -> list[Any]:
    """A vector as parts: one (n, width) tensor, or numbers and (n,) tensors."""
    if isinstance(value, Tensor):
        return [value if value.ndim == 2 else value[None]]
    return list(value)


def _matrix(value: Any) -> list[Any]:
    """A matrix as parts: of a tensor, or of three half sizes along the world's axes."""
    if isinstance(value, Tensor) and value.ndim == 3:  # (3, 3) are the half sizes of three pictures
        return [value.reshape(-1, 9)]
    if isinstance(value, Tensor):
        return [torch.diag_embed(value).reshape(-1, 9)]
    x, y, z = value
    return [x, 0.0, 0.0, 0.0, y, 0.0, 0.0, 0.0, z]


def segment(start: Tensor, end: Tensor, radius: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Origin, axes and shape of the capsule between two points (b, 3) with a radius (b,): a ball if they are one."""
    reach = length(end - start)
    y = (end - start) / reach.clamp(min=1e-9)[:, None]
    y = torch.where(reach[:, None] > 1e-9, y, y.new_tensor([0.0, 1.0, 0.0]))
    other = torch.zeros_like(y)
    other[:, 0] = (y[:, 1].abs() > 0.9).to(y.dtype)
    other[:, 1] = 1 - other[:, 0]
    x = unit_vector(cross(y, other))
    axes = torch.stack([x, y, cross(x, y)], 2) * radius[:, None, None]
    return (start + end) / 2, axes, reach / 2 / radius

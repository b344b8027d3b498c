"""Tools to put a turning body together: a builder that works in a part's own frame, links, clips and colours.

Here a number of n pictures is (n, m), m things of each picture, with m = 1 for what they share; points are (n, m, 3).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from daedal.data.worlds.scene import CAPSULE, ELLIPSOID, Builder
from daedal.data.worlds.vectors import apply, cross, length, product, unit_vector

Colour = tuple[float, float, float]


class Figure:
    """Adds primitives in the coordinates of a part that is turned about a pivot: world = pivot + turn (p - pivot)."""

    def __init__(self, builder: Builder, turn: Tensor, pivot: Tensor):
        self.builder, self.turn, self.pivot = builder, turn[:, None], pivot[:, None]

    def place(self, point: Tensor) -> Tensor:
        """Points (n, m, 3) of the part in the world."""
        return self.pivot + apply(self.turn, point - self.pivot)

    def ellipsoid(self, centre: Tensor, axes: Tensor, colour: Any, stencil: int, **options: Any) -> int:
        """Ellipsoids at (n, m, 3) with half sizes (n, 1 or m, 3) or axes (n, 1 or m, 3, 3)."""
        axes = axes if axes.ndim == 4 else torch.diag_embed(axes)
        return self._add(ELLIPSOID, centre, axes, colour, stencil, **options)

    def link(
        self, start: Tensor, end: Tensor, width: Any, colour: Any, stencil: int, *, depth: Any = None, **options: Any
    ) -> int:
        """Capsules from points to points (n, m, 3), `width` thick up and down and `depth` along z (half sizes).

        Their `shape` is a constant and their axes stretch, so that a point keeps its coordinates while they deform.
        """
        shape = options.pop("shape", 1.5)
        along = unit_vector(end - start)
        side = unit_vector(cross(along, _forward(along)))
        reach = length(end - start).clamp(min=1e-6) / 2 / shape
        width, depth = 0 * reach + width, 0 * reach + (width if depth is None else depth)
        axes = torch.stack(
            [side * width[..., None], along * reach[..., None], cross(side, along) * depth[..., None]], 3
        )
        return self._add(CAPSULE, (start + end) / 2, axes, colour, stencil, shape=shape, **options)

    def chain(self, knots: Tensor, width: Any, colour: Any, stencil: int, **options: Any) -> int:
        """Links from knot to knot (n, m, 3)."""
        return self.link(knots[:, :-1], knots[:, 1:], width, colour, stencil, **options)

    def _add(self, kind: int, centre: Tensor, axes: Tensor, colour: Any, stencil: int, **options: Any) -> int:
        axes = product(self.turn, axes).expand(*centre.shape[:2], 3, 3)
        more = {"colour": colour, "stencil": stencil, "instance": 1, **options}
        return self.builder.add_many(kind, self.place(centre), axes, **more)


def _forward(along: Tensor) -> Tensor:
    """The z axis, or where a link lies along it the y axis."""
    steep = (along[..., 2].abs() > 0.9).to(along.dtype)
    return torch.stack([torch.zeros_like(steep), steep, 1 - steep], -1)


def vector(x: Any, y: Any, z: Any) -> Tensor:
    """(..., 3) of three numbers or tensors that broadcast, of which one is a tensor."""
    return stacked(x, y, z)


def clip(x: Any, y: Any, z: Any, offset: Any) -> Tensor:
    """A clip (n, 4) of numbers or tensors (n, 1)."""
    return stacked(x, y, z, offset)[:, 0]


def stacked(*parts: Any) -> Tensor:
    """Numbers and tensors that broadcast, along a new last axis."""
    like = next(part for part in parts if isinstance(part, Tensor))
    full = [torch.as_tensor(part, dtype=like.dtype, device=like.device) for part in parts]
    return torch.stack(torch.broadcast_tensors(*full), -1)


def row(like: Tensor, *numbers: float) -> Tensor:
    """Constants (m,) of the type and on the device of a tensor: one for each of m things."""
    return torch.tensor(numbers, dtype=like.dtype, device=like.device)


def mix(start: Tensor, end: Tensor, place: Tensor) -> Tensor:
    """Linear light (n, 3) that looks like start + place (end - start), place (n, 1): a screen shows its root."""
    start, end = start.sqrt(), end.sqrt()
    between = start + place * (end - start)
    return between * between


def ramp(place: Tensor, low: float, high: float) -> Tensor:
    """0 below `low`, 1 above `high`, straight between."""
    return ((place - low) / (high - low)).clamp(0, 1)


def tint(stops: Sequence[Colour], place: Tensor) -> Tensor:
    """Linear light (n, 3) of the colour at `place` (n, 1) among evenly spaced ones, given as a screen shows them."""
    table = torch.tensor(stops, dtype=place.dtype, device=place.device)
    below = (place[:, 0] * (len(stops) - 1)).floor().clamp(0, len(stops) - 2).to(torch.int64)
    shown = table[below] + (place * (len(stops) - 1) - below[:, None]) * (table[below + 1] - table[below])
    return shown * shown

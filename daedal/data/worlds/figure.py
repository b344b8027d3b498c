"""Tools to put a turning body together: a builder that works in a part's own frame, knots that links join, colours."""

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
        self.builder, self.turn, self.pivot = builder, turn, pivot

    def place(self, point: Tensor) -> Tensor:
        """Points (n, 3) of the part in the world."""
        return self.pivot + apply(self.turn, point - self.pivot)

    def ellipsoid(self, centre: Any, half: Any, colour: Any, stencil: int, **options: Any) -> int:
        """An ellipsoid of half sizes, or of axes (n, 3, 3)."""
        axes = product(self.turn, self.builder.axes(half))
        place = self.place(self.builder.vector(centre))
        return self.builder.add(ELLIPSOID, place, axes, colour=colour, stencil=stencil, instance=1, **options)

    def link(
        self, start: Tensor, end: Tensor, width: Any, colour: Any, stencil: int, *, depth: Any = None, **options: Any
    ) -> int:
        """A capsule from point to point, `width` thick up and down and `depth` along z (half sizes).

        Its `shape` is a constant and its axes stretch, so that a point keeps its coordinates while the link deforms.
        """
        width = self.builder.number(width)
        depth = width if depth is None else self.builder.number(depth)
        shape = self.builder.number(options.pop("shape", 1.5))
        along = unit_vector(end - start)
        side = unit_vector(cross(along, _forward(along)))
        reach = length(end - start).clamp(min=1e-6) / 2 / shape
        axes = torch.stack([side * width[:, None], along * reach[:, None], cross(side, along) * depth[:, None]], 2)
        place, axes = self.place((start + end) / 2), product(self.turn, axes)
        more = {"colour": colour, "stencil": stencil, "instance": 1, "shape": shape, **options}
        return self.builder.add(CAPSULE, place, axes, **more)

    def chain(self, knots: Sequence[Tensor], width: Any, colour: Any, stencil: int, **options: Any) -> None:
        """Links from knot to knot."""
        for start, end in zip(knots, knots[1:], strict=False):
            self.link(start, end, width, colour, stencil, **options)


def _forward(along: Tensor) -> Tensor:
    """The z axis, or where a link lies along it the y axis."""
    steep = (along[:, 2].abs() > 0.9).to(along.dtype)
    return torch.stack([torch.zeros_like(steep), steep, 1 - steep], 1)


def vector(x: Any, y: Any, z: Any) -> Tensor:
    """(n, 3) of three numbers or (n,) tensors, of which one is a tensor."""
    like = next(part for part in (x, y, z) if isinstance(part, Tensor))
    parts = (torch.as_tensor(part, dtype=like.dtype, device=like.device).expand(like.shape) for part in (x, y, z))
    return torch.stack(list(parts), 1)


def mix(start: Any, end: Any, place: Tensor) -> Tensor:
    """start + place (end - start) of colours (n, 3) or (3,), (n, 3)."""
    start, end = (torch.as_tensor(part, dtype=place.dtype, device=place.device) for part in (start, end))
    return start + place[:, None] * (end - start)


def ramp(place: Tensor, low: float, high: float) -> Tensor:
    """0 below `low`, 1 above `high`, straight between."""
    return ((place - low) / (high - low)).clamp(0, 1)


def tint(stops: Sequence[Colour], place: Tensor) -> Tensor:
    """Linear light (n, 3) of the colour at `place` in [0, 1] among evenly spaced ones, given as a screen shows them."""
    total = torch.zeros(len(place), 3, dtype=place.dtype, device=place.device)
    for k, stop in enumerate(stops):
        weight = (1 - (place * (len(stops) - 1) - k).abs()).clamp(min=0)
        total = total + weight[:, None] * torch.tensor(stop, dtype=place.dtype, device=place.device)
    return total * total

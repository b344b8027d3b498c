"""Where rays meet primitives, and the surface there, in a primitive's own coordinates; columns that broadcast.

A ray is o + t d. Rays of one camera share o, rays of one sun share d: what is the same for many rays may have size 1
along their axis, and costs that little.

Conditions are penalties: `beyond(x)` is 0 where x <= 0 and huge elsewhere, and a t to which a penalty was added is
beyond `FAR`, which means missed. A comparison and a choice cost eight times as much as a product, on a CPU.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from daedal.data.worlds.scene import BOX, CAPSULE, CONE, ELLIPSOID, PLANE
from daedal.data.worlds.vectors import Columns, add, dot, scaled

INF = float("inf")
FAR = 1e9  # metres: a t above this means that the ray misses
HUGE = 1e30
TINY = 1e-20  # added to what is divided by, which is never exactly its negative


def beyond(x: Tensor) -> Tensor:
    """A penalty where x > 0."""
    return x.clamp(min=0) * HUGE


def meet(kind: int, o: Columns, d: Columns, shape: Tensor, clips: list[tuple[Columns, Tensor]], near: float) -> Tensor:
    """The least t > `near` at which the ray is on the primitive and within its clips (normal, offset); else > `FAR`.

    Capsules know no clips, and are met from outside only.
    """
    nearest: Tensor | None = None
    cuts = [(dot(normal, o) - offset, dot(normal, d)) for normal, offset in clips]
    for t, penalty in _CANDIDATES[kind](o, d, shape):
        for at_o, along in cuts:
            penalty = penalty + beyond(at_o + t * along)
        t = t + (penalty + beyond(near - t))
        nearest = t if nearest is None else torch.minimum(nearest, t)
    assert nearest is not None
    return nearest


Candidates = list[tuple[Tensor, Tensor]]  # where the ray may be on the surface, and the penalty where it is not


def _root(b: Tensor, ac: Tensor) -> tuple[Tensor, Tensor]:
    """The root of b^2 - ac, and the penalty where there is none."""
    square = b * b - ac
    return square.clamp(min=0).sqrt(), beyond(-square)  # the root of a negative number takes ten times as long


def _plane(o: Columns, d: Columns, shape: Tensor) -> Candidates:
    t = -o[1] / (d[1] + TINY)
    return [(t, torch.zeros_like(t))]


def _ellipsoid(o: Columns, d: Columns, shape: Tensor) -> Candidates:
    a, b = dot(d, d), dot(o, d)
    root, missed = _root(b, a * (dot(o, o) - 1))
    return [((-b - root) / a, missed), ((root - b) / a, missed)]


def _box(o: Columns, d: Columns, shape: Tensor) -> Candidates:
    enter, leave = None, None
    for position, direction in zip(o, d, strict=True):
        step = 1 / (direction + TINY)
        middle, half = -position * step, step.abs()
        low, high = middle - half, middle + half
        enter = low if enter is None else torch.maximum(enter, low)
        leave = high if leave is None else torch.minimum(leave, high)
    assert enter is not None
    assert leave is not None
    missed = beyond(enter - leave)
    return [(enter, missed), (leave, missed)]


def _cone(o: Columns, d: Columns, shape: Tensor) -> Candidates:
    """Side x^2 + z^2 = (m + s y)^2 with m the middle radius, and two caps."""
    m, s = (1 + shape) / 2, (shape - 1) / 2
    radius, slope = m + s * o[1], s * d[1]
    a = d[0] * d[0] + d[2] * d[2] - slope * slope + TINY
    b = o[0] * d[0] + o[2] * d[2] - slope * radius
    c = o[0] * o[0] + o[2] * o[2] - radius * radius
    root, missed = _root(b, a * c)
    q = b + torch.copysign(root, b) + TINY  # no cancellation where a vanishes, along the side
    found: Candidates = []
    for t in (-q / a, -c / q):
        found.append((t, missed + beyond((o[1] + t * d[1]).abs() - 1)))
    for end, reach in ((-1.0, torch.ones_like(shape)), (1.0, shape)):
        t = (end - o[1]) / (d[1] + TINY)
        x, z = o[0] + t * d[0], o[2] + t * d[2]
        found.append((t, beyond(x * x + z * z - reach * reach)))
    return found


def _capsule(o: Columns, d: Columns, half: Tensor) -> Candidates:
    """A ball about the point of the segment next to where the ray meets the endless cylinder."""
    a = d[0] * d[0] + d[2] * d[2] + TINY
    b = o[0] * d[0] + o[2] * d[2]
    root, _ = _root(b, a * (o[0] * o[0] + o[2] * o[2] - 1))
    height = o[1] + (-b - root) / a * d[1]
    y = o[1] - torch.minimum(torch.maximum(height, -half), half)
    a, b = a + d[1] * d[1], b + y * d[1]
    root, missed = _root(b, a * (o[0] * o[0] + o[2] * o[2] - 1 + y * y))
    return [((-b - root) / a, missed)]


_CANDIDATES: dict[int, Callable[[Columns, Columns, Tensor], Candidates]] = {
    PLANE: _plane,
    BOX: _box,
    ELLIPSOID: _ellipsoid,
    CONE: _cone,
    CAPSULE: _capsule,
}


def normal(kind: int, p: Columns, shape: Tensor) -> Columns:
    """The surface's normal at p, of any length, pointing outwards."""
    return _NORMALS[kind](p, shape)


def _normal_plane(p: Columns, shape: Tensor) -> Columns:
    zero = torch.zeros_like(p[0])
    return zero, torch.ones_like(zero), zero


def _normal_box(p: Columns, shape: Tensor) -> Columns:
    size = [part.abs() for part in p]
    x = (size[0] >= size[1]) & (size[0] >= size[2])
    y = ~x & (size[1] >= size[2])
    return p[0] * x, p[1] * y, p[2] * ~(x | y)


def _normal_cone(p: Columns, shape: Tensor) -> Columns:
    m, s = (1 + shape) / 2, (shape - 1) / 2
    radius = m + s * p[1]
    cap = 1 - p[1].abs() < radius - (p[0] * p[0] + p[2] * p[2]).sqrt()
    side = ~cap
    return p[0] * side, torch.where(cap, p[1], -s * radius), p[2] * side


def _normal_capsule(p: Columns, shape: Tensor) -> Columns:
    return p[0], p[1] - torch.minimum(torch.maximum(p[1], -shape), shape), p[2]


_NORMALS: dict[int, Callable[[Columns, Tensor], Columns]] = {
    PLANE: _normal_plane,
    BOX: _normal_box,
    ELLIPSOID: lambda p, shape: p,
    CONE: _normal_cone,
    CAPSULE: _normal_capsule,
}


def above(kind: int, p: Columns, shape: Tensor) -> Tensor:
    """How far p is outside the surface, in the primitive's own coordinates; negative inside."""
    if kind == PLANE:
        return p[1]
    if kind == ELLIPSOID:
        return dot(p, p).sqrt() - 1
    if kind == CAPSULE:
        n = _normal_capsule(p, shape)
        return dot(n, n).sqrt() - 1
    if kind == BOX:
        return torch.maximum(torch.maximum(p[0].abs(), p[1].abs()), p[2].abs()) - 1
    radius = (1 + shape) / 2 + (shape - 1) / 2 * p[1]
    return torch.maximum((p[0] * p[0] + p[2] * p[2]).sqrt() - radius, p[1].abs() - 1)


def at(o: Columns, d: Columns, t: Tensor) -> Columns:
    """The point o + t d."""
    return add(o, scaled(d, t))

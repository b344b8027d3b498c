"""Where rays meet primitives, and the surface there, in a primitive's own coordinates; columns that broadcast.

A ray is o + t d. Rays of one camera share o, rays of one sun share d: what is the same for many rays may have size 1
along their axis, and costs that little. A missed primitive is met at infinity.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from daedal.data.worlds.scene import BOX, CAPSULE, CONE, ELLIPSOID, PLANE
from daedal.data.worlds.vectors import Columns, add, dot, scaled

INF = float("inf")
TINY = 1e-20


def meet(kind: int, o: Columns, d: Columns, shape: Tensor, clips: list[tuple[Columns, Tensor]], near: float) -> Tensor:
    """The least t > `near` at which the ray is on the primitive and within its clips (normal, offset); else infinity.

    Capsules know no clips, and are met from outside only.
    """
    if kind == CAPSULE:
        return _capsule(o, d, shape, near)
    nearest: Tensor | None = None
    crossings = [(dot(normal, o), dot(normal, d), offset) for normal, offset in clips]
    for t, valid in _CANDIDATES[kind](o, d, shape):
        ok = t > near if valid is None else valid & (t > near)
        for at_o, along, offset in crossings:
            ok = ok & (at_o + t * along <= offset)
        t = torch.where(ok, t, INF)
        nearest = t if nearest is None else torch.minimum(nearest, t)
    assert nearest is not None
    return nearest


Candidates = list[tuple[Tensor, Tensor | None]]  # where the ray may be on the surface, and where it is


def _plane(o: Columns, d: Columns, shape: Tensor) -> Candidates:
    return [(-o[1] / d[1], None)]  # a ray along the plane: infinity or NaN, which is not above `near`


def _ellipsoid(o: Columns, d: Columns, shape: Tensor) -> Candidates:
    a, b, c = dot(d, d), dot(o, d), dot(o, o) - 1
    root = (b * b - a * c).sqrt()  # NaN where it misses, and a comparison with NaN is false
    return [((-b - root) / a, None), ((root - b) / a, None)]


def _box(o: Columns, d: Columns, shape: Tensor) -> Candidates:
    enter, leave = None, None
    for position, direction in zip(o, d, strict=True):
        step = 1 / torch.where(direction.abs() < TINY, TINY, direction)
        one, two = (-1 - position) * step, (1 - position) * step
        low, high = torch.minimum(one, two), torch.maximum(one, two)
        enter = low if enter is None else torch.maximum(enter, low)
        leave = high if leave is None else torch.minimum(leave, high)
    assert enter is not None
    assert leave is not None
    hit = enter <= leave
    return [(enter, hit), (leave, hit)]


def _cone(o: Columns, d: Columns, shape: Tensor) -> Candidates:
    """Side x^2 + z^2 = (m + s y)^2 with m the middle radius, and two caps."""
    m, s = (1 + shape) / 2, (shape - 1) / 2
    radius, slope = m + s * o[1], s * d[1]
    a = d[0] * d[0] + d[2] * d[2] - slope * slope
    b = o[0] * d[0] + o[2] * d[2] - slope * radius
    c = o[0] * o[0] + o[2] * o[2] - radius * radius
    sum_ = b + torch.copysign((b * b - a * c).sqrt(), b)  # no cancellation where a vanishes, along the side
    found: Candidates = []
    for t in (-sum_ / a, -c / sum_):
        found.append((t, (o[1] + t * d[1]).abs() <= 1))
    for end, reach in ((-1.0, torch.ones_like(shape)), (1.0, shape)):
        t = (end - o[1]) / d[1]
        x, z = o[0] + t * d[0], o[2] + t * d[2]
        found.append((t, x * x + z * z <= reach * reach))
    return found


_CANDIDATES: dict[int, Callable[[Columns, Columns, Tensor], Candidates]] = {
    PLANE: _plane,
    BOX: _box,
    ELLIPSOID: _ellipsoid,
    CONE: _cone,
}


def _capsule(o: Columns, d: Columns, half: Tensor, near: float) -> Tensor:
    """The side where the ray meets it between the ends, else the ball at the end that lies that way."""
    a = d[0] * d[0] + d[2] * d[2]
    a = torch.where(a < TINY, TINY, a)
    b = o[0] * d[0] + o[2] * d[2]
    c = o[0] * o[0] + o[2] * o[2] - 1
    side = (-b - (b * b - a * c).sqrt()) / a
    height = o[1] + side * d[1]
    end = torch.where(height < 0, -half, half)  # NaN where it misses the side: then it misses both balls, or is along y
    along_y = torch.where(d[1] > 0, -half, half)
    end = torch.where(height == height, end, along_y)
    y = o[1] - end
    aa, bb, cc = a + d[1] * d[1], b + y * d[1], c + y * y
    ball = (-bb - (bb * bb - aa * cc).sqrt()) / aa
    t = torch.where(height.abs() <= half, side, ball)
    return torch.where(t > near, t, INF)


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

"""Which primitive each ray meets first, and whether anything lies between a point and the sun.

Rays come in groups (g, r) that lie close together, such as the 8 x 8 pixels of a tile. A group is compared with only
those primitives that can lie in its way: of the camera's rays by the rectangle that a primitive's enclosing ellipsoid
covers in the picture, of the sun's by enclosing balls. Groups are then taken with most candidates first, so that the
k-th candidates of all groups that have so many are the first rows of a tensor, and a running minimum needs no scatter.
What is left out this way is never met, so the result does not depend on groups or chunks, to the last bit.

The order in which candidates are compared is by kind and then by number, and the first of equally near ones is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from daedal.data.worlds.primitives import INF, meet
from daedal.data.worlds.scene import BOX, CAPSULE, CONE, KINDS, NO_CLIP, PLANE, Bodies, Camera, Scene
from daedal.data.worlds.vectors import Columns, apply, columns, cross, dot, inverse, length, product

CHUNK = 128  # groups that are traced together: their rays fit a core's cache
SLACK = 1e-3  # of rectangles and balls, for rounding: float32 sees bodies wider by up to about 5e-4 of their distance


@dataclass(frozen=True)
class Hits:
    """What rays meet: t in units of their direction, infinite where it ends nowhere, and the body's number, or -1."""

    t: Tensor  # (g, r)
    body: Tensor  # (g, r) int64


@dataclass(frozen=True)
class Frames:
    """The maps from the world to every body's own coordinates: p = matrix @ x + offset."""

    matrix: Tensor  # (b, k, 3, 3)
    offset: Tensor  # (b, k, 3)

    @staticmethod
    def of(bodies: Bodies) -> Frames:
        """The inverses of the body poses."""
        matrix = inverse(bodies.axes)
        return Frames(matrix, -apply(matrix, bodies.origin))


def trace_camera(scene: Scene, frames: Frames, picture: Tensor, u: Tensor, v: Tensor) -> Hits:
    """What the camera sees at points u, v (g, r) of the pictures (g,): t is depth in metres."""
    bodies, camera = scene.bodies, scene.camera
    covered = rectangles(bodies, camera)
    low_u, high_u, low_v, high_v = (e[:, None] for e in (u.amin(1), u.amax(1), v.amin(1), v.amax(1)))
    left, right, bottom, top = (edge[picture] for edge in covered)
    seen = (left <= high_u) & (right >= low_u) & (bottom <= high_v) & (top >= low_v)

    # A ray's direction in a body's own coordinates is linear in u and v, and its origin is the same for all.
    side, up = (camera.turn[:, i] / camera.focal[:, None] for i in (0, 1))
    parts = [apply(frames.matrix, d[:, None]) for d in (camera.turn[:, 2], side, up)]
    start = apply(frames.matrix, camera.position[:, None]) + frames.offset
    table = torch.stack([*columns(start), *(c for part in parts for c in columns(part))], -1).flatten(0, 1)

    def rays(rows: Tensor, groups: Tensor) -> tuple[Columns, Columns]:
        e = table[rows].unsqueeze(1).unbind(-1)
        across, along = u[groups], v[groups]
        d = tuple(e[3 + i] + e[6 + i] * across + e[9 + i] * along for i in range(3))
        return e[:3], d  # type: ignore[return-value]

    return _closest(bodies, picture, seen, rays, u.shape, near=SLACK)


def trace_sun(scene: Scene, frames: Frames, picture: Tensor, start: Columns, bias: Tensor, sun: Columns) -> Tensor:
    """Whether light from the sun, (g, 1) or (g, r) directions, is cut off from points (g, r): bool.

    What is nearer than `bias` (g, r) to a point does not count; points with an infinite bias are left out.
    """
    bodies = scene.bodies
    asked = bias < INF
    start = tuple(torch.where(asked, part, part[:, :1] * 0 + INF) for part in start)  # type: ignore[assignment]
    centre, radius = _ball_of_points(start, asked)
    toward = torch.stack([part[:, 0] for part in sun], -1)
    spread = length(toward - scene.light.sun[picture]) + scene.light.sun_width[picture]
    seen = _in_the_way(bodies, picture, centre, radius, toward, spread) & asked.any(1)[:, None]
    table = torch.cat([frames.matrix.flatten(2), frames.offset], -1).flatten(0, 1)

    def rays(rows: Tensor, groups: Tensor) -> tuple[Columns, Columns]:
        e = table[rows].unsqueeze(1).unbind(-1)
        x, y, z = (part[groups] for part in start)
        dx, dy, dz = (part[groups] for part in sun)
        o = tuple(e[3 * i] * x + e[3 * i + 1] * y + e[3 * i + 2] * z + e[9 + i] for i in range(3))
        d = tuple(e[3 * i] * dx + e[3 * i + 1] * dy + e[3 * i + 2] * dz for i in range(3))
        return o, d  # type: ignore[return-value]

    return _closest(bodies, picture, seen, rays, bias.shape, near=0.0).t < INF


def _ball_of_points(points: Columns, asked: Tensor) -> tuple[Tensor, Tensor]:
    """Centre (g, 3) and radius (g,) of a ball around the points that are asked for."""
    lows = [torch.where(asked, part, INF).amin(1) for part in points]
    highs = [torch.where(asked, part, -INF).amax(1) for part in points]
    low, high = torch.stack(lows, -1), torch.stack(highs, -1)
    return (low + high) / 2, length(high - low) / 2


def _in_the_way(
    bodies: Bodies, picture: Tensor, centre: Tensor, radius: Tensor, toward: Tensor, spread: Tensor
) -> Tensor:
    """(g, k): which bodies' balls come near the way of a ball towards the sun. Planes cast no shadow."""
    reach = _reach(bodies)
    between = bodies.origin[picture] - centre[:, None]
    along = dot(columns(between), columns(toward[:, None]))
    aside = length(cross(between, toward[:, None].expand_as(between)))
    room = (radius[:, None] + reach[picture]) * (1 + SLACK)
    room = room + spread[:, None] * (along + room).clamp(min=0)  # how far a ray to the sun's edge strays until there
    solid = (bodies.kind != 0) & (bodies.kind != PLANE)
    return (aside <= room) & (along >= -room) & solid[picture]


def _reach(bodies: Bodies) -> Tensor:
    """(b, k): radius of a ball around each body's origin that holds it: |axes p| <= |axes| |p|, of Frobenius' norm."""
    square = sum(dot(row, row) for row in (columns(bodies.axes[..., i, :]) for i in range(3)))
    assert isinstance(square, Tensor)
    return square.sqrt() * (_enclosing(bodies) + torch.where(bodies.kind == CAPSULE, bodies.shape, 0.0))


def _enclosing(bodies: Bodies) -> Tensor:
    """(b, k): radius of the ball that holds each body in its own coordinates; of a capsule, of its ends."""
    ball = torch.where(bodies.kind == BOX, 3.0**0.5, torch.ones_like(bodies.shape))
    return torch.where(bodies.kind == CONE, (1 + bodies.shape.clamp(min=1) * bodies.shape.clamp(min=1)).sqrt(), ball)


def rectangles(bodies: Bodies, camera: Camera) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Left, right, bottom and top (b, k) of what each body can cover in the picture; empty for what is behind.

    A line of the picture, u = constant, is a plane through the camera; it touches an ellipsoid with centre c and axes
    M where n . (c c^T - M M^T) n = 0 for the plane's normal n, which is quadratic in u. Planes cover all.
    """
    turn = camera.turn[:, None]
    axes = product(turn.expand(*bodies.kind.shape, 3, 3), bodies.axes)
    centre = apply(turn, bodies.origin - camera.position[:, None])
    ball = _enclosing(bodies) * (1 + SLACK)
    half = torch.where(bodies.kind == CAPSULE, bodies.shape, 0.0)[..., None] * axes[..., 1]
    edges = [_edges(axes * ball[..., None, None], centre + sign * half, camera.focal) for sign in (-1, 1)]
    everywhere, nowhere = bodies.kind == PLANE, bodies.kind == 0
    result = []
    for i, (one, other) in enumerate(zip(*edges, strict=True)):
        side = torch.minimum(one, other) if i % 2 == 0 else torch.maximum(one, other)
        outside = INF if i % 2 == 0 else -INF
        passing = (one == outside) != (other == outside)  # one end is behind: what lies between runs out of the picture
        side = torch.where(everywhere | passing, -outside, side)
        result.append(torch.where(nowhere, outside, side))
    return tuple(result)  # type: ignore[return-value]


def _edges(axes: Tensor, centre: Tensor, focal: Tensor) -> list[Tensor]:
    """Left, right, bottom and top of ellipsoids in the camera's axes, (b, k, 3, 3) and (b, k, 3)."""
    rows = [axes[..., i, :] for i in range(3)]
    spread = [dot(columns(row), columns(rows[2])) for row in rows]
    z = centre[..., 2]
    far = z * z - spread[2]
    whole, front = far > 1e-3 * z * z, z > 0
    edges = []
    for i in (0, 1):
        part = centre[..., i]
        mixed = part * z - spread[i]
        wide, deep = z[..., None] * rows[i] - part[..., None] * rows[2], cross(rows[i], rows[2])
        # The discriminant mixed^2 - far (part^2 - |row|^2), without the cancellation that it has for small bodies
        root = (dot(columns(wide), columns(wide)) - dot(columns(deep), columns(deep))).clamp(min=0).sqrt()
        for sign, outside in ((-1, -INF), (1, INF)):
            slope = (mixed + sign * root) / torch.where(whole, far, 1.0)
            edge = (slope + sign * SLACK * (1 + slope.abs())) * focal[:, None]
            edge = torch.where(whole, edge, outside)  # it reaches the camera's plane: it may cover anything
            edges.append(torch.where(whole & ~front, -outside, edge))  # it is behind: nothing
    return edges


Rays = Callable[[Tensor, Tensor], tuple[Columns, Columns]]  # rows of bodies and groups to o and d in local coordinates


def _closest(bodies: Bodies, picture: Tensor, seen: Tensor, rays: Rays, shape: torch.Size, near: float) -> Hits:
    """The nearest of the bodies that each group has in its way, `seen` (g, k)."""
    best = torch.full(shape, INF, dtype=bodies.shape.dtype, device=bodies.shape.device)
    body = torch.full(shape, -1, dtype=torch.int64, device=best.device)
    shapes, clips = bodies.shape.flatten(), bodies.clip.flatten(0, 1)
    clipped = _clipped(bodies)
    for kind in range(1, len(KINDS)):
        for open_ in (False, True):
            mine = seen & ((bodies.kind == kind) & (clipped == open_))[picture]
            for groups, number in _passes(mine):
                rows = picture[groups] * bodies.kind.shape[1] + number
                o, d = rays(rows, groups)
                cuts = _cuts(clips[rows]) if open_ else []
                t = meet(kind, o, d, shapes[rows][:, None], cuts, near)
                _keep_nearer(best, body, groups, t, number)
    return Hits(best, body)


def _keep_nearer(best: Tensor, body: Tensor, groups: Tensor, t: Tensor, number: Tensor) -> None:
    old = best[groups]
    nearer = t < old
    best[groups] = torch.where(nearer, t, old)
    body[groups] = torch.where(nearer, number[:, None], body[groups])


def _clipped(bodies: Bodies) -> Tensor:
    nothing = torch.tensor(NO_CLIP, dtype=bodies.clip.dtype, device=bodies.clip.device)
    return (bodies.clip != nothing).any(-1).any(-1)


def _cuts(clips: Tensor) -> list[tuple[Columns, Tensor]]:
    parts = clips.unsqueeze(-1).unbind(1)  # each (g, 4, 1)
    return [((part[:, 0], part[:, 1], part[:, 2]), part[:, 3]) for part in parts]


def _passes(seen: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """The pairs of `seen` (g, k) as passes (groups, numbers) in which no group occurs twice, in chunks."""
    counts = seen.sum(1)
    most = int(counts.max()) if len(counts) else 0
    if not most:
        return
    order = counts.argsort(descending=True, stable=True)
    place = seen.cumsum(1) - 1  # which of its group's candidates each is
    for k in range(most):
        groups = order[: int((counts > k).sum())]
        number = (seen[groups] & (place[groups] == k)).int().argmax(1)
        yield from zip(groups.split(CHUNK), number.split(CHUNK), strict=True)

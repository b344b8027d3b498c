"""Which primitive each ray meets first, and whether anything lies between a point and the sun.

Rays come in groups (g, r) that lie close together, such as the 4 x 4 pixels of a tile. A group is compared with only
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

from daedal.data.worlds.primitives import FAR, HUGE, INF, meet
from daedal.data.worlds.scene import BOX, CAPSULE, CONE, KINDS, NO_CLIP, PLANE, Bodies, Camera, Scene
from daedal.data.worlds.vectors import Columns, apply, columns, cross, dot, inverse, length, product, unit_vector

CHUNK = 512  # groups that are traced together: their rays fit a core's cache
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
    left, right, bottom, top = (edge.index_select(0, picture) for edge in rectangles(bodies, camera))
    low_u, high_u, low_v, high_v = (e[:, None] for e in (u.amin(1), u.amax(1), v.amin(1), v.amax(1)))
    seen = (left <= high_u) & (right >= low_u) & (bottom <= high_v) & (top >= low_v)

    # A ray's direction in a body's own coordinates is linear in u and v, and its origin is the same for all.
    side, up = (camera.turn[:, i] / camera.focal[:, None] for i in (0, 1))
    parts = [apply(frames.matrix, d[:, None]) for d in (camera.turn[:, 2], side, up)]
    start = apply(frames.matrix, camera.position[:, None]) + frames.offset
    table = torch.cat([start, *parts], -1).flatten(0, 1)

    def rays(groups: Tensor) -> LocalRays:
        across, along = u.index_select(0, groups), v.index_select(0, groups)

        def local(rows: Tensor) -> tuple[Columns, Columns]:
            e, n = table.index_select(0, rows).unsqueeze(1).unbind(-1), len(rows)
            d = tuple(e[3 + i] + e[6 + i] * across[:n] + e[9 + i] * along[:n] for i in range(3))
            return e[:3], d  # type: ignore[return-value]

        return local

    return _closest(bodies, picture, seen, rays, u.shape, near=SLACK)


def trace_sun(scene: Scene, frames: Frames, picture: Tensor, start: Columns, asked: Tensor, sun: Columns) -> Tensor:
    """Whether light from the sun is cut off from points (g, r), where that is `asked` (g, r): bool.

    `sun` are directions (g, 1), or (g, r) where it has a width.
    """
    bodies = scene.bodies
    some = asked.any(1).nonzero()[:, 0]
    picture, asked = picture[some], asked[some]
    x, y, z = (part.index_select(0, some) for part in start)
    dx, dy, dz = (part.index_select(0, some) for part in sun)
    seen = _in_the_way(scene, picture, (x, y, z), asked)
    table = torch.cat([frames.matrix.flatten(2), frames.offset], -1).flatten(0, 1)

    def rays(groups: Tensor) -> LocalRays:
        p = [part.index_select(0, groups) for part in (x, y, z)]
        w = [part.index_select(0, groups) for part in (dx, dy, dz)]

        def local(rows: Tensor) -> tuple[Columns, Columns]:
            e, n = table.index_select(0, rows).unsqueeze(1).unbind(-1), len(rows)
            own = [
                [e[3 * i] * q[0][:n] + e[3 * i + 1] * q[1][:n] + e[3 * i + 2] * q[2][:n] for i in range(3)]
                for q in (p, w)
            ]
            return tuple(part + e[9 + i] for i, part in enumerate(own[0])), tuple(own[1])  # type: ignore[return-value]

        return local

    dark = torch.zeros(len(start[0]), start[0].shape[1], dtype=torch.bool, device=asked.device)
    dark[some] = _closest(bodies, picture, seen, rays, asked.shape, near=0.0).body >= 0
    return dark


def _in_the_way(scene: Scene, picture: Tensor, points: Columns, asked: Tensor) -> Tensor:
    """(g, k): which bodies can lie between the points that are asked for and the sun. Planes cast no shadow.

    Seen from the sun, without perspective, by rectangles; with the camera's axis along one side, since the points of a
    tile are spread along it. Of a wide sun, rectangles grow with the distance.
    """
    bodies, light = scene.bodies, scene.light
    toward = light.sun
    one = cross(toward, scene.camera.turn[:, 2])
    one = torch.where(length(one)[:, None] > 1e-3, one, cross(toward, scene.camera.turn[:, 0]))
    one = unit_vector(one)
    reach = enclosing(bodies)
    seen = ((bodies.kind != 0) & (bodies.kind != PLANE))[picture]
    ahead_low, _ = _span(points, asked, toward[picture])
    centre, half = _extent(bodies, toward, reach)
    ahead = (centre + half)[picture] - ahead_low[:, None]
    seen = seen & (ahead >= 0)
    room = light.sun_width[picture][:, None] * ahead.clamp(min=0) + SLACK
    for axis in (one, cross(toward, one)):
        low, high = _span(points, asked, axis[picture])
        centre, half = _extent(bodies, axis, reach)
        centre, half = centre.index_select(0, picture), half.index_select(0, picture) + room
        seen = seen & (centre - half <= high[:, None]) & (centre + half >= low[:, None])
    return seen


def _span(points: Columns, asked: Tensor, axis: Tensor) -> tuple[Tensor, Tensor]:
    """Least and greatest place (g,) along axes (g, 3) of the points that are asked for."""
    place = dot(points, columns(axis[:, None]))
    return torch.where(asked, place, INF).amin(1), torch.where(asked, place, -INF).amax(1)


def _extent(bodies: Bodies, axis: Tensor, ball: Tensor) -> tuple[Tensor, Tensor]:
    """Middle and half length (b, k) of every body along axes (b, 3)."""
    parts = [dot(columns(bodies.axes[..., i]), columns(axis[:, None])) for i in range(3)]
    half = ball * (parts[0] * parts[0] + parts[1] * parts[1] + parts[2] * parts[2]).sqrt()
    corner = (parts[0].abs() + parts[1].abs() + parts[2].abs()) * (1 + SLACK)
    half = torch.where(bodies.kind == BOX, torch.minimum(half, corner), half)
    ends = torch.where(bodies.kind == CAPSULE, bodies.shape, 0.0) * parts[1].abs()
    return dot(columns(bodies.origin), columns(axis[:, None])), half + ends


def enclosing(bodies: Bodies) -> Tensor:
    """(b, k): radius of the ball that holds a body in its own coordinates; a capsule's about each end."""
    top = bodies.shape.clamp(min=1)
    ball = torch.where(bodies.kind == BOX, 3.0**0.5, torch.ones_like(bodies.shape))
    return torch.where(bodies.kind == CONE, (1 + top * top).sqrt(), ball) * (1 + SLACK)


def rectangles(bodies: Bodies, camera: Camera) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Left, right, bottom and top (b, k) of what each body can cover in the picture; empty for what is behind.

    A line of the picture, u = constant, is a plane through the camera; it touches an ellipsoid with centre c and axes
    M where n . (c c^T - M M^T) n = 0 for the plane's normal n, which is quadratic in u. Planes cover all,
    or what is on their side of a level horizon.
    """
    turn = camera.turn[:, None]
    axes = product(turn.expand(*bodies.kind.shape, 3, 3), bodies.axes)
    centre = apply(turn, bodies.origin - camera.position[:, None])
    ball = enclosing(bodies)
    half = torch.where(bodies.kind == CAPSULE, bodies.shape, 0.0)[..., None] * axes[..., 1]
    edges = [_edges(axes * ball[..., None, None], centre + sign * half, camera.focal) for sign in (-1, 1)]
    boxes = _box_edges(axes, centre, camera.focal)
    horizon = _horizon(apply(turn, cross(bodies.axes[..., 2], bodies.axes[..., 0])), centre, camera.focal)
    everywhere, nowhere, box = bodies.kind == PLANE, bodies.kind == 0, bodies.kind == BOX
    result = []
    for i, (one, other) in enumerate(zip(*edges, strict=True)):
        side = torch.minimum(one, other) if i % 2 == 0 else torch.maximum(one, other)
        outside = INF if i % 2 == 0 else -INF
        passing = (one == outside) != (other == outside)  # one end is behind: what lies between runs out of the picture
        side = torch.where(everywhere | passing, -outside, side)
        inner = torch.maximum(side, boxes[i]) if i % 2 == 0 else torch.minimum(side, boxes[i])
        side = torch.where(box, inner, side)
        if i >= 2:
            side = torch.where(everywhere, horizon[i - 2], side)
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


def _horizon(normal: Tensor, centre: Tensor, focal: Tensor) -> tuple[Tensor, Tensor]:
    """Bottom and top of planes: one that meets the picture in a level horizon lies on one side of that.

    A ray (u, v, focal) comes nearer to the plane where its product with the normal has the sign of that of the centre.
    """
    x, y, z = columns(normal)
    toward = dot(columns(normal), columns(centre))
    level = (x == 0) & (y != 0) & (toward != 0)
    v = -z / torch.where(level, y, 1.0) * focal[:, None]
    slack = SLACK * (1 + v.abs())
    above = (y > 0) == (toward > 0)  # where the plane is seen
    infinite = torch.full_like(v, INF)
    return torch.where(level & above, v - slack, -infinite), torch.where(level & ~above, v + slack, infinite)


def _box_edges(axes: Tensor, centre: Tensor, focal: Tensor) -> list[Tensor]:
    """Left, right, bottom and top of boxes, each by the box along the camera's axes that holds it.

    Houses along a street reach beside the camera, where the ellipsoids around them cover anything.
    """
    reach = axes[..., 0].abs() + axes[..., 1].abs() + axes[..., 2].abs()
    near, far = centre[..., 2] - reach[..., 2], centre[..., 2] + reach[..., 2]
    edges = []
    for i in (0, 1):
        for sign, outside in ((-1, -INF), (1, INF)):
            end = sign * centre[..., i] + reach[..., i]  # how far it reaches to this side
            depth = torch.where(end > 0, near, far)  # at which it reaches farthest in the picture
            open_ = (depth <= SLACK) & (end > 0)  # up to the camera's plane
            edge = sign * end / torch.where(depth > SLACK, depth, 1.0) * focal[:, None]
            edge = torch.where(open_, outside, edge + sign * SLACK * (1 + edge.abs()))
            edges.append(torch.where(far <= 0, -outside, edge))
    return edges


LocalRays = Callable[[Tensor], tuple[Columns, Columns]]  # for body rows (m,): o and d of the first m groups' rays
Rays = Callable[[Tensor], LocalRays]  # for groups


def _closest(bodies: Bodies, picture: Tensor, seen: Tensor, rays: Rays, shape: torch.Size, near: float) -> Hits:
    """The nearest of the bodies that each group has in its way, `seen` (g, k)."""
    best = torch.full(shape, HUGE, dtype=bodies.shape.dtype, device=bodies.shape.device)
    body = torch.full_like(best, -1)  # a whole number as a float: exact, and faster
    shapes, clips = bodies.shape.flatten()[:, None], bodies.clip.flatten(0, 1)
    clipped = _clipped(bodies)
    for kind in range(1, len(KINDS)):
        for cut in (False, True):
            mine = seen & ((bodies.kind == kind) & (clipped == cut)).index_select(0, picture)
            for groups, passes in _passes(mine):
                local = rays(groups)
                old = best.index_select(0, groups), body.index_select(0, groups)
                for number in passes:
                    rows = picture[groups[: len(number)]] * seen.shape[1] + number
                    cuts = _cuts(clips.index_select(0, rows)) if cut else []
                    o, d = local(rows)
                    t = meet(kind, o, d, shapes.index_select(0, rows), cuts, near)
                    _keep_nearer(old[0][: len(number)], old[1][: len(number)], t, number)
                best.index_copy_(0, groups, old[0])
                body.index_copy_(0, groups, old[1])
    return Hits(torch.where(best < FAR, best, INF), torch.where(best < FAR, body, -1).long())


def _keep_nearer(best: Tensor, body: Tensor, t: Tensor, number: Tensor) -> None:
    nearer = (best - t).sign().clamp(min=0)  # 1 or 0: half the time of a comparison
    body.lerp_(number[:, None].to(body.dtype), nearer)
    torch.minimum(best, t, out=best)


def _clipped(bodies: Bodies) -> Tensor:
    nothing = torch.tensor(NO_CLIP, dtype=bodies.clip.dtype, device=bodies.clip.device)
    return (bodies.clip != nothing).any(-1).any(-1)


def _cuts(clips: Tensor) -> list[tuple[Columns, Tensor]]:
    parts = clips.unsqueeze(-1).unbind(1)  # each (m, 4, 1)
    return [((part[:, 0], part[:, 1], part[:, 2]), part[:, 3]) for part in parts]


def _passes(seen: Tensor) -> Iterator[tuple[Tensor, list[Tensor]]]:
    """Chunks of groups, those with most candidates first, each with its passes: the k-th candidates of the first groups
    of the chunk, of those that have so many."""
    counts = seen.sum(1)
    order = counts.argsort(descending=True, stable=True)[: int((counts > 0).sum())]
    for groups in order.split(CHUNK) if len(order) else ():
        have = counts[groups]
        group, number = seen[groups].nonzero().unbind(1)
        place = torch.arange(len(group), device=group.device) - (have.cumsum(0) - have)[group]
        table = torch.zeros(int(have[0]), len(groups), dtype=torch.int64, device=group.device)
        table[place, group] = number
        ends = (have[None] > torch.arange(len(table), device=group.device)[:, None]).sum(1).tolist()
        yield groups, [row[:end] for row, end in zip(table, ends, strict=True)]

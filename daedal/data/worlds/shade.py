"""The light that comes along each ray: materials, sun with shadows, sky, lamps, highlights and fog.

Surfaces are Lambertian with a Blinn-Phong highlight, and seen from both sides. Light is linear; `display` makes a
picture of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from daedal.data.worlds import falling, textures, wet
from daedal.data.worlds.primitives import INF, above, at, normal
from daedal.data.worlds.scene import KINDS, TEXTURES, Bodies, Scene
from daedal.data.worlds.trace import Frames, Hits, trace_sun
from daedal.data.worlds.vectors import Columns, add, cross, dot, scaled, unit, unit_vector

BIAS = 2e-3  # of the depth: how far from a surface its own shadow begins
SKY_DEPTH = 400.0  # metres of fog before the sky

Place = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Surface:
    """What is known of the rays that met something, one number a ray (m,)."""

    ray: Tensor  # which of all rays, flattened: int64
    picture: Tensor  # int64
    row: Tensor  # which of all bodies: int64
    depth: Tensor
    point: Columns  # in the world
    own: Columns  # in the body's coordinates


def surface(scene: Scene, frames: Frames, picture: Tensor, direction: Columns, hits: Hits) -> Surface:
    """The points that rays of the camera, (g, r), have met."""
    ray = (hits.body.flatten() >= 0).nonzero()[:, 0]
    of = picture[:, None].expand(hits.body.shape).flatten().index_select(0, ray)
    row = of * scene.bodies.kind.shape[1] + hits.body.flatten().index_select(0, ray)
    depth = hits.t.flatten().index_select(0, ray)
    start = _picked(scene.camera.position, of)
    point = at(start, _flat(direction, ray), depth)
    return Surface(ray, of, row, depth, point, _own(frames, row, point))


def _picked(values: Tensor, rows: Tensor) -> Columns:
    """The columns of some rows of (n, 3)."""
    x, y, z = values.t().contiguous().index_select(1, rows).unbind(0)
    return x, y, z


def _flat(parts: Columns, ray: Tensor) -> Columns:
    x, y, z = (part.flatten().index_select(0, ray) for part in parts)
    return x, y, z


def _own(frames: Frames, row: Tensor, point: Columns) -> Columns:
    """Points in the own coordinates of the bodies at `row`."""
    m = frames.matrix.flatten(0, 1).flatten(1).t().contiguous().index_select(1, row)
    o = frames.offset.flatten(0, 1).t().contiguous().index_select(1, row)
    x, y, z = (m[3 * i] * point[0] + m[3 * i + 1] * point[1] + m[3 * i + 2] * point[2] + o[i] for i in range(3))
    return x, y, z


def normals(bodies: Bodies, frames: Frames, row: Tensor, own: Columns) -> Columns:
    """Unit normals in the world, outwards, at points of the bodies at `row`."""
    kind, shape = bodies.kind.flatten().index_select(0, row), bodies.shape.flatten().index_select(0, row)
    local = [part.clone() for part in own]
    for k in range(1, len(KINDS)):
        some = (kind == k).nonzero()[:, 0]
        if len(some) and KINDS[k] != "ellipsoid":
            found = normal(k, _taken(own, some), shape.index_select(0, some))
            for part, value in zip(local, found, strict=True):
                part.index_copy_(0, some, value)
    m = frames.matrix.flatten(0, 1).flatten(1).t().contiguous().index_select(1, row)
    x, y, z = (m[i] * local[0] + m[3 + i] * local[1] + m[6 + i] * local[2] for i in range(3))
    return unit((x, y, z))


def blended(bodies: Bodies, frames: Frames, found: Surface, own_normal: Columns) -> Columns:
    """Normals that turn into those of the body that a body blends with, where the two meet: no seam is seen."""
    other = bodies.blend.flatten().index_select(0, found.row)
    some = (other >= 0).nonzero()[:, 0]
    if not len(some):
        return own_normal
    row = found.picture.index_select(0, some) * bodies.kind.shape[1] + other.index_select(0, some)
    own = _own(frames, row, _taken(found.point, some))
    distance = torch.full_like(own[0], INF)
    kind, shape = bodies.kind.flatten().index_select(0, row), bodies.shape.flatten().index_select(0, row)
    for k in range(1, len(KINDS)):
        mine = (kind == k).nonzero()[:, 0]
        if len(mine):
            distance.index_copy_(0, mine, above(k, _taken(own, mine), shape.index_select(0, mine)).abs())
    width = bodies.blend_width.flatten().index_select(0, found.row.index_select(0, some))
    close = distance < width  # false for a body that is absent or has no size, whose normals are NaN
    weight = 1 - textures.step(distance / width, 0.0, 1.0)
    there, here = normals(bodies, frames, row, own), _taken(own_normal, some)
    mixed = unit(add(scaled(here, 1 - weight), scaled(there, weight)))
    result = [part.clone() for part in own_normal]
    for part, own_part, value in zip(result, here, mixed, strict=True):
        part.index_copy_(0, some, torch.where(close, value, own_part))
    return result[0], result[1], result[2]


def _taken(parts: Columns, some: Tensor) -> Columns:
    x, y, z = (part.index_select(0, some) for part in parts)
    return x, y, z


def facing(n: Columns, direction: Columns) -> Columns:
    """Normals turned towards the viewer."""
    return scaled(n, torch.where(dot(n, direction) > 0, -1.0, 1.0).to(n[0].dtype))


def shade(
    scene: Scene, frames: Frames, picture: Tensor, direction: Columns, place: Place, hits: Hits, shadows: bool
) -> Tensor:
    """Linear light (3, g, r) along rays of the camera through `place`, u and v (g, r) of the picture."""
    light = _without_weather(scene, frames, picture, direction, place[1], hits, shadows)
    if scene.light.weather is not None:
        falling.fall(light, scene.light.weather, picture, *place, hits.t)
    return light


def _without_weather(
    scene: Scene, frames: Frames, picture: Tensor, direction: Columns, height: Tensor, hits: Hits, shadows: bool
) -> Tensor:
    light = behind(scene, picture, direction, height)
    found = surface(scene, frames, picture, direction, hits)
    if not len(found.ray):
        return light
    toward = _flat(direction, found.ray)
    n = normals(scene.bodies, frames, found.row, found.own)
    n = facing(blended(scene.bodies, frames, found, n), toward)
    lit = _sunlight(scene, frames, picture, found, n, hits.t.shape, shadows)
    colour = _reflected(scene, found, n, toward, lit)
    light.flatten(1)[:, found.ray] = torch.stack(_fogged(scene, found, colour))
    return light


def behind(scene: Scene, picture: Tensor, direction: Columns, height: Tensor) -> Tensor:
    """Light (3, g, r) where rays end: a backdrop or a sky, seen through the fog."""
    light = scene.light
    rise = unit(direction)[1].clamp(min=0).sqrt()
    studio = light.studio[picture][:, None] > 0.5
    weight = torch.where(studio, (height + 1) / 2, rise)
    clear = torch.where(studio, 1.0, (-light.fog * SKY_DEPTH).exp()[picture][:, None])
    low, high, fog = (c.t()[:, picture, None] for c in (light.low, light.high, light.fog_colour))
    sky = low + weight * (high - low)
    if light.weather is not None:
        falling.cover(sky, light.weather, light.sun, picture, direction)
    return fog + clear * (sky - fog)


def _sunlight(
    scene: Scene, frames: Frames, picture: Tensor, found: Surface, n: Columns, shape: torch.Size, shadows: bool
) -> Tensor:
    """The share of the sun's light that falls on each point: its slope, and 0 in the shade."""
    slope = dot(n, _picked(scene.light.sun, found.picture)).clamp(min=0)
    if not shadows:
        return slope
    lifted = add(found.point, scaled(n, found.depth * BIAS))
    shining = (scene.light.sun_colour > 0).any(1)[picture][:, None]  # else its shade is not seen either
    asked = (_spread(slope, found.ray, shape) > 0) & shining
    start = tuple(_spread(part, found.ray, shape) for part in lifted)
    dark = trace_sun(scene, frames, picture, start, asked, _suns(scene, picture, shape))  # type: ignore[arg-type]
    return slope * ~dark.flatten().index_select(0, found.ray)


def _spread(values: Tensor, ray: Tensor, shape: torch.Size) -> Tensor:
    """Values (m,) of some rays among all (g, r), 0 elsewhere."""
    return torch.zeros(shape.numel(), dtype=values.dtype, device=values.device).index_copy_(0, ray, values).view(shape)


def _suns(scene: Scene, picture: Tensor, shape: torch.Size) -> Columns:
    """Directions (g, 1) to the sun's middle, or where it has a width (g, r) to points spread over it."""
    sun, width = scene.light.sun[picture], scene.light.sun_width[picture]
    if not bool((scene.light.sun_width > 0).any()):
        return sun[:, 0, None], sun[:, 1, None], sun[:, 2, None]
    k = torch.arange(shape[1], device=sun.device, dtype=sun.dtype)
    radius = textures.fraction(k * 0.7548776662).sqrt()  # the plastic number's sequence fills a disc evenly
    angle = textures.fraction(k * 0.5698402910) * 6.283185307
    x, y = radius * angle.cos() * width[:, None], radius * angle.sin() * width[:, None]
    steep = sun[:, 1].abs() > 0.9
    side = torch.stack(
        [
            torch.where(steep, 0.0, sun[:, 2]),
            torch.where(steep, sun[:, 2], 0.0),
            -torch.where(steep, sun[:, 1], sun[:, 0]),
        ],
        -1,
    )
    one = unit_vector(side)
    other = cross(sun, one)
    return tuple(sun[:, i, None] + x * one[:, i, None] + y * other[:, i, None] for i in range(3))  # type: ignore[return-value]


def _reflected(scene: Scene, found: Surface, n: Columns, toward: Columns, lit: Tensor) -> Columns:
    bodies, light = scene.bodies, scene.light
    albedo, glow = _material(bodies, found)
    sun = _picked(light.sun_colour, found.picture)
    sky, ground = (_picked(c, found.picture) for c in (light.sky, light.ground))
    up = 0.5 + 0.5 * n[1]
    shine = _highlight(scene, found, n, toward) * lit
    lamps = _lamps(scene, found, n)
    result = []
    for i in range(3):
        falling = sun[i] * lit + ground[i] + up * (sky[i] - ground[i]) + lamps[i] + glow
        result.append(albedo[i] * falling + sun[i] * shine)
    mirrored = light.weather and wet.mirrored(light, found.picture, found.point, n, toward)
    return add((result[0], result[1], result[2]), mirrored) if mirrored else (result[0], result[1], result[2])


def _material(bodies: Bodies, found: Surface) -> tuple[Columns, Tensor]:
    """The colour of each point and how much it glows. Of windows only panes glow, of homes' only those that are lit."""
    row = found.row
    names, scale = bodies.texture.flatten().index_select(0, row), _picked(bodies.scale.flatten(0, 1), row)
    weight = torch.zeros_like(found.depth)
    p = tuple(a * b for a, b in zip(found.own, scale, strict=True))
    for number, name in enumerate(TEXTURES):
        some = (names == number).nonzero()[:, 0] if name != "plain" else ()
        if len(some):
            weight.index_copy_(0, some, textures.texture(name, _taken(p, some)).to(weight.dtype))  # type: ignore[arg-type]
    first, second = (_picked(c.flatten(0, 1), row) for c in (bodies.colour, bodies.second))
    colour = tuple(a + weight * (b - a) for a, b in zip(first, second, strict=True))
    glow = bodies.glow.flatten().index_select(0, row)
    panes = (names == TEXTURES.index("windows")) | (names == TEXTURES.index("homes"))
    return colour, torch.where(panes, glow * weight.floor(), glow)  # type: ignore[return-value]


def _highlight(scene: Scene, found: Surface, n: Columns, toward: Columns) -> Tensor:
    gloss = scene.bodies.gloss.flatten().index_select(0, found.row)
    half = unit(add(_picked(scene.light.sun, found.picture), scaled(unit(toward), -1.0)))
    shine = dot(n, half).clamp(min=0)
    for _ in range(5):  # to the power of 32; pow itself differs in the last bit from place to place
        shine = shine * shine
    return gloss * shine


def _lamps(scene: Scene, found: Surface, n: Columns) -> Columns:
    light = scene.light
    total = [torch.zeros_like(found.depth) for _ in range(3)]
    for k in range(light.lamp.shape[1]):
        away = add(_picked(light.lamp[:, k], found.picture), scaled(found.point, -1.0))
        square = dot(away, away)
        reach = light.lamp_reach[:, k].index_select(0, found.picture)
        strength = (dot(n, away) / square.sqrt().clamp(min=1e-6)).clamp(min=0) / (1 + square / (reach * reach))
        for part, colour in zip(total, _picked(light.lamp_colour[:, k], found.picture), strict=True):
            part += strength * colour
    return total[0], total[1], total[2]


def _fogged(scene: Scene, found: Surface, colour: Columns) -> Columns:
    fog = scene.light.fog.index_select(0, found.picture)
    clear = (-fog * found.depth).exp()
    far = _picked(scene.light.fog_colour, found.picture)
    x, y, z = (f + clear * (c - f) for f, c in zip(far, colour, strict=True))
    return x, y, z


def display(light: Tensor, saturation: Tensor) -> Tensor:
    """A picture (b, 3, h, w) in [0, 1] of linear light (b, 3, h, w): saturated, clipped, and the root."""
    grey = (0.30 * light[:, 0] + 0.59 * light[:, 1] + 0.11 * light[:, 2])[:, None]
    return (grey + saturation[:, None, None, None] * (light - grey)).clamp(0, 1).sqrt()

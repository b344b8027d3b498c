"""Pictures of scenes: colour, depth, classes, ids and normals; and the exact flow from one picture to the next.

| output | shape | meaning |
|---|---|---|
| `rgb` | (b, 3, h, w) | colour in [0, 1], the mean of `samples` x `samples` rays a pixel |
| `depth` | (b, h, w) | metres along the camera's axis, infinite where there is nothing |
| `stencil` | (b, h, w) int64 | class; 0 where there is nothing |
| `instance` | (b, h, w) int64 | id of the thing; 0 where there is nothing |
| `normal` | (b, 3, h, w) | unit vector in the world, towards the viewer; 0 where there is nothing |

All but colour come from one ray through the pixel's centre. Of pixel (i, j) of a picture h high and w wide this is
u = (2j + 1 - w) / h, v = (h - 2i - 1) / h.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from daedal.data.worlds.primitives import INF
from daedal.data.worlds.scene import Camera, Scene
from daedal.data.worlds.shade import display, facing, normals, shade, surface
from daedal.data.worlds.trace import Frames, Hits, trace_camera
from daedal.data.worlds.vectors import Columns, apply, columns

OUTPUTS = ("rgb", "depth", "stencil", "instance", "normal")
TILE = 4  # pixels
RAYS = 1 << 17  # of a chunk of pictures
VISIBLE = 1e-3  # relative difference of depth within which a point is still itself


def render(
    scene: Scene,
    height: int,
    width: int | None = None,
    outputs: Sequence[str] = ("rgb",),
    *,
    shadows: bool = True,
    samples: int = 2,
) -> dict[str, Tensor]:
    """The outputs that are asked for, of every picture of the scene. Each picture is the same in any batch."""
    width = height if width is None else width
    tiles = Tiles(height, width)
    step = max(1, RAYS // (tiles.count * TILE * TILE * samples * samples))
    parts = [_render(scene[i : i + step], tiles, outputs, shadows, samples) for i in range(0, len(scene), step)]
    return {name: torch.cat([part[name] for part in parts]) for name in outputs}


def _render(scene: Scene, tiles: Tiles, outputs: Iterable[str], shadows: bool, samples: int) -> dict[str, Tensor]:
    scene = replace(scene, bodies=scene.bodies.packed())
    frames, result = Frames.of(scene.bodies), {}
    outputs = list(outputs)
    if "rgb" in outputs:
        picture, u, v = tiles.rays(scene, samples)
        hits = trace_camera(scene, frames, picture, u, v)
        light = shade(scene, frames, picture, directions(scene.camera, picture, u, v), (u, v), hits, shadows)
        light = light.unflatten(2, (TILE * TILE, samples * samples))
        mean = light[..., 0]
        for k in range(1, samples * samples):  # sums in one order, whatever the size
            mean = mean + light[..., k]
        light = torch.stack([tiles.picture(part) for part in mean / (samples * samples)], 1)
        result["rgb"] = display(light, scene.saturation)
    if rest := [name for name in outputs if name != "rgb"]:
        result |= _geometry(scene, frames, tiles, rest)
    return result


def _geometry(scene: Scene, frames: Frames, tiles: Tiles, outputs: Sequence[str]) -> dict[str, Tensor]:
    picture, u, v = tiles.rays(scene, 1)
    hits = trace_camera(scene, frames, picture, u, v)
    result = {}
    if "depth" in outputs:
        result["depth"] = tiles.picture(hits.t)
    for name in ("stencil", "instance"):
        if name in outputs:
            values = getattr(scene.bodies, name)[picture].gather(1, hits.body.clamp(min=0))
            result[name] = tiles.picture(torch.where(hits.body >= 0, values, 0))
    if "normal" in outputs:
        result["normal"] = _normals(scene, frames, tiles, picture, directions(scene.camera, picture, u, v), hits)
    return result


def _normals(scene: Scene, frames: Frames, tiles: Tiles, picture: Tensor, direction: Columns, hits: Hits) -> Tensor:
    found = surface(scene, frames, picture, direction, hits)
    n = facing(
        normals(scene.bodies, frames, found.row, found.own),
        tuple(part.flatten().index_select(0, found.ray) for part in direction),  # type: ignore[arg-type]
    )
    full = torch.zeros(3, hits.t.numel(), dtype=hits.t.dtype, device=hits.t.device)
    full[:, found.ray] = torch.stack(n)
    return torch.stack([tiles.picture(part.view(hits.t.shape)) for part in full], 1)


class Tiles:
    """The rays of pictures h x w as groups of 4 x 4 pixels, the last ones overhanging."""

    def __init__(self, height: int, width: int):
        self.height, self.width = height, width
        self.rows, self.columns = -(-height // TILE), -(-width // TILE)
        self.count = self.rows * self.columns

    def rays(self, scene: Scene, samples: int) -> tuple[Tensor, Tensor, Tensor]:
        """Pictures (g,) and points u, v (g, r) of each group; r runs over pixels, then over samples of a pixel."""
        like = scene.saturation
        offset = (torch.arange(samples, device=like.device, dtype=like.dtype) + 0.5) / samples
        down, right = (self._pixels(n, like)[..., None] + offset for n in (self.rows, self.columns))
        v = (self.height - 2 * down) / self.height  # (rows, TILE, samples)
        u = (2 * right - self.width) / self.height
        shape = (len(scene), self.rows, self.columns, TILE, TILE, samples, samples)
        v = v[None, :, None, :, None, :, None].expand(shape).reshape(-1, TILE * TILE * samples * samples)
        u = u[None, None, :, None, :, None, :].expand(shape).reshape(v.shape)
        picture = torch.arange(len(scene), device=like.device).repeat_interleave(self.count)
        return picture, u, v

    def _pixels(self, count: int, like: Tensor) -> Tensor:
        return torch.arange(count * TILE, device=like.device, dtype=like.dtype).view(count, TILE)

    def picture(self, values: Tensor) -> Tensor:
        """Values of one ray a pixel, (g, 16), as pictures (b, h, w)."""
        grid = values.reshape(-1, self.rows, self.columns, TILE, TILE).transpose(2, 3)
        return grid.reshape(-1, self.rows * TILE, self.columns * TILE)[:, : self.height, : self.width]


def directions(camera: Camera, picture: Tensor, u: Tensor, v: Tensor) -> Columns:
    """Directions (g, r) of rays through points of the pictures, of length 1 along the camera's axis."""
    side, up = (columns((camera.turn[:, i] / camera.focal[:, None])[picture]) for i in (0, 1))
    forward = columns(camera.turn[:, 2][picture])
    x, y, z = (f[:, None] + s[:, None] * u + w[:, None] * v for f, s, w in zip(forward, side, up, strict=True))
    return x, y, z


def project(camera: Camera, point: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """u, v and depth of points (b, n, 3) in the world, each (b, n)."""
    x, y, depth = columns(apply(camera.turn[:, None], point - camera.position[:, None]))
    return x / depth * camera.focal[:, None], y / depth * camera.focal[:, None], depth


def to_pixels(u: Tensor, v: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Columns and rows of points, in pixels: whole numbers are pixels' centres."""
    return (u * height + width - 1) / 2, (height - 1 - v * height) / 2


def flow(scene: Scene, after: Scene, height: int, width: int | None = None) -> tuple[Tensor, Tensor]:
    """Where each pixel's point goes until `after`: (b, 2, h, w) pixels to the right and down; and `visible` (b, h, w).

    The scenes have the same bodies, in other poses and before another camera; a point keeps its coordinates in its
    body. What is behind all bodies is a sky, infinitely far, or a backdrop that does not move. A point is visible
    after if it is within the picture and a ray through it meets the same body at its depth, within one part in 1000.
    """
    width = height if width is None else width
    tiles = Tiles(height, width)
    step = max(1, RAYS // (tiles.count * TILE * TILE))
    parts = [_flow(scene[i : i + step], after[i : i + step], tiles) for i in range(0, len(scene), step)]
    return torch.cat([part[0] for part in parts]), torch.cat([part[1] for part in parts])


def _flow(scene: Scene, after: Scene, tiles: Tiles) -> tuple[Tensor, Tensor]:
    frames, frames_after = Frames.of(scene.bodies), Frames.of(after.bodies)
    picture, u, v = tiles.rays(scene, 1)
    hits = trace_camera(scene, frames, picture, u, v)
    direction = directions(scene.camera, picture, u, v)
    new_u, new_v, depth = _moved(scene, after, frames, picture, direction, hits, u, v)
    again = trace_camera(after, frames_after, picture, new_u, new_v)
    same = (again.body == hits.body) & ((again.t - depth).abs() <= VISIBLE * depth)
    same = same | ((hits.body < 0) & (again.body < 0))
    aspect = tiles.width / tiles.height
    visible = same & (depth > 0) & (new_v.abs() <= 1) & (new_u.abs() <= aspect)
    motion = (new_u - u) * tiles.height / 2, (v - new_v) * tiles.height / 2
    return torch.stack([tiles.picture(part) for part in motion], 1), tiles.picture(visible)


def _moved(
    scene: Scene, after: Scene, frames: Frames, picture: Tensor, direction: Columns, hits: Hits, u: Tensor, v: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """u, v and depth (g, r) of each ray's point in the picture after."""
    found = surface(scene, frames, picture, direction, hits)
    camera = after.camera
    turned = apply(camera.turn[picture][:, None], torch.stack(direction, -1))  # a point infinitely far
    x, y, ahead = columns(turned)
    focal = camera.focal[picture][:, None]
    studio = (scene.light.studio[picture] > 0.5)[:, None]
    new_u, new_v = torch.where(studio, u, x / ahead * focal), torch.where(studio, v, y / ahead * focal)
    depth = torch.where(studio | (ahead > 0), torch.full_like(ahead, INF), -INF)
    axes, origin = after.bodies.axes.flatten(0, 1)[found.row], after.bodies.origin.flatten(0, 1)[found.row]
    point = origin + apply(axes, torch.stack(found.own, -1))
    there = apply(camera.turn[found.picture], point - camera.position[found.picture])
    x, y, z = columns(there)
    near_focal = camera.focal[found.picture]
    for whole, part in ((new_u, x / z * near_focal), (new_v, y / z * near_focal), (depth, z)):
        whole.view(-1)[found.ray] = part
    # A point in the camera's centre is nowhere; NaN would spread to its tile when that is traced again
    new_u, new_v = (torch.where(part == part, part, INF) for part in (new_u, new_v))
    return new_u, new_v, depth

"""Rain and snow before a picture, and clouds and the sun's glow in its sky. They are light only: no depth, no class.

What falls is drawn in the picture's own coordinates u and v, so that it looks alike at any size, in layers: the nearest
has the widest drops, the fastest and the fewest. A layer is a grid of cells, each with one drop or none; it goes down
by its speed, in half-heights of the picture a second, and is seen before what is farther than the layer only. Where
drops are is a hash of the item's `phase`, the layer and the cell.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from daedal.data.worlds.scene import Weather
from daedal.data.worlds.textures import fraction, hashed, noise, step
from daedal.data.worlds.vectors import Columns, dot, unit


@dataclass(frozen=True)
class Layer:
    """One distance of what falls; lengths in half-heights of the picture."""

    distance: float  # metres: nearer bodies hide it
    across: float  # width of a cell
    along: float  # height of a cell
    half: float  # half the width of the largest drop
    speed: float  # half-heights a second, downwards
    share: float  # of the cells that have a drop where it falls most densely
    opacity: float


RAIN = (
    Layer(1.5, 0.160, 0.90, 0.020, 9.0, 0.75, 0.50),
    Layer(4.0, 0.090, 0.50, 0.014, 6.0, 0.75, 0.40),
    Layer(9.0, 0.055, 0.30, 0.011, 4.0, 0.80, 0.32),
)
SNOW = (
    Layer(1.5, 0.340, 0.34, 0.050, 0.60, 0.80, 0.95),
    Layer(4.0, 0.190, 0.19, 0.033, 0.35, 0.85, 0.90),
    Layer(9.0, 0.105, 0.105, 0.021, 0.20, 0.90, 0.75),
)
SWAY = 0.05  # half-heights that flakes go to each side
TURN = 2.0  # radians a second of their swaying
CHUNK = 512  # groups that are drawn together: their rays fit a core's cache
DRIFT = 0.03  # of a cloud a second


def fall(light: Tensor, weather: Weather, picture: Tensor, u: Tensor, v: Tensor, depth: Tensor) -> None:
    """Draws what falls over light (3, g, r) at points u, v (g, r) of the pictures (g,) where depth (g, r) is seen."""
    for amount, layers, cover_of in ((weather.rain, RAIN, streaks), (weather.snow, SNOW, flakes)):
        for some in (amount.index_select(0, picture) > 0).nonzero()[:, 0].split(CHUNK):
            across, along, far = (part.index_select(0, some) for part in (u, v, depth))
            own = weather[picture.index_select(0, some)].map(lambda part: part[:, None])
            clear = torch.ones_like(across)
            for number, layer in enumerate(layers):
                clear = clear * (1 - cover_of(own, number, across, along) * (far > layer.distance))
            for channel, part in enumerate(light):
                colour = own.colour[..., channel]
                part.index_copy_(0, some, colour + clear * (part.index_select(0, some) - colour))


def streaks(weather: Weather, number: int, u: Tensor, v: Tensor) -> Tensor:
    """How much a layer of rain covers points u, v (g, r) in [0, 1]; numbers of `weather` are (g, 1)."""
    layer = RAIN[number]
    x, y, chance, size, aside = _cells(weather, layer, number, u + weather.wind * v, v)
    reach = layer.along * (0.18 + 0.30 * size)
    across = 1 - ((x - 0.5) * layer.across - (aside - 0.5) * (layer.across - 2 * layer.half)).abs() / layer.half
    along = 1 - ((y - 0.5) * layer.along / reach).abs()
    shown = chance < layer.share * weather.rain
    return layer.opacity * across.clamp(min=0) * (3 * along).clamp(0, 1) * shown


def flakes(weather: Weather, number: int, u: Tensor, v: Tensor) -> Tensor:
    """How much a layer of snow covers points u, v (g, r) in [0, 1]; numbers of `weather` are (g, 1)."""
    layer = SNOW[number]
    sway = SWAY * (TURN * weather.moment + 2.0 * number + 6.283185307 * weather.phase).sin()
    x, y, chance, size, aside = _cells(weather, layer, len(RAIN) + number, u + weather.wind * v - sway, v)
    free = layer.across - 2 * layer.half
    dx = (x - 0.5) * layer.across - (aside - 0.5) * free
    dy = (y - 0.5) * layer.along - (fraction(chance * 256) - 0.5) * free
    radius = layer.half * (0.55 + 0.45 * size)
    shown = chance < layer.share * weather.snow
    return layer.opacity * (2 - 2 * (dx * dx + dy * dy) / (radius * radius)).clamp(0, 1) * shown


def _cells(weather: Weather, layer: Layer, number: int, a: Tensor, b: Tensor) -> tuple[Tensor, ...]:
    """Places in cells, each in [0, 1), and three random numbers of the cell: columns begin at heights of their own."""
    key = (weather.phase * (1 << 20)).to(torch.int64) * 16 + number
    a = a / layer.across + 64 * weather.phase
    i = a.floor()
    column = i.to(torch.int64)
    b = (b + layer.speed * weather.moment) / layer.along + fraction(i * 0.6180339887)
    j = b.floor()
    chance = hashed(column, j.to(torch.int64), key)
    return a - i, b - j, chance, fraction(chance * 4096), fraction(chance * 65536)


def cover(sky: Tensor, weather: Weather, sun: Tensor, picture: Tensor, direction: Columns) -> None:
    """Adds the glow about the sun and clouds to the sky's light (3, g, r) along directions (g, r)."""
    x, y, z = unit(direction)
    sx, sy, sz = (part.index_select(0, picture)[:, None] for part in sun.t().contiguous())
    near = dot((x, y, z), (sx, sy, sz)).clamp(min=0)
    for _ in range(4):  # to the power of 16
        near = near * near
    wide, disc = near, near * near * near * near
    disc = disc * disc
    disc = disc * disc * disc * disc  # of 2048
    glow = 0.35 * wide + disc * disc
    cloud, shade = _clouds(weather, picture, x, y, z)
    for channel, part in enumerate(sky):
        halo, colour = (c[picture, channel, None] for c in (weather.halo, weather.cloud_colour))
        part += glow * halo
        part += cloud * (shade * colour + 0.4 * wide * halo - part)


def _clouds(weather: Weather, picture: Tensor, x: Tensor, y: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
    """How much clouds cover directions (g, r) and how bright they are: noise on a plane above, that drifts."""
    cover, shift = (part[picture][:, None].expand_as(y) for part in (weather.cloud, 512 * weather.phase))
    shift = shift + DRIFT * weather.moment[picture][:, None]
    covered, shade = torch.zeros_like(y), torch.ones_like(y)
    some = (cover > 0) & (y > -0.02)
    if bool(some.any()):
        x, y, z, amount, shift = (part[some] for part in (x, y, z, cover, shift))
        far = 1 / (y.clamp(min=0) + 0.2)
        a, b = 1.8 * x * far + shift, 2.4 * z * far
        dense = 0.65 * noise(a, b, 0 * a) + 0.35 * noise(2.3 * a + 5, 2.3 * b + 9, 0 * a)
        covered[some] = step((dense - 0.72 + 0.6 * amount) / 0.12, 0.0, 1.0)
        shade[some] = 1.15 - 0.75 * step(dense, 0.45, 0.80)
    return covered, shade

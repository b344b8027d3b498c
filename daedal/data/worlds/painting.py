"""Pictures painted over in brush strokes of few, warm paints: an artistic domain of any world.

After Hertzmann, "Painterly rendering with curved brush strokes of multiple sizes", SIGGRAPH 1998: from the widest brush
to the finest, strokes take the colour of the picture, blurred to the brush's size, along its edges, and finer brushes
paint only where the canvas still differs. Here strokes are straight, one a cell of a jittered grid, and are laid in
nine rounds, in each of which no two can overlap, so that a round is painted at once. Then the paint's relief is lit
from above, and every colour becomes the nearest of PAINTS that a lattice of tones and warm hues has.

Pictures are painted (c, h, w, b), the batch last: strokes are small, and long rows of numbers are fast.
"""

from __future__ import annotations

import torch
from torch import Tensor

from daedal.data.worlds.keyed import uniform
from daedal.data.worlds.textures import fraction, hashed

BRUSHES = (8, 16, 32, 64)  # cells of a brush across the picture's height
FINEST = 2  # pixels of the smallest cell
LONG, WIDE = 1.15, 0.50  # half a stroke's length and width, in cells; with JITTER it stays in the 3 x 3 cells around
JITTER = 0.28
DIFFERS = 0.045  # mean difference of a channel that a finer brush paints over
LOOSE = 0.15  # the share of the cells that a finer brush paints in any case
UNEVEN = 0.05  # how far the tones of strokes vary
HABIT = 0.002  # the square of a gradient that strokes follow rather than the painter's habit
SHARPEST = 1.4  # the least slope of a stroke's edge
BRISTLES = 1.6  # furrows in half a stroke's width
RELIEF, GRAIN = 0.14, 0.05  # how much of its tone the slope of the paint, and the canvas' grain, change
TONES, HUES = 20, 13  # the lattice of paints
PAINTS = TONES * HUES * HUES
CHROMA = 0.54  # the most that red and blue of a paint differ from its tone, but for WARMTH
WARMTH = (0.045, -0.055)  # what red and blue of every paint have over their tone
TONE = (0.30, 0.59, 0.11)
PURER = 1.15
PIXELS = 1 << 18  # of pictures that are painted together


def painted(rgb: Tensor, key: Tensor) -> Tensor:
    """A painting (b, 3, h, w) of pictures (b, 3, h, w) in [0, 1]; strokes are those of the keys, int64 (b,)."""
    count = max(8, PIXELS // (rgb.shape[2] * rgb.shape[3]))
    parts = zip(rgb.split(count), key.split(count), strict=True)
    return torch.cat([_painting(*part) for part in parts])


def _painting(rgb: Tensor, key: Tensor) -> Tensor:
    source = _warm(rgb.permute(1, 2, 3, 0).contiguous())
    height, width = source.shape[1:3]
    canvas = torch.cat([source, torch.zeros_like(source[:1])])  # colours, and the height of the paint
    for number, cell in enumerate(cells(height)):
        canvas = _layer(canvas, source, key, number, cell)[:, :height, :width]
    return nearest_paint(_lit(canvas, key)).permute(3, 0, 1, 2).contiguous()


def cells(height: int) -> list[int]:
    """The widths of the brushes in pixels, even and from the widest to the finest.

    >>> cells(64), cells(32), cells(256)
    ([8, 4, 2], [4, 2], [32, 16, 8, 4])
    """
    sizes = [max(height // brush // 2 * 2, FINEST) for brush in BRUSHES]
    return sorted(set(sizes), reverse=True)


def nearest_paint(rgb: Tensor) -> Tensor:
    """Each colour (3, ...) as the nearest of the paints: by its tone, and by red and blue beside it.

    >>> nearest_paint(torch.tensor([0.6, 0.5, 0.4])).mul(1000).round().tolist()
    [571.0, 530.0, 381.0]
    """
    red, green, blue = rgb.unbind(0)
    tone = TONE[0] * red + TONE[1] * green + TONE[2] * blue
    level = (tone * (TONES - 1) + 0.5).floor().clamp(0, TONES - 1) / (TONES - 1)
    red, blue = (level + w + _hue(part - tone - w) for part, w in zip((red, blue), WARMTH, strict=True))
    green = (level - TONE[0] * red - TONE[2] * blue) / TONE[1]
    return torch.stack([red, green, blue]).clamp(0, 1)


def _hue(difference: Tensor) -> Tensor:
    half = (HUES - 1) // 2
    return (difference * (half / CHROMA) + 0.5).floor().clamp(-half, half) * (CHROMA / half)


def _warm(rgb: Tensor) -> Tensor:
    """Colours (3, ...) a little purer and warmer, of the same tone."""
    tone = TONE[0] * rgb[0] + TONE[1] * rgb[1] + TONE[2] * rgb[2]
    red, blue = (tone + w + PURER * (part - tone) for part, w in zip((rgb[0], rgb[2]), WARMTH, strict=True))
    return torch.stack([red, (tone - TONE[0] * red - TONE[2] * blue) / TONE[1], blue])


def _layer(canvas: Tensor, source: Tensor, key: Tensor, number: int, cell: int) -> Tensor:
    """The canvas (4, H, W, b) painted over with one brush, larger than it was at the right and below."""
    down, right = (-(-size // (3 * cell)) * 3 for size in source.shape[1:3])  # cells, whole blocks of 3 x 3
    source = _extended(source, 0, down * cell, right * cell)
    strokes = _strokes(source, canvas if number else None, key, number, cell)
    canvas = _extended(canvas, cell, down * cell + cell, right * cell + cell)
    for turn in range(9):
        i, j = turn * 2 % 9 // 3, turn * 2 % 3
        _round(canvas, strokes[:, i::3, j::3], (i, j), cell)
    return canvas[:, cell:, cell:]


def _round(canvas: Tensor, strokes: Tensor, first: tuple[int, int], cell: int) -> None:
    """Paints every third stroke of every third row, each into the 3 x 3 cells around it."""
    width, batch = canvas.shape[2:]
    some = (strokes[7] >= 0).nonzero()
    row, column, picture = some.unbind(1)
    corner = (((3 * row + first[0]) * width + 3 * column + first[1]) * cell) * batch + picture
    inner = torch.arange(3 * cell, device=canvas.device)
    pixels = ((inner[:, None] * width + inner) * batch).flatten()[:, None] + corner
    flat, pixels = canvas.view(4, -1), pixels.flatten()
    chosen = strokes.flatten(1).index_select(1, (row * strokes.shape[2] + column) * batch + picture)
    alpha, furrow = _stroke(chosen, cell)
    for part, value in zip(flat, (*chosen[:3], 0.4 + 1.2 * furrow), strict=True):
        old = part.index_select(0, pixels).view_as(alpha)
        part.index_copy_(0, pixels, (old + alpha * (value - old)).flatten())


def _extended(x: Tensor, before: int, height: int, width: int) -> Tensor:
    """x (c, h, w, b) with its border repeated from -before to height and width."""
    for dim, end in ((1, height), (2, width)):
        places = torch.arange(-before, end, device=x.device).clamp(0, x.shape[dim] - 1)
        x = x.index_select(dim, places)
    return x


def _strokes(source: Tensor, canvas: Tensor | None, key: Tensor, number: int, cell: int) -> Tensor:
    """(8, down, right, b): colour, place in the cell (x, y), direction (cos, sin), and the bristles; -1: no stroke."""
    half = _means(source, cell // 2)
    down, right = half.shape[1] // 2, half.shape[2] // 2
    u = uniform(0, f"painting {number}", key, 5 * down * right).to(source)
    u = u.t().contiguous().view(5, down, right, -1)
    x, y = ((2 * part - 1) * JITTER for part in u[:2])
    colour = _at(half, x > 0, y > 0) + UNEVEN * (u[2] - 0.5)
    shown = torch.ones_like(x, dtype=torch.bool)
    if canvas is not None:
        canvas = _extended(canvas[:3], 0, *source.shape[1:3])
        differs = _means((canvas - source).abs(), cell)
        shown = (differs[0] + differs[1] + differs[2] > 3 * DIFFERS) | (u[4] < LOOSE)
    bristles = torch.where(shown, u[3], -1.0)
    return torch.stack([*nearest_paint(colour), x, y, *_directions(half, key), bristles])


def _means(x: Tensor, size: int) -> Tensor:
    """Means over squares of pixels, summed in one order."""
    for dim in (1, 2):
        first, *rest = x.unflatten(dim, (-1, size)).unbind(dim + 1)
        for part in rest:
            first = first + part
        x = first / size
    return x


def _at(half: Tensor, right: Tensor, below: Tensor) -> Tensor:
    """Of four quarters of each cell the one that is to the right, and below."""
    (a, b), (c, d) = ((half[:, i::2, j::2] for j in (0, 1)) for i in (0, 1))
    return torch.where(below, torch.where(right, d, c), torch.where(right, b, a))


def _directions(half: Tensor, key: Tensor) -> tuple[Tensor, Tensor]:
    """Cosine and sine (down, right, b) of each cell's edges, by the structure tensor; where all is flat, by habit.

    In twice the angle, in which a direction and its opposite are one.
    """
    tone = (TONE[0] * half[0] + TONE[1] * half[1] + TONE[2] * half[2])[None]
    around = _extended(tone, 1, tone.shape[1] + 1, tone.shape[2] + 1)[0]
    gx, gy = around[1:-1, 2:] - around[1:-1, :-2], around[2:, 1:-1] - around[:-2, 1:-1]
    doubled = _means(torch.stack([gy * gy - gx * gx, -2 * gx * gy]), 2)
    doubled = _extended(doubled, 1, doubled.shape[1] + 1, doubled.shape[2] + 1)
    doubled = doubled[:, :-2] + 2 * doubled[:, 1:-1] + doubled[:, 2:]
    doubled = doubled[:, :, :-2] + 2 * doubled[:, :, 1:-1] + doubled[:, :, 2:]
    down, right = doubled.shape[1:3]
    row, column = (torch.arange(n, dtype=half.dtype, device=half.device) / n for n in (down, right))
    habit = 6.283185307 * uniform(0, "painting habit", key)[:, 0].to(half)
    habit = habit + 1.6 * row[:, None, None] + 2.2 * column[:, None]
    cosine, sine = doubled[0] + HABIT * habit.cos(), doubled[1] + HABIT * habit.sin()
    cosine = cosine / (cosine * cosine + sine * sine).sqrt().clamp(min=1e-12)
    turned = torch.where(sine < 0, -1.0, 1.0).to(half)
    return ((1 + cosine).clamp(min=0) / 2).sqrt(), turned * ((1 - cosine).clamp(min=0) / 2).sqrt()


def _stroke(strokes: Tensor, cell: int) -> tuple[Tensor, Tensor]:
    """How much strokes (8, n) cover the pixels of their 3 x 3 cells, and their furrows: (9 cell^2, n) each."""
    *_, x, y, cosine, sine, bristles = strokes
    place = (torch.arange(3 * cell, dtype=strokes.dtype, device=strokes.device) + 0.5) / cell - 1.5
    dx, dy = place[:, None] - x, (place[:, None] - y)[:, None]
    a = (dx * (cosine / LONG) + dy * (sine / LONG)).flatten(0, 1)
    w = (dy * (cosine / WIDE) - dx * (sine / WIDE)).flatten(0, 1)
    furrow = (fraction(w * BRISTLES + 8 * bristles) - 0.5).abs()
    square = a * a
    inside = (1 - square * square - w * w) * max(0.5 * cell * WIDE, SHARPEST)
    return (inside - furrow * (0.6 + 2 * a).clamp(min=0)).clamp(0, 1), furrow


def _lit(canvas: Tensor, key: Tensor) -> Tensor:
    """Colours (3, h, w, b) of the canvas under a light from the upper left, with its grain."""
    height = _extended(canvas[3:], 1, *canvas.shape[1:3])[0]
    slope = height[1:, 1:] - height[:-1, :-1]
    row, column = (torch.arange(n, device=key.device) for n in canvas.shape[1:3])
    grain = hashed(row[:, None, None], column[:, None], key % (1 << 20)).to(canvas)
    return canvas[:3] * (1 + RELIEF * slope + GRAIN * (grain - 0.5))

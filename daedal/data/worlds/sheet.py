"""The contact sheet of a world: a row for each factor, swept over its range with the others held, and random items."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from daedal.data.worlds.simulator import Simulator
from daedal.data.worlds.world import Factor, Values

STEPS = 7  # of a sweep
RANDOM = 4  # columns of random items
MARGIN, GAP, LINE, SMALL = 16, 4, 20, 13  # pixels
WIDE = 38  # characters of a caption's line
PAPER, INK, FAINT = (255, 255, 255), (30, 30, 30), (110, 110, 110)


def world_sheet(of: Simulator, title: str) -> Image.Image:
    """The sheet. Columns run from a factor's lowest value to its highest, or over its choices, as its caption says.

    What only a clip shows, such as a tempo, has no row.
    """
    of = replace(of, frames=None, fields=())
    rows = {factor: _tiles(of, sweep(of, factor)) for factor in of.world.factors}
    rows = {factor: row for factor, row in rows.items() if factor.shown or any(tile != row[0] for tile in row)}
    others = _tiles(of, of.values(of.training_index(np.arange(RANDOM * len(rows)))))
    return _drawn(list(rows), list(rows.values()), others, title)


def sweep(of: Simulator, factor: Factor) -> Values:
    """Values of every factor where one runs over its range: of a factor of several numbers, those of first items."""
    n = len(factor.choices) if factor.choices and factor.size == 1 else STEPS
    values = {other.name: _usual(of, other, n) for other in of.world.factors}
    if factor.size > 1 or not factor.shown:
        values[factor.name] = of.values(np.arange(n))[factor.name]
    elif factor.choices:
        values[factor.name] = torch.arange(n)
    else:
        values[factor.name] = torch.linspace(factor.low, factor.high, n)
    return values


def _usual(of: Simulator, factor: Factor, n: int) -> Tensor:
    """What a factor is held at: what the world says, else its middle, or its first choice."""
    said, shape = of.world.usual.get(factor.name), (n,) if factor.size == 1 else (n, factor.size)
    if factor.choices:
        return torch.full(shape, 0 if said is None else factor.choices.index(str(said)))
    return torch.full(shape, (factor.low + factor.high) / 2 if said is None else float(said))


def caption(factor: Factor) -> list[str]:
    """A factor in a few lines: its name and range, then what it is.

    >>> caption(Factor("yaw", "degrees that the head is turned", -40, 40))
    ['yaw: -40 to 40', 'degrees that the head is turned']
    """
    if factor.choices and factor.size == 1:
        return [factor.name, *textwrap.wrap(f"{factor.meaning}: {', '.join(factor.choices)}", WIDE)]
    span = f"{factor.low:g} to {factor.high:g}"
    if factor.size > 1 or not factor.shown:
        span = f"{factor.size} {'choices' if factor.choices else 'numbers'}, random" if factor.size > 1 else "random"
    return [f"{factor.name}: {span}", *textwrap.wrap(factor.meaning, WIDE)]


def _tiles(of: Simulator, values: Values) -> list[Image.Image]:
    from daedal.data.sheet import tile

    return [tile(x) for x in of.items(values, ["x"])["x"]]


def _drawn(
    factors: Sequence[Factor], rows: Sequence[Sequence[Image.Image]], others: Sequence[Image.Image], title: str
) -> Image.Image:
    large, small = ImageFont.load_default(14), ImageFont.load_default(11)
    wide, tall = (rows[0][0].size[k] + GAP for k in (0, 1))
    captions = [caption(factor) for factor in factors]
    heights = [max(tall, LINE + SMALL * (len(lines) - 1) + GAP) for lines in captions]
    indent = MARGIN + int(max(small.getlength(line) for lines in captions for line in lines[1:] or lines))
    indent = MARGIN + max(indent, *(int(large.getlength(lines[0])) + MARGIN for lines in captions))
    right = indent + max(STEPS, *(len(row) for row in rows)) * wide + MARGIN
    top = MARGIN + 2 * LINE
    size = (max(right + RANDOM * wide, MARGIN + int(large.getlength(title))) + MARGIN, top + sum(heights) + MARGIN)
    sheet = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((MARGIN, MARGIN - 2), title, INK, large)
    draw.text((indent, MARGIN + LINE - 2), "one factor at a time", FAINT, small)
    draw.text((right, MARGIN + LINE - 2), "random items", FAINT, small)
    y = top
    for k, (lines, row, height) in enumerate(zip(captions, rows, heights, strict=True)):
        draw.text((MARGIN, y), lines[0], INK, large)
        for i, line in enumerate(lines[1:]):
            draw.text((MARGIN, y + LINE + i * SMALL), line, FAINT, small)
        for i, picture in enumerate(row):
            sheet.paste(picture, (indent + i * wide, y))
        for i, picture in enumerate(others[k * RANDOM : (k + 1) * RANDOM]):
            sheet.paste(picture, (right + i * wide, y))
        y += height
    return sheet

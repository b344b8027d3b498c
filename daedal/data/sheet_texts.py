"""Sheets of texts: some sentences as they are read, those of two languages beside each other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from daedal.data.base import Data, Split, Unpaired, how_many
from daedal.data.names import printable
from daedal.data.tokens import Vocabulary

ROWS = 24  # sentences shown
SIZE, LINE, MARGIN, GAP = 14, 22, 16, 32  # pixels
WIDEST = 640  # pixels of a sentence: what is longer is cut
PAPER, INK, FAINT = (255, 255, 255), (30, 30, 30), (120, 120, 120)

Block = tuple[list[str], list[list[str]]]  # headings of the columns, and rows of sentences


def text_sheet(data: Data) -> Image.Image:
    """Evenly spaced sentences of the training split; of unpaired languages those of each, and pairs of the test."""
    fields = list(data.fields)
    if isinstance(data.train, Unpaired):
        sides = [_texts(data, split, name, ROWS // 2) for name, split in data.train.sides.items()]
        heads = [f"{name}, to train on" for name in fields]
        pairs = [_texts(data, data.test, name, ROWS // 2) for name in fields]
        blocks = [(heads, _rows(sides)), ([f"{name}, test pairs" for name in fields], _rows(pairs))]
    else:
        columns = [_texts(data, data.train, name, ROWS) for name in fields]
        blocks = [(fields if len(fields) > 1 else [], _rows(columns))]
    return _drawn(f"{data.name}: {how_many(data.train)} training and {len(data.test)} test sentences", blocks)


def _texts(data: Data, split: Split, field: str, most: int) -> list[str]:
    items = np.unique(np.linspace(0, len(split) - 1, min(most, len(split))).round().astype(int))
    words = Vocabulary.of(data.fields[field])  # type: ignore[arg-type]
    return [printable(text) for text in words.decode(split.gather(items, [field])[field].numpy())]


def _rows(columns: list[list[str]]) -> list[list[str]]:
    longest = max(map(len, columns))
    return [[column[k] if k < len(column) else "" for column in columns] for k in range(longest)]


def _drawn(title: str, blocks: list[Block]) -> Image.Image:
    font = _font()
    every = [row for heads, rows in blocks for row in [heads, *rows] if row]
    wide = [int(max(min(font.getlength(row[k]), WIDEST) for row in every)) + GAP for k in range(len(every[0]))]
    tall = sum(LINE * (len(rows) + bool(heads)) + LINE // 2 for heads, rows in blocks)
    width = 2 * MARGIN + max(sum(wide), int(font.getlength(title)))
    sheet = Image.new("RGB", (width, 2 * MARGIN + LINE + tall), PAPER)
    draw, y = ImageDraw.Draw(sheet), MARGIN
    draw.text((MARGIN, y), printable(title), INK, font)
    for heads, rows in blocks:
        y += LINE // 2
        for row, colour in [*([(heads, FAINT)] if heads else []), *((row, INK) for row in rows)]:
            y += LINE
            for k, text in enumerate(row):
                draw.text((MARGIN + sum(wide[:k]), y), _fitting(text, font), colour, font)
    return sheet


def _fitting(text: str, font: ImageFont.FreeTypeFont) -> str:
    if font.getlength(text) <= WIDEST:
        return text
    while font.getlength(text + "…") > WIDEST:
        text = text[:-1]
    return text + "…"


def _font() -> ImageFont.FreeTypeFont:
    """DejaVu, which Matplotlib brings: it has Latin, Greek, Cyrillic and more; Pillow's own font has Latin only."""
    import matplotlib

    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"), SIZE)

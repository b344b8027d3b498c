"""Sheets of pictures with words beside and above them."""

import torch
from PIL import Image, ImageDraw, ImageFont

from daedal.data.grid import image_grid

INK, PAPER, FRAME = (40, 40, 40), (255, 255, 255), (190, 190, 190)
LARGE, LINE, MARGIN, GAP = 12, 18, 6, 2  # pixels
FONT = ImageFont.load_default(LARGE)


def sheet(rows, left=None, above=None, framed=False):
    """Rows of pictures (rows, columns, 3, h, w) in [0, 1], with words left of each row, and above it.

    `above` has a list of words for each row, or one for the first row alone; frames set off what is white.
    """
    rows, above = torch.as_tensor(rows), above or []
    indent = 2 * MARGIN + max(int(FONT.getlength(word)) for word in left) if left else MARGIN
    strips = [image_grid(row * 2 - 1, columns=len(row), scale=1, padding=GAP) for row in rows]
    heights = [LINE * (k < len(above)) + strip.height - GAP for k, strip in enumerate(strips)]
    paper = Image.new("RGB", (indent + strips[0].width + MARGIN, MARGIN + sum(heights) + MARGIN), PAPER)
    draw, y = ImageDraw.Draw(paper), MARGIN
    for k, strip in enumerate(strips):
        top = y + heights[k] - strip.height + GAP
        for column, word in enumerate(above[k] if k < len(above) else []):
            centre = indent + GAP + (column + 0.5) * (rows.shape[-1] + GAP)
            draw.text((centre, y + LINE / 2), word, INK, _narrow(word, rows.shape[-1]), anchor="mm")
        if left:
            draw.text((indent - MARGIN, top + strip.height / 2), left[k], INK, FONT, anchor="rm")
        paper.paste(strip, (indent, top))
        for column in range(len(rows[k]) * framed):
            corner = (indent + GAP - 1 + column * (rows.shape[-1] + GAP), top + GAP - 1)
            draw.rectangle((*corner, corner[0] + rows.shape[-1] + 1, corner[1] + rows.shape[-2] + 1), outline=FRAME)
        y += heights[k]
    return paper


def _narrow(word, wide):
    """The largest font in which a word is hardly wider than that."""
    size = LARGE
    while size > 8 and ImageFont.load_default(size).getlength(word) > wide + 3 * GAP:
        size -= 1
    return ImageFont.load_default(size)

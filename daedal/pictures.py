"""Tensors as pictures to look at: grids of images, clips frame by frame, points of the plane.

>>> import torch
>>> show(torch.zeros(5, 1, 8, 8), scale=1).size  # three columns, two rows, a gap of two pixels
(28, 18)
"""

from __future__ import annotations

import math

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

PIXELS = 512  # about how wide a grid is made
GAP = 2


def show(x: Tensor, *, columns: int | None = None, scale: int | None = None) -> Image.Image:
    """A picture of images (n, c, h, w) or one (c, h, w), clips (n, f, c, h, w), or vectors (n, dim).

    Images are in [-1, 1], laid out in rows of `columns` (default: nearly square) and enlarged `scale` times. A clip
    is a row of frames. Of vectors the first two coordinates are drawn. Raises ValueError for other shapes.
    """
    x = torch.as_tensor(x).detach().cpu().float()
    if x.ndim == 2:
        return scatter(x)
    if x.ndim == 5:
        columns, x = x.shape[1], x.flatten(0, 1)
    x = x[None] if x.ndim == 3 else x
    if x.ndim != 4 or not len(x):
        raise ValueError(f"'x' of show must be images (n, c, h, w), clips or vectors (n, dim); got {tuple(x.shape)}.")
    columns = min(len(x), columns or math.ceil(math.sqrt(len(x))))
    height, width = x.shape[-2:]
    scale = scale or max(1, PIXELS // (columns * (width + GAP)))
    step_x, step_y = width * scale + GAP, height * scale + GAP
    sheet = Image.new("RGB", (columns * step_x - GAP, math.ceil(len(x) / columns) * step_y - GAP), "white")
    for i, item in enumerate(x):
        tile = to_image(item).resize((width * scale, height * scale), Image.Resampling.NEAREST)
        sheet.paste(tile, (i % columns * step_x, i // columns * step_y), tile if tile.mode == "RGBA" else None)
    return sheet


def to_image(x: Tensor, levels: int = 256) -> Image.Image:
    """One image (c, h, w) in [-1, 1]: grey, RGB or RGBA; 16 bits deep where grey has more than 256 `levels`."""
    if x.shape[0] == 1 and levels > 256:
        return Image.fromarray(_levels(x[0], 65535, np.uint16))
    levels8 = _levels(x, 255, np.uint8)
    return Image.fromarray(levels8[0] if len(x) not in (3, 4) else np.ascontiguousarray(np.moveaxis(levels8, 0, -1)))


def _levels(x: Tensor, top: int, dtype: type) -> np.ndarray:
    return ((x.double().clamp(-1, 1) + 1) * (top / 2)).round().nan_to_num(0).numpy().astype(dtype)


def scatter(x: Tensor, size: int = PIXELS) -> Image.Image:
    """The first two coordinates of vectors (n, dim) as points; of one coordinate, a row of points."""
    points = torch.cat([x[:, :2], torch.zeros(len(x), max(0, 2 - x.shape[1]))], 1)
    points = points[torch.isfinite(points).all(1)]
    sheet = Image.new("RGB", (size, size), "white")
    if not len(points):
        return sheet
    low, high = points.amin(0), points.amax(0)
    reach = float((high - low).max()) or 1.0
    places = (points - (low + high) / 2) / reach * (0.9 * size) + size / 2
    draw = ImageDraw.Draw(sheet)
    for across, up in places.tolist():
        draw.ellipse((across - 1.5, size - up - 1.5, across + 1.5, size - up + 1.5), fill="#1f4e8c")
    return sheet

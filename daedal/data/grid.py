"""Pictures of batches: a grid of images, a scatter or histogram of vectors. Made for reports, samples and notebooks.

>>> digits = torch.zeros(10, 1, 8, 8)
>>> image_grid(digits, columns=5).size  # tiles of 8 x 8 enlarged 8 times, one pixel around each
(326, 131)
"""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

VISIBLE = 64  # pixels that a tile is enlarged to, about
MOST_POINTS = 5000  # of a scatter
MOST_TILES = 64  # of `show`
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}


def image_grid(x: Tensor, columns: int | None = None, scale: int | None = None, padding: int = 1) -> Image.Image:
    """Images in a grid, row by row, on white: as a grey, RGB or RGBA picture.

    Arguments:
        x: (n, c, h, w) in [-1, 1]; values outside are clamped. Clips (n, f, c, h, w) are rows of frames. Channels other
            than 1, 3 or 4 are shown as grey images side by side.
        columns: default the square root of n, rounded up; of clips, the number of frames.
        scale: each pixel becomes a square of so many; default what makes tiny images about 64 pixels large.
        padding: pixels around each tile.

    Raises ValueError for another shape, no images, or a `columns` or `scale` below 1.
    """
    if columns is None and x.ndim == 5:
        columns = x.shape[1]
    tiles = _tiles(x)
    n, height, width, channels = tiles.shape
    scale = max(1, round(VISIBLE / max(height, width))) if scale is None else scale
    across = min(n, math.ceil(math.sqrt(n)) if columns is None else columns)
    if across < 1 or scale < 1 or padding < 0:
        raise ValueError(f"'columns' and 'scale' must be at least 1; got {columns} and {scale}.")
    tiles = tiles.repeat(scale, axis=1).repeat(scale, axis=2)
    rows, tall, wide = math.ceil(n / across), height * scale + padding, width * scale + padding
    canvas = np.full((rows * tall + padding, across * wide + padding, channels), 255, np.uint8)
    for k, tile in enumerate(tiles):
        top, left = padding + k // across * tall, padding + k % across * wide
        canvas[top : top + tile.shape[0], left : left + tile.shape[1]] = tile
    return Image.fromarray(canvas[..., 0] if channels == 1 else canvas, _MODES[channels])


def show(x: Any) -> Image.Image:
    """A picture of images (n, c, h, w), one image (c, h, w), clips (n, f, c, h, w), or vectors (n, dim).

    Of images the first 64 are shown; of vectors, a histogram of one dimension or a scatter of the first two. `Data` is
    shown as its contact sheet. Raises ValueError for anything else.
    """
    from daedal.data.base import Data

    if isinstance(x, Data):
        from daedal.data.sheet import contact_sheet

        return contact_sheet(x)
    x = torch.as_tensor(x).detach().float().cpu()
    if x.ndim == 3:
        return image_grid(x[None])
    if x.ndim in (4, 5):
        return image_grid(x[:MOST_TILES])
    if x.ndim == 2 and x.numel():
        return scatter(x)
    raise ValueError(f"'x' must be images (n, c, h, w), one image (c, h, w) or vectors (n, dim); got {tuple(x.shape)}.")


def scatter(x: Tensor, title: str = "") -> Image.Image:
    """Vectors (n, dim) as a histogram (dim 1) or a scatter of the first two of their numbers."""
    figure, axes = new_figure(5, 5)
    values = x[:MOST_POINTS].numpy()
    if values.shape[1] == 1:
        axes.hist(values[:, 0], bins=60, color="#33608c")
    else:
        axes.scatter(values[:, 0], values[:, 1], s=4, alpha=0.5, linewidths=0, color="#33608c")
        axes.set_xlabel("x[0]")
        axes.set_ylabel("x[1]")
        axes.set_aspect("equal", "datalim")
    axes.set_title(title)
    return to_picture(figure)


def new_figure(width: float, height: float, rows: int = 1, columns: int = 1) -> tuple[Any, Any]:
    """A matplotlib figure, in inches, and its axes; without pyplot, whose state is everybody's."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns, gridspec_kw={"hspace": 0.6, "wspace": 0.4})


def to_picture(figure: Any) -> Image.Image:
    """A matplotlib figure as an RGB picture."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100, bbox_inches="tight")
    return Image.open(buffer).convert("RGB")


def _tiles(x: Tensor) -> np.ndarray:
    """Tiles (n, h, w, 1, 3 or 4) as uint8."""
    if x.ndim == 5:
        x = x.flatten(0, 1)
    if x.ndim != 4 or not x.numel():
        raise ValueError(f"'x' must be images (n, c, h, w) with n of at least 1; got {tuple(x.shape)}.")
    if x.shape[1] not in _MODES:
        x = x.movedim(1, 2).flatten(2)[:, None]  # (n, h, c * w), channel beside channel
    levels = x.detach().float().cpu().nan_to_num().clamp(-1, 1).add(1).mul(127.5).round().byte()
    return levels.movedim(1, 3).numpy()

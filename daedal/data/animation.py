"""Animated pictures of clips: GIF, which everything shows, and WebP, which keeps every pixel.

GIF holds 256 colours a frame and times in hundredths of a second; its frames' times are rounded so that their sum is
right.
"""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from pathlib import Path

from PIL import Image
from torch import Tensor

from daedal.data.grid import image_grid
from daedal.errors import UsageError
from daedal.places import write_file

SUFFIXES = (".gif", ".webp")


def animate(
    x: Tensor,
    path: str | os.PathLike[str],
    *,
    rate: float = 8.0,
    columns: int | None = None,
    scale: int | None = None,
    padding: int = 1,
    quality: int | None = None,
) -> None:
    """Save clips (n, f, c, h, w) in [-1, 1] as one animated grid, `rate` frames a second, a .gif or .webp.

    `columns`, `scale` and `padding` are those of `image_grid`; `quality` 0 to 100 makes a smaller .webp that is not
    exact. Raises UsageError for another suffix, ValueError for
    another shape.
    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"An animation must end in .gif or .webp; got '{path}'.")
    if x.ndim != 5:
        raise ValueError(f"'x' must be clips (n, f, c, h, w); got {tuple(x.shape)}.")
    frames = [image_grid(x[:, t], columns, scale, padding).convert("RGB") for t in range(x.shape[1])]
    write_file(path, animation(frames, rate, path.suffix.lower()[1:], quality))


def animation(frames: Sequence[Image.Image], rate: float, kind: str, quality: int | None = None) -> bytes:
    """RGB pictures as the bytes of an endless animation of `kind` gif or webp."""
    unit = 10 if kind == "gif" else 1  # milliseconds
    ends = [unit * round(1000 * (k + 1) / rate / unit) for k in range(len(frames))]
    times = [end - start for start, end in zip([0, *ends], ends, strict=False)]
    buffer = io.BytesIO()
    if kind == "gif":
        frames = [frame.quantize(256, dither=Image.Dither.NONE) for frame in frames]
        frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:], duration=times, loop=0)
    else:
        exact = {"lossless": True} if quality is None else {"quality": quality, "method": 6}
        options = {**exact, "duration": times, "loop": 0}
        frames[0].save(buffer, "WEBP", save_all=True, append_images=frames[1:], **options)
    return buffer.getvalue()

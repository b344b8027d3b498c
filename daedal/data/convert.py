"""Stacks of images that are arrays already, brought to a size and a number of channels, at any number of levels.

The rules are those of `daedal.data.images`, which does the same for encoded files: bicubic and antialiased, colour
weighted by its alpha, alpha laid over the background unless it is kept, grey by the luma of ITU-R 601.

>>> red = np.zeros((1, 3, 2, 2), np.uint8)
>>> red[:, 0] = 255
>>> with_channels(red, 256, 1, "white").ravel().tolist()
[76, 76, 76, 76]
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from PIL import Image

from daedal.data.base import Column
from daedal.data.images import colour, inside, window
from daedal.data.options import Options
from daedal.spaces import Images


def converted(column: Column, options: Options) -> Column:
    """The column of images with the size and channels of `options`; levels stay as many as they were."""
    space = column.space
    assert isinstance(space, Images)
    values = with_channels(column.values, space.levels, options.channels, options.background)
    if options.size is not None and options.size != values.shape[2:]:
        values = resized(values, space.levels, options)
    _, channels, height, width = values.shape
    return Column(values, replace(space, channels=channels, height=height, width=width))


def with_channels(values: np.ndarray, levels: int, channels: int | None, background: str) -> np.ndarray:
    """Levels (n, c, h, w) with 1, 3 or 4 channels; None: one where all are grey, else three.

    An array that needs no change is returned as it is, maybe memory-mapped.
    """
    if values.shape[1] == 4 and channels != 4:
        values = _over(values, levels, background)
    if channels is None:
        channels = 1 if values.shape[1] == 1 or _all_grey(values) else 3
        return values[:, :1] if channels == 1 else values
    if channels == 1 and values.shape[1] == 3:
        return _luma(values)
    if values.shape[1] == 1 and channels > 1:
        values = np.repeat(values, 3, axis=1)
    if values.shape[1] == 3 and channels == 4:
        values = np.concatenate([values, np.full_like(values[:, :1], levels - 1)], axis=1)
    return values


def resized(values: np.ndarray, levels: int, options: Options) -> np.ndarray:
    """Levels (n, c, h, w) at `options.size`, fitted as `options.fit` says."""
    assert options.size is not None
    (old_height, old_width), (height, width) = values.shape[2:], options.size
    box = (0.0, 0.0, float(old_width), float(old_height))
    if options.fit == "crop":
        box = window(old_width, old_height, height, width)
    inner = inside(old_width, old_height, height, width) if options.fit == "pad" else options.size
    margin = _margin(values.shape[1], levels, options)
    out = np.empty((len(values), len(margin), height, width), values.dtype)
    out[:] = margin[:, None, None]
    top, left = (height - inner[0]) // 2, (width - inner[1]) // 2
    for item, image in zip(out, values, strict=True):
        item[:, top : top + inner[0], left : left + inner[1]] = _scaled(image, levels, inner, box)
    return out


def _scaled(image: np.ndarray, levels: int, size: tuple[int, int], box: tuple[float, ...]) -> np.ndarray:
    planes = image.astype(np.float32)
    if len(planes) == 4:
        planes[:3] *= planes[3] / (levels - 1)
    planes = np.stack(
        [np.asarray(Image.fromarray(p).resize(size[::-1], Image.Resampling.BICUBIC, box=box)) for p in planes]  # type: ignore[arg-type]
    )
    if len(planes) == 4:
        planes[:3] *= np.divide(levels - 1, planes[3], where=planes[3] > 0, out=np.zeros_like(planes[3]))
    return np.rint(planes.clip(0, levels - 1)).astype(image.dtype)


def _margin(channels: int, levels: int, options: Options) -> np.ndarray:
    """What `fit="pad"` puts around: the background, transparent where there is alpha; a colour makes grey RGB."""
    tone = _tone(options.background, levels)
    if channels == 1:
        grey = options.channels == 1 or len(set(tone)) == 1 or options.fit != "pad"
        return _luma(tone[None, :, None, None]).ravel() if grey else tone
    return np.append(tone, 0) if channels == 4 else tone


def _tone(background: str, levels: int) -> np.ndarray:
    return np.rint(np.array(colour(background)) * ((levels - 1) / 255)).astype(np.uint16)


def _over(values: np.ndarray, levels: int, background: str) -> np.ndarray:
    """Colour and alpha (n, 4, h, w) laid over the background: (n, 3, h, w)."""
    alpha = values[:, 3:].astype(np.float32) / (levels - 1)
    mixed = values[:, :3] * alpha + _tone(background, levels)[:, None, None] * (1 - alpha)
    return np.rint(mixed).astype(values.dtype)


def _luma(values: np.ndarray) -> np.ndarray:
    red, green, blue = values.astype(np.uint32).swapaxes(0, 1)
    return ((red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16).astype(values.dtype)[:, None]


def _all_grey(values: np.ndarray) -> bool:
    parts = [values[:1], values]  # one item tells most data sets
    return all(np.array_equal(v[:, 0], v[:, 1]) and np.array_equal(v[:, 1], v[:, 2]) for v in parts)

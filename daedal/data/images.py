"""Decodes image files to arrays of levels (c, h, w), whatever their mode, depth, orientation or transparency.

| what is in the file | what comes out |
|---|---|
| bilevel, grey | one channel, 0 .. 255 |
| colour, palette, CMYK, YCbCr | three channels; one where red, green and blue are equal everywhere |
| 16-bit grey, 32-bit integers within 16 bits, floats within [0, 1] | one channel, 0 .. 65535, also when resized |
| alpha in any form | laid over the background; kept where four channels are asked for (but not of 16-bit grey) |
| an EXIF orientation | the upright image |

Colour of 16 bits a channel is read as 8 bits (Pillow has no such mode) and colour profiles are not applied. Of an
animation, the first frame is read. Resizing is bicubic and antialiased, with colour weighted by its alpha.

A JPEG of at least 16 times the wanted pixels (4 times each side) is decoded at a half, a quarter or an eighth of its
size, which never leaves it under twice the wanted size: much faster, and on photographs the result differs from that
of the whole image by under one level of 256 on average.

>>> buffer = io.BytesIO()
>>> Image.new("1", (6, 4), 1).save(buffer, "PNG")
>>> decode(buffer.getvalue(), How(size=(2, 2))).levels.tolist()
[[[255, 255], [255, 255]]]
"""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageChops, ImageColor
from PIL.PngImagePlugin import PngImageFile

Image.preinit()  # the common plugins; Pillow loads the others when a file needs one
# Read by Pillow itself, common ones first; others (EPS, WMF) start programs or have no place here.
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "PPM", "WEBP", "TIFF", "AVIF", "JPEG2000", "DIB", "TGA")
FITS = ("crop", "pad", "stretch")
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class BadImage(ValueError):
    """A file that is no image which can be decoded; the message is the reason."""


class How(NamedTuple):
    """How to decode: `size` (height, width) or None to keep it, `channels` 1, 3, 4 or None for what the file has."""

    size: tuple[int, int] | None = None
    channels: int | None = None
    fit: str = "crop"
    background: tuple[int, int, int] = (255, 255, 255)


class Picture(NamedTuple):
    """A decoded image: levels (c, h, w) as uint8 or uint16; size (height, width) and mode as they were in the file."""

    levels: np.ndarray
    size: tuple[int, int]
    mode: str


def colour(name: str) -> tuple[int, int, int]:
    """Red, green and blue of a colour's name or #hex. Raises ValueError for anything else."""
    return ImageColor.getrgb(name)[:3]


@contextlib.contextmanager
def decoder_warnings() -> Iterator[None]:
    """Inside, more than `PIL.Image.MAX_IMAGE_PIXELS` (89 million) is an error, and metadata are not complained of."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def decode(data: bytes, how: How) -> Picture:
    """The image in an encoded file. Raises BadImage with the reason if it cannot be decoded."""
    if not data:
        raise BadImage("empty file (0 bytes)")
    try:
        image, size, mode, extent = _load(data, how)
        levels = _levels(_fit(_plain(image, how), extent, how), how)
    except BadImage:
        raise
    except Image.UnidentifiedImageError:
        raise BadImage("not an image that can be read") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise BadImage(f"more pixels than the limit of {Image.MAX_IMAGE_PIXELS}") from None
    except Exception as error:  # a damaged file can make a decoder raise anything
        raise BadImage(str(error) or type(error).__name__) from None
    return Picture(levels, size, mode)


def _load(data: bytes, how: How) -> tuple[Image.Image, tuple[int, int], str, tuple[float, float]]:
    """The upright image; its size (h, w) and mode in the file; its extent (w, h) in its own, maybe coarser, pixels."""
    image = Image.open(io.BytesIO(data), formats=FORMATS)
    if Image.MAX_IMAGE_PIXELS and image.width * image.height > Image.MAX_IMAGE_PIXELS:
        raise Image.DecompressionBombError
    mode, (width, height), raw = image.mode, image.size, _raw_mode(image)
    extent: tuple[float, float] | None = None
    if how.size is not None and image.format in ("JPEG", "MPO"):
        side = 2 * max(how.size)
        if min(image.size) >= 2 * side and (drafted := image.draft(None, (side, side))):  # drafts halve, at least
            extent = drafted[1][2], drafted[1][3]
    image.load()
    _mend(image, raw)
    turn = _UPRIGHT.get(_orientation(image))
    if turn is not None:
        image = image.transpose(turn)
    if image.format == "TIFF":  # Pillow has turned it while loading
        width, height = image.size
    extent = extent or (width, height)
    if turn is not None and turn >= Image.Transpose.ROTATE_90 and turn != Image.Transpose.ROTATE_180:
        width, height, extent = height, width, (extent[1], extent[0])
    return image, (height, width), mode, extent


def _raw_mode(image: Image.Image) -> str:
    """How a PNG's pixels are stored, such as 'L;2' for grey of 2 bits; '' for other files."""
    tiles = image.tile if isinstance(image, PngImageFile) else []
    return str(tiles[0][3]) if tiles else ""


def _mend(image: Image.Image, raw: str) -> None:
    """What Pillow leaves undone: the level or colour that is transparent has the depth of a PNG's file, and not that of
    the image; and every CMYK JPEG is taken for one of Adobe's, which are inverted.
    """
    clear = image.info.get("transparency")
    if image.mode == "L" and isinstance(clear, int) and raw in ("L;2", "L;4"):
        image.info["transparency"] = clear * (85 if raw == "L;2" else 17)
    elif image.mode == "RGB" and isinstance(clear, tuple) and raw == "RGB;16B":
        image.info["transparency"] = tuple(level >> 8 for level in clear)
    elif image.mode == "CMYK" and image.format == "JPEG" and "adobe" not in image.info:
        image.paste(ImageChops.invert(image))


def _orientation(image: Image.Image) -> int:
    keys = ("exif", "Raw profile type exif", "xmp", "XML:com.adobe.xmp")
    if not any(key in image.info for key in keys):
        return 1
    try:
        return image.getexif().get(0x0112, 1)
    except Exception:  # metadata that cannot be read do not make an image bad
        return 1


def _plain(image: Image.Image, how: How) -> Image.Image:
    """The image in mode L, RGB, RGBA, or F with values 0 .. 65535 for what has more than 8 bits."""
    if image.mode.startswith("I") or image.mode == "F":
        return Image.fromarray(_deep(image, how))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        if how.channels != 4:
            image = Image.alpha_composite(Image.new("RGBA", image.size, (*how.background, 255)), image).convert("RGB")
    wanted = {1: "L", 4: "RGBA"}.get(how.channels or 0, "L" if image.mode in ("1", "L") else "RGB")
    return image if image.mode == wanted else image.convert(wanted)


def _deep(image: Image.Image, how: How) -> np.ndarray:
    """float32 (h, w) within 0 .. 65535 of a 16-bit, 32-bit or float image; a transparent level is the background's."""
    values = np.asarray(image)
    low, high = float(values.min()), float(values.max())
    if image.mode == "F":
        if not (low >= 0 and high <= 1):  # also where one is NaN
            raise BadImage("floating-point values outside [0, 1]; save it with 8 or 16 bits")
        return values * np.float32(65535)
    if low < 0 or high > 65535:
        raise BadImage("integer values outside 0 .. 65535; save it with 8 or 16 bits")
    clear = image.info.get("transparency")
    if isinstance(clear, int):
        values = np.where(values == clear, 257 * _tone(how).astype(np.int64), values)
    return values.astype(np.float32)


def _fit(image: Image.Image, extent: tuple[float, float], how: How) -> Image.Image:
    """The image resized as `how.fit` says; of 'pad', what is inside the margins."""
    if how.size is None:
        return image
    box = window(*extent, *how.size) if how.fit == "crop" else (0.0, 0.0, *extent)
    height, width = inside(*extent, *how.size) if how.fit == "pad" else how.size
    if image.size == (width, height) and box == (0, 0, width, height):
        return image
    return image.resize((width, height), Image.Resampling.BICUBIC, box=box)


def window(width: float, height: float, new_height: int, new_width: int) -> tuple[float, float, float, float]:
    """The box (left, top, right, bottom) that, resized to the new size, is the centre of the whole resized to cover it.

    Its corner is a whole number of new pixels away from the image's, so that an image which needs no scaling is copied
    and never blurred by half a pixel.

    >>> window(65, 64, 64, 64)
    (0.0, 0.0, 64.0, 64.0)
    """
    scale = max(new_width / width, new_height / height)
    left = round((width * scale - new_width) / 2) / scale
    top = round((height * scale - new_height) / 2) / scale
    return left, top, min(float(width), left + new_width / scale), min(float(height), top + new_height / scale)


def inside(width: float, height: float, new_height: int, new_width: int) -> tuple[int, int]:
    """The (height, width) of the whole, resized to fit into the new size.

    >>> inside(200, 100, 64, 64)
    (32, 64)
    """
    scale = min(new_width / width, new_height / height)
    return max(1, round(height * scale)), max(1, round(width * scale))


def _levels(image: Image.Image, how: How) -> np.ndarray:
    if image.mode == "F":
        values = np.rint(np.asarray(image).clip(0, 65535)).astype(np.uint16)[..., None]
    else:  # as np.asarray does, without its detours
        values = np.frombuffer(image.tobytes(), np.uint8).reshape(image.height, image.width, -1)
    levels = values.transpose(2, 0, 1)
    if how.channels is None and len(levels) == 3 and _is_grey(levels):
        levels = levels[:1]
    if how.channels is not None:
        levels = widen(levels, how.channels)
    return _pad(levels, how) if how.fit == "pad" and how.size not in (None, levels.shape[1:]) else levels


def _is_grey(levels: np.ndarray) -> bool:
    return _equal(levels[:, 0]) and _equal(levels)  # most are told by one row


def _equal(channels: np.ndarray) -> bool:
    red, green, blue = channels
    return red.tobytes() == green.tobytes() == blue.tobytes()


def _tone(how: How) -> np.ndarray:
    """The background in grey: (1, 1)."""
    return np.asarray(Image.new("RGB", (1, 1), how.background).convert("L"))


def _pad(levels: np.ndarray, how: How) -> np.ndarray:
    """Levels in the middle of a canvas of the background, transparent where there is alpha."""
    assert how.size is not None
    (height, width), (tall, wide) = levels.shape[1:], how.size
    margin = np.array(how.background, np.uint8)[:, None, None]
    if len(levels) == 1 and how.channels == 1:
        margin = _tone(how)[None]
    elif len(levels) == 4:
        margin = np.concatenate([margin, np.zeros((1, 1, 1), np.uint8)])
    elif len(levels) == 1:
        margin = margin[:1] if len(set(how.background)) == 1 else margin
    levels, margin = widen(levels, len(margin)), deepen(margin, levels.dtype)
    canvas = np.empty((len(margin), tall, wide), levels.dtype)
    canvas[:] = margin
    top, left = (tall - height) // 2, (wide - width) // 2
    canvas[:, top : top + height, left : left + width] = levels
    return canvas


def widen(levels: np.ndarray, channels: int) -> np.ndarray:
    """Levels with more channels: grey to equal red, green and blue; opaque alpha."""
    if len(levels) == channels:
        return levels
    colours = np.broadcast_to(levels, (3, *levels.shape[1:])) if len(levels) == 1 else levels
    if channels == 3:
        return colours
    return np.concatenate([colours, np.full_like(colours[:1], np.iinfo(levels.dtype).max)])


def shallow(levels: np.ndarray) -> np.ndarray:
    """Levels with 8 bits where these hold them all: what `deepen` makes deep again."""
    if levels.dtype == np.uint8 or (levels % 257).any():
        return levels
    return (levels // 257).astype(np.uint8)


def deepen(levels: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """8-bit levels as 16-bit ones: 255 becomes 65535."""
    return levels if levels.dtype == dtype else levels.astype(dtype) * 257

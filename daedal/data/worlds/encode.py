"""What is rendered as the bytes of files, in the formats that other tools read."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from daedal.data.worlds.colours import palette

MILLIMETRES = 1000
DEEPEST = 65535  # of 16 bits


def picture(colour: Tensor) -> Image.Image:
    """A colour picture (3, h, w) in [0, 1]."""
    return Image.fromarray(levels(colour).numpy())


def levels(colour: Tensor) -> Tensor:
    """The 256 levels (h, w, 3) uint8 of a picture (3, h, w) in [0, 1]."""
    return (colour * 255 + 0.5).floor().clamp(0, 255).byte().movedim(0, -1).contiguous().cpu()


def png(image: Image.Image) -> bytes:
    """A picture as a PNG."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def npy(values: Tensor) -> bytes:
    """Numbers as NumPy's file."""
    buffer = io.BytesIO()
    np.save(buffer, values.contiguous().cpu().numpy(), allow_pickle=False)
    return buffer.getvalue()


def class_png(stencil: Tensor) -> bytes:
    """Classes (h, w) as a PNG whose pixels are their indices, with a palette to look at."""
    image = Image.fromarray(stencil.cpu().numpy().astype(np.uint8), "P")
    image.putpalette(palette(256).tobytes())
    return png(image)


def wide_png(values: Tensor) -> bytes:
    """Whole numbers (h, w) in [0, 65535] as a 16-bit grey PNG."""
    return png(Image.fromarray(values.cpu().numpy().astype(np.uint16)))


def depth_png(depth: Tensor) -> bytes:
    """Metres (h, w) as millimetres in 16 bits; 0 where nothing is."""
    millimetres = (depth.double() * MILLIMETRES).round().clamp(max=DEEPEST)
    return wide_png(millimetres.where(depth.isfinite(), millimetres.new_zeros(())))


def visible_png(visible: Tensor) -> bytes:
    """A mask (h, w) as a PNG of black and white."""
    return png(Image.fromarray(visible.cpu().numpy().astype(np.uint8) * 255))


def things(instance: Tensor, stencil: Tensor, parts: bool = False) -> list[dict[str, Any]]:
    """COCO's description of each thing in a picture (h, w): bbox [x, y, width, height], area, mask, class.

    Its class is the one of most of its pixels; with `parts`, each class of a thing is described by itself. A mask is
    run-length encoded down the columns, from a run of zeros on.
    """
    ids, classes = instance.cpu().numpy(), stencil.cpu().numpy()
    keys = ids * (classes.max() + 1) + classes if parts else ids
    return [_thing(keys == key, ids, classes) for key in np.unique(keys[ids > 0])]


def _thing(mask: np.ndarray, ids: np.ndarray, classes: np.ndarray) -> dict[str, Any]:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    left, top = int(columns[0]), int(rows[0])
    return {
        "instance": int(ids[mask][0]),
        "category_id": int(np.bincount(classes[mask]).argmax()),
        "bbox": [left, top, int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - top],
        "area": int(mask.sum()),
        "segmentation": {"size": list(mask.shape), "counts": _runs(mask)},
        "iscrowd": 0,
    }


def _runs(mask: np.ndarray) -> list[int]:
    flat = mask.ravel(order="F")
    starts = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff(np.concatenate([[0], starts, [len(flat)]])).tolist()
    return [0, *runs] if flat[0] else runs


def coco(
    images: list[dict[str, Any]], annotations: list[dict[str, Any]], stencil: tuple[str, ...], kinds: tuple[str, ...]
) -> dict[str, Any]:
    """COCO's file: pictures, things, and the classes `kinds` of the stencil."""
    categories = [{"id": k, "name": name} for k, name in enumerate(stencil) if name in kinds]
    return {"images": images, "annotations": annotations, "categories": categories}

"""The four IDX files of MNIST and of what shares its form (Fashion-MNIST, Kuzushiji-MNIST), gzipped or not.

An IDX file is: two zero bytes, the type of its numbers (0x08: uint8), its number of dimensions, each dimension as a
big-endian 32-bit integer, and the numbers in C order. Source: Y. LeCun, C. Cortes and C. Burges, the MNIST database.
"""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np

from daedal.data.base import Column
from daedal.data.names import printable
from daedal.errors import DataError
from daedal.spaces import Images, Labels

CLASSES = 10  # at least; a relative with more (EMNIST) has as many as its labels say
UINT8 = 8
CHUNK = 1 << 24


def read_mnist(folder: Path) -> tuple[dict[str, Column], int]:
    """Columns `x`, Images(1, h, w, 256), and `label`, Labels, first those for training; and how many these are.

    Raises FileNotFoundError for a missing file, DataError for a damaged one, in one sentence.
    """
    parts = [_pair(folder, side) for side in ("train", "t10k")]
    if len({images.shape[1:] for images, _ in parts}) > 1:
        raise DataError(f"the training and test images in '{_shown(folder)}' differ in size; get one set's four files.")
    images = np.concatenate([images for images, _ in parts])[:, None]
    label = np.concatenate([label for _, label in parts]).astype(np.int64)
    columns = {
        "x": Column(images, Images(1, images.shape[2], images.shape[3], 256)),
        "label": Column(label, Labels(max(CLASSES, int(label.max()) + 1))),
    }
    return columns, len(parts[0][0])


def _pair(folder: Path, side: str) -> tuple[np.ndarray, np.ndarray]:
    """Images (n, h, w) and labels (n,) of one side."""
    images_path, labels_path = _find(folder, f"{side}-images", 3), _find(folder, f"{side}-labels", 1)
    images, label = read_idx(images_path, 3), read_idx(labels_path, 1)
    if len(images) != len(label):
        one, other = f"{len(images)} images in '{images_path.name}'", f"{len(label)} labels in '{labels_path.name}'"
        raise DataError(f"there are {one} and {other}; get both files from one place.")
    if images.size == 0:
        raise DataError(f"'{images_path.name}' holds no images; get the file again.")
    return images, label


def _find(folder: Path, stem: str, dims: int) -> Path:
    """The file, under any of the names that it is published under."""
    names = [f"{stem}{mark}idx{dims}-ubyte{suffix}" for suffix in ("", ".gz") for mark in "-."]
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise FileNotFoundError(f"'{_shown(folder)}' lacks {names[0]} (or {names[2]}); put the four files of MNIST there.")


def read_idx(path: Path, dims: int) -> np.ndarray:
    """The uint8 array of an IDX file of so many dimensions. Raises DataError in one sentence."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            return _parse(file, path.name, dims)  # type: ignore[arg-type]
    except (gzip.BadGzipFile, zlib.error):
        raise DataError(f"'{path.name}' is no gzip file, or a damaged one; get the file again.") from None
    except EOFError:
        raise DataError(f"'{path.name}' is cut short; get the file again.") from None


def _parse(file: BinaryIO, name: str, dims: int) -> np.ndarray:
    magic = file.read(4)
    wanted = bytes([0, 0, UINT8, dims])
    if magic != wanted:
        raise DataError(
            f"'{name}' begins with {magic.hex() or 'nothing'} where an IDX file of {dims} dimensions begins with "
            f"{wanted.hex()}; it is another kind of file."
        )
    shape = np.frombuffer(_read(file, 4 * dims, name), ">u4").astype(int).tolist()
    values = np.frombuffer(_read(file, math.prod(shape), name), np.uint8).reshape(shape)
    if file.read(1):
        raise DataError(f"'{name}' goes on after the {shape[0]} items that it announces; get the file again.")
    return values


def _read(file: BinaryIO, count: int, name: str) -> bytes:
    """So many bytes, in parts: a damaged header may announce more than there is memory for."""
    parts = []
    while count > 0 and (part := file.read(min(count, CHUNK))):
        parts.append(part)
        count -= len(part)
    if count > 0:
        raise DataError(f"'{name}' is cut short: {count} bytes are missing; get the file again.")
    return b"".join(parts)


def _shown(folder: Path) -> str:
    return printable(str(folder))

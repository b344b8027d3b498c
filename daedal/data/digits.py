"""Scikit-learn's 1797 real handwritten digits, 8x8 at 17 levels: the data set that every system is proven on.

A level counts the inked pixels of a 4x4 block of the scan. At another size they are interpolated (bicubic) and have 256
levels, as 17 would show as steps.

Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI, 1998 (its test part).
"""

from __future__ import annotations

import gzip
import importlib.util
from pathlib import Path

import numpy as np

from daedal.data.base import Column, Found
from daedal.data.options import Options
from daedal.data.splits import permuted_split
from daedal.spaces import Images, Labels

N_TRAIN = 1297
BRIGHT = 16  # the highest level


def read(options: Options) -> Found:
    """The digits as `load_data` finds them and brings them to size, at 256 levels unless that is their own."""
    columns, train, test = digits()
    if options.size not in (None, columns["x"].values.shape[2:]):
        columns["x"] = _finer(columns["x"].values)
    return Found("digits", columns, (train, test))


def digits() -> tuple[dict[str, Column], np.ndarray, np.ndarray]:
    """Columns `x`, Images(1, 8, 8, 17), and `label`, Labels(10); rows of training (1297) and test (500)."""
    table = _table()
    images = table[:, :64].astype(np.uint8).reshape(-1, 1, 8, 8)
    columns = {
        "x": Column(images, Images(channels=1, height=8, width=8, levels=17)),
        "label": Column(table[:, 64].astype(np.int64), Labels(10)),
    }
    return columns, *permuted_split(len(table), N_TRAIN)


def _finer(levels: np.ndarray) -> Column:
    """The digits at 256 levels."""
    values = np.rint(levels * (255 / BRIGHT)).astype(np.uint8)
    return Column(values, Images(channels=1, height=8, width=8))


def _table() -> np.ndarray:
    """The bundled table, (1797, 65), read without importing scikit-learn, which takes most of a second."""
    spec = importlib.util.find_spec("sklearn")
    file = Path(spec.origin or "").parent / "datasets" / "data" / "digits.csv.gz" if spec else None
    if file is not None and file.is_file():
        with gzip.open(file, "rt", encoding="ascii") as lines:
            return np.loadtxt(lines, delimiter=",", dtype=np.int64)
    from sklearn.datasets import load_digits

    pixels, label = load_digits(return_X_y=True)
    return np.column_stack([pixels, label]).astype(np.int64)

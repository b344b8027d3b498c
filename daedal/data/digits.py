"""Scikit-learn's 1797 real handwritten digits, 8x8 at 17 levels: the data set that every system is proven on.

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


def read(options: Options) -> Found:
    """The digits as `load_data` finds them; it brings them to size."""
    columns, train, test = digits()
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

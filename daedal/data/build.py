"""Puts columns and a split together as `Data`, with fingerprint and source."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from daedal.data.base import Column, Data, Density, Split
from daedal.data.fingerprint import fingerprint
from daedal.errors import UsageError
from daedal.spaces import Images


def build(
    name: str,
    columns: Mapping[str, Column],
    train: np.ndarray,
    test: np.ndarray,
    *,
    source: Mapping[str, Any],
    density: Density | None = None,
    mirror: bool = False,
    notes: Mapping[str, Any] | None = None,
) -> Data:
    """A data set of `columns`, split into `train` and `test` rows; `mirror` adds each training image mirrored.

    The test split is never mirrored. `source` is what `load_data` needs to load the same again, JSON-able.
    """
    n = len(next(iter(columns.values())).values)
    if mirror:
        if not any(isinstance(column.space, Images) for column in columns.values()):
            raise UsageError(f"'mirror' is for images, and '{name}' has none; leave it out.")
        train = np.concatenate([train, train + n])
    train, test = train.astype(np.int64), test.astype(np.int64)
    fields = {key: column.space for key, column in columns.items()}
    marks = fingerprint(columns, train, test)
    splits = Split(columns, train), Split(columns, test)
    return Data(name, fields, *splits, marks, density, dict(source), dict(notes or {}))

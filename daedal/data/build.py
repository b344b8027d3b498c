"""Puts columns and a split together as `Data`, with fingerprint and source."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from daedal.data.base import Column, Data, Density, Split, Unpaired
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


def build_unpaired(
    name: str,
    sides: Mapping[str, Mapping[str, Column]],
    test: Mapping[str, Column],
    *,
    source: Mapping[str, Any],
    notes: Mapping[str, Any] | None = None,
) -> Data:
    """A data set of unpaired domains: of each side the columns of its training items, all of them used.

    `test` has items that belong together, with the fields of all sides; its fields are those of the data.
    """
    splits = {side: Split(columns, _all(columns)) for side, columns in sides.items()}
    tested = Split(test, _all(test))
    state = hashlib.sha256()
    none = np.arange(0)
    for columns in sides.values():
        state.update(fingerprint(columns, _all(columns), none).encode())
    state.update(fingerprint(test, none, tested.rows).encode())
    fields = {key: column.space for key, column in test.items()}
    train: Any = Unpaired(splits)
    return Data(name, fields, train, tested, state.hexdigest(), None, dict(source), dict(notes or {}))


def _all(columns: Mapping[str, Column]) -> np.ndarray:
    return np.arange(len(next(iter(columns.values())).values))

"""Hashes of decoded content: one for each item (to keep duplicates together) and one for a whole data set.

Values are hashed in little-endian byte order, so a fingerprint is the same on every machine.

>>> import numpy as np
>>> a, b, c = item_digests(np.array([[0, 1], [2, 3], [0, 1]], np.uint8))
>>> a == c, a == b
(True, False)
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

import numpy as np

from daedal.data.base import Column

CHUNK = 1 << 24  # bytes hashed at a time, so that a memory-mapped array is never read whole


def item_digests(values: np.ndarray) -> list[bytes]:
    """The SHA-256 of each item of (n, *shape): what `daedal.data.splits.hashed_split` takes as groups."""
    return [hashlib.sha256(_bytes(item)).digest() for item in values]


def text_digest(group: str) -> bytes:
    """The SHA-256 of a group's name (a clip, an identity, a photograph)."""
    return hashlib.sha256(group.encode("utf-8", "surrogatepass")).digest()


def fingerprint(columns: Mapping[str, Column], train: np.ndarray, test: np.ndarray) -> str:
    """The SHA-256 of fields, spaces, values and splits, all in order: 64 hexadecimal digits."""
    state = hashlib.sha256()
    for name, column in columns.items():
        head = [name, column.space.to_json(), _little(column.values.dtype).str, column.values.shape]
        state.update(json.dumps(head).encode())
        step = max(1, CHUNK // max(1, column.values[:1].nbytes))
        for start in range(0, len(column.values), step):
            state.update(_bytes(column.values[start : start + step]))
    for rows in (train, test):
        state.update(f"split of {len(rows)}".encode() + _bytes(np.asarray(rows, np.int64)))
    return state.hexdigest()


def _bytes(values: np.ndarray) -> bytes:
    values = np.asarray(values)
    return values.astype(_little(values.dtype), copy=False).tobytes()


def _little(dtype: np.dtype) -> np.dtype:
    return dtype.newbyteorder("<")

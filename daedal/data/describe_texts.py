"""What `daedal data` says of texts: how many sentences, how long, how many words, how many of them unknown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from daedal.data.base import Data, Split, Unpaired
from daedal.data.describe import Description
from daedal.data.fingerprint import item_digests


def describe_texts(data: Data) -> Description:
    """The description of data whose fields are texts."""
    train = dict(data.train.sides) if isinstance(data.train, Unpaired) else dict.fromkeys(data.fields, data.train)
    first = next(iter(data.fields))
    unpaired = {side: len(split) for side, split in train.items()} if isinstance(data.train, Unpaired) else {}
    total = sum(unpaired.values()) or len(data.train)
    digests = {name: item_digests(_tokens(split, name)) for name, split in train.items()}
    tested = {name: item_digests(_tokens(data.test, name)) for name in data.fields}
    compared = list(unpaired) or [first]
    repeated = sum(map(_repeated, [tested[first], *(digests[name] for name in compared)]))
    one = len(data.test) == total == 1
    return Description(
        name=data.name,
        n=total if one else total + len(data.test),
        train=total,
        test=len(data.test),
        fields={name: space.to_json() for name, space in data.fields.items()},
        ranges={},
        classes={},
        duplicates=data.notes.get("repeated", repeated),
        shared=0 if one else sum(len(_among(tested[name], set(digests[name]))) for name in compared),
        fingerprint=data.fingerprint,
        problems=list(data.notes.get("problems", [])),
        skipped=data.notes.get("skipped", 0),
        texts={
            name: _facts(_tokens(split, name), _tokens(data.test, name)) | {"cut": _cut(data.notes, name)}
            for name, split in train.items()
        },
        sides=unpaired,
    )


def _tokens(split: Split, field: str) -> np.ndarray:
    return split.columns[field].values[split.rows]


def _repeated(items: list[bytes]) -> int:
    return len(items) - len(set(items))


def _among(items: list[bytes], others: set[bytes]) -> list[bytes]:
    return [item for item in items if item in others]


def _facts(train: np.ndarray, test: np.ndarray) -> dict[str, Any]:
    lengths = np.concatenate([(train > 0).sum(1), (test > 0).sum(1)])
    return {
        "shortest": int(lengths.min()),
        "longest": int(lengths.max()),
        "mean": float(lengths.mean()),
        "unknown": float((test == 1).sum() / (test > 0).sum()),
    }


def _cut(notes: Mapping[str, Any], field: str) -> int:
    return notes.get("cut", {}).get(field, 0)

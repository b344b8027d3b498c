"""Hands data and systems to another process: by their source where they have one, else by a file.

What is handed over as a system is where its training starts: its options and its weights, as `storage.save` writes.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from daedal.data import load_data
from daedal.data.base import Column, Data, Split
from daedal.errors import UsageError
from daedal.play.system import System
from daedal.spaces import from_json
from daedal.systems.factory import load, save

DATA_FILE = "data.npz"


# -- data


def hand_over_data(data: Data, folder: Path) -> dict[str, Any]:
    """What `take_data` needs: the data's source, or the file in `folder` that it is written to."""
    if data.source.get("source") is not None:
        return {"source": dict(data.source), "fingerprint": data.fingerprint}
    arrays: dict[str, np.ndarray] = {}
    for name, split in (("train", data.train), ("test", data.test)):
        arrays[f"{name}.rows"] = split.rows
        arrays |= {f"{name}.{field}": column.values for field, column in split.columns.items()}
    about = {"name": data.name, "fields": {name: space.to_json() for name, space in data.fields.items()}}
    arrays["about"] = np.array(json.dumps(about))
    np.savez(folder / DATA_FILE, allow_pickle=False, **arrays)
    return {"file": str((folder / DATA_FILE).resolve()), "fingerprint": data.fingerprint}


def take_data(record: Mapping[str, Any]) -> Data:
    """The data that was handed over. Raises UsageError where its source has changed since."""
    data = load_data(**record["source"]) if "source" in record else _read(record["file"], record["fingerprint"])
    if data.fingerprint != record["fingerprint"]:
        raise UsageError("The data has changed since the comparison began; compare again.")
    return data


def _read(path: str, fingerprint: str) -> Data:
    with np.load(path, allow_pickle=False) as file:
        about = json.loads(str(file["about"]))
        fields = {name: from_json(space) for name, space in about["fields"].items()}
        train, test = (
            Split({f: Column(file[f"{split}.{f}"], space) for f, space in fields.items()}, file[f"{split}.rows"])
            for split in ("train", "test")
        )
    return Data(about["name"], fields, train, test, fingerprint, source={"source": None})


# -- systems


def hand_over_system(system: System, folder: Path) -> dict[str, Any]:
    """What `take_system` needs: a folder with the system, and where its class is found if it is not Daedal's."""
    kind = type(system)
    check_findable(kind)
    save(system, folder)
    own = kind.__module__.startswith("daedal.systems.")
    return {"folder": str(folder.resolve()), "class": None if own else [kind.__module__, kind.__qualname__]}


def check_findable(kind: type[System]) -> None:
    """Raise UsageError for a class that another process cannot import."""
    if kind.__module__ == "__main__" or "<locals>" in kind.__qualname__:
        raise UsageError(
            f"{kind.__name__} is defined where no other process finds it; write it in a module of its own, not in the "
            "program that runs or in a function, and import it."
        )


def take_system(record: Mapping[str, Any]) -> System:
    """The system that was handed over."""
    kind = None
    if record["class"]:
        kind = importlib.import_module(record["class"][0])
        for part in record["class"][1].split("."):
            kind = getattr(kind, part)
    return load(record["folder"], average=False, system=kind)  # type: ignore[arg-type]

"""Hands data and systems to another process: by their source where they have one, else by a file.

What is handed over as a system is where its training starts: its options and its weights, as `storage.save` writes.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
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
    check_findable(type(system))
    save(system, folder)
    return {"folder": str(folder.resolve()), "class": hand_over_class(type(system))}


def hand_over_class(kind: type[System]) -> list[str | None] | None:
    """Where a class is found: its module, its name there and the module's file; None for one of Daedal's."""
    if kind.__module__.startswith("daedal.systems."):
        return None
    return [kind.__module__, kind.__qualname__, getattr(sys.modules[kind.__module__], "__file__", None)]


def check_findable(kind: type[System]) -> None:
    """Raise UsageError for a class that another process cannot import."""
    if kind.__module__ == "__main__" or "<locals>" in kind.__qualname__:
        raise UsageError(
            f"{kind.__name__} is defined where no other process finds it; write it in a module of its own, not in the "
            "program that runs or in a function, and import it."
        )


def take_system(record: Mapping[str, Any]) -> System:
    """The system that was handed over."""
    kind = take_class(*record["class"]) if record["class"] else None
    return load(record["folder"], average=False, system=kind)


def take_class(module: str, name: str, file: str | None) -> type[System]:
    """The class that was handed over."""
    kind: Any = _module(module, file)
    for part in name.split("."):
        kind = getattr(kind, part)
    return kind


def _module(name: str, file: str | None) -> ModuleType:
    """A module by its name; by its file where the name is nobody's here, or another's, as a plugin's may be."""
    try:
        spec = importlib.util.find_spec(name)
    except ModuleNotFoundError:
        spec = None
    if file is not None and (spec is None or spec.origin is None or not Path(file).samefile(spec.origin)):
        return module_of_file(name, Path(file))
    return importlib.import_module(name)


def module_of_file(name: str, path: Path) -> ModuleType:
    """The module of a .py file, under a name of its own. Raises UsageError."""
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"'{path}' is no Python source; give a .py file or the name of a module.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module

"""Files and folders that are whole or not there: made under a temporary name beside their place, and renamed."""

from __future__ import annotations

import contextlib
import glob
import json
import os
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

DESCRIPTION, WEIGHTS, TRAINING = "system.json", "weights.safetensors", "training"  # in the folder of a run


def is_run(names: Collection[str]) -> bool:
    """Whether a folder that holds these names is a run: one that is trained, or a system that was saved."""
    return DESCRIPTION in names and (WEIGHTS in names or TRAINING in names)


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """Errors of the operating system name this path: what was typed, instead of a temporary name."""
    try:
        yield
    except OSError as error:
        error.filename, error.filename2 = str(path), None
        raise


def write_file(path: Path, content: bytes) -> None:
    """Write a whole file or none: beside, synced, renamed, the folder synced. Raises OSError, leaving no rest."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with naming(path), beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    sync_folder(path.parent)


def parse_json(text: str | bytes) -> Any:
    """What JSON that may come from a stranger says. Raises ValueError, also where it is nested too deeply."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError(str(error)) from None


def remove_parts(folder: Path) -> None:
    """Remove what processes left in a folder that were killed while they wrote a file there."""
    for part in folder.glob(".*.part"):
        process = part.name.split(".")[-2]
        if _is_dead(process):
            part.unlink(missing_ok=True)


def _is_dead(process: str) -> bool:
    """Whether this is the number of a process, and of none that runs."""
    import psutil

    return process.isdecimal() and not psutil.pid_exists(int(process))


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable (where the system lets a folder be synced)."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def followed(path: Path) -> Path:
    """Where a path leads: of a link to a folder, the folder is what is replaced, and the link stays."""
    return Path(os.path.realpath(path))


def build_beside(target: Path) -> Path:
    """An empty folder under a temporary name beside its place; what killed processes left there is removed."""
    place = followed(target)
    for stale in place.parent.glob(f".{glob.escape(place.name)}.*-*"):
        kind, _, process = stale.name.rpartition("-")
        if kind.endswith((".building", ".replaced")) and _is_dead(process):
            shutil.rmtree(stale, ignore_errors=True)
    building = place.with_name(f".{place.name}.building-{os.getpid()}")
    shutil.rmtree(building, ignore_errors=True)
    with naming(target):
        building.mkdir(parents=True)
    return building


def settle(building: Path, target: Path) -> Path:
    """Give a whole folder its name; what had it before is replaced. Returns where it is, links followed."""
    target = followed(target)
    aside = target.with_name(f".{target.name}.replaced-{os.getpid()}")
    if target.exists():
        target.rename(aside)
    place = building.rename(target)
    shutil.rmtree(aside, ignore_errors=True)
    return place

"""A cache of decoded images on disk: each entry a folder of memory-mapped arrays, built once and whole or not at all.

The cache lies in the folder that the environment variable DAEDAL_CACHE names, else in the platform's cache folder. An
entry's name is the hash of what it was made from. It is built under another name, synced and renamed, under a lock of
the operating system, so that of two processes one builds and the other waits. What a killed process leaves is built
anew; an entry that has been cut, changed or mixed up is found on opening and built anew. Deleting the folder is safe.

What is checked on opening: the record by its own hash, every array's size; small arrays by their hash; `values` by its
time of modification, and if that differs, by the digests of all items.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from daedal.data.fingerprint import item_digests
from daedal.data.names import expanded, printable
from daedal.errors import FULL, DataError, FullError

FORMAT = 1
RECORD = "entry.json"
VALUES = "values"  # the large array: items that `digests` (n, 32) are the SHA-256 of


def cache_folder() -> Path:
    """Where Daedal keeps what it can make again: $DAEDAL_CACHE, else the platform's cache folder. It may not exist."""
    if chosen := os.environ.get("DAEDAL_CACHE"):
        return expanded(chosen).absolute()
    import platformdirs

    return Path(platformdirs.user_cache_dir("daedal"))


@dataclass(frozen=True)
class Entry:
    """What the cache holds for one key: notes (JSON-able), and arrays, memory-mapped and read-only."""

    notes: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray]


class Draft:
    """An entry that is being built: a folder, where arrays are put."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._arrays: dict[str, list[Any]] = {}

    def file(self, name: str) -> Path:
        """Where the bytes of an array belong."""
        return self.folder / f"{name}.raw"

    def add(self, name: str, dtype: np.dtype, shape: tuple[int, ...]) -> None:
        """Say that the file of `name` holds an array, all its bytes written."""
        self._arrays[name] = [np.dtype(dtype).str, list(shape)]

    def put(self, name: str, array: np.ndarray) -> None:
        """Write a small array."""
        self.file(name).write_bytes(array.tobytes())
        self.add(name, array.dtype, array.shape)

    def finish(self, notes: Mapping[str, Any]) -> None:
        """Sync the arrays to disk and write the record, which makes the folder an entry."""
        arrays = {name: [*kind, *self._mark(name)] for name, kind in self._arrays.items()}
        record = json.dumps({"format": FORMAT, "arrays": arrays, "notes": notes})
        with open(self.folder / RECORD, "w", encoding="utf-8") as file:
            file.write(f"{_hash(record.encode())}\n{record}\n")
            file.flush()
            os.fsync(file.fileno())

    def _mark(self, name: str) -> tuple[int, str]:
        with open(self.file(name), "rb+") as file:
            os.fsync(file.fileno())
            time = os.fstat(file.fileno()).st_mtime_ns
            return time, "" if name == VALUES else _hash(file.read())


def cached(
    kind: str,
    key: Any,
    build: Callable[[Draft], Mapping[str, Any]],
    accept: Callable[[Entry], bool] = lambda entry: True,
) -> Entry:
    """The entry of `key` (JSON-able); where there is none that is whole and accepted, `build` fills it.

    `build` puts arrays into the draft and returns the notes. Raises DataError, naming DAEDAL_CACHE, if the cache cannot
    be written (so `build` raises an OSError for nothing else); whatever `build` raises leaves no entry.
    """
    digest = _hash(json.dumps([FORMAT, kind, key]).encode())[:32]
    folder = cache_folder() / kind
    if (entry := _open(folder / digest)) is not None and accept(entry):
        return entry
    with _explained(folder), _locked(folder, digest):
        if (entry := _open(folder / digest)) is not None and accept(entry):  # built while we waited
            return entry
        _build(folder, digest, build)
        entry = _open(folder / digest)
    if entry is None:
        raise DataError(
            f"The entry just written to the cache folder '{folder}' is damaged; set DAEDAL_CACHE to another."
        )
    return entry


def require_space(needed: int) -> None:
    """Raise FullError unless the cache's disk has room for so many bytes. The folder must exist."""
    folder = cache_folder()
    with contextlib.suppress(OSError):
        if (free := shutil.disk_usage(folder).free) < needed:
            raise FullError(
                f"The decoded images take {_size(needed)} and the cache folder '{folder}' has {_size(free)} left; "
                "choose a smaller --size or fewer by --limit, or set DAEDAL_CACHE to a folder with more room."
            )


def _build(folder: Path, digest: str, build: Callable[[Draft], Mapping[str, Any]]) -> None:
    building, place = folder / f"{digest}.building", folder / digest
    shutil.rmtree(building, ignore_errors=True)  # of a process that was killed: the lock is ours
    building.mkdir(parents=True)
    try:
        draft = Draft(building)
        draft.finish(build(draft))
        if place.exists():
            shutil.rmtree(place)
        os.rename(building, place)
    finally:
        shutil.rmtree(building, ignore_errors=True)


@contextlib.contextmanager
def _locked(folder: Path, digest: str) -> Iterator[None]:
    import filelock

    folder.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(folder / f"{digest}.lock"):
        yield


@contextlib.contextmanager
def _explained(folder: Path) -> Iterator[None]:
    """Turn errors of the operating system into one sentence about DAEDAL_CACHE."""
    try:
        yield
    except OSError as error:
        is_full = error.errno in FULL
        what = "is full" if is_full else "cannot be written"
        raise (FullError if is_full else DataError)(
            f"The cache folder '{printable(str(folder.parent))}' {what} ({error.strerror}); "
            "set DAEDAL_CACHE to a folder with room for the decoded images."
        ) from None


def _open(place: Path) -> Entry | None:
    """The entry in a folder, or None if there is none that is whole."""
    try:
        check, record = (place / RECORD).read_text(encoding="utf-8").splitlines()
        if check != _hash(record.encode()):
            return None
        state = json.loads(record)
        arrays = {name: _map(place / f"{name}.raw", *kind) for name, kind in state["arrays"].items()}
        time = state["arrays"].get(VALUES, [None, None, None])[2]
        if time is not None and time != (place / f"{VALUES}.raw").stat().st_mtime_ns and not _intact(arrays):
            return None
    except (OSError, ValueError):
        return None
    return Entry(state["notes"], arrays)


def _map(path: Path, dtype: str, shape: list[int], time: int, check: str) -> np.ndarray:
    count = np.dtype(dtype).itemsize * int(np.prod(shape))
    if path.stat().st_size != count:
        raise ValueError(f"{path} is cut")
    array = np.asarray(np.memmap(path, dtype, "r", shape=tuple(shape)))
    if check and check != _hash(array.tobytes()):
        raise ValueError(f"{path} is damaged")
    return array


def _intact(arrays: Mapping[str, np.ndarray]) -> bool:
    return b"".join(item_digests(arrays[VALUES])) == arrays["digests"].tobytes()


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _size(count: int) -> str:
    return f"{count / (1 << 30):.1f} GiB" if count >= 1 << 29 else f"{count / (1 << 20):.1f} MiB"

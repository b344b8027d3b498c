"""The folder that training writes: built under a temporary name, locked while it is trained, logged line by line."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from daedal.errors import RunError, UsageError
from daedal.places import DESCRIPTION, TRAINING, build_beside, naming, parse_json, remove_parts, settle, write_file
from daedal.play.settings import Settings

FORMAT = 1
RECORD = {"settings": dict, "stage_steps": list, "fingerprint": str, "source": dict, "world": int}  # of run.json


class RunFolder:
    """A run on disk. `path` is where it is now; a folder being built moves to its name when it is whole."""

    def __init__(self, path: Path):
        self.path = path
        self.lock: Any = None

    @property
    def training(self) -> Path:
        """Checkpoints, settings and the lock: what only resuming needs."""
        return self.path / TRAINING

    @classmethod
    def build(cls, target: Path) -> RunFolder:
        """A folder under a temporary name beside its place; what killed processes left there is removed."""
        building = build_beside(target)
        with naming(target):
            (building / TRAINING).mkdir()
        return cls(building)

    def settle(self, target: Path, overwrite: bool) -> None:
        """Give a whole folder its name. Raises RunError where something else has it, or a run that is being trained."""
        with _free(target, overwrite):
            self.path = settle(self.path, target)

    def discard(self) -> None:
        """Remove a folder that was never whole."""
        shutil.rmtree(self.path, ignore_errors=True)

    def take_lock(self) -> None:
        """Refuse a second trainer; the system releases the lock with the process. Raises RunError."""
        self.lock = take_lock(self.training / "lock", self.path, "trained")

    def tidy(self) -> None:
        """Remove half-written files of processes that were killed; for whoever has the lock."""
        for folder in (self.path, self.training):
            remove_parts(folder)

    def release_lock(self) -> None:
        """Let others train this run."""
        if self.lock is not None:
            self.lock.release()

    # -- settings

    def write_settings(self, record: Mapping[str, Any]) -> None:
        """What resuming needs to know besides the state."""
        write_file(self.training / "run.json", json.dumps({"format": FORMAT, **record}, indent=1).encode())

    def read_settings(self) -> dict[str, Any]:
        """What `write_settings` wrote. Raises RunError."""
        return read_settings(self.path)

    # -- log

    def append_log(self, line: Mapping[str, Any]) -> None:
        """Add one line to log.jsonl."""
        with (self.path / "log.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")

    def read_log(self) -> list[dict[str, Any]]:
        """The lines of log.jsonl; a last one that was cut is left out."""
        return read_log(self.path)

    def truncate_log(self, step: int) -> list[dict[str, Any]]:
        """Keep only the lines up to a step, and no errors; returns them."""
        lines = [line for line in self.read_log() if line.get("step", 0) <= step and "error" not in line]
        write_file(self.path / "log.jsonl", "".join(json.dumps(line) + "\n" for line in lines).encode())
        return lines


def check_free(target: Path, overwrite: bool) -> None:
    """Raise RunError unless a run may be written here: nothing is, or a run to overwrite that nobody is training."""
    with _free(target, overwrite):
        pass


@contextlib.contextmanager
def _free(target: Path, overwrite: bool) -> Iterator[None]:
    """As `check_free`; a run that is to be overwritten is locked meanwhile."""
    if any("\ud800" <= c <= "\udfff" for c in str(target)):
        raise RunError(f"{target} is no text in UTF-8, which TensorBoard needs; choose another --out.")
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        yield
        return
    if not overwrite:
        raise RunError(f"{target} is not empty; choose another --out, or --overwrite it, or --resume it.")
    if not (target / DESCRIPTION).is_file():
        raise RunError(f"{target} holds something that is not a run, and is not overwritten; choose another --out.")
    run = RunFolder(target)
    if run.training.is_dir():
        run.take_lock()
    try:
        yield
    finally:
        run.release_lock()


def take_lock(file: Path, path: Path, verb: str) -> FileLock:
    """The lock on what is being written in `path`, taken; it ends with the process. Raises RunError."""
    lock = FileLock(file)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise RunError(f"{path} is being {verb} by another process; wait for it or stop it.") from None
    return lock


def read_settings(path: Path) -> dict[str, Any]:
    """The settings of a run, as `RunFolder.write_settings` wrote them. Raises RunError."""
    file = path / TRAINING / "run.json"
    if not path.exists():
        raise RunError(f"{path} does not exist; give the folder of a run.")
    if not file.is_file():
        raise RunError(
            f"{path} has no training/run.json, which says how it was trained, and on what; take a whole copy."
        )
    try:
        record = parse_json(file.read_bytes())
        version = record["format"]
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(f"{file} is damaged ({error}); take a copy of the run, or train again.") from None
    if version != FORMAT:
        raise RunError(
            f"{path} has format {version}, this version reads {FORMAT}; resume it with the Daedal that wrote it."
        )
    try:
        if wrong := [part for part, kind in RECORD.items() if not isinstance(record.get(part), kind)]:
            raise UsageError(f"it does not say '{wrong[0]}'")
        record["settings"] = asdict(Settings.kept(record["settings"]))
    except UsageError as error:
        reason = str(error).rstrip(".")
        raise RunError(f"{file} is damaged ({reason}); take a copy of the run, or train again.") from None
    return record


def read_log(path: Path) -> list[dict[str, Any]]:
    """The lines of a run's log.jsonl as dicts; a last one that was cut is left out. Raises RunError for bad ones."""
    file = path / "log.jsonl"
    texts = file.read_bytes().splitlines() if file.is_file() else []
    lines: list[dict[str, Any]] = []
    for number, text in enumerate(texts, 1):
        line: Any = None
        try:
            line = parse_json(text)
        except ValueError:
            if number == len(texts):
                break
        if not _is_log_point(line):
            raise RunError(f"{file} is damaged in line {number}; remove that line, and the run can be used again.")
        lines.append(line)
    return lines


def _is_log_point(line: Any) -> bool:
    if not isinstance(line, dict) or not isinstance(line.get("error", {}), dict):
        return False
    return isinstance(line.get("step", 0), int)

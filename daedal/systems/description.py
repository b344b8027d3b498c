"""Reads system.json, what a run folder says its system is. Imports no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from daedal.errors import RunError
from daedal.places import DESCRIPTION, parse_json

FORMAT = 1


def read_description(path: str | Path) -> dict[str, Any]:
    """system.json of a run folder as a dict, its format checked. Raises RunError."""
    file = Path(path) / DESCRIPTION
    if not Path(path).exists():
        raise RunError(f"{path} does not exist; give the folder of a run.")
    if not file.is_file():
        raise RunError(f"{path} is no run: it has no {DESCRIPTION}; give a folder that training wrote.")
    try:
        record = parse_json(file.read_bytes())
    except ValueError as error:
        raise RunError(f"{file} is damaged ({error}); train again, or take a copy of the run.") from None
    version = record.get("format") if isinstance(record, dict) else None
    if version != FORMAT:
        raise RunError(f"{file} has format {version!r}, this version reads {FORMAT}; use the Daedal that wrote it.")
    return record


def not_ours(path: str | Path, name: object) -> RunError:
    """The error for a run of a system that is not Daedal's, and whose class was not handed in."""
    text = f"{path} holds the system {name!r}, which is not one of Daedal's; hand its class in"
    return RunError(f"{text}: load(path, system=...), on the command line --plugin.")

"""Trained nets that are kept in the cache folder, as safetensors with notes: trained once, under a lock, whole or not.

A file that is absent, cut short or of another shape means training anew; a cache that cannot be written costs time and
nothing else.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from torch import Tensor, nn

from daedal.data.cache import cache_folder

N = TypeVar("N", bound=nn.Module)
NOTES = "notes"  # the entry of the file's metadata that holds them, as JSON


def key_of(facts: Any) -> str:
    """A name for what these facts (JSON-able) determine."""
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]


def kept(kind: str, key: str, empty: N, fit: Callable[[], N]) -> N:
    """The net of the cache, read into `empty`, else a fitted one, which is then kept; other processes wait for it."""
    net, _ = kept_with_notes(kind, key, empty, lambda: (fit(), {}))
    return net


def kept_with_notes(
    kind: str, key: str, empty: N, fit: Callable[[], tuple[N, Mapping[str, Any]]]
) -> tuple[N, Mapping[str, Any]]:
    """The same of a net with JSON-able notes."""
    file = cache_folder() / kind / f"{key}.safetensors"
    with _locked(file):
        if (found := _stored(file, empty)) is not None:
            return found
        net, notes = fit()
        store(file, net.state_dict(), notes)
        return net, notes


def read(empty: N, content: bytes) -> N:
    """The net that a file's content holds, for use and not for training."""
    from safetensors.torch import load

    empty.load_state_dict(load(content))
    return empty.eval().requires_grad_(False)


def notes_of(content: bytes) -> Mapping[str, Any]:
    """The notes in a file's content; {} where it has none."""
    length = int.from_bytes(content[:8], "little")  # of the header, which is JSON
    return json.loads(json.loads(content[8 : 8 + length]).get("__metadata__", {}).get(NOTES, "{}"))


def store(file: Path, state: Mapping[str, Tensor], notes: Mapping[str, Any] | None = None) -> None:
    """Write a net's state, whole or not at all; without a word where that cannot be done."""
    from safetensors.torch import save

    metadata = {NOTES: json.dumps(notes)} if notes else None
    content = save({name: value.contiguous() for name, value in state.items()}, metadata)
    try:
        handle, temporary = tempfile.mkstemp(dir=file.parent, suffix=".part")
    except OSError:
        return
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(content)
        os.replace(temporary, file)
    except OSError:  # a full disk
        Path(temporary).unlink(missing_ok=True)


@contextlib.contextmanager
def _locked(file: Path) -> Iterator[None]:
    from filelock import FileLock

    with contextlib.ExitStack() as held:
        with contextlib.suppress(OSError):  # a cache that cannot be written costs time, not the evaluation
            file.parent.mkdir(parents=True, exist_ok=True)
            held.enter_context(FileLock(file.with_suffix(".lock")))
        yield


def _stored(file: Path, empty: N) -> tuple[N, Mapping[str, Any]] | None:
    from safetensors import SafetensorError

    try:
        content = file.read_bytes()
        return read(empty, content), notes_of(content)
    except (OSError, SafetensorError, RuntimeError):  # absent, cut short, of another shape: train anew
        return None

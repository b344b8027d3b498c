"""What a command answers, and how it is said: for people in words and tables, for programs as one JSON object."""

from __future__ import annotations

import contextlib
import json
import math
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from daedal.data.names import printable
from daedal.places import naming

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True)
class Answer:
    """The record for `--json`, a function that shows it to people on a console, and the exit status.

    Where the record has an `error`, its message goes to stderr behind the answer.
    """

    record: Mapping[str, Any]
    show: Callable[[Console], None]
    status: int = 0


def give(answer: Answer, out: IO[str], as_json: bool) -> int:
    """Write an answer to `out`, and return its status."""
    with naming(Path("stdout")):
        if as_json:
            write_json(answer.record, out)
        else:
            answer.show(console(out))
            out.flush()
    if "error" in answer.record:
        print(f"daedal: {printable(answer.record['error']['message'])}", file=sys.stderr)
    return answer.status


def write_json(record: Mapping[str, Any], out: IO[str]) -> None:
    """One JSON object on one line; numbers that are not finite are null."""
    out.write(json.dumps(finite(record), allow_nan=False) + "\n")
    out.flush()


def finite(value: Any) -> Any:
    """A copy of a JSON-able value in which NaN and infinities are None, and tuples lists."""
    if isinstance(value, Mapping):
        return {str(key): finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


def console(out: IO[str], width: int = 160) -> Console:
    """A console as wide as the terminal; where there is none, as wide as tables need to keep their lines."""
    from rich.console import Console

    class Ours(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError  # rich would end the process with status 1

    return Ours(file=out, width=None if out.isatty() else width, highlight=False, emoji=False)


@contextlib.contextmanager
def only_answers() -> Iterator[IO[str]]:
    """A stream to the real stdout, while all else that is printed, also by child processes, goes to stderr."""
    before = sys.stdout
    try:
        real = before.fileno() == 1
    except (OSError, ValueError, AttributeError):
        real = False  # captured by a test
    if not real:
        with contextlib.redirect_stdout(sys.stderr):
            yield before
        return
    before.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with os.fdopen(kept, "w", encoding="utf-8", closefd=False) as out, contextlib.redirect_stdout(sys.stderr):
            yield out
    finally:
        os.dup2(kept, 1)
        os.close(kept)

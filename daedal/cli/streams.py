"""stdout and stderr as a command finds them: closed, full, or of an encoding that lacks most characters."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import IO


def open_streams() -> None:
    """Make both streams usable: what is closed swallows its text, what an encoding lacks is written as an escape.

    A closed one is opened anew first of all, lest a file that is written later gets its number, and what is printed.
    """
    for number, name in ((1, "stdout"), (2, "stderr")):
        if getattr(sys, name) is None:
            os.dup2(os.open(os.devnull, os.O_RDWR), number)
            os.set_inheritable(number, True)
            setattr(sys, name, os.fdopen(number, "w", encoding="utf-8", closefd=False))
        with contextlib.suppress(AttributeError):  # a stream that is not of files
            getattr(sys, name).reconfigure(errors="backslashreplace")


def let_go(stream: IO[str]) -> None:
    """Write what is still to be written; where that cannot be, drop it, lest Python complain of it at the end."""
    try:
        stream.flush()
    except (OSError, ValueError):
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())

"""What goes wrong and what it means for the exit status: a mistake of the user's is 2, work that failed is 1."""

from __future__ import annotations

import errno
from collections.abc import Sequence

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # what the system says of a full disk


class UsageError(ValueError):
    """What was typed or pointed at cannot be used; the message is one sentence that says what to do."""


class DataError(UsageError):
    """A data source that cannot be used; `problems` lists each bad item, one line each."""

    def __init__(self, message: str, problems: Sequence[str] = ()):
        super().__init__(message)
        self.problems = list(problems)


class FullError(DataError):
    """A disk without room for what is to be kept: work that failed, as with any full disk, and no mistake of input."""


class RunError(UsageError):
    """A run folder that cannot be used: damaged, occupied, of another version, or with other data."""


class TrainingError(RuntimeError):
    """Training began and failed, such as by a value that is not finite; what was saved before is kept."""


class Interrupted(KeyboardInterrupt):
    """Training was told to stop and has saved its state; `signal` is 2 (SIGINT) or 15 (SIGTERM)."""

    def __init__(self, message: str, signal: int):
        super().__init__(message)
        self.signal = signal


def complaint(error: Exception) -> str:
    """What is wrong with data, and its first bad item; without the advice, whose flags not every command has."""
    what = " ".join(str(error).partition(";")[0].split()).rstrip(".")
    return ": ".join([what, *getattr(error, "problems", ())[:1]])


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """' Did you mean "vae"?' for the nearest of the known words, else ''."""
    import difflib

    near = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f" Did you mean '{near[0]}'?" if near else ""

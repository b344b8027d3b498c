"""From an exception to an exit status and one sentence.

| status | when |
|---|---|
| 2 | what was typed or pointed at cannot be used |
| 1 | work began and failed, or a claim does not hold |
| 130, 143 | stopped by SIGINT or SIGTERM |
"""

from __future__ import annotations

import errno
import linecache
import os
from pathlib import Path

from daedal.errors import FULL, FullError, Interrupted, UsageError, did_you_mean

PACKAGE = str(Path(__file__).parents[1]) + os.sep
UNUSABLE = (
    *(errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP),
    *(errno.EACCES, errno.EPERM, errno.EROFS),
)
OUT_OF_MEMORY = (
    *("can't allocate memory", "not enough memory:", "out of memory", "Storage size calculation overflowed"),
    *("Maximum allowed dimension exceeded", "array is too big", "Overflow when unpacking"),
)


def status_of(error: BaseException) -> int:
    """The exit status that an exception means."""
    if isinstance(error, Interrupted):
        return 128 + error.signal
    if isinstance(error, KeyboardInterrupt):
        return 130
    if isinstance(error, FullError):
        return 1
    if isinstance(error, UsageError) or _is_parsing(error):
        return 2
    if isinstance(error, OSError) and error.errno is not None:
        return 2 if error.errno in UNUSABLE else 1
    return 2 if _is_told(error) else 1


def message_of(error: BaseException) -> str:
    """What went wrong and what to do, in one sentence."""
    if isinstance(error, KeyboardInterrupt) and not str(error):
        return "Stopped."
    if _is_parsing(error):
        return _parsing_message(error)
    if isinstance(error, OSError) and error.strerror:
        return _system_message(error)
    text = " ".join(str(error).split())
    if isinstance(error, UsageError):
        return text
    if _is_memory(error):
        what = f": {text[:200].rstrip('.')}" if text else ""
        return f"There is not enough memory{what}. Ask for less, or for smaller items or parts."
    if _is_told(error):
        return text
    if type(error).__module__.startswith("daedal."):
        return text
    return f"{type(error).__name__}: {text[:500]} (--debug shows where)"


def type_of(error: BaseException) -> str:
    """The name of the error, for programs."""
    if _is_parsing(error):
        return type(error.__cause__).__name__ if isinstance(error.__cause__, UsageError) else "UsageError"
    return type(error).__name__


def _is_parsing(error: BaseException) -> bool:
    return type(error).__module__.startswith("cyclopts.")


def _is_memory(error: BaseException) -> bool:
    """Whether there is too little memory, or none that could be large enough, in the words of Python, NumPy or torch.

    What torch says on a processor has no class of its own, and NumPy has none for sizes that no machine could address.
    """
    return isinstance(error, MemoryError) or (
        isinstance(error, (RuntimeError, ValueError, TypeError)) and any(words in str(error) for words in OUT_OF_MEMORY)
    )


def _is_told(error: BaseException) -> bool:
    """Whether it is a mistake of the user's that Daedal's own code raised, so that its words are meant for people.

    An error that torch or Python raised from C has its last frame in the code that called them, so the line is read.
    """
    if not isinstance(error, (ValueError, TypeError, FileNotFoundError)):
        return False
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None or not trace.tb_frame.f_code.co_filename.startswith(PACKAGE):
        return False
    return linecache.getline(trace.tb_frame.f_code.co_filename, trace.tb_lineno).lstrip().startswith("raise ")


def _system_message(error: OSError) -> str:
    where = f" ('{error.filename}')" if error.filename else ""
    if error.errno in FULL:
        return f"{error.strerror}{where}; free some space and try again, or choose another place."
    if error.errno in UNUSABLE:
        return f"{error.strerror}{where}; give another path, or make this one usable."
    return f"{error.strerror}{where}."


def _parsing_message(error: BaseException) -> str:
    """The parser's complaint in our grammar."""
    from cyclopts import exceptions

    if isinstance(error.__cause__, UsageError):
        return str(error.__cause__)
    error.verbose = False  # type: ignore[attr-defined]
    if isinstance(error, exceptions.UnknownOptionError):
        flag = (error.token.keyword or error.token.value).split("=")[0]
        known = [name for argument in error.argument_collection for name in argument.names if argument.parse]
        return f"There is no flag {flag}.{did_you_mean(flag, known) or ' --help lists what there is.'}"
    if isinstance(error, exceptions.UnknownCommandError):
        return str(error).replace('"', "'")
    if isinstance(error, exceptions.UnusedCliTokensError):
        return f"'{' '.join(error.unused_tokens or [])}' is one word too many; --help shows what goes where."
    if isinstance(error, exceptions.RepeatArgumentError):
        return f"{error.token.keyword} was given already; give it once."
    if isinstance(error, exceptions.CoercionError) and error.token is not None:
        return f"{error.token.keyword} is a switch, which takes no value but true or false; got '{error.token.value}'."
    if isinstance(error, exceptions.MissingArgumentError) and error.argument is not None:
        name = error.argument.name
        return f"'{name.lstrip('-')}' is missing its value; --help shows what goes where."
    return " ".join(str(error).split())

"""What names of files mean and how they are shown: names come from strangers and may hold anything but a slash.

>>> printable("cat" + chr(27) + "[2J.png")
'cat\\\\x1b[2J.png'
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from daedal.errors import DataError, UsageError

# HEIC is no format that is read: it stands here so that such a photograph is named as bad and not passed over.
_FORMATS = "png apng jpg jpeg jpe jfif webp bmp dib gif tif tiff ppm pgm pbm pnm avif jp2 j2k tga heic heif"
IMAGE_SUFFIXES = frozenset("." + name for name in _FORMATS.split())


def printable(text: str) -> str:
    """Text with control characters, direction marks and undecodable bytes written as escapes, for any terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def expanded(path: str | os.PathLike[str]) -> Path:
    """A path with `~` and `~NAME` written out. Raises UsageError where nobody has that name."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        shown = printable(str(path))
        raise UsageError(f"'{shown}' begins with the home folder of nobody here; write the path out.") from None


def suffix(name: str) -> str:
    """The lower-case suffix of a file's name, '.png'; folders before it end in '/'.

    >>> suffix("cats.of.2024/Tom.PNG"), suffix("cats.of.2024/readme")
    ('.png', '')
    """
    stem, dot, end = name.rpartition("/")[2].rpartition(".")
    return dot + end.lower() if stem.strip(".") else ""


def is_hidden(part: str) -> bool:
    """Whether a file or folder is a program's own: a dot file, or what macOS and Synology put beside images."""
    return part.startswith(".") or part in ("__MACOSX", "@eaDir")


def some(items: Sequence[str], most: int = 20) -> str:
    """The first items, an indented line each, and how many more there are: the end of a sentence, also on one line.

    >>> some(["a.png: empty", "b.png: cut", "c.png: cut"], most=2)
    '\\n  a.png: empty;\\n  b.png: cut;\\n  and 1 more.'
    """
    more = [f"and {len(items) - most} more"] if len(items) > most else []
    return ";".join(f"\n  {item}" for item in [*items[:most], *more]) + "."


def refuse_bad(bad: Mapping[int, str], n: int, skip_bad: bool, what: str) -> None:
    """Raise DataError with the list of bad items, unless they are to be left out and others stay."""
    problems = list(bad.values())
    if len(bad) == n:
        raise DataError(f"none of the {n} items of {what} can be used; mend them:{some(problems)}", problems)
    if not skip_bad:
        left_out = "mend them, or leave them out with --skip-bad (skip_bad=True)"
        raise DataError(f"{len(bad)} of {n} items of {what} cannot be used; {left_out}:{some(problems)}", problems)

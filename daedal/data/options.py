"""What `load_data` can be told, checked: each option has one meaning for every source that it applies to.

>>> Options.of(size="32x24").size
(32, 24)
>>> Options.of(sise=32)
Traceback (most recent call last):
    ...
daedal.errors.UsageError: 'sise' is no option of load_data here; the options are size, ... Did you mean 'size'?
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from daedal.data.sources import owners
from daedal.errors import UsageError, did_you_mean
from daedal.options import LARGEST

FITS = ("crop", "pad", "stretch")
MOST_PIXELS = 1 << 26  # of one image: a typing error should not allocate all memory


@dataclass(frozen=True)
class Options:
    """The options of `load_data` after checking; `Options()` is what applies where nothing is said."""

    size: tuple[int, int] | None = None  # height, width; None: as they are
    channels: int | None = None  # 1, 3 or 4; None: one where all are grey, else three
    n: int | None = None  # how many items at most; of a toy: how many are drawn
    seed: int = 0  # chooses the n items, draws a toy's
    skip_bad: bool = False
    fit: str = "crop"
    background: str = "white"  # what transparent pixels lie on, and of `fit="pad"` the margins
    mirror: bool = False  # each training image also mirrored

    @classmethod
    def of(cls, own: tuple[str, ...] = (), /, **given: Any) -> Options:
        """The options of these keywords. Raises UsageError in one sentence for one that cannot be used.

        `own` are the names of the options that the source has of its own, so that the error can list them.
        """
        known = [field.name for field in fields(cls)]
        for name in given:
            if name not in known:
                names = ", ".join([*known, *own])
                hint = _near(name, [*known, *own])
                if others := owners(name):
                    hint = f" It is an option of {' and '.join(others)} only."
                raise UsageError(f"'{name}' is no option of load_data here; the options are {names}.{hint}")
        return cls(**{name: _CHECKS[name](value) for name, value in given.items()})

    def record(self) -> dict[str, Any]:
        """What `Options.of` reads back, JSON-able."""
        record = asdict(self)
        record["size"] = None if self.size is None else list(self.size)
        return record

    def refuse(self, names: tuple[str, ...], why: str) -> None:
        """Raise UsageError if one of these options differs from its default, saying `why` it does not apply."""
        for name in names:
            if getattr(self, name) != getattr(Options(), name):
                raise UsageError(f"'{name}' {why}; leave it out.")


IMAGE_OPTIONS = ("size", "channels", "fit", "background", "mirror")


def _near(name: str, known: list[str]) -> str:
    return did_you_mean({"limit": "n", "skip-bad": "skip_bad"}.get(name, name), known)


def _size(value: Any) -> tuple[int, int] | None:
    if value is None:
        return None
    text = "x".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
    found = re.fullmatch(r"(\d{1,6})(?:[xX](\d{1,6}))?", text.strip())
    height, width = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
    if isinstance(value, bool) or height < 1 or width < 1 or height * width > MOST_PIXELS:
        raise UsageError(f"'size' must be an integer in [1, 8192], or height x width such as '32x24'; got {value!r}.")
    return height, width


def _channels(value: Any) -> int | None:
    if value is None or (value in (1, 3, 4) and not isinstance(value, bool)):
        return value
    raise UsageError(f"'channels' must be 1 (grey), 3 (colour) or 4 (colour and alpha); got {value!r}.")


def _integer(name: str, low: int) -> Any:
    def check(value: Any) -> int | None:
        if value is None and name == "n":
            return None
        if isinstance(value, (int, np.integer)) and not isinstance(value, bool) and low <= value < LARGEST:
            return int(value)
        raise UsageError(f"'{name}' must be an integer in [{low}, 2**63); got {value!r}.")

    return check


def _flag(name: str) -> Any:
    def check(value: Any) -> bool:
        if isinstance(value, bool):
            return value
        raise UsageError(f"'{name}' must be True or False; got {value!r}.")

    return check


def _fit(value: Any) -> str:
    if value in FITS:
        return value
    raise UsageError(f"'fit' must be 'crop', 'pad' or 'stretch'; got {value!r}.{did_you_mean(str(value), FITS)}")


def _background(value: Any) -> str:
    from PIL import ImageColor

    try:
        ImageColor.getrgb(value)
    except (ValueError, AttributeError, TypeError):
        raise UsageError(f"'background' must be a colour such as 'white' or '#ff8800'; got {value!r}.") from None
    return value


_CHECKS: dict[str, Any] = {
    "size": _size,
    "channels": _channels,
    "n": _integer("n", 2),
    "seed": _integer("seed", 0),
    "skip_bad": _flag("skip_bad"),
    "fit": _fit,
    "background": _background,
    "mirror": _flag("mirror"),
}

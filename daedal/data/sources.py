"""The sources with a name of their own, and the options that each has besides those of every source.

A source is a row of `NAMED`: where its reader is, and a function of keyword-only options, whose docstring is the help,
as in `daedal.cli.flags`. So its options are checked alike from Python and from the command line (`--correlation`), are
recorded in `Data.source`, and resume with a run. The reader is called with the checked `Options`, and its own options
as keywords; it returns `Found` (which is then brought to size, chosen from and split) or `Data`. What it has done about
`n` and `size` is not done again. Imports no torch.

>>> [option.flag for option in NAMED["digits"].options]
[]
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from daedal.declare import Probability
from daedal.options import Option, check_options, options_of

if TYPE_CHECKING:
    from daedal.data.base import Data, Found

OTHERS = "toy:NAME, mnist:DIR, cifar10:DIR, a folder or .zip of images, a .npy, .npz or .csv file"


@dataclass(frozen=True)
class NamedSource:
    """A source of ours: `reader` is `module:function`, imported when the source is loaded."""

    summary: str
    reader: str
    options: tuple[Option, ...]

    def read(self) -> Callable[..., Found | Data]:
        """The reader: `read(options, **own)`."""
        module, _, function = self.reader.partition(":")
        return getattr(importlib.import_module(module), function)


def _digits() -> None:
    """Scikit-learn's 1,797 real handwritten digits, 8x8 at 17 levels; at another --size, 256 levels."""


def _colour_digits(*, correlation: Probability = 0.0, test_correlation: Probability = 0.0) -> None:
    """The digits in ten colours, 16x16 unless --size says otherwise; a field `colour` beside `label`.

    Options:
        correlation: chance that a training digit has the colour of its class, rather than any of the ten
        test_correlation: the same of test digits; 0 shows who learnt the colour in place of the shape
    """


def _named(declaration: Callable[..., None], reader: str) -> NamedSource:
    document = declaration.__doc__ or ""
    return NamedSource(document.split("\n\n")[0], reader, options_of(declaration, document))


NAMED: dict[str, NamedSource] = {
    "digits": _named(_digits, "daedal.data.digits:read"),
    "colour-digits": _named(_colour_digits, "daedal.data.coloured:read"),
}
SOURCES = ", ".join([*NAMED, OTHERS])


def options_here(source: Any) -> tuple[Option, ...]:
    """The options that only this source has."""
    return NAMED[source].options if isinstance(source, str) and source in NAMED else ()


def owners(option: str) -> list[str]:
    """The sources that have an option of this name."""
    return [name for name, source in NAMED.items() if option in [o.name for o in source.options]]


def take(source: Any, given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The source's own options, checked and complete, and what else was given. Raises OptionError."""
    options = options_here(source)
    own = {o.name: o.default for o in options}
    checked = check_options(options, {name: value for name, value in given.items() if name in own}, str(source))
    return own | checked, {name: value for name, value in given.items() if name not in own}

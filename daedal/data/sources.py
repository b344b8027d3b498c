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
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from annotated_types import Ge, Le

from daedal.declare import PositiveFloat, PositiveInt, Probability
from daedal.options import Option, check_options, options_of

if TYPE_CHECKING:
    from daedal.data.base import Data, Found

Field = Literal[  # of worlds
    "depth", "normal", "stencil", "points", "caption", "rig", "after", "instruction", "flow", "visible", "action"
]
OTHERS = (
    "toy:NAME, mnist:DIR, cifar10:DIR, a folder or .zip of images, a .npy, .npz, .csv or .txt file, parallel:TXT,TXT"
)


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


def _house_numbers() -> None:
    """The digits as if photographed on walls, doors and plates, 32x32: 10,000 unless --limit says otherwise."""


def _photographs(*, crops: Literal["random", "grid"] = "random", only: tuple[str, ...] = ()) -> None:
    """Crops, 64x64 unless --size says otherwise, of the photographs that installed packages carry.

    Options:
        crops: at random positions (2,000 of them unless --limit says otherwise), or side by side on a grid
        only: photograph to use; repeatable; default: all that are installed
    """


def _world(
    *,
    fields: tuple[Field, ...] = (),
    label: str | None = None,
    correlation: str | None = None,
    test_correlation: Annotated[float, Ge(-1), Le(1)] = 0.0,
    frames: Annotated[int, Ge(2)] | None = None,
    frame_rate: PositiveFloat = 8.0,
    shadows: bool = True,
    endless: bool = False,
    domains: tuple[str, ...] = (),
    paired: bool = False,
    set: tuple[str, ...] = (),
) -> None:
    """A world.

    Options:
        fields: more that is known of each picture, such as depth,stencil
        label: factor with choices that also becomes the field label, which feature nets learn
        correlation: two factors that vary together and how much, in [-1, 1], such as beard,age,0.8
        test_correlation: the same of test items; 0 shows who took the one for the other
        frames: clips of so many frames in place of pictures
        frame_rate: frames a second
        shadows: bodies cast shadows
        endless: training never sees an item twice: each is rendered when it is asked for
        domains: two domains, the fields a and b in place of x: smile=0,smile=1; a name of the world's, factor=value, or
            an output (rgb, stencil, depth, normal, rig, painting); typed twice, each may have several with commas
        paired: training sees scenes in both domains; else every scene in one, and only test items are pairs
        set: factor to hold: smile=0.8, a range yaw=-10..10, a choice glasses=none; repeatable, or with commas
    """


def _language(*, paired: bool = False, length: Annotated[int, Ge(5)] = 12) -> None:
    """Sentences in two invented languages, and their exact translation: 20,000 unless --limit says otherwise.

    Options:
        paired: train on translations too; otherwise training sees other sentences of either language
        length: words of a sentence at most
    """


def _text_files(*, words: PositiveInt = 10_000, length: PositiveInt = 64) -> None:
    """Sentences, one a line.

    Options:
        words: words that are known, the most frequent ones; others are unknown
        length: words and marks of a sentence at most; longer ones are cut
    """


def _named(declaration: Callable[..., None], reader: str, summary: str = "") -> NamedSource:
    document = declaration.__doc__ or ""
    return NamedSource(summary or document.split("\n\n")[0], reader, options_of(declaration, document))


NAMED: dict[str, NamedSource] = {
    "digits": _named(_digits, "daedal.data.digits:read"),
    "colour-digits": _named(_colour_digits, "daedal.data.coloured:read"),
    "house-numbers": _named(_house_numbers, "daedal.data.house_numbers:read"),
    "photographs": _named(_photographs, "daedal.data.photographs:read"),
    "portraits": _named(
        _world,
        "daedal.data.worlds.dataset:portraits",
        "Rendered heads, 32x32 unless --size says otherwise; every factor is a field. --limit: how many (10,000).",
    ),
    "streets": _named(
        _world,
        "daedal.data.worlds.dataset:streets",
        "A drive along rendered streets, 32x32 unless --size says otherwise; every factor is a field.",
    ),
    "dancers": _named(
        _world,
        "daedal.data.worlds.dataset:dancers",
        "Rendered dancers, 32x32 unless --size says otherwise; every factor is a field. --limit: how many (10,000).",
    ),
    "language:toy": _named(_language, "daedal.data.language.corpus:read"),
}
TEXTS = _named(_text_files, "daedal.data.texts:read")
SOURCES = ", ".join([*NAMED, OTHERS])


def options_here(source: Any) -> tuple[Option, ...]:
    """The options that only this source, or only its kind, has."""
    if is_text_file(source):
        return TEXTS.options
    return NAMED[source].options if isinstance(source, str) and source in NAMED else ()


def is_text_file(source: Any) -> bool:
    """Whether a source is a text file, or two of them; a folder may be called photos.txt."""
    name = str(source) if isinstance(source, (str, Path)) else ""
    is_txt = name.lower().endswith(".txt") and not os.path.isdir(os.path.expanduser(name))
    return is_txt or name.startswith("parallel:")


def owners(option: str) -> list[str]:
    """The sources that have an option of this name."""
    sources = {**NAMED, "text files": TEXTS}
    return [name for name, source in sources.items() if option in [o.name for o in source.options]]


def take(source: Any, given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The source's own options, checked and complete, and what else was given. Raises OptionError."""
    options = options_here(source)
    given = {name: _as_written(value, name, options) for name, value in given.items()}
    own = {o.name: o.default for o in options}
    checked = check_options(options, {name: value for name, value in given.items() if name in own}, str(source))
    return own | checked, {name: value for name, value in given.items() if name not in own}


def _as_written(value: Any, name: str, options: tuple[Option, ...]) -> Any:
    """A value in the form of its option: ("beard", "age", 0.8) is beard,age,0.8, and "a=1" the tuple ("a=1",)."""
    text = next((o.kind for o in options if o.name == name and o.kind.type is str and not o.kind.choices), None)
    if text is None:
        return value
    if text.many:
        return (value,) if isinstance(value, str) else value
    return ",".join(map(str, value)) if isinstance(value, (tuple, list)) else value

"""What an option may be: its kind, its words, and how a value or a text from the command line is checked against it.

One place for Python and the command line, so both say the same: `'beta' of VAE must be a float in [0, inf); got -1.`
Imports no torch.

>>> from daedal.declare import NonNegativeFloat
>>> beta = Option("beta", kind_of(NonNegativeFloat), 1.0, "weight of the divergence")
>>> beta.check(4, "VAE"), beta.parse(["0.5"], "VAE")
(4.0, 0.5)
>>> beta.check(-1, "VAE")
Traceback (most recent call last):
    ...
daedal.options.OptionError: 'beta' of VAE must be a float in [0, inf); got -1.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import math
import textwrap
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from daedal.declare import Seed
from daedal.errors import UsageError, did_you_mean


class OptionError(UsageError):
    """A value that an option cannot take."""


class UnknownOption(OptionError, TypeError):
    """An option that does not exist; a TypeError too, as an unknown keyword is in Python."""


LARGEST = 2**63  # integers are below it, always: 8 bytes with a sign hold no more, and no array is as long
BOUNDS = ("ge", "gt", "lt", "le")  # of annotated_types


@dataclass(frozen=True)
class Kind:
    """The values of an option: one type within a range, or some choices; perhaps many, perhaps None."""

    type: type
    low: float = -math.inf
    high: float = math.inf
    above: bool = False  # low itself is excluded
    closed: bool = False  # high itself is included
    choices: tuple[Any, ...] = ()
    many: bool = False
    optional: bool = False

    @property
    def words(self) -> str:
        """As an error says it, such as 'a float in [0, inf)'."""
        some = f"a tuple of {self._noun('values', '{}s')}" if self.many else self._noun("one", "a {}")
        return f"{some}, or None" if self.optional else some

    def _noun(self, choice: str, form: str) -> str:
        if self.choices:
            return f"{choice} of " + ", ".join(map(repr, self.choices))
        if self.type is bool:
            return "True or False"
        noun = form.format({int: "integer", float: "float", str: "string"}[self.type]).replace("a i", "an i")
        if self.low == -math.inf and self.high == math.inf:
            return noun
        high = "2**63" if self.high == LARGEST else f"{self.high:g}"
        return f"{noun} in {'(' if self.above else '['}{self.low:g}, {high}{']' if self.closed else ')'}"

    def accept(self, value: Any) -> Any:
        """The value in its own type. Raises ValueError where it is none of this kind."""
        if value is None and self.optional:
            return None
        if self.many:
            if isinstance(value, str) or not isinstance(value, Iterable):
                raise ValueError
            return tuple(self._accept_one(item) for item in value)
        return self._accept_one(value)

    def _accept_one(self, value: Any) -> Any:
        if self.choices:
            return self.choices[self.choices.index(value)]
        value = value.item() if getattr(value, "shape", None) == () else value  # a NumPy or torch scalar
        if self.type is float and type(value) is int:
            value = float(value)
        if type(value) is not self.type or (self.type in (int, float) and not self._in_range(value)):
            raise ValueError
        return value

    def _in_range(self, value: float) -> bool:
        if self.type is float and not math.isfinite(value):
            return False
        if self.type is int and abs(value) >= LARGEST:
            return False
        below = value <= self.high if self.closed else value < self.high
        return below and (self.low < value if self.above else self.low <= value)

    def read(self, texts: Sequence[str]) -> Any:
        """The value that texts from the command line mean. Raises ValueError."""
        if self.optional and [text.lower() for text in texts] == ["none"]:
            return None
        if self.many and self.type is str and not self.choices:
            return self.accept(texts)
        if self.many:
            return self.accept(
                [self._read_one(part) for text in texts for part in text.strip(" ()").split(",") if part]
            )
        return self.accept(self._read_one(texts[-1]))

    def _read_one(self, text: str) -> Any:
        if self.choices:
            return {str(choice): choice for choice in self.choices}.get(text, text)
        if self.type is bool:
            return {"true": True, "false": False}[text.lower()]
        return self.type(text)


@dataclass(frozen=True)
class Option:
    """One option of a system or of its `sample`. A default of None is chosen by the space."""

    name: str
    kind: Kind
    default: Any
    help: str = ""

    @property
    def flag(self) -> str:
        """As on the command line: --given-dropout."""
        return "--" + self.name.replace("_", "-")

    def check(self, value: Any, owner: str) -> Any:
        """The value in its own type. Raises OptionError, in the words of the kind."""
        try:
            return self.kind.accept(value)
        except (ValueError, TypeError):
            raise self._refuse(value, owner) from None

    def parse(self, texts: Sequence[str], owner: str) -> Any:
        """The value of texts from the command line. Raises OptionError, in the same words."""
        numbers = self.kind.many and self.kind.type is not str  # of which there may be none: --hidden=
        if not numbers and not all(text.strip() for text in texts):  # as of a variable of the shell that is not set
            raise OptionError(f"'{self.name}' of {owner} is empty; give it a value, or leave out {self.flag}.")
        try:
            return self.kind.read(texts)
        except (ValueError, KeyError):
            raise self._refuse(_as_typed(texts), owner) from None

    def _refuse(self, value: Any, owner: str) -> OptionError:
        kind = self.kind
        if kind.type is int and isinstance(value, int) and value >= LARGEST:
            kind = dataclasses.replace(kind, high=min(kind.high, LARGEST))
        return OptionError(f"'{self.name}' of {owner} must be {kind.words}; got {value!r}.")


def check_options(options: Sequence[Option], values: Mapping[str, Any], owner: str) -> dict[str, Any]:
    """The values, each checked against its option. Raises UnknownOption or OptionError."""
    known = {option.name: option for option in options}
    for name in values:
        if name not in known:
            hint = did_you_mean(name, list(known))
            has = f" Its options: {', '.join(known) or 'none'}."
            raise UnknownOption(f"{owner} has no option '{name}'.{hint or has}")
    return {name: known[name].check(value, owner) for name, value in values.items()}


def check_seed(seed: Any, owner: str) -> int:
    """The seed as an int. Raises OptionError unless it is an integer in [0, 2**63)."""
    return Option("seed", kind_of(Seed), 0).check(seed, owner)


def kind_of(annotation: Any) -> Kind:
    """The kind that an annotation of `daedal.declare`'s vocabulary means. Raises TypeError for any other."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        (kind,) = [kind_of(a) for a in arguments if a is not type(None)]
        return _with(kind, optional=len(arguments) > 1)
    if origin is tuple and arguments[1:] == (...,):
        return _with(kind_of(arguments[0]), many=True)
    if origin is Literal:
        return Kind(type(arguments[0]), choices=arguments)
    if origin is Annotated:
        return _ranged(arguments[0], arguments[1:])
    if annotation in (int, float, bool, str):
        return Kind(annotation)
    raise TypeError(f"{annotation} is no kind of option; use one of daedal.declare, bool, str or Literal.")


@functools.cache
def options_of(function: Any, docstring: str | None = None) -> tuple[Option, ...]:
    """The options of a function or constructor: its keyword-only parameters, with the help in a docstring."""
    helps = option_help(docstring)
    chosen = [p for p in inspect.signature(function).parameters.values() if p.kind is p.KEYWORD_ONLY]
    stub = types.SimpleNamespace(__annotations__={p.name: p.annotation for p in chosen})
    hints = typing.get_type_hints(stub, globalns=function.__globals__, include_extras=True)
    return tuple(Option(p.name, kind_of(hints[p.name]), p.default, helps.get(p.name, "")) for p in chosen)


def option_help(docstring: str | None) -> dict[str, str]:
    """Option -> help of a docstring's `Options:` section; a deeper indented line continues the one before."""
    _, _, section = inspect.cleandoc(docstring or "").partition("Options:\n")
    lines = textwrap.dedent(section.split("\n\n")[0]).splitlines()
    helps: dict[str, str] = {}
    for line in lines:
        name, colon, text = line.partition(":")
        if colon and name.isidentifier():
            helps[name] = text.strip()
        elif line.startswith(" ") and helps:
            helps[next(reversed(helps))] += " " + line.strip()
    return helps


def _ranged(base: type, limits: Iterable[Any]) -> Kind:
    found = {name: getattr(limit, name) for limit in limits for name in BOUNDS if hasattr(limit, name)}
    low = found.get("ge", found.get("gt", -math.inf))
    high = found.get("lt", found.get("le", math.inf))
    return Kind(base, low, high, above="gt" in found, closed="le" in found)


def _with(kind: Kind, **changes: Any) -> Kind:
    return dataclasses.replace(kind, **changes)


def _as_typed(texts: Sequence[str]) -> Any:
    """What the error repeats: a number as a number, so that `--beta -1` and `beta=-1` read alike."""
    text = ",".join(texts)
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return text

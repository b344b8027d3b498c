"""Makes systems by name for a data set, and reads and writes them (see `daedal.systems.storage`).

>>> from daedal.spaces import Labels, Vectors
>>> fields = {"x": Vectors(2), "label": Labels(3)}
>>> create("gmm", fields, components=3).options["components"]
3
>>> create("gmm", fields, components=0)
Traceback (most recent call last):
    ...
daedal.options.OptionError: 'components' of GMM must be an integer in [1, inf); got 0.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch

from daedal.data.base import Data, Unpaired, check_loaded
from daedal.declare import Recipe
from daedal.errors import UsageError, did_you_mean
from daedal.nn.sizes import learned_numbers
from daedal.options import check_options, check_seed
from daedal.play.system import System
from daedal.spaces import Space
from daedal.systems import catalogue
from daedal.systems.catalogue import Entry
from daedal.systems.inspection import entry_of, resolve
from daedal.systems.storage import load, save
from daedal.systems.weightless import weightless

__all__ = ["create", "entry_of", "load", "parameter_count", "resolve", "save"]


def create(
    name: str | type[System],
    data: Data | Mapping[str, Space],
    *,
    x: str = "x",
    given: str | Sequence[str] = (),
    config: str | None = None,
    seed: int = 0,
    **options: Any,
) -> System:
    """A new system for a data set: `x` names the field that is modelled, `given` those it is conditioned on.

    `config="paper"` takes the paper's options and training; `options` go before either. Parameters are drawn from
    `seed`; no global generator moves. Raises UsageError for a name, field, option or space that does not fit.
    """
    check_seed(seed, "create")
    entry, kind = resolve(name)
    if not isinstance(data, Mapping):
        check_loaded(data, "create")
    fields = data.fields if isinstance(data, Data) else data
    given = (given,) if isinstance(given, str) else tuple(given)
    if isinstance(data, Data):
        check_pairing(entry.name, kind, data, (x, *given))
    _check_roles(fields, x, given)
    _check_space(entry, kind, fields[x], x)
    if config not in (None, "paper"):
        raise UsageError(f"'config' of create must be 'paper' or None; got {config!r}.")
    chosen = check_options(entry.options, {**_defaults(entry, config), **options}, kind.__name__)
    with _seeded(seed):
        system = kind(fields[x], {key: fields[key] for key in given}, **chosen)
        system.roles, system.config = {"x": x, "given": list(given)}, config
        if config:
            system.recipe = entry.paper.recipe
        if isinstance(data, Data):
            system.fit_scale(data.train)
    return system


def parameter_count(
    entry: Entry, x: Space, config: str | None = None, kind: type[System] | None = None
) -> tuple[int, dict[str, Any], Recipe]:
    """How many numbers a system over x learns, its options as resolved, and its recipe; built without memory.

    `kind` is the class, for one that is not Daedal's own.
    """
    made_of = kind or resolve(entry.name)[1]
    with weightless():
        system = made_of(x, {}, **check_options(entry.options, _defaults(entry, config), entry.class_name))
    recipe = entry.paper.recipe if config else system.recipe
    return learned_numbers(system), system.options, recipe


def _defaults(entry: Entry, config: str | None) -> dict[str, Any]:
    return {**entry.overrides, **(entry.paper.options if config else {})}


def _check_roles(fields: Mapping[str, Space], x: str, given: Sequence[str]) -> None:
    for field in (x, *given):
        if field not in fields:
            hint = _say_what(fields) if field == x == "x" else did_you_mean(field, list(fields))
            raise UsageError(f"The data has no field '{field}'.{hint} Its fields are {', '.join(fields)}.")
    if (twice := next((field for field in given if given.count(field) > 1), None)) is not None:
        raise UsageError(f"'{twice}' is given twice; say it once.")
    if x in given:
        raise UsageError(f"'{x}' cannot be modelled and given at once; take it out of 'given'.")


def _say_what(fields: Mapping[str, Space]) -> str:
    """What to type where the data lacks 'x', which is modelled unless something else is said."""
    roles = "--x b --given a" if {"a", "b"} <= set(fields) else f"--x {next(iter(fields))}"
    return f" Say what is modelled, such as {roles}."


def check_pairing(name: str, kind: type[System], data: Data, roles: Sequence[str]) -> None:
    """Raise UsageError where a system needs pairs and the data has none, or the other way round."""
    if not isinstance(data.train, Unpaired):
        if kind.unpaired:
            raise UsageError(f"'{name}' learns from unpaired domains; load the data with two domains and paired=False.")
        return
    if not kind.unpaired:
        raise UsageError(
            f"'{name}' learns from one training split, and these domains are unpaired, with a split each; load the "
            "data with paired=True (--paired)."
        )
    if set(roles) != set(data.train.sides):
        x, *given = data.train.sides
        raise UsageError(
            f"'{name}' models one of the unpaired domains and is given the rest, such as --x {given[0]} --given {x}; "
            f"got {', '.join(roles)}."
        )


def _check_space(entry: Entry, kind: type[System], space: Space, x: str) -> None:
    if isinstance(space, kind.accepts):
        return
    able = ", ".join(e.name for e in catalogue.entries().values() if _can_model(e, space)) or "none yet"
    raise UsageError(
        f"'{entry.name}' models {' or '.join(entry.spaces)}, and '{x}' is {space}. Systems that model it: {able}."
    )


def _can_model(entry: Entry, space: Space) -> bool:
    """Whether it can be made for a space: some systems model only a part of a kind, such as labels of maps."""
    if type(space).__name__ not in entry.spaces:
        return False
    try:
        parameter_count(entry, space)
    except ValueError:
        return False
    return True


@contextlib.contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Draws from the default CPU generator come from `seed`, and leave no trace in it."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield

"""From a system's name to its class, and from a class to what it declares."""

from __future__ import annotations

import importlib
import inspect

from daedal.capabilities import capabilities
from daedal.declare import Paper
from daedal.options import options_of
from daedal.play.system import System
from daedal.systems import catalogue
from daedal.systems.catalogue import Entry


def resolve(name: str | type[System]) -> tuple[Entry, type[System]]:
    """The entry and the class of a system's name, or of a class. Raises UnknownSystem."""
    if isinstance(name, type):
        return entry_of(name), name
    entry = catalogue.find(name)
    return entry, getattr(importlib.import_module(entry.module), entry.class_name)


def entry_of(kind: type[System]) -> Entry:
    """What a class declares, read from the class itself; for those of Daedal the same as `catalogue.find` reads."""
    packages = kind.__module__.split(".")
    draw = getattr(kind, "draw", None)
    return Entry(
        name=packages[-1].replace("_", "-"),
        module=kind.__module__,
        class_name=kind.__name__,
        family=packages[-2] if len(packages) > 1 else "",
        summary=catalogue.summary(inspect.getdoc(kind)),
        capabilities=capabilities(kind),
        spaces=tuple(space.__name__ for space in kind.accepts),
        paper=getattr(kind, "paper", Paper("", "", 0)),
        recipe=kind.recipe,
        options=options_of(kind.__init__, inspect.getdoc(kind)),
        sample_options=() if draw is None else options_of(draw, inspect.getdoc(draw)),
        variants=kind.variants,
    )

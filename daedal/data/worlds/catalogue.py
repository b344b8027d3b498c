"""The worlds by name. Imports no torch, and a world only when it is asked for."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from daedal.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from daedal.data.worlds.world import World

WORLDS = {  # name -> module:class
    "portraits": "daedal.data.worlds.portraits:Portraits",
    "streets": "daedal.data.worlds.streets:Streets",
    "dancers": "daedal.data.worlds.dancers:Dancers",
}


def check_world(name: str) -> None:
    """Raise UsageError that lists what there is, unless the name is a world's."""
    if name not in WORLDS:
        raise UsageError(f"'{name}' is no world; the worlds are {', '.join(WORLDS)}.{did_you_mean(name, list(WORLDS))}")


def find_world(name: str) -> World:
    """The world of a name. Raises UsageError that lists what there is."""
    check_world(name)
    module, _, kind = WORLDS[name].partition(":")
    return getattr(importlib.import_module(module), kind)()

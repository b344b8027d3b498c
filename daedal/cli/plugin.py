"""Systems that are not Daedal's own: `--plugin my_system.py` or `--plugin package.module` names their source.

The module is imported, so it runs: it is the user's own code, and never comes out of a run folder.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from daedal.errors import UsageError

if TYPE_CHECKING:
    from daedal.play.system import System
    from daedal.systems.catalogue import Entry


def load_plugin(text: str | None) -> type[System] | None:
    """The one System class of a module or a .py file; None for None. Raises UsageError."""
    if text is None:
        return None
    from daedal.play.system import System

    module = _from_file(Path(text)) if text.endswith(".py") else _from_name(text)
    kinds = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, System) and value.__module__ == module.__name__
    ]
    if len(kinds) != 1:
        raise UsageError(f"'plugin' must be a module with one System class; '{text}' has {len(kinds)}.")
    return kinds[0]


def find_system(name: str, plugin: str | None) -> tuple[Entry, Any]:
    """The entry of a system, and its class where a plugin brings it. Raises UnknownSystem, UsageError."""
    from daedal.systems.catalogue import find

    kind = load_plugin(plugin)
    if kind is None:
        return find(name), None
    from daedal.systems.inspection import entry_of

    entry = entry_of(kind)
    if name != entry.name:
        raise UsageError(f"The plugin '{plugin}' holds the system '{entry.name}', not '{name}'.")
    return entry, kind


def system_name(kind: type[System]) -> str:
    """The name of a plugin's system."""
    from daedal.systems.inspection import entry_of

    return entry_of(kind).name


def _from_file(path: Path) -> Any:
    if not path.is_file():
        raise UsageError(f"The plugin '{path}' does not exist; give a .py file or the name of a module.")
    if path.stem in sys.modules and getattr(sys.modules[path.stem], "__file__", None) == str(path.resolve()):
        return sys.modules[path.stem]
    from daedal.evaluate.handover import module_of_file

    return module_of_file(path.stem, path.resolve())


def _from_name(name: str) -> Any:
    wrong = UsageError(f"The plugin '{name}' is no module that can be imported; a file ends in .py.")
    if not all(part.isidentifier() for part in name.split(".")):
        raise wrong
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.insert(0, here)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and not name.startswith(error.name):
            raise
        raise wrong from None

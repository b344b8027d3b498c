"""`--compile`: in place, only what a system names, and an error where it would have silently done nothing."""

from __future__ import annotations

from torch import nn

from daedal.errors import UsageError
from daedal.play.system import System


def compile_modules(system: System) -> list[str]:
    """Compile the submodules that the system's `compiles` names. Raises UsageError where there is nothing to do."""
    names = [name for name in system.compiles if getattr(system, name, None) is not None]
    for name in names:
        module = system.get_submodule(name)
        if type(module).forward in (nn.Sequential.forward, nn.Module.forward):
            raise UsageError(f"'{name}' of '{system.name}' has no forward of its own; compiling it would do nothing.")
        module.compile()
    if not names:
        raise UsageError(f"'{system.name}' has nothing that --compile would speed up; leave the flag out.")
    return names


def graphs_made() -> int:
    """How many graphs torch.compile has made in this process."""
    from torch._dynamo.utils import counters

    return counters["stats"]["unique_graphs"]

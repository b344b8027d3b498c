"""`--compile`: in place, only what a system names, and an error where it would have silently done nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor, nn

from daedal.errors import UsageError
from daedal.play.system import System

BACKEND = "inductor"  # torch.compile's own

_runs = 0  # of compiled graphs, not how many were made: a later training in this process makes none anew


def compile_modules(system: System) -> list[str]:
    """Compile the submodules that the system's `compiles` names. Raises UsageError where there is nothing to do."""
    names = [name for name in system.compiles if getattr(system, name, None) is not None]
    for name in names:
        if type(system.get_submodule(name)).forward in (nn.Sequential.forward, nn.Module.forward):
            raise UsageError(f"'{name}' of '{system.name}' has no forward of its own; compiling it would do nothing.")
    if not names:
        raise UsageError(f"'{system.name}' has nothing that --compile would speed up; leave the flag out.")
    if BACKEND == "inductor" and system.device.type == "cpu":
        _check_compiler()
    for name in names:
        system.get_submodule(name).compile(backend=_counted)
    return names


def _check_compiler() -> None:
    """Raise UsageError where inductor will find nothing that compiles what it writes for a CPU."""
    from torch._inductor.cpp_builder import get_cpp_compiler

    try:
        get_cpp_compiler()
    except RuntimeError:
        raise UsageError(
            "--compile needs a C++ compiler, which the environment variable CXX may name; install one, or leave the "
            "flag out."
        ) from None


def graphs_run() -> int:
    """How often a graph that `compile_modules` led to has been run in this process."""
    return _runs


def _counted(graph: Any, inputs: Sequence[Tensor]) -> Callable[..., Any]:
    """What the backend makes of a graph, counted whenever it is run."""
    from torch._dynamo import lookup_backend

    compiled = lookup_backend(BACKEND)(graph, inputs)  # pyright: ignore[reportArgumentType]

    def run(*arguments: Any) -> Any:
        global _runs
        _runs += 1
        return compiled(*arguments)

    return run

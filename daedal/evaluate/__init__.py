"""Evaluation that cannot flatter: `evaluate(system, data)` gives a mapping of metric names to measures.

The package shares its name with the front door's function `daedal.evaluate`, so the module itself is callable:
`daedal.evaluate(system, data)` and `daedal.evaluate.frechet` both work, whichever was imported first.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from daedal.data.base import Data
    from daedal.evaluate.measure import Material, Measure, Measures
    from daedal.evaluate.protocol import evaluate

__all__ = ["Material", "Measure", "Measures", "evaluate"]

_HOME = {"evaluate": "protocol", "Material": "measure", "Measure": "measure", "Measures": "measure"}


class _CallableModule(ModuleType):
    """Importing a submodule binds `daedal.evaluate` to this module, over any function of that name."""

    def __call__(
        self,
        system: Any,
        data: Data,
        *,
        n: int | None = None,
        seed: int = 0,
        metrics: Sequence[str] | None = None,
    ) -> Measures:
        """`daedal.evaluate.protocol.evaluate`."""
        from daedal.evaluate.protocol import evaluate

        return evaluate(system, data, n=n, seed=seed, metrics=metrics)

    def __getattr__(self, name: str) -> Any:
        """Names and submodules on first use, so that the command line starts without torch."""
        if name in _HOME:
            return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
        if not name.startswith("_") and find_spec(f"{__name__}.{name}"):
            return import_module(f"{__name__}.{name}")
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


sys.modules[__name__].__class__ = _CallableModule

"""Builds a system without memory for its weights, to count its parameters or to compare it with a file.

Layers take their memory by `torch.empty`; here that gives tensors of torch's meta device, which have a shape and no
content. All else (masks, schedules) is computed as usual, so constructors may look at it.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn.modules.module import register_module_module_registration_hook as each_module
from torch.nn.modules.module import register_module_parameter_registration_hook as each_parameter
from torch.overrides import TorchFunctionMode


class TooLarge(ValueError):
    """A system that asks for more than it was granted."""


class _Weightless(TorchFunctionMode):
    def __init__(self, numbers: float):
        super().__init__()
        self.numbers = numbers

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func is torch.empty:
            kwargs["device"] = "meta"
        result = func(*args, **kwargs)
        if isinstance(result, Tensor) and result.numel() > self.numbers:
            raise TooLarge(f"it asks for a tensor of {result.numel()} numbers")
        return result


@contextlib.contextmanager
def weightless(numbers: float = math.inf, parts: float = math.inf) -> Iterator[None]:
    """Within it, layers have shapes and no weights. Raises TooLarge beyond so many numbers a tensor, or parts in all.

    A part is a module or a parameter.
    """
    count = 0

    def note(module: Any, name: str, part: Any) -> None:
        nonlocal count
        count += 1
        if count > parts:
            raise TooLarge(f"it asks for more than {parts:g} modules and parameters")

    hooks = each_module(note), each_parameter(note)
    try:
        with torch.random.fork_rng(devices=[]), _Weightless(numbers):
            yield
    finally:
        for hook in hooks:
            hook.remove()

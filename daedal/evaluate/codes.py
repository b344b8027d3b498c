"""Through codes and back: items rebuilt from their codes, and items decoded between two codes.

What applications offer and reports show is this; they check what they are given, and this does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from daedal.nn.modes import evaluating
from daedal.probability.interpolate import Method, path

Given = Mapping[str, Tensor] | None


def rebuilt(model: Any, x: Tensor, given: Given = None) -> Tensor:
    """decode(encode(x)) in the range of the space: (n, *x)."""
    with evaluating(model):
        code = model.encode(x.to(model.device, model.dtype), given=given)
        return model.x.clamp(model.decode(code, given=given))


def ways(model: Any, a: Tensor, b: Tensor, steps: int, method: Method = "slerp", given: Given = None) -> Tensor:
    """`steps` items from each item of a to that of b, evenly through their codes: (n, steps, *x)."""
    with evaluating(model):
        start, end = (model.encode(x.to(model.device, model.dtype), given=given) for x in (a, b))
    return between(model, start, end, steps, method, given)


def between(
    model: Any, start: Tensor, end: Tensor, steps: int, method: Method = "slerp", given: Given = None
) -> Tensor:
    """`steps` items from each code of `start` to that of `end`: (n, steps, *x)."""
    with evaluating(model):
        points = [model.decode(code, given=given) for code in path(start, end, steps, method)]
        return model.x.clamp(torch.stack(points, dim=1))

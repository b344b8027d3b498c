"""Reconstruction: what is left of an item after its code, for every system that encodes and decodes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from daedal.capabilities import Decodes, Encodes, require
from daedal.evaluate.codes import rebuilt


def reconstruct(model: Any, x: Tensor, *, given: Mapping[str, Tensor] | None = None) -> Tensor:
    """decode(encode(x)) in the range of the space: (n, *x).

    Raises TypeError where the model cannot encode and decode, ValueError for x or `given` that do not fit.
    """
    require(model, Encodes, Decodes)
    model.x.check(x)
    return rebuilt(model, x, given)

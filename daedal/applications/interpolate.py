"""Interpolation: items between two items, decoded from codes between their codes.

The arc (`slerp`) is the default because the codes of most systems here are near a Gaussian, whose mass in many
dimensions lies on a shell that a straight line leaves.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from daedal.capabilities import Decodes, Encodes, require
from daedal.evaluate.codes import ways
from daedal.probability.interpolate import Method
from daedal.spaces import Labels


def interpolate(
    model: Any,
    a: Tensor,
    b: Tensor,
    *,
    steps: int = 8,
    method: Method = "slerp",
    given: Mapping[str, Tensor] | None = None,
) -> Tensor:
    """`steps` items from each item of a to that of b, (n, *x) both: (n, steps, *x).

    The first and the last are the reconstructions of a and b. `given` conditions the whole way and both ends.
    Raises TypeError where the model cannot encode and decode or its codes are labels, ValueError for bad steps.
    """
    require(model, Encodes, Decodes)
    if isinstance(model.latent_space, Labels):
        raise TypeError(
            f"'{model.name}' cannot interpolate: its codes are labels, and there is nothing between labels."
        )
    model.x.check(a, "a")
    model.x.check(b, "b")
    return ways(model, a, b, steps, method, given)

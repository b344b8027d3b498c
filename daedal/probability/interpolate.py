"""Paths between points: straight lines, and arcs of great circles that keep to where a Gaussian has its mass.

Papers: T. White, "Sampling Generative Networks", 2016 (1609.04468), for `slerp`.
Paper: sin((1-t)W)/sin W * a + sin(tW)/sin W * b of the raw points; here: that of their directions, with a length that
is linear in t, because the raw formula leaves the range of the two lengths (and blows up) where the angle W is obtuse
and they differ. Where the lengths are equal both are the same.

| code | meaning |
|---|---|
| a, b | ends, (n, *z); all numbers of an item together are one point |
| t | from 0 (a) to 1 (b) |
| angle | W, between the directions of a and b |

>>> a, b = torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 2.0]])
>>> lerp(a, b, 0.5).norm().item(), round(slerp(a, b, 0.5).norm().item(), 6)
(1.4142135381698608, 2.0)
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Method = Literal["slerp", "lerp"]

SMALLEST_SINE = 1e-6  # below it the ends are parallel or opposite, and no arc is defined


def lerp(a: Tensor, b: Tensor, t: float) -> Tensor:
    """The point at t of the straight line from a to b: (1 - t) a + t b, (n, *z)."""
    return (1 - t) * a + t * b


def slerp(a: Tensor, b: Tensor, t: float) -> Tensor:
    """The point at t of the arc from a to b, its length going evenly from |a| to |b|: (n, *z).

    Falls back to `lerp` where the ends are parallel, opposite or zero.
    """
    flat_a, flat_b = a.flatten(1), b.flatten(1)
    length_a, length_b = flat_a.norm(dim=1, keepdim=True), flat_b.norm(dim=1, keepdim=True)
    cosine = (flat_a * flat_b).sum(1, keepdim=True) / (length_a * length_b)
    angle = torch.arccos(cosine.clamp(-1, 1))
    sine, length = torch.sin(angle), lerp(length_a, length_b, t)
    arc = torch.sin((1 - t) * angle) / sine * (length / length_a) * flat_a
    arc = arc + torch.sin(t * angle) / sine * (length / length_b) * flat_b
    defined = sine > SMALLEST_SINE  # false for NaN too, which a zero end gives
    return torch.where(defined, arc, lerp(flat_a, flat_b, t)).view_as(a)


def path(a: Tensor, b: Tensor, steps: int, method: Method = "slerp") -> Tensor:
    """`steps` points evenly from a to b, both included: (steps, n, *z).

    Raises ValueError for fewer than 2 steps, ends of unequal shape or another method.
    """
    if steps < 2:
        raise ValueError(f"'steps' of a path must be an integer in [2, inf); got {steps}.")
    if a.shape != b.shape:
        raise ValueError(f"The ends of a path must have one shape; got {tuple(a.shape)} and {tuple(b.shape)}.")
    if method not in ("slerp", "lerp"):
        raise ValueError(f"'method' of a path must be slerp or lerp; got {method!r}.")
    between = slerp if method == "slerp" else lerp
    return torch.stack([between(a, b, i / (steps - 1)) for i in range(steps)])

"""Bits per dimension of test items, with the kind of number that it is.

    counting measure:  bits/dim = -log P(x) / (D ln 2)                               P a mass on the grid
    lebesgue, images:  bits/dim = -log p(x + u) / (D ln 2) + log2((K - 1) / 2)       u uniform over a cell 2/(K - 1)
    lebesgue, vectors: bits/dim = -log p(x) / (D ln 2)                               density in the user's units

The second is a bound: E_u log p(x + u) <= log of the mass that p gives to the cell (Theis et al. 2016,
arXiv:1511.01844). The third is a differential entropy's estimate: it depends on the unit and can be negative.

| the system has | measure | kind |
|---|---|---|
| `log_prob`, exact | counting, or lebesgue on vectors | exact |
| `log_prob`, exact | lebesgue on images | bound |
| `log_prob`, an estimate | any | estimate |
| only `elbo` | any | bound |

>>> likelihood_kind(object()) is None
True
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from daedal.capabilities import Bounds, Scores
from daedal.evaluate.measure import Kind
from daedal.spaces import Images


def likelihood_kind(system: Any) -> Kind | None:
    """What the bits per dimension of a system are; None where it has neither `log_prob` nor `elbo`."""
    if isinstance(system, Scores):
        if system.kind == "estimate":
            return "estimate"
        return "bound" if _dequantised(system) else "exact"
    return "bound" if isinstance(system, Bounds) else None


def bits_per_dim(
    system: Any,
    x: Tensor,
    given: Mapping[str, Tensor],
    noise: torch.Generator,
    generator: torch.Generator,
) -> Tensor:
    """Bits per dimension of items x (n, *x) in border form, each: float64, (n,).

    `noise`, on the CPU, dequantises; `generator`, on the system's device, is what a stochastic bound draws from.
    """
    dequantised, offset = _dequantised(system), 0.0
    if dequantised:
        x, offset = system.x.dequantise(x.float(), noise), system.x.bits_offset()
    x = x.to(system.device, system.dtype) if x.is_floating_point() else x.to(system.device)
    dim, scored = system.x.dim, isinstance(system, Scores)
    nats = system.log_prob(x, given=given) if scored else system.elbo(x, given=given, generator=generator)
    return -nats.double().cpu() / (dim * math.log(2)) + offset


def _dequantised(system: Any) -> bool:
    """Whether the system is a density over images, so that data on the grid must be spread over cells."""
    return isinstance(system.x, Images) and system.measure == "lebesgue"

"""Sinusoids of a time, and the two-layer network that turns them into the embedding that every block sees.

Vaswani et al. 2017, arXiv:1706.03762; in the order of Ho, Jain and Abbeel 2020, arXiv:2006.11239: sines, then cosines.

>>> sinusoid(torch.zeros(1), 4).tolist()
[[0.0, 0.0, 1.0, 1.0]]
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from daedal.nn.init import balanced


def sinusoid(t: Tensor, dim: int, longest: float = 10_000.0) -> Tensor:
    """(n,) to (n, dim): sin(t f_i), then cos(t f_i), f_i = longest^(-i / (dim/2 - 1)); an odd dim ends in a zero."""
    half = dim // 2
    frequencies = torch.exp(torch.arange(half, device=t.device) * (-math.log(longest) / max(1, half - 1)))
    angles = t[:, None] * frequencies.to(t.dtype)
    return F.pad(torch.cat([angles.sin(), angles.cos()], 1), (0, dim % 2))


class TimeEmbedding(nn.Module):
    """(n,) to (n, 4 width): sinusoid of `width` numbers, linear, SiLU, linear."""

    def __init__(self, width: int):
        super().__init__()
        self.width, self.dim = width, 4 * width
        self.first = balanced(nn.Linear(width, self.dim))
        self.second = balanced(nn.Linear(self.dim, self.dim))

    def forward(self, t: Tensor) -> Tensor:
        """The embedding of times t (n,), in 0 .. 1,000."""
        return self.second(F.silu(self.first(sinusoid(t, self.width))))

"""Dropout whose random choices are cheap on a CPU.

Srivastava et al. 2014, "Dropout: a simple way to prevent neural networks from overfitting", JMLR 15.

>>> kept = Dropout(0.25)(torch.ones(10000))
>>> kept.unique()
tensor([0.0000, 1.3333])
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

CHOICES = 2**16  # what 16 random bits can tell apart


class Dropout(nn.Module):
    """In training, leaves out each number with probability p and divides the others by 1 - p.

    torch spends a draw of its generator on every number, which takes longer than the layers around it. Here 64 random
    bits serve four numbers, so on a CPU p is rounded to a multiple of 2^-16, in the probability and in the divisor.
    Raises ValueError unless p is in [0, 1].
    """

    def __init__(self, p: float):
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"'p' of Dropout must be a float in [0, 1]; got {p!r}.")
        self.p = p

    def extra_repr(self) -> str:
        """What `print` shows."""
        return f"p={self.p}"

    def forward(self, x: Tensor) -> Tensor:
        """x (any shape) with numbers left out; x itself out of training."""
        if not self.training or not self.p:
            return x
        left_out = round(self.p * CHOICES)
        if x.device.type != "cpu" or left_out == CHOICES:
            return F.dropout(x, self.p)
        draws = torch.randint(-(2**63), 2**63 - 1, (-(-x.numel() // 4),), device=x.device)
        bits = draws.view(torch.int16)[: x.numel()].view(x.shape)
        keep = torch.empty_like(x).copy_(bits >= left_out - CHOICES // 2)  # in the layout of x
        return x * keep.mul_(CHOICES / (CHOICES - left_out))

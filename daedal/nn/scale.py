"""Units: vectors are standardised inside a system, and its densities corrected for it. Images are left alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from daedal.spaces import Space, Vectors

FIRST = 10_000  # items of an endless split that are looked at
TOGETHER = 2**24  # numbers that are looked at together: a split may be larger than memory


def values_of(items: Any, field: str) -> Iterator[Tensor]:
    """All values of a field in a split of `Data`, in parts (n, *shape); of an endless split those of its first items.

    Of unpaired domains from the side of that field.
    """
    items = items.sides[field] if hasattr(items, "sides") else items
    n = len(items) if hasattr(items, "__len__") else FIRST
    size = max(1, TOGETHER // max(1, items.gather(range(min(1, n)), (field,))[field].numel()))
    for start in range(0, n, size):
        yield items.gather(range(start, min(start + size, n)), (field,))[field]


class Standardise(nn.Module):
    """(x - mean) / scale, per coordinate, for `Vectors`; the identity for other spaces.

    log p(x) = log p(forward(x)) + log_det, with log_det = -sum(log scale), a scalar.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, space: Space):
        super().__init__()
        self.active = isinstance(space, Vectors)
        if self.active:
            self.register_buffer("mean", torch.zeros(space.shape))
            self.register_buffer("scale", torch.ones(space.shape))

    def fit(self, items: Any, field: str) -> None:
        """Learn mean and standard deviation from a split of `Data`, of an endless one from its first items.

        Of unpaired domains from the side of that field. A constant coordinate keeps scale 1.
        """
        if not self.active:
            return
        n, mean, squares = 0, torch.zeros(()), torch.zeros(())
        for x in values_of(items, field):
            own, m = x.double().mean(0), len(x)
            shift, share = own - mean, m / (n + m)
            squares = squares + (x - own).square().sum(0) + n * share * shift.square()  # Chan, Golub and LeVeque 1979
            n, mean = n + m, mean + share * shift
        scale = (squares / n).sqrt()
        self.mean.copy_(mean)
        self.scale.copy_(torch.where(scale > 1e-12, scale, torch.ones_like(scale)))

    def forward(self, x: Tensor) -> Tensor:
        """User units to standard units."""
        return (x - self.mean) / self.scale if self.active else x

    def inverse(self, y: Tensor) -> Tensor:
        """Standard units to user units."""
        return y * self.scale + self.mean if self.active else y

    @property
    def log_det(self) -> Tensor | float:
        """log |d forward / dx|: nats, a scalar."""
        return -self.scale.log().sum() if self.active else 0.0

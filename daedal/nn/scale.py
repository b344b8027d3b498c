"""Units: vectors are standardised inside a system, and its densities corrected for it. Images are left alone."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from daedal.spaces import Space, Vectors

FIRST = 10_000  # items of an endless split that are looked at


def first_items(items: Any, field: str) -> Tensor:
    """All values of a field in a split of `Data`, (n, *shape); of an endless split those of its first items.

    Of unpaired domains from the side of that field.
    """
    items = items.sides[field] if hasattr(items, "sides") else items
    n = len(items) if hasattr(items, "__len__") else FIRST
    return items.gather(range(n), (field,))[field]


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
        x = first_items(items, field).double()
        scale = x.std(0, correction=0)
        self.mean.copy_(x.mean(0))
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

"""Affine coupling: one part of x scales and shifts the other, so that both ways are one pass.

Dinh, Sohl-Dickstein and Bengio 2017, arXiv:1605.08803, equations 4 to 9:

    y = b x + (1 - b) (x e^(s(b x)) + t(b x)),    log |det| = sum of (1 - b) s

Paper and code differ in the order of shift and scale; this is the paper's. s = a tanh(.) with a learned a; the
last layers start at zero, so that a coupling starts as the identity.

>>> checkerboard(2, 3, 0).int().tolist()
[[[0, 1, 0], [1, 0, 1]]]
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from daedal.nn.bijections import NOTHING, Bijection, Context
from daedal.nn.dropout import Dropout
from daedal.nn.init import zero


def checkerboard(height: int, width: int, parity: int) -> Tensor:
    """Mask b over pixels: 1 where row + column + parity is odd, (1, height, width)."""
    rows, columns = torch.arange(height)[:, None], torch.arange(width)
    return ((rows + columns + parity) % 2).float()[None]


def channel_halves(channels: int, parity: int) -> Tensor:
    """Mask b over channels: 1 for the second half (parity 0) or the first (1), (channels, 1, 1)."""
    second = (torch.arange(channels) >= channels // 2).float()[:, None, None]
    return 1 - second if parity else second


def alternating(dim: int, turn: int) -> Tensor:
    """Mask b over coordinates for the coupling number `turn`: odd ones, even ones, second half, first half, (dim,)."""
    i = torch.arange(dim)
    mask = (i % 2 if turn % 4 < 2 else i >= dim // 2).float()
    return 1 - mask if turn % 2 else mask


class Conditioner(nn.Module, ABC):
    """What a coupling computes from the part that it keeps."""

    @abstractmethod
    def forward(self, kept: Tensor, context: Context) -> tuple[Tensor, Tensor]:
        """Raw log-scale and shift, each of the shape of `kept`."""


class AffineCoupling(Bijection):
    """The part of x where `mask` is 0 is scaled and shifted by what `conditioner` reads from the part where it is 1."""

    mask: Tensor

    def __init__(self, mask: Tensor, conditioner: Conditioner):
        super().__init__()
        self.register_buffer("mask", mask, persistent=False)
        self.conditioner = conditioner
        self.bound = nn.Parameter(torch.ones(mask.shape[0], *[1] * (mask.ndim - 1)))  # a of s = a tanh(.)

    def forward(self, x: Tensor, context: Context = NOTHING) -> tuple[Tensor, Tensor]:
        """y and the sum of the log-scales."""
        log_scale, shift = self._affine(x, context)
        y = x * self.mask + (1 - self.mask) * (x * log_scale.exp() + shift)
        return y, log_scale.flatten(1).sum(1)

    def inverse(self, y: Tensor, context: Context = NOTHING) -> Tensor:
        """(y - t) e^(-s) where it was changed: the part that was kept is the same, so s and t are."""
        log_scale, shift = self._affine(y, context)
        return y * self.mask + (1 - self.mask) * ((y - shift) * (-log_scale).exp())

    def _affine(self, x: Tensor, context: Context) -> tuple[Tensor, Tensor]:
        raw, shift = self.conditioner(x * self.mask, context)
        return (1 - self.mask) * self.bound * raw.tanh(), shift


class ConvConditioner(Conditioner):
    """A residual convolutional network over maps (n, channels, height, width) that knows where each pixel is."""

    def __init__(
        self,
        channels: int,
        size: tuple[int, int],
        *,
        width: int,
        blocks: int,
        dropout: float = 0.0,
        vector: int = 0,
        planes: int = 0,
    ):
        super().__init__()
        self.size = size
        self.first = nn.Conv2d(channels + planes, width, 3, padding=1)
        self.position = nn.Parameter(torch.zeros(width, *size))
        self.blocks = nn.ModuleList(_Block(width, dropout, vector) for _ in range(blocks))
        self.last = zero(nn.Conv2d(width, 2 * channels, 3, padding=1))

    def forward(self, kept: Tensor, context: Context) -> tuple[Tensor, Tensor]:
        """Planes are pooled to the size of the map."""
        if context.planes is not None:
            kept = torch.cat([kept, F.adaptive_avg_pool2d(context.planes, self.size)], 1)
        h = self.first(kept) + self.position
        for block in self.blocks:
            h = block(h, context.vector)
        raw, shift = self.last(F.silu(h)).chunk(2, 1)
        return raw, shift


class _Block(nn.Module):
    def __init__(self, width: int, dropout: float, vector: int):
        super().__init__()
        self.first, self.second = nn.Conv2d(width, width, 3, padding=1), nn.Conv2d(width, width, 3, padding=1)
        self.dropout = Dropout(dropout)
        self.given = nn.Linear(vector, width) if vector else None

    def forward(self, h: Tensor, vector: Tensor | None) -> Tensor:
        inner = self.first(F.silu(h))
        if self.given is not None and vector is not None:
            inner = inner + self.given(vector)[:, :, None, None]
        return h + self.second(self.dropout(F.silu(inner)))


class VectorConditioner(Conditioner):
    """A perceptron over vectors (n, dim), with ReLU: sharp edges need kinks, and SiLU takes several times the steps."""

    def __init__(self, dim: int, hidden: Sequence[int], *, dropout: float = 0.0, vector: int = 0):
        super().__init__()
        sizes = [dim + vector, *hidden]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))
        self.dropout, self.last = Dropout(dropout), zero(nn.Linear(sizes[-1], 2 * dim))

    def forward(self, kept: Tensor, context: Context) -> tuple[Tensor, Tensor]:
        """The vector that is given stands beside the part that is kept."""
        h = kept if context.vector is None else torch.cat([kept, context.vector.expand(len(kept), -1)], 1)
        for layer in self.layers:
            h = self.dropout(F.relu(layer(h)))
        raw, shift = self.last(h).chunk(2, 1)
        return raw, shift

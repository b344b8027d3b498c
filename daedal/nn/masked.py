"""Convolutions that see only what comes before: masks A and B of PixelCNN, with an order of colours.

van den Oord, Kalchbrenner and Kavukcuoglu 2016, arXiv:1601.06759, section 3.4. Pixels come in raster order,
the colours of one pixel in the order of their channels. Mask A hides a pixel's own colour and all later ones,
mask B only the later ones.

A network of such layers is written once, over *how a layer is applied*: `whole` applies it to a map
(n, c, h, w); `daedal.samplers.autoregressive.Columns` applies it to one pixel, (n, c), from what it remembers.

>>> MaskedConv2d(1, 1, 3, mask="A").mask[0, 0].int().tolist()
[[1, 1, 1], [1, 0, 0], [0, 0, 0]]
>>> causal_mask(3, 3, 1, "B", colours=3)[:, :, 0, 0].int().tolist()  # red; red, green; red, green, blue
[[1, 0, 0], [1, 1, 0], [1, 1, 1]]
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Mask = Literal["A", "B"]


def causal_mask(outputs: int, inputs: int, size: int, mask: Mask, colours: int = 1) -> Tensor:
    """Ones where a weight may be used, zeros elsewhere: (outputs, inputs, size, size).

    Channels are split into `colours` runs of (nearly) equal length; at the centre, a channel of colour o reads
    colours i < o (mask A) or i <= o (mask B).
    """
    seen = torch.zeros(outputs, inputs, size, size)
    middle = size // 2
    seen[:, :, :middle] = 1
    seen[:, :, middle, :middle] = 1
    own, read = colour_of(outputs, colours), colour_of(inputs, colours)
    seen[:, :, middle, middle] = (read < own[:, None] if mask == "A" else read <= own[:, None]).float()
    return seen


def colour_of(channels: int, colours: int) -> Tensor:
    """The colour that each of the channels belongs to, int64 (channels,): runs of (nearly) equal length."""
    return torch.arange(channels) * colours // channels


class MaskedConv2d(nn.Conv2d):
    """A convolution of odd size whose weights are masked in every pass, so that no optimizer can unmask them."""

    mask: Tensor

    def __init__(self, inputs: int, outputs: int, size: int, *, mask: Mask, colours: int = 1):
        super().__init__(inputs, outputs, size, padding=size // 2)
        seen = causal_mask(outputs, inputs, size, mask, colours)
        self.dense = bool(seen.all())  # a 1x1 layer of one colour hides nothing
        self.register_buffer("mask", seen, persistent=False)
        with torch.no_grad():  # as wide a start as an unmasked layer with as many inputs would get
            self.weight.mul_((seen.numel() / seen.sum().clamp(min=1)).sqrt())

    def masked_weight(self) -> Tensor:
        """The weight as it is used: (outputs, inputs, size, size)."""
        return self.weight if self.dense else self.weight * self.mask

    def forward(self, input: Tensor) -> Tensor:
        """(n, inputs, h, w) -> (n, outputs, h, w)."""
        return F.conv2d(input, self.masked_weight(), self.bias, padding=self.padding)


Apply = Callable[[MaskedConv2d, Tensor], Tensor]


def whole(layer: MaskedConv2d, x: Tensor) -> Tensor:
    """Apply a layer to a whole map."""
    return layer(x)


def spread(vector: Tensor, x: Tensor) -> Tensor:
    """A vector (n, c) shaped to be added to x: a map (n, c, h, w) or one pixel (n, c)."""
    return vector[:, :, None, None] if x.ndim == 4 else vector

"""Strided convolutions between an image of any size and a small map of features, as in DCGAN and conv VAEs.

Radford, Metz and Chintala 2016, arXiv:1511.06434, for the shape: 4x4 kernels of stride 2 and no pooling.
Sizes need not be powers of two: halving rounds down, and doubling adds the lost row or column back.

>>> halvings((28, 28), 3)
[(28, 28), (14, 14), (7, 7), (3, 3)]
>>> encoder, decoder = ConvEncoder(1, (28, 28), (16, 32)), ConvDecoder((32, 16), 1, (28, 28))
>>> features = encoder(torch.zeros(2, 1, 28, 28))
>>> features.shape, decoder(features).shape
(torch.Size([2, 32, 7, 7]), torch.Size([2, 1, 28, 28]))
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from daedal.nn.mlp import Activation, activate

Norm = Literal["none", "batch", "group", "layer"]
Size = tuple[int, int]


def halvings(size: Size, count: int) -> list[Size]:
    """`size` and its first `count` halvings, each rounded down; ValueError where nothing would be left."""
    if min(size) >> count < 1:
        raise ValueError(f"images of {size[0]}x{size[1]} cannot be halved {count} times.")
    return [(size[0] >> i, size[1] >> i) for i in range(count + 1)]


def count_halvings(size: Size, least: int = 4) -> int:
    """How often `size` can be halved while its shorter side keeps at least `least` pixels."""
    return max(0, (min(size) // least).bit_length() - 1)


def normalise(norm: Norm, channels: int) -> nn.Module:
    """The normalisation of that name over (n, channels, h, w); `layer` is one group of all channels."""
    if norm == "batch":
        return nn.BatchNorm2d(channels)
    if norm == "none":
        return nn.Identity()
    groups = 1 if norm == "layer" else next((g for g in (32, 16, 8, 4, 2) if channels % g == 0 and channels > g), 1)
    return nn.GroupNorm(groups, channels)


def halve(inputs: int, outputs: int, norm: Norm = "none", activation: Activation = "silu") -> nn.Sequential:
    """(n, inputs, h, w) -> (n, outputs, h // 2, w // 2)."""
    conv = nn.Conv2d(inputs, outputs, 4, stride=2, padding=1, bias=norm == "none")
    return nn.Sequential(conv, normalise(norm, outputs), activate(activation))


def keep(inputs: int, outputs: int, norm: Norm = "none", activation: Activation = "silu") -> nn.Sequential:
    """(n, inputs, h, w) -> (n, outputs, h, w)."""
    conv = nn.Conv2d(inputs, outputs, 3, padding=1, bias=norm == "none")
    return nn.Sequential(conv, normalise(norm, outputs), activate(activation))


class Double(nn.Module):
    """(n, inputs, h // 2, w // 2) -> (n, outputs, h, w) for the `size` (h, w), odd or even."""

    def __init__(self, inputs: int, outputs: int, size: Size, norm: Norm = "none"):
        super().__init__()
        odd = (size[0] % 2, size[1] % 2)
        self.conv = nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1, output_padding=odd, bias=norm == "none")
        self.norm = normalise(norm, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Twice the height and width."""
        return self.norm(self.conv(x))


class ConvEncoder(nn.Module):
    """Images (n, channels, *size) to features (n, widths[-1], *out_size), one halving for each width.

    The first layer is not normalised (DCGAN): the data's scale is information.
    `flat`, for images too small to be halved, has a 3x3 convolution in place of each halving.
    """

    def __init__(
        self,
        channels: int,
        size: Size,
        widths: Sequence[int],
        *,
        norm: Norm = "none",
        activation: Activation = "silu",
        flat: bool = False,
    ):
        super().__init__()
        self.out_size = size if flat else halvings(size, len(widths))[-1]
        self.out_channels = widths[-1] if widths else channels
        self.out_dim = self.out_channels * self.out_size[0] * self.out_size[1]
        pairs = itertools.pairwise((channels, *widths))
        stage = keep if flat else halve
        self.stages = nn.ModuleList(
            stage(a, b, "none" if i == 0 else norm, activation) for i, (a, b) in enumerate(pairs)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Features, (n, out_channels, *out_size)."""
        for stage in self.stages:
            x = stage(x)
        return x


class ConvDecoder(nn.Module):
    """Features (n, widths[0], *in_size) to (n, channels, *size), one doubling for each width; the last is linear.

    The features come as a linear map left them: each stage, the first too, normalises and activates its input.
    `flat`, for images too small to be halved, has one width and a 3x3 convolution in place of its doubling.

    `planes` > 0 takes that many channels at full size beside the features: pooled to each stage's input, and
    through a 3x3 convolution into the output, so that what is conditioned on an image can copy its detail.
    """

    def __init__(
        self,
        widths: Sequence[int],
        channels: int,
        size: Size,
        *,
        planes: int = 0,
        norm: Norm = "none",
        activation: Activation = "silu",
        flat: bool = False,
    ):
        super().__init__()
        sizes = [size, size] if flat else halvings(size, len(widths))[::-1]
        self.in_size, self.in_channels = sizes[0], widths[0]
        self.in_dim = self.in_channels * self.in_size[0] * self.in_size[1]
        outputs = (*widths[1:], channels)
        self.stages = nn.ModuleList(
            nn.Conv2d(a + planes, b, 3, padding=1)
            if flat
            else Double(a + planes, b, to, "none" if to == size else norm)
            for a, b, to in zip(widths, outputs, sizes[1:], strict=True)
        )
        self.norm = normalise(norm, self.in_channels)
        self.activation = activate(activation)
        self.copy = nn.Conv2d(planes, channels, 3, padding=1) if planes else None

    def forward(self, features: Tensor, planes: Tensor | None = None) -> Tensor:
        """Images (n, channels, *size), unbounded; `planes` (n, planes, *size) where it was built with some."""
        x = self.norm(features)
        for stage in self.stages:
            x = self.activation(x)
            if self.copy is not None and planes is not None:
                x = torch.cat([x, F.adaptive_avg_pool2d(planes, x.shape[-2:])], 1)
            x = stage(x)
        return x if self.copy is None or planes is None else x + self.copy(planes)

"""The U-Net of diffusion models: residual blocks on the way down and up, a skip from every one of them.

Ho, Jain and Abbeel 2020, arXiv:2006.11239 (after Ronneberger et al. 2015, arXiv:1505.04597); official code
hojonathanho/diffusion. Deviations: convolutions of stride 2 pad both sides alike (TensorFlow pads the end);
on the way up a map takes the size of the skip that it meets, so that any height and width will do.

Down: conv 3x3; each level `blocks` blocks, then a convolution of stride 2. Middle: block, attention, block.
Up: each level `blocks + 1` blocks, each fed a skip, then nearest-neighbour resizing and a convolution.

>>> net = UNet(1, 1, (9, 9), width=8, multipliers=(1, 2), blocks=1)
>>> x, time = torch.randn(2, 1, 9, 9), torch.tensor([0.0, 999.0])
>>> net(x, time).abs().max().item()  # the last convolution starts at zero
0.0
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from daedal.nn.attention import PixelAttention
from daedal.nn.dropout import Dropout
from daedal.nn.embed import TimeEmbedding
from daedal.nn.init import balanced, zero
from daedal.nn.norm import group_norm


def conv(inputs: int, outputs: int, size: int = 3, stride: int = 1) -> nn.Conv2d:
    """A convolution that keeps height and width, or halves them (rounded up)."""
    return balanced(nn.Conv2d(inputs, outputs, size, stride=stride, padding=size // 2))


class ResidualBlock(nn.Module):
    """(n, inputs, h, w) to (n, outputs, h, w): norm, SiLU, conv, + embedding, norm, SiLU, dropout, conv; + shortcut."""

    def __init__(self, inputs: int, outputs: int, embedding: int, dropout: float = 0.0):
        super().__init__()
        self.norm1, self.conv1 = group_norm(inputs), conv(inputs, outputs)
        self.embed = balanced(nn.Linear(embedding, outputs))
        self.norm2, self.dropout = group_norm(outputs), Dropout(dropout)
        self.conv2 = zero(conv(outputs, outputs))
        self.shortcut = nn.Identity() if inputs == outputs else conv(inputs, outputs, 1)

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """`embedding` is (n, embedding), already through its SiLU."""
        h = self.conv1(F.silu(self.norm1(x))) + self.embed(embedding)[:, :, None, None]
        h = self.conv2(self.dropout(F.silu(self.norm2(h))))
        return self.shortcut(x) + h


class Stage(nn.Module):
    """A residual block, and attention after it where the map has the right size."""

    def __init__(self, inputs: int, outputs: int, *, embedding: int, dropout: float, attend: bool, heads: int):
        super().__init__()
        self.block = ResidualBlock(inputs, outputs, embedding, dropout)
        self.attention = PixelAttention(outputs, heads) if attend else nn.Identity()

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """The map, same height and width."""
        return self.attention(self.block(x, embedding))


class UNet(nn.Module):
    """Maps (n, inputs, h, w) at times (n,), conditioned on a vector (n, 4 width), to (n, outputs, h, w).

    `multipliers` gives each level's channels as multiples of `width`; levels halve the map, rounded up.
    `attention` lists the map sizes (their shorter side) at which blocks are followed by self-attention.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        size: tuple[int, int],
        *,
        width: int,
        multipliers: Sequence[int],
        blocks: int,
        attention: Sequence[int] = (),
        heads: int = 1,
        dropout: float = 0.0,
    ):
        super().__init__()
        self.time = TimeEmbedding(width)
        self.embedding_dim = self.time.dim
        widths = [width * multiplier for multiplier in multipliers]
        sides = [-(-min(size) // 2**level) for level in range(len(widths))]
        attends = [side in attention for side in sides]
        make = partial(Stage, embedding=self.time.dim, dropout=dropout, heads=heads)
        self.first = conv(inputs, width)
        self.down, skips = self._way_down(width, widths, blocks, attends, make)
        self.middle1 = make(widths[-1], widths[-1], attend=True)
        self.middle2 = make(widths[-1], widths[-1], attend=False)
        self.up = self._way_up(skips, widths, blocks, attends, make)
        self.norm, self.last = group_norm(widths[0]), zero(conv(widths[0], outputs))

    @staticmethod
    def _way_down(
        width: int, widths: Sequence[int], blocks: int, attends: Sequence[bool], make: Callable[..., Stage]
    ) -> tuple[nn.ModuleList, list[int]]:
        """The layers, and the channels of the skips that they and the first convolution leave."""
        layers, skips = nn.ModuleList(), [width]
        for level, (channels, attend) in enumerate(zip(widths, attends, strict=True)):
            for _ in range(blocks):
                layers.append(make(skips[-1], channels, attend=attend))
                skips.append(channels)
            if level < len(widths) - 1:
                layers.append(conv(channels, channels, stride=2))
                skips.append(channels)
        return layers, skips

    @staticmethod
    def _way_up(
        skips: list[int], widths: Sequence[int], blocks: int, attends: Sequence[bool], make: Callable[..., Stage]
    ) -> nn.ModuleList:
        """The layers, which take the skips from the last to the first."""
        layers, before = nn.ModuleList(), widths[-1]
        for level in reversed(range(len(widths))):
            for _ in range(blocks + 1):
                layers.append(make(before + skips.pop(), widths[level], attend=attends[level]))
                before = widths[level]
            if level:
                layers.append(conv(before, before))
        return layers

    def forward(self, x: Tensor, time: Tensor, vector: Tensor | None = None) -> Tensor:
        """`time` is in 0 .. 1,000; `vector` is added to its embedding."""
        embedding = self.time(time)
        embedding = F.silu(embedding if vector is None else embedding + vector)
        x = self.first(x)
        skips = [x]
        for layer in self.down:
            x = layer(x, embedding) if isinstance(layer, Stage) else layer(x)
            skips.append(x)
        x = self.middle2(self.middle1(x, embedding), embedding)
        for layer in self.up:
            if isinstance(layer, Stage):
                x = layer(torch.cat([x, skips.pop()], 1), embedding)
            else:
                x = layer(F.interpolate(x, skips[-1].shape[-2:], mode="nearest"))
        return self.last(F.silu(self.norm(x)))

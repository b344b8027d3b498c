"""The net of an oracle: one trunk, a head for the factors and a small U-Net upwards for the classes of the pixels.

Residual convolutions (He et al. 2015, arXiv:1512.03385) on maps of 32, 16, 8 and 4 pixels a side, batch-normalised
(Ioffe and Szegedy 2015, arXiv:1502.03167). A picture of 64 pixels enters with each 2x2 pixels as one of 12 channels,
and its classes leave in the same way (Shi et al. 2016, arXiv:1609.05158), so that no convolution runs at the full size.
The factors are read from the last map without pooling, since where things are is most of what there is to know.

>>> net = OracleNet(size=64, numbers=5, choices=(3, 2), classes=4)
>>> numbers, choices, classes = net(torch.zeros(7, 3, 64, 64))
>>> [tuple(part.shape) for part in (numbers, *choices, classes)]
[(7, 5), (7, 3), (7, 2), (7, 4, 64, 64)]
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SIZES = (16, 32, 64)
WIDTHS = {32: 24, 16: 48, 8: 80, 4: 72}  # channels of maps so many pixels high
MOST = 80  # channels, from which on the way up has no 3x3 convolution: all weights are to fit into a megabyte
HIDDEN = 128  # features of a picture


class OracleNet(nn.Module):
    """Pictures (n, 3, size, size) to standardised numbers (n, d), logits of each choice, and of each pixel's class."""

    def __init__(self, size: int, numbers: int, choices: Sequence[int], classes: int):
        super().__init__()
        self.split = [numbers, *choices]
        self.fold = 2 if size > 32 else 1
        sides = [side for side in WIDTHS if side <= size]
        widths = [WIDTHS[side] for side in sides]
        self.stem = nn.Sequential(_conv(3 * self.fold**2, widths[0]), _Residual(widths[0]))
        self.down = nn.ModuleList(nn.Sequential(_conv(a, b, stride=2), _Residual(b)) for a, b in pairwise(widths))
        self.up = nn.ModuleList(_Merge(a, b) for a, b in pairwise(widths))
        self.classes = nn.Conv2d(widths[0], classes * self.fold**2, 1)
        self.narrow = _conv(widths[-1], 32, 1)
        self.hidden = nn.Sequential(nn.Linear(32 * 16, HIDDEN), nn.BatchNorm1d(HIDDEN), nn.ReLU())
        self.factors = nn.Linear(HIDDEN, sum(self.split))
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, x: Tensor) -> tuple[Tensor, tuple[Tensor, ...], Tensor]:
        """Everything at once."""
        maps = self._maps(x)
        numbers, *choices = self._factors(maps[-1])
        return numbers, tuple(choices), self._classes(maps)

    def read(self, x: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        """The factors alone."""
        numbers, *choices = self._factors(self._maps(x)[-1])
        return numbers, tuple(choices)

    def segment(self, x: Tensor) -> Tensor:
        """The classes alone."""
        return self._classes(self._maps(x))

    def _maps(self, x: Tensor) -> list[Tensor]:
        x = F.pixel_unshuffle(x, self.fold).contiguous(memory_format=torch.channels_last)
        maps = [self.stem(x)]
        for stage in self.down:
            maps.append(stage(maps[-1]))
        return maps

    def _factors(self, last: Tensor) -> tuple[Tensor, ...]:
        return self.factors(self.hidden(self.narrow(last).flatten(1))).split(self.split, 1)

    def _classes(self, maps: list[Tensor]) -> Tensor:
        x = maps[-1]
        for merge, finer in zip(reversed(self.up), reversed(maps[:-1]), strict=True):
            x = merge(finer, x)
        return F.pixel_shuffle(self.classes(x), self.fold)


class _Residual(nn.Module):
    """Two convolutions added to what they see."""

    def __init__(self, channels: int):
        super().__init__()
        conv = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.block = nn.Sequential(_conv(channels, channels), conv, nn.BatchNorm2d(channels))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.block(x))


class _Merge(nn.Module):
    """A coarser map, doubled, added to a finer one, and convolved."""

    def __init__(self, fine: int, coarse: int):
        super().__init__()
        self.narrow = nn.Conv2d(coarse, fine, 1)
        self.conv = _conv(fine, fine, 3 if fine < MOST else 1)

    def forward(self, fine: Tensor, coarse: Tensor) -> Tensor:
        return self.conv(fine + F.interpolate(self.narrow(coarse), scale_factor=2.0))


def _conv(channels: int, out: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(channels, out, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(out), nn.ReLU())

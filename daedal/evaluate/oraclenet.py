"""The net of an oracle: one trunk, a small U-Net upwards for classes and landmarks, and a head for the factors.

Residual convolutions (He et al. 2015, arXiv:1512.03385) on maps of 32, 16, 8 and 4 pixels a side, batch-normalised
(Ioffe and Szegedy 2015, arXiv:1502.03167). A picture of 64 pixels enters with each 2x2 pixels as one of 12 channels,
and its classes leave in the same way (Shi et al. 2016, arXiv:1609.05158), so that no convolution runs at the full size;
they see the pixels once more, since some lines, as of glasses, are one pixel wide. Where thin things are most of what
is asked for, two convolutions at the full size read them instead, and the finer maps are wider: a look takes two and
a half times as long.
A landmark is the mean place of a heat map (Sun et al. 2018, arXiv:1711.08229). The factors are read from the last map
without pooling, since where things are is most of what there is to know; from the landmarks; and, where a world says
what to look at closely, from a crop of the picture that the landmarks place and turn: a smile is a few pixels, which
the trunk's coarse maps lose. What is said in the end is the mean over views (Krizhevsky et al. 2012): of the picture as
it is, and moved by a pixel to all sides.

>>> net = OracleNet(size=64, numbers=5, choices=(3, 2), classes=4, landmarks=2)
>>> said = net(torch.zeros(7, 3, 64, 64))
>>> [tuple(part.shape) for part in (said.numbers, *said.choices, said.classes, said.points)]
[(7, 5), (7, 3), (7, 2), (7, 4, 64, 64), (7, 2, 2)]
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SIZES = (16, 32, 64)
WIDTHS = {32: 24, 16: 48, 8: 56, 4: 36}  # channels of maps so many pixels high: all weights fit into a megabyte
THIN_WIDTHS = {32: 40, 16: 64, 8: 64, 4: 36}  # the same where thin things are most of what is asked for
NARROW = 24  # channels of the map that the factors are read from
HIDDEN = 128  # features of a picture
LOOKED = 64  # features of a crop
CLOSE = 2 / 5  # of the picture's side that a crop shows
CLOSE_WIDTHS = (24, 32, 48)
# Pixels to the right and down that views are moved by.
VIEWS = tuple((across, down) for across in (-1, 0, 1) for down in (-1, 0, 1))
SHARP = 40  # channels that classes are read from
UNFOLDED, THIN = 16, 24  # channels at the full size: features, and what classes of thin things are read from


@dataclass(frozen=True)
class Said:
    """What a net says of n pictures."""

    numbers: Tensor  # (n, d) standardised
    choices: tuple[Tensor, ...]  # logits (n, k) of each
    classes: Tensor  # logits (n, k, size, size)
    points: Tensor  # (n, landmarks, 2): column and row, in pixels


@dataclass(frozen=True)
class Crop:
    """What to look at closely: around the mean of some landmarks, turned so that two others are level, if there are."""

    around: tuple[int, ...]  # landmarks, by place
    level: tuple[int, int] | None = None


class OracleNet(nn.Module):
    """Reads pictures (n, channels, size, size) in [-1, 1]."""

    def __init__(
        self,
        size: int,
        numbers: int,
        choices: Sequence[int],
        classes: int = 0,
        landmarks: int = 0,
        crop: Crop | None = None,
        channels: int = 3,
        thin: bool = False,
    ):
        super().__init__()
        self.size, self.split, self.crop = size, [numbers, *choices], crop
        self.fold = 2 if size > 32 else 1
        seen = channels * self.fold**2
        sides = [side for side in WIDTHS if side <= size]
        widths = [(THIN_WIDTHS if thin else WIDTHS)[side] for side in sides]
        self.stem = nn.Sequential(_conv(seen, widths[0]), _Residual(widths[0]))
        self.down = nn.ModuleList(nn.Sequential(_conv(a, b, stride=2), _Residual(b)) for a, b in pairwise(widths))
        self.up = nn.ModuleList(_Merge(a, b) for a, b in pairwise(widths) if classes or landmarks)
        reader = _Fine if thin else _Sharp
        self.classes = reader(channels, widths[0], classes, self.fold) if classes else None
        self.heat = nn.Conv2d(widths[0], landmarks, 1) if landmarks else None
        self.close = None if crop is None else _Close(channels, max(16, size // 2))
        self.narrow = _conv(widths[-1], NARROW, 1)
        features = NARROW * 16 + 2 * landmarks + (LOOKED if crop else 0)
        self.hidden = nn.Sequential(nn.Linear(features, HIDDEN), nn.BatchNorm1d(HIDDEN), nn.ReLU())
        self.factors = nn.Linear(HIDDEN, sum(self.split))
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, x: Tensor) -> Said:
        """Everything at once."""
        maps = self._maps(x)
        fine = self._up(maps)
        places = self._places(fine)
        numbers, *choices = self._factors(x, maps[-1], places)
        return Said(numbers, tuple(choices), self._classes(x, fine), (places + 1) * self.size / 2 - 0.5)

    def weights(self) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
        """Matrices of the layers inside; and the others: last layers, biases, scales."""
        ends = [[*part.modules()][-1] for part in (self.classes, self.heat, self.factors) if part is not None]
        last = {id(weight) for end in ends for weight in end.parameters()}
        inside = [weight for weight in self.parameters() if weight.dim() > 1 and id(weight) not in last]
        taken = {id(weight) for weight in inside}
        return inside, [weight for weight in self.parameters() if id(weight) not in taken]

    def _maps(self, x: Tensor) -> list[Tensor]:
        maps = [self.stem(_folded(x, self.fold))]
        for stage in self.down:
            maps.append(stage(maps[-1]))
        return maps

    def _up(self, maps: list[Tensor]) -> Tensor:
        x = maps[-1]
        for merge, finer in zip(reversed(self.up), reversed(maps[:-1]), strict=False):  # no merges: no use
            x = merge(finer, x)
        return x

    def _classes(self, x: Tensor, fine: Tensor) -> Tensor:
        if self.classes is None:
            return x.new_zeros(len(x), 0, self.size, self.size)
        return self.classes(x, fine)

    def _places(self, fine: Tensor) -> Tensor:
        """Landmarks (n, k, 2): x and y from -1 to 1 over the picture."""
        if self.heat is None:
            return fine.new_zeros(len(fine), 0, 2)
        heat = self.heat(fine).flatten(2).float().softmax(2).unflatten(2, fine.shape[2:])
        along = (2 * torch.arange(fine.shape[-1], device=fine.device) + 1) / fine.shape[-1] - 1
        return torch.stack([(heat.sum(axis) * along).sum(2) for axis in (2, 3)], 2)

    def _factors(self, x: Tensor, last: Tensor, places: Tensor) -> tuple[Tensor, ...]:
        parts = [self.narrow(last).flatten(1), places.flatten(1)]
        if self.crop is not None and self.close is not None:
            parts.append(self.close(cropped(x, places.detach(), self.crop, self.close.side)))
        return self.factors(self.hidden(torch.cat(parts, 1))).split(self.split, 1)


def cropped(x: Tensor, places: Tensor, crop: Crop, side: int) -> Tensor:
    """The crop (n, c, side, side) of pictures whose landmarks lie at `places` (n, k, 2), from -1 to 1."""
    centre = places[:, list(crop.around)].mean(1)
    level = places.new_tensor([1.0, 0.0]).expand(len(x), 2)
    if crop.level is not None:
        level = places[:, crop.level[1]] - places[:, crop.level[0]]
    across = level / level.norm(dim=1, keepdim=True).clamp(min=1e-6) * CLOSE
    turn = torch.stack([across, torch.stack([-across[:, 1], across[:, 0]], 1)], 2)
    grid = F.affine_grid(torch.cat([turn, centre[:, :, None]], 2), [len(x), x.shape[1], side, side], False)
    return F.grid_sample(x, grid, padding_mode="border", align_corners=False)


def views(size: int) -> tuple[tuple[int, int], ...]:
    """What views of pictures of a size are moved by, to the right and down: of 16 pixels one would be a long way."""
    return VIEWS if size > min(SIZES) else ((0, 0),)


def viewed(net: OracleNet, x: Tensor) -> Said:
    """What a net says of pictures, on average over VIEWS of them; its logits are log-probabilities."""
    by = views(net.size)
    said = [net(_moved(x, across, down)) for across, down in by]
    back = [_moved(one.classes, -across, -down) for one, (across, down) in zip(said, by, strict=True)]
    return Said(
        torch.stack([one.numbers for one in said]).mean(0),
        tuple(map(_pooled, zip(*(one.choices for one in said), strict=True))),
        _pooled(back),
        torch.stack([one.points for one in said]).mean(0),  # the views are moved by nothing on average
    )


def _pooled(logits: Sequence[Tensor]) -> Tensor:
    """Logarithm of the mean of probabilities over dimension 1."""
    log_probs = torch.stack([one.log_softmax(1) for one in logits])
    return log_probs.logsumexp(0) - math.log(len(logits))


def _moved(x: Tensor, across: int, down: int) -> Tensor:
    """Maps (n, c, h, w) moved by so many pixels to the right and down, at most one each; the border is repeated."""
    if not (across or down):
        return x
    (height, width), padded = x.shape[2:], F.pad(x, (1, 1, 1, 1), mode="replicate")
    return padded[:, :, 1 - down : 1 - down + height, 1 - across : 1 - across + width]


class _Close(nn.Module):
    """Features (n, LOOKED) of crops."""

    def __init__(self, channels: int, side: int):
        super().__init__()
        self.side = side
        fine, middle, coarse = CLOSE_WIDTHS
        self.maps = nn.Sequential(
            _conv(channels, fine), _conv(fine, middle, stride=2), _Residual(middle),
            _conv(middle, coarse, stride=2), _Residual(coarse), _conv(coarse, 16, 1),
        )  # fmt: skip
        self.features = nn.Sequential(
            nn.Linear(16 * (side // 4) ** 2, LOOKED, bias=False), nn.BatchNorm1d(LOOKED), nn.ReLU()
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.features(self.maps(x.contiguous(memory_format=torch.channels_last)).flatten(1))


class _Sharp(nn.Sequential):
    """Logits of classes, from pixels that are folded to as few as there are features, and features."""

    def __init__(self, channels: int, features: int, classes: int, fold: int):
        super().__init__(_conv(channels * fold**2 + features, SHARP), nn.Conv2d(SHARP, classes * fold**2, 1))
        self.fold = fold

    def forward(self, x: Tensor, fine: Tensor) -> Tensor:
        return F.pixel_shuffle(super().forward(torch.cat([_folded(x, self.fold), fine], 1)), self.fold)


class _Fine(nn.Module):
    """Logits of classes, from pixels and features that are unfolded to as many."""

    def __init__(self, channels: int, features: int, classes: int, fold: int):
        super().__init__()
        self.fold = fold
        self.unfold = nn.Conv2d(features, UNFOLDED * fold**2, 1)
        self.maps = nn.Sequential(_conv(channels + UNFOLDED, THIN), _conv(THIN, THIN), nn.Conv2d(THIN, classes, 1))

    def forward(self, x: Tensor, fine: Tensor) -> Tensor:
        full = F.pixel_shuffle(self.unfold(fine), self.fold)
        return self.maps(torch.cat([x, full], 1).contiguous(memory_format=torch.channels_last))


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
        self.conv = _conv(fine, fine)

    def forward(self, fine: Tensor, coarse: Tensor) -> Tensor:
        return self.conv(fine + F.interpolate(self.narrow(coarse), scale_factor=2.0))


def _folded(x: Tensor, fold: int) -> Tensor:
    return F.pixel_unshuffle(x, fold).contiguous(memory_format=torch.channels_last)


def _conv(channels: int, out: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(channels, out, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(out), nn.ReLU())

"""Invertible layers with known volume change: each gives (y, log |det dy/dx|) forwards, and x backwards.

Dinh, Sohl-Dickstein and Bengio 2017, arXiv:1605.08803 (RealNVP): squeezing, batch normalisation, the logit.
`context` is what a layer is conditioned on; those here ignore it (`daedal.nn.coupling` has one that does not).

>>> layer = Squeeze()
>>> y, log_det = layer(torch.arange(16.0).reshape(1, 1, 4, 4))
>>> y.shape, log_det.item(), layer.inverse(y).flatten()[:3].tolist()
(torch.Size([1, 4, 2, 2]), 0.0, [0.0, 1.0, 2.0])
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class Context:
    """What a flow is conditioned on: a vector (n, d), and planes (n, c, h, w); each None where there is none."""

    vector: Tensor | None = None
    planes: Tensor | None = None


NOTHING = Context()


class Bijection(nn.Module, ABC):
    """An invertible layer."""

    @abstractmethod
    def forward(self, x: Tensor, context: Context = NOTHING) -> tuple[Tensor, Tensor]:
        """y, and log |det dy/dx| in nats, (n,)."""

    @abstractmethod
    def inverse(self, y: Tensor, context: Context = NOTHING) -> Tensor:
        """The x of y."""


class Squeeze(Bijection):
    """(n, c, h, w) to (n, 4c, h/2, w/2): each 2x2 block of pixels becomes channels. Height and width must be even."""

    def forward(self, x: Tensor, context: Context = NOTHING) -> tuple[Tensor, Tensor]:
        """A permutation: log-det 0."""
        return F.pixel_unshuffle(x, 2), x.new_zeros(len(x))

    def inverse(self, y: Tensor, context: Context = NOTHING) -> Tensor:
        """(n, 4c, h, w) to (n, c, 2h, 2w)."""
        return F.pixel_shuffle(y, 2)


class Logit(Bijection):
    """From levels spread over their cells to the line: y = logit(alpha + (1 - 2 alpha) u).

    u in (0, 1) is where x stands in [-1 - cell/2, 1 + cell/2], the range of dequantised data in border units.
    Paper: alpha + (1 - alpha) u; here: 1 - 2 alpha, as in the official code, so that both ends are alike.
    """

    def __init__(self, cell: float, alpha: float = 0.05):
        super().__init__()
        self.low, self.range, self.alpha = -1 - cell / 2, 2 + cell, alpha

    def forward(self, x: Tensor, context: Context = NOTHING) -> tuple[Tensor, Tensor]:
        """Images in border form, dequantised or not, to the whole line."""
        p = self.alpha + (1 - 2 * self.alpha) * ((x - self.low) / self.range)
        y = p.log() - (-p).log1p()
        slope = math.log((1 - 2 * self.alpha) / self.range)
        return y, (F.softplus(y) + F.softplus(-y) + slope).flatten(1).sum(1)

    def inverse(self, y: Tensor, context: Context = NOTHING) -> Tensor:
        """Back to border units."""
        return self.low + self.range * (torch.sigmoid(y) - self.alpha) / (1 - 2 * self.alpha)


class Elementwise(Bijection):
    """y = (x - shift) e^(-log_scale), learned for each number of an item of `shape`."""

    def __init__(self, shape: tuple[int, ...]):
        super().__init__()
        self.shift, self.log_scale = nn.Parameter(torch.zeros(shape)), nn.Parameter(torch.zeros(shape))

    def forward(self, x: Tensor, context: Context = NOTHING) -> tuple[Tensor, Tensor]:
        """log-det is minus the sum of the log-scales."""
        return (x - self.shift) * torch.exp(-self.log_scale), -self.log_scale.sum().expand(len(x))

    def inverse(self, y: Tensor, context: Context = NOTHING) -> Tensor:
        """y e^(log_scale) + shift."""
        return y * torch.exp(self.log_scale) + self.shift


class FlowBatchNorm(Bijection):
    """Batch normalisation with its volume change: (x - mean) / sqrt(variance + 1e-4), channel by channel.

    In training the moments are the batch's, and running averages of them are kept; in eval mode, and always in
    `inverse`, they are the running ones.
    """

    mean: Tensor
    variance: Tensor

    def __init__(self, channels: int, momentum: float = 0.1, epsilon: float = 1e-4):
        super().__init__()
        self.momentum, self.epsilon = momentum, epsilon
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("variance", torch.ones(channels))

    def forward(self, x: Tensor, context: Context = NOTHING) -> tuple[Tensor, Tensor]:
        """log-det is -1/2 log(variance + 1e-4) of each number's channel."""
        mean, variance = self._moments(x) if self.training else (self.mean, self.variance)
        variance = variance + self.epsilon
        y = (x - self._wide(mean, x)) * self._wide(variance.rsqrt(), x)
        pixels = x[0].numel() // len(mean)
        return y, (-0.5 * pixels * variance.log().sum()).expand(len(x))

    def inverse(self, y: Tensor, context: Context = NOTHING) -> Tensor:
        """With the running moments."""
        scale = (self.variance + self.epsilon).sqrt()
        return y * self._wide(scale, y) + self._wide(self.mean, y)

    def _moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        dims = [0, *range(2, x.ndim)]
        variance, mean = torch.var_mean(x, dims, correction=0)
        with torch.no_grad():
            self.mean.lerp_(mean.detach(), self.momentum)
            self.variance.lerp_(variance.detach(), self.momentum)
        return mean, variance

    @staticmethod
    def _wide(values: Tensor, x: Tensor) -> Tensor:
        return values.reshape(-1, *[1] * (x.ndim - 2))


class Chain(Bijection):
    """One bijection after the other."""

    def __init__(self, layers: Sequence[Bijection]):
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, x: Tensor, context: Context = NOTHING) -> tuple[Tensor, Tensor]:
        """Log-dets add up."""
        total = x.new_zeros(len(x))
        for layer in self.layers:
            x, log_det = layer(x, context)
            total = total + log_det
        return x, total

    def inverse(self, y: Tensor, context: Context = NOTHING) -> Tensor:
        """The inverses, last one first."""
        for layer in reversed(self.layers):
            y = layer.inverse(y, context)  # pyright: ignore[reportCallIssue]
        return y


class MultiScale(Bijection):
    """Maps (n, c, h, w) to vectors (n, c h w): after each stage half of the channels is factored out.

    `shape` is what the last chain works on. Each stage but the first finds the shape that the one before left;
    a stage ends with four times the channels at half the height and width, of which half go on.
    """

    def __init__(self, stages: Sequence[Chain], last: Chain, shape: tuple[int, ...]):
        super().__init__()
        self.stages, self.last = nn.ModuleList(stages), last
        c, h, w = shape
        steps = range(len(stages))[::-1]
        self.shapes = [(c // 2**i, h * 2**i, w * 2**i) for i in steps] + [shape]

    def forward(self, x: Tensor, context: Context = NOTHING) -> tuple[Tensor, Tensor]:
        """Codes in the order in which they are factored out."""
        codes, total = [], x.new_zeros(len(x))
        for stage in self.stages:
            x, log_det = stage(x, context)
            out, x = x.chunk(2, 1)
            codes.append(out.flatten(1))
            total = total + log_det
        x, log_det = self.last(x, context)
        return torch.cat([*codes, x.flatten(1)], 1), total + log_det

    def inverse(self, y: Tensor, context: Context = NOTHING) -> Tensor:
        """From a vector back to a map."""
        *codes, code = y.split([math.prod(shape) for shape in self.shapes], 1)
        x = self.last.inverse(code.unflatten(1, self.shapes[-1]), context)
        for stage, out, shape in reversed(list(zip(self.stages, codes, self.shapes[:-1], strict=True))):
            x = torch.cat([out.unflatten(1, shape), x], 1)
            x = stage.inverse(x, context)  # pyright: ignore[reportCallIssue]
        return x

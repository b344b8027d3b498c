"""Log-probabilities as plain functions of the parameters, elementwise and in nats, and reparameterised draws.

| function | distribution | measure |
|---|---|---|
| `gaussian_log_prob` | N(mean, std^2) | lebesgue |
| `bernoulli_log_prob` | P(1) = sigmoid(logit) | counting, on 0, 1 |
| `binomial_log_prob` | k successes of `trials`, each of probability sigmoid(logit) | counting, on 0 .. trials |
| `categorical_log_prob` | softmax(logits) | counting, on 0 .. classes - 1 |
| `logistic_cell_log_prob` | the mass that a logistic puts on the cell of a grid value | counting, on the grid |

>>> bernoulli_log_prob(torch.tensor(1.0), torch.tensor(0.0)).exp()
tensor(0.5000)
"""

from __future__ import annotations

import functools
import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

LOG_2_PI = math.log(2 * math.pi)


def at_least_single(x: Tensor) -> Tensor:
    """x in float32 where it is of a lower precision, which sums and logarithms would lose; else as it is."""
    return x.float() if x.element_size() < 4 else x


def gaussian_log_prob(x: Tensor, mean: Tensor | float, log_variance: Tensor | float) -> Tensor:
    """log N(x; mean, exp(log_variance)), elementwise."""
    log_variance = torch.as_tensor(log_variance, dtype=x.dtype, device=x.device)
    return -0.5 * ((x - mean).square() * torch.exp(-log_variance) + log_variance + LOG_2_PI)


def reparameterise(mean: Tensor, log_variance: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """A draw from N(mean, exp(log_variance)) through which gradients flow: mean + exp(log_variance / 2) * noise."""
    noise = torch.randn(mean.shape, generator=generator, dtype=mean.dtype, device=mean.device)
    return torch.addcmul(mean, noise, torch.exp(0.5 * log_variance))


def bernoulli_log_prob(x: Tensor, logits: Tensor) -> Tensor:
    """log P(x) for x in {0, 1}, elementwise."""
    return -F.binary_cross_entropy_with_logits(logits, x, reduction="none")


def binomial_log_prob(k: Tensor, trials: int, logits: Tensor) -> Tensor:
    """log of C(trials, k) p^k (1 - p)^(trials - k) with p = sigmoid(logits), elementwise; k int64 in 0 .. trials."""
    table = torch.from_numpy(_log_binomials(trials)).to(device=k.device, dtype=logits.dtype)
    counts = table.index_select(0, k.flatten()).view(k.shape)  # faster than table[k]
    # log p = logits + log (1 - p), so this is counts + k logits + trials log (1 - p), in few passes. From 40 on,
    # softplus is its argument in float64 too.
    return torch.addcmul(counts, k.to(logits.dtype), logits).sub(F.softplus(logits, threshold=40), alpha=trials)


@functools.lru_cache
def _log_binomials(trials: int) -> np.ndarray:
    """log C(trials, k) for k = 0 .. trials, float64; an array, because a cached tensor may be an inference tensor."""
    k = torch.arange(trials + 1, dtype=torch.float64)
    return (math.lgamma(trials + 1) - torch.lgamma(k + 1) - torch.lgamma(trials - k + 1)).numpy()


def categorical_log_prob(k: Tensor, logits: Tensor, dim: int = 1) -> Tensor:
    """log softmax(logits)[k] over `dim`; k int64, shaped as logits without `dim`."""
    return logits.log_softmax(dim).gather(dim, k.unsqueeze(dim)).squeeze(dim)


def logistic_cell_log_prob(x: Tensor, mean: Tensor, log_scale: Tensor, cell: float) -> Tensor:
    """log of the mass that Logistic(mean, exp(log_scale)) puts on the cell of width `cell` around a grid value x.

    The grid is [-1, 1]; the outermost cells reach to infinity, so the masses sum to one. Exact at any scale:
    sigmoid(b) - sigmoid(a) = sigmoid(b) sigmoid(-a) (1 - exp(a - b)), with no case distinction by size.
    """
    inverse = torch.exp(-log_scale)
    below, above = x <= -1 + cell / 2, x >= 1 - cell / 2
    upper = F.logsigmoid((x + cell / 2 - mean) * inverse).masked_fill(above, 0)
    lower = F.logsigmoid((mean - x + cell / 2) * inverse).masked_fill(below, 0)
    width = torch.log(-torch.expm1(-cell * inverse))
    return upper + lower + torch.where(below | above, torch.zeros_like(width), width)

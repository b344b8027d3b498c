"""Kullback-Leibler divergences in closed form: nats, elementwise (sum over coordinates for a whole Gaussian).

>>> kl_from_standard_normal(torch.tensor([0.0, 1.0]), torch.zeros(2))
tensor([0.0000, 0.5000])
"""

from __future__ import annotations

import torch
from torch import Tensor


def kl_from_standard_normal(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, exp(log_variance)) || N(0, 1)) = (mean^2 + variance - 1 - log variance) / 2."""
    return 0.5 * torch.addcmul(log_variance.expm1() - log_variance, mean, mean)


def kl_gaussians(
    mean: Tensor, log_variance: Tensor, other_mean: Tensor | float, other_log_variance: Tensor | float
) -> Tensor:
    """KL(N(mean, exp(log_variance)) || N(other_mean, exp(other_log_variance)))."""
    difference = log_variance - other_log_variance
    other_precision = torch.exp(-torch.as_tensor(other_log_variance, dtype=mean.dtype, device=mean.device))
    return 0.5 * (difference.exp() - 1 - difference + (mean - other_mean).square() * other_precision)

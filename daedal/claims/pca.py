"""PCA (Tipping and Bishop 1999; Sirovich and Kirby 1987): its identities on the digits, and a plainer Gaussian."""

from __future__ import annotations

import math
from typing import Any

import torch

from daedal.claims.claim import Claim, Measured
from daedal.claims.setting import digits, grid, held_out_bits, items, trained


def fitted(components: int, seed: int) -> Any:
    """PCA of the training digits, in float64."""
    return trained("pca", digits(), seed=seed, quick=False, components=components, dtype=torch.float64).system


def drawn(seed: int) -> int:
    """A number of directions, from 1 to 40."""
    return int(torch.randint(1, 41, (), generator=torch.Generator().manual_seed(seed)))


def left_out(seed: int, quick: bool) -> Measured:
    """Relative error of: train squared reconstruction error = sum of the covariance's other eigenvalues."""
    k = drawn(seed)
    system, x = fitted(k, seed), items(digits(), "train").double()
    with torch.no_grad():
        again = system.decode(system.encode(x))
    error = (x - again).square().sum().item() / len(x)
    eigenvalues = torch.linalg.eigvalsh(torch.cov(x.flatten(1).T, correction=0))
    return Measured(abs(error / eigenvalues[:-k].sum().item() - 1), 1e-10, {"k": k, "error": error})


def formula(seed: int, quick: bool) -> Measured:
    """Greatest relative error of log p(x) against the dense Gaussian of the same mean and covariance."""
    k = drawn(seed)
    system, x = fitted(k, seed), items(digits())[:100].double()
    directions, noise = system.directions, system.noise
    covariance = (directions.T * (system.variances - noise)) @ directions + noise * torch.eye(x[0].numel()).double()
    dense = torch.distributions.MultivariateNormal(system.mean.flatten(), covariance)
    expected = dense.log_prob(x.flatten(1))
    with torch.no_grad():
        error = ((system.log_prob(x) - expected) / expected).abs().max()
    return Measured(error.item(), 1e-10, {"k": k})


def diagonal(seed: int, quick: bool) -> Measured:
    """Held-out bits per dimension with 32 directions (and, beside it, with 16) against a diagonal Gaussian."""
    data, space = digits(), grid(digits())
    noisy = space.dequantise(items(data).double(), torch.Generator().manual_seed(seed))
    train = items(data, "train").double()
    deviation = (train.var(0, correction=0) + space.cell**2 / 12).sqrt()
    nats = torch.distributions.Normal(train.mean(0), deviation).log_prob(noisy).flatten(1).sum(1).mean().item()
    plain = -nats / (space.dim * math.log(2)) + space.bits_offset()
    bits = {k: held_out_bits(fitted(k, seed), data, seed) for k in (16, 32)}
    return Measured(bits[32], plain, {"bits_16": bits[16]})


CLAIMS = (
    Claim(
        "pca.eigenvalues",
        "the squared error left by k directions is the sum of the other eigenvalues",
        "relative error on the training digits, k drawn from 1 .. 40",
        "tolerance",
        bar=0.0,
        better="lower",
        seconds=1,
        measure=left_out,
    ),
    Claim(
        "pca.density",
        "p(x) = N(mu, W W^T + sigma^2 I)",
        "greatest relative error of log p against a dense Gaussian, k drawn from 1 .. 40",
        "tolerance",
        bar=0.0,
        better="lower",
        seconds=1,
        measure=formula,
    ),
    Claim(
        "pca.held-out",
        "principal directions describe unseen data better than its variances alone",
        "held-out bits/dim of dequantised digits, 32 directions (16 are too few: 3.49, not reproduced on digits)",
        "diagonal Gaussian",
        bar=0.1,
        better="lower",
        seconds=1,
        measure=diagonal,
    ),
)

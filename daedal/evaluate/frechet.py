"""The Frechet distance between two sets of features, each taken as a Gaussian: streaming moments, float64.

Heusel et al., "GANs trained by a two time-scale update rule" (2017), arXiv:1706.08500, with their network's
features; here any features, and the name of the feature space is part of the metric's name.

    FD(a, b) = |mu_a - mu_b|^2 + Tr(S_a + S_b - 2 (S_a S_b)^(1/2))

Any factors S_a = R_a R_a^T and S_b = R_b R_b^T give the trace of the square root as the sum of the singular values
of R_a^T R_b, so no square root of a nonsymmetric matrix is needed. Two routes:

| covariances | R_a | singular values from |
|---|---|---|
| one of them well conditioned | its Cholesky factor L | eigenvalues of the symmetric L^T S_b L: fast |
| both singular (fewer items than features) | eigenvectors times roots of eigenvalues | R_a^T R_b itself: accurate |

>>> x = torch.randn(100, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
>>> abs(frechet_distance(Moments.of(x), Moments.of(x))) < 1e-8
True
>>> round(frechet_distance(Moments.of(x), Moments.of(x + 2)), 6)
12.0
"""

from __future__ import annotations

import torch
from torch import Tensor

FLATTEST = 1e-14  # smallest ratio of eigenvalues of L^T S L whose roots are still good to 1e-9 of the largest


class Moments:
    """Count, mean and scatter (sum of outer products of deviations) of rows seen so far, in float64."""

    def __init__(self, dim: int):
        self.n = 0.0
        self.mean = torch.zeros(dim, dtype=torch.float64)
        self.scatter = torch.zeros(dim, dim, dtype=torch.float64)

    @classmethod
    def of(cls, x: Tensor, weights: Tensor | None = None) -> Moments:
        """The moments of rows x (n, dim); `weights` (n,) counts each row so many times."""
        x = x.detach().double()
        moments = cls(x.shape[1])
        weights = torch.ones(len(x), dtype=torch.float64) if weights is None else weights.double()
        moments.n = float(weights.sum())
        if moments.n > 0:
            moments.mean = weights @ x / moments.n
            deviations = (x - moments.mean) * weights.sqrt()[:, None]
            moments.scatter = deviations.T @ deviations
        return moments

    def update(self, x: Tensor) -> Moments:
        """Take in rows x (n, dim); returns self."""
        return self.merge(Moments.of(x))

    def merge(self, other: Moments) -> Moments:
        """Take in what another has seen (Chan, Golub and LeVeque 1979); returns self."""
        n = self.n + other.n
        if n > 0:
            step = other.mean - self.mean
            self.scatter = self.scatter + other.scatter + torch.outer(step, step) * (self.n * other.n / n)
            self.mean, self.n = self.mean + step * (other.n / n), n
        return self

    @property
    def covariance(self) -> Tensor:
        """The unbiased covariance, (dim, dim). Raises ValueError for fewer than two rows."""
        if self.n < 2:
            raise ValueError(f"a covariance needs at least 2 items; got {self.n:g}.")
        return self.scatter / (self.n - 1)


def frechet_distance(a: Moments, b: Moments) -> float:
    """Squared Frechet distance of two Gaussians with these moments, in squared units of the features."""
    mean = (a.mean - b.mean).square().sum()
    first, second = a.covariance, b.covariance
    return float(mean + first.trace() + second.trace() - 2 * trace_of_root(first, second))


def trace_of_root(a: Tensor, b: Tensor) -> Tensor:
    """Tr (A B)^(1/2) of two covariances (d, d), float64: a scalar."""
    for first, second in ((a, b), (b, a)):
        factor, failed = torch.linalg.cholesky_ex(first)
        if not failed:
            values = torch.linalg.eigvalsh(factor.T @ second @ factor)
            if values[0] > FLATTEST * values[-1]:
                return values.sqrt().sum()
    return torch.linalg.svdvals(_root(a).T @ _root(b)).sum()


def _root(covariance: Tensor) -> Tensor:
    """R (d, rank) with R R^T = covariance; eigenvalues that are rounding errors are left out."""
    values, vectors = torch.linalg.eigh(covariance)
    kept = values > values[-1].clamp_min(0) * len(values) * torch.finfo(values.dtype).eps
    return vectors[:, kept] * values[kept].sqrt()

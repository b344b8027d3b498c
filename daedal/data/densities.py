"""Distributions in one and two dimensions with exact density: Gaussian mixtures, circles, curves, squares.

Each is `Density` of `daedal.data.base`, and knows besides which of its components drew an item. All work in float64
inside and answer in the dtype of x. Entropies, in nats:

| class | log_prob | entropy |
|---|---|---|
| `Mixture` | closed form | one component: closed form; more: quadrature on a grid whitened by each component |
| `Twisted` | closed form | that of what is twisted, since the map keeps areas |
| `Circles` | closed form, by the Bessel function I_0 | quadrature over the radius |
| `Curves` | Gauss-Legendre quadrature along each curve | quadrature on a grid |
| `Squares` | closed form | closed form |

Quadrature is by the trapezoid rule, which for a smooth integrand that vanishes at both ends converges faster than
any power of the step; the tests halve the step and draw samples to check it.

>>> normal = Mixture([[0.0]], [[[1.0]]])
>>> round(float(normal.log_prob(torch.zeros(1, 1))), 6), round(normal.entropy, 6)
(-0.918939, 1.418939)
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

LOG_TAU = math.log(2 * math.pi)
FAR = 600.0  # standard deviations, where e^r is still finite
CHUNK = 4096  # points whose density is computed at a time, which bounds memory


class Known(ABC):
    """What the densities share: shape of x, float64 inside, samples without their components."""

    dim: int = 2
    components: int
    modes: Tensor | None = None  # (k, dim) float32: centres, where there are such
    sigma: float | None = None  # the spread around each centre, where it is one number

    @property
    @abstractmethod
    def entropy(self) -> float | None:
        """Differential entropy in nats."""

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-density of x (n, dim): nats, (n,), in the dtype of x."""
        if x.ndim != 2 or x.shape[1] != self.dim:
            raise ValueError(f"'x' must have shape (n, {self.dim}); got {tuple(x.shape)}.")
        parts = [self._log_prob(part) for part in x.cpu().double().split(CHUNK)]
        return torch.cat(parts).to(x)

    def sample(self, n: int, generator: np.random.Generator) -> np.ndarray:
        """n fresh items: (n, dim), float64."""
        return self.sample_labelled(n, generator)[0]

    @abstractmethod
    def sample_labelled(self, n: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """n fresh items (n, dim), float64, and the component that each came from (n,), int64."""

    @abstractmethod
    def _log_prob(self, x: Tensor) -> Tensor:
        """Log-density of x (n, dim), float64."""


class Mixture(Known):
    r"""A Gaussian mixture: p(x) = sum_k w_k N(x; m_k, S_k), with w_k = 1/K unless `weights` says otherwise."""

    def __init__(self, means: ArrayLike, covariances: ArrayLike, weights: Sequence[float] | None = None):
        self.means = torch.tensor(np.asarray(means), dtype=torch.float64)  # (k, d)
        self.components, self.dim = self.means.shape
        covariance = torch.tensor(np.asarray(covariances), dtype=torch.float64)
        self.scales = torch.linalg.cholesky(covariance.expand(self.components, self.dim, self.dim))
        self.weights = torch.tensor(weights or [1 / self.components] * self.components, dtype=torch.float64)
        self.modes = self.means.float()

    def _log_prob(self, x: Tensor) -> Tensor:
        offsets = (x[:, None] - self.means)[..., None]  # (n, k, d, 1)
        whitened = torch.linalg.solve_triangular(self.scales, offsets, upper=False).squeeze(-1)
        logdet = self.scales.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        log_parts = -0.5 * (whitened.square().sum(-1) + self.dim * LOG_TAU) - logdet
        return torch.logsumexp(log_parts + self.weights.log(), dim=1)

    def sample_labelled(self, n: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """n fresh items and their components."""
        k = generator.choice(self.components, size=n, p=self.weights.numpy())
        noise = generator.standard_normal((n, self.dim, 1))
        return self.means.numpy()[k] + (self.scales.numpy()[k] @ noise)[..., 0], k.astype(np.int64)

    @cached_property
    def entropy(self) -> float:
        """Differential entropy in nats: -sum_k w_k E_k[log p], each expectation in the component's own units."""
        if self.components == 1:
            return float(0.5 * self.dim * (1 + LOG_TAU) + self.scales.diagonal(dim1=-2, dim2=-1).log().sum())
        return self.entropy_by_quadrature()

    def entropy_by_quadrature(self, step: float | None = None, reach: float = 9.0) -> float:
        """The same with a step of one's own, in standard deviations of each component."""
        step = step or (0.25 if self.dim > 1 else 0.01)
        axis = torch.arange(-reach, reach + step / 2, step, dtype=torch.float64)
        nodes = torch.cartesian_prod(*[axis] * self.dim).reshape(-1, self.dim)
        mass = torch.exp(-0.5 * (nodes.square().sum(-1) + self.dim * LOG_TAU)) * step**self.dim
        means = [-(mass @ self.log_prob(m + nodes @ s.mT)) for m, s in zip(self.means, self.scales, strict=True)]
        return float(self.weights @ torch.stack(means))


class Twisted(Known):
    r"""A planar density turned by an angle that grows with the radius: x = scale R(rate e^r) y, r = |y|, y ~ p.

    Turning by a function of the radius keeps areas, so log p(x) = log p(y) - 2 log(scale), and the entropy is that
    of p plus 2 log(scale).
    """

    def __init__(self, base: Mixture, rate: float, scale: float = 1.0):
        self.base, self.rate, self.scale, self.components = base, rate, scale, base.components

    @cached_property
    def entropy(self) -> float:
        """Differential entropy in nats."""
        return self.base.entropy + 2 * math.log(self.scale)

    def _log_prob(self, x: Tensor) -> Tensor:
        y = x / self.scale
        angle = -self.rate * y.norm(dim=1).clamp(max=FAR).exp()  # further out any angle will do
        c, s = angle.cos(), angle.sin()
        straight = torch.stack([c * y[:, 0] - s * y[:, 1], s * y[:, 0] + c * y[:, 1]], 1)
        return self.base.log_prob(straight) - 2 * math.log(self.scale)

    def sample_labelled(self, n: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """n fresh items and their components."""
        y, k = self.base.sample_labelled(n, generator)
        angle = self.rate * np.exp(np.linalg.norm(y, axis=1))
        c, s = np.cos(angle), np.sin(angle)
        turned = np.stack([c * y[:, 0] - s * y[:, 1], s * y[:, 0] + c * y[:, 1]], 1)
        return self.scale * turned, k


class Circles(Known):
    r"""Points uniform on concentric circles, each as likely, plus Gaussian noise of deviation `noise` (sigma).

    p(x) = mean_R exp(-(r - R)^2 / (2 sigma^2)) i0e(r R / sigma^2) / (2 pi sigma^2), where i0e(t) = e^-t I_0(t).
    """

    def __init__(self, radii: Sequence[float], noise: float):
        self.radii, self.noise, self.components = torch.tensor(radii, dtype=torch.float64), noise, len(radii)

    def _log_prob(self, x: Tensor) -> Tensor:
        return self._log_prob_at(x.norm(dim=1))

    def _log_prob_at(self, r: Tensor) -> Tensor:
        r, variance = r[:, None], self.noise**2
        log_bessel = torch.special.i0e(r * self.radii / variance).log()
        log_parts = -0.5 * (r - self.radii).square() / variance + log_bessel - LOG_TAU - math.log(variance)
        return torch.logsumexp(log_parts, 1) - math.log(self.components)

    def sample_labelled(self, n: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """n fresh items and their circles."""
        k, angle = generator.integers(self.components, size=n), generator.uniform(0, 2 * np.pi, n)
        points = self.radii.numpy()[k, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
        return points + self.noise * generator.standard_normal((n, 2)), k

    @cached_property
    def entropy(self) -> float:
        """Differential entropy in nats: -int 2 pi r p(r) log p(r) dr."""
        r = torch.linspace(0, float(self.radii.max()) + 12 * self.noise, 20001, dtype=torch.float64)
        log_p = self._log_prob_at(r)
        return float(torch.trapezoid(-2 * math.pi * r * log_p.exp() * log_p, r))


Curve = Callable[[np.ndarray], np.ndarray]  # (n,) in [0, 1] -> points of the plane, (n, 2)


class Curves(Known):
    r"""Points of curves c_k plus Gaussian noise (sigma): p(x) = mean_k int_0^1 N(x; c_k(t), sigma^2 I) dt.

    The quadrature is over u with t = u^power, to be chosen so that c_k(u^power) is smooth.
    """

    def __init__(self, curves: Sequence[Curve], noise: float, nodes: int, reach: float, power: int = 1):
        self.curves, self.noise, self.components, self.reach = list(curves), noise, len(curves), reach
        at, weights = np.polynomial.legendre.leggauss(nodes)
        u = (at + 1) / 2
        weights = weights / 2 * power * u ** (power - 1) / self.components
        self.points = torch.from_numpy(np.concatenate([curve(u**power) for curve in self.curves]))  # (k * nodes, 2)
        self.log_weights = torch.from_numpy(np.log(np.tile(weights, self.components)))

    def _log_prob(self, x: Tensor) -> Tensor:
        distances = x.square().sum(1, keepdim=True) - 2 * (x @ self.points.mT) + self.points.square().sum(1)
        log_parts = self.log_weights - distances / (2 * self.noise**2)
        return torch.logsumexp(log_parts, 1) - LOG_TAU - 2 * math.log(self.noise)

    def sample_labelled(self, n: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """n fresh items and their curves."""
        k, t = generator.integers(self.components, size=n), generator.uniform(0, 1, n)
        points = np.zeros((n, 2))
        for i, curve in enumerate(self.curves):
            points[k == i] = curve(t[k == i])
        return points + self.noise * generator.standard_normal((n, 2)), k

    @cached_property
    def entropy(self) -> float:
        """Differential entropy in nats, to about 1e-6."""
        return self.entropy_by_quadrature(step=self.noise / 2)

    def entropy_by_quadrature(self, step: float) -> float:
        """The same with a step of one's own, over the square [-reach, reach]^2."""
        axis = torch.arange(-self.reach, self.reach + step / 2, step, dtype=torch.float64)
        log_p = self.log_prob(torch.cartesian_prod(axis, axis))
        return float(-(log_p.exp() * log_p).sum() * step**2)


class Squares(Known):
    """Uniform on every other square of side `side` of the board [-reach, reach]^2: log p = -log(area) there."""

    def __init__(self, side: float = 2.0, reach: float = 4.0):
        self.side, self.reach = side, reach
        count = round(2 * reach / side)
        cells = [(i, j) for i in range(count) for j in range(count) if (i + j) % 2 == 0]
        self.cells, self.components = np.array(cells), len(cells)

    @property
    def entropy(self) -> float:
        """Differential entropy in nats: the logarithm of the area."""
        return math.log(self.components * self.side**2)

    def _log_prob(self, x: Tensor) -> Tensor:
        cell = torch.floor((x + self.reach) / self.side)
        inside = ((x >= -self.reach) & (x < self.reach)).all(1) & (cell.sum(1) % 2 == 0)
        return x.new_full((len(x),), -math.inf).masked_fill(inside, -self.entropy)

    def sample_labelled(self, n: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """n fresh items and their squares."""
        k = generator.integers(self.components, size=n)
        return (self.cells[k] + generator.uniform(0, 1, (n, 2))) * self.side - self.reach, k

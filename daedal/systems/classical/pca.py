"""Probabilistic PCA: one Gaussian whose covariance is a few principal directions plus noise alike in all others.

Tipping and Bishop 1999 (JRSS B 61); the same directions are the eigenfaces of Sirovich and Kirby 1987.

| code | paper |
|---|---|
| `mean` | mu |
| `directions`, rows | U_k, the leading unit eigenvectors of the sample covariance |
| `variances` | Lambda_k, its leading eigenvalues |
| `noise` | sigma^2, the mean of its other eigenvalues |

With W = U_k (Lambda_k - sigma^2 I)^(1/2), p(x) = N(mu, W W^T + sigma^2 I).

The covariance divides by N, as maximum likelihood has it: train sum ||x - x^||^2 / N is the sum of the eigenvalues
left out. Paper: a code is the posterior mean, which shrinks reconstructions; here: the whitened coordinates
Lambda_k^(-1/2) U_k^T (x - mu), standard normal under the same p(x), because then decode(encode(x)) is the
orthogonal projection, the best reconstruction there is.
Images are dequantised in closed form: noise uniform over a cell adds exactly cell^2 / 12 to every eigenvalue.
Vectors are standardised first, so this is the PCA of their correlations: no column rules by its unit.

>>> density = PCA(Vectors(2), components=1).log_prob(torch.zeros(1, 2)).exp()
>>> round(density.item() * 2 * math.pi, 4)  # N(0, I) until it is fitted
1.0
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from daedal.capabilities import Decodes, Denoises, Encodes, Given, Samples, Scores
from daedal.declare import NonNegativeFloat, Paper, PositiveInt, Recipe
from daedal.play.player import Player
from daedal.play.stream import finite_count
from daedal.play.system import System
from daedal.play.turn import Done, Tell
from daedal.spaces import Images, Space, Vectors

DIRECT = 2048  # up to this many dimensions the whole covariance is made and solved; above, a block is iterated
OVERSAMPLING = 16  # rows of the block beyond the components: they speed the last components up
CONVERGED = 1e-6  # share of the total variance by which a pass may still raise the explained variance
FLOOR = 1e-6  # least variance (standard or border units): data of lower rank still has a density


class PCA(System, Samples, Scores, Encodes, Decodes, Denoises):
    """A Gaussian with `components` principal directions; fitted in one pass, in several above 2,048 dimensions.

    Options:
        components: number of principal directions; chosen by the space: half its dimensions, at most 64
    """

    paper = Paper(
        title="Probabilistic Principal Component Analysis",
        authors="Tipping, M. E. and Bishop, C. M.",
        year=1999,
        venue="Journal of the Royal Statistical Society, Series B, 61(3)",
        space={"space": "Vectors", "dim": 18},
        options={"components": 2},
        recipe=Recipe(batch_size=38, steps=1),
    )
    recipe = Recipe(batch_size=256, steps=50)
    conditional = False
    exempt: ClassVar = {
        "losses_fall": "it is fitted in closed form and has no loss",
        "likelihood_never_falls": "the likelihood is reached in one round, so there is no sequence of them",
        "turn_moves_only_its_player": "it is fitted in closed form and has no players",
    }

    mean: Tensor
    directions: Tensor
    variances: Tensor
    noise: Tensor
    log_likelihood: Tensor
    block: Tensor

    def __init__(self, x: Space, given: Mapping[str, Space] | None = None, *, components: PositiveInt | None = None):
        super().__init__(x, given)
        dim = x.dim
        self.components = components or max(1, min(64, dim // 2))
        if not 1 <= self.components <= dim:
            raise ValueError(f"'components' of PCA must be an integer in [1, {dim}]; got {components}.")
        self.cell_variance = x.cell**2 / 12 if isinstance(x, Images) else 0.0
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("directions", torch.eye(self.components, dim))
        self.register_buffer("variances", torch.ones(self.components))
        self.register_buffer("noise", torch.ones(()))
        self.register_buffer("log_likelihood", torch.zeros(()))
        rows = min(dim, self.components + OVERSAMPLING) if dim > DIRECT else 0
        self.register_buffer("block", torch.randn(rows, dim, generator=torch.Generator().manual_seed(0)))

    # -- fitting

    def fit_scale(self, items: Any) -> None:
        """Units as for every system. Raises UsageError for endless items."""
        finite_count(items)
        super().fit_scale(items)

    def players(self) -> dict[str, Player]:
        """Nobody: it is fitted in closed form."""
        return {}

    def turns(self, batches: Any) -> Iterator[Tell | Done]:
        """One pass over the data; the last one where the covariance is solved directly."""
        explained = self.variances.sum()
        if not len(self.block):
            yield Tell(self.fit, **self._sums(batches.epoch(), None))
            yield Done()
            return
        yield Tell(self.fit_block, **self._sums(batches.epoch(), self._orthonormal_block()))
        gain = self.variances.sum() - explained
        if gain.abs() < CONVERGED * (self.variances.sum() + self.noise * (self.x.dim - self.components)):
            yield Done()

    def _sums(self, batches: Iterator, block: Tensor | None) -> dict[str, Tensor]:
        """Sums over the data in float64: count, sum of x, and of x x^T, or of (block x) x^T and of x^T x."""
        sums: dict[str, Tensor] = {}
        for batch in batches:
            x = self.standardise(batch.x).flatten(1).double()
            part = {"count": torch.tensor(float(len(x)), dtype=torch.float64, device=x.device), "first": x.sum(0)}
            if block is None:
                part["second"] = x.mT @ x
            else:
                part.update(second=(x @ block.mT).mT @ x, square=x.square().sum())
            sums = {name: sums[name] + value if sums else value for name, value in part.items()}
        return sums

    def fit(self, count: Tensor, first: Tensor, second: Tensor) -> None:
        """Set mean, directions and variances from sums of 1, x (dim,) and x x^T (dim, dim), or their averages."""
        mean = first / count
        values, vectors = torch.linalg.eigh(second / count - torch.outer(mean, mean))
        self._set(mean, vectors.mT.flip(0), values.flip(0), values.sum())

    def fit_block(self, count: Tensor, first: Tensor, second: Tensor, square: Tensor) -> None:
        """One step of block subspace iteration, with the best directions within the block (Rayleigh-Ritz)."""
        block, mean = self._orthonormal_block(), first / count
        image = second / count - torch.outer(block @ mean, mean)  # block @ covariance
        values, vectors = torch.linalg.eigh(image @ block.mT)
        self._set(mean, vectors.mT.flip(0) @ block, values.flip(0), square / count - mean @ mean)
        self.block.copy_(image)

    def _orthonormal_block(self) -> Tensor:
        return torch.linalg.qr(self.block.double().mT).Q.mT

    def _set(self, mean: Tensor, directions: Tensor, values: Tensor, total: Tensor) -> None:
        """Keep the leading eigenpairs of a covariance of trace `total`, and the likelihood that they reach."""
        k, rest = self.components, self.x.dim - self.components
        spread = values[:k].clamp(min=0)
        other = (total - spread.sum()).clamp(min=0) / rest if rest else spread[-1]
        self.mean.copy_(mean)
        self.directions.copy_(directions[:k])
        self.variances.copy_((spread + self.cell_variance).clamp(min=FLOOR))
        self.noise.copy_((other + self.cell_variance).clamp(min=FLOOR))
        square = ((spread + self.cell_variance) / self.variances).sum()  # dim, unless the floor was needed
        square = square + rest * (other + self.cell_variance) / self.noise
        self.log_likelihood.copy_(-0.5 * (square + self._log_normaliser()) + self.standardise.log_det)

    def progress_scalars(self) -> dict[str, float]:
        """The mean log-likelihood of the training data (of images, dequantised): nats."""
        return {"log-likelihood": float(self.log_likelihood)}

    # -- the verbs

    @property
    def latent_space(self) -> Vectors:
        """Whitened codes: standard normal under the model."""
        return Vectors(self.components)

    def draw(
        self, n: int, given: Given, generator: torch.Generator | None, *, temperature: NonNegativeFloat = 1.0
    ) -> Tensor:
        """Draws from the Gaussian.

        Options:
            temperature: standard deviation of the samples, as a multiple of the fitted one
        """
        e = torch.randn(n, self.x.dim, generator=generator, dtype=self.dtype, device=self.device)
        noise = self.noise.sqrt()
        along = (e @ self.directions.mT) * (self.variances.sqrt() - noise)
        return self._to_border(self.mean + temperature * (noise * e + along @ self.directions))

    def log_prob(self, x: Tensor, *, given: Given | None = None) -> Tensor:
        """log N(x; mu, W W^T + sigma^2 I): nats, (n,)."""
        self.prepare_given(given, len(x))
        centred = self._from_border(x)
        along = centred @ self.directions.mT
        across = centred - along @ self.directions
        square = (along.square() / self.variances).sum(1) + across.square().sum(1) / self.noise
        return -0.5 * (square + self._log_normaliser()) + self.standardise.log_det

    def encode(self, x: Tensor, *, given: Given | None = None) -> Tensor:
        """Whitened codes Lambda_k^(-1/2) U_k^T (x - mu): (n, components)."""
        self.prepare_given(given, len(x))
        return (self._from_border(x) @ self.directions.mT) / self.variances.sqrt()

    def decode(self, z: Tensor, *, given: Given | None = None) -> Tensor:
        """mu + U_k Lambda_k^(1/2) z: (n, *x). With `encode`, the orthogonal projection on the directions."""
        self.prepare_given(given, len(z))
        return self._to_border(self.mean + (z * self.variances.sqrt()) @ self.directions)

    def denoise(self, x: Tensor, sigma: Tensor, *, given: Given | None = None) -> Tensor:
        """E[x0 | x = x0 + sigma * noise] = mu + C (C + sigma^2 I)^-1 (x - mu), C the model's covariance: (n, *x).

        `sigma` is (n,) or a scalar; for vectors in standard deviations of each coordinate.
        """
        self.prepare_given(given, len(x))
        level = torch.as_tensor(sigma, dtype=x.dtype, device=x.device).expand(len(x))[:, None].square()
        centred = self._from_border(x)
        along = centred @ self.directions.mT
        across = centred - along @ self.directions
        kept = (along * (self.variances / (self.variances + level))) @ self.directions
        return self._to_border(self.mean + kept + across * (self.noise / (self.noise + level)))

    def _log_normaliser(self) -> Tensor:
        """log det(2 pi C), with C the covariance of the model."""
        rest = self.x.dim - self.components
        return self.x.dim * math.log(2 * math.pi) + self.variances.log().sum() + rest * self.noise.log()

    def _from_border(self, x: Tensor) -> Tensor:
        return self.standardise(x).flatten(1) - self.mean

    def _to_border(self, y: Tensor) -> Tensor:
        return self.standardise.inverse(y.unflatten(1, self.x.shape))

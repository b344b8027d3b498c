"""A mixture of Gaussians fitted by expectation maximisation: one round is one E-step and one M-step over all data.

Dempster, Laird and Rubin 1977 (JRSS B 39); started by k-means++ (Arthur and Vassilvitskii 2007).

| code | maths |
|---|---|
| `weights` | pi_k |
| `means` | mu_k |
| `factors` | L_k with Sigma_k = L_k L_k^T (full), or the square root of its diagonal |
| responsibilities | gamma_nk = pi_k N(x_n; mu_k, Sigma_k) / sum_j pi_j N(x_n; mu_j, Sigma_j) |
| `log_likelihood` | L = mean_n sum_k gamma_nk (log pi_k + log N(x_n; mu_k, Sigma_k) - log gamma_nk) |

The floor is a constraint and not a term: eigenvalues of each M-step's covariance below it are raised to it, which
is the maximiser under Sigma_k >= floor I, so L never falls whatever the floor.

Images are dequantised in closed form. With u uniform over a cell and v = cell^2 / 12, responsibilities that do not
look at u give the bound E_u log p(x + u) >= L with E_u log N(x + u; mu, Sigma) = log N(x; mu, Sigma) -
v tr(Sigma^-1) / 2 in place of log N. Its E-step is the softmax of these terms, its M-step adds v to each
covariance's diagonal; both are exact, so L never falls, and no noise is drawn.

>>> GMM(Images(1, 8, 8)).covariance, GMM(Images(3, 64, 64)).covariance
('full', 'diagonal')
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from daedal.capabilities import Denoises, Given, Samples, Scores
from daedal.declare import NonNegativeFloat, Paper, PositiveFloat, PositiveInt, Recipe
from daedal.errors import TrainingError
from daedal.play.player import Player
from daedal.play.stream import NUMBERS, finite_count
from daedal.play.system import System
from daedal.play.turn import Done, Tell
from daedal.spaces import Images, Space

FULL = 256  # up to this many dimensions covariances are full unless told otherwise
STARTERS = 10_000  # k-means sees at most so many items, and of large ones fewer, as it sees them together,
PER_COMPONENT = 10  # but so many for each component


class GMM(System, Samples, Scores, Denoises):
    """A mixture of `components` Gaussians; stops once a round raises the mean log-likelihood by too little.

    Options:
        components: number of Gaussians
        covariance: full or diagonal covariances; chosen by the space: full up to 256 dimensions
        floor: least variance in any direction (of standardised vectors; of images in border units)
        tolerance: a round that raises the mean log-likelihood by less, in nats, is the last
    """

    paper = Paper(
        title="Maximum Likelihood from Incomplete Data via the EM Algorithm",
        authors="Dempster, A. P. and Laird, N. M. and Rubin, D. B.",
        year=1977,
        venue="Journal of the Royal Statistical Society, Series B, 39(1)",
        space={"space": "Vectors", "dim": 1},
        options={"components": 2, "floor": 0.0},  # its example in general form: the paper reports no run
        recipe=Recipe(steps=200),
    )
    recipe = Recipe(batch_size=256, steps=200)
    conditional = False
    toy: ClassVar = {"components": 3}
    exempt: ClassVar = {
        "losses_fall": "expectation maximisation has no loss; its likelihood never falls instead",
        "turn_moves_only_its_player": "expectation maximisation has no players",
    }

    weights: Tensor
    means: Tensor
    factors: Tensor
    log_likelihood: Tensor
    rounds: Tensor
    start: Tensor

    def __init__(
        self,
        x: Space,
        given: Mapping[str, Space] | None = None,
        *,
        components: PositiveInt = 10,
        covariance: Literal["full", "diagonal"] | None = None,
        floor: NonNegativeFloat = 1e-6,
        tolerance: PositiveFloat = 1e-4,
    ):
        super().__init__(x, given)
        self.components, self.floor, self.tolerance = components, floor, tolerance
        self.covariance = covariance or ("full" if x.dim <= FULL else "diagonal")
        self.cell_variance = x.cell**2 / 12 if isinstance(x, Images) else 0.0
        ones = torch.ones(components, x.dim)
        self.register_buffer("weights", torch.full((components,), 1 / components))
        self.register_buffer("means", 0.5 * torch.randn(components, x.dim))
        self.register_buffer("factors", torch.diag_embed(ones) if self.covariance == "full" else ones)
        self.register_buffer("log_likelihood", torch.zeros(()))
        self.register_buffer("rounds", torch.zeros((), dtype=torch.long))
        self.register_buffer("start", torch.randint(2**31, ()))  # what k-means++ draws from: the system's seed

    # -- fitting

    def players(self) -> dict[str, Player]:
        """Nobody: expectation maximisation needs no gradient."""
        return {}

    def fit_scale(self, items: Any) -> None:
        """Units as for every system, then a start: the clusters that k-means finds in (some of) the items."""
        from sklearn.cluster import KMeans

        super().fit_scale(items)
        if finite_count(items) < self.components:
            raise ValueError(f"'components' of GMM must be at most {len(items)}, the items; got {self.components}.")
        most = max(PER_COMPONENT * self.components, min(STARTERS, NUMBERS // self.x.dim))
        some = range(0, len(items), math.ceil(len(items) / most))
        x = items.gather(some, (self.roles["x"],))[self.roles["x"]].to(self.device)
        y = self.standardise(x.to(self.dtype)).flatten(1).double()
        clusters = KMeans(self.components, n_init=5, random_state=int(self.start))  # pyright: ignore[reportArgumentType]
        self.means.copy_(torch.as_tensor(clusters.fit(y.cpu().numpy()).cluster_centers_))
        nearest = torch.cdist(y, self.means.double()).argmin(1)
        self._move(**self._moments(y, F.one_hot(nearest, self.components).double()))

    def turns(self, batches: Any) -> Iterator[Tell | Done]:
        """One E-step and one M-step over the whole training split."""
        before = self.log_likelihood.clone()
        sums: dict[str, Tensor] = {}
        for batch in batches.epoch():
            part = self._expect(self.standardise(batch.x).flatten(1).double())
            sums = {name: sums[name] + value if sums else value for name, value in part.items()}
        yield Tell(self.maximise, **sums)
        if self.rounds > 1 and self.log_likelihood - before < self.tolerance:
            yield Done()

    def _expect(self, y: Tensor) -> dict[str, Tensor]:
        """E-step: the moments of y (n, dim) under its responsibilities, and the sum of L."""
        joint = self._log_joint(y, self.cell_variance)
        total = joint.logsumexp(1)
        return {"log_likelihood": total.sum(), **self._moments(y, (joint - total[:, None]).exp())}

    def _moments(self, y: Tensor, responsibilities: Tensor) -> dict[str, Tensor]:
        """Sums of gamma, gamma (y - mu) and gamma (y - mu)(y - mu)^T (or its diagonal) for each component."""
        first, second = [], []
        for gamma, mean in zip(responsibilities.unbind(1), self.means.to(y.dtype), strict=True):
            centred = y - mean
            weighted = gamma[:, None] * centred
            first.append(weighted.sum(0))
            second.append(weighted.mT @ centred if self.covariance == "full" else (weighted * centred).sum(0))
        return {"mass": responsibilities.sum(0), "first": torch.stack(first), "second": torch.stack(second)}

    def maximise(self, log_likelihood: Tensor, mass: Tensor, first: Tensor, second: Tensor) -> None:
        """M-step, from sums over the data or their averages; `log_likelihood` is that of the parameters before."""
        self.log_likelihood.copy_(log_likelihood / mass.sum() + self.standardise.log_det)
        self.rounds += 1
        self._move(mass, first, second)

    def _move(self, mass: Tensor, first: Tensor, second: Tensor) -> None:
        """Weights, means and covariances from the moments; a component that has no mass stays where it is."""
        alive = mass > 1e-10 * mass.sum()
        some = torch.where(alive, mass, 1.0)[:, None]
        shift = torch.where(alive[:, None], first / some, 0.0)
        self.weights.copy_(mass / mass.sum())
        self.means.add_(shift)
        factors, sound = self._factorise(second, some, shift)
        sound = (sound & alive).view(-1, *[1] * (self.factors.ndim - 1))
        self.factors.copy_(torch.where(sound, factors, self.factors.to(factors.dtype)))

    def _factorise(self, second: Tensor, mass: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
        """L_k of each component's covariance, its eigenvalues raised to the floor; and whether it has one."""
        if self.covariance == "diagonal":
            variances = (second / mass - shift.square() + self.cell_variance).clamp(min=self.floor)
            return variances.clamp(min=0).sqrt(), (variances > 0).all(1)
        covariance = second / mass[..., None] - shift[:, :, None] * shift[:, None, :]
        try:
            values, vectors = torch.linalg.eigh(covariance)
        except torch.linalg.LinAlgError as error:
            raise TrainingError(
                "The covariance of a component of GMM has no eigenvalues (a number is not finite); look at the data "
                "with daedal data, raise 'floor', or choose a diagonal covariance."
            ) from error
        values = (values + self.cell_variance).clamp(min=self.floor)
        factors, failed = torch.linalg.cholesky_ex((vectors * values[:, None, :]) @ vectors.mT)
        return factors, failed == 0

    def progress_scalars(self) -> dict[str, float]:
        """The mean log-likelihood of the training data before the last M-step (of images the bound L): nats."""
        return {"log-likelihood": float(self.log_likelihood)} if self.rounds else {}

    # -- the verbs

    def draw(
        self, n: int, given: Given, generator: torch.Generator | None, *, temperature: NonNegativeFloat = 1.0
    ) -> Tensor:
        """Draws a component, then from its Gaussian.

        Options:
            temperature: standard deviation within each component, as a multiple of the fitted one
        """
        chosen = torch.multinomial(self.weights, n, replacement=True, generator=generator)
        noise = torch.randn(n, self.x.dim, generator=generator, dtype=self.dtype, device=self.device)
        if self.covariance == "diagonal":
            noise = noise * self.factors[chosen]
        else:
            for k in chosen.unique().tolist():
                noise[chosen == k] = noise[chosen == k] @ self.factors[k].mT
        y = self.means[chosen] + temperature * noise
        return self.standardise.inverse(y.unflatten(1, self.x.shape))

    def log_prob(self, x: Tensor, *, given: Given | None = None) -> Tensor:
        """log sum_k pi_k N(x; mu_k, Sigma_k): nats, (n,)."""
        self.prepare_given(given, len(x))
        return self._log_joint(self.standardise(x).flatten(1)).logsumexp(1) + self.standardise.log_det

    def denoise(self, x: Tensor, sigma: Tensor, *, given: Given | None = None) -> Tensor:
        """E[x0 | x = x0 + sigma * noise]: each component's posterior mean, weighted by its posterior: (n, *x).

        `sigma` is (n,) or a scalar; for vectors in standard deviations of each coordinate.
        """
        self.prepare_given(given, len(x))
        level = torch.as_tensor(sigma, dtype=torch.float64, device=x.device).expand(len(x))[:, None].square()
        y, scores, means = self.standardise(x).flatten(1).double(), [], []
        for weight, mean, (values, axes) in zip(self.weights, self.means, self._principal(), strict=True):
            along = y - mean if axes is None else (y - mean) @ axes
            scores.append(weight.log() - 0.5 * (along.square() / (values + level) + (values + level).log()).sum(1))
            kept = along * (values / (values + level))
            means.append(mean + (kept if axes is None else kept @ axes.mT))
        posterior = torch.stack(scores, 1).softmax(1)[:, :, None]
        found = (posterior * torch.stack(means, 1)).sum(1).to(x.dtype)
        return self.standardise.inverse(found.unflatten(1, self.x.shape))

    def _principal(self) -> Iterator[tuple[Tensor, Tensor | None]]:
        """Of each component the variances along its axes, (dim,), and the axes as columns, None for the coordinates."""
        for covariance in self.covariances().double():
            if self.covariance == "diagonal":
                yield covariance, None
            else:
                values, axes = torch.linalg.eigh(covariance)
                yield values.clamp(min=torch.finfo(self.dtype).tiny), axes

    def responsibilities(self, x: Tensor) -> Tensor:
        """The posterior of the components given x (n, *x): (n, components), each row of sum 1."""
        return self._log_joint(self.standardise(x).flatten(1)).softmax(1)

    def covariances(self) -> Tensor:
        """Sigma_k: (components, dim, dim), or its diagonals (components, dim)."""
        return self.factors.square() if self.covariance == "diagonal" else self.factors @ self.factors.mT

    def _log_joint(self, y: Tensor, cell_variance: float = 0.0) -> Tensor:
        """log pi_k + E_u log N(y + u; mu_k, Sigma_k), with u of variance `cell_variance`: (n, components)."""
        weights, means, factors = (t.to(y.dtype) for t in (self.weights, self.means, self.factors))
        columns = []
        for mean, factor in zip(means, factors, strict=True):
            if self.covariance == "diagonal":
                square, scales = ((y - mean) / factor).square().sum(1), factor
                precision = factor.pow(-2).sum()
            else:
                inverse = torch.linalg.solve_triangular(factor, torch.eye(len(factor)).to(factor), upper=False)
                square, scales = ((y - mean) @ inverse.mT).square().sum(1), factor.diagonal()
                precision = inverse.square().sum()
            constant = y.shape[1] * math.log(2 * math.pi) + cell_variance * precision
            columns.append(-0.5 * (square + constant) - scales.log().sum())
        return torch.stack(columns, 1) + (weights / weights.sum()).log()  # rounded to float32, they may not sum to 1

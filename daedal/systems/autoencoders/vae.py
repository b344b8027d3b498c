"""VAE: a latent-variable model trained by a bound on its likelihood.

Kingma and Welling 2014, "Auto-encoding variational Bayes", arXiv:1312.6114; Rezende, Mohamed and Wierstra 2014,
arXiv:1401.4082. The importance-weighted bound is Burda, Grosse and Salakhutdinov 2016, arXiv:1509.00519.

    log p(x) >= E_q log p(x | z) - KL(q(z | x) || p(z)),    q(z | x) = N(mean, diag exp(log_variance)),  p(z) = N(0, I)

| code | paper |
|---|---|
| `encoder` | x -> mean, log variance of q(z given x) |
| `decoder` | z -> the outputs that `observation` makes p(x given z) of |
| `beta` | weight of the KL in the loss; the bound reported by `elbo` always has 1 |

Deviations. Adam (Paper: Adagrad). On a grid the default p(x | z) is a probability of the grid value, so that bits
per dimension compare with other discrete models; vectors have a Gaussian with a learned variance.

>>> VAE(Images(1, 28, 28, levels=2)).likelihood, VAE(Images(3, 64, 64)).network
('bernoulli', 'conv')
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import ClassVar, Literal, NamedTuple

import torch
from torch import Tensor, nn

from daedal.capabilities import Bounds, Decodes, Encodes, Given, Samples
from daedal.declare import Fraction, NonNegativeFloat, Paper, PositiveFloat, PositiveInt, Recipe
from daedal.nn.condition import Condition
from daedal.nn.conv import ConvDecoder, ConvEncoder, count_halvings
from daedal.nn.dropout import Dropout
from daedal.nn.mlp import MLP, Activation
from daedal.nn.unused import without
from daedal.play.player import Player, Rate, cosine
from daedal.play.system import System
from daedal.play.turn import Batch, Turn
from daedal.probability.distributions import at_least_single, gaussian_log_prob, reparameterise
from daedal.probability.divergences import kl_from_standard_normal
from daedal.probability.likelihoods import make_likelihood
from daedal.spaces import Images, Space, Vectors

SMALL = 256  # pixels up to which a perceptron does as well as convolutions, and is faster
CONDITION_WIDTH = 64
SIGMA_FLOOR = 1e-3


class Context(NamedTuple):
    """What `given` says: a vector (n or 1, c), and planes (n, c, h, w); None where there is nothing."""

    vector: Tensor | None = None
    planes: Tensor | None = None


class VAE(System, Samples, Bounds, Encodes, Decodes):
    """Latent variables and a bound on the likelihood; blurred but fast, with a smooth space of codes.

    Options:
        latent: dimension of the code z
        network: a perceptron or strided convolutions
        hidden: widths of the hidden layers; with convolutions, channels after each halving; () is a linear model
        activation: the non-linearity between layers
        likelihood: what the decoder's outputs mean; on a grid, all but gaussian are probabilities of the grid value
        sigma_floor: least standard deviation of a gaussian (in standard units), least scale of a logistic; .001 unless
            given
        beta: weight of the KL in the loss; above 1, simpler codes and blurrier reconstructions
        dropout: share of the decoder's hidden units left out in training
        kl: the KL in closed form, or sampled (unbiased, of higher variance)
        given_dropout: share of items whose `given` is left out in training, so that sampling can do without
    """

    accepts = (Images, Vectors)
    recipe = Recipe(batch_size=128, steps=5000, rate=1e-3, epochs=700)
    paper = Paper(
        title="Auto-encoding variational Bayes",
        authors="Kingma, D. P. and Welling, M.",
        year=2014,
        venue="ICLR",
        arxiv="1312.6114",
        space={"space": "Images", "channels": 1, "height": 28, "width": 28, "levels": 2},  # MNIST
        # [M] one hidden layer of 500 tanh units, batches of 100, one noise sample; Adagrad there, Adam here.
        options={"latent": 20, "network": "mlp", "hidden": (500,), "activation": "tanh", "dropout": 0.0},
        recipe=Recipe(batch_size=100, steps=500000, rate=1e-3),
    )
    compiles = ("encoder", "decoder")
    toy: ClassVar = {"latent": 8, "hidden": (32,)}

    def __init__(
        self,
        x: Space,
        given: Mapping[str, Space] | None = None,
        *,
        latent: PositiveInt | None = None,
        network: Literal["mlp", "conv"] | None = None,
        hidden: tuple[PositiveInt, ...] | None = None,
        activation: Literal["silu", "relu", "tanh"] = "silu",
        likelihood: Literal["gaussian", "bernoulli", "binomial", "logistic", "categorical"] | None = None,
        sigma_floor: PositiveFloat | None = None,
        beta: NonNegativeFloat = 1.0,
        dropout: Fraction | None = None,
        kl: Literal["closed", "sampled"] = "closed",
        given_dropout: Fraction = 0.0,
    ):
        super().__init__(x, given)
        self.network = network or _default_network(x, hidden)
        self.hidden = tuple(_default_hidden(x, self.network) if hidden is None else hidden)
        self.latent = latent or _default_latent(x)
        self.activation: Activation = activation
        self.beta, self.kl = beta, kl
        self.dropout = _default_dropout(x, self.network) if dropout is None else dropout
        self.given_dropout = given_dropout
        self.observation = make_likelihood(likelihood, x, sigma_floor or SIGMA_FLOOR)
        self.sigma_floor = _sigma_floor(self.observation.name, sigma_floor)
        self.likelihood = self.observation.name
        self.measure = self.observation.measure
        size = (x.height, x.width) if isinstance(x, Images) and self.network == "conv" else None
        self.condition = Condition(self.given, CONDITION_WIDTH, size=size, dropout=given_dropout)
        self.encoder, self.decoder = _build(self)

    # -- the model

    def context(self, given: Given, n: int) -> Context:
        """What `given` says to encoder and decoder; in training, the same values are left out in both."""
        if not self.given:
            return Context()
        keep = self.condition.keep(n, self.device)
        planes = self.condition.planes(given, n, keep) if self.condition.channels else None
        return Context(self.condition.vector(given, n, keep), planes)

    def posterior(self, x: Tensor, context: Context) -> tuple[Tensor, Tensor]:
        """Mean and log variance of q(z | x) for x in standard units: (n, latent) each."""
        mean, log_variance = at_least_single(self.encoder(x, context)).chunk(2, 1)
        return mean, log_variance

    def outputs(self, z: Tensor, context: Context) -> Tensor:
        """The decoder's outputs for codes z (n, latent), of which `observation` makes p(x | z): (n, outputs, *x)."""
        return at_least_single(self.decoder(z, context))

    def bound_terms(
        self, x: Tensor, context: Context, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """log p(x | z) for z ~ q, and the KL: nats, (n,) each; x in standard units."""
        mean, log_variance = self.posterior(x, context)
        z = reparameterise(mean, log_variance, generator)
        if self.kl == "closed":
            kl = kl_from_standard_normal(mean, log_variance).sum(1)
        else:
            kl = (gaussian_log_prob(z, mean, log_variance) - gaussian_log_prob(z, 0.0, 0.0)).sum(1)
        return self.observation.log_prob(self.outputs(z, context), x), kl

    # -- capabilities

    def elbo(self, x: Tensor, *, given: Given | None = None, generator: torch.Generator | None = None) -> Tensor:
        """E_q log p(x | z) - KL(q || p), one draw of z: nats, (n,)."""
        context = self.context(self.prepare_given(given, len(x)), len(x))
        reconstruction, kl = self.bound_terms(self.standardise(x), context, generator)
        return reconstruction - kl + self.standardise.log_det

    def importance_bound(
        self, x: Tensor, k: int = 50, *, given: Given | None = None, generator: torch.Generator | None = None
    ) -> Tensor:
        """L_k = E log (1/k) sum_i p(x, z_i) / q(z_i | x): nats, (n,), float64. L_1 is the ELBO; L_k rises to log p(x).

        Raises ValueError for k < 1.
        """
        if k < 1:
            raise ValueError(f"'k' of importance_bound must be an integer in [1, inf); got {k}.")
        context, standard = self.context(self.prepare_given(given, len(x)), len(x)), self.standardise(x)
        mean, log_variance = self.posterior(standard, context)
        weights = [self._log_weight(standard, mean, log_variance, context, generator).double() for _ in range(k)]
        return torch.stack(weights).logsumexp(0) - math.log(k) + self.standardise.log_det

    def _log_weight(
        self, x: Tensor, mean: Tensor, log_variance: Tensor, context: Context, generator: torch.Generator | None
    ) -> Tensor:
        """log p(x, z) - log q(z | x) for one draw of z: (n,)."""
        z = reparameterise(mean, log_variance, generator)
        prior = gaussian_log_prob(z, 0.0, 0.0).sum(1)
        posterior = gaussian_log_prob(z, mean, log_variance).sum(1)
        return self.observation.log_prob(self.outputs(z, context), x) + prior - posterior

    @property
    def latent_space(self) -> Vectors:
        """The space of z."""
        return Vectors(self.latent)

    def encode(self, x: Tensor, *, given: Given | None = None) -> Tensor:
        """The mean of q(z | x): (n, latent)."""
        return self.posterior(self.standardise(x), self.context(self.prepare_given(given, len(x)), len(x)))[0]

    def decode(self, z: Tensor, *, given: Given | None = None) -> Tensor:
        """The mean of p(x | z): (n, *x)."""
        context = self.context(self.prepare_given(given, len(z)), len(z))
        return self.standardise.inverse(self.observation.mean(self.outputs(z, context)))

    def draw(
        self,
        n: int,
        given: Given,
        generator: torch.Generator | None,
        *,
        temperature: NonNegativeFloat = 1.0,
        decoder_noise: bool | None = None,
    ) -> Tensor:
        """z from the prior, then for images the mean of p(x | z), as is the custom, and for vectors a draw from it.

        Options:
            temperature: standard deviation of the z drawn; below 1 samples are closer to the average
            decoder_noise: draw from p(x given z), which is what the bound is about, instead of taking its mean
        """
        z = torch.randn((n, self.latent), generator=generator, dtype=self.dtype, device=self.device) * temperature
        outputs = self.outputs(z, self.context(given, n))
        noise = not isinstance(self.x, Images) if decoder_noise is None else decoder_noise
        x = self.observation.sample(outputs, generator) if noise else self.observation.mean(outputs)
        return self.standardise.inverse(x)

    # -- training

    def loss(self, batch: Batch) -> Tensor:
        """Minus the bound with the KL weighted by beta, its mean over the batch: nats."""
        return self._loss(*self._batch_terms(batch))

    def turns(self, batches: Iterator[Batch]) -> Iterator[Turn]:
        """One batch, one step."""
        reconstruction, kl = self._batch_terms(next(batches))
        scalars = {"log-likelihood": reconstruction.detach(), "kl": kl.detach()}
        yield Turn("model", self._loss(reconstruction, kl), scalars=scalars)

    def _loss(self, reconstruction: Tensor, kl: Tensor) -> Tensor:
        return (kl if self.beta == 1 else self.beta * kl) - reconstruction

    def _batch_terms(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The two terms of the bound, their means over the batch; a density sees images dequantised."""
        x = self.standardise(batch.x)
        if self.measure == "lebesgue" and isinstance(self.x, Images):
            x = self.x.dequantise(x)
        reconstruction, kl = self.bound_terms(x, self.context(batch.given, len(batch)))
        reconstruction = reconstruction.mean()
        return reconstruction + self.standardise.log_det if self.standardise.active else reconstruction, kl.mean()

    def players(self) -> dict[str, Player]:
        """All parameters, at a rate that falls to zero along half a cosine."""
        return {"model": Player(self.parameters(), rate=Rate(self.recipe.rate, cosine()))}


def _sigma_floor(likelihood: str, chosen: float | None) -> float | None:
    if likelihood not in ("gaussian", "logistic"):
        return without("sigma_floor", chosen, "VAE", f"with likelihood={likelihood!r}", SIGMA_FLOOR)
    return SIGMA_FLOOR if chosen is None else chosen


def _default_network(x: Space, hidden: tuple[int, ...] | None) -> Literal["mlp", "conv"]:
    if not isinstance(x, Images) or x.height * x.width <= SMALL or hidden == ():
        return "mlp"
    return "conv" if hidden or count_halvings((x.height, x.width)) else "mlp"


def _default_hidden(x: Space, network: str) -> tuple[int, ...]:
    if network == "mlp" or not isinstance(x, Images):
        return (128, 128)
    return tuple(min(32 * 2**i, 256) for i in range(count_halvings((x.height, x.width))))


def _default_dropout(x: Space, network: str) -> float:
    """Small images are few, and a perceptron would learn them by heart."""
    return 0.1 if network == "mlp" and isinstance(x, Images) else 0.0


def _default_latent(x: Space) -> int:
    if not isinstance(x, Images):
        return min(x.dim, 16)
    return 16 if x.height * x.width <= SMALL else 64


def _build(system: VAE) -> tuple[nn.Module, nn.Module]:
    """Encoder and decoder of a VAE whose options are resolved. Raises ValueError where there is nothing to convolve."""
    if system.network == "mlp":
        return _PerceptronEncoder(system), _PerceptronDecoder(system)
    if not isinstance(system.x, Images) or not system.hidden:
        raise ValueError(
            f"'network' of VAE must be 'mlp' for vectors or without hidden layers; got 'conv' for {system.x}."
        )
    return _ConvolutionEncoder(system, system.x), _ConvolutionDecoder(system, system.x)


def _join(x: Tensor, vector: Tensor | None) -> Tensor:
    """x (n, a) and a vector (n or 1, b) side by side: (n, a + b)."""
    return x if vector is None else torch.cat([x, vector.expand(len(x), -1)], 1)


def _context_width(system: VAE) -> int:
    return CONDITION_WIDTH if system.given else 0


class _PerceptronEncoder(nn.Module):
    def __init__(self, system: VAE):
        super().__init__()
        inputs = system.x.dim + _context_width(system)
        self.layers = MLP(inputs, system.hidden, 2 * system.latent, activation=system.activation)

    def forward(self, x: Tensor, context: Context) -> Tensor:
        return self.layers(_join(x.flatten(1), context.vector))


class _PerceptronDecoder(nn.Module):
    def __init__(self, system: VAE):
        super().__init__()
        self.shape = (system.observation.outputs, *system.x.shape)
        inputs = system.latent + _context_width(system)
        outputs, widths = math.prod(self.shape), system.hidden[::-1]
        self.layers = MLP(inputs, widths, outputs, activation=system.activation, dropout=system.dropout)

    def forward(self, z: Tensor, context: Context) -> Tensor:
        return self.layers(_join(z, context.vector)).unflatten(1, self.shape)


class _ConvolutionEncoder(nn.Module):
    def __init__(self, system: VAE, x: Images):
        super().__init__()
        size, planes = (x.height, x.width), system.condition.channels
        channels = x.dim // (x.height * x.width)  # frames count as channels
        self.size = size
        self.layers = ConvEncoder(channels + planes, size, system.hidden, norm="group", activation=system.activation)
        self.head = nn.Linear(self.layers.out_dim + _context_width(system), 2 * system.latent)

    def forward(self, x: Tensor, context: Context) -> Tensor:
        maps = x.reshape(len(x), -1, *self.size)
        if context.planes is not None:
            maps = torch.cat([maps, context.planes], 1)
        return self.head(_join(self.layers(maps).flatten(1), context.vector))


class _ConvolutionDecoder(nn.Module):
    def __init__(self, system: VAE, x: Images):
        super().__init__()
        size, planes = (x.height, x.width), system.condition.channels
        self.shape = (system.observation.outputs, *x.shape)
        channels = math.prod(self.shape) // (x.height * x.width)
        self.layers = ConvDecoder(
            system.hidden[::-1], channels, size, planes=planes, norm="group", activation=system.activation
        )
        self.start = nn.Linear(system.latent + _context_width(system), self.layers.in_dim)
        self.drop = Dropout(system.dropout)

    def forward(self, z: Tensor, context: Context) -> Tensor:
        start = self.drop(self.start(_join(z, context.vector)))
        maps = start.unflatten(1, (self.layers.in_channels, *self.layers.in_size))
        return self.layers(maps, context.planes).unflatten(1, (self.shape[0], -1)).reshape(len(z), *self.shape)

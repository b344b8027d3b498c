"""DDPM: data from noise, in small steps that each take a little of the noise away.

Ho, Jain and Abbeel 2020, "Denoising Diffusion Probabilistic Models", arXiv:2006.11239; official code
hojonathanho/diffusion. Schedule cosine: Nichol and Dhariwal 2021, arXiv:2102.09672. Sampler ddim: Song, Meng and
Ermon 2021, arXiv:2010.02502. Guidance: Ho and Salimans 2022, arXiv:2207.12598.

    L_simple = E over t = 1 .. T, epsilon of |epsilon - epsilon_theta(signal_t x_0 + noise_t epsilon, t)|^2

| code | paper |
|---|---|
| `timesteps` | T; with fewer than 1,000, beta is scaled by 1000 / T |
| `noising` | beta_t, alpha-bar_t and what follows from them; index t as in the paper, 0 the clean item |
| `reverse_variance[t]` | sigma_t^2, the variance of p(x_(t-1) given x_t) |
| `predict_noise` | epsilon_theta(x_t, t) |
| `guidance_scale` s | epsilon_uncond + s (epsilon_cond - epsilon_uncond); s = 1 + w in Ho and Salimans' w |

Deviations. The network's size follows the space, and the rate is annealed, because budgets here are short.
Vectors go through a residual perceptron; L_0 is then a Gaussian density, in standard units corrected to user
units. What is conditioned on is added to the time embedding, and concatenated to the input where it has a place.
As in the official code, estimates of x_0 are clipped to the data's range in sampling and in the bound: [-1, 1] for
images, for vectors the range of each coordinate in the training data (of endless data a wider one than of its first
10,000 items).

>>> DDPM(Vectors(2), timesteps=4).eval().sample(3).shape
torch.Size([3, 2])
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from daedal.capabilities import Bounds, Decodes, Denoises, Encodes, Given, Samples
from daedal.declare import Fraction, NonNegativeFloat, NonNegativeInt, Paper, PositiveInt, Recipe
from daedal.nn.condition import Condition
from daedal.nn.residual import TimedMLP
from daedal.nn.scale import values_of
from daedal.nn.unet import UNet
from daedal.nn.unused import without
from daedal.play.player import Average, Player, Rate, adam, cosine, linear
from daedal.play.system import System
from daedal.play.turn import Batch
from daedal.probability import diffusion, schedules
from daedal.samplers.diffusion import Clean, ancestral, ddim, invert_ddim
from daedal.spaces import Images, Space, Vectors

Sizes = tuple[int, ...]

DDIM_STEPS = 50
SMALL = 16  # pixels a side
MARGIN = 0.25  # on each side of the range of an endless field's first items, as a share of that range
SMALL_IMAGES = Recipe(batch_size=128, steps=2000, rate=2e-3, epochs=215)  # a narrow network bears the rate
VECTORS = Recipe(batch_size=512, steps=5000, rate=3e-3)  # the noise of the loss matters more than the number of steps


class DDPM(System, Samples, Bounds, Encodes, Decodes, Denoises):
    """A denoising diffusion model with a U-Net for images, a residual perceptron for vectors.

    Options:
        timesteps: number of noising steps T; chosen by the space: 200 up to 16 pixels, else 1,000
        schedule: how the noise grows
        variance: of a reverse step, beta (large) or that of the posterior (small)
        weighting: of the training loss, every noise error alike (simple) or the variational bound
        width: channels of the first level (of all layers, for vectors); chosen by the space
        multipliers: channels of each level of images as multiples of `width`; chosen by the space
        blocks: residual blocks a level (in all, for vectors); chosen by the space
        attention: sizes in pixels of the maps of images with self-attention, besides the smallest; chosen by the space
        dropout: share of features dropped in training; chosen by the space
        given_dropout: share of training items that do not see what they are given, for guidance
        bound_steps: steps of the bound that an evaluation visits, drawn by strata; 0 for every step
        average_decay: decay of the running average of the weights
        warmup: share of training in which the rate rises to its peak
        anneal: let the rate fall to zero along a cosine
    """

    paper = Paper(
        title="Denoising Diffusion Probabilistic Models",
        authors="Ho, J., Jain, A. and Abbeel, P.",
        year=2020,
        venue="NeurIPS",
        arxiv="2006.11239",
        space={"space": "Images", "channels": 3, "height": 32, "width": 32, "levels": 256},
        options={
            "timesteps": 1000,
            "schedule": "linear",
            "variance": "large",
            "weighting": "simple",
            "width": 128,
            "multipliers": (1, 2, 2, 2),
            "blocks": 2,
            "attention": (16,),
            "dropout": 0.1,
            "average_decay": 0.9999,  # [M]
            "warmup": 0.00625,  # 5,000 steps
            "anneal": False,
        },
        recipe=Recipe(batch_size=128, steps=800_000, rate=2e-4),  # steps: [M]
    )
    recipe = Recipe(batch_size=128, steps=3000, rate=1e-3)
    compiles = ("network",)
    toy: ClassVar = {"timesteps": 8, "width": 8, "blocks": 1, "dropout": 0.0}
    exempt: ClassVar = {
        "bound_is_below": "an importance weight takes a whole noising path: test_ddpm weighs the paths of a few items"
    }

    low: Tensor
    high: Tensor

    def __init__(
        self,
        x: Space,
        given: Mapping[str, Space] | None = None,
        *,
        timesteps: PositiveInt | None = None,
        schedule: Literal["linear", "cosine"] = "linear",
        variance: Literal["large", "small"] = "large",
        weighting: Literal["simple", "bound"] = "simple",
        width: PositiveInt | None = None,
        multipliers: tuple[PositiveInt, ...] | None = None,
        blocks: PositiveInt | None = None,
        attention: tuple[PositiveInt, ...] | None = None,
        dropout: Fraction | None = None,
        given_dropout: Fraction = 0.0,
        bound_steps: NonNegativeInt = 20,
        average_decay: Fraction = 0.999,
        warmup: Fraction = 0.02,
        anneal: bool = True,
    ):
        super().__init__(x, given)
        size = _size(x)
        if not isinstance(x, Images):
            self.recipe = VECTORS
        elif max(x.height, x.width) <= SMALL:
            self.recipe = SMALL_IMAGES
        self.timesteps = size["timesteps"] if timesteps is None else timesteps
        self.schedule, self.weighting = schedule, weighting
        self.variance: diffusion.Variance = variance
        self.width = size["width"] if width is None else width
        self.multipliers, self.attention = _levels(x, multipliers, attention)
        self.blocks = size["blocks"] if blocks is None else blocks
        self.dropout = size["dropout"] if dropout is None else dropout
        self.given_dropout, self.bound_steps = given_dropout, bound_steps
        self.average_decay, self.warmup, self.anneal = average_decay, warmup, anneal

        self.noising = {"linear": schedules.linear, "cosine": schedules.cosine}[schedule](self.timesteps)
        self.reverse_variance = diffusion.reverse_variance(self.noising, variance)
        self.measure = "counting" if isinstance(x, Images) else "lebesgue"
        self._build(x)

    def _build(self, x: Space) -> None:
        if not isinstance(x, Images):
            self.register_buffer("low", torch.full(x.shape, -torch.inf))
            self.register_buffer("high", torch.full(x.shape, torch.inf))
            self.network = TimedMLP(x.dim, x.dim, width=self.width, blocks=self.blocks, dropout=self.dropout)
            self.condition = Condition(self.given, self.network.embedding_dim, dropout=self.given_dropout)
            return
        size, channels = (x.height, x.width), x.channels * (x.frames or 1)
        self.condition = Condition(self.given, 4 * self.width, size=size, dropout=self.given_dropout)
        self.network = UNet(
            channels + self.condition.channels,
            channels,
            size,
            width=self.width,
            multipliers=self.multipliers or (),
            blocks=self.blocks,
            attention=self.attention or (),
            dropout=self.dropout,
        )

    # -- training

    def fit_scale(self, items: Any) -> None:
        """Learn units and range of the data (vectors only)."""
        super().fit_scale(items)
        if not isinstance(self.x, Images):
            ranges = [torch.aminmax(self.standardise(x), dim=0) for x in values_of(items, self.roles["x"])]
            low = torch.stack([one.min for one in ranges]).amin(0)
            high = torch.stack([one.max for one in ranges]).amax(0)
            # Of an endless field later items lie farther out; what is beyond its first costs them nothing then.
            margin = 0.0 if hasattr(items, "__len__") else MARGIN * (high - low)
            self.low.copy_(low - margin)
            self.high.copy_(high + margin)

    def players(self) -> dict[str, Player]:
        """One player, with the running average that sampling and the bound use."""
        shape = cosine(self.warmup) if self.anneal else linear(self.warmup, end=1.0)
        rate = Rate(self.recipe.rate, shape)
        return {"model": Player(self.parameters(), adam, rate, average=Average(self.average_decay), clip=1.0)}

    def loss(self, batch: Batch) -> Tensor:
        """L_simple a dimension, or an estimate of the variational bound in nats a dimension."""
        x, n = self.standardise(batch.x), len(batch)
        t = torch.randint(1, self.timesteps + 1, (n,), device=x.device)
        noise, keep = torch.randn_like(x), self.condition.keep(n, x.device)
        predicted = self.predict_noise(self._noised(x, noise, t), t, batch.given, keep)
        if self.weighting == "simple":
            return (noise - predicted).square().mean()
        clean = x + self._ratio(t, x) * (noise - predicted)
        return self.timesteps * self._terms(x, clean, t).mean() / self.x.dim

    def predict_noise(self, x_t: Tensor, t: Tensor, given: Given, keep: Mapping[str, Tensor] | None = None) -> Tensor:
        """epsilon_theta(x_t, t): x_t (n, *x) in standard units, t (n,) in [1, T], not only integers."""
        n = len(x_t)
        time = (t.to(x_t) - 1) * (1000 / self.timesteps)  # the network always sees 0 .. 1,000
        vector = self.condition.vector(given, n, keep) if self.given else None
        if not isinstance(self.x, Images):
            return self.network(x_t, time, vector)
        maps = x_t.reshape(n, -1, self.x.height, self.x.width)
        if self.condition.channels:
            maps = torch.cat([maps, self.condition.planes(given, n, keep)], 1)
        return self.network(maps, time, vector).reshape(x_t.shape)

    def _noised(self, x: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """x_t at t (n,) of 1 .. T."""
        return self._table(self.noising.signal, t, x) * x + self._table(self.noising.noise, t, x) * noise

    def _ratio(self, t: Tensor, x: Tensor) -> Tensor:
        """noise_t / signal_t: the error of x_0-hat is so much times that of epsilon-hat."""
        return self._table(self.noising.noise / self.noising.signal, t, x)

    def _table(self, table: Tensor, t: Tensor, x: Tensor) -> Tensor:
        """Entries of a float64 table at t (n,), to be multiplied with x (n, ...)."""
        return table.to(t.device)[t].to(x).reshape(-1, *[1] * (x.ndim - 1))

    # -- the bound

    def elbo(self, x: Tensor, *, given: Given | None = None, generator: torch.Generator | None = None) -> Tensor:
        """The variational bound with all its terms, on the probability of the grid value for images: nats, (n,).

        L_T and L_0 are always there; of the others `bound_steps` are visited, one drawn from each stratum of
        neighbouring steps and counted as often as its stratum has steps, which leaves the expectation as it is.
        """
        given, clean_x = self.prepare_given(given, len(x)), self.standardise(x)
        total = diffusion.prior_term(self.noising, clean_x)
        for low, high in [(1, 1), *self._strata()]:
            draw = torch.rand(len(x), generator=generator, device=x.device, dtype=torch.float64)
            t = low + (draw * (high - low + 1)).long()
            total = total + (high - low + 1) * self._bound_at(clean_x, t, given, generator)
        return self.standardise.log_det - total

    def bound_terms(self, x: Tensor, *, given: Given | None = None, generator: torch.Generator | None = None) -> Tensor:
        """L_0, L_1, ..., L_T of each item, in standard units for vectors: nats, (n, T + 1), `elbo` visiting all."""
        given, clean_x, n = self.prepare_given(given, len(x)), self.standardise(x), len(x)
        times = [torch.full((n,), t, device=x.device) for t in range(1, self.timesteps + 1)]
        terms = [self._bound_at(clean_x, t, given, generator) for t in times]
        return torch.stack([*terms, diffusion.prior_term(self.noising, clean_x)], 1)

    def _strata(self) -> list[tuple[int, int]]:
        """First and last step of each stratum of 2 .. T, the late ones (which matter less) being longer."""
        count = self.timesteps - 1
        strata = min(self.bound_steps or count, count)
        ends = [max(i, round(count * (i / max(1, strata)) ** 2)) for i in range(strata + 1)]
        return [(low + 2, high + 1) for low, high in pairwise(ends)]

    def _bound_at(self, x: Tensor, t: Tensor, given: Given, generator: torch.Generator | None) -> Tensor:
        """L_(t-1) of x (n, *x) in standard units at t (n,), all 1 or none: nats, (n,)."""
        noise = torch.randn(x.shape, generator=generator, dtype=x.dtype, device=x.device)
        predicted = self.predict_noise(self._noised(x, noise, t), t, given)
        return self._terms(x, self._within(x + self._ratio(t, x) * (noise - predicted)), t)

    def _terms(self, x: Tensor, clean: Tensor, t: Tensor) -> Tensor:
        """L_(t-1) where the model took x_t for `clean`, at any t (n,): nats, (n,)."""
        first, variance = t == 1, self.reverse_variance
        terms = diffusion.step_terms(self.noising, variance, x, clean, t.clamp(min=2)) if not first.all() else None
        if terms is not None and not first.any():
            return terms
        clean = torch.where(first.reshape(-1, *[1] * (x.ndim - 1)), clean, x)  # no overflow where it is not used
        if isinstance(self.x, Images):
            last = diffusion.cell_term(variance, x, clean, self.x)
        else:
            last = diffusion.point_term(variance, x, clean)
        return last if terms is None else torch.where(first, last, terms)

    def _within(self, clean: Tensor) -> Tensor:
        """What x_0 is expected to be cannot lie outside of where it is."""
        return clean.clamp(-1, 1) if isinstance(self.x, Images) else clean.clamp(self.low, self.high)

    # -- the other verbs

    def denoise(self, x: Tensor, sigma: Tensor, *, given: Given | None = None) -> Tensor:
        """E[x0 | x = x0 + sigma * noise], sigma (n,) or a scalar, from the step whose noise / signal is sigma.

        For vectors the noise is in standard deviations of each coordinate. Between the steps, time is interpolated.
        """
        given, noisy = self.prepare_given(given, len(x)), self.standardise(x)
        sigma = torch.as_tensor(sigma, dtype=x.dtype, device=x.device).expand(len(x))
        wide = sigma.reshape(-1, *[1] * (x.ndim - 1))
        noise = self.predict_noise(noisy / (1 + wide.square()).sqrt(), self.noising.time_at(sigma), given)
        return self.standardise.inverse(self._within(noisy - wide * noise))

    @property
    def latent_space(self) -> Vectors:
        """The noise that ddim at eta 0 starts from, flat: as many numbers as the item has."""
        return Vectors(self.x.dim)

    def encode(self, x: Tensor, *, given: Given | None = None) -> Tensor:
        """The noise from which `decode` makes (nearly) x, by the steps of ddim upwards: (n, dim)."""
        clean = self._clean(self.prepare_given(given, len(x)), 1.0, clip=True)
        return invert_ddim(clean, self.standardise(x), self.noising, self._times(None, "ddim")).flatten(1)

    def decode(self, z: Tensor, *, given: Given | None = None) -> Tensor:
        """The item that `sample` makes from noise z (n, dim) by default: (n, *x)."""
        clean = self._clean(self.prepare_given(given, len(z)), 1.0, clip=True)
        noise = z.reshape(len(z), *self.x.shape)
        return self.standardise.inverse(ddim(clean, noise, self.noising, self._times(None, "ddim")))

    def draw(
        self,
        n: int,
        given: Given,
        generator: torch.Generator | None,
        *,
        sampler: Literal["ddim", "ancestral"] = "ddim",
        num_steps: PositiveInt | None = None,
        eta: NonNegativeFloat = 0.0,
        guidance_scale: NonNegativeFloat = 1.0,
        clip: bool = True,
    ) -> Tensor:
        """Items from noise.

        Options:
            sampler: ddim (few steps, deterministic at eta 0) or ancestral (the paper's)
            num_steps: network evaluations; by default 50 for ddim, every step for ancestral
            eta: noise of ddim, from 0 to 1 (as much as ancestral sampling with the small variance)
            guidance_scale: 1 samples what is given as it is, more exaggerates it (needs given_dropout > 0)
            clip: keep the estimated clean item within the range of the data at every step
        """
        times = self._times(num_steps, sampler)
        if eta > 1:
            raise ValueError(f"'eta' of sample must be a float in [0, 1]; got {eta}.")
        x = torch.randn(n, *self.x.shape, generator=generator, dtype=self.dtype, device=self.device)
        clean = self._clean(given, guidance_scale, clip)
        if sampler == "ddim":
            x = ddim(clean, x, self.noising, times, eta=eta, generator=generator)
        else:
            x = ancestral(clean, x, self.noising, times, variance=self.variance, generator=generator)
        return self.standardise.inverse(x)

    def _times(self, num_steps: int | None, sampler: str) -> list[int]:
        default = min(DDIM_STEPS, self.timesteps) if sampler == "ddim" else self.timesteps
        count = default if num_steps is None else num_steps
        if not 1 <= count <= self.timesteps:
            raise ValueError(f"'num_steps' of sample must be an integer in [1, {self.timesteps}]; got {count}.")
        return schedules.spaced_times(self.timesteps, count)

    def _clean(self, given: Given, scale: float, clip: bool) -> Clean:
        """The estimate of x_0 that the samplers ask for."""
        if scale != 1 and not (self.given and self.given_dropout):
            raise ValueError("'guidance_scale' of sample other than 1 needs a system trained with given_dropout > 0.")

        def clean(x_t: Tensor, t: int) -> Tensor:
            time = torch.full((len(x_t),), t, device=x_t.device)
            noise = self._guided(x_t, time, given, scale)
            x_0 = (x_t - float(self.noising.noise[t]) * noise) / float(self.noising.signal[t])
            return self._within(x_0) if clip else x_0

        return clean

    def _guided(self, x_t: Tensor, t: Tensor, given: Given, scale: float) -> Tensor:
        if scale == 1:
            return self.predict_noise(x_t, t, given)
        blind = self.predict_noise(x_t, t, {})
        return blind if scale == 0 else blind + scale * (self.predict_noise(x_t, t, given) - blind)


def _size(x: Space) -> dict[str, Any]:
    """Defaults that train on a CPU within minutes."""
    if not isinstance(x, Images):
        return {"timesteps": 1000, "width": 128, "blocks": 3, "dropout": 0.0}
    side = max(x.height, x.width)
    if side <= SMALL:
        return {"timesteps": 200, "width": 32, "blocks": 1, "dropout": 0.3}
    return {"timesteps": 1000, "width": 64 if side <= 32 else 32, "blocks": 1, "dropout": 0.1}


def _levels(x: Space, multipliers: Sizes | None, attention: Sizes | None) -> tuple[Sizes | None, Sizes | None]:
    """Multipliers and attention as resolved; vectors have neither."""
    if not isinstance(x, Images):
        for option, value in (("multipliers", multipliers), ("attention", attention)):
            without(option, value, "DDPM", "for vectors", (), paper=DDPM.paper.options)
        return None, None
    side = max(x.height, x.width)
    levels = max(3, (side - 1).bit_length() - 2)  # down to 8 pixels or less
    deep, maps = tuple(min(4, 2**level) for level in range(levels)), (16,)
    if side <= 32:
        deep, maps = ((1, 2), ()) if side <= SMALL else ((1, 2, 2), (8,))
    return deep if multipliers is None else tuple(multipliers), maps if attention is None else tuple(attention)

"""The Wasserstein GAN with a penalty on the critic's gradient, and with the weight clipping that it replaced.

Gulrajani et al. 2017 (WGAN-GP, arXiv:1704.00028); Arjovsky, Chintala and Bottou 2017 (WGAN, arXiv:1701.07875) for
`constraint="clipping"`.

The critic C approaches the Kantorovich potential of W1(p, q) = sup E_p C - E_q C over 1-Lipschitz C: several turns of
the critic for one of the synthesiser, and no batch normalisation in it, since a penalty on each item's gradient
needs scores that depend on that item alone.

The paper's configuration is the DCGAN baseline of the authors' code (gan_64x64.py there, whose default is a residual
network): 128 numbers of noise, a critic of 64 to 512 channels, 200,000 rounds of 64 items. There: the synthesiser
starts at 512 channels, kernels are 5x5, and the critic is normalised by layer and starts from N(0, 0.02^2); here: it
starts at 1,024 channels, as in DCGAN's paper, kernels are 4x4, and the critic is not normalised and starts as He et
al. 2015 have it, as for every other size (see `daedal.nn.dcgan`).

Paper: penalty weight 10, and 0.1 in the authors' code for points (igul222/improved_wgan_training, gan_toy.py); here:
1 for points, because 10 loses modes of ring8 in 3,000 steps and 0.1 leaves the critic's slope near 1.5.

Paper: the last weights are used; here: the synthesiser's running average, which samples better. Items of up to
2,048 numbers are learned at ten times the paper's rate, which a minute of training needs.

>>> WGANGP(Vectors(2)).penalty_weight, WGANGP(Images(3, 64, 64)).penalty_weight
(1.0, 10.0)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import ClassVar, Literal

import torch
from torch import Tensor

from daedal.capabilities import Decodes, Given, Samples
from daedal.declare import NonNegativeFloat, Paper, PositiveFloat, PositiveInt, Recipe
from daedal.losses.adversarial import GAMES
from daedal.losses.penalties import gradient_norms, interpolate, one_centred
from daedal.nn.dcgan import LARGE, default_width, make_discriminator, make_synthesiser
from daedal.nn.noise import FromNoise
from daedal.nn.unused import without
from daedal.play.player import Average, Player, Rate, adam, constant, linear
from daedal.play.system import System
from daedal.play.turn import Batch, Tell, Turn
from daedal.probability.distributions import at_least_single
from daedal.spaces import Images, Space, Vectors

CLIP_LIMIT = 0.01
POINTS = Recipe(batch_size=256, steps=3000, rate=1e-3)  # falling to zero: modes of points are narrow


class WGANGP(FromNoise, System, Samples, Decodes):
    """A synthesiser that lowers the Wasserstein distance that a nearly 1-Lipschitz critic estimates.

    Options:
        latent: numbers of noise that a sample is made of
        width: channels of the critic's first layer, half the synthesiser's last; for vectors, of every layer
        critic_steps: turns of the critic for one of the synthesiser
        penalty_weight: weight of the gradient penalty; chosen by the space: 10 for images, 1 for points
        constraint: how the critic is kept nearly 1-Lipschitz: gradient penalty, or the first WGAN's clipping of weights
        clip_limit: with clipping, the greatest absolute value of any parameter of the critic; .01 unless given
    """

    paper = Paper(
        title="Improved Training of Wasserstein GANs",
        authors="Gulrajani, I. and Ahmed, F. and Arjovsky, M. and Dumoulin, V. and Courville, A.",
        year=2017,
        venue="NeurIPS",
        arxiv="1704.00028",
        space={"space": "Images", "channels": 3, "height": 64, "width": 64},
        options={"latent": 128, "width": 64, "penalty_weight": 10.0},
        recipe=Recipe(batch_size=64, steps=200000, rate=1e-4),
    )
    recipe = Recipe(batch_size=32, steps=2000, rate=1e-3, epochs=350)
    compiles = ("synthesiser",)  # not the critic, whose gradient is differentiated once more
    toy: ClassVar = {"latent": 8, "width": 8, "critic_steps": 2}

    def __init__(
        self,
        x: Space,
        given: Mapping[str, Space] | None = None,
        *,
        latent: PositiveInt | None = None,
        width: PositiveInt | None = None,
        critic_steps: PositiveInt = 5,
        penalty_weight: NonNegativeFloat | None = None,
        constraint: Literal["penalty", "clipping"] = "penalty",
        clip_limit: PositiveFloat | None = None,
    ):
        super().__init__(x, given)
        self.latent = latent or (64 if isinstance(x, Images) else max(8, x.dim))
        self.width = width or default_width(x)
        if isinstance(x, Vectors):
            self.recipe = POINTS
        elif x.dim > LARGE:
            self.recipe = replace(self.recipe, rate=self.paper.recipe.rate)
        if constraint == "clipping":
            self.recipe = replace(self.recipe, rate=5e-5)  # as Arjovsky et al. 2017 have it
        self.critic_steps = critic_steps
        self.constraint = constraint
        self.penalty_weight, self.clip_limit = _strengths(x, constraint, penalty_weight, clip_limit)
        self.synthesiser = make_synthesiser(x, self.given, latent=self.latent, width=self.width)
        self.critic = make_discriminator(x, self.given, width=self.width, norm="none")

    def players(self) -> dict[str, Player]:
        """Critic and synthesiser, each with Adam as the paper sets it; with clipping RMSprop, as that paper has it."""
        optimizer = partial(adam, betas=(0.0, 0.9))
        rate = Rate(self.recipe.rate, linear() if isinstance(self.x, Vectors) else constant)
        if self.constraint == "clipping":
            optimizer, rate = torch.optim.RMSprop, Rate(self.recipe.rate)  # momentum unsettles a clipped critic
        return {
            "critic": Player(self.critic.parameters(), optimizer, rate),
            "synthesiser": Player(self.synthesiser.parameters(), optimizer, rate, average=Average(0.999)),
        }

    def turns(self, batches: Iterator[Batch]) -> Iterator[Turn | Tell]:
        """The critic's turns, then one of the synthesiser, under the `given` of the last batch."""
        for _ in range(self.critic_steps):
            batch = next(batches)
            yield self._critic_turn(batch)
            if self.constraint == "clipping":
                yield Tell(self.clip_critic)
        given = batch.given  # pyright: ignore[reportPossiblyUnbound]
        fake = self.critic(self.synthesiser.generate(len(batch), given), given)  # pyright: ignore[reportPossiblyUnbound]
        yield Turn("synthesiser", GAMES["wasserstein"].synthesiser(at_least_single(fake)))

    def _critic_turn(self, batch: Batch) -> Turn:
        with torch.no_grad():
            fake = self.synthesiser.generate(len(batch), batch.given)
        real = self.standardise(batch.x)
        twice = {name: torch.cat([value, value]) for name, value in batch.given.items()}
        scores = at_least_single(self.critic(torch.cat([real, fake]), twice))
        loss = GAMES["wasserstein"].discriminator(*scores.chunk(2))
        scalars = {"distance": -loss.detach()}
        if self.penalty_weight is not None:
            norms = gradient_norms(lambda x: self.critic(x, batch.given), interpolate(real, fake))
            loss = loss + self.penalty_weight * one_centred(norms)
            scalars["slope"] = norms.detach().mean()
        return Turn("critic", loss, scalars=scalars)

    @torch.no_grad()
    def clip_critic(self) -> None:
        """Clip every parameter of the critic, biases too, to [-clip_limit, clip_limit]."""
        assert self.clip_limit is not None
        for parameter in self.critic.parameters():
            parameter.clamp_(-self.clip_limit, self.clip_limit)

    def draw(
        self, n: int, given: Given, generator: torch.Generator | None, *, truncation: PositiveFloat | None = None
    ) -> Tensor:
        """Noise through the synthesiser.

        Options:
            truncation: noise beyond this many standard deviations is not used; less variety, fewer outliers
        """
        return self.decode(self.synthesiser.noise(n, truncation, generator), given=given)


def _strengths(
    x: Space, constraint: str, weight: float | None, limit: float | None
) -> tuple[float | None, float | None]:
    """Penalty weight and clip limit as resolved: the one that the constraint needs, and None for the other."""
    default = 1.0 if isinstance(x, Vectors) else 10.0
    if constraint == "clipping":
        paper = WGANGP.paper.options
        none = without("penalty_weight", weight, "WGANGP", "with constraint='clipping'", default, paper=paper)
        return none, CLIP_LIMIT if limit is None else limit
    none = without("clip_limit", limit, "WGANGP", "unless constraint='clipping'", CLIP_LIMIT)
    return default if weight is None else weight, none

"""The generative adversarial network, as convolutions made it work: DCGAN at any size, perceptrons for vectors.

Goodfellow et al. 2014 (arXiv:1406.2661) for the game, in its non-saturating form; Radford, Metz and Chintala 2016
(DCGAN, arXiv:1511.06434) for the networks (see `daedal.nn.dcgan`) and the training; Mirza and Osindero 2014
(arXiv:1411.1784) for `given`.

Paper: z ~ U(-1, 1); here: N(0, I), so that noise can be interpolated and truncated.
Paper: the last weights are used; here: their running average, which samples better. Items of up to 2,048 numbers
are learned at 2.5 times the paper's rate, which a minute of training needs.

>>> GAN(Images(3, 32, 32)).eval().decode(torch.zeros(4, 64)).shape
torch.Size([4, 3, 32, 32])
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import ClassVar, Literal

import torch
from torch import Tensor

from daedal.capabilities import Decodes, Given, Samples
from daedal.declare import Fraction, Paper, PositiveFloat, PositiveInt, Recipe
from daedal.losses.adversarial import GAMES, accuracy
from daedal.nn.dcgan import LARGE, default_width, make_discriminator, make_synthesiser
from daedal.nn.noise import FromNoise
from daedal.nn.unused import without
from daedal.play.player import Average, Player, Rate, adam
from daedal.play.system import System
from daedal.play.turn import Batch, Turn
from daedal.probability.distributions import at_least_single
from daedal.spaces import Images, Space

SMALL = 768  # numbers an item, 16x16 in colour: such sets are small


class GAN(FromNoise, System, Samples, Decodes):
    """A synthesiser that learns to fool a discriminator; conditional where `given` has spaces.

    Options:
        latent: numbers of noise that a sample is made of
        width: channels of the discriminator's first layer, half the synthesiser's last; for vectors, of every layer
        loss: the game that the two play
        discriminator_steps: turns of the discriminator for one of the synthesiser
        dropout: share of the discriminator's last features left out in training, for images; chosen by the space
    """

    paper = Paper(
        title="Unsupervised Representation Learning with Deep Convolutional Generative Adversarial Networks",
        authors="Radford, A. and Metz, L. and Chintala, S.",
        year=2016,
        venue="ICLR",
        arxiv="1511.06434",
        space={"space": "Images", "channels": 3, "height": 64, "width": 64},
        options={"latent": 100, "width": 64, "dropout": 0.0},
        recipe=Recipe(batch_size=128, steps=100000, rate=2e-4),
    )
    recipe = Recipe(batch_size=64, steps=4000, rate=5e-4, epochs=300)
    compiles = ("synthesiser", "discriminator")
    toy: ClassVar = {"latent": 8, "width": 8}

    def __init__(
        self,
        x: Space,
        given: Mapping[str, Space] | None = None,
        *,
        latent: PositiveInt | None = None,
        width: PositiveInt | None = None,
        loss: Literal["non-saturating"] = "non-saturating",
        discriminator_steps: PositiveInt = 1,
        dropout: Fraction | None = None,
    ):
        super().__init__(x, given)
        self.latent = latent or (64 if isinstance(x, Images) else max(8, x.dim))
        self.width = width or default_width(x)
        if x.dim > LARGE:
            self.recipe = replace(self.recipe, rate=self.paper.recipe.rate)
        self.loss = loss  # pyright: ignore[reportAttributeAccessIssue]: the option has the field's name
        self.discriminator_steps = discriminator_steps
        self.dropout = _dropout(x, dropout)
        self.synthesiser = make_synthesiser(x, self.given, latent=self.latent, width=self.width)
        self.discriminator = make_discriminator(x, self.given, width=self.width, dropout=self.dropout or 0.0)

    def players(self) -> dict[str, Player]:
        """Discriminator and synthesiser, each with Adam as DCGAN sets it."""
        optimizer, rate = partial(adam, betas=(0.5, 0.999)), Rate(self.recipe.rate)
        return {
            "discriminator": Player(self.discriminator.parameters(), optimizer, rate),
            "synthesiser": Player(self.synthesiser.parameters(), optimizer, rate, average=Average(0.999)),
        }

    def turns(self, batches: Iterator[Batch]) -> Iterator[Turn]:
        """The discriminator's turns, then one of the synthesiser, on the labels of the last batch."""
        game = GAMES[self.options["loss"]]
        for _ in range(self.discriminator_steps):
            batch = next(batches)
            with torch.no_grad():
                items = self.synthesiser.generate(len(batch), batch.given)
            real = at_least_single(self.discriminator(self.standardise(batch.x), batch.given))
            fake = at_least_single(self.discriminator(items, batch.given))
            yield Turn("discriminator", game.discriminator(real, fake), scalars={"accuracy": accuracy(real, fake)})
        given = batch.given  # pyright: ignore[reportPossiblyUnbound]
        fake = self.discriminator(self.synthesiser.generate(len(batch), given), given)  # pyright: ignore[reportPossiblyUnbound]
        yield Turn("synthesiser", game.synthesiser(at_least_single(fake)))

    def draw(
        self, n: int, given: Given, generator: torch.Generator | None, *, truncation: PositiveFloat | None = None
    ) -> Tensor:
        """Noise through the synthesiser.

        Options:
            truncation: noise beyond this many standard deviations is not used; less variety, fewer outliers
        """
        return self.decode(self.synthesiser.noise(n, truncation, generator), given=given)


def _dropout(x: Space, chosen: float | None) -> float | None:
    """Without it the discriminator learns small sets of images by heart, and then the synthesiser does."""
    default = 0.5 if x.dim <= SMALL else 0.0
    if not isinstance(x, Images):
        return without("dropout", chosen, "GAN", "for vectors", default, paper=GAN.paper.options)
    return default if chosen is None else chosen

"""GAN (Goodfellow et al. 2014): the best discriminator measures a divergence; the saturating loss starves its loser."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import softplus

from daedal.claims.claim import Claim, Measured
from daedal.claims.setting import QUICK, digits, items
from daedal.losses.adversarial import GAMES
from daedal.play.player import adam
from daedal.spaces import Vectors
from daedal.systems.factory import create

GAME = GAMES["non-saturating"]
APART = (0.0, 1.0, 2.0, 4.0)  # between the means of two Gaussians of variance 1
HELD_OUT = 200_000  # draws of each: they leave an error of about 0.002 nats
WON = 200  # turns of a discriminator, after which it has won against a synthesiser that has not begun
BATCH = 64


def jensen_shannon(apart: float) -> float:
    """JSD of N(0, 1) and N(apart, 1) in nats, by quadrature: H of the mixture less the mean of both H."""
    x = torch.linspace(-12, 12 + apart, 200_001, dtype=torch.float64)
    p, q = (torch.distributions.Normal(mean, 1.0).log_prob(x).exp() for mean in (0.0, apart))
    mixture = (p + q) / 2
    entropy = -torch.trapezoid(torch.special.xlogy(mixture, mixture), x).item()
    return entropy - 0.5 * math.log(2 * math.pi * math.e)


def found(apart: float, seed: int, steps: int) -> float:
    """(log 4 - the trained discriminator's loss on unseen draws) / 2."""
    generator = torch.Generator().manual_seed(seed)
    discriminator: Any = create("gan", {"x": Vectors(1)}, seed=seed).discriminator
    optimizer = adam(discriminator.parameters(), lr=1e-3)

    def loss(n: int) -> Tensor:
        real, fake = torch.randn(2, n, 1, generator=generator)
        return GAME.discriminator(discriminator(real, {}), discriminator(fake + apart, {}))

    for _ in range(steps):
        optimizer.zero_grad()
        loss(512).backward()
        optimizer.step()
    with torch.no_grad():
        return (math.log(4) - loss(HELD_OUT).item()) / 2


def divergence(seed: int, quick: bool) -> Measured:
    """The greatest error over all distances, in nats."""
    steps = round(2000 * (QUICK if quick else 1))
    errors = {f"apart_{apart:g}": found(apart, seed, steps) - jensen_shannon(apart) for apart in APART}
    return Measured(max(map(abs, errors.values())), 0.02, errors)


def gradients(seed: int, quick: bool) -> Measured:
    """log10 of the norm of the synthesiser's gradient in the two games, on the same fakes."""
    system: Any = create("gan", digits(), seed=seed)
    x, optimizer = items(digits(), "train"), adam(system.discriminator.parameters(), lr=system.recipe.rate)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for _ in range(WON):
            real, fake = x[torch.randint(len(x), (BATCH,))], system.synthesiser.generate(BATCH, {}).detach()
            optimizer.zero_grad()
            GAME.discriminator(system.discriminator(real, {}), system.discriminator(fake, {})).backward()
            optimizer.step()
        logits = system.discriminator(system.synthesiser.generate(10 * BATCH, {}), {})
    losses = (GAME.synthesiser(logits), -softplus(logits).mean())  # the second: E log(1 - D)
    parts = [torch.autograd.grad(loss, list(system.synthesiser.parameters()), retain_graph=True) for loss in losses]
    fair, starved = (math.log10(torch.cat([g.flatten() for g in part]).norm().item()) for part in parts)
    return Measured(fair, starved, {"belief_in_fakes": logits.sigmoid().mean().item()})


CLAIMS = (
    Claim(
        "gan.divergence",
        "the best discriminator's loss is log 4 - 2 JSD",
        "greatest error in nats of the JSD that a trained one finds, two Gaussians 0, 1, 2 and 4 apart, unseen draws",
        "0.02 nats",
        bar=0.0,
        better="lower",
        seconds=45,
        measure=divergence,
    ),
    Claim(
        "gan.gradients",
        "early in learning the non-saturating loss gives much stronger gradients",
        f"log10 of the norm of the synthesiser's gradient, digits, after {WON} turns of the discriminator alone",
        "log(1 - D), the same fakes",
        bar=1.0,
        better="higher",
        seconds=10,
        measure=gradients,
    ),
)

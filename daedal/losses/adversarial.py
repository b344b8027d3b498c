"""Games of two losses on logits, by name. All are minimised; C is the discriminator's logit, sp the softplus.

| name | discriminator (or critic) | synthesiser | source |
|---|---|---|---|
| non-saturating | E_real sp(-C) + E_fake sp(C) | E_fake sp(-C) | Goodfellow et al. 2014, arXiv:1406.2661 |
| wasserstein | E_fake C - E_real C | -E_fake C | Arjovsky et al. 2017, arXiv:1701.07875 |

>>> import torch
>>> game = GAMES["non-saturating"]
>>> float(game.discriminator(torch.zeros(3), torch.zeros(3)))  # a coin: log 4
1.3862943649291992
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import softplus


@dataclass(frozen=True)
class Game:
    """Two losses, each a scalar: `discriminator(real, fake)` of logits (n,), and `synthesiser(fake)`."""

    discriminator: Callable[[Tensor, Tensor], Tensor]
    synthesiser: Callable[[Tensor], Tensor]


def _non_saturating_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    return softplus(-real).mean() + softplus(fake).mean()


def _non_saturating_synthesiser(fake: Tensor) -> Tensor:
    return softplus(-fake).mean()


def _wasserstein_critic(real: Tensor, fake: Tensor) -> Tensor:
    return fake.mean() - real.mean()


def _wasserstein_synthesiser(fake: Tensor) -> Tensor:
    return -fake.mean()


GAMES: dict[str, Game] = {
    "non-saturating": Game(_non_saturating_discriminator, _non_saturating_synthesiser),
    "wasserstein": Game(_wasserstein_critic, _wasserstein_synthesiser),
}


def accuracy(real: Tensor, fake: Tensor) -> Tensor:
    """Share of logits, (n,) each, whose sign is right: one half when the discriminator has to guess."""
    return 0.5 * ((real > 0).float().mean() + (fake < 0).float().mean())

"""VAE (Kingma and Welling 2014) and its importance-weighted bounds (Burda et al. 2016) on the digits."""

from __future__ import annotations

import math
from functools import cache
from itertools import pairwise
from typing import Any

import torch

from daedal.claims.claim import Claim, Measured
from daedal.claims.setting import digits, items, pixel_table_bits, trained
from daedal.play.settings import Run

STEPS = 5000
LADDER = (1, 5, 50, 500)


@cache
def run(seed: int, quick: bool) -> Run:
    """One VAE a seed serves all its claims."""
    return trained("vae", digits(), seed=seed, quick=quick, steps=STEPS, latent=8, likelihood="binomial")


@cache
def ladder(seed: int, quick: bool) -> dict[int, float]:
    """Held-out bits per dimension of L_k for k in LADDER."""
    system: Any = run(seed, quick).system
    x = items(digits())
    dim = x[0].numel() * math.log(2)
    with torch.no_grad():
        draws = {k: torch.Generator().manual_seed(seed) for k in LADDER}
        return {k: -system.importance_bound(x, k, generator=draws[k]).mean().item() / dim for k in LADDER}


def bound(seed: int, quick: bool) -> Measured:
    """The bound against a table of independent pixels, with the number of active units."""
    system: Any = run(seed, quick).system
    with torch.no_grad():
        means = system.encode(items(digits()))
    active = int((means.var(0) > 0.01).sum())
    return Measured(ladder(seed, quick)[1], pixel_table_bits(digits()), {"active_units": active})


def rising(seed: int, quick: bool) -> Measured:
    """The least step of the ladder, which must be positive."""
    bits = ladder(seed, quick)
    least = min(bits[a] - bits[b] for a, b in pairwise(LADDER))
    return Measured(least, 0.0, {f"L_{k}": v for k, v in bits.items()})


def flattening(seed: int, quick: bool) -> Measured:
    """From 50 to 500 draws gains less than from 1 to 50."""
    bits = ladder(seed, quick)
    return Measured(bits[50] - bits[500], bits[1] - bits[50])


CLAIMS = (
    Claim(
        "vae.bound",
        "latent variables describe how pixels depend on each other",
        "held-out ELBO in bits/dim, 8 latents, binomial likelihood",
        "table of independent pixels",
        bar=0.1,
        better="lower",
        seconds=20,
        measure=bound,
    ),
    Claim(
        "vae.ladder",
        "L_k rises with k",
        "least gain in bits/dim over k = 1, 5, 50, 500",
        "no gain",
        bar=0.002,
        better="higher",
        seconds=10,
        measure=rising,
    ),
    Claim(
        "vae.ladder-flattens",
        "L_k converges to log p(x)",
        "gain in bits/dim from k = 50 to 500",
        "gain from k = 1 to 50",
        bar=0.0,
        better="lower",
        seconds=1,
        measure=flattening,
    ),
)

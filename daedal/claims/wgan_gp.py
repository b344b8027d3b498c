"""WGAN-GP (Gulrajani et al. 2017): the critic's slope is near 1, and modes are kept that weight clipping loses."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch

from daedal.claims.claim import Claim, Measured
from daedal.claims.setting import items, trained
from daedal.data.base import Data
from daedal.data.load import load_data
from daedal.losses.penalties import gradient_norms, interpolate
from daedal.play.settings import Run

STEPS = 3000
CLIPPED_RATES = (5e-5, 2e-4, 1e-3)  # the first paper's, and two that are faster
SAMPLES, ENOUGH = 2500, 20  # a mode is covered if so many of the samples lie within three sigma


@cache
def ring(seed: int) -> Data:
    """Eight narrow Gaussians on a circle."""
    return load_data("toy:ring8", seed=seed)


@cache
def run(seed: int, quick: bool) -> Run:
    """With the penalty; clipping has the same steps and data."""
    return trained("wgan-gp", ring(seed), seed=seed, quick=quick, steps=STEPS)


def slope(seed: int, quick: bool) -> Measured:
    """Distance of the critic's mean gradient norm, at fresh interpolates, from 1."""
    system: Any = run(seed, quick).system
    x = system.standardise(items(ring(seed))[:1000])
    generator = torch.Generator().manual_seed(seed)
    fake = system.standardise(system.sample(len(x), generator=generator))
    torch.manual_seed(seed)
    norms = gradient_norms(lambda points: system.critic(points, {}), interpolate(x, fake))
    return Measured(abs(norms.mean().item() - 1), 0.2, {"mean_norm": norms.mean().item()})


def _covered(system: Any, data: Data, seed: int) -> tuple[int, float]:
    """Modes covered, and the share of samples within three sigma of one."""
    samples = system.sample(SAMPLES, generator=torch.Generator().manual_seed(seed))
    density: Any = data.density
    near = torch.cdist(samples, density.modes) < 3 * density.sigma
    return int((near.sum(0) >= ENOUGH).sum()), near.any(1).float().mean().item()


def modes(seed: int, quick: bool) -> Measured:
    """Modes of the ring covered by 2,500 samples, with the penalty and with clipping at the best of its rates."""
    kept, good = _covered(run(seed, quick).system, ring(seed), seed)
    found, more = [], {"quality": good}
    for rate in CLIPPED_RATES:
        clipped = trained(
            "wgan-gp", ring(seed), seed=seed, quick=quick, steps=STEPS, rate=rate, constraint="clipping"
        ).system
        covered, poor = _covered(clipped, ring(seed), seed)
        found.append(covered)
        more |= {f"modes_clipped_{rate:g}": covered, f"quality_clipped_{rate:g}": poor}
    return Measured(kept, max(found), more)


CLAIMS = (
    Claim(
        "wgan-gp.slope",
        "the penalty keeps the critic's gradient norm near 1",
        "distance of its mean at interpolates from 1, ring8, penalty weight 1 (default for points)",
        "0.2",
        bar=0.0,
        better="lower",
        seconds=60,
        measure=slope,
    ),
    Claim(
        "wgan-gp.modes",
        "the penalty models what clipping simplifies away",
        "modes of ring8 covered (of 8), the same system",
        "weight clipping at 0.01, the best of the rates 5e-5, 2e-4 and 1e-3",
        bar=1.0,
        better="higher",
        seconds=180,
        measure=modes,
    ),
)

"""DDPM (Ho, Jain and Abbeel 2020): its bound is exact where the exact reverse is known, and improves on digits."""

from __future__ import annotations

import math
from typing import Any

import torch

from daedal.claims.claim import Claim, Measured
from daedal.claims.setting import digits, held_out_bits, trained
from daedal.probability import diffusion, schedules


def digits_bound(seed: int, quick: bool) -> Measured:
    """Held-out bound in bits per dimension after 90 s, against one bit less than the uniform code."""
    system: Any = trained("ddpm", digits(), seed=seed, quick=quick, seconds=90.0).system
    return Measured(held_out_bits(system, digits(), seed), math.log2(17))


def gaussian_error(mean: float, deviation: float, steps: int = 1000) -> float:
    """Error of the bound's terms, in nats, where data is N(mean, deviation^2) and every reverse step is exact.

    Then E[bound] = H[x_0] + KL(q(x_T) || N(0, 1)). Each term is linear in a square, so an item whose square is the
    expected one gives the expected term; the reverse variance is that of q(x_(t-1) | x_t).
    """
    schedule = schedules.linear(steps)
    kept, t = schedule.kept[1:], torch.arange(1, steps + 1)
    unknown = deviation**2 * (1 - kept) / (kept * deviation**2 + 1 - kept)  # Var[x_0 | x_t]
    a, _, small = schedule.posterior(t, t - 1)
    variance = torch.cat([torch.zeros(1, dtype=torch.float64), small + a.square() * unknown])
    apart = unknown.sqrt()[:, None]
    nothing = torch.zeros_like(apart)
    later = diffusion.step_terms(schedule, variance, apart[1:], nothing[1:], t[1:]).sum()
    first = diffusion.point_term(variance, apart[:1], nothing[:1]).sum()
    root = torch.tensor([[mean**2 + deviation**2]], dtype=torch.float64).sqrt()
    bound = first + later + diffusion.prior_term(schedule, root).sum()
    entropy = 0.5 * math.log(2 * math.pi * math.e * deviation**2)
    m, v = schedule.signal[-1].item() * mean, (kept[-1] * deviation**2 + 1 - kept[-1]).item()
    return abs(bound.item() - entropy - 0.5 * (m**2 + v - 1 - math.log(v)))


def exact_gaussian(seed: int, quick: bool) -> Measured:
    """The greatest error over N(0, 1) and two Gaussians drawn with means in [-1, 1] and deviations in [1/4, 4]."""
    drawn = torch.rand(2, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 2 - 1
    places = [(0.0, 1.0), *((mean, 4.0**power) for mean, power in drawn.tolist())]
    return Measured(max(gaussian_error(*place) for place in places), 1e-10, {"places": places})


CLAIMS = (
    Claim(
        "ddpm.gaussian",
        "the bound has L_T, every L_(t-1) and L_0, and is tight for the exact reverse",
        "error in nats on Gaussian data, T = 1000",
        "tolerance",
        bar=0.0,
        better="lower",
        seconds=1,
        measure=exact_gaussian,
    ),
    Claim(
        "ddpm.digits",
        "the variational bound of a denoiser is a likelihood model",
        "held-out bound in bits/dim, 90 s of training: L_T, L_0 and 20 drawn of the 199 other terms, without bias",
        "uniform code, log2 17",
        bar=1.0,
        better="lower",
        seconds=100,
        measure=digits_bound,
    ),
)

"""PixelCNN (van den Oord et al. 2016): exact likelihood of digits; cached sampling (Ramachandran et al. 2017)."""

from __future__ import annotations

import time
from functools import cache
from typing import Any

import torch

from daedal.claims.claim import Claim, Measured
from daedal.claims.setting import digits, held_out_bits, markov_bits, trained
from daedal.spaces import Images
from daedal.systems.factory import create

SECONDS = 105.0  # with its start, less than two minutes


@cache
def bits(seed: int, quick: bool) -> float:
    """Held-out bits per dimension after the budget."""
    return held_out_bits(trained("pixelcnn", digits(), seed=seed, quick=quick, seconds=SECONDS).system, digits())


def budget(seed: int, quick: bool) -> Measured:
    """Against the fixed bar of 1.95 bits."""
    return Measured(bits(seed, quick), 1.95)


def markov(seed: int, quick: bool) -> Measured:
    """Against a first-order Markov chain."""
    return Measured(bits(seed, quick), markov_bits(digits()))


def _wide(seed: int) -> Any:
    """A network for 16x16 images, untrained but with weights that matter, in float64."""
    system = create("pixelcnn", {"x": Images(1, 16, 16, 17)}, seed=seed).double().eval()
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in system.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return system


def same_samples(seed: int, quick: bool) -> Measured:
    """How many pixels of 16 images differ between cached and naive sampling, from the same seed."""
    system = _wide(seed)
    n = 2 if quick else 16
    one, two = (
        system.sample(n, generator=torch.Generator().manual_seed(seed), cached=cached) for cached in (True, False)
    )
    return Measured(float((one != two).sum()), 0.0, {"pixels": one.numel()})


def speed(seed: int, quick: bool) -> Measured:
    """Seconds of naive over seconds of cached sampling of 16 images, float32."""
    system = _wide(seed).float()

    def seconds(cached: bool) -> float:
        start = time.perf_counter()
        system.sample(2 if quick else 16, generator=torch.Generator().manual_seed(seed), cached=cached)
        return time.perf_counter() - start

    seconds(True)
    fast = min(seconds(True) for _ in range(3))
    slow = seconds(False)
    return Measured(slow / fast, 20.0, {"cached_seconds": fast, "naive_seconds": slow})


CLAIMS = (
    Claim(
        "pixelcnn.budget",
        "exact likelihoods of digits within two minutes",
        "held-out bits/dim after 105 s of training",
        "1.95",
        bar=0.0,
        better="lower",
        seconds=110,
        measure=budget,
    ),
    Claim(
        "pixelcnn.context",
        "a pixel depends on much more than its neighbour",
        "the same held-out bits/dim",
        "first-order Markov chain",
        bar=0.25,
        better="lower",
        seconds=1,
        measure=markov,
    ),
    Claim(
        "pixelcnn.cached-equal",
        "remembering activations changes no sample",
        "pixels that differ, 16 images of 16x16, float64",
        "none",
        bar=0.0,
        better="lower",
        seconds=20,
        measure=same_samples,
    ),
    Claim(
        "pixelcnn.cached-speed",
        "remembering activations makes sampling much faster",
        "speed-up at 16x16, batch 16",
        "20x",
        bar=0.0,
        better="higher",
        seconds=30,
        measure=speed,
    ),
)

"""Conditioning on classes and on a vector: portraits drawn as asked, as the world's oracle reads them.

A VAE with a code of 4 numbers, so that most of a picture has to come from what is given: with its default code,
trained as long, the code holds nearly all of it, and the prior is not yet where the codes are. Portraits are of 32 x
32 pixels, doubled for the oracle of 64, which has been trained on pictures of lower resolution too. A style of hair
is judged only where the oracle sees enough hair to tell one: how long it is was not asked for. Training is for a
number of steps, so that the claim is the same on a slower machine.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from daedal.claims.claim import Claim, Measured
from daedal.claims.setting import trained
from daedal.data.base import Data
from daedal.data.load import load_data
from daedal.evaluate.oracles import oracle
from daedal.evaluate.oraclescore import SHOWN

SYSTEM = "vae"
SYSTEMS = (SYSTEM,)
SIZE, LATENT = 32, 4
STEPS = 2500
N = 5000  # portraits; a tenth of them are tested
SAMPLES = 500
CLASSES = ("background", "hair_style")  # both given at once
COARSE = ("yaw", "pitch", "roll", "light", "saturation")  # and read by the oracle with an R2 above 0.9


@functools.cache
def drawn(given: tuple[str, ...], seed: int, quick: bool) -> tuple[Data, Tensor, np.ndarray]:
    """Portraits that a VAE draws for what test items show; those items' rows."""
    data = load_data("portraits", size=SIZE, n=N)
    run = trained(SYSTEM, data, seed=seed, quick=quick, steps=STEPS, given=given, latent=LATENT)
    system: Any = run.system
    rows = np.arange(min(SAMPLES, len(data.test)))
    asked = data.test.gather(rows, given)
    images = system.sample(len(rows), given=asked, generator=torch.Generator().manual_seed(seed))
    return data, F.interpolate(images, scale_factor=2, mode="bilinear"), rows


def of_a_backdrop(seed: int, quick: bool) -> Measured:
    """Share of pictures whose backdrop the oracle reads as the colour that was asked for."""
    return Measured(_right("background", seed, quick)[0].double().mean().item(), 0.9)


def of_a_style(seed: int, quick: bool) -> Measured:
    """Share of pictures with enough hair to tell whose hair the oracle reads as the style that was asked for."""
    right, images = _right("hair_style", seed, quick)
    judge = oracle("portraits", 2 * SIZE)
    told = SHOWN["portraits"]["hair_style"].rows(judge.world, judge.factors(images), judge.stencil(images))
    return Measured(right[told].double().mean().item(), 0.9, {"told": told.double().mean().item()})


def _right(name: str, seed: int, quick: bool) -> tuple[Tensor, Tensor]:
    """Of which pictures the oracle reads what was asked for (n,), of those drawn for both classes; and the pictures."""
    data, images, rows = drawn(CLASSES, seed, quick)
    read = oracle("portraits", 2 * SIZE).log_probs(images)[name].argmax(1)
    return read == data.test.gather(rows, [name])[name], images


def of_a_vector(seed: int, quick: bool) -> Measured:
    """Mean over factors of R2 between what was asked for and what the oracle reads."""
    data, images, rows = drawn(("factors",), seed, quick)
    scores = _scores(data.test.gather(rows, COARSE), oracle("portraits", 2 * SIZE).factors(images))
    return Measured(sum(scores.values()) / len(scores), 0.8, scores)


def _scores(asked: Mapping[str, Tensor], read: Mapping[str, Tensor]) -> dict[str, float]:
    scores = {}
    for name in COARSE:
        truth, value = asked[name].flatten().double(), read[name].flatten().double()
        scores[name] = 1 - ((value - truth).square().mean() / truth.var(correction=0)).item()
    return scores


CLAIMS = (
    Claim(
        "conditional-portraits.backdrop",
        "a system conditioned on classes draws the backdrop that is asked for",
        f"share of {SAMPLES} portraits whose backdrop an oracle reads as the one asked for; VAE, {STEPS} steps",
        "0.9",
        bar=0.0,
        better="higher",
        seconds=600,
        measure=of_a_backdrop,
    ),
    Claim(
        "conditional-portraits.style",
        "a system conditioned on classes draws the style of hair that is asked for",
        f"share of {SAMPLES} portraits with hair that an oracle reads as the style asked for; the same VAE",
        "0.9",
        bar=0.0,
        better="higher",
        seconds=10,
        measure=of_a_style,
    ),
    Claim(
        "conditional-portraits.vector",
        "a system conditioned on a vector draws what it says",
        f"mean R2, over {len(COARSE)} factors, of what an oracle reads in {SAMPLES} portraits; VAE, {STEPS} steps",
        "0.8",
        bar=0.0,
        better="higher",
        seconds=600,
        measure=of_a_vector,
    ),
)

"""Gaussian mixtures by EM (Dempster, Laird and Rubin 1977): the likelihood never falls, and mixing pays."""

from __future__ import annotations

from itertools import pairwise

from daedal.claims.claim import Claim, Measured
from daedal.claims.setting import digits, held_out_bits, trained
from daedal.data.load import load_data


def monotone(seed: int, quick: bool) -> Measured:
    """The greatest fall of the mean log-likelihood from one round to the next, in float64, without a floor."""
    from daedal.play.settings import Settings
    from daedal.play.trainer import Trainer
    from daedal.systems.factory import create

    data = load_data("toy:mixture3", n=3000, seed=seed)
    system = create("gmm", data, components=3, floor=0.0, tolerance=1e-12, seed=seed).double()
    run = Trainer(system, data, Settings(steps=100, seed=seed, tensorboard=False)).run()
    values = [line["system/log-likelihood"] for line in run.history]
    falls = [a - b for a, b in pairwise(values)]
    return Measured(max(falls), 1e-9, {"rounds": len(values), "first": values[0], "last": values[-1]})


def mixture(seed: int, quick: bool) -> Measured:
    """Held-out bits per dimension of dequantised digits: ten components against one."""
    data = digits()
    ten = trained("gmm", data, seed=seed, quick=False, components=10).system
    one = trained("gmm", data, seed=seed, quick=False, components=1).system
    return Measured(held_out_bits(ten, data, seed), held_out_bits(one, data, seed))


CLAIMS = (
    Claim(
        "gmm.monotone",
        "each round of EM raises the likelihood",
        "greatest fall of the mean log-likelihood in nats, three anisotropic clusters, float64",
        "tolerance",
        bar=0.0,
        better="lower",
        seconds=2,
        measure=monotone,
    ),
    Claim(
        "gmm.mixture",
        "a mixture describes digits better than one Gaussian",
        "held-out bits/dim of dequantised digits, 10 full components",
        "one full Gaussian",
        bar=0.2,
        better="lower",
        seconds=5,
        measure=mixture,
    ),
)

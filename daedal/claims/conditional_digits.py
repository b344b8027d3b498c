"""Conditioning: systems trained on digits given their label draw the digit that is asked for."""

from __future__ import annotations

import tempfile
from pathlib import Path

from daedal.claims.claim import Claim, Measured
from daedal.claims.setting import QUICK, digits
from daedal.evaluate.compare import compare

SECONDS = 150.0  # a system, at most: within it all but ddpm reach the epochs that their recipes end at
SYSTEMS = ("vae", "pixelcnn", "realnvp", "gan", "wgan-gp", "ddpm")


def accuracy(seed: int, quick: bool) -> Measured:
    """The least share, over the systems, of samples that the classifier puts in the class that was asked for."""
    seconds = SECONDS * QUICK if quick else SECONDS
    with tempfile.TemporaryDirectory() as folder:
        comparison = compare(SYSTEMS, digits(), seconds=seconds, seed=seed, given="label", out=Path(folder) / "compare")
    failed = [row["system"] for row in comparison.rows if row["status"] != "ok"]
    if failed:
        raise RuntimeError(f"{', '.join(failed)} failed in the comparison.")
    shares = {row["system"]: row["metrics"]["class-accuracy"]["value"] for row in comparison.rows}
    return Measured(min(shares.values()), 0.9, shares)


CLAIMS = (
    Claim(
        "conditional-digits.accuracy",
        "a conditional model draws what it is given",
        "least class accuracy of samples over six systems, 150 s of training each",
        "0.9",
        bar=0.0,
        better="higher",
        seconds=600,
        measure=accuracy,
    ),
)

"""The comparison itself: eight systems on the digits with default options and five minutes each."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from daedal.claims.claim import Claim, Measured
from daedal.claims.setting import QUICK, digits
from daedal.evaluate.compare import compare

SECONDS = 300.0
LIMIT = 0.6  # of samples nearest to a training item; one half is ideal


@cache
def metrics(seed: int, quick: bool) -> dict[str, dict[str, Any]]:
    """Metrics by system. Raises RuntimeError if a system failed."""
    with tempfile.TemporaryDirectory() as folder:
        seconds = SECONDS * QUICK**2 if quick else SECONDS
        rows = compare(None, digits(), seconds=seconds, seed=seed, out=Path(folder) / "compare").rows
    failed = [row["system"] for row in rows if row["status"] != "ok"]
    if failed:
        raise RuntimeError(f"{', '.join(failed)} failed in the comparison.")
    return {row["system"]: row["metrics"] for row in rows}


def _excess(measured: dict[str, dict[str, Any]], system: str) -> float:
    """Distance above the floor."""
    distance = measured[system]["fd-digits"]
    return distance["value"] - distance["floor"]


def memorised(seed: int, quick: bool) -> Measured:
    """The greatest share over all systems."""
    shares = {name: found["memorised"]["value"] for name, found in metrics(seed, quick).items()}
    return Measured(max(shares.values()), LIMIT, shares)


def likelihood(seed: int, quick: bool) -> Measured:
    """PixelCNN's bits per dimension."""
    return Measured(metrics(seed, quick)["pixelcnn"]["bits-per-dim"]["value"], 1.95)


def distance(seed: int, quick: bool) -> Measured:
    """The better of DDPM and WGAN-GP against half of the mixture's, all above the floor."""
    measured = metrics(seed, quick)
    excess = {name: _excess(measured, name) for name in measured}
    return Measured(min(excess["ddpm"], excess["wgan-gp"]), excess["gmm"] / 2, excess)


CLAIMS = (
    Claim(
        "compare-digits.memorised",
        "default options do not memorise",
        "greatest share, over eight systems, of samples nearest to a training digit",
        "0.6",
        bar=0.0,
        better="lower",
        seconds=600,
        measure=memorised,
        every_seed=True,
    ),
    Claim(
        "compare-digits.pixelcnn",
        "default options reach a good likelihood",
        "held-out bits/dim of pixelcnn",
        "1.95",
        bar=0.0,
        better="lower",
        seconds=1,
        measure=likelihood,
        every_seed=True,
    ),
    Claim(
        "compare-digits.distance",
        "a deep model's samples are much closer to digits than a mixture's",
        "fd-digits above the floor, the better of ddpm and wgan-gp",
        "half of gmm's",
        bar=0.0,
        better="lower",
        seconds=1,
        measure=distance,
        every_seed=True,
    ),
)

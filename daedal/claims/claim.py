"""What a claim is: a statement of a paper made measurable at small scale, with a baseline in the same run and a bar.

A file `daedal/claims/NAME.py` holds `CLAIMS`, a tuple of them, for the system of that name. A claim is measured once
for each seed, value and baseline together; it holds if the mean paired difference, counted so that more is better,
passes the bar and two standard errors. A claim about `every_seed` also has to pass the bar on each of them.

>>> claim = Claim("x.y", "a says", "a is measured", "b", bar=0.5, better="higher", seconds=1, measure=None)
>>> verdict(claim, [Measured(2.0, 1.0), Measured(2.2, 1.0), Measured(2.1, 1.0)])["holds"]
True
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class Measured:
    """What one seed gave: the value claimed about, the baseline's, and whatever else is worth keeping."""

    value: float
    baseline: float
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Claim:
    """`measure(seed, quick)` gives a `Measured`; `quick` may train for a tenth of the time, and proves nothing.

    `says` is the paper's statement, `measures` what is measured here, `baseline` what it is compared with; an identity
    has its error as value, its tolerance as baseline, and bar 0. `seconds` is the cost of a seed on two cores.
    """

    id: str
    says: str
    measures: str
    baseline: str
    bar: float
    better: Literal["lower", "higher"]
    seconds: float
    measure: Callable[[int, bool], Measured]
    every_seed: bool = False


def difference(claim: Claim, measured: Measured) -> float:
    """How much better the value is than the baseline."""
    signed = measured.value - measured.baseline
    return signed if claim.better == "higher" else -signed


def verdict(claim: Claim, measured: Sequence[Measured]) -> dict[str, Any]:
    """Whether a claim holds over the seeds: `holds`, `difference` (mean), `least`, `bar`, `se`, `per_seed`."""
    differences = [difference(claim, m) for m in measured]
    mean = statistics.fmean(differences)
    error = statistics.stdev(differences) / math.sqrt(len(differences)) if len(differences) > 1 else 0.0
    held = min(differences) if claim.every_seed else mean
    return {
        "id": claim.id,
        "holds": bool(math.isfinite(mean) and held >= claim.bar and mean >= 2 * error),
        "every_seed": claim.every_seed,
        "difference": mean,
        "least": min(differences),
        "bar": claim.bar,
        "se": error,
        "per_seed": [{"value": m.value, "baseline": m.baseline, **m.details} for m in measured],
    }

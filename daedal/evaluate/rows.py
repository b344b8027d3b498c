"""The rows of a comparison: one a system, made of its repeats.

A row has `system`, `status` (`ok`, `failed`, `stopped`), `reason`, `steps`, `seconds`, `metrics` (as in evaluate: means
over repeats, and as `spread` their standard deviation; with one repeat its own standard error), `exact_copies`,
`density_gap` (toys), `about` (the system's entry) and `runs`, one a repeat: the same for that repeat, with its `seed`
and its `folder` inside the comparison's.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

Row = dict[str, Any]
EMPTY = {"steps": None, "seconds": None, "metrics": {}, "exact_copies": None, "density_gap": None}


def summarise(system: str, runs: Sequence[Mapping[str, Any]], about: Mapping[str, Any] | None = None) -> Row:
    """The row of a system from its repeats; what failed or was stopped gives the row its status and reason."""
    ended = [run for run in runs if run["status"] == "ok"]
    bad = [run for run in runs if run["status"] != "ok"]
    row: Row = {"system": system, "status": bad[0]["status"] if bad else "ok", "reason": None, **EMPTY}
    if bad:
        which = f"Repeat {runs.index(bad[0]) + 1} of {len(runs)}: " if len(runs) > 1 else ""
        row["reason"] = which + bad[0]["reason"]
    if ended:
        row["steps"] = round(statistics.mean(run["steps"] for run in ended))
        row["seconds"] = round(statistics.mean(run["seconds"] for run in ended), 3)
        names = dict.fromkeys(name for run in ended for name in run["metrics"])
        row["metrics"] = {name: _pool([r["metrics"][name] for r in ended if name in r["metrics"]]) for name in names}
        row["exact_copies"] = _mean([run["exact_copies"] for run in ended])
        gaps = [run["density_gap"] for run in ended if run["density_gap"]]
        row["density_gap"] = _pool(gaps) if gaps else None
    return {**row, "about": dict(about or {}), "runs": [dict(run) for run in runs]}


def not_begun(system: str, about: Mapping[str, Any] | None = None) -> Row:
    """The row of a system that was not reached."""
    reason = "The comparison was stopped before it began."
    return {"system": system, "status": "stopped", "reason": reason, **EMPTY, "about": dict(about or {}), "runs": []}


def _pool(measures: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One measure of several repeats."""
    if len(measures) == 1:
        return dict(measures[0])
    values = [m["value"] for m in measures if m["value"] is not None]
    spread = statistics.stdev(values) if len(values) > 1 else None
    floors = [m["floor"] for m in measures if m.get("floor") is not None]
    return {**measures[0], "value": _mean(values), "spread": spread, "floor": _mean(floors)}


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None and math.isfinite(value)]
    return statistics.mean(known) if known else None

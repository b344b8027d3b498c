"""Measures claims over seeds, keeps the numbers as results/NAME.json, and renders them as a page."""

from __future__ import annotations

import importlib
import json
import pkgutil
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from filelock import FileLock

from daedal.claims.claim import Claim, Measured, verdict
from daedal.claims.closure import PACKAGE, changed_since, closure, loaded, source_hash
from daedal.errors import UsageError, did_you_mean
from daedal.evaluate.machine import commit, processor
from daedal.places import write_file

WORKER = "daedal.evaluate.worker"  # what the processes of a comparison run
HELPERS = {"claim", "closure", "reproduce", "setting"}
SEEDS = (0, 1, 2)


def names() -> list[str]:
    """Systems (and comparisons) that have claims."""
    found = (m.name for m in pkgutil.iter_modules([str(PACKAGE / "claims")]))
    return sorted(name.replace("_", "-") for name in found if name not in HELPERS)


def module_of(name: str) -> str:
    """The module that holds a system's claims. Raises UsageError for a name without any."""
    if name not in names():
        raise UsageError(
            f"'{name}' has no claims.{did_you_mean(name, names())} Claims exist for: {', '.join(names())}."
        )
    return f"daedal.claims.{name.replace('-', '_')}"


def modules_of(name: str) -> list[str]:
    """All source that a system's claims depend on, once they have been measured in this process.

    Systems are reached by name, and those that are compared run in other processes, so both are added.
    """
    from daedal.systems.catalogue import entries

    systems = entries()
    compared = getattr(importlib.import_module(module_of(name)), "SYSTEMS", systems)
    mine = [systems[name].module] if name in systems else [WORKER, *(systems[other].module for other in compared)]
    return closure(module_of(name), *mine, *loaded())


def claims_of(name: str) -> tuple[Claim, ...]:
    """The claims of a system."""
    return importlib.import_module(module_of(name)).CLAIMS


def reproduce(
    name: str,
    seeds: Sequence[int] = SEEDS,
    *,
    quick: bool = False,
    out: Path | None = Path("results"),
    watch: Callable[[str], None] = lambda message: None,
) -> dict[str, Any]:
    """Measure every claim of a system on every seed; `quick` only shows that it runs, and is never kept.

    Returns the record that `out`/NAME.json keeps: `claims` (see `verdict`), their seeds, the modules used and the hash
    of their source, the machine. It joins the seeds that were measured before on the same source, machine and versions:
    seeds can be measured one by one, or by several processes. Until all that were asked for are, what was measured is
    kept beside a record that it cannot be joined to, as NAME.part.json.

    Raises UsageError if source that a claim depends on was written meanwhile: what ran would not be what is named.
    """
    claims, found, record, started = claims_of(name), {}, {}, time.time()
    path = None if out is None or quick else out / f"{name}.json"
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _locked(path):  # fails before the measurements if nothing can be written there
            pass
    for seed in seeds:
        found[seed] = []
        for claim in claims:
            watch(f"{claim.id}, seed {seed} (about {claim.seconds:.0f} s)")
            found[seed].append(claim.measure(seed, quick))
        if written := changed_since(modules_of(name), started):
            raise UsageError(f"{', '.join(written)} changed while '{name}' was measured; measure it again.")
        record = _record(name, found, quick) if path is None else _keep(path, name, found, len(found) == len(seeds))
    return record


def _keep(path: Path, name: str, found: dict[int, list[Measured]], done: bool) -> dict[str, Any]:
    """Write what was found to the record that it can be joined to, or, until all is found, beside it."""
    beside = path.with_suffix(".part.json")
    with _locked(path):
        before = _read(path)
        record = _record(name, found, False, _read(beside), before)
        final = done or _joins(before, record)
        write_file(path if final else beside, (json.dumps(record, indent=1) + "\n").encode())
        if final:
            beside.unlink(missing_ok=True)
    return record


def _locked(path: Path) -> FileLock:
    return FileLock(path.with_name(f".{path.stem}.lock"))


def _record(name: str, found: dict[int, list[Measured]], quick: bool, *before: dict[str, Any]) -> dict[str, Any]:
    """What was found of each seed (claim by claim), joined with what records say of others, where it may be."""
    import torch

    setting = {
        "machine": {"processor": processor(), "threads": torch.get_num_threads()},
        "versions": {p: metadata.version(p) for p in ("torch", "numpy", "scikit-learn", "scipy")},
    }
    modules = modules_of(name)
    for one in before:
        if _joins(one, setting):
            found = {**_measured(one), **found}
            modules = sorted({*modules, *one["modules"]})
    seeds = sorted(found)
    return {
        "command": f"daedal reproduce {name} --seeds {','.join(map(str, seeds))}" + (" --quick" if quick else ""),
        "claims": [_verdict(claim, seeds, [found[s][i] for s in seeds]) for i, claim in enumerate(claims_of(name))],
        "commit": commit(),
        "source": source_hash(modules),
        "modules": modules,
        "date": datetime.now(UTC).date().isoformat(),
        **setting,
    }


def _joins(record: dict[str, Any], setting: dict[str, Any]) -> bool:
    """Whether what is measured now may be joined to a record: its source, machine and versions are the same."""
    return _is_current(record) and all(record[key] == setting[key] for key in ("machine", "versions"))


def _measured(record: dict[str, Any]) -> dict[int, list[Measured]]:
    """What a record says of each seed, claim by claim."""
    rows = zip(*(claim["per_seed"] for claim in record["claims"]), strict=True)
    return {
        seed: [Measured(n["value"], n["baseline"], {k: n[k] for k in n if k not in ("value", "baseline")}) for n in row]
        for seed, row in zip(record["claims"][0]["seeds"], rows, strict=True)
    }


def _verdict(claim: Claim, seeds: Sequence[int], measured: Sequence[Measured]) -> dict[str, Any]:
    words = {"says": claim.says, "measures": claim.measures, "baseline": claim.baseline, "better": claim.better}
    return {**verdict(claim, measured), "seeds": list(seeds), **words}


def stale(folder: Path = Path("results")) -> list[str]:
    """Systems whose claims were never measured, or whose source has changed since."""
    return [name for name in names() if not _is_current(_read(folder / f"{name}.json"))]


def render(folder: Path = Path("results")) -> str:
    """docs/results.md: every committed verdict with its numbers."""
    parts = [
        "# Results",
        "",
        "What the papers claim, made measurable at small scale. Each row is the mean over seeds of the difference from "
        "the baseline of the same run, counted so that more is better; a claim holds if it passes its bar and two "
        "standard errors, and where it is about every seed, its bar on each. This page is written by "
        "`python -m daedal.claims.reproduce` from `results/*.json`.",
    ]
    for name in names():
        if record := _read(folder / f"{name}.json"):
            parts += ["", *_section(name, record)]
    return "\n".join(parts) + "\n"


def _section(name: str, record: dict[str, Any]) -> list[str]:
    lines = [f"## {name}", ""]
    lines += ["| claim | measured | baseline | value | baseline's | difference | bar | se | |", "|" + "---|" * 9]
    for claim in record["claims"]:
        seeds = claim["per_seed"]
        value, base = (sum(s[key] for s in seeds) / len(seeds) for key in ("value", "baseline"))
        word = "holds" if claim["holds"] else "not reproduced at this scale"
        if claim.get("every_seed"):
            word = f"{word.replace('holds', 'holds on every seed')}; least difference {claim['least']:.4g}"
        cells = [claim["says"], claim["measures"], claim["baseline"]]
        numbers = [f"{v:.4g}" for v in (value, base, claim["difference"], claim["bar"], claim["se"])]
        numbers[-1] = numbers[-1] if len(seeds) > 1 else "one seed"
        lines.append("| " + " | ".join([*cells, *numbers, word]) + " |")
    machine, commit = record["machine"], (record["commit"] or "unknown")[:10]
    lines += ["", f"`{record['command']}`, commit {commit}, {record['date']}, {machine['processor']}, "]
    lines[-1] += f"{machine['threads']} threads, torch {record['versions']['torch']}."
    return lines


def _read(path: Path) -> dict[str, Any]:
    """A record; empty where there is none that can be read."""
    try:
        record = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _is_current(record: dict[str, Any]) -> bool:
    return "modules" in record and record["source"] == source_hash(record["modules"])


if __name__ == "__main__":
    Path("docs/results.md").write_text(render())

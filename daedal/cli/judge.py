"""`evaluate`, `doctor`, `compare`, `reproduce`: what a run is worth, what ails it, who is best, what holds."""

from __future__ import annotations

import dataclasses
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from daedal.cli.answer import Answer
from daedal.cli.flags import load_options
from daedal.cli.plugin import load_plugin, system_name
from daedal.declare import PositiveFloat, PositiveInt, Seed, Threads
from daedal.errors import RunError, UsageError, complaint
from daedal.systems.catalogue import find

if TYPE_CHECKING:
    from rich.console import Console

    from daedal.data.base import Data
    from daedal.play.system import System


def evaluate(
    run: str,
    source: str | None = None,
    *,
    n: PositiveInt | None = None,
    seed: Seed = 0,
    metrics: str | None = None,
    device: str = "auto",
    plugin: str | None = None,
    reading: dict[str, Any] | None = None,
) -> Answer:
    """Measure what a run is worth on the test split of a data source.

    Arguments:
        run: the folder of a run
        source: as for train; default: what the run was trained on

    Options:
        n: number of samples (memorised takes more of small ones); default: the size of the test split, at most 10,000
        seed: what all randomness comes from
        metrics: names with commas between, such as fd-digits,coverage or fd-inception=WEIGHTS; default: all that apply
        device: auto, cpu or cuda
        plugin: module or file that holds a system of your own
    """
    from daedal import evaluate as measure
    from daedal.systems.storage import load

    system = load(run, system=load_plugin(plugin), device=device)
    measures = measure(system, _data_of(run, source, reading or {}), n=n, seed=seed, metrics=_words(metrics))
    if not measures:
        raise UsageError(f"'metrics' of evaluate must name one that applies to {run} and this data; got '{metrics}'.")
    record = {"metrics": {name: dataclasses.asdict(value) for name, value in measures.items()}}
    return Answer(record, lambda console: console.print(str(measures), markup=False, soft_wrap=True))


def _data_of(run: str, source: str | None, reading: dict[str, Any]) -> Data:
    """The data that was named, or that of the run."""
    from daedal import load_data
    from daedal.play.folder import read_settings

    if source is not None:
        return load_data(source, **load_options(reading))
    try:
        recorded = read_settings(Path(run))["source"]
    except RunError as error:
        raise RunError(f"{str(error).rstrip('.')}, or name a source after it.") from None
    if not recorded or recorded.get("source") is None:
        raise UsageError(f"{run} does not say what data it was trained on; name a source after it.")
    try:
        return load_data(**{**recorded, **load_options(reading)})
    except FileNotFoundError as error:
        moved = f"The data that {run} was trained on is not as it was ({complaint(error)})"
        raise UsageError(f"{moved}; put that right, or name a source after the run.") from None


def _words(text: str | None) -> list[str] | None:
    return None if text is None else [word.strip() for word in text.split(",") if word.strip()]


def doctor(run: str, *, plugin: str | None = None) -> Answer:
    """Say what went wrong in a run's training, and which knob to turn.

    Arguments:
        run: the folder of a run

    Options:
        plugin: module or file that holds a system of your own
    """
    from daedal.evaluate.doctor import examine

    findings = examine(run, system=load_plugin(plugin))
    record = {"findings": [finding.to_json() for finding in findings], "unseen": findings.unseen}

    def show(console: Console) -> None:
        for finding in findings:
            console.print(f"{finding.code}: {finding.message} Try {finding.knob}.", markup=False, soft_wrap=True)
        if not findings:
            console.print(f"Nothing is wrong that {'the log shows' if findings.unseen else 'can be seen'}.")
        if findings.unseen:
            text = f"Only the log was read, and the model not looked at: {findings.unseen}"
            console.print(text, markup=False, soft_wrap=True)

    return Answer(record, show)


def compare(
    source: str,
    *,
    systems: str | None = None,
    seconds: PositiveFloat = 20.0,
    repeats: PositiveInt = 1,
    seed: Seed = 0,
    x: str = "x",
    given: tuple[str, ...] = (),
    out: str | None = None,
    overwrite: bool = False,
    device: str = "auto",
    threads: Threads | None = None,
    plugin: str | None = None,
    reading: dict[str, Any] | None = None,
) -> Answer:
    """Train systems with the same budget of time, evaluate them by one protocol, and write a report.

    Arguments:
        source: as for train

    Options:
        systems: names with commas between; default: eight systems of five families, those that fit the data
        seconds: training time of each, at most
        repeats: trainings of each, with seeds from --seed on
        seed: what all randomness comes from
        x: field of the data that is modelled
        given: field that x is conditioned on, such as label; repeatable
        out: folder of the comparison; default: the first free of runs/compare-SOURCE, -2, -3
        overwrite: replace the comparison in --out
        device: auto, cpu or cuda
        threads: threads of the processor; default: all cores
        plugin: module or file that holds a system of your own, which is compared too
    """
    named, kind = _words(systems), load_plugin(plugin)
    own = None if kind is None else system_name(kind)
    for name in named or []:
        if name != own:
            find(name)
    from daedal import load_data
    from daedal.evaluate.compare import compare as run

    data = load_data(source, **load_options(reading or {}))
    typed = {"systems": systems, "seconds": seconds, "repeats": repeats, "seed": seed, "x": x, "given": given}
    typed |= {"device": device, "threads": threads, "plugin": plugin, **(reading or {})}
    command = _command(source, typed)
    comparison = run(
        _competing(named, own, kind, data, x, given), data,
        seconds=seconds, repeats=repeats, seed=seed, out=out, overwrite=overwrite, x=x, given=given,
        threads=threads, device=device, command=command,
    )  # fmt: skip
    rows = [
        {key: row[key] for key in ("system", "status", "reason", "steps", "seconds", "metrics")}
        for row in comparison.rows
    ]
    record = {"report": str(comparison.report), "rows": rows}

    def show(console: Console) -> None:
        console.print(str(comparison), markup=False, soft_wrap=True)
        console.print(f"report: {comparison.report}", markup=False, soft_wrap=True)

    return Answer(record, show, 1 if comparison.failed else 0)


def _competing(
    named: list[str] | None, own: str | None, kind: type[System] | None, data: Data, x: str, given: tuple[str, ...]
) -> list[str | type[System]] | None:
    """The systems that were named, or all that fit, with the plugin's among them."""
    from daedal.evaluate.contenders import defaults

    if kind is None:
        return named  # type: ignore[return-value]
    chosen = [kind if name == own else name for name in named or defaults(data, x, given)]
    return chosen if kind in chosen else [*chosen, kind]


DEFAULTS = {"repeats": 1, "seed": 0, "x": "x", "device": "auto"}


def _command(source: str, typed: Mapping[str, Any]) -> str:
    """The command line that makes the same comparison, for its report."""
    words = ["daedal", "compare", source]
    for name, value in typed.items():
        if value is None or value == DEFAULTS.get(name):
            continue
        flag = name.replace("_", "-")
        for one in value if isinstance(value, tuple) else (value,):
            words += [f"--no-{flag}"] if one is False else [f"--{flag}"]
            words += [] if isinstance(one, bool) else [str(one).removesuffix(".0")]
    return shlex.join(words)


def reproduce(
    name: str | None = None,
    *,
    seeds: str = "0,1,2",
    quick: bool = False,
    stale: bool = False,
    out: str = "results",
) -> Answer:
    """Measure what a system's paper claims, each claim beside its baseline and its bar.

    Arguments:
        name: a system with claims

    Options:
        seeds: with commas between; those measured before on the same source, machine and versions are joined
        quick: only show that it runs; nothing is kept
        stale: list the systems whose claims were not measured since their source changed
        out: folder of the results, one NAME.json each
    """
    from daedal.claims import reproduce as claims

    if stale:
        if name is not None:
            claims.module_of(name)
        names = [one for one in claims.stale(Path(out)) if name in (None, one)]
        return Answer({"claims": [], "stale": names}, lambda console: _show_stale(names, console))
    if name is None:
        raise UsageError(f"Say whose claims to measure: {', '.join(claims.names())}.")
    record = claims.reproduce(
        name, _seeds(seeds), quick=quick, out=Path(out), watch=lambda message: print(message, file=sys.stderr)
    )
    held = all(claim["holds"] for claim in record["claims"])
    return Answer(record, lambda console: _show_claims(record, console), 0 if held or quick else 1)


def _seeds(text: str) -> list[int]:
    words = _words(text) or []
    if not words or not all(word.isdecimal() and int(word) < 2**63 for word in words):
        raise UsageError(f"'seeds' of reproduce must be integers in [0, 2**63) with commas between; got '{text}'.")
    seeds = [int(word) for word in words]
    if len(set(seeds)) < len(seeds):
        raise UsageError(f"'seeds' of reproduce must name each seed once; got '{text}'.")
    return seeds


def _show_stale(names: list[str], console: Console) -> None:
    console.print("\n".join(names) if names else "Every claim was measured on the source as it is.", markup=False)


def _show_claims(record: dict[str, Any], console: Console) -> None:
    from rich.table import Table

    table = Table("claim", "difference", "bar", "se", "", box=None, pad_edge=False)
    for claim in record["claims"]:
        numbers = [f"{claim[key]:.4g}" for key in ("difference", "bar", "se")]
        table.add_row(f"{claim['id']}: {claim['says']}", *numbers, "holds" if claim["holds"] else "does not hold")
    console.print(table)

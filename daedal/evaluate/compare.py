"""`compare`: several systems on one data set, each with the same budget and judged by the same protocol.

Each is trained and evaluated in a process of its own, one after another, with all cores: none profits from what
another has warmed up or allocated, and one that fails or is killed is a row with its reason.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import re
import shutil
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from daedal.data.base import Data, Unpaired, check_loaded, is_endless
from daedal.data.shares import cores
from daedal.declare import MOST_THREADS, Threads
from daedal.errors import Interrupted, RunError, UsageError
from daedal.evaluate import progress
from daedal.evaluate.columns import in_order
from daedal.evaluate.comparison import FORMAT, ROWS, Comparison
from daedal.evaluate.contenders import Contender, Wanted, contenders
from daedal.evaluate.features import feature_space, space_name
from daedal.evaluate.handover import hand_over_class, hand_over_data, hand_over_system
from daedal.evaluate.machine import machine, versions
from daedal.evaluate.process import run_worker, sigterm_raises
from daedal.evaluate.rows import Row, not_begun, summarise
from daedal.options import Option, check_seed, kind_of
from daedal.places import followed
from daedal.play.folder import take_lock
from daedal.play.settings import check_enough, pick_device
from daedal.systems.training import default_folder

LOCK = ".lock"  # in the folder of a comparison that is under way


def compare(
    names_or_systems: Wanted | Sequence[Wanted] | None,
    data: Data,
    *,
    seconds: float = 20,
    repeats: int = 1,
    seed: int = 0,
    out: str | Path | None = None,
    overwrite: bool = False,
    x: str = "x",
    given: str | Sequence[str] = (),
    options: Mapping[str, Mapping[str, Any]] | None = None,
    threads: int | None = None,
    device: str = "auto",
    quiet: bool = False,
    command: str | None = None,
) -> Comparison:
    """Train systems on `data` for `seconds` each, evaluate them, and write rows.json and report.html into `out`.

    Systems are names, classes or made ones (where their training starts; they are not changed); None means those of
    `daedal.evaluate.contenders.DEFAULT` that can model the data. Each is trained `repeats` times, with the seeds
    from `seed` on. `options` are constructor options by name. `out` is a folder (default: the first free of
    runs/compare-DATA, -2, ...), which `overwrite` empties if it holds a comparison. Progress is shown on stderr
    unless `quiet`.

    Raises UsageError, before anything is trained, for an unknown name, an option, a space or a folder that cannot be
    used; Interrupted, once the report of what there is has been written, on Ctrl-C or SIGTERM.
    """
    _check_numbers(seconds, repeats, seed)
    check_loaded(data, "compare")
    used = Option("threads", kind_of(Threads | None), None).check(threads, "compare") or _threads()
    pick_device(device)
    given = (given,) if isinstance(given, str) else tuple(given)
    chosen = contenders(names_or_systems, data, x, given, options or {})
    check_enough(data, data.fields.get(x))
    if is_endless(data.train):
        raise UsageError("A comparison gives all systems the same training items; leave out 'endless' (--endless).")
    if isinstance(data.train, Unpaired):
        raise UsageError("A comparison is of systems that train on one split; compare unpaired domains by 'evaluate'.")
    folder = make_folder(out, data, overwrite)
    terms = Terms(seconds, repeats, seed, x, list(given), used, device, command or _call(chosen, seconds))
    lock = take_lock(folder / LOCK, folder, "written")
    try:
        return _Contest(chosen, data, folder, terms, quiet).run()
    finally:
        lock.release()


@dataclass(frozen=True)
class Terms:
    """What holds for every system of a comparison."""

    seconds: float
    repeats: int
    seed: int
    x: str
    given: list[str]
    threads: int
    device: str
    command: str


# -- before anything is trained


def _check_numbers(seconds: float, repeats: int, seed: int) -> None:
    if not 0 < seconds < float("inf"):
        raise UsageError(f"'seconds' of compare must be greater than 0; got {seconds}.")
    if isinstance(repeats, bool) or not isinstance(repeats, int) or repeats < 1:
        raise UsageError(f"'repeats' of compare must be an integer in [1, inf); got {repeats!r}.")
    check_seed(check_seed(seed, "compare") + repeats - 1, "compare")  # the last repeat's


def _threads() -> int:
    """As many as OMP_NUM_THREADS says, the first of a list for nested teams; else as there are cores."""
    first = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    wanted = int(first) if first.isdecimal() else 0
    return wanted if 1 <= wanted <= MOST_THREADS else min(cores(), MOST_THREADS)


def make_folder(out: str | Path | None, data: Data, overwrite: bool) -> Path:
    """An empty folder for the comparison. Raises RunError where something is in its place, or one under way."""
    folder = default_folder("compare", data) if out is None else Path(out)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        if not overwrite:
            raise RunError(f"{folder} is not empty; choose another --out, or --overwrite it.")
        if not (folder / ROWS).is_file():
            raise RunError(f"{folder} holds something that is not a comparison; choose another --out.")
        lock = take_lock(folder / LOCK, folder, "written")
        place = followed(folder)
        aside = place.with_name(f".{place.name}.replaced-{os.getpid()}")
        place.rename(aside)
        lock.release()
        shutil.rmtree(aside, ignore_errors=True)
    try:
        followed(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"{folder} cannot be made ({error.strerror}); choose another --out.") from None
    return folder


# -- the comparison


class _Contest:
    """A comparison that is under way."""

    def __init__(self, contenders: Sequence[Contender], data: Data, folder: Path, terms: Terms, quiet: bool):
        self.contenders, self.data, self.folder, self.terms = contenders, data, folder, terms
        self.began, self.started = time.monotonic(), datetime.datetime.now().astimezone()
        labels = [c.label for c in contenders]
        self.display = progress.Silent() if quiet else progress.display(labels, terms.repeats)
        self.rows: list[Row] = []
        self.runs: list[dict[str, Any]] = []  # of the system whose turn it is

    def run(self) -> Comparison:
        """Every system in turn. The rows and the report are written whatever happens."""
        finished = False
        try:
            with sigterm_raises():
                self.handed = hand_over_data(self.data, self.folder)
                self._prepare_features()
                for contender in self.contenders:
                    self._play(contender)
            finished = True
        except KeyboardInterrupt as stop:
            number = getattr(stop, "signal", signal.SIGINT)
            raise Interrupted(f"Stopped; the report of what there is: {self.folder / 'report.html'}", number) from None
        finally:
            self.display.close()
            comparison = self._comparison(finished)
            comparison.write()
        return comparison

    def _prepare_features(self) -> None:
        """Train the net that compares items, if it is not at hand, so that it is no part of any system's process."""
        name = space_name(self.data, self.terms.x)
        if name not in (None, "raw", "digits"):
            self.display.note(f"Getting the features ready in which items are compared (fd-{name}) ...")
        with contextlib.suppress(OSError):
            feature_space(self.data, self.terms.x)

    def _play(self, contender: Contender) -> None:
        self.runs = []
        for repeat in range(self.terms.repeats):
            self.display.start(contender.label, repeat)
            folder = self.folder / _safe(contender.label) / str(repeat)
            folder.mkdir(parents=True)
            run = {"seed": self.terms.seed + repeat, "folder": str(folder.relative_to(self.folder))}
            try:
                job = self._job(contender, folder, run["seed"])
                ended = run_worker(job, folder, lambda event: self.display.update(contender.label, event))
            except KeyboardInterrupt:
                self.runs.append({**run, "status": "stopped", "reason": "The comparison was stopped."})
                self.rows.append(summarise(contender.label, self.runs, contender.about))
                raise
            self.runs.append({**run, **ended})
        row = summarise(contender.label, self.runs, contender.about)
        self.rows.append(row)
        self.display.finish(contender.label, row["status"], row["reason"] or in_words(row))
        self._comparison(False).write_rows()

    def _job(self, contender: Contender, folder: Path, seed: int) -> dict[str, Any]:
        terms = asdict(self.terms)
        job = {key: terms[key] for key in ("seconds", "x", "given", "threads", "device")}
        job |= {"folder": str(folder.resolve()), "data": self.handed, "seed": seed, "options": dict(contender.options)}
        if contender.system is None:
            found = None if contender.kind is None else hand_over_class(contender.kind)
            return {**job, "name": contender.name, "class": found}
        return {**job, "system": hand_over_system(contender.system, folder / "start")}

    def _comparison(self, finished: bool) -> Comparison:
        waiting = [not_begun(c.label, c.about) for c in self.contenders[len(self.rows) :]]
        record = {
            "format": FORMAT,
            "finished": finished,
            "data": _describe(self.data),
            "settings": asdict(self.terms),
            "machine": machine(),
            "versions": versions(),
            "started": self.started.strftime("%Y-%m-%d %H:%M %Z"),
            "took": round(time.monotonic() - self.began, 1),
            "rows": [*self.rows, *waiting],
        }
        return Comparison(record, self.folder)


# -- words


def in_words(row: Mapping[str, Any]) -> str:
    """A row in one line: steps, seconds, and the first of its measures."""
    shown = [f"{c.title} {c.show(row['metrics'][c.name]['value'])}" for c in in_order(row["metrics"])[:3]]
    return ", ".join([f"{row['steps']:,} {'step' if row['steps'] == 1 else 'steps'} in {row['seconds']:.1f} s", *shown])


def _safe(label: str) -> str:
    return re.sub(r"[^\w.+-]+", "-", label).strip(".") or "system"


def _call(contenders: Sequence[Contender], seconds: float) -> str:
    return f"daedal.compare({[c.label for c in contenders]!r}, data, seconds={seconds:g})"


def _describe(data: Data) -> dict[str, Any]:
    fields = {name: space.to_json() for name, space in data.fields.items()}
    sizes = {"train": len(data.train), "test": len(data.test)}
    return {"name": data.name, "source": dict(data.source), "fingerprint": data.fingerprint, **sizes, "fields": fields}

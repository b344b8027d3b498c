"""`data`, `train`, `sample`: from a source to a run, and from a run to samples."""

from __future__ import annotations

import math
import shlex
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from daedal.cli.answer import Answer
from daedal.cli.flags import load_options
from daedal.cli.plugin import load_plugin
from daedal.declare import PositiveInt, Seed
from daedal.errors import UsageError
from daedal.systems.catalogue import UnknownSystem, find
from daedal.systems.description import not_ours, read_description

if TYPE_CHECKING:
    from rich.console import Console

    from daedal.data.base import Data
    from daedal.play.settings import Run

EARLY = 0.8  # of the budget: a shorter run was ended by its recipe, or by a wrong guess of its speed
CHUNK = 512  # as many samples are drawn at once


def train(
    name: str | None = None,
    source: str | None = None,
    *,
    x: str | None = None,
    given: tuple[str, ...] = (),
    config: Literal["paper"] | None = None,
    seed: Seed | None = None,
    out: str | None = None,
    overwrite: bool = False,
    resume: str | None = None,
    plugin: str | None = None,
    options: dict[str, Any] | None = None,
    budget: dict[str, Any] | None = None,
    training: dict[str, Any] | None = None,
    reading: dict[str, Any] | None = None,
) -> Answer:
    """Train a system on a data source, or go on with a run; `train NAME --help` shows the system's own options.

    Arguments:
        name: a system, such as vae; `daedal list` shows all
        source: digits, colour-digits, house-numbers, photographs, a world (portraits, streets, dancers), language:toy,
            toy:NAME, mnist:DIR, cifar10:DIR, parallel:TXT,TXT, or a folder, zip, array, table or text of yours

    Options:
        x: field of the data that is modelled; default: x
        given: field that x is conditioned on, such as label; repeatable
        config: take the paper's options and training
        seed: what all randomness comes from; default: 0
        out: folder of the run; default: the first free of runs/NAME-SOURCE, -2, -3
        overwrite: replace the run in --out
        resume: run to go on with, from its last checkpoint; --steps sets a new total
        plugin: module or file that holds a system of your own
    """
    budget, training, reading = budget or {}, training or {}, reading or {}
    if resume is not None:
        typed = {"x": x, "given": given or None, "config": config, "seed": seed, "out": out}
        typed |= {"overwrite": overwrite or None, "seconds": budget.get("seconds")}
        _check_alone([name, source], {**typed, **(options or {}), **reading, **training})
        return _go_on(resume, budget.get("steps"), training.get("device", "auto"), plugin)
    if name is None or source is None:
        raise UsageError("Say what to train on what, such as 'daedal train vae digits'; --help shows more.")
    from daedal import load_data
    from daedal.cli.progress import TrainingProgress
    from daedal.play.folder import check_free
    from daedal.systems.training import default_folder
    from daedal.systems.training import train as play

    if out is not None:
        check_free(Path(out), overwrite)
    data = load_data(source, **load_options(reading))
    _warn_of_batch(training.get("batch_size"), data)
    chosen: dict[str, Any] = {"x": x or "x", "given": given, "config": config, **(options or {})}
    target = default_folder(name, data) if out is None else Path(out)
    with TrainingProgress(name) as progress:
        run = play(
            load_plugin(plugin) or name, data, out=target, seed=seed or 0, overwrite=overwrite, watch=progress.watch,
            **budget, **training, **chosen,
        )  # fmt: skip
    _warn_of_idle(name, run, training)
    return _trained(run, _length(run, budget.get("seconds")))


def _warn_of_batch(size: int | None, data: Data) -> None:
    from daedal.play.stream import count

    if size is not None and size > (n := count(data.train)):
        text = f"--batch-size {size} is more than the {n} training items, so a step takes no more than these."
        warnings.warn(text, stacklevel=2)


def _warn_of_idle(name: str, run: Run, training: dict[str, Any]) -> None:
    """Of flags that change nothing where no player moves anything by gradients."""
    typed = [flag for flag in ("batch_size", "rate") if training.get(flag) is not None]
    typed += ["precision"] if training.get("precision") == "bf16" else []
    if typed and not run.system.players():
        flags = " and ".join("--" + flag.replace("_", "-") for flag in typed)
        warnings.warn(f"{name} is fitted without gradients, where {flags} had no effect.", stacklevel=2)


def _check_alone(words: Sequence[str | None], typed: dict[str, Any]) -> None:
    extra = [f"'{word}'" for word in words if word is not None]
    extra += ["--" + key.replace("_", "-") for key, value in typed.items() if value is not None and key != "device"]
    if extra:
        kept = "--resume RUN keeps the run's settings and data, and takes only --steps and --device"
        raise UsageError(f"{kept}; leave out {extra[0]}.")


def _go_on(path: str, steps: int | None, device: str, plugin: str | None) -> Answer:
    from daedal import load_data
    from daedal.cli.progress import TrainingProgress
    from daedal.systems.training import resume as play

    with TrainingProgress(Path(path).name) as progress:
        run = play(path, load_data, steps=steps, system=load_plugin(plugin), device=device, watch=progress.watch)
    if not progress.seen:
        return _trained(run, f"finished already, after {run.step} steps; --steps with more goes on")
    return _trained(run, f"{run.step} steps in {run.seconds:.1f} s")


def _length(run: Run, seconds: float | None) -> str:
    """How long a run was, and why it ended early where the budget in seconds does not say so."""
    words, most = f"{run.step} steps in {run.seconds:.1f} s", run.system.recipe.epochs or math.inf
    if seconds is not None and run.seconds < EARLY * seconds and run.epochs >= EARLY * most:
        words += " (its recipe ends here, lest it learn the items by heart; --resume with more --steps goes on)"
    return words


def _trained(run: Run, words: str) -> Answer:
    last = run.history[-1] if run.history else {}
    losses = {name.removesuffix("/loss"): value for name, value in last.items() if name.endswith("/loss")}
    loss = next(iter(losses.values()), None)
    record = {"run": str(run.path), "steps": run.step, "seconds": round(run.seconds, 3), "loss": loss, "losses": losses}
    told = [f"loss of {player} {v:.4g}" if len(losses) > 1 else f"loss {v:.4g}" for player, v in losses.items()]
    text = f"{run.path}: {', '.join([words, *told])}"
    return Answer(record, lambda console: console.print(text, markup=False, soft_wrap=True))


def system_in(run: str, plugin: str | None = None) -> str:
    """The name of the system that a run holds. Raises RunError where it is not Daedal's and there is no plugin.

    Imports no torch.
    """
    name = str(read_description(run).get("system"))
    if plugin is None:
        try:
            find(name)
        except UnknownSystem:
            raise not_ours(run, name) from None
    return name


def sample(
    run: str,
    *,
    n: PositiveInt = 64,
    seed: Seed = 0,
    given: tuple[str, ...] = (),
    out: str | None = None,
    overwrite: bool = False,
    device: str = "auto",
    plugin: str | None = None,
    options: dict[str, Any] | None = None,
) -> Answer:
    """Draw samples from a run; `sample RUN --help` shows the options of its system.

    Arguments:
        run: the folder of a run

    Options:
        n: number of samples
        seed: what all randomness comes from
        given: what to condition on: label=cat, label=0..9, image=FILE, vector=.1,.2, @FILE.npz; repeatable
        out: a .png grid, .npy numbers, .csv vectors, or a folder of one file each; default: inside RUN/samples
        overwrite: write into a folder that is not empty
        device: auto, cpu or cuda
        plugin: module or file that holds a system of your own
    """
    from daedal.capabilities import Samples, require
    from daedal.cli.samples import check_memory, check_source, check_target, draw, target_of, write
    from daedal.data.given import example_of, parse_given
    from daedal.systems.storage import load

    system = load(run, system=load_plugin(plugin), device=device)
    require(system, Samples)
    target = target_of(run, out, system.x, seed)
    check_target(target, system.x, overwrite)
    check_source(run, target)
    check_memory(n, [system.x, *system.given.values()])
    values = parse_given(given, system.given, n)
    if (missing := [name for name in system.given if name not in values]) and not system.given_dropout:
        example = shlex.quote(example_of(missing[0], system.given[missing[0]]))
        raise UsageError(f"{run} needs '{missing[0]}'; say which, such as --given {example}.")
    x = draw(system, n, values, seed, options or {}, CHUNK)
    files = write(x, system.x, target)
    record = {"files": [str(file) for file in files], "shape": list(x.shape), "seed": seed}
    return Answer(record, lambda console: console.print(str(target), markup=False, soft_wrap=True))


def data(source: str, *, out: str | None = None, reading: dict[str, Any] | None = None) -> Answer:
    """Describe a data source and check every item of it, before any training.

    Arguments:
        source: digits, colour-digits, house-numbers, photographs, a world (portraits, streets, dancers), language:toy,
            toy:NAME, mnist:DIR, cifar10:DIR, parallel:TXT,TXT, or a folder, zip, array, table or text of yours

    Options:
        out: .png file for a sheet of some of its items; default: in the cache
    """
    from daedal import load_data
    from daedal.data.describe import contact_sheet, describe
    from daedal.data.folders import check_apart

    chosen = load_options(reading or {})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # how many were left out: the description tells
        loaded = load_data(source, **{**chosen, "skip_bad": True})
    if out is not None:
        check_apart(Path(out), loaded.source)
    description = describe(loaded)
    sheet = _sheet_path(out, description.fingerprint)
    contact_sheet(loaded, sheet)
    record = {**description.to_json(), "sheet": str(sheet) if sheet else None}
    refused = bool(description.problems) and not chosen.get("skip_bad")
    if refused:
        message = (
            f"{description.skipped} items of {source} cannot be used; mend them, or leave them out with --skip-bad."
        )
        record["error"] = {"type": "DataError", "message": message}

    def show(console: Console) -> None:
        console.print(description)
        if sheet is not None:
            console.print(f"sheet: {sheet}", markup=False, soft_wrap=True)

    return Answer(record, show, 2 if refused else 0)


def _sheet_path(out: str | None, fingerprint: str) -> Path | None:
    """Where the contact sheet goes; None where there is no `out` and the cache cannot be written."""
    if out is not None:
        if Path(out).suffix.lower() != ".png":
            raise UsageError(f"'out' of data must end in .png; got '{out}'.")
        Path(out).parent.mkdir(parents=True, exist_ok=True)
        return Path(out)
    from daedal.data.cache import cache_folder

    try:
        folder = cache_folder() / "sheets"
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return folder / f"{fingerprint[:16]}.png"

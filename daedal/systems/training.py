"""Trains a system into a run folder: the trainer, with what a run holds besides (description, samples, model card)."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import re
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from daedal.capabilities import Samples
from daedal.data.base import Data, Unpaired, check_loaded
from daedal.data.grid import show
from daedal.errors import FULL, FullError, RunError, UsageError, complaint
from daedal.play.folder import read_settings
from daedal.play.ranks import Ranks
from daedal.play.settings import Hooks, Run, Settings
from daedal.play.stream import count
from daedal.play.system import System
from daedal.play.trainer import Trainer
from daedal.spaces import Images, Vectors
from daedal.systems.card import write_card
from daedal.systems.factory import check_pairing, create, resolve
from daedal.systems.storage import rebuild, save, write_description

PICTURED = 16  # samples in the picture made beside a checkpoint
PICTURE_SHARE = 0.1  # of the time between pictures may go into the next one, and of a budget in seconds into any
Watch = Callable[[Mapping[str, Any], int], None]


def train(
    system_or_name: System | type[System] | str,
    data: Data,
    *,
    steps: int | None = None,
    seconds: float | None = None,
    out: str | Path | None = None,
    seed: int = 0,
    batch_size: int | None = None,
    device: str | torch.device = "auto",
    resume: bool = False,
    overwrite: bool = False,
    watch: Watch | None = None,
    **options: Any,
) -> Run:
    """Train a system in place, or make one by name and train it; it ends in eval mode with averaged weights.

    `options` are the trainer's (rate, accumulate, precision, compile, threads, save_every, keep) and, for a name,
    those of `create`. `out` is the run folder (default: the first free of runs/NAME-DATA, -2, -3 ...); with `resume`
    it is the run to go on with, and only `steps` may change. `watch(line, steps)` sees each line of the log.

    Raises UsageError for what cannot be used, TrainingError where training fails, Interrupted once stopped and saved.
    """
    check_loaded(data, "train")
    ours = {name: options.pop(name) for name in list(options) if name in _trainer_options()}
    if resume:
        _check_unchanged({"seconds": seconds, "batch_size": batch_size, "overwrite": overwrite or None, **ours})
        _check_seed(seed, out)
        return _go_on(system_or_name, data, out, options, steps=steps, device=device, watch=watch)
    settings = Settings(steps=steps, seconds=seconds, seed=seed, batch_size=batch_size, **ours)
    system = _system(system_or_name, data, seed, options)
    title = system_or_name if isinstance(system_or_name, str) else system.name
    target = default_folder(title, data) if out is None else Path(out)
    hooks = _hooks(system, data, settings.seed, seconds, watch)
    return _finish(Trainer(system, data, settings, out=target, overwrite=overwrite, device=device, hooks=hooks), data)


def resume(
    path: str | Path,
    load_data: Callable[..., Data],
    *,
    steps: int | None = None,
    system: type[System] | None = None,
    device: str | torch.device = "auto",
    watch: Watch | None = None,
) -> Run:
    """Go on with a run from its folder alone; `steps` sets a new total. A finished run is returned as it is.

    The data is loaded by `load_data` from the source that the folder names; `system` is the class, for one that is
    not Daedal's own. Raises RunError where the run cannot be resumed.
    """
    made = rebuild(path, system)
    source = read_settings(Path(path))["source"]
    if not source or source.get("source") is None:
        raise RunError(
            f"{path} was trained on data made in Python; resume it there: train(system, data, out=..., resume=True)."
        )
    try:
        data = load_data(**source)
    except FullError:
        raise
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno in FULL:
            raise
        raise RunError(
            f"{path} cannot go on: its data is not as it was ({complaint(error)}); put that right, or go on in Python "
            f"with the same data from elsewhere: train('{made.name}', load_data(...), out='{path}', resume=True)."
        ) from error
    return _play_on(made, data, path, steps=steps, device=device, watch=watch)


def default_folder(name: str, data: Data, root: str | Path = "runs") -> Path:
    """The first free of runs/NAME-DATA, runs/NAME-DATA-2, runs/NAME-DATA-3 and so on."""
    plain = re.sub(r"[^\w+]+", "-", f"{name}-{data.name}").strip("-")
    number, target = 1, Path(root) / plain
    while target.exists():
        number += 1
        target = Path(root) / f"{plain}-{number}"
    return target


def _trainer_options() -> set[str]:
    return {field.name for field in dataclasses.fields(Settings)} - {"steps", "seconds", "seed", "batch_size"}


def _check_unchanged(settings: Mapping[str, Any]) -> None:
    if changed := [name for name, value in settings.items() if value is not None]:
        raise UsageError(f"A resumed run keeps its settings, and only its steps may change; leave out '{changed[0]}'.")


def _check_seed(seed: int, out: str | Path | None) -> None:
    if seed and out is not None and seed != read_settings(Path(out))["settings"]["seed"]:
        _check_unchanged({"seed": seed})


def _system(system_or_name: Any, data: Data, seed: int, options: Mapping[str, Any]) -> System:
    """The system to train: the one that is given, or a new one of that name."""
    if not isinstance(system_or_name, System):
        return create(system_or_name, data, seed=seed, **options)
    if options:
        raise UsageError(f"'{next(iter(options))}' is an option of 'create', and this system is already made.")
    _check_fit(system_or_name, data)
    return system_or_name


def _check_fit(system: System, data: Data) -> None:
    wanted = {system.roles["x"]: system.x} | {name: system.given[name] for name in system.given}
    for name, space in wanted.items():
        if data.fields.get(name) != space:
            has = data.fields.get(name, "no such field")
            raise UsageError(f"'{system.name}' was made for '{name}' {space}, and this data has {has}; create it anew.")
    check_pairing(system.name, type(system), data, [system.roles["x"], *system.roles["given"]])


def _go_on(
    system_or_name: Any,
    data: Data,
    out: str | Path | None,
    options: Mapping[str, Any],
    *,
    steps: int | None,
    device: str | torch.device,
    watch: Watch | None,
) -> Run:
    if out is None:
        raise UsageError("Resuming needs 'out', the folder of the run.")
    again = rebuild(out, None if isinstance(system_or_name, str) else _class(system_or_name))
    _check_same(system_or_name, again, options, out)
    system = system_or_name if isinstance(system_or_name, System) else again
    return _play_on(system, data, out, steps=steps, device=device, watch=watch)


def _play_on(system: System, data: Data, out: str | Path, *, steps: Any, device: Any, watch: Watch | None) -> Run:
    _check_fit(system, data)
    kept = read_settings(Path(out))["settings"]
    hooks = _hooks(system, data, kept["seed"], None if steps else kept["seconds"], watch)
    return _finish(Trainer.reopen(out, system, data, steps=steps, device=device, hooks=hooks), data, again=True)


def _check_same(system_or_name: Any, again: System, options: Mapping[str, Any], out: str | Path) -> None:
    """Raise RunError unless the run in `out` holds what is asked for."""
    wanted = dict(options)
    if isinstance(system_or_name, System):
        name, wanted = system_or_name.name, dict(system_or_name.options)
    else:
        entry, _ = resolve(system_or_name)
        name = entry.variant_of or entry.name
    if name != again.name:
        raise RunError(f"{out} holds the system '{again.name}', not '{name}'; resume it by its own name.")
    has = {**again.options, **again.roles, "config": again.config}
    for option, value in wanted.items():
        value = [value] if option == "given" and isinstance(value, str) else value
        if _plain(value) != _plain(has.get(option)):
            raise RunError(
                f"{out} was made with '{option}' = {has.get(option)!r}, not {value!r}; resume it as it was made."
            )


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, (list, tuple)) else value


def _class(system: System | type[System]) -> type[System]:
    return type(system) if isinstance(system, System) else system


def _finish(trainer: Trainer, data: Data, again: bool = False) -> Run:
    run = trainer.resume() if again else trainer.run()
    if run.path is not None and Ranks().first:
        write_description(run.system, run.path, fingerprint=data.fingerprint)
        write_card(run, data)
    return run


def _hooks(system: System, data: Data, seed: int, seconds: float | None, watch: Watch | None) -> Hooks:
    def describe(folder: Path, averages: Mapping[str, Tensor]) -> None:
        save(system, folder, averages=averages, fingerprint=data.fingerprint)

    pictured = isinstance(system, Samples) and isinstance(system.x, (Images, Vectors))
    return Hooks(describe, Illustrator(system, data, seed, seconds) if pictured else None, watch)


class Illustrator:
    """Pictures a few samples, from the same noise each time, in a run's samples/.

    With a budget of `seconds` a picture that takes too large a share of it is given up, and no other is begun.
    """

    def __init__(self, system: System, data: Data, seed: int, seconds: float | None = None):
        self.system, self.seed = system, seed
        self.most = math.inf if seconds is None else PICTURE_SHARE * seconds
        self.given = _examples(data, system.roles["given"])
        self.cost, self.last = 0.0, -float("inf")

    def __call__(self, folder: Path, step: int) -> None:
        """Write samples/step-STEP.png, unless the last picture took too large a share of the time since."""
        start = time.monotonic()
        if self.cost > PICTURE_SHARE * (start - self.last):
            return
        generator = torch.Generator(self.system.device).manual_seed(self.seed)
        n = len(next(iter(self.given.values()))) if self.given else PICTURED
        try:
            with contextlib.nullcontext() if self.most == math.inf else _Deadline(start + self.most):
                images = self.system.sample(n, given=self.given, generator=generator)  # type: ignore[operator]
        except _Late:
            self.last, self.cost = time.monotonic(), math.inf
            return
        (folder / "samples").mkdir(exist_ok=True)
        show(images).save(folder / "samples" / f"step-{step:08d}.png")
        self.last = time.monotonic()
        self.cost = self.last - start


class _Late(Exception):
    """A moment has passed."""


class _Deadline(TorchDispatchMode):
    """Raises _Late at the first operation after a moment, so any sampler can be given up without knowing of it."""

    def __init__(self, moment: float):
        super().__init__()
        self.moment = moment

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if time.monotonic() > self.moment:
            raise _Late
        return func(*args, **(kwargs or {}))


def _examples(data: Data, given: Sequence[str]) -> dict[str, Tensor]:
    """Values of `given` to sample for: of test items; of unpaired domains of training items, as those know no pairs."""
    if isinstance(data.train, Unpaired):
        n = int(min(PICTURED, count(data.train)))  # type: ignore[arg-type]
        return {name: data.train.sides[name].gather(range(n))[name] for name in given}
    return data.test.gather(range(min(PICTURED, len(data.test))), given)

"""The trainer: plays a system's stages to their end, and can be stopped and resumed at any moment.

Checkpoints fall between rounds. A budget in seconds becomes a number of steps before the first checkpoint (see
`daedal.play.budget`), so a run is always a number of steps, and a resumed one ends where it would have ended. The
result of a stage is its averaged weights: the next stage starts from them.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from daedal.declare import MOST_THREADS
from daedal.errors import FULL, Interrupted, RunError, TrainingError, UsageError
from daedal.places import naming
from daedal.play import average, checkpoint
from daedal.play.boards import Boards
from daedal.play.budget import stage_steps
from daedal.play.compiling import compile_modules, graphs_run
from daedal.play.folder import RunFolder, check_free, read_settings
from daedal.play.guard import Guard, check_scalars
from daedal.play.ledger import Ledger, NotFinite
from daedal.play.player import Stage
from daedal.play.ranks import Ranks
from daedal.play.seeds import ENTER, address, untouched_generators
from daedal.play.settings import Hooks, Run, Settings, Trainable, check_enough, pick_device
from daedal.play.stopping import Stopper
from daedal.play.stream import count, sources, streams
from daedal.play.system import System
from daedal.play.table import Table

SAVE_SECONDS = 30.0  # a checkpoint about this often, unless told in steps
LOG_POINTS = 200  # at most about so many lines a run, and at least one every 50 steps


@dataclass
class Place:
    """Where training is: rounds played of a stage, and whether the stage has said that it has converged."""

    stage: int = 0
    step: int = 0
    converged: bool = False


class Trainer:
    """Trains a system in place. `run()` starts anew; `resume()` goes on from the newest whole checkpoint in `out`."""

    def __init__(
        self,
        system: System,
        data: Trainable,
        settings: Settings | None = None,
        *,
        out: str | Path | None = None,
        overwrite: bool = False,
        device: str | torch.device = "auto",
        hooks: Hooks | None = None,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.system, self.data = system, data
        self.settings, self.hooks, self.clock = settings or Settings(), hooks or Hooks(), clock
        self.ranks, self.device, self.overwrite = Ranks(), pick_device(device), overwrite
        self.out = None if out is None else Path(self.ranks.text_from_first(str(out)))
        self.batch_size = self._check_batch_size()
        self.folder: RunFolder | None = None
        self.boards: Boards | None = None
        self.ledger = Ledger(self.ranks)
        self.history: list[dict[str, Any]] = []
        self.seconds_before, self.saves, self.stopper = 0.0, 0, Stopper()
        self.compiled: int | None = None  # runs of graphs before the first round, until one is seen to be run

    def _check_batch_size(self) -> int:
        check_enough(self.data, self.system.x)
        n, seats = count(self.data.train), self.settings.accumulate * self.ranks.world
        wanted = self.settings.batch_size or self.system.recipe.batch_size
        size = int(min(wanted, n)) // seats * seats
        if not size or (self.settings.batch_size and wanted % seats):
            raise UsageError(
                f"'batch_size' of train must be a multiple of {seats} (micro-batches times ranks); got {wanted}."
            )
        return size

    @classmethod
    def reopen(
        cls,
        path: str | Path,
        system: System,
        data: Trainable,
        *,
        steps: int | None = None,
        device: str | torch.device = "auto",
        hooks: Hooks | None = None,
    ) -> Trainer:
        """A trainer with the settings of a run on disk, for `resume()`; `steps` sets a new total. Raises RunError."""
        kept = read_settings(Path(path))["settings"]
        settings = Settings(**{**kept, "steps": steps, "seconds": None if steps else kept["seconds"]})
        return cls(system, data, settings, out=path, device=device, hooks=hooks)

    # -- the two ways to start

    def run(self) -> Run:
        """Train from the start. Raises UsageError, TrainingError, or Interrupted once the state is saved."""
        if self.out is not None and self.ranks.first:
            check_free(self.out, self.overwrite)
        with self._session():
            stages = self._plan()
            place, table = Place(), self._enter(stages, 0)
            self.guard = Guard(self.system)
            if self.out is not None:
                self._build_folder(self.out, stages, place, table)
            return self._play(stages, place, table)

    def resume(self) -> Run:
        """Go on from the newest whole checkpoint. Raises RunError where the run or the data do not fit."""
        if self.out is None:
            raise UsageError("Resuming needs the folder of the run.")
        folder = RunFolder(self.out)
        record = folder.read_settings()
        self._check_resumable(record)
        self.folder = folder
        with self._session():
            stages = self._stages(record["stage_steps"] if self.settings.steps is None else None)
            tensors, saved = checkpoint.newest(folder.training, self.ranks.rank, self.ranks.agree)
            place = Place(**saved["place"])
            self._check_room(stages, place)
            checkpoint.restore(self.system, tensors, self.out)
            self.guard = Guard(self.system)
            table = self._table(stages, place.stage)
            table.restore(tensors, saved)
            self.seconds_before, self.saves = saved["seconds"], saved["saves"]
            if self.ranks.first:
                self.history = folder.truncate_log(_played(stages, place))
                self._write_settings(folder, stages)
            return self._play(stages, place, table)

    def _check_resumable(self, record: Mapping[str, Any]) -> None:
        if record["fingerprint"] != self.data.fingerprint:
            raise RunError(f"{self.out} was trained on other data (the fingerprints differ); resume it with its own.")
        if record["world"] != self.ranks.world:
            raise RunError(f"{self.out} was trained by {record['world']} processes; resume it with as many.")

    def _check_room(self, stages: Sequence[Stage], place: Place) -> None:
        if place.step > stages[place.stage].steps:
            done, total = _played(stages, place), sum(stage.steps for stage in stages)
            raise UsageError(f"{self.out} has already played {done} steps; give --steps {done} or more, not {total}.")

    # -- preparing

    @contextlib.contextmanager
    def _session(self) -> Iterator[None]:
        """Lock, threads, device, signals and default generators; all but the device are put back afterwards."""
        threads = torch.get_num_threads()
        try:
            if self.folder is not None and self.ranks.first:
                self.folder.take_lock()
                self.folder.tidy()
            if self.settings.threads:
                torch.set_num_threads(self.settings.threads)
            self.system.to(self.device).train()
            self.source = sources(self.data.train, self.system.roles, self.device, self.system.dtype)
            if self.settings.compile:
                compile_modules(self.system)
                self.compiled = graphs_run()
            with untouched_generators(self.device) as self.generators, self.stopper.listening():
                yield
        except OSError as error:
            if error.errno not in FULL or self.folder is None:
                raise
            raise TrainingError(
                f"{error.strerror} ('{error.filename or self.out}'); what was saved before is kept: "
                f"free some space and go on with: daedal train --resume {self.out}"
            ) from error
        finally:
            torch.set_num_threads(threads)
            if self.boards is not None:
                self.boards.close()
            if self.folder is not None:
                self.folder.release_lock()

    def _stages(self, steps: Sequence[int] | None = None) -> list[Stage]:
        stages = self.system.stages(self.settings.steps or self.system.recipe.steps)
        if steps is not None:
            if len(steps) != len(stages):
                raise RunError(f"{self.out} is damaged: it has steps for {len(steps)} stages, not for {len(stages)}.")
            stages = [replace(stage, steps=n) for stage, n in zip(stages, steps, strict=True)]
        if self.settings.rate is not None:
            for player in (p for stage in stages for p in stage.players.values()):
                player.rate = replace(player.rate, peak=self.settings.rate)
        return stages

    def _plan(self) -> list[Stage]:
        """The stages; a budget in seconds is converted to their numbers of steps by rehearsing."""
        stages = self._stages()
        if self.settings.seconds is None:
            return stages
        enter = partial(self._enter, stages)
        steps = stage_steps(stages, self.settings.seconds, self.system, enter, self.clock, self.stopper)
        return self._stages([int(n) for n in self.ranks.from_first(steps)])

    def _table(self, stages: Sequence[Stage], index: int) -> Table:
        micros, world, seed = self.settings.accumulate, self.ranks.world, self.settings.seed
        seats = [micro * world + self.ranks.rank for micro in range(micros)]
        drawn = [streams(self.source, self.batch_size, seat, micros * world, seed, index) for seat in seats]
        autocast: Callable[[], Any] = contextlib.nullcontext
        if self.settings.precision == "bf16":
            autocast = partial(torch.autocast, self.device.type, dtype=torch.bfloat16)
        self.ledger = Ledger(self.ranks)
        return Table(
            stages[index],
            index,
            drawn,
            self.ranks,
            seed=seed,
            generators=self.generators,
            autocast=autocast,
            record=self.ledger.record,
        )

    def _enter(self, stages: Sequence[Stage], index: int) -> Table:
        """The table of a stage, entered; what `enter` draws has an address, so that a resumed run draws the same."""
        if (enter := stages[index].enter) is not None:
            for generator in self.generators:
                generator.manual_seed(address(self.settings.seed, index, ENTER))
            enter()
        return self._table(stages, index)

    def _build_folder(self, target: Path, stages: Sequence[Stage], place: Place, table: Table) -> None:
        """Make the run folder under a temporary name; it gets its own once the step-0 checkpoint is whole."""
        folder = RunFolder.build(target) if self.ranks.first else None
        path = self.ranks.text_from_first(str(folder.path) if folder else "")
        self.folder = folder or RunFolder(Path(path))
        try:
            with naming(target):
                self._save(stages, place, table)
            self.ranks.wait()
            if self.ranks.first:
                self._write_settings(self.folder, stages)
                self.folder.settle(target, self.overwrite)
        except BaseException:
            self.folder.discard()
            self.folder = None
            raise
        self.folder.path = target
        if self.ranks.first:
            self.folder.take_lock()
        self.ranks.wait()

    def _write_settings(self, folder: RunFolder, stages: Sequence[Stage]) -> None:
        threads = min(torch.get_num_threads(), MOST_THREADS)
        settings = replace(self.settings, threads=threads, batch_size=self.batch_size)
        folder.write_settings(
            {
                "settings": asdict(settings),
                "stage_steps": [stage.steps for stage in stages],
                "fingerprint": self.data.fingerprint,
                "source": dict(self.data.source),
                "world": self.ranks.world,
            }
        )

    # -- playing

    def _play(self, stages: Sequence[Stage], place: Place, table: Table) -> Run:
        self.started = self.saved_at = self.clock()
        self.saved_place: Place | None = None
        try:
            while True:
                self._play_stage(stages, place, table)
                if place.stage + 1 == len(stages):
                    break
                average.put(self.system, self._averages(table))
                place = Place(place.stage + 1)
                table = self._enter(stages, place.stage)
                self._save(stages, place, table)
        except NotFinite as error:
            self._log_error(error)
            raise
        return self._finish(stages, place, table)

    def _play_stage(self, stages: Sequence[Stage], place: Place, table: Table) -> None:
        stage, offset = stages[place.stage], _played(stages, Place(place.stage))
        every = max(1, min(50, stage.steps // LOG_POINTS))
        while place.step < stage.steps and not place.converged:
            self.ledger.step = offset + place.step
            last = place.step + 1 == stage.steps
            due = last or (place.step + 1) % every == 0
            table.want_norms = due
            place.converged = table.play(place.step, place.step / stage.steps)
            place.step += 1
            self._check_compiled()
            if due or place.converged:
                self._log(stages, place, table)
            self._pause(stages, place, table)

    def _pause(self, stages: Sequence[Stage], place: Place, table: Table) -> None:
        """Between rounds: stop if told to, save if it is time."""
        if self.settings.save_every is not None:
            due = place.step % self.settings.save_every == 0
        else:
            due = self.clock() - self.saved_at >= SAVE_SECONDS
        if self.ranks.world > 1:  # every rank must do the same, and only their first has the time
            stop, save = self.ranks.greatest(self.stopper.signal, int(due and self.ranks.first))
            self.stopper.signal, due = stop, bool(save)
        if due or self.stopper.signal:
            self._log(stages, place, table)
            self._save(stages, place, table, pictured=not self.stopper.signal)
        if self.stopper.signal:
            kept = f"is saved; go on with: daedal train --resume {self.out}" if self.out else "was not kept (no --out)"
            raise Interrupted(f"Stopped at step {_played(stages, place)}; the state {kept}.", self.stopper.signal)

    def _finish(self, stages: Sequence[Stage], place: Place, table: Table) -> Run:
        seconds = self._seconds()
        if self.saved_place != place:
            self._save(stages, place, table)
        average.put(self.system, self._averages(table))
        self.system.eval()
        self.system.train_seconds = seconds
        step = _played(stages, place)
        steps, epochs = sum(stage.steps for stage in stages), table.streams[0].epochs
        return Run(self.out, self.system, step, self.history, steps, seconds, epochs)

    def _seconds(self) -> float:
        return self.seconds_before + self.clock() - self.started

    def _check_compiled(self) -> None:
        if self.compiled is not None and graphs_run() == self.compiled:
            raise TrainingError(f"--compile made no graph of '{self.system.name}'; leave the flag out.")
        self.compiled = None

    # -- keeping

    def _averages(self, table: Table) -> dict[str, Tensor]:
        """The averaged parameters by name."""
        averages = table.averages()
        return {name: averages[id(p)] for name, p in self.system.named_parameters() if id(p) in averages}

    def _log(self, stages: Sequence[Stage], place: Place, table: Table) -> None:
        means, scalars = self.ledger.flush(), self.system.progress_scalars()
        check_scalars(scalars, self.ledger.step)
        means.update({f"system/{name}": value for name, value in scalars.items()})
        if not means or not self.ranks.first:
            return
        line: dict[str, Any] = {"step": _played(stages, place), "stage": stages[place.stage].name}
        line.update(seconds=round(self._seconds(), 3), **means)
        if self.history and self.history[-1]["step"] == line["step"]:
            return
        self.history.append(line)
        if self.folder is not None:
            self.folder.append_log(line)
            if self.settings.tensorboard:
                self.boards = self.boards or Boards(self.folder.path / "tensorboard", purge=line["step"])
                self.boards.write(line)
        if self.hooks.watch is not None:
            self.hooks.watch(line, sum(stage.steps for stage in stages))

    def _log_error(self, error: NotFinite) -> None:
        if self.folder is not None and self.ranks.first:
            self.folder.append_log({"step": error.where["step"], "error": error.where})

    def _save(self, stages: Sequence[Stage], place: Place, table: Table, pictured: bool = True) -> None:
        self.saved_at = self.clock()
        self.guard.check(self._averages(table), _played(stages, place))
        if self.folder is None:
            return
        tensors, record = table.state()
        tensors.update({f"system/{name}": t for name, t in self.system.state_dict().items()})
        self.saves += 1
        started = getattr(self, "started", None)
        seconds = self.seconds_before if started is None else self._seconds()
        record.update(place=asdict(place), seconds=seconds, saves=self.saves)
        step = _played(stages, place)
        checkpoint.save(self.folder.training / checkpoint.file_name(step, self.ranks.rank), tensors, record)
        self.saved_place = replace(place)
        self.ranks.wait()
        checkpoint.prune(self.folder.training, self.ranks.rank, self.settings.keep)
        if self.ranks.first:
            self._present(table, step, pictured)

    def _present(self, table: Table, step: int, pictured: bool) -> None:
        """What people look at: the weights with their description, and a picture unless told to stop."""
        assert self.folder is not None
        if self.hooks.describe is not None:
            self.hooks.describe(self.folder.path, self._averages(table))
        if self.hooks.illustrate is not None and step and pictured:
            with average.in_place(self.system, self._averages(table)):
                self.hooks.illustrate(self.folder.path, step)


def _played(stages: Sequence[Stage], place: Place) -> int:
    """Rounds played in all before this place; a converged stage counts as its full number of steps."""
    return sum(stage.steps for stage in stages[: place.stage]) + place.step

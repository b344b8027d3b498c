"""What each rank does in the two-rank test: train every system, break and resume some, stop by a signal, go astray.

torchrun --standalone --nproc-per-node 2 -m tests.ranks_session FOLDER
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

from daedal.errors import Interrupted
from daedal.play.settings import Run, Settings
from daedal.play.trainer import Trainer
from tests.contracts import systems
from tests.contracts_case import Case, broken
from tests.small import Line, line, vectors

STEPS, BATCH = 4, 16


def settings(accumulate: int, save_every: int | None = None) -> Settings:
    return Settings(steps=STEPS, batch_size=BATCH, accumulate=accumulate, save_every=save_every, tensorboard=False)


def averaged_in_float64(name: str, accumulate: int) -> Run:
    """A toy run in float64: on R ranks with A micro-batches it must equal one rank with R*A."""
    case = Case(name)
    return Trainer(case.create().double(), case.data(), settings(accumulate)).run()


def resumed(name: str, out: Path) -> Run:
    """A run that broke in the middle of round 3, resumed from the checkpoint of round 2 by fresh objects."""
    case = Case(name)
    with broken(3), contextlib.suppress(ZeroDivisionError):
        Trainer(case.create(), case.data(), settings(1, save_every=2), out=out).run()
    return Trainer.reopen(out, case.create(seed=9), case.data()).resume()


def whole(name: str) -> Run:
    case = Case(name)
    return Trainer(case.create(), case.data(), settings(1)).run()


class Signalled(Line):
    """Rank 1, which writes no log and has no say in when to save, hears SIGTERM in round 2."""

    def turns(self, batches):
        yield from super().turns(batches)
        if self.rounds == 2 and os.environ["RANK"] == "1":
            signal.raise_signal(signal.SIGTERM)


class Astray(Line):
    """Rank 1 ends its round where rank 0 takes a turn."""

    def turns(self, batches):
        if os.environ["RANK"] == "0":
            yield from super().turns(batches)


def stopped(out: Path) -> tuple[str, Run]:
    """What both ranks say when one of them was told to stop, and the run resumed to its end."""
    data = vectors()
    torch.manual_seed(0)
    try:
        Trainer(Signalled(data.fields["x"]), data, settings(1), out=out).run()
        said = "nothing"
    except Interrupted as error:
        said = f"{error.signal}: {error}"
    return said, Trainer.reopen(out, line(data, seed=9), data).resume()


def rehearsed() -> str:
    """What both ranks say when one of them is told to stop while a budget in seconds is rehearsed."""
    data = vectors()
    try:
        Trainer(Signalled(data.fields["x"]), data, Settings(seconds=3600.0, batch_size=BATCH)).run()
    except Interrupted as error:
        return f"{error.signal}: {error}"
    return "nothing"


def astray() -> str:
    """What a rank says whose control flow is not the other's."""
    data = vectors()
    try:
        Trainer(Astray(data.fields["x"]), data, settings(1)).run()
    except RuntimeError as error:
        return str(error)
    return "nothing"


def keep(run: Run, path: Path) -> None:
    save_file({k: v.detach().clone().contiguous() for k, v in run.system.state_dict().items()}, path)


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    rank = os.environ["RANK"]
    for name in systems():
        keep(averaged_in_float64(name, 2), folder / f"{name}-{rank}.safetensors")
        keep(whole(name), folder / f"{name}-whole-{rank}.safetensors")
        keep(resumed(name, folder / f"run-{name}"), folder / f"{name}-resumed-{rank}.safetensors")
    said, run = stopped(folder / "run-stopped")
    keep(run, folder / f"stopped-{rank}.safetensors")
    keep(Trainer(line(vectors()), vectors(), settings(1)).run(), folder / f"unstopped-{rank}.safetensors")
    (folder / f"said-{rank}.txt").write_text(f"{said}\n{rehearsed()}\n{astray()}\n")
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
    os._exit(0)  # Python's own end now and then aborts a rank in a thread of gloo, after all is written

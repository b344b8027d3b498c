"""What each rank does in the two-rank test: train every system, and break and resume some.

torchrun --standalone --nproc-per-node 2 -m tests.ranks_session FOLDER
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

from daedal.play.settings import Run, Settings
from daedal.play.trainer import Trainer
from tests.contracts import systems
from tests.contracts_case import Case, broken

STEPS, BATCH = 4, 16
RESUMED = ("vae", "gan")  # systems that are also broken and resumed on two ranks


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


def keep(run: Run, path: Path) -> None:
    save_file({k: v.detach().clone().contiguous() for k, v in run.system.state_dict().items()}, path)


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    rank = os.environ["RANK"]
    for name in systems():
        keep(averaged_in_float64(name, 2), folder / f"{name}-{rank}.safetensors")
    for name in RESUMED:
        keep(whole(name), folder / f"{name}-whole-{rank}.safetensors")
        keep(resumed(name, folder / f"run-{name}"), folder / f"{name}-resumed-{rank}.safetensors")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

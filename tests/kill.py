"""Kills training with SIGKILL and resumes it until it ends, for `tests/test_kill.py` and `python -m tests.soak`.

A moment is a number of Python calls, drawn from those that a whole run takes. Optimizers import much of torch when the
first is made, which is fifty times as many calls as a toy run: each child trains for a step before it counts, and what
is imported only beside a dead process's folder (psutil) is here, so that moments are spread over the run and not over
imports. Where each kill fell is told by the newest checkpoint.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import psutil  # noqa: F401
import torch
import torch._dynamo
from safetensors.torch import load_file, save_file

from daedal.play import checkpoint
from daedal.play.settings import Settings
from daedal.play.trainer import Trainer
from tests.contracts_case import Case

STEPS, SAVE_EVERY = 12, 3
NOT_BEGUN = -1  # in the place of a step: no run folder yet
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.kill"])  # torch is imported once


def child(name: str, out: Path, kill_after: int | None, counted: Path | None = None) -> None:
    """Train or resume a toy run; SIGKILL oneself after so many Python calls, wherever that is."""
    torch.set_num_threads(1)
    calls = 0

    def count(frame, event, argument) -> None:
        nonlocal calls
        calls += 1
        if calls == kill_after:
            os.kill(os.getpid(), signal.SIGKILL)

    case = Case(name)
    data = case.data()
    with tempfile.TemporaryDirectory() as folder:
        Trainer(case.create(), data, _settings(steps=1), out=Path(folder) / "run").run()
    system = case.create(seed=5 if out.exists() else 0)
    sys.setprofile(count if kill_after or counted else None)
    if out.exists():
        run = Trainer.reopen(out, system, data).resume()
    else:
        run = Trainer(system, data, _settings(STEPS), out=out).run()
    sys.setprofile(None)
    if counted:
        counted.write_text(str(calls))
    save_file(
        {k: v.contiguous() for k, v in run.system.state_dict().items()}, out.parent / f"{out.name}-state.safetensors"
    )


def _settings(steps: int) -> Settings:
    return Settings(steps=steps, batch_size=16, save_every=SAVE_EVERY, tensorboard=False)


def start(name: str, out: Path, kill_after: int | None = None, counted: Path | None = None):
    """The child, started."""
    process = _context.Process(target=child, args=(name, out, kill_after, counted))
    process.start()
    return process


def unbroken(name: str, folder: Path) -> tuple[dict[str, torch.Tensor], int]:
    """The state that a run ends in that nobody kills, and how many Python calls it took."""
    process = start(name, folder / "whole", counted=folder / "calls")
    process.join()
    assert process.exitcode == 0
    return load_file(folder / "whole-state.safetensors"), int((folder / "calls").read_text())


def killed_until_done(
    name: str, folder: Path, kills: int, moment: Callable[[int], int]
) -> tuple[dict[str, torch.Tensor], list[int]]:
    """The end state of a run killed `moment(i)` Python calls after its i-th start, and the newest step at each kill."""
    fell: list[int] = []
    while True:
        process = start(name, folder / "killed", kill_after=moment(len(fell)) if len(fell) < kills else None)
        process.join()
        if process.exitcode == 0:
            return load_file(folder / "killed-state.safetensors"), fell
        assert process.exitcode == -signal.SIGKILL, f"the child ended with {process.exitcode}"
        fell.append(next(iter(checkpoint.steps_in(folder / "killed" / "training")), NOT_BEGUN))

"""Runs one system's worker in a process of its own, and says how it ended."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from daedal.errors import Interrupted

WORKER = (sys.executable, "-m", "daedal.evaluate.worker")
PATIENCE = 30.0  # seconds that a worker has to save its state once told to stop
TRACE = 4000  # characters of a dead worker's last words that are kept


def run_worker(
    job: Mapping[str, Any],
    folder: Path,
    tell: Callable[[Mapping[str, Any]], None] = lambda event: None,
    worker: Sequence[str] = WORKER,
) -> dict[str, Any]:
    """Do a job in a process of its own: status `ok` with its measures, or `failed` with a reason.

    `worker` is a command that is given the job's file, `tell` hears what it says. Where this is interrupted the
    worker is stopped first.
    """
    (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in _paths() if p)}
    environment["OMP_NUM_THREADS"] = str(job["threads"])
    last: Mapping[str, Any] = {}
    with (folder / "worker.log").open("wb") as log:
        command = [*worker, str(folder / "job.json")]
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, env=environment, process_group=0
        )
        try:
            assert process.stdout is not None
            for line in process.stdout:
                last = json.loads(line)
                tell(last)
            process.wait()
        except BaseException:
            _stop(process)
            raise
        finally:
            process.stdout.close()  # type: ignore[union-attr]
    return outcome(process.returncode, last, folder)


def outcome(code: int, last: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """How a worker ended, from its exit status and the last that it said."""
    if code == 0 and last.get("event") == "done":
        return {"status": "ok", "reason": None, **json.loads((folder / "measures.json").read_text(encoding="utf-8"))}
    if last.get("event") == "failed":
        return {"status": "failed", "reason": last["reason"], "trace": last["trace"]}
    trace = (folder / "worker.log").read_text(encoding="utf-8", errors="replace")[-TRACE:]
    reason = f"Its process ended with exit status {code}."
    if code < 0:
        name = signal.Signals(-code).name
        hint = " Most often that means that the memory was used up." if name == "SIGKILL" else ""
        reason = f"Its process was killed by {name}.{hint}"
    return {"status": "failed", "reason": reason, "trace": trace}


def _stop(process: subprocess.Popen) -> None:
    """Ask a worker to save and stop; insist where it does not, or where a second Ctrl-C comes."""
    try:
        _signal_group(process, signal.SIGTERM)
        process.wait(PATIENCE)
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        pass
    finally:
        _signal_group(process, signal.SIGKILL)
        process.wait()


def _signal_group(process: subprocess.Popen, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


@contextlib.contextmanager
def sigterm_raises() -> Iterator[None]:
    """SIGTERM ends what is inside as Ctrl-C does, with its own exit status."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: Any) -> None:
        raise Interrupted("Stopped.", number)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _paths() -> list[str]:
    """Where the worker finds what this process can import."""
    return [str(Path(__file__).resolve().parents[2]), *(str(Path(p).resolve()) for p in sys.path)]

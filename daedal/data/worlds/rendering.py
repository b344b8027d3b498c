"""Renders a field of many items once, into the cache, on all cores; and the program of the processes that help.

Each helper is a program of its own, driven by a thread. Pixels are the same however the work is shared. Threads of
torch in one process would be simpler, but the operations are many and small: on two cores with other work, two threads
gave 20 pictures a second, one thread 356, and two processes of one thread 416 (a scene of two bodies, 32 x 32).
"""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import json
import os
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from daedal.data.cache import VALUES, Draft, cached, require_space
from daedal.data.decoded import progress
from daedal.data.fingerprint import item_digests
from daedal.data.helpers import MAX_HELPERS
from daedal.data.worlds.simulator import Simulator

HELPER_SECONDS = 4.0  # of work, for which starting a helper (which imports torch) pays

_PROGRAM = """
import json, sys
sys.path[:] = json.loads(sys.argv[1])
from daedal.data.worlds.rendering import help_out
help_out()
"""


def rendered(of: Simulator, name: str, index: np.ndarray) -> np.ndarray:
    """The field `name` of the items `index`, memory-mapped: (n, *shape). Raises DataError for want of room."""
    return cached("worlds", _key(of, name, index), lambda draft: _render(of, name, index, draft)).arrays[VALUES]


def _key(of: Simulator, name: str, index: np.ndarray) -> dict[str, Any]:
    """All that a field depends on, the source of the worlds and torch's version included."""
    record = {k: v for k, v in of.record().items() if k not in ("label", "fields")}
    if name != "x":
        del record["shadows"]
    items = [len(index), hashlib.sha256(index.astype("<i8").tobytes()).hexdigest()]
    return {"field": name, "items": items, "source": _source(type(of.world)), "torch": torch.__version__, **record}


@functools.cache
def _source(world: type) -> str:
    """A hash of the code that makes the pictures."""
    files = sorted(Path(__file__).parent.glob("**/*.py"))
    files += [Path(sys.modules[world.__module__].__file__ or "")] if not world.__module__.startswith("daedal.") else []
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()


def _render(of: Simulator, name: str, index: np.ndarray, draft: Draft) -> dict[str, Any]:
    first = of.raw(name, of.values(index[:1]))
    job = Job(of, name, str(draft.file(VALUES)), first.nbytes)
    require_space(len(index) * first.nbytes)
    with open(job.path, "wb") as file:
        file.truncate(len(index) * first.nbytes)
    what = of.world.name if name == "x" else f"{name} of {of.world.name}"
    with progress(f"Rendering {what}", len(index)) as advance:
        digests = _Work(job, index, advance).done()
    draft.add(VALUES, first.dtype, (len(index), *first.shape[1:]))
    draft.put("digests", np.frombuffer(bytes.fromhex("".join(digests)), np.uint8).reshape(-1, 32))
    return {}


class Job:
    """What is rendered, and the file that it belongs into."""

    def __init__(self, of: Simulator, name: str, path: str, item_bytes: int):
        self.of, self.name, self.path, self.item_bytes = of, name, path, item_bytes

    def share(self, start: int, index: np.ndarray) -> str:
        """Render items, write them as rows from `start` on, and return their digests in hexadecimal."""
        values = self.of.raw(self.name, self.of.values(index))
        with open(self.path, "rb+") as file:
            file.seek(start * self.item_bytes)
            file.write(values.tobytes())
        return b"".join(item_digests(values)).hex()

    def line(self) -> str:
        """As a helper reads it."""
        return json.dumps([self.of.record(), self.name, self.path, self.item_bytes])


class _Gone(Exception):
    """A helper process has ended."""


class _Work:
    """Shares that are left, and digests so far; `deque` and list items are safe to use from several threads."""

    def __init__(self, job: Job, index: np.ndarray, advance: Callable[[int], None]):
        self.job, self.index, self.advance = job, index, advance
        self.left = deque(range(0, len(index), job.of.step))
        self.digests = [""] * len(self.left)
        self.failure: OSError | None = None

    def done(self) -> list[str]:
        """Render all; the digests of the shares in order. Raises OSError where they cannot be written."""
        start = time.perf_counter()
        self._one(self.job.share)
        count = helpers((time.perf_counter() - start) * len(self.left))
        threads = [threading.Thread(target=self._with_helper, daemon=True) for _ in range(count)]
        for thread in threads:
            thread.start()
        try:
            self._all(self.job.share)
        except BaseException:
            self.left.clear()
            raise
        finally:
            for thread in threads:
                thread.join()
        self._all(self.job.share)  # what a helper that died has left
        if self.failure is not None:
            raise self.failure
        return self.digests

    def _with_helper(self) -> None:
        with contextlib.suppress(_Gone, OSError), _helper(self.job) as share:
            self._all(share)

    def _all(self, share: Callable[[int, np.ndarray], str]) -> None:
        while self.left and self.failure is None:
            self._one(share)

    def _one(self, share: Callable[[int, np.ndarray], str]) -> None:
        try:
            start = self.left.popleft()
        except IndexError:
            return
        index = self.index[start : start + self.job.of.step]
        try:
            self.digests[start // self.job.of.step] = share(start, index)
        except _Gone:
            self.left.append(start)
            raise
        except OSError as error:
            self.failure = error
            return
        self.advance(len(index))


def helpers(seconds: float) -> int:
    """How many helper processes pay for so much work."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(0, min(cores - 1, MAX_HELPERS, int(seconds / HELPER_SECONDS)))


@contextlib.contextmanager
def _helper(job: Job) -> Iterator[Callable[[int, np.ndarray], str]]:
    """A function that renders a share in a process of its own. It raises _Gone if the process has ended."""
    pipe = subprocess.PIPE  # a session of its own, so that Ctrl-C ends this process first and the helper by its input
    command = [sys.executable, "-c", _PROGRAM, json.dumps(sys.path)]
    with subprocess.Popen(
        command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True, start_new_session=True
    ) as process:
        asked, answers = process.stdin, process.stdout
        assert asked is not None
        assert answers is not None

        def ask(message: str) -> Any:
            try:
                asked.write(message + "\n")
                asked.flush()
                return json.loads(answers.readline())
            except (OSError, ValueError):
                raise _Gone from None

        def share(start: int, index: np.ndarray) -> str:
            answer: Mapping[str, Any] = ask(json.dumps([start, index.tolist()]))
            if "errno" in answer:
                raise OSError(answer["errno"], answer["message"])
            return answer["digests"]

        try:
            ask(job.line())
            yield share
        finally:
            process.kill()


def help_out() -> None:
    """The program of a helper: a job on the first line of stdin, then shares, each answered on stdout."""
    record, name, path, item_bytes = json.loads(sys.stdin.readline())
    job = Job(Simulator.of_record(record), name, path, item_bytes)
    print(json.dumps({}), flush=True)
    for line in sys.stdin:
        start, index = json.loads(line)
        try:
            answer: dict[str, Any] = {"digests": job.share(start, np.array(index, np.int64))}
        except OSError as error:
            answer = {"errno": error.errno or errno.EIO, "message": error.strerror or str(error)}
        print(json.dumps(answer), flush=True)

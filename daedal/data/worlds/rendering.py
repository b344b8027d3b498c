"""Renders a field of many items once, into the cache, on all cores; and the program of the processes that help.

Pixels are the same however the work is shared (`daedal.data.shares`). Threads of
torch in one process would be simpler, but the operations are many and small: on two cores with other work, two threads
gave 20 pictures a second, one thread 356, and two processes of one thread 416 (a scene of two bodies, 32 x 32).
"""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from daedal.data.cache import VALUES, Draft, cached, require_space
from daedal.data.decoded import progress
from daedal.data.fingerprint import item_digests
from daedal.data.shares import Work, helper_process, helpers_for
from daedal.data.worlds.domains import NAMES
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
    record = {k: v for k, v in of.record().items() if k not in ("label", "fields", "domains")}
    if name in NAMES:
        record["domain"] = of.pair[NAMES.index(name)].name
    elif name not in ("x", "after"):
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
        digests = _digests(job, index, advance)
    draft.add(VALUES, first.dtype, (len(index), *first.shape[1:]))
    draft.put("digests", np.frombuffer(bytes.fromhex("".join(digests)), np.uint8).reshape(-1, 32))
    return {}


class Job:
    """What is rendered, and the file that it belongs into."""

    def __init__(self, of: Simulator, name: str, path: str, item_bytes: int):
        self.of, self.name, self.path, self.item_bytes = of, name, path, item_bytes

    def share(self, share: Share) -> str:
        """Render items, write them as rows from a first one on, and return their digests in hexadecimal."""
        start, index = share
        values = self.of.raw(self.name, self.of.values(index))
        with open(self.path, "rb+") as file:
            file.seek(start * self.item_bytes)
            file.write(values.tobytes())
        return b"".join(item_digests(values)).hex()

    def line(self) -> str:
        """As a helper reads it."""
        return json.dumps([self.of.record(), self.name, self.path, self.item_bytes])


Share = tuple[int, np.ndarray]  # the first row, and the items' indices
Make = Callable[[Share], str]


def _digests(job: Job, index: np.ndarray, advance: Callable[[int], None]) -> list[str]:
    """Render all items; the digests of the shares, in order. Raises OSError where they cannot be written."""
    step = job.of.step
    starts = range(0, len(index), step)
    digests = dict.fromkeys(starts, "")

    def keep(share: Share, found: str) -> None:
        digests[share[0]] = found
        advance(len(share[1]))

    work = Work([(start, index[start : start + step]) for start in starts], keep)
    begin = time.perf_counter()
    work.one(job.share)
    count = helpers_for((time.perf_counter() - begin) * len(work.left), HELPER_SECONDS)
    work.done(job.share, lambda: _helper(job), count)
    return list(digests.values())


@contextlib.contextmanager
def _helper(job: Job) -> Iterator[Make]:
    """A function that renders a share in a process of its own."""
    with helper_process([sys.executable, "-c", _PROGRAM, json.dumps(sys.path)]) as ask:
        ask(job.line())
        yield lambda share: ask(json.dumps([share[0], share[1].tolist()]))["digests"]


def help_out() -> None:
    """The program of a helper: a job on the first line of stdin, then shares, each answered on stdout."""
    record, name, path, item_bytes = json.loads(sys.stdin.readline())
    job = Job(Simulator.of_record(record), name, path, item_bytes)
    print(json.dumps({}), flush=True)
    for line in sys.stdin:
        start, index = json.loads(line)
        try:
            answer: dict[str, Any] = {"digests": job.share((start, np.array(index, np.int64)))}
        except OSError as error:
            answer = {"errno": error.errno or errno.EIO, "message": error.strerror or str(error)}
        print(json.dumps(answer), flush=True)

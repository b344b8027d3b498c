"""Shares the decoding of many files between this process and helper processes, one for each further core.

Each helper is driven by a thread that waits for it, and this process decodes too, so that nothing waits while helpers
start. A helper is a program of its own and not a fork (unsafe where threads run) nor a spawned process of
`multiprocessing` (which runs the caller's script again). One that dies or does not start is done without.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from daedal.data.decoding import Job, Outcome, decode_share, reader, to_line
from daedal.data.images import decoder_warnings

SHARE_FILES = 64  # at most, and 16 MiB decoded: small enough that all end together, large enough to cost no messages
SHARE_BYTES = 1 << 24
HELPER_SECONDS = 0.3  # of work, for which starting a helper (0.1 s) pays
MAX_HELPERS = 15

# Packages without their __init__, which may import torch: a helper needs numpy and Pillow only. It is told where to
# find them, so that it need not look for packages by itself (-S), and finds what this process finds.
_PROGRAM = """
import json, sys, types
sys.path[:], packages = json.loads(sys.argv[1])
for name, path in packages:
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = [path]
from daedal.data.decoding import main
main()
"""

Share = tuple[int, Sequence[str]]  # the first item, and the names of the files


class _Gone(Exception):
    """A helper process has ended."""


def decode_files(
    job: Job, names: Sequence[str], encoded: int, advance: Callable[[int], None], helpers: int | None = None
) -> list[Outcome | None]:
    """Decode all files into the file of levels, in any order; what became of each.

    Ends early, leaving None, where an item does not fit the job's layout for want of channels or bits.
    `encoded` is the size of all files in bytes; `advance` is told of the number of files done, from any thread;
    `helpers` is how many processes to start (None: what pays). Raises OSError if levels cannot be written.
    """
    work = _Work(job, names, advance)
    count = _count_helpers(len(names), encoded) if helpers is None else helpers
    threads = [threading.Thread(target=work.with_helper, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        work.here()
    except BaseException:
        work.shares.clear()
        raise
    finally:
        for thread in threads:
            thread.join()
    work.here()  # what a helper that died has left
    if work.failure is not None:
        raise work.failure
    return work.outcomes


def _count_helpers(files: int, encoded: int) -> int:
    seconds = files * 1e-4 + encoded * 2e-8
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(0, min(cores - 1, MAX_HELPERS, int(seconds / HELPER_SECONDS)))


class _Work:
    """Shares that are left, and outcomes so far; `deque` and list items are safe to use from several threads."""

    def __init__(self, job: Job, names: Sequence[str], advance: Callable[[int], None]):
        step = max(1, min(SHARE_FILES, SHARE_BYTES // job.layout.bytes))
        self.job, self.advance = job, advance
        self.shares: deque[Share] = deque((i, names[i : i + step]) for i in range(0, len(names), step))
        self.outcomes: list[Outcome | None] = [None] * len(names)
        self.failure: OSError | None = None

    def here(self) -> None:
        """Decode shares in this process until none is left."""
        job = self.job
        with reader(job.root) as read, open(job.values, "r+b", buffering=0) as file, decoder_warnings():
            self._run(lambda first, names: decode_share(read, job, file, first, names))

    def with_helper(self) -> None:
        """Decode shares in a helper process until none is left or the process has ended."""
        with contextlib.suppress(_Gone, OSError), _helper(self.job) as decode:
            self._run(decode)

    def _run(self, decode: Callable[[int, Sequence[str]], list[Outcome]]) -> None:
        while self.shares and self.failure is None:
            try:
                first, names = share = self.shares.popleft()
            except IndexError:
                return
            try:
                outcomes = decode(first, names)
            except _Gone:
                self.shares.append(share)
                raise
            except OSError as error:
                self.failure = error
                return
            self.outcomes[first : first + len(names)] = outcomes
            if not all(self.job.layout.covers(outcome) for outcome in outcomes):
                self.shares.clear()
            self.advance(len(names))


@contextlib.contextmanager
def _helper(job: Job) -> Iterator[Callable[[int, Sequence[str]], list[Outcome]]]:
    """A function that decodes a share in a process of its own. It raises _Gone if the process has ended."""
    data = Path(__file__).parent
    packages = (("daedal", str(data.parent)), ("daedal.data", str(data)))
    command = [sys.executable, "-S", "-P", "-c", _PROGRAM, json.dumps([sys.path, packages])]
    pipe = subprocess.PIPE  # a session of its own, so that Ctrl-C ends this process first and the helper by its input
    with subprocess.Popen(
        command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True, start_new_session=True
    ) as process:
        asked, answers = process.stdin, process.stdout
        assert asked is not None
        assert answers is not None
        first_line = to_line(job)

        def decode(first: int, names: Sequence[str]) -> list[Outcome]:
            nonlocal first_line
            try:
                asked.write(first_line + json.dumps([first, names]) + "\n")
                asked.flush()
                answer = json.loads(answers.readline())
            except (OSError, ValueError):
                raise _Gone from None
            first_line = ""
            if isinstance(answer, dict):
                raise OSError(answer["errno"], answer["message"])
            return [
                Outcome(reason, channels, bits, tuple(shape), tuple(size), mode, digest)
                for reason, channels, bits, shape, size, mode, digest in answer
            ]

        try:
            yield decode
        finally:
            process.kill()

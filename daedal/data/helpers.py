"""Shares the decoding of many files between this process and helper processes: see `daedal.data.shares`."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from daedal.data.decoding import Job, Outcome, decode_share, reader, to_line
from daedal.data.images import decoder_warnings
from daedal.data.shares import Work, helper_process, helpers_for

SHARE_FILES = 64  # at most, and 16 MiB decoded: small enough that all end together, large enough to cost no messages
SHARE_BYTES = 1 << 24
HELPER_SECONDS = 0.3  # of work, for which starting a helper (0.2 s) pays

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
Decode = Callable[[Share], list[Outcome]]


def decode_files(
    job: Job, names: Sequence[str], encoded: int, advance: Callable[[int], None], helpers: int | None = None
) -> list[Outcome | None]:
    """Decode all files into the file of levels, in any order; what became of each.

    Ends early, leaving None, where an item does not fit the job's layout for want of channels or bits.
    `encoded` is the size of all files in bytes; `advance` is told of the number of files done, from any thread;
    `helpers` is how many processes to start (None: what pays). Raises OSError if levels cannot be written.
    """
    outcomes: list[Outcome | None] = [None] * len(names)

    def keep(share: Share, found: list[Outcome]) -> None:
        first, files = share
        outcomes[first : first + len(files)] = found
        if not all(job.layout.covers(outcome) for outcome in found):
            work.left.clear()
        advance(len(files))

    step = max(1, min(SHARE_FILES, SHARE_BYTES // job.layout.bytes))
    work = Work([(i, names[i : i + step]) for i in range(0, len(names), step)], keep)
    count = _count_helpers(len(names), encoded) if helpers is None else helpers
    with reader(job.root) as read, open(job.values, "r+b", buffering=0) as file, decoder_warnings():
        work.done(lambda share: decode_share(read, job, file, *share), lambda: _helper(job), count)
    return outcomes


def _count_helpers(files: int, encoded: int) -> int:
    return helpers_for(files * 1e-4 + encoded * 2e-8, HELPER_SECONDS)


@contextlib.contextmanager
def _helper(job: Job) -> Iterator[Decode]:
    """A function that decodes a share in a process of its own."""
    data = Path(__file__).parent
    packages = (("daedal", str(data.parent)), ("daedal.data", str(data)))
    with helper_process([sys.executable, "-S", "-P", "-c", _PROGRAM, json.dumps([sys.path, packages])]) as ask:
        first_line = to_line(job)

        def decode(share: Share) -> list[Outcome]:
            nonlocal first_line
            line, first_line = first_line, ""
            return [
                Outcome(reason, channels, bits, tuple(shape), tuple(size), *rest)
                for reason, channels, bits, shape, size, *rest in ask(line + json.dumps(share))
            ]

        yield decode

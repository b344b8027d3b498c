"""Shares work between this process and helper processes, one for each further core.

Each helper is driven by a thread that waits for it, and this process works too, so that nothing waits while helpers
start. A helper is a program of its own and not a fork (unsafe where threads run) nor a spawned process of
`multiprocessing` (which runs the caller's script again). One that dies or does not start is done without.

>>> results = {}
>>> Work([1, 2, 3], results.__setitem__).done(lambda share: share * share)
>>> results
{1: 1, 2: 4, 3: 9}
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Generic, TypeVar

MAX_HELPERS = 15

Share = TypeVar("Share")
Result = TypeVar("Result")


class Gone(Exception):
    """A helper process has ended."""


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def helpers_for(seconds: float, worth: float) -> int:
    """How many helper processes pay for so many seconds of work, where `worth` seconds are worth one."""
    return max(0, min(cores() - 1, MAX_HELPERS, int(seconds / worth)))


class Work(Generic[Share, Result]):
    """Shares that are left; `keep(share, result)` is told what became of each, from any thread, and may clear them."""

    def __init__(self, shares: Iterable[Share], keep: Callable[[Share, Result], None]):
        self.left, self.keep = deque(shares), keep  # a deque is safe to use from several threads
        self.failure: OSError | None = None

    def done(
        self,
        here: Callable[[Share], Result],
        helper: Callable[[], AbstractContextManager[Callable[[Share], Result]]] | None = None,
        helpers: int = 0,
    ) -> None:
        """Do all shares, by `here` in this process and by as many helpers; raises the OSError that stopped any."""
        threads = [
            threading.Thread(target=self._help, args=[helper], daemon=True) for _ in range(helpers if helper else 0)
        ]
        for thread in threads:
            thread.start()
        try:
            self._all(here)
        except BaseException:
            self.left.clear()
            raise
        finally:
            for thread in threads:
                thread.join()
        self._all(here)  # what a helper that died has left
        if self.failure is not None:
            raise self.failure

    def one(self, do: Callable[[Share], Result]) -> None:
        """Do the next share, if one is left."""
        try:
            share = self.left.popleft()
        except IndexError:
            return
        try:
            result = do(share)
        except Gone:
            self.left.append(share)
            raise
        except OSError as error:
            self.failure = error
            return
        self.keep(share, result)

    def _all(self, do: Callable[[Share], Result]) -> None:
        while self.left and self.failure is None:
            self.one(do)

    def _help(self, helper: Callable[[], AbstractContextManager[Callable[[Share], Result]]]) -> None:
        with contextlib.suppress(Gone, OSError), helper() as do:
            self._all(do)


@contextlib.contextmanager
def helper_process(command: Sequence[str]) -> Iterator[Callable[[str], Any]]:
    """A program that answers each line with a line of JSON: a function that asks it. It raises Gone if it has ended."""
    pipe = subprocess.PIPE  # a session of its own, so that Ctrl-C ends this process first and the helper by its input
    with subprocess.Popen(
        command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True, start_new_session=True
    ) as process:
        asked, answers = process.stdin, process.stdout
        assert asked is not None
        assert answers is not None

        def ask(text: str) -> Any:
            try:
                asked.write(text + "\n")
                asked.flush()
                answer = json.loads(answers.readline())
            except (OSError, ValueError):
                raise Gone from None
            if isinstance(answer, dict) and "errno" in answer:
                raise OSError(answer["errno"], answer["message"])
            return answer

        try:
            yield ask
        finally:
            process.kill()

"""SIGINT and SIGTERM ask for a stop after the round; a second one stops at once."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any


class Stopper:
    """Notes the signal that asks for a stop: `signal` is its number, 0 while there is none."""

    def __init__(self) -> None:
        self.signal = 0

    def _note(self, number: int, frame: Any) -> None:
        if self.signal:
            raise KeyboardInterrupt
        self.signal = number

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Listen for a while (in the main thread: elsewhere signals cannot be heard)."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        old = {number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in old.items():
                signal.signal(number, handler)

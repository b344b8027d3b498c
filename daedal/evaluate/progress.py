"""Progress of a comparison on stderr: a bar a system on a terminal, plain lines where nobody watches.

Events are dicts: `{"event": "training", "step", "steps", "seconds", "loss": {player: value}}`,
`{"event": "evaluating"}`, and at the end a row's status and reason.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TextIO

Event = Mapping[str, Any]


class Display(Protocol):
    """Who is told what happens."""

    def note(self, words: str) -> None:
        """Something about the comparison as a whole."""

    def start(self, system: str, repeat: int) -> None:
        """A system begins (again)."""

    def update(self, system: str, event: Event) -> None:
        """What its worker says."""

    def finish(self, system: str, status: str, words: str) -> None:
        """It has ended."""

    def close(self) -> None:
        """Nothing more will come."""


def display(systems: Sequence[str], repeats: int = 1, stream: TextIO | None = None) -> Display:
    """Bars where the stream (default stderr) is a terminal, else lines."""
    where: TextIO = stream if stream is not None else sys.stderr
    return Bars(systems, repeats, where) if where.isatty() else Lines(systems, repeats, where)


class Silent:
    """Says nothing."""

    def note(self, words: str) -> None:
        """Nothing."""

    def start(self, system: str, repeat: int) -> None:
        """Nothing."""

    def update(self, system: str, event: Event) -> None:
        """Nothing."""

    def finish(self, system: str, status: str, words: str) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


class Lines:
    """A line when a system begins and one when it ends."""

    def __init__(self, systems: Sequence[str], repeats: int, stream: TextIO):
        self.width, self.repeats, self.stream = max(map(len, systems)), repeats, stream
        self.loss = ""

    def note(self, words: str) -> None:
        """Say it."""
        print(words, file=self.stream, flush=True)

    def start(self, system: str, repeat: int) -> None:
        """Say that it begins."""
        self.loss = ""
        again = f" (repeat {repeat + 1} of {self.repeats})" if self.repeats > 1 else ""
        self._say(system, f"training{again}")

    def update(self, system: str, event: Event) -> None:
        """Say when training is over."""
        if event["event"] == "training":
            self.loss = loss_words(event)
        elif event["event"] == "evaluating":
            self._say(system, f"evaluating{', ' if self.loss else ''}{self.loss}")

    def finish(self, system: str, status: str, words: str) -> None:
        """Say how it ended."""
        self._say(system, words if status == "ok" else f"{status}: {words}")

    def close(self) -> None:
        """Nothing."""

    def _say(self, system: str, words: str) -> None:
        print(f"{system:<{self.width}}  {words}", file=self.stream, flush=True)


class Bars:
    """A bar a system, with its loss and the time left."""

    def __init__(self, systems: Sequence[str], repeats: int, stream: TextIO):
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        columns = (
            TextColumn("{task.fields[system]}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[words]}", markup=False),
        )
        self.repeats = repeats
        self.bars = Progress(*columns, console=Console(file=stream), refresh_per_second=8)
        self.tasks = {name: self.bars.add_task("", total=1.0, system=name, words="waits") for name in systems}
        self.bars.start()

    def note(self, words: str) -> None:
        """Say it above the bars."""
        self.bars.console.print(words, markup=False, highlight=False)

    def start(self, system: str, repeat: int) -> None:
        """Its bar begins anew."""
        again = f", repeat {repeat + 1} of {self.repeats}" if self.repeats > 1 else ""
        self.bars.reset(self.tasks[system], total=1.0)
        self._show(system, 0.0, f"starts{again}")

    def update(self, system: str, event: Event) -> None:
        """Move its bar."""
        if event["event"] == "training":
            share = event["step"] / max(event["steps"], 1)
            left = event["seconds"] * (1 / share - 1) if share else 0.0
            self._show(system, share, f"{_clock(left)} left  {loss_words(event)}")
        elif event["event"] == "evaluating":
            self._show(system, 1.0, "evaluates")

    def finish(self, system: str, status: str, words: str) -> None:
        """Fill its bar."""
        self._show(system, 1.0 if status == "ok" else None, words if status == "ok" else f"{status}: {words}")

    def close(self) -> None:
        """Leave the bars as they are."""
        self.bars.stop()

    def _show(self, system: str, share: float | None, words: str) -> None:
        self.bars.update(self.tasks[system], completed=share, words=words)


def loss_words(event: Event) -> str:
    """The losses of an event: 'loss 1.23', or each with its player's name where there are several."""
    losses = {player: value for player, value in (event.get("loss") or {}).items() if value is not None}
    if len(losses) == 1:
        return f"loss {next(iter(losses.values())):.4g}"
    return ", ".join(f"{player} {value:.4g}" for player, value in losses.items())


def _clock(seconds: float) -> str:
    return time.strftime("%M:%S" if seconds < 3600 else "%H:%M:%S", time.gmtime(max(0.0, seconds)))

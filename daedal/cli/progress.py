"""A bar with time left, and the loss while a system trains; nothing where stderr is no terminal."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self


class _Bar:
    """Use as a context: the bar is there where stderr is a terminal."""

    def __init__(self, title: str):
        self.title, self.bar, self.task = title, None, None

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            self.bar = _bar()
            self.task = self.bar.add_task(self.title, total=None, loss="")
            self.bar.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.bar is not None:
            self.bar.stop()

    def move(self, done: int, total: int, loss: str = "") -> None:
        """Show how far it is."""
        if self.bar is not None and self.task is not None:
            self.bar.update(self.task, total=total, completed=done, loss=loss)


class TrainingProgress(_Bar):
    """`watch(line, steps)` is called with each line of the log, of a run of so many steps."""

    seen = 0

    def watch(self, line: Mapping[str, Any], steps: int) -> None:
        """Show one line of the log."""
        self.seen += 1
        self.move(line["step"], steps, losses(line))


class CountProgress(_Bar):
    """`watch(done, total)` is called as things are made."""

    def watch(self, done: int, total: int) -> None:
        """Show how many there are."""
        self.move(done, total)


def losses(line: Mapping[str, Any]) -> str:
    """'loss 1.23', or each with its player's name where there are several."""
    found = {name.removesuffix("/loss"): value for name, value in line.items() if name.endswith("/loss")}
    if len(found) == 1:
        return f"loss {next(iter(found.values())):.4g}"
    return "  ".join(f"{player} {value:.4g}" for player, value in found.items())


def _bar() -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[loss]}", markup=False),
        console=Console(file=sys.stderr),
    )

"""A bar with time left and loss while a system trains; nothing where stderr is no terminal."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import TracebackType
from typing import Any


class TrainingProgress:
    """Use as a context; `watch(line, steps)` is called with each line of the log."""

    def __init__(self, title: str):
        self.title, self.seen, self.bar, self.task = title, 0, None, None

    def __enter__(self) -> TrainingProgress:
        if sys.stderr.isatty():
            self.bar = _bar()
            self.task = self.bar.add_task(self.title, total=None, loss="")
            self.bar.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.bar is not None:
            self.bar.stop()

    def watch(self, line: Mapping[str, Any], steps: int) -> None:
        """Show one line of the log, of a run of so many steps."""
        self.seen += 1
        if self.bar is not None and self.task is not None:
            self.bar.update(self.task, total=steps, completed=line["step"], loss=losses(line))


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

"""Writes the log for TensorBoard, beside log.jsonl."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any


class Boards:
    """Scalars of a run's log as TensorBoard events; steps after `purge` are taken back on resume."""

    def __init__(self, folder: Path, purge: int | None = None):
        from torch.utils.tensorboard import SummaryWriter  # slow to import: only where a run is written

        self.writer = SummaryWriter(str(folder), purge_step=purge)

    def write(self, line: Mapping[str, Any]) -> None:
        """Add one line of the log."""
        for name, value in line.items():
            if name not in ("step", "stage"):
                self.writer.add_scalar(name, value, line["step"])
        self.writer.flush()

    def close(self) -> None:
        """Finish the file."""
        self.writer.close()

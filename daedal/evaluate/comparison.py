"""What `compare` returns: the rows, and the folder with rows.json, report.html and what each system left.

    rows.json            {format, finished, data, settings, machine, versions, started, took, rows}
    report.html          made from rows.json
    SYSTEM/REPEAT/       what `daedal.evaluate.worker` leaves: run/, samples.npy, further.npy, material.npz, ...

`rows[i]["runs"][j]["folder"]` is SYSTEM/REPEAT; see `daedal.evaluate.rows` for the rest of a row.
"""

from __future__ import annotations

import csv
import io
import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from daedal.errors import UsageError
from daedal.evaluate.columns import Column, in_order
from daedal.evaluate.reading import Sentence, read
from daedal.evaluate.report import STEADY, render, table
from daedal.places import parse_json, write_file

FORMAT = 1
ROWS, REPORT = "rows.json", "report.html"
# What a narrow terminal does without, first things first; the report has it all.
LESS_TOLD = ("peak-memory-mb", "parameters", "class-entropy", "density", "kid-", "train-seconds", "recall", "reconstr")


class Comparison:
    """A comparison of systems, finished or not. Prints as a table; in notebooks too."""

    def __init__(self, record: Mapping[str, Any], folder: str | Path):
        self.record, self.folder = dict(record), Path(folder)

    @classmethod
    def open(cls, folder: str | Path) -> Comparison:
        """The comparison in a folder that `compare` wrote. Raises UsageError."""
        file = Path(folder) / ROWS
        try:
            record = parse_json(file.read_bytes())
            version = record["format"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UsageError(f"{folder} holds no comparison that can be read ({error}); compare again.") from None
        if version != FORMAT:
            raise UsageError(f"{file} has format {version!r}, this version of Daedal reads {FORMAT}; compare again.")
        return cls(record, folder)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """One dict a system: system, status, reason, steps, seconds, metrics, runs."""
        return self.record["rows"]

    @property
    def report(self) -> Path:
        """Where the report is."""
        return self.folder / REPORT

    @property
    def failed(self) -> bool:
        """Whether any row did not end well."""
        return any(row["status"] != "ok" for row in self.rows)

    @property
    def reading(self) -> list[Sentence]:
        """What the numbers say, in words."""
        return read(self.rows)

    def write_rows(self) -> None:
        """Write rows.json, whole or not at all."""
        write_file(self.folder / ROWS, self._json().encode())

    def write(self) -> None:
        """Write rows.json, and the report from what stands there."""
        self.write_rows()
        self.open(self.folder).save(self.report)

    def save(self, path: str | Path) -> Path:
        """Write the report (.html), the rows (.json) or a table (.csv), by the path's ending. Raises UsageError."""
        path = Path(path)
        writers = {".html": self._html, ".json": self._json, ".csv": self._csv}
        if path.suffix.lower() not in writers:
            raise UsageError(f"'path' of save must end in .html, .json or .csv; got '{path.name}'.")
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, writers[path.suffix.lower()]().encode())
        return path

    def _html(self) -> str:
        return render(self.record, self.folder)

    def _json(self) -> str:
        return json.dumps(self.record, indent=1, allow_nan=False) + "\n"

    def _csv(self) -> str:
        """One line a system; a column a measure, and beside it its kind, floor and spread where any row has them."""
        names = [c.name for c in in_order(name for row in self.rows for name in row["metrics"])]
        parts = [(name, key) for name in names for key in ("value", "kind", "floor", "spread") if self._any(name, key)]
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        heads = [name if key == "value" else f"{name} {key}" for name, key in parts]
        writer.writerow(["system", "status", "steps", "seconds", *heads])
        for row in self.rows:
            cells = [row["metrics"].get(name, {}).get(key) for name, key in parts]
            writer.writerow([row["system"], row["status"], row["steps"], row["seconds"], *cells])
        return out.getvalue()

    def _any(self, name: str, key: str) -> bool:
        values = [row["metrics"].get(name, {}).get(key) for row in self.rows]
        return key == "value" or any(value not in (None, "measured") for value in values)

    # -- to look at

    def __repr__(self) -> str:
        return f"Comparison({', '.join(row['system'] for row in self.rows)}; {str(self.folder)!r})"

    def __str__(self) -> str:
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        return "\n".join(text_table(self.rows, width))

    def _repr_html_(self) -> str:
        names = in_order(name for row in self.rows for name in row["metrics"])
        return table(self.rows, names)


def text_table(rows: Sequence[Mapping[str, Any]], width: int | None = None) -> list[str]:
    """The rows as lines of text, a column a measure and the floors below; within `width`, the columns that fit."""
    columns = in_order(name for row in rows for name in row["metrics"])
    lines = _lines(rows, columns)
    for name in LESS_TOLD:
        if width is None or len(lines[1]) <= width:
            break
        columns = [c for c in columns if not c.name.startswith(name)]
        lines = _lines(rows, columns)
    return lines + [f"{row['system']}: {row['status']}: {row['reason']}" for row in rows if row["status"] != "ok"]


def _lines(rows: Sequence[Mapping[str, Any]], columns: Sequence[Column]) -> list[str]:
    heads = ["system", *(c.title for c in columns)]
    cells = [[row["system"], *(_cell(row, c) for c in columns)] for row in rows]
    floors = [_floor(rows, c.name) for c in columns]
    cells.append(["(floor)", *("" if f is None else c.show(f) for c, f in zip(columns, floors, strict=True))])
    widths = [max(len(line[i]) for line in [heads, *cells]) for i in range(len(heads))]
    shown = [_align(line, widths) for line in [heads, *cells]]
    return [shown[0], "─" * max(map(len, shown)), *shown[1:]]


def _cell(row: Mapping[str, Any], shown: Column) -> str:
    measure = row["metrics"].get(shown.name)
    if measure is None:
        return "–"
    mark = {"bound": "≤", "estimate": "≈"}.get(measure.get("kind") or "", "")
    several = len(row.get("runs", [])) > 1 and measure.get("spread") and shown.name not in STEADY
    return mark + shown.show(measure["value"]) + (f"±{shown.show(measure['spread'])}" if several else "")


def _floor(rows: Sequence[Mapping[str, Any]], name: str) -> float | None:
    floors = [row["metrics"][name].get("floor") for row in rows if name in row["metrics"]]
    return next((floor for floor in floors if floor is not None), None)


def _align(line: Sequence[str], widths: Sequence[int]) -> str:
    cells = [cell.rjust(w) if i else cell.ljust(w) for i, (cell, w) in enumerate(zip(line, widths, strict=True))]
    return "  ".join(cells).rstrip()

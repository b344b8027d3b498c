"""What evaluation returns: a mapping of metric names to measures, which prints as a table.

>>> measures = Measures({"fd-digits": Measure(3.2, "measured", floor=0.4, spread=0.1, n=500, better="lower")})
>>> measures["fd-digits"].value
3.2
>>> print(measures)
metric     value  floor  spread  kind      better
fd-digits    3.2    0.4     0.1  measured  lower
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from torch import Tensor

Kind = Literal["exact", "bound", "estimate", "measured"]
Better = Literal["lower", "higher"]


@dataclass(frozen=True)
class Measure:
    """One number. `floor` is what real data gets in its place, `spread` one standard error, `n` the items used.

    `kind` says what the number is of the quantity that it is called by: its `exact` value, a `bound` on it (bits per
    dimension of a bound are never better than the truth), an `estimate`, or simply `measured`.
    """

    value: float
    kind: Kind = "measured"
    floor: float | None = None
    spread: float | None = None
    n: int | None = None
    better: Better | None = None

    def to_json(self) -> dict[str, Any]:
        """A dict of value, kind, floor, spread, n, better; numbers that are not finite are None."""
        return {name: _finite(value) for name, value in asdict(self).items()}


@dataclass(frozen=True)
class Material:
    """What the measures were made from, for reports: samples as measured, and where they lie in the data.

    | field | what | shape |
    |---|---|---|
    | `samples` | on the grid, border form | (n, *x) |
    | `further` | more of them, for `memorised` alone | (m, *x) |
    | `given` | what each sample was conditioned on, by field | each (n, ...) |
    | `reference` | rows of the test split that were compared with | (n,) |
    | `training` | rows of the training split that the floor is made of | (n,) |
    | `nearest` | row of the training split nearest to each of the first samples, of all its rows | (min(n, 256),) |
    | `exact_copies` | share of samples that are equal to a training item | scalar |
    """

    samples: Tensor
    further: Tensor
    given: Mapping[str, Tensor]
    reference: np.ndarray
    training: np.ndarray
    nearest: np.ndarray
    exact_copies: float


class Measures(Mapping[str, Measure]):
    """Metric name -> `Measure`, in the order of the table; `material` is None where nothing was sampled."""

    def __init__(self, measures: Mapping[str, Measure], material: Material | None = None):
        self._measures, self.material = dict(measures), material

    def __getitem__(self, name: str) -> Measure:
        return self._measures[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._measures)

    def __len__(self) -> int:
        return len(self._measures)

    def to_json(self) -> dict[str, Any]:
        """{name: {value, kind, floor, spread, n, better}}."""
        return {name: measure.to_json() for name, measure in self.items()}

    def __repr__(self) -> str:
        rows = _rows(self)
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ("  ".join(_align(cell, widths[i], i) for i, cell in enumerate(row)) for row in rows)
        return "\n".join(line.rstrip() for line in lines)

    def _repr_html_(self) -> str:
        head, *body = _rows(self)
        lines = ["".join(f"<th>{html.escape(cell)}</th>" for cell in head)]
        lines += ["".join(f"<td>{html.escape(cell)}</td>" for cell in row) for row in body]
        return "<table>" + "".join(f"<tr>{line}</tr>" for line in lines) + "</table>"


def _rows(measures: Mapping[str, Measure]) -> list[list[str]]:
    rows = [["metric", "value", "floor", "spread", "kind", "better"]]
    for name, m in measures.items():
        rows.append([name, number(m.value), number(m.floor), number(m.spread), m.kind, m.better or ""])
    return rows


def _align(cell: str, width: int, column: int) -> str:
    return cell.rjust(width) if 1 <= column <= 3 else cell.ljust(width)


def number(value: float | None) -> str:
    """Four significant digits; whole numbers in full; '' for None."""
    if value is None:
        return ""
    if not math.isfinite(value):
        return str(value)
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value

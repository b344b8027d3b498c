"""What the numbers of a comparison say, in plain words: a pure function from rows to sentences.

Two systems are told apart only where the difference of their values exceeds 1.96 standard errors of it. A value's
standard error is that of the mean over repeats where there were several, or of what one evaluation knows by itself
(its bootstrap) if that is more, since few repeats may agree by chance; without a spread, what is known of its kind (a
share of n items is binomial). A bound is never ranked against an exact value, unless it wins: what is bounded is then
better still.

>>> rows = [{"system": "a", "status": "ok", "metrics": {"precision": {"value": 0.9, "n": 500}}},
...         {"system": "b", "status": "ok", "metrics": {"precision": {"value": 0.5, "n": 500}}}]
>>> print(read(rows)[0].text)
a: 0.90 of its samples lie among real items, ahead of b (0.50).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from daedal.evaluate.columns import column

Row = Mapping[str, Any]
Tone = Literal["winner", "tie", "note", "warning"]

NORMAL = 1.96  # 95 % of a normal distribution lies within it
TIMING_TOLERANCE = 0.2  # one timing on a shared machine is good to about this share
BITS_TOLERANCE = 0.01  # bits/dim, where no spread is known: less than seeds move it
MEMORISED_Z = 3.0  # standard errors over one half: 8 systems and chance alone rarely reach it
FEW_ITEMS = 100  # a share of fewer items has a standard error of up to 0.05
LEAST_RECALL = 0.1
LEAST_PRECISION = 0.2  # samples far from all data have the same few nearest items: a share of them says nothing
SHARES = ("precision", "recall", "coverage", "memorised")  # means of yes or no over n items


@dataclass(frozen=True)
class Sentence:
    """One thing that the numbers say: about what, in words, and which systems stand out."""

    topic: str
    text: str
    tone: Tone = "note"
    systems: tuple[str, ...] = ()


def read(rows: Sequence[Row]) -> list[Sentence]:
    """The sentences of a comparison, in the order in which a person asks."""
    sentences = [
        _best(rows, "Sharpest", "precision", "{} of its samples lie among real items"),
        _narrow(rows),
        _best(rows, "Most diverse", "coverage", "{} of the real items have a sample near them"),
        _likelihood(rows),
        _best(rows, "Fastest to sample", "images-per-second", "{} samples a second"),
        _closest(rows),
        *(_memorised(row) for row in rows),
        *(_failed(row) for row in rows),
        _few_items(rows),
        _seeds(rows),
    ]
    return [sentence for sentence in sentences if sentence is not None]


# -- who leads, and how sure that is


def half_width(name: str, row: Row) -> float:
    """Half of the 95 % interval of a row's measure."""
    measure = row["metrics"][name]
    repeats = len(finished_runs(row))
    if repeats > 1 and measure.get("spread") is not None:
        alone = [run["metrics"][name].get("spread") or 0.0 for run in finished_runs(row) if name in run["metrics"]]
        deviation = max(measure["spread"], sum(alone) / max(1, len(alone)))
        return NORMAL * deviation / math.sqrt(repeats)
    return _half_width_alone(name, measure)


def _half_width_alone(name: str, measure: Mapping[str, Any]) -> float:
    """That of one evaluation, which does not know the luck of training."""
    value, spread, n = measure["value"], measure.get("spread"), measure.get("n")
    if name in SHARES and n:
        share = (value * n + 1) / (n + 2)  # Laplace's: 0 of n or n of n is not certain, though no resample differs
        return NORMAL * max(spread or 0.0, math.sqrt(share * (1 - share) / n))
    if spread is not None:
        return NORMAL * spread
    if name == "images-per-second":
        return TIMING_TOLERANCE * abs(value)
    return BITS_TOLERANCE if name == "bits-per-dim" else float(measure.get("floor") or 0.0)


def leaders(name: str, rows: Sequence[Row]) -> list[str]:
    """The system with the best value and all that cannot be told apart from it, best first; [] without two values."""
    sign = 1.0 if column(name).better == "higher" else -1.0
    known = [row for row in rows if measured(row, name) is not None]
    if len(known) < 2 or column(name).better is None:
        return []
    known.sort(key=lambda row: -sign * row["metrics"][name]["value"])
    best = known[0]
    return [row["system"] for row in known if row is best or not differ(name, best, row)]


def differ(name: str, a: Row, b: Row) -> bool:
    """Whether two rows can be told apart by a measure."""
    values = [row["metrics"][name]["value"] for row in (a, b)]
    return abs(values[0] - values[1]) > math.hypot(half_width(name, a), half_width(name, b))


def measured(row: Row, name: str) -> float | None:
    """A row's value of a measure, None where it has none."""
    value = row.get("metrics", {}).get(name, {}).get("value")
    return value if value is not None and math.isfinite(value) else None


def finished_runs(row: Row) -> list[Mapping[str, Any]]:
    """The repeats of a row that ended well."""
    return [run for run in row.get("runs", []) if run.get("status") == "ok"]


# -- the sentences


def _best(rows: Sequence[Row], topic: str, name: str, words: str) -> Sentence | None:
    tied = leaders(name, rows)
    if not tied:
        return None
    show = _shower(rows, name)
    if len(tied) > 1:
        return Sentence(topic, f"No clear winner: {_list(tied, show)} cannot be told apart.", "tie", tuple(tied))
    rest = [row for row in rows if row["system"] != tied[0] and measured(row, name) is not None]
    best = sorted(rest, key=lambda row: row["metrics"][name]["value"])[-1]["system"]
    claim = words.format(show(tied[0]))
    return Sentence(topic, f"{tied[0]}: {claim}, ahead of {best} ({show(best)}).", "winner", (tied[0],))


def _narrow(rows: Sequence[Row]) -> Sentence | None:
    """The sharpest whose samples span next to nothing of the data: precision alone flatters them."""
    narrow = [
        row["system"]
        for row in rows
        if row["system"] in leaders("precision", rows) and (measured(row, "recall") or 0.0) < LEAST_RECALL
        and measured(row, "recall") is not None
    ]  # fmt: skip
    if not narrow:
        return None
    shown = _list(narrow, _shower(rows, "recall"))
    text = f"Being sharp is no feat where all samples are alike: hardly any real item lies among those of {shown}."
    return Sentence("Narrow", text, "warning", tuple(narrow))


def _few_items(rows: Sequence[Row]) -> Sentence | None:
    counts = [row["metrics"][name].get("n") for row in rows for name in SHARES if measured(row, name) is not None]
    known = [n for n in counts if n]
    if not known or min(known) >= FEW_ITEMS:
        return None
    text = f"Only {min(known)} test items were there to compare with: distances and shares are coarse."
    return Sentence("Mind", text)


def _closest(rows: Sequence[Row]) -> Sentence | None:
    """The distance that most rows have; within its floor of each other two systems are not told apart."""
    known = Counter(name for row in rows for name in row.get("metrics", {}) if name.startswith("fd-"))
    name = max(sorted(known), key=known.__getitem__, default="")
    tied = leaders(name, rows) if name else []
    if not tied:
        return None
    show = _shower(rows, name)
    floors = [row["metrics"][name].get("floor") for row in rows if measured(row, name) is not None]
    floor = f"; the data itself is at {column(name).show(floors[0])}" if floors and floors[0] is not None else ""
    if len(tied) > 1:
        text = f"No clear winner: {_list(tied, show)} cannot be told apart by {name}{floor}."
        return Sentence("Closest to the data", text, "tie", tuple(tied))
    text = f"{tied[0]}: {name} {show(tied[0])}{floor}."
    return Sentence("Closest to the data", text, "winner", (tied[0],))


def _likelihood(rows: Sequence[Row]) -> Sentence | None:
    name = "bits-per-dim"
    known = [row for row in rows if measured(row, name) is not None]
    if not known:
        return None
    show = _shower(rows, name)
    kinds = {kind: [row for row in known if _kind(row) == kind] for kind in ("exact", "bound", "estimate")}
    if clear := _surely_best(known):
        others = [row["system"] for row in known if row is not clear]
        of = "a bound, so its true value is lower still" if _kind(clear) == "bound" else "exact"
        text = f"{clear['system']}: {show(clear['system'])} bits/dim ({of}), ahead of {_list(others, show)}."
        return Sentence("Best likelihood", text, "winner", (clear["system"],))
    parts = [_lowest(group, kind, show) for kind, group in kinds.items() if group]
    exact, bounds = (_lowest_known(kinds[kind]) for kind in ("exact", "bound"))
    if exact and bounds and _below(known, bounds[0], exact[0]):
        parts.append(f"{bounds[0]} is surely better than {exact[0]}, since its true value is lower still.")
        return Sentence("Best likelihood", " ".join(parts), "tie", (bounds[0],))
    if exact and len(known) > len(kinds["exact"]):
        parts.append("What a bound or an estimate stands for may be lower, so they are not ranked with it.")
    elif bounds and len(known) > 1:
        parts.append("A bound may be loose, so the lowest bound need not be the best model.")
    return Sentence("Best likelihood", " ".join(parts), "winner" if len(exact) == 1 else "tie", tuple(exact or bounds))


def _below(rows: Sequence[Row], a: str, b: str) -> bool:
    """Whether the bits of system a are surely fewer than those of b."""
    first, second = (next(row for row in rows if row["system"] == system) for system in (a, b))
    values = [row["metrics"]["bits-per-dim"]["value"] for row in (first, second)]
    return values[0] < values[1] and differ("bits-per-dim", first, second)


def _surely_best(known: Sequence[Row]) -> Row | None:
    """The row whose true value is below every other's, whatever lies under the bounds; None if there is none."""
    for row in known:
        others = [other for other in known if other is not row]
        sure = [_kind(other) == "exact" and _below(known, row["system"], other["system"]) for other in others]
        if others and all(sure) and _kind(row) in ("exact", "bound"):
            return row
    return None


def _lowest_known(rows: Sequence[Row]) -> list[str]:
    return leaders("bits-per-dim", rows) or [row["system"] for row in rows[:1]]


def _lowest(rows: Sequence[Row], kind: str, show: Callable[[str], str]) -> str:
    tied = _lowest_known(rows)
    if len(rows) == 1:
        words = {"exact": "The only exact value is", "bound": "The only bound is", "estimate": "The only estimate is"}
        return f"{words[kind]} {tied[0]}'s, {show(tied[0])} bits/dim."
    plural = {"exact": "exact values", "bound": "bounds", "estimate": "estimates"}[kind]
    if len(tied) > 1:
        return f"Of the {plural} the lowest are {_list(tied, show)} bits/dim, too near to each other to tell apart."
    return f"Of the {plural} the lowest is {tied[0]}'s, {show(tied[0])} bits/dim."


def _memorised(row: Row) -> Sentence | None:
    share, copies = measured(row, "memorised"), row.get("exact_copies") or 0.0
    sharp = measured(row, "precision")
    lost = sharp is not None and sharp < LEAST_PRECISION
    over = share is not None and not lost and share - 0.5 > MEMORISED_Z * _memorised_error(row)
    if not over and not copies:
        return None
    said = []
    if over:
        said.append(f"{share:.2f} of its samples are nearer to a training item than to any test item (0.50 is chance)")
    if copies:
        said.append(f"{copies:.1%} are exact copies of training items")
    text = f"{row['system']}: {', and '.join(said)}. Read its other numbers with that in mind."
    return Sentence("Copies", text, "warning", (row["system"],))


def _memorised_error(row: Row) -> float:
    """Standard error of a share of one half, or that of the mean over repeats if it is more."""
    measure, repeats = row["metrics"]["memorised"], max(1, len(finished_runs(row)))
    alone = 0.5 / math.sqrt(measure["n"]) if measure.get("n") else math.inf
    return max(alone, (measure.get("spread") or 0.0) if repeats > 1 else 0.0) / math.sqrt(repeats)


def _failed(row: Row) -> Sentence | None:
    if row["status"] == "ok":
        return None
    word = {"failed": "Failed", "stopped": "Stopped"}.get(row["status"], "Not run")
    reason = row.get("reason") or "no reason was left"
    return Sentence(word, f"{row['system']}: {reason}", "warning", (row["system"],))


def _seeds(rows: Sequence[Row]) -> Sentence | None:
    repeats = [len(finished_runs(row)) for row in rows if row["status"] == "ok"]
    if not repeats or min(repeats) > 1:
        return None
    return Sentence(
        "Mind", "Each system was trained once: another seed may move these numbers by more than their intervals. "
        "--repeats measures that."
    )  # fmt: skip


# -- words


def _kind(row: Row) -> str:
    return row["metrics"]["bits-per-dim"].get("kind") or "exact"


def _shower(rows: Sequence[Row], name: str) -> Callable[[str], str]:
    values = {row["system"]: measured(row, name) for row in rows}
    return lambda system: column(name).show(values[system])


def _list(systems: Sequence[str], show: Callable[[str], str]) -> str:
    shown = [f"{system} ({show(system)})" for system in systems]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"

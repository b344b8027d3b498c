"""How accurate an oracle is, as a Markdown table: a row a factor and a class, a column for each degradation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any


def table(accuracy: Mapping[str, Any]) -> str:
    """The table of a record of `daedal.evaluate.oraclescore`."""
    damage, points = accuracy["degraded"], accuracy.get("points", {}).items()
    lines = [_row(["", "clean", "where shown", "samples", *damage]), "|---" * (4 + len(damage)) + "|"]
    samples = accuracy.get("samples", {"classes": {}})
    for kind, word in (("numbers", "r2"), ("choices", "accuracy")):
        for name, entry in accuracy[kind].items():
            lines += _factor(name, entry, word, [found[kind][name] for found in damage.values()])
    lines.append(
        _row(
            ["mean IoU", _exact(accuracy["mean_iou"]), "", _known(samples, "mean_iou")]
            + [_short(found["mean_iou"]) for found in damage.values()]
        )
    )
    if "actions" in accuracy:
        done = accuracy["actions"]
        shorts = [_short(done["degraded"][name]) if name in done["degraded"] else "" for name in damage]
        lines.append(_row(["action, accuracy", _exact(done["accuracy"]), "", "", *shorts]))
    lines += [_row([f"{name}, pixels away", _exact(far), "", "", *[""] * len(damage)]) for name, far in points]
    lines += [
        _class(name, entry, _known(samples["classes"], name), len(damage))
        for name, entry in accuracy["classes"].items()
    ]
    return "\n".join(lines)


def _factor(name: str, entry: Mapping[str, Any], word: str, damaged: Sequence[float]) -> Iterator[str]:
    what = "R2" if word == "r2" else word
    shown = _exact(entry["shown"][word]) if "shown" in entry else ""
    yield _row([f"{name}, {what}", _exact(entry[word]), shown, "", *map(_short, damaged)])
    for k, value in enumerate(entry.get("parts", ())):
        yield _row([f"{name} {k + 1}, {what}", _exact(value), "", "", *[""] * len(damaged)])


def _class(name: str, entry: Mapping[str, Any], known: str, columns: int) -> str:
    what = f"{name}, IoU ({100 * entry['share']:.1f} % of pixels)"
    return _row([what, _exact(entry["iou"]), "", known, *[""] * columns])


def _known(found: Mapping[str, Any], name: str) -> str:
    return _exact(found[name]) if name in found else ""


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _exact(value: float) -> str:
    return f"{value:.3f}"


def _short(value: float) -> str:
    return f"{value:.2f}"

"""How measures are shown to people: their titles, groups, digits, and what each means in one sentence.

>>> column("fd-digits").title, column("fd-digits").show(12.3456)
('FD-digits', '12.3')
>>> column("images-per-second").show(12345.6), column("parameters").show(1_234_567)
('12,346', '1.23 M')
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Literal

Better = Literal["lower", "higher"] | None


@dataclass(frozen=True)
class Column:
    """One measure as a table shows it. `better` is None where neither direction is."""

    name: str
    title: str
    group: str
    better: Better
    show: Callable[[float | None], str]
    meaning: str


def significant(digits: int) -> Callable[[float | None], str]:
    """Shows a number to that many significant digits, never in scientific notation above 1e-5."""

    def show(value: float | None) -> str:
        if value is None or not math.isfinite(value):
            return "–"
        if value == 0:
            return "0"
        places = max(0, digits - 1 - math.floor(math.log10(abs(value))))
        return f"{value:,.{places}f}" if places <= digits + 4 else f"{value:.1e}"

    return show


def fixed(places: int) -> Callable[[float | None], str]:
    """Shows a number to that many decimal places."""
    return lambda value: "–" if value is None or not math.isfinite(value) else f"{value:,.{places}f}"


def counted(value: float | None) -> str:
    """Shows a count: 940, 12.3 k, 1.23 M."""
    if value is None or not math.isfinite(value):
        return "–"
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value:.0f}"


COLUMNS = (
    Column("fd-", "FD", "Likeness", "lower", significant(3),
           "Fréchet distance of the features of samples from those of the test split. Finite samples of the data "
           "itself are not at zero but at the floor printed under it."),
    Column("kid-", "KID", "Likeness", "lower", significant(3),
           "Kernel distance of the same features; its estimate has no bias, so the floor is near zero."),
    Column("precision", "Precision", "Sharpness", "higher", fixed(2),
           "Share of samples that lie among real items: how sharp they are."),
    Column("density", "Density", "Sharpness", "higher", fixed(2),
           "How many real items' neighbourhoods a sample lies in, over the number expected; 1 for the data itself."),
    Column("recall", "Recall", "Diversity", "higher", fixed(2),
           "Share of real items that lie among samples."),
    Column("coverage", "Coverage", "Diversity", "higher", fixed(2),
           "Share of real items that have a sample in their neighbourhood: how diverse samples are."),
    Column("class-entropy", "Class entropy", "Diversity", None, fixed(2),
           "Entropy, in nats, of the classes that a classifier sees in the samples."),
    Column("class-accuracy", "Class accuracy", "Conditions", "higher", fixed(2),
           "Share of samples that a classifier puts in the class that was asked for; the floor is its accuracy on the "
           "data."),
    Column("bits-per-dim", "Bits/dim", "Likelihood", "lower", fixed(3),
           "Bits that the system needs per number of a test item. A bound may lie above the true value, and is "
           "never ranked against an exact one."),
    Column("reconstruction-mse", "Recon. MSE", "Codes", "lower", significant(3),
           "Mean squared error of test items rebuilt from their codes."),
    Column("memorised", "Memorised", "Copying", None, fixed(2),
           "Share of samples that are nearer to a training item than to any of equally many test items; one half "
           "for a system that copies nothing. Small items have further samples for it."),
    Column("images-per-second", "Samples/s", "Cost", "higher", lambda v: "–" if v is None else
           (significant(3)(v) if v < 100 else fixed(0)(v)), "Samples drawn in a second."),
    Column("train-seconds", "Seconds", "Cost", None, fixed(1), "Seconds of training."),
    Column("parameters", "Parameters", "Cost", None, counted, "How many numbers were learned."),
    Column("peak-memory-mb", "MB", "Cost", "lower", fixed(0), "Largest resident memory of the process."),
)  # fmt: skip


def column(name: str) -> Column:
    """The column of a measure; one that is not known here is shown plainly under its own name."""
    for known in COLUMNS:
        if name == known.name:
            return known
        if known.name.endswith("-") and name.startswith(known.name):
            return replace(known, name=name, title=f"{known.title}-{name[len(known.name) :]}")
    return Column(name, name, "Other", None, significant(3), "")


def in_order(names: Iterable[str]) -> list[Column]:
    """The columns of some measures, in the order in which tables show them."""
    known = [c.name for c in COLUMNS]

    def place(name: str) -> tuple[int, str]:
        fits = [i for i, k in enumerate(known) if name == k or (k.endswith("-") and name.startswith(k))]
        return (fits[0] if fits else len(known), name)

    return [column(name) for name in sorted(set(names), key=place)]

"""Describes a data set and says what is wrong with it, before anything is trained on it: what `daedal data` prints."""

from __future__ import annotations

import io
import warnings
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from daedal.data.base import Column, Data, Split, is_endless
from daedal.data.fingerprint import item_digests
from daedal.data.names import printable
from daedal.data.sheet import contact_sheet
from daedal.data.tokens import NOTHING, is_text
from daedal.spaces import Images, Labels

__all__ = ["Description", "contact_sheet", "describe"]

STEP = 1 << 24  # numbers looked at at a time, so that a memory-mapped array is never read whole
SHOWN = 20  # problems; classes, sizes and modes, of which there are more in `to_json`


@dataclass(frozen=True)
class Description:
    """What a data set holds. `str()` is plain text, `rich.print` a table, `to_json()` a dict."""

    name: str
    n: int  # items, mirrored copies not counted; of an endless world those of the test split
    train: int | None  # rows of the training split, mirrored copies counted; None: it is endless
    test: int
    fields: Mapping[str, Mapping[str, Any]]  # spaces as JSON
    ranges: Mapping[str, tuple[float, float]]  # of levels (images) or numbers (vectors)
    classes: Mapping[str, Mapping[str, int]]  # of each field of plain labels: items of each class
    duplicates: int  # items equal in `x` to one before them
    shared: int  # test items equal in `x` to a training item
    fingerprint: str
    problems: list[str]  # "NAME: REASON" of what cannot be used
    skipped: int = 0  # items left out for that
    unused: int = 0  # items of a published split that is neither training nor test
    runs: int = 0  # folders among the images that training wrote, which are passed over
    sizes: Mapping[str, int] = field(default_factory=dict)  # "HEIGHTxWIDTH" in the files: images
    modes: Mapping[str, int] = field(default_factory=dict)  # Pillow's modes in the files: images
    entropy: float | None = None  # nats, of a known density
    sides: Mapping[str, int] = field(default_factory=dict)  # training items of each of some unpaired domains
    domains: Mapping[str, str] = field(default_factory=dict)  # of a world: what the fields `a` and `b` show
    credits: Mapping[str, str] = field(default_factory=dict)  # author and licence of what was published by others
    texts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # of each field of words: how many, how long

    def to_json(self) -> dict[str, Any]:
        """Everything, JSON-able."""
        record = dict(vars(self))
        record["ranges"] = {name: list(pair) for name, pair in self.ranges.items()}
        return record

    def __rich__(self) -> Any:
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        table = Table.grid(padding=(0, 2))
        for word, meaning in self._lines():
            table.add_row(Text(printable(word), "bold"), Text(printable(meaning)))
        problems = [Text("  " + problem, "red") for problem in self._problem_lines()]
        return Group(table, *problems)

    def __str__(self) -> str:
        from rich.console import Console

        console = Console(file=io.StringIO(), width=120, color_system=None, highlight=False)
        console.print(self)
        assert isinstance(console.file, io.StringIO)
        return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines())

    def _lines(self) -> list[tuple[str, str]]:
        """Words and what they mean here, those that have nothing to say left out."""
        lines = [("data", self.name), ("items", self._items())]
        lines += [(f"domain {name}", words) for name, words in self.domains.items()]
        lines += [(f"field {name}", _space(space, self.ranges.get(name))) for name, space in self.fields.items()]
        lines += [(f"sentences of {name}", _sentences(facts)) for name, facts in self.texts.items()]
        lines += [(f"classes of {name}", _counted(counts)) for name, counts in self.classes.items()]
        lines += [("sizes in the files", _counted(self.sizes)), ("modes in the files", _counted(self.modes))]
        lines += [("duplicates", f"{self.duplicates} items equal another before them" if self.duplicates else "none")]
        if self.shared:
            lines.append(("in both splits", f"{self.shared} test items equal a training item, so tests will flatter"))
        if self.unused:
            lines.append(("not used", f"{self.unused} images of the published validation split"))
        if self.runs:
            lines.append(("passed over", f"{self.runs} folder{'s' * (self.runs > 1)} that training wrote"))
        if self.entropy is not None:
            lines.append(("entropy", f"{self.entropy:.4f} nats"))
        lines += [(f"credit of {name}", credit) for name, credit in self.credits.items()]
        lines.append(("fingerprint", self.fingerprint))
        if self.problems:
            lines.append(("problems", f"{len(self.problems)}; {self.skipped} items are left out:"))
        return [line for line in lines if line[1]]

    def _items(self) -> str:
        if self.train is None:
            return f"endless training items, made when they are asked for, and {self.test} test (described here)"
        train = " + ".join(f"{n} of {name}" for name, n in self.sides.items()) or self.train
        return f"{self.n}: {train} training, {self.test} test{' pairs' if self.sides else ''}"

    def _problem_lines(self) -> list[str]:
        more = len(self.problems) - SHOWN
        shown = [printable(problem) for problem in self.problems[:SHOWN]]
        return [*shown, f"and {more} more"] if more > 0 else shown


def describe(data_or_source: Any, **options: Any) -> Description:
    """The description of a data set, or of a source with the options of `load_data`.

    A source with bad items is described without them, and they stand in `problems`. Raises what `load_data` raises
    where nothing can be loaded at all: an unknown source or option, no images, several sizes.
    """
    data = data_or_source if isinstance(data_or_source, Data) else _load(data_or_source, options)
    if is_text(next(iter(data.fields.values()))):
        from daedal.data.describe_texts import describe_texts

        return describe_texts(data)
    items, duplicates, shared = _looked_at(data) if isinstance(data.train, Split) else _apart(data)
    columns, notes = data.test.columns, data.notes
    sides = {name: len(side) for name, side in getattr(data.train, "sides", {}).items() if not is_endless(side)}
    train = sum(sides.values()) if sides else None if is_endless(data.train) else len(data.train)
    return Description(
        name=data.name,
        n=len(items) + sum(sides.values()),
        train=train,
        test=len(data.test),
        fields={name: space.to_json() for name, space in data.fields.items()},
        ranges={name: _range(column) for name, column in columns.items() if not isinstance(column.space, Labels)},
        classes={name: counts for name, column in columns.items() if (counts := _classes(column, items))},
        duplicates=duplicates,
        shared=shared,
        sides=sides,
        domains=notes.get("domains", {}),
        fingerprint=data.fingerprint,
        problems=list(notes.get("problems", [])),
        skipped=notes.get("skipped", 0),
        unused=notes.get("unused", 0),
        runs=notes.get("runs", 0),
        sizes=notes.get("sizes", {}),
        modes=notes.get("modes", {}),
        entropy=None if data.density is None else data.density.entropy,
        credits=notes.get("credits", {}),
    )


def _looked_at(data: Data) -> tuple[np.ndarray, int, int]:
    """Rows of all items; how many equal one before them, how many test items a training item: in the first field."""
    rows, tested = np.asarray(data.train.rows), np.asarray(data.test.rows)
    digests = _digests(data.test, next(iter(data.fields)))
    n = len(digests)
    items = np.unique(np.concatenate([rows, tested]) % n)
    trained = {digests[i] for i in rows % n}
    shared = sum(digests[i] in trained for i in tested % n) if len(items) > 1 else 0
    return items, len(items) - len({digests[i] for i in items}), shared


def _apart(data: Data) -> tuple[np.ndarray, int, int]:
    """The same where training items lie apart: they are endless, or of unpaired domains, of which all is summed."""
    rows, duplicates, shared = np.unique(data.test.rows), 0, 0
    for name, side in getattr(data.train, "sides", {next(iter(data.fields)): data.train}).items():
        tested, trained = _digests(data.test, name), set() if is_endless(side) else set(_digests(side, name))
        duplicates += len(tested) - len(set(tested) - trained) + (0 if is_endless(side) else len(side) - len(trained))
        shared += sum(digest in trained for digest in tested)
    return rows, duplicates, shared


def _digests(split: Split, field: str) -> list[bytes]:
    return item_digests(split.columns[field].values)


def _load(source: Any, options: dict[str, Any]) -> Data:
    from daedal.data.load import load_data

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # how many were left out, which is told here
        return load_data(source, **{**options, "skip_bad": True})


def _range(column: Column) -> tuple[float, float]:
    """Least and greatest value: levels as integers."""
    values = column.values
    step = max(1, STEP // max(1, column.space.dim))
    parts = [values[i : i + step] for i in range(0, len(values), step)]
    low, high = min(part.min() for part in parts).item(), max(part.max() for part in parts).item()
    return low, high


def _classes(column: Column, items: np.ndarray) -> dict[str, int]:
    """Items of each class, of plain labels; also of classes that have none."""
    space = column.space
    if not isinstance(space, Labels) or space.shape:
        return {}
    counts = Counter(column.values[items].tolist())
    return {(space.names[k] if space.names else str(k)): counts[k] for k in range(space.classes)}


def _space(space: Mapping[str, Any], extent: tuple[float, float] | None) -> str:
    """A space and its range in words."""
    if space["space"] == "Images":
        images = Images(**{key: value for key, value in space.items() if key != "space"})
        frames = f"{images.frames} frames of " if images.frames else ""
        kind = {1: "grey", 3: "colour", 4: "colour and alpha"}.get(images.channels, f"{images.channels} channels")
        words = f"{frames}{images.height} x {images.width} images, {kind}, {images.levels} levels"
        return words + (f", used from {extent[0]} to {extent[1]}" if extent else "")
    if space["space"] == "Vectors":
        return f"vectors of {space['dim']}" + (f", from {extent[0]:.4g} to {extent[1]:.4g}" if extent else "")
    if (space["names"] or ("?",))[0] == NOTHING:
        return f"sentences of at most {space['shape'][0]} words and marks, {space['classes'] - 2} different ones known"
    shape = " x ".join(map(str, space["shape"]))
    kind = "rows" if len(space["shape"]) == 1 else "maps"
    return f"{space['classes']} classes" + (f", {kind} of {shape}" if shape else "")


def _sentences(facts: Mapping[str, Any]) -> str:
    words = f"{facts['shortest']} to {facts['longest']} words, {facts['mean']:.1f} on average"
    cut = f"; {facts['cut']} were longer and are cut" if facts["cut"] else ""
    return f"{words}{cut}; {facts['unknown']:.2%} of the words of the test split are unknown"


def _counted(counts: Mapping[str, int]) -> str:
    shown = [f"{printable(name)} ({count})" for name, count in list(counts.items())[:SHOWN]]
    more = f" and {len(counts) - SHOWN} more" if len(counts) > SHOWN else ""
    return ", ".join(shown) + more

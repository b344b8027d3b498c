"""A numeric CSV as data: each line an item, its numbers `x`; a column named label, class or target becomes labels.

The separator is the one of comma, semicolon and tab that the first line has most of. The first line is a header if none
of its cells is a number, or if one of them is the name of a label column.

>>> arrays, bad = parse(["a,b,label", "1,2,cat", "3,4,dog"], "pets.csv")
>>> arrays["x"].tolist(), arrays["label"].tolist(), bad
([[1.0, 2.0], [3.0, 4.0]], ['cat', 'dog'], {})
"""

from __future__ import annotations

import csv
import itertools
import math
from array import array
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from daedal.data.arrays import LABEL_NAMES
from daedal.data.names import printable
from daedal.errors import DataError


def read(path: Path) -> tuple[dict[str, np.ndarray], dict[int, str]]:
    """`x` (n, columns), and `label` (n,) where there is one; and {item: reason} of lines that cannot be used."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            return parse(lines, printable(path.name))
    except UnicodeDecodeError:
        raise DataError(f"'{printable(path.name)}' is no text in UTF-8; save it as CSV in UTF-8.") from None
    except csv.Error as error:
        raise DataError(f"'{printable(path.name)}' is no CSV ({error}); save it again.") from None


def parse(lines: Iterable[str], name: str) -> tuple[dict[str, np.ndarray], dict[int, str]]:
    """The same of lines of text."""
    lines = iter(lines)
    blank = 0
    for first in lines:
        if first.strip():
            break
        blank += 1
    else:
        raise DataError(f"'{name}' is empty; give it a line for each item.")
    table = csv.reader(itertools.chain([first], lines), delimiter=max(",;\t", key=first.count))
    head = next(table)
    header = _header(head, name)
    rows = ((blank + table.line_num, row) for row in table if any(cell.strip() for cell in row))
    if header is None:
        return _arrays(itertools.chain([(blank + 1, head)], rows), [f"{i + 1}" for i in range(len(head))], name)
    return _arrays(rows, header, name)


def _header(head: list[str], name: str) -> list[str] | None:
    words = [cell.strip() for cell in head]
    if not any(word.lower() in LABEL_NAMES for word in words) and any(_number(word) is not None for word in words):
        return None
    if "" in words:
        raise DataError(f"column {words.index('') + 1} of '{name}' has no name; name it, or save without an index.")
    return words


def _arrays(
    rows: Iterable[tuple[int, list[str]]], header: list[str], name: str
) -> tuple[dict[str, np.ndarray], dict[int, str]]:
    at = [i for i, word in enumerate(header) if word.lower() in LABEL_NAMES]
    if len(at) > 1:
        raise DataError(f"'{name}' has two columns of labels, '{header[at[0]]}' and '{header[at[1]]}'; keep one.")
    if len(at) == len(header):
        raise DataError(f"'{name}' has no column but '{header[at[0]]}'; give it at least one column of numbers.")
    words = [word for i, word in enumerate(header) if i not in at]
    numbers, texts, bad = array("d"), [], {}
    for item, (line, row) in enumerate(rows):
        fits = len(row) == len(header)
        texts.append(row.pop(at[0]).strip() if at and fits else "")
        found = [_number(cell) for cell in row]
        if not fits:
            bad[item] = f"line {line} has {len(row)} cells where there are {len(header)} columns"
        elif None in found or (at and not texts[-1]):
            bad[item] = _complaint(line, row, words)
        numbers.extend(found if item not in bad else [0.0] * len(words))  # type: ignore[arg-type]
    if not texts:
        raise DataError(f"'{name}' has a header and no items; give it a line for each item.")
    x = np.array(numbers).reshape(len(texts), len(words))
    return {"x": x, **({"label": _labels(texts, bad)} if at else {})}, bad


def _complaint(line: int, row: list[str], header: list[str]) -> str:
    for word, cell in zip(header, row, strict=True):
        if _number(cell) is None:
            return f"line {line}, column '{word}': '{cell.strip()[:40]}' is no number in (-3.4e38, 3.4e38)"
    return f"line {line} has no label"


def _number(cell: str) -> float | None:
    try:
        number = float(cell)
    except ValueError:
        return None
    return number if math.isfinite(number) and abs(number) < 3.4e38 else None


def _labels(texts: list[str], bad: dict[int, str]) -> np.ndarray:
    """Integers where all labels are whole numbers, floats where all are numbers, else texts."""
    good = [text for item, text in enumerate(texts) if item not in bad]
    for kind in (np.int64, np.float64):
        try:
            converted = np.array(good, kind)
        except OverflowError:  # numbers that are names, such as those of a catalogue
            break
        except ValueError:
            continue
        out = np.zeros(len(texts), kind)
        out[[item for item in range(len(texts)) if item not in bad]] = converted
        return out
    return np.array(texts)

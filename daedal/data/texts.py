"""A person's own texts as data: a file with a sentence in each line, or two files whose lines translate each other.

`sentences.txt` gives the field `x`; `parallel:ONE.txt,OTHER.txt` gives `a` and `b`. Files are UTF-8, with or without a
byte-order mark; blank lines are passed over. A sentence is split into words and marks, which are numbered by a
vocabulary of the training split; what it does not know is token 1, what is longer than `length` is cut.

Equal sentences (of two files: equal lines of the first) are on one side of the split.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from daedal.data.base import Data
from daedal.data.build import build
from daedal.data.fingerprint import text_digest
from daedal.data.names import expanded, printable, refuse_bad
from daedal.data.options import IMAGE_OPTIONS, Options
from daedal.data.splits import choose, hashed_split
from daedal.data.tokens import Vocabulary, split_words
from daedal.errors import DataError, UsageError

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")  # a tab is a space
OTHER_ENCODINGS = {codecs.BOM_UTF16_LE: "UTF-16", codecs.BOM_UTF16_BE: "UTF-16"}


def read(source: str | Path, options: Options, *, words: int, length: int) -> Data:
    """Texts as `load_data` finds them. Raises UsageError, FileNotFoundError and DataError."""
    files = files_of(source)
    what = " and ".join(f"'{printable(path.name)}'" for path in files.values())
    options.refuse(IMAGE_OPTIONS, f"is for images, and {what} {'are' if len(files) > 1 else 'is'} text")
    sentences, bad = _sentences(files)
    n = len(next(iter(sentences.values())))
    if bad:
        refuse_bad(bad, n, options.skip_bad, what)
    kept = [k for k in range(n) if k not in bad]
    rows = [kept[k] for k in choose(len(kept), options.n, options.seed)]
    chosen = {name: [texts[k] for k in rows] for name, texts in sentences.items()}
    name = "-".join(printable(path.stem) for path in files.values())
    return _data(name, chosen, words, length, {"problems": list(bad.values()), "skipped": len(bad)})


def files_of(source: str | Path) -> dict[str, Path]:
    """The files of a source, by field."""
    text = str(source)
    if not text.startswith("parallel:"):
        return {"x": expanded(source)}
    names = text.removeprefix("parallel:").split(",")
    if len(names) != 2 or not all(names):
        raise UsageError(f"'{printable(text)}' must name two files; write parallel:ONE.txt,OTHER.txt.")
    return {field: expanded(name.strip()) for field, name in zip("ab", names, strict=True)}


def record(source: str | Path) -> str:
    """The source with absolute paths, from which it can be loaded again from anywhere."""
    files = [str(path.resolve()) for path in files_of(source).values()]
    return files[0] if len(files) == 1 else f"parallel:{files[0]},{files[1]}"


def _data(name: str, chosen: Mapping[str, list[str]], words: int, length: int, notes: dict[str, Any]) -> Data:
    first = next(iter(chosen.values()))
    digests = [text_digest(" ".join(split_words(text))) for text in first]
    train, test = hashed_split(digests)
    notes["repeated"] = len(digests) - len(set(digests))
    columns = {}
    for field, texts in chosen.items():
        sizes = [len(split_words(text)) for text in texts]
        longest = min(length, max(sizes[k] for k in train))
        columns[field] = Vocabulary.fit((texts[k] for k in train), length=longest, most=words).column(texts)
        notes.setdefault("cut", {})[field] = sum(size > longest for size in sizes)
    return build(name, columns, train, test, source={}, notes=notes)


def _sentences(files: Mapping[str, Path]) -> tuple[dict[str, list[str]], dict[int, str]]:
    """The sentences of each file, blank lines left out, and {item: reason} of what cannot be used."""
    lines = {field: read_lines(path) for field, path in files.items()}
    if len({len(texts) for texts in lines.values()}) > 1:
        told = " and ".join(f"'{printable(files[field].name)}' has {len(texts)}" for field, texts in lines.items())
        raise DataError(f"Lines of parallel files belong together, but {told} lines; give them as many.")
    names = [printable(path.name) for path in files.values()]
    items = [(k, texts) for k, texts in enumerate(zip(*lines.values(), strict=True), start=1) if any(texts)]
    if not items:
        raise DataError(f"'{names[0]}' has no sentences; give it one a line.")
    bad = {i: why for i, (k, texts) in enumerate(items) if (why := _complaint(k, texts, names))}
    return {field: [texts[at] for _, texts in items] for at, field in enumerate(files)}, bad


def _complaint(line: int, texts: Sequence[str], names: Sequence[str]) -> str | None:
    for text, name in zip(texts, names, strict=True):
        where = f"line {line} of {name}" if len(names) > 1 else f"line {line}"
        if not text:
            return f"{where} is blank, and that of the other file is not"
        if found := CONTROL.search(text):
            return f"{where} has a control character, {printable(found[0])}"
    return None


def read_lines(path: Path) -> list[str]:
    """The lines of a text file without space around them, blank ones at the end left out. Raises DataError."""
    name = printable(path.name)
    if not path.is_file():
        raise FileNotFoundError(f"'{printable(str(path))}' {'is no file' if path.exists() else 'does not exist'}.")
    content = path.read_bytes()
    for mark, encoding in OTHER_ENCODINGS.items():
        if content.startswith(mark):
            raise DataError(f"'{name}' is in {encoding}; save it as text in UTF-8.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        kind = "is no text" if b"\0" in content[:4096] else f"is no text in UTF-8 (line {line})"
        raise DataError(f"'{name}' {kind}; save it as text in UTF-8, a sentence a line.") from None
    lines = [line.strip() for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    return lines

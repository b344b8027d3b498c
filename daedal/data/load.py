"""`load_data`: from what was named to `Data`; says which sources there are, and sends each to its reader.

| source | read by |
|---|---|
| `digits` and other names | the readers that `daedal.data.sources` lists |
| `toy:NAME` | `daedal.data.toys` |
| `mnist:DIR`, `cifar10:DIR` | `daedal.data.idx`, `daedal.data.cifar` |
| a folder of images, a `.zip` of one | `daedal.data.folders` |
| `.npy`, `.npz`, arrays, tensors, a mapping of them | `daedal.data.arrays` |
| `.csv`, `.tsv` | `daedal.data.tables` |
| `.txt`, `parallel:TXT,TXT` | `daedal.data.texts` |

A name of ours comes before a file of that name: write `./digits` for a folder called digits.

>>> load_data("digits")
Data('digits', 1297 train, 500 test, x: Images(channels=1, height=8, width=8, levels=17, frames=None), label: ...)
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from daedal.data.base import Column, Data, Found
from daedal.data.build import build
from daedal.data.fingerprint import item_digests
from daedal.data.names import expanded, printable, refuse_bad
from daedal.data.options import IMAGE_OPTIONS, Options
from daedal.data.sources import NAMED, SOURCES, is_text_file, take
from daedal.data.splits import choose, choose_both, hashed_split
from daedal.errors import DataError, UsageError, did_you_mean
from daedal.spaces import Images

PREFIXES = ("toy", "mnist", "cifar10")
ARRAYS, TABLES = (".npy", ".npz"), (".csv", ".tsv")


def load_data(
    source: Any,
    *,
    size: int | str | tuple[int, int] | None = None,
    channels: int | None = None,
    n: int | None = None,
    seed: int = 0,
    skip_bad: bool = False,
    **source_options: Any,
) -> Data:
    """Load a data set: named (`digits`, `toy:ring8`), from files (`photos/`, `table.csv`, `sentences.txt`) or arrays.

    Arguments:
        source: see the head of `daedal.data.load`; also a numpy array, a torch tensor or a mapping of them
            (`{"x": images, "label": classes}`). `Data` is returned as it is.
        size: images are resized to N x N or (height, width), by default to none.
        channels: 1, 3 or 4; by default 1 where all images are grey, else 3.
        n: at most so many items, chosen at random by `seed`; of a toy or a world, how many are made.
        skip_bad: leave out what cannot be used, with a warning that says how many, instead of stopping with a list.
        source_options: `fit` (crop, pad, stretch), `background` (a colour), `mirror` (each training image also
            mirrored), for images; and what a source has of its own (`daedal.data.sources`), such as `correlation`.

    Raises UsageError for an unknown source or option, FileNotFoundError, and DataError (with a list, `problems`) for
    data that cannot be used.
    """
    own, common = take(source, source_options)
    options = Options.of(tuple(own), size=size, channels=channels, n=n, seed=seed, skip_bad=skip_bad, **common)
    data = _load(source, options, own)
    if skipped := data.notes.get("skipped"):
        warnings.warn(f"left out {skipped} items of '{data.name}' that cannot be used", stacklevel=2)
    return data


def _load(source: Any, options: Options, own: Mapping[str, Any]) -> Data:
    if isinstance(source, Data):
        options.refuse((*IMAGE_OPTIONS, "n"), "does not apply to data that is loaded already")
        return source
    if isinstance(source, (np.ndarray, torch.Tensor, Mapping)):
        return _finish(_from_arrays(source, options), options, {"source": None})
    if not isinstance(source, (str, Path)) or not str(source):
        kinds = f"{SOURCES}, an array or a tensor"
        got = "an array in memory, which no file recalls" if source is None else repr(source)[:80]
        raise UsageError(f"'source' must be {kinds}; got {got}.")
    if source in NAMED:
        return _ours(str(source), options, own)
    if is_text_file(source):
        return _texts(source, options, own)
    data = _prefixed(source, options) if isinstance(source, str) else None
    return data or _from_path(expanded(source), options)


def _ours(name: str, options: Options, own: Mapping[str, Any]) -> Data:
    """The data of a name of ours, which its own reader finds."""
    found = NAMED[name].read()(options, **own)
    record = {"source": name, **own}
    if isinstance(found, Data):
        return replace(found, source=record | options.record())
    return _finish(found, options, record)


def _texts(source: str | Path, options: Options, own: Mapping[str, Any]) -> Data:
    """The data of a person's own texts."""
    from daedal.data.texts import read, record

    data = read(source, options, **own)
    return replace(data, source={"source": record(source), **own} | options.record())


def _prefixed(source: str, options: Options) -> Data | None:
    """The data of `toy:NAME` and its like; None if it is none, and then it is a path."""
    prefix, colon, rest = source.partition(":")
    if not colon or Path(source).exists() or len(prefix) == 1:  # one letter: a drive
        return None
    if prefix not in PREFIXES:
        near = did_you_mean(source, list(NAMED)) or did_you_mean(prefix, PREFIXES).replace("'?", ":...'?")
        raise UsageError(f"'{printable(source)}' is no data source; the sources are {SOURCES}.{near}")
    return _toy(rest, options) if prefix == "toy" else _published(prefix, expanded(rest), options)


def _toy(name: str, options: Options) -> Data:
    from daedal.data.toys import toy

    options.refuse(IMAGE_OPTIONS, f"is for images, and 'toy:{name}' is points")
    columns, density = toy(name, options.n, options.seed)
    found = Found(name, columns, density=density)
    return _finish(found, replace(options, n=None), {"source": f"toy:{name}"}, options)


def _published(prefix: str, folder: Path, options: Options) -> Data:
    """MNIST or CIFAR-10 from the files that were published."""
    if not folder.is_dir():
        raise FileNotFoundError(
            f"'{printable(str(folder))}' is no folder; write {prefix}:DIR with the folder that holds the files."
        )
    if prefix == "mnist":
        from daedal.data.idx import read_mnist as read
    else:
        from daedal.data.cifar import read_cifar10 as read
    columns, n_train = read(folder)
    found = Found(prefix, columns, _first_train(n_train, columns))
    return _finish(found, options, {"source": f"{prefix}:{folder.resolve()}"})


def _from_path(path: Path, options: Options) -> Data:
    suffix = path.suffix.lower()
    if not path.exists():
        near = did_you_mean(str(path), list(NAMED))
        raise FileNotFoundError(f"'{printable(str(path))}' does not exist; the data sources are {SOURCES}.{near}")
    if not path.is_dir() and not path.is_file():  # reading a pipe would wait for ever
        raise DataError(f"'{printable(str(path))}' is no regular file; write what it holds to one, and give that.")
    record = {"source": str(path.resolve())}
    if path.is_dir() or suffix == ".zip":
        from daedal.data.folders import load_images

        return replace(load_images(path, **vars(options)), source=record | options.record())
    if suffix in ARRAYS:
        from daedal.data.arrays import read

        return _finish(_from_arrays(read(path), options, path), options, record)
    if suffix in TABLES:
        from daedal.data.tables import read as read_table

        arrays, bad = read_table(path)
        return _finish(
            _checked(arrays, bad, options, f"'{printable(path.name)}'", printable(path.stem)), options, record
        )
    raise UsageError(f"'{printable(path.name)}' is of no kind that can be read; the data sources are {SOURCES}.")


def _from_arrays(source: Any, options: Options, path: Path | None = None) -> Found:
    from daedal.data.arrays import named, not_finite, published, tensors_as_arrays

    what, name = (f"'{printable(path.name)}'", printable(path.stem)) if path else ("the array", "array")
    arrays = source if isinstance(source, Mapping) else {"x": source}
    joined, n_train = published(tensors_as_arrays(arrays))
    joined = named(joined, what)
    return _checked(joined, not_finite(joined), options, what, name, n_train)


def _checked(
    arrays: Mapping[str, np.ndarray],
    bad: dict[int, str],
    options: Options,
    what: str,
    name: str,
    n_train: int | None = None,
) -> Found:
    """The columns of arrays without their bad items, which stop it unless `skip_bad`."""
    from daedal.data.arrays import as_columns, without

    n = len(arrays["x"])
    if bad:
        refuse_bad(bad, n, options.skip_bad, what)
        arrays = without(arrays, bad)
        n_train = None if n_train is None else n_train - sum(item < n_train for item in bad)
    columns = as_columns(arrays, what)
    notes = {"problems": list(bad.values()), "skipped": len(bad)}
    return Found(name, columns, None if n_train is None else _first_train(n_train, columns), notes=notes)


def _first_train(n_train: int, columns: Mapping[str, Column]) -> tuple[np.ndarray, np.ndarray]:
    rows = np.arange(len(columns["x"].values))
    if not 0 < n_train < len(rows):
        side = "training" if n_train == 0 else "test"
        raise DataError(f"the {side} split is empty; give at least one item to each side.")
    return rows[:n_train], rows[n_train:]


def _finish(found: Found, options: Options, record: dict[str, Any], asked: Options | None = None) -> Data:
    """Choose the items, bring images to size, split, and put it together; `asked` are the options to record."""
    columns = dict(found.columns)
    if not any(isinstance(column.space, Images) for column in columns.values()):
        options.refuse(IMAGE_OPTIONS, f"is for images, and '{found.name}' has none")
    columns, split = _chosen(columns, found.split, options)
    columns = {field: _converted(field, column, options) for field, column in columns.items()}
    train, test = split or hashed_split(item_digests(columns["x"].values))
    return build(
        found.name,
        columns,
        train,
        test,
        source=record | (asked or options).record(),
        density=found.density,
        mirror=options.mirror,
        notes=found.notes,
    )


def _chosen(
    columns: dict[str, Column], split: tuple[np.ndarray, np.ndarray] | None, options: Options
) -> tuple[dict[str, Column], tuple[np.ndarray, np.ndarray] | None]:
    """At most `options.n` items."""
    total = len(columns["x"].values)
    if options.n is None or options.n >= total:
        return columns, split
    rows = choose(total, options.n, options.seed)
    if split:
        train, test = choose_both(*split, options.n, options.seed)
        rows = np.concatenate([train, test])
        split = np.arange(len(train)), np.arange(len(train), len(rows))
    return {field: Column(column.values[rows], column.space) for field, column in columns.items()}, split


def _converted(field: str, column: Column, options: Options) -> Column:
    """Images at the size that was asked for; the number of channels is asked of `x` only."""
    if not isinstance(column.space, Images):
        return column
    from daedal.data.convert import converted

    return converted(column, options if field == "x" else replace(options, channels=None))

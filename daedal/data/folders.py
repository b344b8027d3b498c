"""Loads a folder of images, of any depth, or a zip of one.

Class folders: where every image lies in one of several first folders (below those that all share), these are the
classes. A published split: where the first folders are `train` and `test` (or `val`, which is the test split where
there is no `test`, and left out where there is), they are the splits, and classes are looked for below them.

Links to folders are not followed; links to files are. Names that begin with a dot are passed over, and so are runs of
Daedal: `daedal train vae .` writes one into the folder that it reads, with pictures of samples in it.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import json
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import PIL
import torch
from torch import Tensor

from daedal.data.archives import MAX_BYTES, Found, Listing, inner, list_zip
from daedal.data.base import Column, Data, Split
from daedal.data.cache import VALUES, Draft, Entry, cached
from daedal.data.decoded import Request, decode_all
from daedal.data.images import BadImage, How, colour, decode, decoder_warnings, deepen
from daedal.data.names import IMAGE_SUFFIXES, expanded, is_hidden, printable, suffix
from daedal.data.options import Options
from daedal.data.splits import choose, choose_both, hashed_split
from daedal.errors import DataError, UsageError
from daedal.places import is_run
from daedal.spaces import Images, Labels

RULES = 2  # of decoding: entries of the cache that were made by others are made anew
TRAIN, TEST, VALIDATION = ("train", "training"), ("test", "testing"), ("val", "valid", "validation")


def load_images(
    path: str | os.PathLike[str],
    *,
    size: Any = None,
    channels: int | None = None,
    n: int | None = None,
    seed: int = 0,
    skip_bad: bool = False,
    fit: str = "crop",
    background: str = "white",
    mirror: bool = False,
) -> Data:
    """The images of a folder or zip as `x`, and `label` where there are class folders; decoded once, then mapped.

    `size` is N or (height, width); without it, images must have one size. `channels` None is 1 where all are grey, else
    3. `n` items are chosen by `seed`. `mirror` adds the mirrored images to the training split. `Data.notes` says what
    was found: problems, sizes, modes. Raises FileNotFoundError, UsageError for options, and DataError for images that
    are bad (unless `skip_bad` leaves them out), of several sizes, or none.
    """
    options = Options.of(
        size=size, channels=channels, n=n, seed=seed, skip_bad=skip_bad, fit=fit, background=background, mirror=mirror
    )
    root = expanded(path).absolute()
    listing = list_images(root)
    names = [found.name for found in listing.images]
    places = arrange([inner(name) for name in names] if root.is_file() else names)
    chosen = _choose(places, len(listing.images), options)
    entry = _decoded(root, listing, chosen, options)
    data = _assemble(root, places, chosen[entry.arrays["kept"]], entry, options)
    return replace(data, notes={**data.notes, "runs": listing.runs})


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Keeps the garbage collector from passing through all objects (0.15 s, with torch's) for a great many records."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@_uncollected()
def list_images(root: Path) -> Listing:
    """The files with an image's suffix in a folder or zip. Raises FileNotFoundError, DataError where there are none."""
    shown = printable(str(root))
    if not root.exists():
        raise FileNotFoundError(f"'{shown}' does not exist; give a folder of images or a zip of one.")
    listing = list_zip(root) if root.is_file() else list_folder(root)
    if not listing.images and listing.problems:
        raise DataError(f"No image in '{shown}' can be used: {listing.problems[0]}.", listing.problems)
    if not listing.images:
        others = f" (but other files, such as '{printable(listing.others[0])}')" if listing.others else ""
        raise DataError(f"'{shown}' holds no images{others}; give a folder or zip of .png, .jpg or other image files.")
    return listing


def list_folder(root: Path) -> Listing:
    """The files with an image's suffix in a folder, at any depth, in order of names."""
    images: list[Found] = []
    problems: list[str] = []
    others: list[str] = []
    runs = 0
    folders = [""]
    while folders:
        folder = folders.pop()
        items = _scan(root / folder, problems)
        if folder and is_run([item.name for item in items]):
            runs += 1
            continue
        for item in items:
            name = folder + item.name
            if is_hidden(item.name):
                continue
            if item.is_dir(follow_symlinks=False):
                folders.append(name + "/")
            elif suffix(name) in IMAGE_SUFFIXES:
                _add(name, item, images, problems)
            elif len(others) < 3:
                others.append(name)
    return Listing(sorted(images), sorted(problems), others, runs)


def check_apart(out: Path, source: Mapping[str, Any]) -> None:
    """Raise UsageError where pictures that are written to `out` would be read as images of a `Data.source`.

    Within a run they would not, nor where a name begins with a dot.
    """
    root, place = Path(str(source.get("source"))), Path(os.path.realpath(out))
    if not root.is_absolute() or not root.is_dir() or not place.is_relative_to(root):
        return
    if any(is_hidden(part) for part in place.relative_to(root).parts):
        return
    between = (folder for folder in place.parents if folder != root and folder.is_relative_to(root))
    if not any(is_run(os.listdir(folder)) for folder in between if folder.is_dir()):
        where = f"'{printable(str(out))}' lies in the folder of images '{printable(str(root))}'"
        raise UsageError(f"{where}, and would be read as one of them; choose another --out.")


def _scan(folder: Path, problems: list[str]) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as items:
            return list(items)
    except OSError as error:
        problems.append(f"{printable(str(folder))}: cannot be listed ({error.strerror})")
        return []


def _add(name: str, item: os.DirEntry[str], images: list[Found], problems: list[str]) -> None:
    try:
        state = item.stat()
    except OSError as error:
        problems.append(f"{printable(name)}: cannot be read ({error.strerror})")
        return
    if stat.S_ISDIR(state.st_mode):
        return  # a link to a folder
    if not stat.S_ISREG(state.st_mode):  # reading a pipe would wait for ever
        problems.append(f"{printable(name)}: not a regular file")
    elif state.st_size > MAX_BYTES:
        problems.append(f"{printable(name)}: larger than {MAX_BYTES >> 30} GiB")
    else:
        images.append(Found(name, state.st_size, state.st_mtime_ns))


class Places(NamedTuple):
    """What the folders of each image say: its class, or None; its split, or None where none is published."""

    classes: tuple[str, ...] | None  # sorted
    labels: list[str] | None
    splits: list[str] | None  # 'train', 'test' or 'unused'


def arrange(names: Sequence[str]) -> Places:
    """Classes and published splits of names such as 'train/cat/1.png'.

    >>> arrange(["cat/1.png", "dog/old/1.png"]).labels
    ['cat', 'dog']
    >>> arrange(["set/train/1.png", "set/val/1.png"]).splits
    ['train', 'test']
    """
    paths = _without_shared([name.split("/")[:-1] for name in names])
    splits = _published([path[0].lower() if path else "" for path in paths])
    if splits is not None:
        paths = _without_shared([path[1:] for path in paths])
    if not all(paths):
        return Places(None, None, splits)
    labels = [printable(path[0]) for path in paths]
    classes = tuple(sorted(set(labels)))
    return Places(classes, labels, splits) if len(classes) > 1 else Places(None, None, splits)


def _without_shared(paths: list[list[str]]) -> list[list[str]]:
    """Paths without the folders that all of them begin with."""
    depth = 0
    for parts in zip(*paths, strict=False):
        if len(set(parts)) > 1:
            break
        depth += 1
    return [path[depth:] for path in paths]


def _published(firsts: list[str]) -> list[str] | None:
    """The split of each image by its first folder, where these are a training and a test or validation split."""
    found = set(firsts)
    if not found <= {*TRAIN, *TEST, *VALIDATION} or not found & set(TRAIN) or found <= set(TRAIN):
        return None
    role = dict.fromkeys(TRAIN, "train") | dict.fromkeys(TEST, "test")
    role |= dict.fromkeys(VALIDATION, "unused" if found & set(TEST) else "test")
    return [role[first] for first in firsts]


def _choose(places: Places, count: int, options: Options) -> np.ndarray:
    """Which of the listed images are decoded, in order of names."""
    if places.splits is None:
        return choose(count, options.n, options.seed)
    splits = np.array(places.splits)
    train, test = np.flatnonzero(splits == "train"), np.flatnonzero(splits == "test")
    return np.sort(np.concatenate(choose_both(train, test, options.n, options.seed)))


def _decoded(root: Path, listing: Listing, chosen: np.ndarray, options: Options) -> Entry:
    """The chosen images from the cache, where they get to first if need be."""
    how = How(options.size, options.channels, options.fit, colour(options.background))
    files = [listing.images[i] for i in chosen]
    request = Request(root, files, how, listing.problems, options.skip_bad)

    def build(draft: Draft) -> dict[str, Any]:
        return decode_all(request, draft)

    def accept(entry: Entry) -> bool:  # bad files are looked at again: what was wrong may not show in size and time
        return options.skip_bad or not entry.notes["problems"]

    state = root.stat() if root.is_file() else None
    contents = hashlib.sha256(json.dumps([files, listing.problems]).encode()).hexdigest()
    key = [RULES, str(root), state and [state.st_size, state.st_mtime_ns], PIL.__version__, how, contents]
    return cached("images", key, build, accept)


@_uncollected()
def _assemble(root: Path, places: Places, rows: np.ndarray, entry: Entry, options: Options) -> Data:
    """The data set of the listed images at `rows`, which are the items of the entry."""
    values = entry.arrays[VALUES]
    _, channels, height, width = values.shape
    levels = 1 << (8 * values.itemsize)
    columns = {"x": Column(values, Images(channels, height, width, levels))}
    if places.classes is not None and places.labels is not None:
        index = {name: k for k, name in enumerate(places.classes)}
        labels = np.array([index[places.labels[i]] for i in rows], np.int64)
        columns["label"] = Column(labels, Labels(len(places.classes), names=places.classes))
    train, test = _split(root, places, rows, entry)
    if options.mirror:
        train = np.concatenate([train, train + len(values)])
    name = printable(root.stem if root.is_file() else root.name) or "images"
    fields = {key: column.space for key, column in columns.items()}
    source = {"source": str(root), **options.record()}
    unused = places.splits.count("unused") if places.splits else 0
    notes = {**entry.notes, "skipped": len(entry.notes["problems"]), "unused": unused}
    mark = _fingerprint(columns, entry.arrays["digests"], train, test)
    return Data(name, fields, Split(columns, train), Split(columns, test), mark, None, source, notes)


def _split(root: Path, places: Places, rows: np.ndarray, entry: Entry) -> tuple[np.ndarray, np.ndarray]:
    if places.splits is None:
        return hashed_split([digest.tobytes() for digest in entry.arrays["contents"]])
    splits = np.array(places.splits)[rows]
    train, test = np.flatnonzero(splits == "train"), np.flatnonzero(splits == "test")
    if not len(train) or not len(test):
        side = "test" if len(train) else "training"
        raise DataError(f"No {side} image in '{printable(str(root))}' can be used; mend those or remove their folder.")
    return train, test


def _fingerprint(columns: dict[str, Column], digests: np.ndarray, train: np.ndarray, test: np.ndarray) -> str:
    """The SHA-256 of spaces, items (by their digests, which spares reading them all), labels and splits."""
    spaces = {name: column.space.to_json() for name, column in columns.items()}
    state = hashlib.sha256(json.dumps(spaces).encode() + digests.tobytes())
    labels = [columns["label"].values] if "label" in columns else []
    for numbers in (*labels, train, test):
        state.update(len(numbers).to_bytes(8, "little") + numbers.astype("<i8").tobytes())
    return state.hexdigest()


def load_image(path: str | os.PathLike[str], space: Images, *, fit: str = "crop", background: str = "white") -> Tensor:
    """One image file brought to a space, such as a condition: (1, c, h, w) in [-1, 1], on the space's grid.

    Raises FileNotFoundError, UsageError for options, DataError for a file that is no image.
    """
    options = Options.of(size=(space.height, space.width), channels=space.channels, fit=fit, background=background)
    file = expanded(path)
    shown = printable(str(file))
    if not file.is_file():
        raise FileNotFoundError(f"'{shown}' is no file; give an image.")
    try:
        with decoder_warnings():
            picture = decode(file.read_bytes(), How(options.size, options.channels, fit, colour(background)))
    except BadImage as bad:
        raise DataError(f"'{shown}' is no image that can be used: {printable(str(bad))}.") from None
    levels = deepen(picture.levels, np.dtype(np.uint16)).astype(np.float32)
    return space.quantise(torch.from_numpy(levels).mul_(2 / 65535).sub_(1.0).unsqueeze(0))

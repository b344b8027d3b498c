"""Decodes shares of a folder or zip of images into one file of levels, in this process or in a helper process.

Helper processes, because threads do not help where it matters: a 64x64 JPEG takes 50 microseconds, half of them in
Python. On two cores, two threads decoded such files at 0.95 times the rate of one, and two processes at 1.9 times.

A helper imports this file and `images.py`, and neither torch nor a front door (see `daedal.data.helpers`).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import sys
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from PIL import Image

from daedal.data.images import BadImage, How, decode, decoder_warnings, deepen, shallow, widen
from daedal.data.names import printable
from daedal.errors import DataError


class Layout(NamedTuple):
    """What each item of an array looks like."""

    channels: int
    height: int
    width: int
    bits: int

    @property
    def dtype(self) -> np.dtype:
        """uint8 or uint16, little-endian."""
        return np.dtype("<u2" if self.bits == 16 else "<u1")

    @property
    def shape(self) -> tuple[int, int, int]:
        """(c, h, w)."""
        return self.channels, self.height, self.width

    @property
    def bytes(self) -> int:
        """Of one item."""
        return self.channels * self.height * self.width * (self.bits // 8)

    def covers(self, outcome: Outcome) -> bool:
        """Whether what a file holds goes in without loss of colour or depth (its size is another matter)."""
        return outcome.channels <= self.channels and outcome.bits <= self.bits

    def place(self, levels: np.ndarray) -> np.ndarray | None:
        """Levels in this layout, or None if they do not go in without loss."""
        if levels.shape[1:] != self.shape[1:] or len(levels) > self.channels or levels.itemsize * 8 > self.bits:
            return None
        return deepen(widen(levels, self.channels), self.dtype)


class Outcome(NamedTuple):
    """What became of one file: why it is bad or '', what it was, and its digests, '' if it did not fit."""

    reason: str
    channels: int = 0
    bits: int = 0
    shape: tuple[int, int] = (0, 0)  # height, width decoded
    size: tuple[int, int] = (0, 0)  # height, width in the file
    mode: str = ""
    digest: str = ""  # of the levels as they were placed
    content: str = ""  # of the levels by themselves, whatever the other files are


class Job(NamedTuple):
    """A share of work for any process: where the files are, how to decode them, and where the levels go."""

    root: str  # a folder or a zip
    how: How
    layout: Layout
    values: str  # the file of levels, already of its full length


Read = Callable[[str], bytes]


@contextlib.contextmanager
def reader(root: str | Path) -> Iterator[Read]:
    """A function that reads a file of a folder, or a member of a zip, by name. It raises BadImage if it cannot.

    Raises DataError if a zip cannot be opened (again: it was listed before).
    """
    try:
        archive = zipfile.ZipFile(root) if Path(root).is_file() else None
    except (OSError, zipfile.BadZipFile) as error:
        raise DataError(f"'{printable(str(root))}' changed while it was read ({error}); try again.") from None
    with archive or contextlib.nullcontext():
        yield lambda name: _read(str(root), archive, name)


def _read(root: str, archive: zipfile.ZipFile | None, name: str) -> bytes:
    try:
        if archive:
            return archive.read(name)
        with open(f"{root}/{name}", "rb", buffering=0) as file:
            return file.read()
    except OSError as error:
        raise BadImage(f"cannot be read ({error.strerror or error})") from None
    except Exception as error:  # a damaged member: a wrong checksum, a broken stream, an unknown compression
        raise BadImage(f"damaged ({error})") from None


def examine(read: Read, name: str, how: How) -> tuple[Outcome, np.ndarray | None]:
    """What one file holds, and its levels unless it is bad."""
    try:
        picture = decode(read(name), how)
    except BadImage as bad:
        heic = name.lower().endswith((".heic", ".heif"))
        return Outcome("HEIC, which is not read; convert it to JPEG" if heic else str(bad)), None
    levels = picture.levels
    shape = (levels.shape[1], levels.shape[2])
    return Outcome("", len(levels), levels.itemsize * 8, shape, picture.size, picture.mode), levels


def decode_share(read: Read, job: Job, file: BinaryIO, first: int, names: Sequence[str]) -> list[Outcome]:
    """Decode these files and write their levels, item `first` of the file of levels onwards; bad ones leave zeros."""
    outcomes, layout = [], job.layout
    share = np.zeros((len(names), *layout.shape), layout.dtype)
    for item, name in zip(share, names, strict=True):
        outcome, levels = examine(read, name, job.how)
        if levels is not None and (placed := layout.place(levels)) is not None:
            item[...] = placed
            digest = hashlib.sha256(item.data).hexdigest()
            outcome = outcome._replace(digest=digest, content=_content(levels, layout) or digest)
        outcomes.append(outcome)
    file.seek(first * layout.bytes)
    write_whole(file, share)
    return outcomes


def _content(levels: np.ndarray, layout: Layout) -> str:
    """The digest of levels with no more bits than they need, or '' where those are as the layout has them."""
    levels = shallow(levels)
    if (levels.shape, levels.dtype) == (layout.shape, layout.dtype):
        return ""
    return hashlib.sha256(levels.tobytes()).hexdigest()


def write_whole(file: BinaryIO, values: np.ndarray) -> None:
    """Write all bytes to an unbuffered file, which may take fewer at a time. Raises OSError on a full disk."""
    left = values.reshape(-1).view(np.uint8).data
    while left:
        left = left[file.write(left) :]


def to_line(job: Job) -> str:
    """A job as a line of JSON, with the limit of pixels of this process."""
    return json.dumps([*job, Image.MAX_IMAGE_PIXELS]) + "\n"


def _from_line(line: str) -> Job:
    root, (size, channels, fit, background), layout, values, Image.MAX_IMAGE_PIXELS = json.loads(line)
    how = How(None if size is None else tuple(size), channels, fit, tuple(background))
    return Job(root, how, Layout(*layout), values)


def serve(lines: Iterator[str], answer: Callable[[str], Any]) -> None:
    """The helper process: reads a line with the job, then one for each share, and answers each with its outcomes."""
    job = _from_line(next(lines))
    with reader(job.root) as read, open(job.values, "r+b", buffering=0) as file, decoder_warnings():
        for line in lines:
            first, names = json.loads(line)
            try:
                done: Any = decode_share(read, job, file, first, names)
            except OSError as error:  # of writing: reading is a file's own problem
                done = {"errno": error.errno, "message": error.strerror}
            answer(json.dumps(done) + "\n")


def main() -> None:
    """`serve` on standard input and output, until they end."""

    def answer(text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()

    with contextlib.suppress(KeyboardInterrupt, BrokenPipeError, StopIteration):
        serve(iter(sys.stdin.readline, ""), answer)

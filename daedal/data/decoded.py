"""Decodes all images of a folder or zip into one array: finds out its layout, shares the work, lists what is bad."""

from __future__ import annotations

import contextlib
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from daedal.data.archives import Found
from daedal.data.cache import VALUES, Draft, require_space
from daedal.data.decoding import Job, Layout, Outcome, examine, reader
from daedal.data.helpers import decode_files
from daedal.data.images import How, decoder_warnings
from daedal.data.names import printable, some
from daedal.errors import DataError

SAMPLE = 32  # images that are looked at first: what they are decides the layout, which others may still widen
MOST_SIZES = 100  # of different sizes that are noted


class Request(NamedTuple):
    """What to decode: files of a folder or zip; problems already known; whether bad files are left out."""

    root: Path
    files: Sequence[Found]
    how: How
    problems: list[str]
    skip_bad: bool


def decode_all(request: Request, draft: Draft) -> dict[str, Any]:
    """Fill a cache entry with `values` (n, c, h, w), their `digests` and which files were `kept`; the notes of it.

    `contents` are the digests of the items by themselves: a file that widens all others leaves them as they were.

    Raises DataError that lists the bad files (unless they are left out), or the sizes where they are several.
    """
    layout = _first_layout(request)
    if layout is None:
        raise _nothing_left(request)
    while True:
        outcomes = _attempt(request, draft, layout)
        done = [outcome for outcome in outcomes if outcome is not None]
        channels = max(layout.channels, *(outcome.channels for outcome in done))
        bits = max(layout.bits, *(outcome.bits for outcome in done))
        if (channels, bits) == (layout.channels, layout.bits):
            break
        layout = layout._replace(channels=channels, bits=bits)
    return _settle(request, draft, layout, done)


def _first_layout(request: Request) -> Layout | None:
    """The layout of a sample spread over the files; of the first good one if all of those are bad."""
    files, how = request.files, request.how
    spread = sorted({i * (len(files) - 1) // max(1, SAMPLE - 1) for i in range(SAMPLE)}) if files else []
    good: list[Outcome] = []
    with reader(request.root) as read, decoder_warnings():
        for i in spread:
            good.append(examine(read, files[i].name, how)[0])
        good = [outcome for outcome in good if not outcome.reason]
        for file in files if not good else ():
            outcome = examine(read, file.name, how)[0]
            if not outcome.reason:
                good.append(outcome)
                break
    if not good:
        return None
    (height, width), _ = Counter(outcome.shape for outcome in good).most_common(1)[0]
    return Layout(max(o.channels for o in good), height, width, max(o.bits for o in good))


def _attempt(request: Request, draft: Draft, layout: Layout) -> list[Outcome | None]:
    names = [file.name for file in request.files]
    path = draft.file(VALUES)
    require_space(len(names) * layout.bytes)
    with open(path, "wb") as file:
        file.truncate(len(names) * layout.bytes)
    job = Job(str(request.root), request.how, layout, str(path))
    with progress(f"Decoding {printable(request.root.name)}", len(names)) as advance:
        return decode_files(job, names, sum(file.size for file in request.files), advance)


def _settle(request: Request, draft: Draft, layout: Layout, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Close up what bad files left free, and note what was found."""
    bad = [f"{printable(file.name)}: {printable(o.reason)}" for file, o in _pairs(request, outcomes) if o.reason]
    problems = request.problems + bad
    good = [outcome for outcome in outcomes if not outcome.reason]
    if problems and not request.skip_bad:
        raise bad_images(request.root, problems, len(request.files) + len(request.problems))
    if not good:
        raise _nothing_left(request, problems)
    sizes = Counter(outcome.shape for outcome in good)
    if len(sizes) > 1:
        raise _mixed_sizes(request.root, sizes)
    kept = np.array([i for i, outcome in enumerate(outcomes) if not outcome.reason], np.int64)
    _close_up(draft.file(VALUES), kept, layout)
    draft.add(VALUES, layout.dtype, (len(kept), *layout.shape))
    draft.put("digests", _digests(o.digest for o in good))
    draft.put("contents", _digests(o.content for o in good))
    draft.put("kept", kept)
    return {
        "problems": problems,
        "sizes": _count([f"{height}x{width}" for height, width in (o.size for o in good)]),
        "modes": _count([outcome.mode for outcome in good]),
    }


def _digests(hexadecimal: Iterable[str]) -> np.ndarray:
    """(n, 32) bytes."""
    return np.frombuffer(bytes.fromhex("".join(hexadecimal)), np.uint8).reshape(-1, 32)


def _pairs(request: Request, outcomes: Sequence[Outcome]) -> Iterator[tuple[Found, Outcome]]:
    return zip(request.files, outcomes, strict=True)


def _count(words: Sequence[str]) -> dict[str, int]:
    return dict(sorted(Counter(words).items(), key=lambda pair: (-pair[1], pair[0]))[:MOST_SIZES])


def _close_up(path: Path, kept: np.ndarray, layout: Layout) -> None:
    """Move the items at `kept` (ascending) to the front of the file and cut the rest off."""
    with open(path, "rb+") as file:
        for i, k in enumerate(kept):
            if i != k:
                file.seek(int(k) * layout.bytes)
                item = file.read(layout.bytes)
                file.seek(i * layout.bytes)
                file.write(item)
        file.truncate(len(kept) * layout.bytes)


def bad_images(root: Path, problems: Sequence[str], total: int) -> DataError:
    """What to say of bad images that were not to be left out."""
    return DataError(
        f"{len(problems)} of {total} images in '{printable(str(root))}' cannot be used; mend or remove them, or leave "
        f"them out with --skip-bad (skip_bad=True):{some(problems)}",
        problems,
    )


def _nothing_left(request: Request, problems: list[str] | None = None) -> DataError:
    if problems is None:
        with reader(request.root) as read, decoder_warnings():
            reasons = [(file, examine(read, file.name, request.how)[0].reason) for file in request.files]
        problems = request.problems + [f"{printable(file.name)}: {printable(reason)}" for file, reason in reasons]
    where = printable(str(request.root))
    return DataError(
        f"None of the {len(problems)} images in '{where}' can be used; mend them:{some(problems)}", problems
    )


def _mixed_sizes(root: Path, sizes: Counter[tuple[int, int]]) -> DataError:
    often = ", ".join(f"{height}x{width} ({count})" for (height, width), count in sizes.most_common(5))
    more = f" and {len(sizes) - 5} more" if len(sizes) > 5 else ""
    return DataError(
        f"The images in '{printable(str(root))}' have {len(sizes)} sizes, height x width: {often}{more}; "
        "give one to bring them to with --size, such as --size 64 (size=64)."
    )


@contextlib.contextmanager
def progress(title: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar with time left on stderr, where that is a terminal; a function that is told how many more are done."""
    if not sys.stderr.isatty():
        yield lambda count: None
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    text = TextColumn("{task.description}")
    columns = (text, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(escape(title), total=total)
        yield lambda count: bar.advance(task, count)

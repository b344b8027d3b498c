"""What is asked of `daedal render`, checked: a world, which items of it, how they are rendered, and how written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from daedal.data.options import Options
from daedal.data.worlds.catalogue import find_world
from daedal.data.worlds.domains import Domain
from daedal.data.worlds.edits import check_edits
from daedal.data.worlds.layouts import FORMATS, LAYOUTS, TRUTHS, check_layout
from daedal.data.worlds.render import render
from daedal.data.worlds.scene import Scene
from daedal.data.worlds.simulator import Simulator, check_clip, correlation_of
from daedal.data.worlds.world import Values, World
from daedal.errors import UsageError, did_you_mean

SMALLEST = 8  # pixels
FURTHEST = 2**60  # index of an item: those of a split are numbers of 8 bytes too, some larger ones


@dataclass(frozen=True)
class Request:
    """What is rendered and written."""

    of: Simulator
    n: int
    test: int
    first: int  # index of the first item; where there are splits, its place among those for training, and for test
    layout: str
    truths: tuple[str, ...]
    domains: tuple[Domain, ...]
    by: str | None
    format: str

    @property
    def world(self) -> World:
        """The world."""
        return self.of.world

    @property
    def frames(self) -> int:
        """Frames of an item: 1 of stills."""
        return self.of.frames or 1

    @property
    def splits(self) -> dict[str, int]:
        """How many items each split has."""
        return {"train": self.n, "test": self.test} if self.test else {"train": self.n}

    @property
    def pictures(self) -> int:
        """How many are rendered in all."""
        items = self.n + (self.test if LAYOUTS[self.layout].split else 0)
        return items * LAYOUTS[self.layout].each * self.frames

    @property
    def digits(self) -> int:
        """Digits of a stem."""
        return max(4, len(str(self.n - 1)))

    def chunks(self, count: int, split: str | None = None, skip: int = 0) -> Iterator[tuple[list[str], np.ndarray]]:
        """Stems and indices of items that are rendered at once, after the first `skip`; of a split, or of all."""
        indices = {None: lambda k: k, "train": self.of.training_index, "test": self.of.test_index}[split]
        step = max(1, self.of.step // self.frames)
        for start in range(0, count, step):
            numbers = np.arange(start, min(start + step, count))
            yield [f"{k:0{self.digits}}" for k in numbers], indices(self.first + skip + numbers)

    def values(self, index: np.ndarray, domain: Domain | None = None) -> Values:
        """The factors of items, with those that are set."""
        drawn = self.of.values(index)
        return domain.values(drawn) if domain else drawn

    def render(self, scene: Scene, outputs: Sequence[str]) -> dict[str, Tensor]:
        """Outputs of scenes."""
        return render(scene, *self.of.size, outputs, shadows=self.of.shadows)

    def colours(self, values: Values, domain: Domain | None = None) -> Tensor:
        """The pictures (n, 3, h, w) in [0, 1], of a domain where one is given."""
        return (domain or Domain()).picture(self.of, values)

    def record(self) -> dict[str, Any]:
        """What tells people and programs how a folder came about, JSON-able."""
        of = self.of.record()
        names = (
            "size",
            "seed",
            "correlation",
            "test_correlation",
            "shadows",
            "frames",
            "frame_rate",
            "held",
            "domains",
        )
        asked = {name: getattr(self, name) for name in ("n", "test", "first", "layout", "truths", "by")}
        return {"world": self.world.name, **asked, **{name: of[name] for name in names}}


def request(
    world: World | str,
    *,
    n: int = 1000,
    size: Any = 64,
    layout: str = "images",
    truths: Sequence[str] = (),
    by: str | None = None,
    domains: Sequence[str] = (),
    settings: Sequence[str] = (),
    correlation: str | None = None,
    test_correlation: float = 0.0,
    test: int | None = None,
    frames: int | None = None,
    frame_rate: float | None = None,
    format: str | None = None,
    seed: int = 0,
    first: int = 0,
    shadows: bool = True,
) -> Request:
    """The request of these words; see `write`. Raises UsageError in one sentence."""
    world = find_world(world) if isinstance(world, str) else world
    truths = tuple(dict.fromkeys(truths))
    check_layout(layout, truths, domains, by)
    if layout != "clips":
        _check_no_clips(layout, frames=frames, frame_rate=frame_rate, format=format)
    frames = 16 if frames is None else frames
    frame_rate = 8.0 if frame_rate is None else frame_rate
    format = "webp" if format is None else format
    _check_clips(layout, truths, frames, frame_rate, format)
    least = {"n": (n, 1), "test": (0 if test is None else test, 0), "seed": (seed, 0), "first": (first, 0)}
    for name, (value, low) in least.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < low:
            raise UsageError(f"'{name}' must be an integer in [{low}, inf); got {value!r}.")
    if first + 2 * (n + (test or n)) > FURTHEST:
        raise UsageError(f"'first' and 'n' lead too far: the items that can be written are those up to {FURTHEST}.")
    split = LAYOUTS[layout].split
    for name, value in {"test": test, "test_correlation": test_correlation}.items():
        if value and not split:
            flag = "--" + name.replace("_", "-")
            raise UsageError(f"--layout {layout} has no test split, which {flag} is for; leave it out.")
    pair = None if correlation is None else correlation_of(world, correlation)
    if pair is not None and not split:
        test_correlation = pair.strength  # as the items of both splits lie together
    clips = frames if layout == "clips" else None
    held, pair_texts = tuple(settings), tuple(domains)
    of = Simulator(
        world, _size(size), seed, clips, frame_rate, shadows, pair, test_correlation, held=held, domains=pair_texts
    )
    _check_world(of, layout)
    return Request(
        of=of,
        n=n,
        test=(max(1, n // 10) if test is None else test) if split else 0,
        first=first,
        layout=layout,
        truths=truths,
        domains=of.pair,
        by=_classes(world, by) if layout == "classes" else None,
        format=format,
    )


def _check_world(of: Simulator, layout: str) -> None:
    """Raise UsageError where the world cannot do what is asked."""
    check_clip(of)
    if layout == "edits":
        check_edits(of.world)
    for name in of.settings:
        if name in of.differing:
            raise UsageError(f"'set' must not be '{name}', which the domains set; choose another factor.")


def _check_no_clips(layout: str, **options: Any) -> None:
    for name, value in options.items():
        if value is not None:
            raise UsageError(f"--{name.replace('_', '-')} is for --layout clips; leave it out with --layout {layout}.")


def _check_clips(layout: str, truths: Sequence[str], frames: int, rate: float, format: str) -> None:
    if format not in FORMATS:
        raise UsageError(f"'format' must be {', '.join(FORMATS)}; got '{format}'.{did_you_mean(format, FORMATS)}")
    if not isinstance(frames, int) or frames < 2:
        raise UsageError(f"'frames' must be an integer in [2, inf); got {frames!r}.")
    if not 0 < rate <= 1000:
        raise UsageError(f"'frame_rate' must be in (0, 1000]; got {rate!r}.")
    if layout == "clips" and format == "frames" and "metadata" in truths:
        raise UsageError("'metadata' is about files, and clips of --format frames are folders; take captions.")
    for truth in ("boxes", "parts", "landmarks"):
        if layout == "clips" and format != "frames" and truth in truths:
            raise UsageError(f"'{truth}' names the picture of each frame; choose --format frames for it.")


def _size(value: Any) -> tuple[int, int]:
    height, width = Options.of(size=value).size or (64, 64)
    if min(height, width) < SMALLEST:
        raise UsageError(f"'size' of a world must be at least {SMALLEST} pixels; got {value!r}.")
    return height, width


def _classes(world: World, by: str | None) -> str:
    """The factor whose choices are the classes."""
    names = [factor.name for factor in world.factors if factor.choices and factor.size == 1]
    if by is None and len(names) == 1:
        return names[0]
    if by is None:
        raise UsageError(f"Say which factor's choices are the classes, with --by: {', '.join(names)}.")
    if world.factor(by).name not in names:
        raise UsageError(f"'{by}' is not one choice, and classes are; --by takes {', '.join(names)}.")
    return by


def outputs_of(truths: Sequence[str]) -> list[str]:
    """What must be rendered besides colour for these truths."""
    needs = {
        "masks": ["stencil"],
        "instances": ["instance"],
        "boxes": ["instance", "stencil"],
        "parts": ["instance", "stencil"],
        "depth": ["depth"],
        "depth-png": ["depth"],
        "normals": ["normal"],
        "normals-png": ["normal"],
    }
    return list(dict.fromkeys(output for truth in truths if TRUTHS[truth].dense for output in needs.get(truth, [])))

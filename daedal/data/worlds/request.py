"""What is asked of `daedal render`, checked: a world, which items of it, how they are rendered, and how written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from daedal.data.options import Options
from daedal.data.worlds.catalogue import find_world
from daedal.data.worlds.colours import depth_colours, normal_colours, stencil_colours
from daedal.data.worlds.layouts import FORMATS, LAYOUTS, TRUTHS, check_layout
from daedal.data.worlds.render import render
from daedal.data.worlds.scene import Scene
from daedal.data.worlds.settings import Setting, parse_correlation, parse_settings, with_settings
from daedal.data.worlds.world import Correlation, Values, World
from daedal.errors import UsageError, did_you_mean

SMALLEST = 8  # pixels
CHUNK, PIXELS = 32, 1 << 21  # items that are rendered at once: at most so many, of so many pixels in all
COLOURS = {"rgb": lambda x: x, "stencil": stencil_colours, "depth": depth_colours, "normal": normal_colours}


@dataclass(frozen=True)
class Domain:
    """One side of a translation: factors that are set, and the output that is its picture."""

    settings: Mapping[str, Setting] = field(default_factory=dict)
    output: str = "rgb"


@dataclass(frozen=True)
class Request:
    """What is rendered and written."""

    world: World
    n: int
    test: int
    height: int
    width: int
    seed: int
    first: int  # index of the first item
    layout: str
    truths: tuple[str, ...]
    settings: Mapping[str, Setting]
    domains: tuple[Domain, ...]
    by: str | None
    frames: int
    rate: float
    format: str
    correlation: Correlation | None
    shadows: bool

    @property
    def splits(self) -> Iterator[tuple[str, int, int]]:
        """Name, first index of the items and how many, of each split."""
        yield "train", self.first, self.n
        if self.test:
            yield "test", self.first + self.n * self._streams, self.test

    @property
    def _streams(self) -> int:
        return 2 if self.layout == "unpaired" else 1

    @property
    def pictures(self) -> int:
        """How many are rendered in all."""
        items = self.n + (self.test if LAYOUTS[self.layout].split else 0)
        return items * max(1, len(self.domains)) * (self.frames if self.layout == "clips" else 1)

    @property
    def digits(self) -> int:
        """Digits of a stem."""
        return max(4, len(str(self.n - 1)))

    def chunks(self, first: int, count: int) -> Iterator[tuple[list[str], Tensor]]:
        """Stems and indices of items that are rendered at once."""
        frames = self.frames if self.layout == "clips" else 1
        step = max(1, min(CHUNK, PIXELS // (self.height * self.width * frames)))
        for start in range(0, count, step):
            numbers = range(start, min(start + step, count))
            yield [f"{k:0{self.digits}}" for k in numbers], torch.arange(first + start, first + numbers.stop)

    def values(self, index: Tensor, domain: Domain | None = None) -> Values:
        """The factors of items, with those that are set."""
        drawn = self.world.draw(index, self.seed, self.correlation)
        drawn = with_settings(drawn, self.settings)
        return with_settings(drawn, domain.settings) if domain else drawn

    def render(self, scene: Scene, outputs: Sequence[str]) -> dict[str, Tensor]:
        """Outputs of scenes."""
        return render(scene, self.height, self.width, outputs, shadows=self.shadows)

    def colours(self, values: Values, domain: Domain) -> Tensor:
        """The pictures (n, 3, h, w) in [0, 1] of a domain."""
        return COLOURS[domain.output](self.render(self.world.scene(values), [domain.output])[domain.output])

    def record(self) -> dict[str, Any]:
        """What tells people and programs how a folder came about, JSON-able."""
        names = ("n", "test", "height", "width", "seed", "first", "layout", "truths", "by", "shadows")
        clips = {"frames": self.frames, "rate": self.rate} if self.layout == "clips" else {}
        return {"world": self.world.name, **{name: getattr(self, name) for name in names}, **clips}


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
    test: int | None = None,
    frames: int = 16,
    rate: float = 8.0,
    format: str = "webp",
    seed: int = 0,
    first: int = 0,
    shadows: bool = True,
) -> Request:
    """The request of these words; see `write`. Raises UsageError in one sentence."""
    world = find_world(world) if isinstance(world, str) else world
    truths = tuple(dict.fromkeys(truths))
    check_layout(layout, truths, domains, by)
    _check_clips(layout, truths, frames, rate, format)
    least = {"n": (n, 1), "test": (0 if test is None else test, 0), "seed": (seed, 0), "first": (first, 0)}
    for name, (value, low) in least.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < low:
            raise UsageError(f"'{name}' must be an integer in [{low}, inf); got {value!r}.")
    height, width = _size(size)
    split = LAYOUTS[layout].split
    return Request(
        world=world,
        n=n,
        test=(max(1, n // 10) if test is None else test) if split else 0,
        height=height,
        width=width,
        seed=seed,
        first=first,
        layout=layout,
        truths=truths,
        settings=parse_settings(world, settings),
        domains=tuple(_domain(world, text) for text in domains),
        by=_classes(world, by) if layout == "classes" else None,
        frames=frames,
        rate=rate,
        format=format,
        correlation=parse_correlation(world, correlation),
        shadows=shadows,
    )


def _check_clips(layout: str, truths: Sequence[str], frames: int, rate: float, format: str) -> None:
    if format not in FORMATS:
        raise UsageError(f"'format' must be {', '.join(FORMATS)}; got '{format}'.{did_you_mean(format, FORMATS)}")
    if not isinstance(frames, int) or frames < 2:
        raise UsageError(f"'frames' must be an integer in [2, inf); got {frames!r}.")
    if not 0 < rate <= 1000:
        raise UsageError(f"'rate' must be frames a second, in (0, 1000]; got {rate!r}.")
    if layout == "clips" and format == "frames" and "metadata" in truths:
        raise UsageError("'metadata' is about files, and clips of --format frames are folders; take captions.")
    if layout == "clips" and format != "frames" and "boxes" in truths:
        raise UsageError("'boxes' names the picture of each frame; choose --format frames for it.")


def _size(value: Any) -> tuple[int, int]:
    height, width = Options.of(size=value).size or (64, 64)
    if min(height, width) < SMALLEST:
        raise UsageError(f"'size' of a world must be at least {SMALLEST} pixels; got {value!r}.")
    return height, width


def _domain(world: World, text: str) -> Domain:
    parts = [part.strip() for part in text.split(",")]
    outputs = [part for part in parts if "=" not in part]
    for output in outputs:
        if output not in COLOURS:
            near = did_you_mean(output, list(COLOURS))
            raise UsageError(
                f"'{output}' is no domain; write factor=value, or one of the outputs {', '.join(COLOURS)}.{near}"
            )
    settings = parse_settings(world, [part for part in parts if "=" in part])
    return Domain(settings, outputs[-1] if outputs else "rgb")


def _classes(world: World, by: str | None) -> str:
    """The factor whose choices are the classes."""
    names = [factor.name for factor in world.factors if factor.choices]
    if by is None and len(names) == 1:
        return names[0]
    if by is None:
        raise UsageError(f"Say which factor's choices are the classes, with --by: {', '.join(names)}.")
    if not world.factor(by).choices:
        raise UsageError(f"'{by}' is a number, and classes are choices; --by takes {', '.join(names)}.")
    return by


def outputs_of(truths: Sequence[str]) -> list[str]:
    """What must be rendered besides colour for these truths."""
    needs = {
        "masks": ["stencil"],
        "instances": ["instance"],
        "boxes": ["instance", "stencil"],
        "depth": ["depth"],
        "depth-png": ["depth"],
        "normals": ["normal"],
        "normals-png": ["normal"],
    }
    return list(dict.fromkeys(output for truth in truths if TRUTHS[truth].dense for output in needs.get(truth, [])))

"""Writes a world as a folder that other tools read; whole, or not there.

>>> from tempfile import TemporaryDirectory
>>> with TemporaryDirectory() as folder:
...     written = write("portraits", folder, n=2, size=16, truths=["masks"])
...     print(written.files)
['classes.txt', 'images/0000.png', 'images/0001.png', 'masks/0000.png', 'masks/0001.png', 'render.json']
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from daedal.data.animation import animation
from daedal.data.worlds import encode
from daedal.data.worlds.render import flow
from daedal.data.worlds.request import outputs_of, request
from daedal.data.worlds.world import World
from daedal.data.worlds.writer import RECORD, Watch, Writer
from daedal.errors import UsageError
from daedal.places import build_beside, naming, settle


@dataclass(frozen=True)
class Written:
    """A folder that was written: what is in it, by path within it, and how many pictures were rendered."""

    out: Path
    files: list[str]
    pictures: int


def write(
    world: World | str,
    out: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    watch: Watch | None = None,
    **options: Any,
) -> Written:
    """Render items of a world and write them into a new folder.

    Arguments:
        world: its name, or a `World`.
        out: the folder; it must not exist, be empty, or with `overwrite` hold only what this wrote.
        watch: called with pictures rendered and pictures in all.
        options: `n` (1000; of layouts with a split those for training), `test` (n / 10), `size` (64, or "HxW"), `seed`,
            `first` (index of the first item), `layout` and `truths` (see `daedal.data.worlds.layouts`), `by` (the
            factor of the classes), `domains` (two texts such as "smile=1" or "stencil"), `settings` ("age=0..0.3"),
            `correlation` ("first,second,strength"), `test_correlation`, `shadows`; of clips `frames` (16),
            `frame_rate` (8 a second) and `format` (webp, gif, frames).

    Raises UsageError in one sentence, and OSError where the disk is full; then nothing is left.
    """
    asked = request(world, **options)
    target = Path(out)
    check_target(target, overwrite)
    with naming(target):
        building = build_beside(target)
        try:
            writer = Writer(asked, building, watch or (lambda done, total: None))
            with torch.no_grad():
                _LAYOUTS[asked.layout](writer)
            writer.finish()
            check_target(target, overwrite)  # as rendering takes its time
            settle(building, target)
        finally:
            shutil.rmtree(building, ignore_errors=True)
    return Written(target, sorted(writer.files), writer.done)


def check_target(target: Path, overwrite: bool) -> None:
    """Raise UsageError unless the folder may be written: nothing is there, or what was written before."""
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return
    if not target.is_dir():
        raise UsageError(f"{target} is a file; choose another --out.")
    if not overwrite:
        raise UsageError(f"{target} is not empty; choose another --out, or --overwrite what was rendered there.")
    if not (target / RECORD).is_file():
        raise UsageError(f"{target} holds what 'daedal render' did not write, and is not overwritten.")
    try:
        ours = set(json.loads((target / RECORD).read_text(encoding="utf-8"))["files"])
    except (ValueError, KeyError, TypeError):
        raise UsageError(f"{target / RECORD} is damaged, so {target} is not overwritten; remove it yourself.") from None
    inside = (path.relative_to(target).as_posix() for path in target.rglob("*") if not path.is_dir())
    if (other := next((name for name in sorted(inside) if name not in ours), None)) is not None:
        raise UsageError(f"{target} also holds '{other}', which 'daedal render' did not write; it is not overwritten.")


def _images(writer: Writer) -> None:
    asked = writer.asked
    outputs = ["rgb", *outputs_of(asked.truths)]
    for stems, index in asked.chunks(asked.n):
        values = asked.values(index)
        scene = asked.of.scene(values)
        result = asked.render(scene, outputs)
        writer.landmarks(stems, values, scene)
        names = [f"images/{stem}.png" for stem in stems]
        _put_pictures(writer, names, result["rgb"])
        writer.truths(stems, result)
        writer.describe(names, index, values)


def _classes(writer: Writer) -> None:
    asked = writer.asked
    factor = asked.world.factor(str(asked.by))
    for split, count in asked.splits.items():
        for stems, index in asked.chunks(count, split):
            values = asked.values(index)
            classes = [factor.choices[k] for k in values[factor.name].tolist()]
            names = [f"{split}/{kind}/{stem}.png" for kind, stem in zip(classes, stems, strict=True)]
            _put_pictures(writer, names, asked.colours(values))
            writer.describe(names, index, values)


def _two_folders(writer: Writer) -> None:
    """trainA, trainB, testA, testB: of the same items, or where unpaired of items that follow each other."""
    asked = writer.asked
    for split, count in asked.splits.items():
        for side, domain in zip("AB", asked.domains, strict=True):
            skip = count if side == "B" and asked.layout == "unpaired" else 0
            for stems, index in asked.chunks(count, split, skip):
                values = asked.values(index, domain)
                names = [f"{split}{side}/{stem}.png" for stem in stems]
                _put_pictures(writer, names, asked.colours(values, domain))
                writer.describe(names, index, values)


def _sides(writer: Writer) -> None:
    asked = writer.asked
    for split, count in asked.splits.items():
        for stems, index in asked.chunks(count, split):
            a, b = (asked.values(index, domain) for domain in asked.domains)
            halves = [asked.colours(v, domain) for v, domain in zip((a, b), asked.domains, strict=True)]
            names = [f"{split}/{stem}.png" for stem in stems]
            _put_pictures(writer, names, torch.cat(halves, 3), rendered=2)
            writer.describe(names, index, a, b)


def _edits(writer: Writer) -> None:
    asked = writer.asked
    for stems, index in asked.chunks(asked.n):
        before = asked.values(index)
        after = asked.of.edited(before)
        first, second = ([f"{side}/{stem}.png" for stem in stems] for side in ("before", "after"))
        _put_pictures(writer, first, asked.colours(before))
        _put_pictures(writer, second, asked.colours(after))
        writer.edits(first, second, before, after)
        writer.describe(first, index, before)


def _clips(writer: Writer) -> None:
    asked = writer.asked
    outputs = ["rgb", *outputs_of(asked.truths)]
    for stems, index in asked.chunks(asked.n):
        values = asked.values(index)
        scenes = [asked.of.scene(values, t) for t in range(asked.frames)]
        frames = []
        for t, scene in enumerate(scenes):
            result = asked.render(scene, outputs)
            if {"flow", "visible"} & set(asked.truths) and t + 1 < asked.frames:
                result["flow"], result["visible"] = flow(scene, scenes[t + 1], *asked.of.size)
            inside = [f"{stem}/{_frame(t, asked.frames)}" for stem in stems]
            writer.truths(inside, result)
            writer.landmarks(inside, values, scene, t)
            frames.append(result["rgb"])
            writer.count(len(stems))
        names = [_put_clip(writer, stem, [frame[k] for frame in frames]) for k, stem in enumerate(stems)]
        writer.describe(names, index, values)


def _put_clip(writer: Writer, stem: str, frames: Sequence[Tensor]) -> str:
    """Write the frames (3, h, w) of one clip; returns the name of its file or folder."""
    asked = writer.asked
    pictures = [encode.picture(frame) for frame in frames]
    if asked.format != "frames":
        writer.put(name := f"clips/{stem}.{asked.format}", animation(pictures, asked.of.frame_rate, asked.format))
        return name
    for t, image in enumerate(pictures):
        writer.put(f"images/{stem}/{_frame(t, asked.frames)}.png", encode.png(image))
    return f"images/{stem}"


def _frame(t: int, frames: int) -> str:
    return f"{t:0{max(2, len(str(frames - 1)))}}"


def _put_pictures(writer: Writer, names: Sequence[str], colours: Tensor, rendered: int = 1) -> None:
    for name, colour in zip(names, colours, strict=True):
        writer.put(name, encode.png(encode.picture(colour)))
    writer.count(rendered * len(names))


_LAYOUTS: dict[str, Callable[[Writer], None]] = {
    "images": _images,
    "classes": _classes,
    "unpaired": _two_folders,
    "paired": _two_folders,
    "sides": _sides,
    "edits": _edits,
    "clips": _clips,
}

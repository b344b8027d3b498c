"""Writes a world as a folder that other tools read; whole, or not there.

>>> from tempfile import TemporaryDirectory
>>> with TemporaryDirectory() as folder:
...     written = write("portraits", folder, n=2, size=16, truths=["masks"])
...     print(written.files)
['classes.txt', 'images/0000.png', 'images/0001.png', 'masks/0000.png', 'masks/0001.png', 'render.json']
"""

from __future__ import annotations

import csv
import io
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
from daedal.data.worlds.colours import normal_colours
from daedal.data.worlds.render import flow
from daedal.data.worlds.request import Domain, Request, outputs_of, request
from daedal.data.worlds.settings import value_words
from daedal.data.worlds.world import Values, World
from daedal.errors import UsageError
from daedal.places import build_beside, naming, settle, sync_folder
from daedal.version import VERSION

RECORD = "render.json"  # how the folder came about, and its files: only these does overwriting remove
Watch = Callable[[int, int], None]


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
            `correlation` ("first,second,strength"), `frames` (16), `rate` (8 a second), `format` of clips (webp, gif,
            frames), `shadows`.

    Raises UsageError in one sentence, and OSError where the disk is full; then nothing is left.
    """
    asked = request(world, **options)
    target = Path(out)
    check_target(target, overwrite)
    place = Path(os.path.realpath(target))  # a link to a folder stays one
    with naming(target):
        building = build_beside(place)
        try:
            writer = _Writer(asked, building, watch or (lambda done, total: None))
            _LAYOUTS[asked.layout](writer)
            writer.finish()
            check_target(target, overwrite)  # as rendering takes its time
            settle(building, place)
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


class _Writer:
    """Writes files into the folder being built, and remembers what is to be said of them at the end."""

    def __init__(self, asked: Request, folder: Path, watch: Watch):
        self.asked, self.folder, self.watch = asked, folder, watch
        self.files: list[str] = []
        self.rows: list[dict[str, Any]] = []  # of captions and tables, one for each picture
        self.images: list[dict[str, Any]] = []  # COCO's
        self.annotations: list[dict[str, Any]] = []
        self.done = 0
        watch(0, asked.pictures)

    def put(self, name: str, content: bytes) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        self.files.append(name)

    def count(self, pictures: int) -> None:
        self.done += pictures
        self.watch(self.done, self.asked.pictures)

    def describe(self, names: Sequence[str], index: Tensor, values: Values, other: Values | None = None) -> None:
        """Remember what was written as each of `names`; `other` are the values of a second half of the picture."""
        if not {"captions", "metadata", "factors"} & set(self.asked.truths):
            return
        texts, facts = self.asked.world.caption(values), self._facts(values)
        others = self.asked.world.caption(other) if other is not None else None
        for k, name in enumerate(names):
            row = {"file_name": name, "index": int(index[k]), "text": texts[k], "factors": facts[k]}
            if other is not None and others is not None:
                changed = self.asked.domains[1].settings
                row["text_b"] = others[k]
                row["factors"] |= {f"{f}_b": v for f, v in self._facts(other)[k].items() if f in changed}
            self.rows.append(row)

    def _facts(self, values: Values) -> list[dict[str, Any]]:
        factors = self.asked.world.factors
        n = len(values[factors[0].name])
        return [{f.name: value_words(f, values[f.name][k]) for f in factors} for k in range(n)]

    def truths(self, stems: Sequence[str], result: dict[str, Tensor]) -> None:
        """Write what is asked of every pixel, under the pictures' stems."""
        for truth in self.asked.truths:
            if truth == "boxes":
                self._boxes(stems, result["instance"], result["stencil"])
            elif truth in _DENSE and _DENSE[truth][0] in result:
                output, kind, encoded = _DENSE[truth]
                for stem, values in zip(stems, result[output], strict=True):
                    self.put(f"{truth}/{stem}.{kind}", encoded(values))

    def _boxes(self, stems: Sequence[str], instance: Tensor, stencil: Tensor) -> None:
        for k, stem in enumerate(stems):
            number = len(self.images) + 1
            name = f"images/{stem}.png"
            self.images.append(
                {"id": number, "file_name": name, "width": self.asked.width, "height": self.asked.height}
            )
            for thing in encode.things(instance[k], stencil[k]):
                self.annotations.append({"id": len(self.annotations) + 1, "image_id": number, **thing})

    def finish(self) -> None:
        """Write what is about all pictures, and the record; sync it all to the disk."""
        asked = self.asked
        if "masks" in asked.truths:
            self.put("classes.txt", "".join(f"{name}\n" for name in asked.world.stencil).encode())
        if "boxes" in asked.truths:
            self.put("annotations.json", _json(encode.coco(self.images, self.annotations, asked.world.stencil)))
        if "captions" in asked.truths:
            self.put("captions.jsonl", _lines(self.rows))
        if "metadata" in asked.truths:
            for folder in dict.fromkeys(row["file_name"].partition("/")[0] for row in self.rows):
                rows = [row for row in self.rows if row["file_name"].startswith(f"{folder}/")]
                inside = [{**row, "file_name": row["file_name"].partition("/")[2]} for row in rows]
                self.put(f"{folder}/metadata.jsonl", _lines(inside))
        if "factors" in asked.truths:
            self.put("factors.csv", _table(self.rows))
        self.files.append(RECORD)
        record = {"daedal": VERSION, **asked.record(), "pictures": self.done, "files": sorted(self.files)}
        (self.folder / RECORD).write_bytes(_json(record))
        self._sync()

    def _sync(self) -> None:
        for name in self.files:
            with open(self.folder / name, "rb") as file:
                os.fsync(file.fileno())
        for folder in {(self.folder / name).parent for name in self.files}:
            sync_folder(folder)


_DENSE: dict[str, tuple[str, str, Callable[[Tensor], bytes]]] = {  # truth -> output, suffix, how its bytes are made
    "masks": ("stencil", "png", encode.class_png),
    "instances": ("instance", "png", encode.wide_png),
    "depth": ("depth", "npy", encode.npy),
    "depth-png": ("depth", "png", encode.depth_png),
    "normals": ("normal", "npy", encode.npy),
    "normals-png": ("normal", "png", lambda normal: encode.png(encode.picture(normal_colours(normal)))),
    "flow": ("flow", "npy", encode.npy),
    "visible": ("visible", "png", encode.visible_png),
}


def _images(writer: _Writer) -> None:
    asked = writer.asked
    outputs = ["rgb", *outputs_of(asked.truths)]
    for stems, index in asked.chunks(asked.first, asked.n):
        values = asked.values(index)
        result = asked.render(asked.world.scene(values), outputs)
        names = [f"images/{stem}.png" for stem in stems]
        _put_pictures(writer, names, result["rgb"])
        writer.truths(stems, result)
        writer.describe(names, index, values)


def _classes(writer: _Writer) -> None:
    asked = writer.asked
    factor = asked.world.factor(str(asked.by))
    for split, first, count in asked.splits:
        for stems, index in asked.chunks(first, count):
            values = asked.values(index)
            classes = [factor.choices[k] for k in values[factor.name].tolist()]
            names = [f"{split}/{kind}/{stem}.png" for kind, stem in zip(classes, stems, strict=True)]
            _put_pictures(writer, names, asked.colours(values, Domain()))
            writer.describe(names, index, values)


def _two_folders(writer: _Writer) -> None:
    """trainA, trainB, testA, testB: of the same items, or where unpaired of items that follow each other."""
    asked = writer.asked
    for split, first, count in asked.splits:
        for side, domain in zip("AB", asked.domains, strict=True):
            start = first + count * (side == "B" and asked.layout == "unpaired")
            for stems, index in asked.chunks(start, count):
                values = asked.values(index, domain)
                names = [f"{split}{side}/{stem}.png" for stem in stems]
                _put_pictures(writer, names, asked.colours(values, domain))
                writer.describe(names, index, values)


def _sides(writer: _Writer) -> None:
    asked = writer.asked
    for split, first, count in asked.splits:
        for stems, index in asked.chunks(first, count):
            a, b = (asked.values(index, domain) for domain in asked.domains)
            halves = [asked.colours(v, domain) for v, domain in zip((a, b), asked.domains, strict=True)]
            names = [f"{split}/{stem}.png" for stem in stems]
            _put_pictures(writer, names, torch.cat(halves, 3), rendered=2)
            writer.describe(names, index, a, b)


def _clips(writer: _Writer) -> None:
    asked = writer.asked
    outputs = ["rgb", *outputs_of(asked.truths)]
    for stems, index in asked.chunks(asked.first, asked.n):
        values = asked.values(index)
        scenes = [asked.world.scene(values, torch.full((len(index),), t / asked.rate)) for t in range(asked.frames)]
        frames = []
        for t, scene in enumerate(scenes):
            result = asked.render(scene, outputs)
            if {"flow", "visible"} & set(asked.truths) and t + 1 < asked.frames:
                result["flow"], result["visible"] = flow(scene, scenes[t + 1], asked.height, asked.width)
            writer.truths([f"{stem}/{_frame(t, asked.frames)}" for stem in stems], result)
            frames.append(result["rgb"])
            writer.count(len(stems))
        names = [_put_clip(writer, stem, [frame[k] for frame in frames]) for k, stem in enumerate(stems)]
        writer.describe(names, index, values)


def _put_clip(writer: _Writer, stem: str, frames: Sequence[Tensor]) -> str:
    """Write the frames (3, h, w) of one clip; returns the name of its file or folder."""
    asked = writer.asked
    pictures = [encode.picture(frame) for frame in frames]
    if asked.format != "frames":
        writer.put(name := f"clips/{stem}.{asked.format}", animation(pictures, asked.rate, asked.format))
        return name
    for t, image in enumerate(pictures):
        writer.put(f"images/{stem}/{_frame(t, asked.frames)}.png", encode.png(image))
    return f"images/{stem}"


def _frame(t: int, frames: int) -> str:
    return f"{t:0{max(2, len(str(frames - 1)))}}"


def _put_pictures(writer: _Writer, names: Sequence[str], colours: Tensor, rendered: int = 1) -> None:
    for name, colour in zip(names, colours, strict=True):
        writer.put(name, encode.png(encode.picture(colour)))
    writer.count(rendered * len(names))


_LAYOUTS: dict[str, Callable[[_Writer], None]] = {
    "images": _images,
    "classes": _classes,
    "unpaired": _two_folders,
    "paired": _two_folders,
    "sides": _sides,
    "clips": _clips,
}


def _json(record: Any) -> bytes:
    return (json.dumps(record, allow_nan=False) + "\n").encode()


def _lines(rows: Sequence[dict[str, Any]]) -> bytes:
    return b"".join(_json({k: v for k, v in row.items() if k != "index"}) for row in rows)


def _table(rows: Sequence[dict[str, Any]]) -> bytes:
    """A row for each picture; a factor of several numbers takes several columns."""
    flat = [{"file_name": row["file_name"], "index": row["index"], **_flat(row["factors"])} for row in rows]
    buffer = io.StringIO(newline="")
    table = csv.DictWriter(buffer, list(flat[0]), lineterminator="\n")
    table.writeheader()
    table.writerows(flat)
    return buffer.getvalue().encode()


def _flat(factors: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in factors.items():
        found |= {f"{name}_{k}": v for k, v in enumerate(value)} if isinstance(value, list) else {name: value}
    return found

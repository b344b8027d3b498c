"""Writes the files of a folder of a world, and remembers what is to be said of them at the end."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from daedal.data.worlds import encode
from daedal.data.worlds.colours import normal_colours
from daedal.data.worlds.edits import instructions
from daedal.data.worlds.fields import raw
from daedal.data.worlds.render import project, to_pixels
from daedal.data.worlds.request import Request
from daedal.data.worlds.scene import Scene
from daedal.data.worlds.settings import value_words
from daedal.data.worlds.world import Values
from daedal.places import sync_folder
from daedal.version import VERSION

RECORD = "render.json"  # how the folder came about, and its files: only these does overwriting remove
COCO = {"boxes": "annotations.json", "parts": "parts.json"}  # truth -> file
Watch = Callable[[int, int], None]


class Writer:
    """Writes files into the folder being built, and remembers what is to be said of them at the end."""

    def __init__(self, asked: Request, folder: Path, watch: Watch):
        self.asked, self.folder, self.watch = asked, folder, watch
        self.files: list[str] = []
        self.rows: list[dict[str, Any]] = []  # of captions and tables, one for each picture
        self.coco: dict[str, tuple[list[dict[str, Any]], list[dict[str, Any]]]] = {}  # images and things of a truth
        self.points: list[dict[str, Any]] = []  # landmarks
        self.edited: list[dict[str, Any]] = []  # a line of each pair before and after
        self.done = 0
        watch(0, asked.pictures)

    def put(self, name: str, content: bytes) -> None:
        """Write one file."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        self.files.append(name)

    def count(self, pictures: int) -> None:
        """Say that so many more pictures are rendered."""
        self.done += pictures
        self.watch(self.done, self.asked.pictures)

    def describe(self, names: Sequence[str], index: np.ndarray, values: Values, other: Values | None = None) -> None:
        """Remember what was written as each of `names`; `other` are the values of a second half of the picture."""
        if not {"captions", "metadata", "factors"} & set(self.asked.truths):
            return
        texts, facts = self.asked.world.caption(values), self._facts(values)
        others = self.asked.world.caption(other) if other is not None else None
        actions = self._actions(values)
        for k, name in enumerate(names):
            row = {"file_name": name, "index": int(index[k]), "text": texts[k], "factors": facts[k]}
            row |= {"actions": actions[k]} if actions else {}
            if other is not None and others is not None:
                changed = self.asked.domains[1].settings
                row["text_b"] = others[k]
                row["factors"] |= {f"{f}_b": v for f, v in self._facts(other)[k].items() if f in changed}
            self.rows.append(row)

    def _actions(self, values: Values) -> list[list[str]]:
        """Of clips what is done from each frame to the next; [] where nothing acts, or several things between two."""
        of, names = self.asked.of, self.asked.world.actions
        if of.frames is None or not self.asked.world.acts_alone(of.frame_rate):
            return []
        return [[names[k] for k in row] for row in raw(of, "action", values).tolist()]

    def _facts(self, values: Values) -> list[dict[str, Any]]:
        factors = self.asked.world.factors
        n = len(values[factors[0].name])
        return [{f.name: value_words(f, values[f.name][k]) for f in factors} for k in range(n)]

    def edits(self, before: Sequence[str], after: Sequence[str], values: Values, then: Values) -> None:
        """Remember the instruction from each picture to the next, and what it changes."""
        world = self.asked.world
        said, texts, texts_after = instructions(world, values), world.caption(values), world.caption(then)
        for k, (facts, facts_after) in enumerate(zip(self._facts(values), self._facts(then), strict=True)):
            row = {"before": before[k], "after": after[k], "instruction": said[k]}
            row |= {"text": texts[k], "text_after": texts_after[k], "factors": facts}
            self.edited.append(row | {"changed": {f: v for f, v in facts_after.items() if v != facts[f]}})

    def truths(self, stems: Sequence[str], result: dict[str, Tensor]) -> None:
        """Write what is asked of every pixel, under the pictures' stems."""
        for truth in self.asked.truths:
            if truth in COCO:
                self._boxes(truth, stems, result["instance"], result["stencil"])
            elif truth in _DENSE and _DENSE[truth][0] in result:
                output, kind, encoded = _DENSE[truth]
                for stem, values in zip(stems, result[output], strict=True):
                    self.put(f"{truth}/{stem}.{kind}", encoded(values))

    def landmarks(self, stems: Sequence[str], values: Values, scene: Scene, frame: int | None = None) -> None:
        """Remember where the landmarks are in pictures, if that is asked."""
        if "landmarks" not in self.asked.truths:
            return
        of = self.asked.of
        found = {}
        for name, place in of.world.points(values, of.moment(values, frame)).items():
            u, v, depth = project(scene.camera, place[:, None])
            rows = torch.cat([*to_pixels(u, v, *of.size), depth], 1).tolist()
            found[name] = [[float(f"{number:.7g}") for number in row] for row in rows]
        for k, stem in enumerate(stems):
            self.points.append({"file_name": f"images/{stem}.png", "points": {name: p[k] for name, p in found.items()}})

    def _boxes(self, truth: str, stems: Sequence[str], instance: Tensor, stencil: Tensor) -> None:
        images, annotations = self.coco.setdefault(truth, ([], []))
        height, width = self.asked.of.size
        for k, stem in enumerate(stems):
            number = len(images) + 1
            images.append({"id": number, "file_name": f"images/{stem}.png", "width": width, "height": height})
            for thing in encode.things(instance[k], stencil[k], truth == "parts"):
                if truth == "boxes" and not self._boxed(thing):
                    continue
                annotations.append({"id": len(annotations) + 1, "image_id": number, **thing})

    def _boxed(self, thing: Mapping[str, Any]) -> bool:
        """Whether a thing is of a class that gets boxes, and large enough."""
        world, (height, width) = self.asked.world, self.asked.of.size
        kind = world.stencil[thing["category_id"]]
        return kind in (world.boxed or world.stencil) and thing["area"] >= world.least_share * height * width

    def _kinds(self, truth: str) -> tuple[str, ...]:
        """The classes of a COCO file."""
        world = self.asked.world
        return (world.boxed if truth == "boxes" else ()) or world.stencil[1:]

    def finish(self) -> None:
        """Write what is about all pictures, and the record; sync it all to the disk."""
        asked = self.asked
        if "masks" in asked.truths:
            self.put("classes.txt", "".join(f"{name}\n" for name in asked.world.stencil).encode())
        for truth, (images, things) in self.coco.items():
            self.put(COCO[truth], _json(encode.coco(images, things, asked.world.stencil, self._kinds(truth))))
        if "landmarks" in asked.truths:
            self.put("landmarks.jsonl", _lines(self.points))
        if self.edited:
            self.put("edits.jsonl", _lines(self.edited))
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

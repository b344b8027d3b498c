"""Contact sheets: one picture that shows what is in a data set, so that mistakes are seen before training."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from daedal.data.base import Data, how_many, is_endless
from daedal.data.grid import VISIBLE, image_grid, new_figure, to_picture
from daedal.data.names import printable
from daedal.data.tokens import is_text
from daedal.places import write_file
from daedal.spaces import Images, Labels, Vectors

PER_ROW = 12  # tiles
ROWS = 8  # without classes
MOST_CLASSES = 20
MOST_DIMENSIONS = 16
LARGEST_TILE = 96  # pixels; larger images are shown smaller
MARGIN, GAP, LINE = 16, 4, 20  # pixels
PAPER, INK, FAINT = (255, 255, 255), (30, 30, 30), (120, 120, 120)
POINTS = 5000


def contact_sheet(data: Data, path: str | os.PathLike[str] | None = None) -> Image.Image:
    """A picture of the training split, saved as a PNG if `path` is given: images by class; of a world, a row for each
    factor, of two domains pairs of the test split; points, or histograms; sentences.

    Which items are shown is fixed: evenly spaced ones, of every class where there are classes.
    """
    sheet = _sheet(data)
    if path is not None:
        png = io.BytesIO()
        sheet.save(png, "PNG")
        write_file(Path(path), png.getvalue())
    return sheet


def _sheet(data: Data) -> Image.Image:
    if (domains := data.notes.get("domains")) is not None:
        return _pair_sheet(data, domains)
    space = data.fields.get("x")
    if is_endless(data.train):
        data = replace(data, train=data.train[: PER_ROW * ROWS])
    if is_text(next(iter(data.fields.values()))):
        from daedal.data.sheet_texts import text_sheet

        return text_sheet(data)
    if data.world is not None:
        from daedal.data.worlds.sheet import world_sheet

        return world_sheet(data.world, _title(data))
    if isinstance(space, Images):
        return _image_sheet(data)
    if isinstance(space, Vectors):
        return _points(data) if space.dim <= 2 else _histograms(data, space.dim)
    return _label_sheet(data)


def _image_sheet(data: Data) -> Image.Image:
    rows = _rows_by_class(data)
    tiles = [(caption, [tile(x) for x in data.train.gather(items, ["x"])["x"]]) for caption, items in rows]
    return _drawn(tiles, _title(data))


def _pair_sheet(data: Data, domains: Mapping[str, str]) -> Image.Image:
    """Items of the test split, a row of one domain above the row of the other."""
    items = _spread(np.arange(len(data.test)), PER_ROW * ROWS // 2)
    tiles = []
    for start in range(0, len(items), PER_ROW):
        found = data.test.gather(items[start : start + PER_ROW], domains)
        tiles += [(f"{field}: {_short(words)}", [tile(x) for x in found[field]]) for field, words in domains.items()]
    return _drawn(tiles, _title(data) + "; pairs of the test split")


def _drawn(tiles: Sequence[tuple[str, Sequence[Image.Image]]], title: str) -> Image.Image:
    """Captions and pictures, a row each."""
    font = ImageFont.load_default(14)
    wide, tall = (max(picture.size[k] for _, row in tiles for picture in row) + GAP for k in (0, 1))
    indent = max([0, *(int(font.getlength(caption)) + MARGIN for caption, _ in tiles if caption)])
    columns = max(len(row) for _, row in tiles)
    width = max(2 * MARGIN + indent + columns * wide, 2 * MARGIN + int(font.getlength(title)))
    top = MARGIN + LINE + GAP
    sheet = Image.new("RGB", (width, top + len(tiles) * max(tall, LINE) + MARGIN), PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((MARGIN, MARGIN - 2), title, INK, font)
    for r, (caption, row) in enumerate(tiles):
        y = top + r * max(tall, LINE)
        draw.text((MARGIN, y + (max(tall, LINE) - LINE) // 2), caption, FAINT, font)
        for k, picture in enumerate(row):
            sheet.paste(picture, (MARGIN + indent + k * wide, y))
    return sheet


def _title(data: Data) -> str:
    many = "endless" if data.source.get("endless") else how_many(data.train)
    splits = f"{many} training and {len(data.test)} test items"
    space = next(iter(data.fields.values()))
    shape = ""
    if isinstance(space, Images):
        shape = f", {space.height} x {space.width}, {space.channels} channels, {space.levels} levels"
        shape = shape.replace(" 1 channels", " 1 channel")
    return _short(data.name, 40) + ": " + splits + shape


def _short(text: str, most: int = 24) -> str:
    text = printable(text)
    return text if len(text) <= most else text[: most - 1] + "…"


def _rows_by_class(data: Data) -> list[tuple[str, np.ndarray]]:
    """Captions and items of the training split, a row each."""
    label = data.fields.get("label")
    n = len(data.train)
    if not isinstance(label, Labels) or label.shape or label.classes > MOST_CLASSES:
        items = _spread(np.arange(n), PER_ROW * ROWS)
        return [("", items[i : i + PER_ROW]) for i in range(0, len(items), PER_ROW)]
    classes = data.train.gather(np.arange(n), ["label"])["label"].numpy()
    rows = []
    for k in range(label.classes):
        members = np.flatnonzero(classes == k)
        if len(members):
            name = label.names[k] if label.names else str(k)
            rows.append((f"{_short(name)} ({len(members)})", _spread(members, PER_ROW)))
    return rows


def _spread(items: np.ndarray, most: int) -> np.ndarray:
    return items[np.linspace(0, len(items) - 1, min(most, len(items))).round().astype(int)]


def tile(x: torch.Tensor) -> Image.Image:
    """One image (c, h, w), or the first frame of a clip, near the size of a tile; alpha over a chequered ground."""
    x = x[0] if x.ndim == 4 else x
    side = max(x.shape[-2:])
    picture = image_grid(x[None], scale=max(1, round(VISIBLE / side)), padding=0)
    if side > LARGEST_TILE:
        picture.thumbnail((LARGEST_TILE, LARGEST_TILE), Image.Resampling.LANCZOS)
    if picture.mode == "RGBA":
        y, k = np.indices((picture.height, picture.width)) // 6
        ground = np.where((y + k) % 2, 255, 220).astype(np.uint8)
        return Image.composite(picture.convert("RGB"), Image.fromarray(ground).convert("RGB"), picture.getchannel("A"))
    return picture


def _points(data: Data) -> Image.Image:
    """One or two dimensions: a histogram or a scatter, over the density where it is known."""
    figure, axes = new_figure(6, 6)
    values = data.train.gather(_spread(np.arange(len(data.train)), POINTS), ["x"])["x"].double().numpy()
    if values.shape[1] == 1:
        axes.hist(values[:, 0], bins=80, color="#33608c", density=True)
    else:
        _density(axes, data, values)
        axes.scatter(values[:, 0], values[:, 1], s=3, linewidths=0, alpha=0.6, color="#1d3b58")
        axes.set_aspect("equal")
    axes.set_title(_plain(_title(data)), fontsize=10)
    return to_picture(figure)


def _density(axes: Any, data: Data, values: np.ndarray) -> None:
    if data.density is None:
        return
    (left, low), (right, high) = values.min(0), values.max(0)
    x, y = np.meshgrid(np.linspace(left, right, 160), np.linspace(low, high, 160))
    log_prob = data.density.log_prob(torch.from_numpy(np.stack([x.ravel(), y.ravel()], 1)))
    density = log_prob.exp().nan_to_num(0.0).reshape(x.shape).numpy()
    axes.imshow(density, origin="lower", extent=(left, right, low, high), cmap="Oranges", alpha=0.8)


def _histograms(data: Data, dim: int) -> Image.Image:
    """A histogram of each of the first dimensions."""
    shown = min(dim, MOST_DIMENSIONS)
    columns = min(4, shown)
    rows = -(-shown // columns)
    figure, grid = new_figure(2.4 * columns, 1.9 * rows + 0.5, rows, columns)
    values = data.train.gather(_spread(np.arange(len(data.train)), POINTS), ["x"])["x"].numpy()
    for k, axes in enumerate(np.ravel(grid)):
        if k < shown:
            axes.hist(values[:, k], bins=40, color="#33608c")
            axes.set_title(f"x[{k}]", fontsize=9)
            axes.tick_params(labelsize=7)
        axes.set_visible(k < shown)
    more = f"; the first {shown} of {dim} dimensions" if dim > shown else ""
    figure.suptitle(_plain(_title(data) + more), fontsize=10)
    return to_picture(figure)


def _label_sheet(data: Data) -> Image.Image:
    """Labels as x: how often each class occurs."""
    figure, axes = new_figure(6, 4)
    values = data.train.gather(_spread(np.arange(len(data.train)), POINTS), ["x"])["x"].numpy().ravel()
    classes, counts = _counts(values)
    axes.bar(classes, counts, color="#33608c")
    axes.set_title(_plain(_title(data)), fontsize=10)
    return to_picture(figure)


def _counts(values: np.ndarray) -> tuple[Sequence[int], Sequence[int]]:
    classes, counts = np.unique(values, return_counts=True)
    return classes.tolist(), counts.tolist()


def _plain(text: str) -> str:
    """Text that matplotlib does not take for mathematics."""
    return text.replace("$", r"\$")

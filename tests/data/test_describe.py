"""Descriptions say what is there, with counts that are known; contact sheets show the pixels of the data."""

import errno
import io
import json
import os

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from daedal.data.base import Column, Data, Split
from daedal.data.describe import contact_sheet, describe
from daedal.data.load import load_data
from daedal.spaces import Images, Labels, Vectors


def data_of(values, space, train, test, **columns):
    columns = {"x": Column(values, space), **columns}
    spaces = {name: column.space for name, column in columns.items()}
    return Data("made", spaces, Split(columns, np.array(train)), Split(columns, np.array(test)), "f" * 64)


def test_digits():
    found = describe("digits").to_json()
    assert (found["n"], found["train"], found["test"]) == (1797, 1297, 500)
    assert found["fields"]["x"] == Images(1, 8, 8, 17).to_json()
    assert found["ranges"] == {"x": [0, 16]}
    counts = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]  # scikit-learn's documentation of the set
    assert found["classes"] == {"label": {str(k): count for k, count in enumerate(counts)}}
    assert (found["duplicates"], found["problems"]) == (0, [])
    json.dumps(found)


def test_a_folder_with_duplicates_and_bad_items(tmp_path, monkeypatch):
    monkeypatch.setenv("DAEDAL_CACHE", str(tmp_path / "cache"))
    root = tmp_path / "photos"
    for name, level in (("a/1", 10), ("a/2", 10), ("b/1", 200), ("b/2", 30), ("b/3", 10)):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (6, 9), level).save(root / f"{name}.png")
    Image.new("P", (6, 9)).save(root / "b" / "4.png")
    (root / "a" / "[bold]\x1b.png").write_text("x")
    found = describe(str(root))
    assert (found.n, found.duplicates, found.skipped) == (6, 2, 1)
    assert found.train + found.test == 6
    assert found.classes == {"label": {"a": 2, "b": 4}}
    assert found.sizes == {"9x6": 6}
    assert found.modes == {"L": 5, "P": 1}
    assert found.ranges == {"x": (0, 200)}
    assert found.shared == 0
    assert found.problems == ["a/[bold]\\x1b.png: not an image that can be read"]
    text = str(found)
    assert "a/[bold]\\x1b.png" in text  # neither markup nor control characters
    assert "2 items equal another" in text
    assert set(found.to_json()) >= {"n", "train", "test", "fields", "problems"}


def test_test_items_that_are_also_trained_on_are_counted():
    values = np.array([1, 2, 3, 2, 9], np.uint8).reshape(5, 1, 1, 1)
    found = describe(data_of(values, Images(1, 1, 1), [0, 1, 2], [3, 4]))
    assert (found.n, found.duplicates, found.shared) == (5, 1, 1)
    assert "tests will flatter" in str(found)


def test_mirrored_rows_are_no_items_of_their_own():
    values = np.arange(4, dtype=np.uint8).reshape(4, 1, 1, 1)
    found = describe(data_of(values, Images(1, 1, 1), [0, 1, 2, 4, 5, 6], [3]))
    assert (found.n, found.train, found.test, found.duplicates) == (4, 6, 1, 0)


def test_toys_tell_their_entropy():
    found = describe("toy:ring8", n=200)
    assert found.n == 200
    assert found.entropy == load_data("toy:ring8", n=200).density.entropy
    assert "nats" in str(found)


def test_rich_shows_a_table():
    console = Console(record=True, width=100, file=io.StringIO())
    console.print(describe("digits"))
    assert "1297 training, 500 test" in console.export_text()


def test_labels_without_members_and_classes_with_names():
    label = Column(np.array([0, 2, 2]), Labels(3, names=("cat", "dog", "emu")))
    values = np.arange(3, dtype=np.float32).reshape(3, 1)
    found = describe(data_of(values, Vectors(1), [0, 1], [2], label=label))
    assert found.classes == {"label": {"cat": 1, "dog": 0, "emu": 2}}
    assert found.ranges == {"x": (0.0, 2.0)}


def test_a_sheet_that_cannot_be_written_leaves_the_one_before(tmp_path, monkeypatch):
    path = tmp_path / "sheet.png"
    path.write_bytes(b"before")

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        contact_sheet(load_data("digits"), path)
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_contact_sheet_of_digits_shows_their_pixels(tmp_path):
    data = load_data("digits")
    sheet = contact_sheet(data, tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as saved:
        assert saved.format == "PNG"
        np.testing.assert_array_equal(np.asarray(saved), np.asarray(sheet))
    items = data.train.gather(range(len(data.train)))
    first = items["x"][(items["label"] == 0).nonzero()[0, 0]]
    tile = np.kron(((first[0] + 1) * 127.5).round().numpy(), np.ones((8, 8))).astype(np.uint8)
    assert _contains(np.asarray(sheet.convert("L")), tile)


def _contains(picture, tile):
    windows = np.lib.stride_tricks.sliding_window_view(picture, tile.shape)
    corner = np.argwhere((windows[:, :, 0, 0] == tile[0, 0]) & (windows[:, :, 32, 32] == tile[32, 32]))
    return any((windows[y, x] == tile).all() for y, x in corner)


@pytest.mark.parametrize(
    ("values", "space"),
    [
        (np.zeros((5, 1), np.float32), Vectors(1)),
        (np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32), Vectors(2)),
        (np.random.default_rng(0).normal(size=(50, 30)).astype(np.float32), Vectors(30)),
        (np.zeros((3, 2, 2), np.int64), Labels(4, shape=(2, 2))),
        (np.zeros((2, 3, 300, 200), np.uint8), Images(3, 300, 200)),
        (np.zeros((2, 4, 3, 5), np.uint16), Images(4, 3, 5, 65536)),
        (np.zeros((2, 3, 1, 8, 8), np.uint8), Images(1, 8, 8, 256, frames=3)),
    ],
)
def test_contact_sheets_of_all_spaces(tmp_path, values, space):
    n = len(values)
    data = data_of(values, space, range(n - 1), [n - 1])
    assert describe(data).n == n
    contact_sheet(data, tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.mode == "RGB"
        assert min(sheet.size) > 50


def test_contact_sheet_of_odd_names(tmp_path):
    label = Column(np.array([0, 1, 1]), Labels(2, names=("$x_{$\\x1b", "long " * 40)))
    values = np.zeros((3, 1, 4, 4), np.uint8)
    assert contact_sheet(data_of(values, Images(1, 4, 4), [0, 1], [2], label=label)).width < 1500
    vectors = data_of(np.zeros((3, 3), np.float32), Vectors(3), [0, 1], [2])
    contact_sheet(Data("$\\frac{$", vectors.fields, vectors.train, vectors.test, ""))

"""Crops of photographs: cut and never resized, split by photograph, with author and licence."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest
import sklearn
from PIL import Image

from daedal.data import load_data
from daedal.data.describe import describe
from daedal.data.photographs import PHOTOGRAPHS
from daedal.errors import UsageError
from daedal.spaces import Images, Labels

FOLDER = Path(sklearn.__file__).parent / "datasets" / "images"


@pytest.fixture(autouse=True)
def _scikit_learns_only(monkeypatch):
    """Whether or not scikit-image is installed."""
    _hide(monkeypatch, "skimage")


def _hide(monkeypatch, *packages):
    find = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name in packages else find(name))


def levels(split):
    x = split.gather(range(len(split)))["x"]
    return ((x + 1) * 127.5).round().numpy().astype(np.uint8).transpose(0, 2, 3, 1)


def test_each_photograph_is_on_one_side():
    data = load_data("photographs", n=200, size=16)
    assert data.fields == {"x": Images(3, 16, 16), "photograph": Labels(2, names=("china", "flower"))}
    of = [set(split.gather(range(len(split)))["photograph"].tolist()) for split in (data.train, data.test)]
    assert of == [{0}, {1}]
    assert (len(data.train), len(data.test)) == (100, 100)  # they are equally large


def test_the_grid_put_together_is_the_middle_of_the_photograph():
    data = load_data("photographs", crops="grid", size="60x90")
    photograph = np.asarray(Image.open(FOLDER / "china.jpg").convert("RGB"))
    tiles = levels(data.train).reshape(7, 7, 60, 90, 3)  # of 427 x 640
    whole = tiles.transpose(0, 2, 1, 3, 4).reshape(420, 630, 3)
    assert (whole == photograph[3:423, 5:635]).all()


def test_random_crops_are_cut_from_everywhere():
    """Of crops as wide as the photograph, the left edge is at 0 and the top is one of 427 - 420 + 1 places."""
    photograph = np.asarray(Image.open(FOLDER / "flower.jpg").convert("RGB"))
    data = load_data("photographs", size="420x640", n=100)
    assert len(data.test) == 8  # no place twice
    wanted = {photograph[top : top + 420].tobytes() for top in range(8)}
    assert {crop.tobytes() for crop in levels(data.test)} == wanted


def test_random_places_are_even():
    from daedal.data.photographs import _random

    pictures = {"china": np.empty((3, 50, 80), np.uint8)}
    corners = np.concatenate([_random(pictures, (20, 20), 100, seed)["china"] for seed in range(40)])
    for axis, places in enumerate((31, 61)):
        standard_error = np.sqrt((places**2 - 1) / 12 / len(corners))
        assert abs(corners[:, axis].mean() - (places - 1) / 2) < 4 * standard_error
        assert (corners[:, axis].min(), corners[:, axis].max()) == (0, places - 1)


def test_the_seed_chooses_places_and_more_crops_begin_with_the_same():
    few, many = (levels(load_data("photographs", size=8, n=n, seed=1).train) for n in (20, 60))
    assert (many[: len(few)] == few).all()
    assert (levels(load_data("photographs", size=8, n=20, seed=2).train) != few).any()


def test_author_and_licence_are_told():
    description = describe("photographs", size=64, n=20)
    assert description.to_json()["credits"]["flower"].startswith("vultilion")
    assert "credit of china" in str(description)
    assert "CC BY 2.0" in str(description)
    readme = (FOLDER / "README.txt").read_text()
    for name in ("china", "flower"):
        assert PHOTOGRAPHS[name].author.split(", ")[1] in readme
    assert "creativecommons.org/licenses/by/2.0" in readme


def test_the_page_lists_every_photograph():
    page = (Path(__file__).parents[2] / "docs" / "digits-and-photographs.md").read_text()
    for name, photograph in PHOTOGRAPHS.items():
        (row,) = [line for line in page.splitlines() if line.startswith(f"| `{name}`")]
        assert photograph.author.split(",")[0] in row
        assert photograph.licence in row
        assert row.endswith("| test |" if photograph.tests else "| training |")


def test_scikit_images_are_found_without_importing_it(tmp_path, monkeypatch):
    folder = tmp_path / "skimage" / "data"
    folder.mkdir(parents=True)
    (tmp_path / "skimage" / "__init__.py").write_text("raise AssertionError('imported')")
    for name, mode in (("chelsea", "RGB"), ("coffee", "RGB"), ("camera", "L"), ("moon", "L")):
        Image.new(mode, (30, 20), 77).save(folder / f"{name}.png")
    monkeypatch.undo()
    monkeypatch.syspath_prepend(tmp_path)
    data = load_data("photographs", size=10, n=1200)
    assert data.fields["photograph"].names == ("china", "flower", "chelsea", "coffee", "camera")  # moon has no licence
    data = load_data("photographs", size=10, n=2, only=["coffee", "chelsea"])
    assert data.notes["credits"] == {"chelsea": "Stefan van der Walt; CC0 1.0", "coffee": "Rachel Michetti; CC0 1.0"}
    alone, among = (
        levels(load_data("photographs", size=10, n=n, only=only).train)[:5]
        for n, only in ((2000, ("china", "flower")), (2000, ()))
    )
    assert (alone == among).all()
    assert "skimage" not in sys.modules


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 428}, "'size' of photographs must be at most 427x640, as china is; got 428x428"),
        (
            {"only": ("chna",)},
            r"'only' of photographs must name some of china, flower; got 'chna'. Did you mean 'china'",
        ),
        ({"only": ("coffee",)}, "'coffee' comes with scikit-image, which is not installed"),
        ({"only": ("china",)}, "one that trains and one that tests .* For crops of a single one, give a folder"),
        ({"crops": "tiles"}, "'crops' of photographs must be one of 'random', 'grid'; got 'tiles'"),
        ({"fit": "pad"}, "'fit' does not apply to photographs"),
    ],
)
def test_what_cannot_be_had(options, message):
    with pytest.raises(UsageError, match=message):
        load_data("photographs", **options)

"""`load_data` finds its sources, checks its options, and records what loads the same again."""

import json
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image

from daedal.data import Data, load_data
from daedal.data.options import Options
from daedal.errors import DataError, UsageError
from daedal.spaces import Images, Labels


@pytest.fixture
def files(tmp_path):
    """A source of each kind of file."""
    rng = np.random.default_rng(0)
    for i in range(12):
        folder = tmp_path / "photos" / ("cat" if i % 2 else "dog")
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (8, 8, 3), np.uint8)).save(folder / f"{i}.png")
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        for path in sorted((tmp_path / "photos").rglob("*.png")):
            archive.write(path, path.relative_to(tmp_path / "photos"))
    np.save(tmp_path / "grey.npy", rng.integers(0, 256, (12, 8, 8), np.uint8))
    np.savez(tmp_path / "both.npz", x=rng.integers(0, 256, (12, 8, 8), np.uint8), y=np.arange(12) % 3)
    (tmp_path / "table.csv").write_text("a,b,label\n" + "".join(f"{i},{i * i},{'xy'[i % 2]}\n" for i in range(12)))
    (tmp_path / "table.tsv").write_text("".join(f"{i}\t{i * i}\n" for i in range(12)))
    return tmp_path


FILES = ["photos", "photos.zip", "grey.npy", "both.npz", "table.csv", "table.tsv"]


@pytest.mark.parametrize("name", [*FILES, "digits", "toy:moons"])
def test_the_source_loads_the_same_again(files, name, monkeypatch):
    monkeypatch.chdir(files)
    options = {} if name.startswith(("table", "toy")) else {"size": 4}
    data = load_data(name, n=10, seed=3, **options)
    record = json.loads(json.dumps(dict(data.source)))
    monkeypatch.chdir("/")
    again = load_data(**record)
    assert again.fingerprint == data.fingerprint
    assert again.source == data.source
    assert len(data.train) + len(data.test) == 10
    assert load_data(**{**record, "seed": 4}).fingerprint != data.fingerprint


@pytest.mark.parametrize("name", FILES)
def test_paths_may_be_texts_or_paths(files, name):
    data = load_data(files / name)
    assert data.fingerprint == load_data(str(files / name)).fingerprint
    assert data.name == name.split(".")[0]
    assert data.source["source"] == str(files / name)


def test_folders_and_zips_agree(files):
    folder, archive = load_data(files / "photos"), load_data(files / "photos.zip")
    assert folder.fingerprint == archive.fingerprint
    assert folder.fields == {"x": Images(3, 8, 8), "label": Labels(2, names=("cat", "dog"))}


def test_in_the_home_folder(files, monkeypatch):
    monkeypatch.setenv("HOME", str(files))
    assert load_data("~/grey.npy").fields["x"] == Images(1, 8, 8)


def test_a_name_of_ours_comes_before_a_file(files, monkeypatch):
    monkeypatch.chdir(files)
    (files / "photos").rename(files / "digits")
    assert load_data("digits").fields["x"].levels == 17
    assert load_data("./digits").fields["x"].levels == 256


def test_data_in_memory():
    x = torch.rand(20, 1, 4, 4) * 2 - 1
    data = load_data({"x": x, "label": torch.arange(20) % 4}, n=10)
    assert data.fields == {"x": Images(1, 4, 4, 65536), "label": Labels(4)}
    assert data.source["source"] is None
    assert load_data(data) is data
    with pytest.raises(UsageError, match="an array in memory, which no file recalls"):
        load_data(**data.source)
    with pytest.raises(UsageError, match="'size' does not apply to data that is loaded already; leave it out"):
        load_data(data, size=3)


def test_n_of_a_published_split_keeps_its_shares():
    data = load_data("digits", n=180)
    assert (len(data.train), len(data.test)) == (130, 50)
    every = load_data("digits")
    assert (len(load_data("digits", n=99999).train), every.fingerprint) == (
        1297,
        load_data("digits", n=1797).fingerprint,
    )


def test_the_seed_of_real_data_matters_only_where_items_are_chosen():
    assert load_data("digits", seed=1).fingerprint == load_data("digits", seed=2).fingerprint
    assert load_data("digits", n=50, seed=1).fingerprint != load_data("digits", n=50, seed=2).fingerprint


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("toys:ring8", r"'toys:ring8' is no data source; .*Did you mean 'toy:\.\.\.'\?"),
        ("cifar:folder", "'cifar:folder' is no data source; .*Did you mean 'cifar10:"),
        ("toy:", "'' is no toy; the toys are ring8"),
        (3, "'source' must be digits, .*; got 3"),
        ("", "'source' must be"),
        ([1, 2], "'source' must be"),
    ],
)
def test_unknown_sources(source, message):
    with pytest.raises(UsageError, match=message):
        load_data(source)


def test_missing_and_foreign_files(files):
    with pytest.raises(FileNotFoundError, match=r"'digit' does not exist; .*Did you mean 'digits'\?"):
        load_data("digit")
    with pytest.raises(FileNotFoundError, match="does not exist"):
        load_data(files / "nothing.csv")
    (files / "notes\x1b.doc").write_text("hello")
    with pytest.raises(UsageError, match=r"'notes\\x1b\.doc' is of no kind that can be read"):
        load_data(files / "notes\x1b.doc")
    (files / "empty").mkdir()
    with pytest.raises(DataError, match="holds no images"):
        load_data(files / "empty")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sise": 3}, r"'sise' is no option of load_data here; the options are size, .*Did you mean 'size'\?"),
        ({"limit": 3}, "'limit' is no option of load_data here; .*Did you mean 'n'"),
        ({"size": 0}, r"'size' must be an integer in \[1, 8192\], or height x width such as '32x24'; got 0"),
        ({"size": -3}, "'size' must be"),
        ({"size": "8x"}, "'size' must be"),
        ({"size": 1.5}, "'size' must be"),
        ({"size": True}, "'size' must be"),
        ({"size": (1, 2, 3)}, "'size' must be"),
        ({"size": 99999}, "'size' must be"),
        ({"channels": 2}, r"'channels' must be 1 \(grey\), 3 \(colour\) or 4"),
        ({"channels": True}, "'channels' must be"),
        ({"n": 1}, r"'n' must be an integer in \[2, 2\*\*63\); got 1"),
        ({"n": 2.5}, "'n' must be"),
        ({"n": 2**63}, "'n' must be"),
        ({"seed": 2**63}, "'seed' must be"),
        ({"seed": -1}, r"'seed' must be an integer in \[0, 2\*\*63\); got -1"),
        ({"seed": None}, "'seed' must be"),
        ({"skip_bad": "yes"}, "'skip_bad' must be True or False; got 'yes'"),
        ({"mirror": 1}, "'mirror' must be True or False"),
        ({"fit": "crops"}, r"'fit' must be 'crop', 'pad' or 'stretch'; got 'crops'\. Did you mean 'crop'\?"),
        ({"background": "whiteish"}, "'background' must be a colour such as 'white' or '#ff8800'; got 'whiteish'"),
        ({"background": 3}, "'background' must be a colour"),
    ],
)
def test_options_that_cannot_be_used(options, message):
    with pytest.raises(UsageError, match=message):
        load_data("digits", **options)


@pytest.mark.parametrize("size", [12, "12", "12x12", "12X12", (12, 12), [12, 12], np.int64(12)])
def test_sizes(size):
    assert Options.of(size=size).size == (12, 12)


def test_size_is_height_by_width():
    assert load_data("digits", size="6x9", n=4).fields["x"] == Images(1, 6, 9)


@pytest.mark.parametrize(
    ("source", "options"),
    [
        ("toy:moons", {"size": 3}),
        ("toy:moons", {"mirror": True}),
        ("toy:moons", {"fit": "pad"}),
        (np.zeros((3, 2)), {"channels": 3}),
    ],
)
def test_options_for_images_are_refused_for_points(source, options):
    with pytest.raises(UsageError, match=f"'{next(iter(options))}' is for images, and .*; leave it out"):
        load_data(source, **options)


def test_defaults_are_accepted_everywhere():
    given = {"size": None, "channels": None, "fit": "crop", "background": "white", "mirror": False, "skip_bad": False}
    assert load_data("toy:moons", **given, n=20).fingerprint == load_data("toy:moons", n=20).fingerprint


@pytest.mark.parametrize("source", ["digits", "toy:ring8"])
def test_what_is_returned_is_data_in_border_form(source):
    data = load_data(source, n=40)
    assert isinstance(data, Data)
    for split in (data.train, data.test):
        items = split.gather(range(len(split)))
        for name, space in data.fields.items():
            space.check(items[name], name)
        assert all((split[0][name] == items[name][0]).all() for name in data.fields)


def test_loading_digits_imports_no_scikit_learn_and_leaves_the_generators_alone():
    program = (
        "import sys, random, numpy, torch, daedal.data as d\n"
        "states = lambda: (torch.get_rng_state().sum().item(), numpy.random.get_state()[1].sum(), random.getstate())\n"
        "before = states(); d.load_data('digits', n=9); d.load_data('toy:moons', n=9)\n"
        "print('sklearn' in sys.modules, states() == before)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]

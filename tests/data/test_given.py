"""`--given` texts become tensors that the spaces accept; what cannot be is told with what exists."""

import numpy as np
import pytest
import torch
from PIL import Image

from daedal.data.given import example_of, parse_given
from daedal.errors import DataError, UsageError
from daedal.spaces import Images, Labels, Vectors, check_given

PETS = ("ant", "bee, wild", "cat", "dog")
SPACES = {
    "digit": Labels(10),
    "pet": Labels(4, names=PETS),
    "year": Labels(3, names=("1990", "2000", "2010")),
    "pose": Vectors(2),
    "sketch": Images(1, 4, 6, 17),
    "mask": Labels(3, shape=(2, 2)),
}


def given(*texts, n=5, spaces=SPACES):
    parsed = parse_given(texts, spaces, n)
    return check_given(spaces, parsed, n, optional=True)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("digit=3", [3]),
        ("digit=0..9", [0, 1, 2, 3, 4]),
        ("digit=7..9", [7, 8, 9, 7, 8]),
        ("digit=1,4", [1, 4, 1, 4, 1]),
        ("digit=1..2,9", [1, 2, 9, 1, 2]),
        ("pet=cat", [2]),
        ("pet=cat,dog", [2, 3, 2, 3, 2]),
        ("pet=ant..cat", [0, 1, 2, 0, 1]),
        ("pet=bee, wild", [1]),
        ("year=2010", [2]),
        ("year=1990..2010", [0, 1, 2, 0, 1]),
    ],
)
def test_labels(text, values):
    value = given(text)[text.split("=")[0]]
    assert value.dtype == torch.int64
    assert value.tolist() == values


@pytest.mark.parametrize("text", ["pose=.1,-2e3", "pose= .1, -2000", "pose=[.1 -2000]"])
def test_vectors(text):
    value = given(text)["pose"]
    assert torch.equal(value, torch.tensor([[0.1, -2000.0]]))


def test_images(tmp_path):
    levels = np.random.default_rng(0).integers(0, 17, (4, 6), np.uint8)
    Image.fromarray(levels * 15).save(
        tmp_path / "a=b.png"
    )  # level k of 17 is nearest to 15 k of 255 up to half a level
    value = given(f"sketch={tmp_path}/a=b.png")["sketch"]
    expected = np.rint(levels * 15 / 255 * 16)
    assert (SPACES["sketch"].to_levels(value)[0, 0].numpy() == expected).all()
    assert torch.equal(SPACES["sketch"].quantise(value), value)


def test_images_are_brought_to_the_space(tmp_path):
    Image.new("RGBA", (40, 30), (255, 0, 0, 0)).save(tmp_path / "clear.png")
    assert torch.equal(given(f"sketch={tmp_path}/clear.png")["sketch"], torch.ones(1, 1, 4, 6))


def test_arrays(tmp_path):
    rng = np.random.default_rng(0)
    arrays = {
        "digit": np.array([4, 2], np.uint8),
        "pet": np.array(["dog", "ant", "cat", "dog", "ant", "cat"]),
        "pose": rng.normal(size=(1, 2)),
        "sketch": rng.integers(0, 17, (5, 1, 4, 6), np.uint8),
        "mask": rng.integers(0, 3, (5, 2, 2)),
    }
    np.savez(tmp_path / "g.npz", **arrays)
    found = given(f"@{tmp_path}/g.npz", "year=2000")
    assert found["digit"].tolist() == [4, 2, 4, 2, 4]
    assert found["pet"].tolist() == [3, 0, 2, 3, 0]
    assert torch.equal(found["pose"], torch.from_numpy(arrays["pose"]).float())
    assert (SPACES["sketch"].to_levels(found["sketch"]).numpy() == arrays["sketch"]).all()
    assert (found["mask"].numpy() == arrays["mask"]).all()
    assert found["year"].tolist() == [1]
    border = found["sketch"].numpy()
    np.savez(tmp_path / "h.npz", sketch=border)
    assert torch.equal(given(f"@{tmp_path}/h.npz")["sketch"], found["sketch"])


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["digits=3"], r"'given' has no place for 'digits'; expected: digit \(classes 0 to 9\), pet .*mean 'digit'\?"),
        (["3"], r"'3' must be NAME=VALUE or @FILE\.npz; expected: digit"),
        (["digit=10"], "'10' is no class of 'digit'; the classes are 0 to 9"),
        (["digit="], "'' is no class of 'digit'"),
        (["digit=-1"], "'-1' is no class"),
        (["digit=9..0"], r"must count upwards; write digit=0\.\.9"),
        (["digit=1.."], "'' is no class"),
        (["pet=cats"], r"'cats' is no class of 'pet'; the classes are ant, bee, wild, cat, dog\. Did you mean 'cat'\?"),
        (["pet=2"], "'2' is no class of 'pet'"),
        (["year=1"], "'1' is no class of 'year'; the classes are 1990, 2000, 2010"),
        (["pose=1"], "'pose' must be 2 finite numbers, such as .1,.2; got '1'"),
        (["pose=1,x"], "'pose' must be 2 finite numbers"),
        (["pose=1,nan"], "'pose' must be 2 finite numbers"),
        (["pose="], "'pose' must be 2 finite numbers"),
        (["mask=1"], r"'mask' has a class at each place of \(2, 2\); give it as @FILE\.npz"),
        (["digit=1", "digit=2"], "'digit' is given twice; say it once, such as digit=0..9"),
        (["@a.npy"], "must be a .npz file"),
    ],
)
def test_what_cannot_be_given(texts, message):
    with pytest.raises(UsageError, match=message):
        given(*texts)


@pytest.mark.parametrize("name", ["digit", "pet", "year", "pose"])
def test_an_example_can_be_given(name):
    example = example_of(name, SPACES[name])
    assert example.startswith(name + "=")
    assert given(example).keys() == {name}


def test_an_example_of_what_needs_a_file_names_one():
    assert example_of("sketch", SPACES["sketch"]) == "sketch=FILE.png"
    assert example_of("mask", SPACES["mask"]) == example_of("far", Vectors(64)) == "@FILE.npz"


def test_files_that_cannot_be_given(tmp_path):
    for text in (f"sketch={tmp_path}/none.png", f"@{tmp_path}/none.npz"):
        with pytest.raises(FileNotFoundError, match="none"):
            given(text)
    (tmp_path / "text.png").write_text("text")
    with pytest.raises(DataError, match=r"text\.png"):
        given(f"sketch={tmp_path}/text.png")
    cases = {
        "pose": (np.zeros((2, 3)), r"'pose' must have shape \(n, 2\); got \(2, 3\)"),
        "digit": (np.array([3, 10]), r"'digit' must be in \[0, 9\]"),
        "sketch": (np.full((1, 1, 4, 6), 17), r"must be levels in \[0, 16\]; got 17 to 17"),
        "pet": (np.array([b"\x00cat"]), "is no class of 'pet'"),
        "mask": (np.zeros((0, 2, 2), int), "holds no items"),
        "year": (np.array([{}, {}]), "Python objects"),
    }
    for name, (values, message) in cases.items():
        np.savez(tmp_path / "g.npz", **{name: values})
        with pytest.raises(UsageError, match=message):
            given(f"@{tmp_path}/g.npz")


def test_nothing_is_given():
    assert given() == {}
    with pytest.raises(UsageError, match="expected: nothing"):
        given("label=3", spaces={})

"""Spaces refuse what is none, whoever makes them, in one grammar."""

import pytest
import torch

from daedal.spaces import Images, Labels, Vectors, from_json, tokens, video

IMAGE = {"channels": 3, "height": 4, "width": 5}


@pytest.mark.parametrize("levels", [1, 0, -5, 2.5, 10**12, 65_537, True, "17", None])
def test_levels_are_an_integer_that_a_grid_can_have(levels):
    with pytest.raises(ValueError) as refusal:
        Images(**IMAGE, levels=levels)
    assert str(refusal.value) == f"'levels' of Images must be an integer in [2, 65536]; got {levels!r}."


@pytest.mark.parametrize(
    ("kind", "right", "name"),
    [
        *[(Images, IMAGE, name) for name in (*IMAGE, "frames")],
        (Labels, {"classes": 3}, "classes"),
        (Vectors, {"dim": 2}, "dim"),
    ],
)
@pytest.mark.parametrize("value", [0, -1, 1.0, 2**31, True, "1"])
def test_sizes_are_positive_integers(kind, right, name, value):
    with pytest.raises(ValueError) as refusal:
        kind(**right | {name: value})
    assert str(refusal.value) == f"'{name}' of {kind.__name__} must be an integer in [1, 2147483647]; got {value!r}."


@pytest.mark.parametrize("shape", [(0,), (2, -1), (1.5,), [2], 4, "ab"])
def test_a_shape_of_labels_is_a_tuple_of_sizes(shape):
    with pytest.raises(ValueError, match="'shape' of Labels must be a tuple of integers"):
        Labels(3, shape)


@pytest.mark.parametrize("names", [("a", "b"), ("a", "b", 3), ["a", "b", "c"], "abc"])
def test_names_of_labels_are_one_a_class(names):
    with pytest.raises(ValueError, match="'names' of Labels must be a tuple of 3 strings, one a class, or None"):
        Labels(3, names=names)


@pytest.mark.parametrize("levels", [2, 17, 256, 65_536])
def test_levels_of_values_outside_the_range_are_the_outermost(levels):
    space, x = Images(1, 1, 6, levels), torch.tensor([-torch.inf, -5, -1, 1, 5, torch.inf])
    before = x.clone()
    assert space.to_levels(x).tolist() == [0] * 3 + [levels - 1] * 3
    assert torch.equal(x, before)
    assert space.to_levels(torch.tensor([-1, 1])).tolist() == [0, levels - 1]


@pytest.mark.parametrize(
    "space",
    [
        Images(1, 1, 1, 2),
        Images(4, 64, 48, 65_536, frames=1),
        Labels(1),
        Labels(3, (2, 2), names=("a", "b", "c")),
        Vectors(1),
    ],
)
def test_the_least_and_the_most_are_spaces_and_come_back_from_json(space):
    assert from_json(space.to_json()) == space


@pytest.mark.parametrize("record", [5, None, "Images", [], {}, {"space": ["Images"]}, {"space": "Images", "levels": 2}])
def test_what_is_no_space_is_refused(record):
    with pytest.raises(ValueError, match="describes no space"):
        from_json(record)


def test_clips_and_texts_are_made_of_the_three_spaces():
    clips = video(Images(3, 8, 8, levels=17), 4)
    assert clips.shape == (4, 3, 8, 8)
    assert clips.levels == 17
    texts = tokens(("", "cat", "dog"), 5)
    assert texts.shape == (5,)
    assert texts.index("dog") == 2
    texts.check(torch.randint(0, 3, (2, 5)))


def test_a_class_without_a_name_is_its_number():
    assert Labels(3).index("2") == 2
    for text in ("3", "-1", "²", "cat", ""):
        with pytest.raises(ValueError, match=f"'{text}' is no class; the classes are 0 to 2"):
            Labels(3).index(text)

"""Unpaired domains: a split of each, pairs in the test split only, and no way to an item of both."""

import numpy as np
import pytest

from daedal.data.base import Column, Unpaired, how_many, is_endless
from daedal.data.build import build_unpaired
from daedal.errors import UsageError
from daedal.spaces import Vectors


def column(*numbers):
    return Column(np.array(numbers, np.float32)[:, None], Vectors(1))


def domains(a=(0, 1, 2), b=(3, 4)):
    test = {"a": column(5, 6), "b": column(-5, -6)}
    return build_unpaired("toy", {"a": {"a": column(*a)}, "b": {"b": column(*b)}}, test, source={})


def test_each_side_is_a_split_of_its_own_length_with_its_own_field():
    data = domains()
    assert len(data.train["a"]) == 3
    assert len(data.train["b"]) == 2
    assert data.train["a"][2]["a"].item() == 2
    assert list(data.train["a"][0]) == ["a"]
    assert data.train["b"][1]["b"].item() == 4
    assert list(data.train["b"][0]) == ["b"]
    assert [(item["a"].item(), item["b"].item()) for item in data.test] == [(5, -5), (6, -6)]
    assert list(data.fields) == ["a", "b"]
    assert repr(data).startswith("Data('toy', 3 a + 2 b train, 2 test")


@pytest.mark.parametrize("wrong", [0, "x", slice(2)])
def test_there_is_no_item_of_both_domains(wrong):
    with pytest.raises(UsageError, match=r"take train\['a'\] and train\['b'\], or load it with paired=True"):
        domains().train[wrong]


def test_neither_iterating_nor_gathering_gives_items():
    with pytest.raises(UsageError):
        next(iter(domains().train))
    assert not hasattr(domains().train, "gather")
    assert not hasattr(domains().train, "__len__")


def test_the_fingerprint_tells_apart_what_lies_on_which_side():
    marks = {domains().fingerprint, domains(a=(0, 1)).fingerprint, domains(a=(3, 4), b=(0, 1, 2)).fingerprint}
    assert len(marks) == 3
    assert domains().fingerprint in marks


def test_it_is_endless_where_a_side_is():
    class Endless:
        pass

    sides = domains().train.sides
    assert not is_endless(Unpaired(sides))
    assert is_endless(Unpaired({**sides, "b": Endless()}))
    assert how_many(Unpaired({**sides, "b": Endless()})) == "3 a + endless b"

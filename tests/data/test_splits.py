"""Splits and fingerprints: duplicates stay together, an item stays on its side, and what is hashed is the content."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daedal.data.base import Column
from daedal.data.fingerprint import fingerprint, item_digests, text_digest
from daedal.data.splits import choose, choose_both, hashed_split, permuted_split
from daedal.spaces import Labels, Vectors


def digests(n):
    return [text_digest(f"group {i}") for i in range(n)]


@given(st.lists(st.integers(0, 30), min_size=1, max_size=60))
@settings(max_examples=60, deadline=None)
def test_each_item_is_on_one_side_and_groups_stay_together(groups):
    train, test = hashed_split([text_digest(str(g)) for g in groups])
    assert len(train) > 0
    assert len(test) > 0
    if len(set(groups)) > 1:
        assert sorted([*train, *test]) == list(range(len(groups)))
        assert not {groups[i] for i in train} & {groups[i] for i in test}


def test_the_rule_is_the_hash_modulo_ten():
    names = [f"group {i}" for i in range(200)]
    expected = [i for i, name in enumerate(names) if int(hashlib.sha256(name.encode()).hexdigest(), 16) % 10 == 0]
    assert hashed_split(digests(200))[1].tolist() == expected


def test_items_stay_on_their_side_when_others_come():
    few, many = set(hashed_split(digests(50))[1]), set(hashed_split(digests(500))[1])
    assert few == {i for i in many if i < 50}


def test_a_tenth_is_tested():
    n = 20_000
    z = (len(hashed_split(digests(n))[1]) - n / 10) / np.sqrt(n * 0.1 * 0.9)
    assert abs(z) < 4


def test_one_group_is_both_sides():
    train, test = hashed_split([text_digest("only")] * 3)
    assert train.tolist() == test.tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match="at least one item"):
        hashed_split([])


def test_both_sides_get_a_group_when_the_rule_gives_all_to_one():
    tested = [d for d in digests(300) if int.from_bytes(d, "big") % 10 == 0][:4]
    trained = [d for d in digests(300) if int.from_bytes(d, "big") % 10 != 0][:4]
    for group in (tested, trained):
        assert all(len(side) for side in hashed_split(group))


def test_the_digits_split_is_the_published_permutation():
    order = np.random.default_rng(0).permutation(1797)
    train, test = permuted_split(1797, 1297)
    assert (np.concatenate([train, test]) == order).all()
    assert len(test) == 500


def test_choosing_is_seeded_ordered_and_random():
    a = choose(1000, 100, 3)
    assert (a == choose(1000, 100, 3)).all()
    assert (a != choose(1000, 100, 4)).any()
    assert (np.diff(a) > 0).all()
    assert abs(a.mean() - 499.5) < 4 * 1000 / np.sqrt(12 * 100)
    assert choose(5, None, 0).tolist() == choose(5, 9, 0).tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(("n", "sides"), [(2, (1, 1)), (10, (9, 1)), (50, (45, 5)), (99, (89, 10)), (200, (90, 10))])
def test_published_sides_shrink_alike(n, sides):
    train, test = choose_both(np.arange(90), np.arange(90, 100), n, seed=0)
    assert (len(train), len(test)) == sides
    assert train.max() < 90 <= test.min()


def columns(values=((1.0, 2.0), (3.0, 4.0)), labels=(0, 1), classes=2, name="x"):
    return {
        name: Column(np.array(values, np.float32), Vectors(2)),
        "label": Column(np.array(labels), Labels(classes)),
    }


def mark(columns, train=(0,), test=(1,)):
    return fingerprint(columns, np.array(train), np.array(test))


def test_the_fingerprint_tells_content_spaces_and_splits():
    base = mark(columns())
    others = [
        mark(columns(values=[[1.0, 2.0], [3.0, 5.0]])),
        mark(columns(values=[[3.0, 4.0], [1.0, 2.0]])),
        mark(columns(labels=[1, 0])),
        mark(columns(classes=3)),
        mark(columns(name="y")),
        mark(columns(), (1,), (0,)),
        mark(columns(), (0, 1), ()),
    ]
    assert base == mark(columns())
    assert len({base, *others}) == 8


def test_the_fingerprint_is_the_same_in_any_byte_order_and_layout():
    values = np.arange(6, dtype=np.uint16).reshape(3, 2)
    layouts = [values, values.astype(">u2"), np.asfortranarray(values)]
    marks = {mark({"x": Column(v, Vectors(2))}, (0, 1), (2,)) for v in layouts}
    assert len(marks) == 1
    assert item_digests(layouts[0]) == item_digests(layouts[1]) == item_digests(layouts[2])
    assert item_digests(values)[0] == hashlib.sha256(b"\x00\x00\x01\x00").digest()


def test_the_fingerprint_is_the_same_in_parts(monkeypatch):
    whole = mark(columns())
    monkeypatch.setattr("daedal.data.fingerprint.CHUNK", 1)
    assert mark(columns()) == whole

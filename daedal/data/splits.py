"""Which items train and which test: by a hash of each item's group, so that no duplicate is on both sides.

A group (a clip, an identity, a photograph, or the content of an item) is tested iff its hash mod 10 is 0. The rule
needs no random numbers and no order: an item stays on its side when others are added.

>>> from daedal.data.fingerprint import text_digest
>>> train, test = hashed_split([text_digest(name) for name in ("anna", "bert", "anna", "carl")])
>>> len(train), len(test)
(3, 1)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

TEST_SHARE = 10  # one group in ten is tested


def hashed_split(groups: Sequence[bytes]) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the training and the test split, int64 and ascending, of items with these group digests.

    Where the rule would leave a side empty, the group of the smallest (largest) digest is tested (trained on). Items
    that are all of one group, such as a single image, are both: there is nothing else to test on.
    """
    if not groups:
        raise ValueError("'groups' must name at least one item; got none.")
    number = {group: int.from_bytes(group, "big") for group in set(groups)}
    tested = {group for group in number if number[group] % TEST_SHARE == 0}
    if len(number) == 1:
        return np.arange(len(groups)), np.arange(len(groups))
    if not tested:
        tested = {min(number)}
    elif len(tested) == len(number):
        tested.remove(max(number))
    chosen = np.array([group in tested for group in groups])
    return np.flatnonzero(~chosen), np.flatnonzero(chosen)


def permuted_split(n: int, train: int) -> tuple[np.ndarray, np.ndarray]:
    """The first `train` rows of `numpy.random.default_rng(0).permutation(n)`, and the others: the digits' split."""
    order = np.random.default_rng(0).permutation(n)
    return order[:train], order[train:]


def choose(total: int, n: int | None, seed: int) -> np.ndarray:
    """Which items `n=` (`--limit`) keeps: `n` of `total` at random but in their order; all where n is None or larger.

    Random, since files are often sorted by class and the first few would be of one class.
    """
    if n is None or n >= total:
        return np.arange(total)
    return np.sort(np.random.default_rng(seed).permutation(total)[:n])


def choose_both(train: np.ndarray, test: np.ndarray, n: int | None, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """`choose` for a published split: both sides shrink alike and keep their order; each keeps one item or more."""
    total = len(train) + len(test)
    if n is None or n >= total:
        return train, test
    kept = min(max(1, round(n * len(train) / total)), n - 1)
    return train[choose(len(train), kept, seed)], test[choose(len(test), n - kept, seed)]

"""The toy languages as data: `load_data("language:toy")` and its options.

Each distinct sentence belongs to one of three sets, whatever the seed, by a hash of its words in `a`: one in ten is
tested, half of the others is known in `a` only and the other half in `b` only. As translation is one-to-one on whole
sentences, nothing in one set is a translation of anything in another. Training sees two monolingual halves, the test
split has pairs; with `paired=True` training sees pairs too, of both halves.

Fields are `a` and `b`: the words of a sentence as tokens, each numbered by a vocabulary of the training split.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from daedal.data.base import Column, Data
from daedal.data.build import build, build_unpaired
from daedal.data.fingerprint import text_digest
from daedal.data.language.draw import draw
from daedal.data.language.lexicon import SIDES, Side
from daedal.data.options import IMAGE_OPTIONS, Options
from daedal.data.splits import hashed_split
from daedal.data.tokens import Vocabulary
from daedal.errors import UsageError

NAME = "language:toy"
N, LEAST_N = 20_000, 100
STEP = 1024  # sentences drawn at a time
FEW = 0.02  # share of new ones among those drawn, below which there are hardly more

Pair = Mapping[Side, str]


def read(options: Options, *, paired: bool, length: int) -> Data:
    """The corpus as `load_data` finds it. Raises UsageError."""
    options.refuse(IMAGE_OPTIONS, f"is for images, and '{NAME}' is text")
    n = N if options.n is None else options.n
    if n < LEAST_N:
        raise UsageError(f"'n' (--limit) of {NAME} must be an integer in [{LEAST_N}, inf); got {n}.")
    pairs = distinct(options.seed, n, length)
    train, test = hashed_split([text_digest(pair["a"]) for pair in pairs])
    return (_paired if paired else _unpaired)(pairs, train, test, length)


def distinct(seed: int, n: int, length: int) -> list[Pair]:
    """The first n different sentences of at most so many words. Raises UsageError where there are hardly so many."""
    found: dict[str, Pair] = {}
    for start in range(0, 1000 * n, STEP):
        before = len(found)
        for sentence in draw(seed, range(start, start + STEP)):
            pair = sentence.texts()
            if pair["a"].count(" ") < length:
                found.setdefault(pair["a"], pair)
        if len(found) >= n:
            break
        if len(found) - before < FEW * STEP:
            words = f"at most {length} words"
            raise UsageError(f"There are hardly more than {len(found)} sentences of {words}; ask for fewer, or longer.")
    return list(found.values())[:n]


def half(pair: Pair) -> Side:
    """The language in which a training sentence is known."""
    return "b" if text_digest(pair["a"])[0] & 1 else "a"


def _paired(pairs: list[Pair], train: np.ndarray, test: np.ndarray, length: int) -> Data:
    words: dict[Side, Vocabulary] = {
        side: Vocabulary.fit((pairs[k][side] for k in train), length=length) for side in SIDES
    }
    return build(NAME, _columns(words, pairs), train, test, source={})


def _unpaired(pairs: list[Pair], train: np.ndarray, test: np.ndarray, length: int) -> Data:
    known = {side: [pairs[k] for k in train if half(pairs[k]) == side] for side in SIDES}
    words: dict[Side, Vocabulary] = {
        side: Vocabulary.fit((pair[side] for pair in known[side]), length=length) for side in SIDES
    }
    sides = {side: _columns({side: words[side]}, known[side]) for side in SIDES}
    return build_unpaired(NAME, sides, _columns(words, [pairs[k] for k in test]), source={})


def _columns(words: Mapping[Side, Vocabulary], pairs: list[Pair]) -> dict[str, Column]:
    return {side: of.column([pair[side] for pair in pairs]) for side, of in words.items()}

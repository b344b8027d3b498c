"""Sentences drawn at random, each from a seed and an index, so that any can be drawn again by itself.

A sentence is about a topic, and words of its topic are six times as likely. Within a kind, the word of rank r has a
weight of 1 / (r + 4), and the topic t of 1 / (t + 2): so words differ in how often and beside which others they stand.

>>> [sentence] = draw(0, [5])
>>> sentence == draw(0, [4, 5])[1]
True
"""

from __future__ import annotations

import itertools
from bisect import bisect
from collections.abc import Iterator, Sequence
from functools import cache

import torch

from daedal.data.language.grammar import Clause, Phrase, Predicate, Sentence
from daedal.data.language.lexicon import TOPICS, Entry, Kind, lexicon
from daedal.data.worlds.keyed import uniform

NUMBERS = 80  # for a sentence: the longest takes fewer
TWO_CLAUSES, ADVERB, PLACE, RELATIVE, ADJECTIVE, MANY = 0.15, 0.3, 0.3, 0.12, 0.4, 0.4  # how often there is one
SAME_TOPIC = 6.0


def draw(seed: int, indices: Sequence[int]) -> list[Sentence]:
    """The sentences of these indices."""
    index = torch.as_tensor(indices, dtype=torch.int64)
    return [_Drawing(iter(row)).sentence() for row in uniform(seed, "sentence", index, NUMBERS).tolist()]


@cache
def _choice(kind: Kind, topic: int) -> tuple[list[Entry], list[float]]:
    """The words of a kind and their cumulative shares, in a sentence about a topic."""
    words = [word for word in lexicon() if word.kind == kind]
    weights = [(SAME_TOPIC if word.topic == topic else 1.0) / (word.rank + 4) for word in words]
    return words, _shares(weights)


@cache
def _topics() -> list[float]:
    return _shares([1 / (topic + 2) for topic in range(TOPICS)])


def _shares(weights: list[float]) -> list[float]:
    """Cumulative, without the last, which is 1."""
    total = sum(weights)
    return [share / total for share in itertools.accumulate(weights)][:-1]


class _Drawing:
    """Spends the numbers of one sentence from first to last."""

    def __init__(self, numbers: Iterator[float]):
        self.numbers = numbers
        self.topic = bisect(_topics(), next(numbers))

    def happens(self, share: float) -> bool:
        return next(self.numbers) < share

    def word(self, kind: Kind) -> Entry:
        words, shares = _choice(kind, self.topic)
        return words[bisect(shares, next(self.numbers))]

    def sentence(self) -> Sentence:
        if self.happens(TWO_CLAUSES):
            return Sentence((self.clause(), self.clause()), self.word("conjunction"))
        return Sentence((self.clause(),))

    def clause(self) -> Clause:
        return Clause(
            self.phrase(),
            self.word("adverb") if self.happens(ADVERB) else None,
            self.predicate(RELATIVE),
            (self.word("preposition"), self.phrase(0)) if self.happens(PLACE) else None,
        )

    def predicate(self, relative: float) -> Predicate:
        verb = self.word("verb")
        return Predicate(verb, self.phrase(relative) if verb.transitive else None)

    def phrase(self, relative: float = RELATIVE) -> Phrase:
        return Phrase(
            self.word("article"),
            self.word("adjective") if self.happens(ADJECTIVE) else None,
            self.word("noun"),
            self.happens(MANY),
            (self.word("relative"), self.predicate(0)) if self.happens(relative) else None,
        )

"""The words of the two toy languages: invented, pronounceable, the same on every machine.

An entry is a word of language `a` and what it is in language `b`. Nouns and verbs have two forms, one and many; others
have one. Of the 166 word forms of `a` all have exactly one translation, but for these eight (4.8 %), which have two:

| word of `a` | first word of `b` | second word of `b` |
|---|---|---|
| both articles | their noun is of the first gender | of the second |
| two of the adjectives | the noun that they describe is animate | inanimate |
| two of the verbs, in both forms | their subject is animate | inanimate |

Every word form of `b` has exactly one translation.

>>> words = lexicon()
>>> len({form for word in words for form in word.forms("a")}), len({form for word in words for form in word.forms("b")})
(166, 174)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Literal

import torch

from daedal.data.worlds.keyed import uniform

Side = Literal["a", "b"]
SIDES: tuple[Side, Side] = ("a", "b")
Kind = Literal["article", "adjective", "noun", "verb", "adverb", "preposition", "conjunction", "relative"]
Context = Literal["gender", "animate"]  # of the noun that decides which of two translations is meant

KINDS: dict[Kind, int] = {
    "article": 2,
    "conjunction": 1,
    "relative": 1,
    "preposition": 6,
    "adverb": 8,
    "adjective": 20,
    "verb": 24,
    "noun": 40,
}
AMBIGUOUS: dict[Kind, tuple[Context, tuple[int, ...]]] = {
    "article": ("gender", (0, 1)),
    "adjective": ("animate", (2, 7)),
    "verb": ("animate", (1, 6)),
}  # which words of a kind have two translations
TOPICS = 5
SOUNDS: dict[Side, tuple[tuple[str, ...], str]] = {
    "a": (("b", "d", "g", "l", "m", "n", "p", "r", "t", "v"), "aeiou"),
    "b": (("ch", "f", "h", "j", "k", "s", "sh", "w", "y", "z"), "aeiou"),
}
MANY: dict[tuple[Side, Kind], str] = {
    ("a", "noun"): "n",
    ("a", "verb"): "t",
    ("b", "noun"): "k",
    ("b", "verb"): "sh",
}  # endings; words end in a vowel without them


@dataclass(frozen=True)
class Entry:
    """A word of `a` and its one or two words of `b`, without endings."""

    kind: Kind
    rank: int  # among its kind: the smaller, the more frequent
    a: str
    b: tuple[str, ...]
    context: Context | None = None  # which trait of which noun chooses among two (see the head)
    animate: bool = False  # of nouns
    gender: int = 0  # of nouns, in `b`: 0 or 1
    transitive: bool = False  # of verbs
    topic: int = 0  # what it is about: words of a topic come together more often

    def form(self, side: Side, many: bool = False, sense: int = 0) -> str:
        """The word as it stands in a sentence; `sense` picks one of two translations."""
        stem = self.a if side == "a" else self.b[sense if self.context else 0]
        return stem + (MANY[side, self.kind] if many and len(self.numbers) > 1 else "")

    @property
    def numbers(self) -> tuple[bool, ...]:
        """For one and for many, where it has two forms."""
        return (False, True) if self.kind in ("noun", "verb") else (False,)

    def forms(self, side: Side) -> tuple[str, ...]:
        """All its forms in a language."""
        senses = range(len(self.b) if side == "b" else 1)
        return tuple(self.form(side, many, sense) for sense in senses for many in self.numbers)

    def sense(self, noun: Entry) -> int:
        """Which of the two translations is meant, given the noun that decides."""
        if self.context is None:
            return 0
        return noun.gender if self.context == "gender" else int(not noun.animate)


@cache
def lexicon() -> tuple[Entry, ...]:
    """All entries, the small words first."""
    of_a, of_b = _stems("a"), _stems("b")
    return tuple(_entry(kind, rank, of_a, of_b) for kind, count in KINDS.items() for rank in range(count))


@cache
def dictionary() -> dict[str, tuple[str, ...]]:
    """Every word form of `a` and its one or two translations, in the order of the table above."""
    return {
        word.form("a", many): tuple(word.form("b", many, sense) for sense in range(len(word.b)))
        for word in lexicon()
        for many in word.numbers
    }


def _entry(kind: Kind, rank: int, of_a: Iterator[str], of_b: Iterator[str]) -> Entry:
    context, ranks = AMBIGUOUS.get(kind, (None, ()))
    context = context if rank in ranks else None
    b = tuple(next(of_b) for _ in range(2 if context else 1))
    noun = kind == "noun"
    return Entry(
        kind,
        rank,
        next(of_a),
        b,
        context,
        animate=noun and rank % 2 == 0,
        gender=rank // 2 % 2 if noun else 0,
        transitive=kind == "verb" and rank % 3 != 2,
        topic=rank % TOPICS,
    )


def _stems(side: Side) -> Iterator[str]:
    """Different stems, enough of them: the first ten of one syllable, the others of two or three."""
    consonants, vowels = SOUNDS[side]
    seen: set[str] = set()
    for row in uniform(0, f"words of {side}", torch.arange(1000), 7).tolist():
        syllables = 1 if len(seen) < 10 else 2 + (row[6] < 0.3)
        parts = zip(row[0 : 2 * syllables : 2], row[1 : 2 * syllables : 2], strict=True)
        stem = "".join(consonants[int(10 * c)] + vowels[int(5 * v)] for c, v in parts)
        if stem not in seen:
            seen.add(stem)
            yield stem

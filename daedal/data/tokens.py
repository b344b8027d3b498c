"""Texts as tokens: a vocabulary of words and marks, fitted on a training split.

>>> words = Vocabulary.fit(["A man, smiling.", "A woman."])
>>> words.encode(["A woman, smiling."]).tolist()
[[4, 7, 2, 6, 3]]
>>> words.decode(words.encode(["A woman, smiling.", "A dog."]))
['A woman, smiling.', 'A <unk>.']
>>> Vocabulary.of(words.space) == words
True
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from daedal.data.base import Column
from daedal.spaces import Labels, Space, tokens

NOTHING, UNKNOWN = "", "<unk>"  # token 0 fills up short texts, token 1 stands for words that were not seen
WORD = re.compile(rf"{UNKNOWN}|[\w'-]+|[^\w\s]")


def split_words(text: str) -> list[str]:
    """The words and marks of a text."""
    return WORD.findall(text)


@dataclass(frozen=True)
class Vocabulary:
    """Words, whose places are their tokens, and how many tokens a text has: longer ones are cut."""

    words: tuple[str, ...]
    length: int

    @classmethod
    def fit(cls, texts: Iterable[str], *, length: int | None = None, most: int | None = None) -> Vocabulary:
        """The vocabulary of some texts: as long as the longest of them, unless `length` says otherwise.

        `most`: only so many words, the most frequent (of equally frequent ones, the first by alphabet).
        """
        parts = [split_words(text) for text in texts]
        counts = Counter(word for text in parts for word in text)
        del counts[UNKNOWN]
        words = sorted(sorted(counts, key=lambda word: (-counts[word], word))[:most])
        return cls((NOTHING, UNKNOWN, *words), length or max([1, *map(len, parts)]))

    @classmethod
    def of(cls, space: Labels) -> Vocabulary:
        """The vocabulary of a field of tokens."""
        assert space.names is not None, "a field of labels without names has no words"
        return cls(space.names, space.shape[0])

    @property
    def space(self) -> Labels:
        """What the tokens of a text look like."""
        return tokens(self.words, self.length)

    def column(self, texts: Sequence[str]) -> Column:
        """Texts as a field."""
        small = np.min_scalar_type(len(self.words))
        return Column(self.encode(texts).astype(small), self.space)

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Tokens of texts, int64 (n, length)."""
        number = {word: k for k, word in enumerate(self.words)}
        result = np.zeros((len(texts), self.length), np.int64)
        for row, text in zip(result, texts, strict=True):
            found = [number.get(word, 1) for word in split_words(text)[: self.length]]
            row[: len(found)] = found
        return result

    def decode(self, ids: np.ndarray) -> list[str]:
        """Texts of tokens (n, length): words with a space between them, none before a comma or full stop."""
        texts = (" ".join(self.words[k] for k in row if k) for row in np.asarray(ids))
        return [re.sub(r" ([.,;:!?])", r"\1", text) for text in texts]


def is_text(space: Space) -> bool:
    """Whether a field is of tokens that stand for words."""
    return isinstance(space, Labels) and len(space.shape) == 1 and (space.names or ("?",))[0] == NOTHING

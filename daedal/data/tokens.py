"""Texts as tokens: a vocabulary of words and marks, fitted on a training split.

>>> words = Vocabulary.fit(["A man, smiling.", "A woman."])
>>> words.encode(["A woman, smiling."]).tolist()
[[4, 7, 2, 6, 3]]
>>> words.decode(words.encode(["A woman, smiling.", "A dog."]))
['A woman, smiling.', 'A ?.']
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from daedal.spaces import Labels, tokens

NOTHING, UNKNOWN = "", "?"  # token 0 fills up short texts, token 1 stands for words that were not seen
WORD = re.compile(r"[\w'-]+|[^\w\s]")


@dataclass(frozen=True)
class Vocabulary:
    """Words, whose places are their tokens, and how many tokens a text has: longer ones are cut."""

    words: tuple[str, ...]
    length: int

    @classmethod
    def fit(cls, texts: Iterable[str]) -> Vocabulary:
        """The vocabulary of some texts, as long as the longest of them."""
        parts = [WORD.findall(text) for text in texts]
        words = sorted({word for text in parts for word in text} - {UNKNOWN})
        return cls((NOTHING, UNKNOWN, *words), max([1, *map(len, parts)]))

    @property
    def space(self) -> Labels:
        """What the tokens of a text look like."""
        return tokens(self.words, self.length)

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Tokens of texts, int64 (n, length)."""
        number = {word: k for k, word in enumerate(self.words)}
        result = np.zeros((len(texts), self.length), np.int64)
        for row, text in zip(result, texts, strict=True):
            found = [number.get(word, 1) for word in WORD.findall(text)[: self.length]]
            row[: len(found)] = found
        return result

    def decode(self, ids: np.ndarray) -> list[str]:
        """Texts of tokens (n, length): words with a space between them, none before a comma or full stop."""
        texts = (" ".join(self.words[k] for k in row if k) for row in np.asarray(ids))
        return [re.sub(r" ([.,;:!])", r"\1", text) for text in texts]

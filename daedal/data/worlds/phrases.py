"""Facts as words, and words as phrases that occur in a sentence if and only if they hold, so that reading is looking.

Of each fact a table has the words and their phrases, in ascending order of its value. Without a phrase a word is what a
sentence means that is silent about the fact.

>>> table = {"size": {"small": "tiny", "middling": "", "large": "huge"}, "hat": {"no": "", "yes": "with a hat"}}
>>> parse("A huge ball with a hat.", table)
{'size': 'large', 'hat': 'yes'}
>>> parse("A ball.", table)
{'size': 'middling', 'hat': 'no'}
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

Table = Mapping[str, Mapping[str, str]]  # of each fact its words, and of each word its phrase, a regular expression


def places(value: Tensor, bounds: Sequence[float]) -> list[int]:
    """Between which of the bounds each value (n,) lies: 0 below the first of them."""
    return torch.bucketize(value, torch.tensor(bounds, dtype=value.dtype, device=value.device)).tolist()


def chosen(numbers: Mapping[str, Sequence[int]], table: Table) -> list[dict[str, str]]:
    """Of each item the word of every fact, whose places in the table these are."""
    words = {name: list(phrases) for name, phrases in table.items()}
    return [
        {name: words[name][k] for name, k in zip(table, row, strict=True)}
        for row in zip(*(numbers[name] for name in table), strict=True)
    ]


def parse(caption: str, table: Table) -> dict[str, str]:
    """The facts of a sentence; of one that it does not mention the word that goes without saying, if any."""
    found = {}
    for name, phrases in table.items():
        said = [word for word, phrase in phrases.items() if phrase and re.search(rf"(?<![\w-]){phrase}\b", caption)]
        silent = [word for word, phrase in phrases.items() if not phrase]
        if said or silent:
            found[name] = (sorted(said, key=lambda word: -len(phrases[word])) + silent)[0]
    return found

"""Coloured digits: real digits on black, each in one of ten colours that tells as much of the class as is wished.

With probability `correlation` a digit has the colour of its own class (class k has colour k), else any of the ten with
equal chance: P(colour = own) = correlation + (1 - correlation) / 10. So 1 ties colour to class, and at 0 they are
independent. The test split has a correlation of its own, 0 unless said otherwise: who learnt the colour in place of the
shape fails there. Which digits depart from their own colour depends on the seed and grows as the correlation falls.

>>> draw_colours(np.arange(10), np.ones(10), seed=0).tolist()
[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from daedal.data.base import Column, Found
from daedal.data.convert import converted
from daedal.data.digits import BRIGHT, digits
from daedal.data.options import Options
from daedal.spaces import Images, Labels

SIZE = (16, 16)  # unless said otherwise
COLOURS = {  # far apart in hue: a digit's faint strokes are darker, so no two may differ in brightness alone
    "red": (232, 28, 36),
    "orange": (255, 136, 0),
    "yellow": (255, 232, 40),
    "lime": (152, 236, 32),
    "green": (12, 164, 84),
    "cyan": (56, 220, 232),
    "blue": (48, 92, 248),
    "violet": (148, 68, 232),
    "pink": (255, 128, 196),
    "white": (255, 255, 255),
}


def read(options: Options, *, correlation: float, test_correlation: float) -> Found:
    """`x` Images(3), `label` Labels(10), `colour` Labels(10) with names; the split of the digits."""
    columns, train, test = digits()
    label = columns["label"].values
    share = np.full(len(label), correlation)
    share[test] = test_correlation
    colour = draw_colours(label, share, options.seed)
    fields = {
        "x": converted(_painted(columns["x"].values, colour), replace(options, size=options.size or SIZE)),
        "label": columns["label"],
        "colour": Column(colour, Labels(10, names=tuple(COLOURS))),
    }
    return Found("colour-digits", fields, (train, test))


def draw_colours(label: np.ndarray, correlation: np.ndarray, seed: int) -> np.ndarray:
    """A colour for each label (n,): its own with probability `correlation` (n,), else any with equal chance."""
    generator = np.random.default_rng(seed)
    tied = generator.random(len(label)) < correlation
    return np.where(tied, label, generator.integers(0, len(COLOURS), len(label))).astype(np.int64)


def _painted(levels: np.ndarray, colour: np.ndarray) -> Column:
    """Digits (n, 1, 8, 8) of 17 levels in their colours, at 256 levels."""
    tone = np.array(list(COLOURS.values()))[colour]
    values = np.rint(levels / BRIGHT * tone[:, :, None, None]).astype(np.uint8)
    return Column(values, Images(channels=3, height=8, width=8))

"""House numbers: the real digits as if photographed on walls, doors and plates; a shifted domain of `digits`.

In the manner of SVHN (Y. Netzer et al., Reading Digits in Natural Images, 2011): the middle digit gives the label, and
its neighbours are cut by the border. Digits are painted or raised, on plaster, brick, wood or an enamel plate, turned
and sheared, in uneven light, then blurred and noisy. Split as `digits` are, and a neighbour comes from the same side as
the digit, so no digit of the test split is ever seen in training.

An item depends on the seed, on its digit and on which copy of the digit it is, and on nothing else: a smaller `n` gives
the same images, the test split included, and one copy of each digit before the next.

>>> data = read(Options.of(n=18, size=16))
>>> data.columns["x"].values.shape, len(data.split[0]), len(data.split[1])
((18, 3, 16, 16), 13, 5)
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from daedal.data import scenery
from daedal.data.base import Column, Found
from daedal.data.cache import VALUES, Draft, cached, require_space
from daedal.data.digits import digits
from daedal.data.fingerprint import item_digests
from daedal.data.options import Options
from daedal.data.scenery import LARGEST_GRID, TABLE, Draws, render
from daedal.errors import UsageError
from daedal.spaces import Images

N_ITEMS = 10_000  # unless `n` says otherwise
SIDE = 32
MOST = 128  # pixels: more would only show how coarse the digits are
CHUNK = 64  # images rendered at a time
UNIFORMS = 64  # random numbers an item, besides those of textures and noise


def read(options: Options) -> Found:
    """`x` Images(3) and `label` Labels(10); `options.n` items, as many of each split as of the digits'.

    Rendered once, into the cache.
    """
    side = _side(options)
    columns, train, test = digits()
    n = N_ITEMS if options.n is None else options.n
    n_train = min(max(1, round(n * len(train) / (len(train) + len(test)))), n - 1)
    items = [*_items(train, n_train), *_items(test, n - n_train)]
    pools = {**dict.fromkeys(train.tolist(), train), **dict.fromkeys(test.tolist(), test)}
    levels = columns["x"].values[:, 0]

    def build(draft: Draft) -> dict[str, Any]:
        require_space(n * 3 * side * side)
        digests = []
        with open(draft.file(VALUES), "wb") as file:
            for start in range(0, n, CHUNK):
                drawn = [
                    _drawn(options.seed, row, copy, pools[row], side) for row, copy in items[start : start + CHUNK]
                ]
                images = _rendered(levels, drawn, side)
                digests += item_digests(images)
                file.write(images.tobytes())
        draft.add(VALUES, np.dtype(np.uint8), (n, 3, side, side))
        draft.put("digests", np.frombuffer(b"".join(digests), np.uint8).reshape(n, -1))
        return {}

    values = cached("house-numbers", [_code(), torch.__version__, options.seed, n, side], build).arrays[VALUES]
    label = columns["label"]
    fields = {
        "x": Column(values, Images(channels=3, height=side, width=side)),
        "label": Column(label.values[[row for row, _ in items]], label.space),
    }
    return Found("house-numbers", fields, (np.arange(n_train), np.arange(n_train, n)))


def _code() -> str:
    """The hash of what renders: other code has other entries in the cache."""
    return hashlib.sha256(b"".join(Path(file).read_bytes() for file in (__file__, scenery.__file__))).hexdigest()


def _side(options: Options) -> int:
    side = SIDE if options.size is None else max(options.size)
    if not 8 <= side <= MOST:
        raise UsageError(f"'size' of house-numbers must be in [8, {MOST}]; got {side}.")
    return side


def _items(rows: np.ndarray, n: int) -> list[tuple[int, int]]:
    """(digit, copy) of n items: each digit once before any twice."""
    return [(int(rows[i % len(rows)]), i // len(rows)) for i in range(n)]


def _drawn(seed: int, row: int, copy: int, pool: np.ndarray, side: int) -> tuple[np.ndarray, Draws]:
    """The rows of the digits (left, middle, right), and all random numbers of the item."""
    generator = np.random.default_rng((seed, row, copy))
    left, right = pool[generator.integers(0, len(pool), 2)]
    draws = Draws(
        torch.from_numpy(generator.random(UNIFORMS, np.float32)),
        torch.from_numpy(generator.random(TABLE, np.float32)),
        torch.from_numpy(generator.standard_normal((LARGEST_GRID, LARGEST_GRID), np.float32)),
        torch.from_numpy(generator.standard_normal((4, side, side), np.float32)),
    )
    return np.array([left, row, right]), draws


def _rendered(levels: np.ndarray, drawn: Sequence[tuple[np.ndarray, Draws]], side: int) -> np.ndarray:
    digit = torch.from_numpy(np.stack([levels[rows] for rows, _ in drawn]))
    return render(digit, Draws.stack([draws for _, draws in drawn]), side).numpy()

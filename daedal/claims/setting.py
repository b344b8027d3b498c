"""What several claims share: the digits, a training run without files, bits per dimension, simple baselines."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import torch
from torch import Tensor

from daedal.data.base import Data
from daedal.data.load import load_data
from daedal.evaluate.likelihood import bits_per_dim
from daedal.play.settings import Run, Settings
from daedal.play.trainer import Trainer
from daedal.spaces import Images
from daedal.systems.factory import create

QUICK = 0.1  # of the budget: enough to see that a claim's code runs


@cache
def digits() -> Data:
    """The 8x8 digits."""
    return load_data("digits")


def items(data: Data, split: str = "test") -> Tensor:
    """All x of a split in border form: (n, *x)."""
    part = data.test if split == "test" else data.train
    return part.gather(range(len(part)), ("x",))["x"]


def trained(
    name: str,
    data: Data,
    *,
    seed: int,
    quick: bool,
    steps: int | None = None,
    seconds: float | None = None,
    dtype: torch.dtype = torch.float32,
    rate: float | None = None,
    **options: Any,
) -> Run:
    """A system trained from scratch for a budget, a tenth of it if `quick`; nothing is written."""
    if quick:
        steps = None if steps is None else max(1, round(steps * QUICK))
        seconds = None if seconds is None else seconds * QUICK
    system = create(name, data, seed=seed, **options).to(dtype)
    return Trainer(system, data, Settings(steps=steps, seconds=seconds, seed=seed, rate=rate, tensorboard=False)).run()


def held_out_bits(system: Any, data: Data, seed: int = 0) -> float:
    """Bits per dimension of the test split."""
    noise, draws = (torch.Generator().manual_seed(seed + i) for i in range(2))
    with torch.no_grad():
        bits = [bits_per_dim(system, part, {}, noise, draws) for part in items(data).split(250)]
    return torch.cat(bits).mean().item()


def grid(data: Data) -> Images:
    """The space of x, which must be images."""
    space = data.fields["x"]
    assert isinstance(space, Images), "these claims are about images"
    return space


def _levels(data: Data, split: str) -> Tensor:
    return grid(data).to_levels(items(data, split)).flatten(1)


def pixel_table_bits(data: Data) -> float:
    """Bits per dimension of independent pixels: a table of each pixel's levels, every count one more than seen."""
    train, test, levels = _levels(data, "train"), _levels(data, "test"), grid(data).levels
    counts = torch.ones(train.shape[1], levels, dtype=torch.float64)
    counts.scatter_add_(1, train.T, torch.ones(train.T.shape, dtype=torch.float64))
    log_probs = (counts / counts.sum(1, keepdim=True)).log()
    return -log_probs.gather(1, test.T).mean().item() / math.log(2)


def markov_bits(data: Data) -> float:
    """Bits per dimension of a first-order Markov chain: each pixel given the one before it in raster order."""
    train, test, levels = _levels(data, "train"), _levels(data, "test"), grid(data).levels
    total = 0.0
    for i in range(train.shape[1]):
        before, after = (train[:, i - 1], test[:, i - 1]) if i else (0 * train[:, 0], 0 * test[:, 0])
        counts = torch.ones(levels, levels, dtype=torch.float64)
        counts.index_put_((before, train[:, i]), torch.ones((), dtype=torch.float64), accumulate=True)
        log_probs = (counts / counts.sum(1, keepdim=True)).log()
        total -= log_probs[after, test[:, i]].mean().item()
    return total / (train.shape[1] * math.log(2))

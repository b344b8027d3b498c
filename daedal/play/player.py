"""Who moves which parameters, with which optimizer and learning rate, and the stages they play in.

>>> rate = Rate(1e-3, cosine(warmup=0.1))
>>> [round(rate(p), 6) for p in (0.0, 0.05, 0.1, 1.0)]
[0.0, 0.0005, 0.001, 0.0]
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

Shape = Callable[[float], float]


def constant(progress: float) -> float:
    """1 at all times."""
    return 1.0


def linear(warmup: float = 0.0, end: float = 0.0) -> Shape:
    """From 0 to 1 over the first `warmup` share of training, then straight down to `end`."""

    def shape(progress: float) -> float:
        if progress < warmup:
            return progress / warmup
        return 1 + (end - 1) * (progress - warmup) / max(1 - warmup, 1e-12)

    return shape


def cosine(warmup: float = 0.0, end: float = 0.0) -> Shape:
    """From 0 to 1 over the first `warmup` share of training, then down to `end` along half a cosine."""

    def shape(progress: float) -> float:
        if progress < warmup:
            return progress / warmup
        phase = (progress - warmup) / max(1 - warmup, 1e-12)
        return end + (1 - end) * 0.5 * (1 + math.cos(math.pi * phase))

    return shape


@dataclass(frozen=True)
class Rate:
    """Learning rate as a pure function of progress (rounds played / rounds in all, in [0, 1])."""

    peak: float
    shape: Shape = constant

    def __call__(self, progress: float) -> float:
        """The rate at a progress."""
        return self.peak * self.shape(progress)


@dataclass(frozen=True)
class Average:
    """Running average of a player's parameters: decay min(`decay`, (1 + t) / (10 + t)) after its t-th turn."""

    decay: float = 0.999

    def at(self, turns: int) -> float:
        """The decay of turn `turns` (0, 1, ...): short memory at first, so that the start is forgotten."""
        return min(self.decay, (1 + turns) / (10 + turns))


Optimizer = Callable[[list[nn.Parameter]], torch.optim.Optimizer]

adam: Callable[..., Any] = partial(torch.optim.Adam, fused=True)
adamw: Callable[..., Any] = partial(torch.optim.AdamW, fused=True)


class Player:
    """Who moves `params` by `optimizer` at `rate`; `clip` bounds the norm of the gradient (2-norm, all parameters).

    `optimizer` makes one from a list of parameters, such as `adam` or `partial(adam, betas=(0.5, 0.9))`; a
    plain number as `rate` is a constant rate. Parameters may overlap another player's.
    """

    def __init__(
        self,
        params: Iterable[nn.Parameter],
        optimizer: Optimizer = adam,
        rate: Rate | float = 1e-3,
        average: Average | None = None,
        clip: float | None = None,
    ):
        self.params = [p for p in params if p.requires_grad]
        self.optimizer = optimizer
        self.rate = rate if isinstance(rate, Rate) else Rate(rate)
        self.average, self.clip = average, clip


Turns = Callable[[Any], Iterator[Any]]


@dataclass(frozen=True)
class Stage:
    """A named part of training: its rounds, its players, the function that plays a round.

    `enter` is called once before the first round, and not on resume; optimizers and step count are fresh.
    """

    name: str
    steps: int
    players: Mapping[str, Player]
    turns: Turns
    enter: Callable[[], None] | None = None


def parameters_of(*modules: nn.Module) -> list[nn.Parameter]:
    """The parameters of several modules, each once."""
    seen: dict[int, nn.Parameter] = {}
    for module in modules:
        seen.update((id(p), p) for p in module.parameters())
    return list(seen.values())


def is_finite(tensors: Iterable[Tensor]) -> bool:
    """Whether all tensors are finite, with one look at the device."""
    total = [t.detach().abs().sum() for t in tensors if t.is_floating_point()]
    return not total or bool(torch.isfinite(torch.stack(total)).all())

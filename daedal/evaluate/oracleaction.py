"""What is done between two frames, of a world with actions: the same net on both pictures at once.

Its training differs from that of `daedal.evaluate.oraclefit` in what is shown: pairs of frames that follow each other,
each damaged by itself; but none is shifted, which would look like a turn. Cross-entropy alone.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from daedal.data.base import Column
from daedal.data.worlds.rendering import rendered
from daedal.data.worlds.simulator import Simulator
from daedal.data.worlds.world import World
from daedal.evaluate import oraclefit
from daedal.evaluate.degradations import DEGRADATIONS, Places, degraded
from daedal.evaluate.oraclefit import Budget, Watch, training_facts
from daedal.evaluate.oraclenet import OracleNet
from daedal.evaluate.oraclescore import CHUNK, STRENGTH
from daedal.evaluate.scores import accuracy


@dataclass(frozen=True)
class Pairs:
    """Two frames (n, 2, 3, h, w) that follow each other, and the action between them (n,), by row."""

    x: Column
    action: Tensor
    rows: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    @classmethod
    def of(cls, simulator: Simulator, index: np.ndarray) -> Pairs:
        """Rendered, or read from the cache."""
        values = simulator.values(index)
        action = simulator.world.action(values, torch.zeros(len(index)))
        return cls(Column(rendered(simulator, "x", index), simulator.spaces["x"]), action, np.arange(len(index)))

    def only(self, rows: np.ndarray) -> Pairs:
        """Some of them."""
        return Pairs(self.x, self.action, self.rows[rows])

    def gather(self, rows: np.ndarray) -> tuple[Tensor, Tensor]:
        """Frames (n, 2, 3, h, w) and actions (n,) of rows."""
        rows = self.rows[rows]
        return self.x.gather(rows), self.action[torch.from_numpy(rows)]


def untrained(world: World, size: int) -> OracleNet:
    """A net for a world's actions."""
    return OracleNet(size, 0, [len(world.actions)], channels=6)


def fit(world: World, pairs: Pairs, size: int, looks: int, seed: int = 0, watch: Watch | None = None) -> OracleNet:
    """A trained net."""

    def loss(net: OracleNet, rows: np.ndarray, generator: torch.Generator) -> Tensor:
        x, action = pairs.gather(rows)
        return F.cross_entropy(net(joined(damaged(x, generator))).choices[0], action)

    what = f"Training the oracle of what is done in {world.name}"
    return oraclefit.trained(lambda: untrained(world, size), len(pairs), loss, looks, what, seed, watch)


def damaged(x: Tensor, generator: torch.Generator) -> Tensor:
    """Frames (n, 2, 3, h, w), each damaged by itself, none shifted."""
    flat = x.flatten(0, 1)
    return degraded(flat, nowhere(flat), generator, but=("shift",))[0].unflatten(0, x.shape[:2])


def nowhere(x: Tensor) -> Places:
    """Of pictures of which nobody asks where things are."""
    return Places(torch.zeros(len(x), *x.shape[2:], dtype=torch.int64), torch.zeros(len(x), 0, 2))


def joined(x: Tensor) -> Tensor:
    """Two frames (n, 2, 3, h, w) as the net sees them: (n, 6, h, w)."""
    return x.flatten(1, 2)


@torch.no_grad()
def score(net: OracleNet, pairs: Pairs, seed: int = 0) -> dict[str, Any]:
    """The share of actions that are read, clean and under each degradation (of both frames) at half its strength."""
    x, action = pairs.gather(np.arange(len(pairs)))
    found: dict[str, float] = {"clean": _accuracy(net, x, action)}
    for name, degrade in DEGRADATIONS.items():
        flat, generator = x.flatten(0, 1), torch.Generator().manual_seed(seed)
        worse = degrade(flat, nowhere(flat), torch.full((len(flat),), STRENGTH), generator)[0]
        if name != "shift":
            found[name] = _accuracy(net, worse.unflatten(0, x.shape[:2]), action)
    return {"items": len(x), "accuracy": found["clean"], "degraded": found}


def _accuracy(net: OracleNet, x: Tensor, action: Tensor) -> float:
    return accuracy(torch.cat([net(joined(part)).choices[0] for part in x.split(CHUNK)]), action)


def trained(of: Simulator, budget: Budget, watch: Watch | None) -> tuple[OracleNet, Mapping[str, Any]]:
    """A net, and how well it reads actions that it has not seen; `of` makes clips of two frames."""
    index = np.arange(budget.pictures)
    test = of.sides.is_test(index)
    pairs, start = Pairs.of(of, index), time.perf_counter()
    if watch is not None:
        watch(f"rendered {len(index)} pairs of frames; training, {budget.looks} looks")
    net = fit(of.world, pairs.only(np.flatnonzero(~test)), of.size[0], budget.looks, watch=watch)
    facts = training_facts(int((~test).sum()), budget.looks, start)
    return net, {
        "training": {**facts, "frames": 2, "frame_rate": of.frame_rate},
        **score(net, pairs.only(np.flatnonzero(test))),
    }

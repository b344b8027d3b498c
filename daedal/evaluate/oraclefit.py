"""How an oracle is trained: on renders of a world, most of them damaged, for a number of pictures fixed by the size.

A look is at one of the views that a judgement is the mean of, and of worlds that allow it as often in a mirror as not
(`daedal.evaluate.symmetries`): what is learned then holds more for pictures that have not been seen.

Loss, a weighted sum: squared errors of the standardised numbers, cross-entropies of the choices and of the pixels'
classes, distances of the landmarks that are in the picture, each a mean; and of the classes also one minus the soft
intersection over union (Rahman and Wang 2016), without which small ones, such as eyes, are learned late. Muon for the
layers inside, which learned more from as many looks, and AdamW (Loshchilov and Hutter 2019, arXiv:1711.05101) for the
rest. The learning rate goes through a cycle (Smith 2018, arXiv:1803.09820) and through a second, lower one (restarts:
Loshchilov and Hutter 2017, arXiv:1608.03983). At the end weights are rounded to float16, so that the net of a
half-precision file is the same.

Training is seeded and leaves the global random state alone; on another number of threads its sums round differently.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import sqrt
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from daedal.data.base import Column
from daedal.data.decoded import progress
from daedal.data.worlds.rendering import rendered
from daedal.data.worlds.simulator import Simulator
from daedal.data.worlds.world import Factor, Values, World
from daedal.evaluate.degradations import Places, degraded
from daedal.evaluate.machine import machine, versions
from daedal.evaluate.oraclenet import Crop, OracleNet, Said, views
from daedal.evaluate.symmetries import MIRRORED, other_sides, varied
from daedal.nn.muon import Muon

BATCH = 64
CYCLES = ((0.8, 1.2e-2), (0.2, 4e-3))  # shares of the looks, and in each the highest learning rate
DECAY = 0.02  # of weights
CROPS = {  # of a world: landmarks around which to look closely, and two that are level
    "portraits": (("left_eye", "right_eye", "left_mouth_corner", "right_mouth_corner"), ("left_eye", "right_eye")),
    "dancers": (("head_top", "neck"), ()),
}
THIN = {"streets"}  # worlds of poles, people and lines that are a pixel or two wide
FIELDS = ("x", "stencil", "points")
Watch = Callable[[str], None]
Loss = Callable[[OracleNet, np.ndarray, torch.Generator], Tensor]  # of rows, with damage drawn from the generator


@dataclass(frozen=True)
class Weights:
    """Of the terms of the loss; that of the classes has the weight one."""

    numbers: float = 2.0
    choices: float = 0.3
    points: float = 0.1  # of a distance in pixels of a picture of 64
    factors: Mapping[str, float] = field(default_factory=dict)  # of single numbers, where it is not one

    def of(self, numbers: Sequence[Factor]) -> Tensor:
        """The weight (d,) of each number of all these factors."""
        return torch.tensor([self.factors.get(factor.name, 1.0) for factor in numbers for _ in range(factor.size)])


WEIGHTS = {  # of worlds in which more is asked of one than of others
    "portraits": Weights(numbers=5.0, factors={"age": 4.0}),
    "dancers": Weights(points=0.3),
}


@dataclass(frozen=True)
class Budget:
    """How many pictures are rendered, a tenth of them to be tested, and how many are looked at in training."""

    pictures: int
    looks: int


@dataclass(frozen=True)
class Renders:
    """Items of a world: pictures in [-1, 1], classes, landmarks and what is observable, by row."""

    x: Column
    classes: Column
    points: Column
    values: Values
    rows: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    @classmethod
    def of(cls, simulator: Simulator, index: np.ndarray) -> Renders:
        """Rendered, or read from the cache."""
        x, classes, points = (Column(rendered(simulator, name, index), simulator.spaces[name]) for name in FIELDS)
        return cls(x, classes, points, simulator.observed(simulator.values(index)), np.arange(len(index)))

    def only(self, rows: np.ndarray) -> Renders:
        """Some of them."""
        return replace(self, rows=self.rows[rows])

    def gather(self, rows: np.ndarray) -> tuple[Tensor, Places, Values]:
        """Pictures (n, 3, h, w), places and values of rows."""
        rows = self.rows[rows]
        values = {name: value[torch.from_numpy(rows)] for name, value in self.values.items()}
        points = self.points.gather(rows).unflatten(1, (-1, 2))
        return self.x.gather(rows), Places(self.classes.gather(rows), points), values


def numbers(world: World) -> list[Factor]:
    """What is observable as numbers."""
    return [factor for factor in world.observable if not factor.choices]


def choices(world: World) -> list[Factor]:
    """What is observable as choices."""
    return [factor for factor in world.observable if factor.choices]


def untrained(world: World, size: int) -> OracleNet:
    """A net for what is observable of a world, its landmarks and classes."""
    kinds, names = [len(factor.choices) for factor in choices(world)], Simulator(world).landmarks
    wide = sum(factor.size for factor in numbers(world))
    thin = world.name in THIN
    return OracleNet(size, wide, kinds, len(world.stencil), len(names), _crop(world, names), thin=thin)


def _crop(world: World, names: Sequence[str]) -> Crop | None:
    if world.name not in CROPS:
        return None
    around, level = (tuple(names.index(name) for name in part) for part in CROPS[world.name])
    return Crop(around, (level[0], level[1]) if level else None)


def training_facts(items: int, looks: int, start: float) -> dict[str, Any]:
    """How a net was trained, JSON-able: on how many items, and since `start`, a time of `time.perf_counter`."""
    facts = {"pictures": items, "looks": looks, "seconds": round(time.perf_counter() - start)}
    return facts | {"threads": torch.get_num_threads(), "machine": machine(), "versions": versions()}


def standardised(world: World, values: Mapping[str, Tensor]) -> Tensor:
    """All numbers of all factors, each with mean 0 and variance 1 over its range, float32 (n, d)."""
    parts = [(values[f.name].reshape(-1, f.size) - _middle(f)) / _deviation(f) for f in numbers(world)]
    return torch.cat(parts, 1)


def in_units(world: World, z: Tensor) -> Values:
    """Standardised numbers (n, d) as the factors' values, within their ranges."""
    factors = numbers(world)
    parts = z.split([factor.size for factor in factors], 1)
    values = {
        f.name: (_middle(f) + _deviation(f) * z).clamp(f.low, f.high) for f, z in zip(factors, parts, strict=True)
    }
    return {f.name: values[f.name][:, 0] if f.size == 1 else values[f.name] for f in factors}


def fit(world: World, renders: Renders, size: int, looks: int, seed: int = 0, watch: Watch | None = None) -> OracleNet:
    """A trained net."""
    signs, sides, by = MIRRORED.get(world.name), other_sides(Simulator(world).landmarks), views(size)

    def loss(net: OracleNet, rows: np.ndarray, generator: torch.Generator) -> Tensor:
        x, places, values = varied(*renders.gather(rows), generator, signs=signs, sides=sides, by=by)
        return _loss(net, world, *degraded(x, places, generator), values)

    what = f"Training the oracle of {world.name}"
    return trained(lambda: untrained(world, size), len(renders), loss, looks, what, seed, watch)


def trained(
    make: Callable[[], OracleNet], items: int, loss: Loss, looks: int, what: str, seed: int, watch: Watch | None
) -> OracleNet:
    """The net after so many looks, BATCH of them a step; the loss is of a net and rows of the items."""
    lengths, done, said = [max(2, round(share * looks) // BATCH) for share, _ in CYCLES], 0, 0
    with torch.random.fork_rng(devices=[]), progress(what, sum(lengths)) as advance:
        torch.manual_seed(seed)
        net, generator = make(), torch.Generator().manual_seed(seed)
        stream = batches(items, generator)
        for steps, (_, rate) in zip(lengths, CYCLES, strict=True):
            inside, others = net.train().weights()
            optimizers = [Muon(inside, rate, weight_decay=DECAY), torch.optim.AdamW(others, rate, weight_decay=DECAY)]
            cycles = [torch.optim.lr_scheduler.OneCycleLR(one, rate, steps, pct_start=0.15) for one in optimizers]
            for rows in itertools.islice(stream, steps):
                value = loss(net, rows, generator)
                net.zero_grad()
                value.backward()
                for part in (*optimizers, *cycles):
                    part.step()
                advance(1)
                done += 1
                if watch is not None and 20 * done // sum(lengths) > said:
                    said = 20 * done // sum(lengths)
                    watch(f"{5 * said} % trained, loss {value.item():.3f}")
    return rounded(net)


def rounded(net: OracleNet) -> OracleNet:
    """A trained net, of which nothing is learned any more, its weights rounded to float16."""
    for value in net.state_dict().values():
        if value.is_floating_point():
            value.copy_(value.half())
    return net.eval().requires_grad_(False)


def _loss(net: OracleNet, world: World, x: Tensor, places: Places, values: Values) -> Tensor:
    said: Said = net(x)
    weights = WEIGHTS.get(world.name, Weights())
    loss = class_loss(said.classes, places.classes) + weights.points * point_loss(said.points, places.points, net.size)
    if numbers(world):
        squares = (said.numbers - standardised(world, values)).square()
        loss = loss + weights.numbers * (weights.of(numbers(world)) * squares).mean()
    for factor, logit in zip(choices(world), said.choices, strict=True):
        loss = loss + weights.choices * F.cross_entropy(logit, values[factor.name])
    return loss


def inside(points: Tensor, size: int) -> Tensor:
    """Which landmarks (n, k, 2) lie in the picture, bool (n, k)."""
    return ((points >= -0.5) & (points <= size - 0.5)).all(2)


def point_loss(said: Tensor, true: Tensor, size: int) -> Tensor:
    """Mean distance along the axes, in pixels of a picture of 64, of landmarks (n, k, 2) that are in the picture."""
    within = inside(true, size)
    far = (said - torch.where(within[..., None], true, said)).abs().sum()
    return far / within.sum().clamp(min=1) * 64 / size


def class_loss(logits: Tensor, classes: Tensor) -> Tensor:
    """Cross-entropy of (n, k, h, w) with (n, h, w), and one minus the mean soft intersection over union."""
    log_p = logits.log_softmax(1)
    of_true = log_p.gather(1, classes[:, None]).flatten()
    nothing = log_p.new_zeros(logits.shape[1])
    both = nothing.index_add(0, classes.flatten(), of_true.exp())
    true = nothing.index_add(0, classes.flatten(), torch.ones_like(of_true))
    either = log_p.exp().sum((0, 2, 3)) + true - both
    return 1 - (both / either).mean() - of_true.mean()


def batches(n: int, generator: torch.Generator) -> Iterator[np.ndarray]:
    """Rows in random order, BATCH at a time, without end."""
    while True:
        order = torch.randperm(n, generator=generator).numpy()
        yield from (np.sort(order[i : i + BATCH]) for i in range(0, max(n - BATCH, 0) + 1, BATCH))


def _middle(factor: Factor) -> float:
    return (factor.low + factor.high) / 2


def _deviation(factor: Factor) -> float:
    return (factor.high - factor.low) / sqrt(12)

"""How well an oracle knows a world: measured on renders that it was not trained on, clean and under each degradation.

Some factors cannot be seen in some pictures: nobody can tell the style of hair that is shaved. `SHOWN` says for such a
factor in which items it is to be seen, by the ranges of other factors and by the share of the picture that its classes
take; an accuracy is given over all items, and over those.

| in the record | meaning |
|---|---|
| `numbers` | of each factor R2 over all items (of several: their mean, and each in `parts`), and where it is shown |
| `choices` | of each factor the accuracy over all items, and where it is shown |
| `classes` | of each class intersection over union, and its share of all pixels |
| `mean_iou` | mean over classes above 1 % of the pixels |
| `points` | of each landmark the mean distance in pixels where it is in the picture |
| `samples` | `classes` and `mean_iou` of one who knows the class of every colour sample: see `of_samples` |
| `degraded` | `numbers`, `choices` (where shown), `mean_iou` of DAMAGED items, each degradation at half strength |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from daedal.data.worlds.simulator import Simulator
from daedal.data.worlds.world import Factor, Values, World
from daedal.evaluate.degradations import DEGRADATIONS, Places
from daedal.evaluate.oraclefit import Renders, choices, in_units, inside, numbers
from daedal.evaluate.oraclenet import OracleNet, viewed
from daedal.evaluate.scores import accuracy, iou, r2

DAMAGED = 400  # items that are also read under each degradation
LEAST_SHARE = 0.01  # of all pixels, for a class to count in the mean
STRENGTH = 0.5
CHUNK = 128  # pictures at once


@dataclass(frozen=True)
class Shown:
    """Where a factor is to be seen: others within ranges, and its classes on a least share of the picture."""

    ranges: Mapping[str, tuple[float, float]]
    classes: tuple[str, ...] = ()
    share: float = 0.0

    def __str__(self) -> str:
        words = [f"{low:g} <= {name} <= {high:g}" for name, (low, high) in self.ranges.items()]
        if self.classes:
            words.append(f"{' and '.join(self.classes)} on at least {100 * self.share:g} % of the picture")
        return ", ".join(words)

    def rows(self, world: World, values: Values, classes: Tensor) -> Tensor:
        """Whether each item shows it, bool (n,)."""
        shown = torch.ones(len(classes), dtype=torch.bool)
        for name, (low, high) in self.ranges.items():
            shown &= (values[name] >= low) & (values[name] <= high)
        if self.classes:
            places = torch.tensor([world.stencil.index(name) for name in self.classes])
            shown &= torch.isin(classes, places).double().mean((1, 2)) >= self.share
        return shown


SHOWN: dict[str, dict[str, Shown]] = {
    "portraits": {
        "hair_style": Shown({"hair_length": (0.15, 1)}),
        "hair_colour": Shown({"saturation": (0.3, 1.5), "age": (0, 0.75)}, ("hair",), 0.02),
        "clothes": Shown({}, ("clothes",), 0.01),
    }
}


@dataclass(frozen=True)
class Answers:
    """What a net says of items: numbers in units, logits of choices, classes of pixels, landmarks in pixels."""

    numbers: Values
    choices: dict[str, Tensor]
    classes: Tensor
    points: Tensor


@torch.no_grad()
def answers(net: OracleNet, world: World, x: Tensor) -> Answers:
    """Everything that a net says of pictures."""
    parts = [viewed(net, x[i : i + CHUNK]) for i in range(0, len(x), CHUNK)]
    logits = zip(*(part.choices for part in parts), strict=True)
    named = {factor.name: torch.cat(some) for factor, some in zip(choices(world), logits, strict=True)}
    read = in_units(world, torch.cat([part.numbers for part in parts]))
    classes, points = torch.cat([part.classes.argmax(1) for part in parts]), torch.cat([part.points for part in parts])
    return Answers(read, named, classes, points)


def score(net: OracleNet, world: World, renders: Renders, names: Sequence[str] = (), seed: int = 0) -> dict[str, Any]:
    """The record described above, JSON-able; `names` are those of the landmarks."""
    x, places, values = renders.gather(np.arange(len(renders)))
    said = answers(net, world, x)
    shown = {name: rule.rows(world, values, places.classes) for name, rule in SHOWN.get(world.name, {}).items()}
    record = {
        "items": len(x),
        "numbers": {f.name: _entry(f, world, shown, _r2(f, said, values)) for f in numbers(world)},
        "choices": {f.name: _entry(f, world, shown, _accuracy(f, said, values)) for f in choices(world)},
        **_pixels(world, said.classes, places.classes),
        "points": _distances(names, said.points, places.points, net.size),
    }
    first = slice(DAMAGED)
    some = x[first], places[first], {name: value[first] for name, value in values.items()}
    where = {name: rows[first] for name, rows in shown.items()}
    return {**record, "degraded": _degraded(net, world, some, where, seed)}


Score = Callable[[Tensor], dict[str, Any]]


def _entry(factor: Factor, world: World, shown: Mapping[str, Tensor], measure: Score) -> dict[str, Any]:
    """A score over all items, and where the factor is shown."""
    everywhere = slice(None)
    entry = measure(everywhere)  # type: ignore[arg-type]
    if factor.name in shown:
        rows = shown[factor.name]
        where = {"where": str(SHOWN[world.name][factor.name]), "items": rows.sum().item()}
        entry["shown"] = {**where, **measure(rows)}
    return entry


def _r2(factor: Factor, said: Answers, values: Values) -> Score:
    def measure(rows: Tensor) -> dict[str, Any]:
        shape = (-1, factor.size)
        parts = r2(said.numbers[factor.name][rows].reshape(shape), values[factor.name][rows].reshape(shape))
        return {"r2": parts.mean().item(), **({"parts": parts.tolist()} if factor.size > 1 else {})}

    return measure


def _accuracy(factor: Factor, said: Answers, values: Values) -> Score:
    return lambda rows: {"accuracy": accuracy(said.choices[factor.name][rows], values[factor.name][rows])}


def _pixels(world: World, predicted: Tensor, true: Tensor) -> dict[str, Any]:
    found = iou(predicted, true, len(world.stencil))
    shares = torch.bincount(true.flatten(), minlength=len(found)).double() / true.numel()
    rows = zip(world.stencil, found.tolist(), shares.tolist(), strict=True)
    mean = found[shares > LEAST_SHARE].mean().item()
    return {"classes": {name: {"iou": value, "share": share} for name, value, share in rows}, "mean_iou": mean}


def of_samples(of: Simulator, index: Sequence[int] | np.ndarray) -> dict[str, Any]:
    """What one would reach who knew the class of each of the 2 x 2 samples that a pixel's colour is the mean of.

    The true class is that of the pixel's centre, which is none of them; the guess is what most of them have, and counts
    in parts where several are equally many. Who also reasons about edges from pixel to pixel may know a little more.
    """
    sums = torch.zeros(3, len(of.world.stencil), dtype=torch.float64)  # of what is guessed, true, and both
    fine, kinds = replace(of, size=(2 * of.size[0], 2 * of.size[1])), len(of.world.stencil)
    for start in range(0, len(index), CHUNK):
        values = of.values(index[start : start + CHUNK])
        true, four = (F.one_hot(torch.from_numpy(s.raw("stencil", values)).long(), kinds) for s in (of, fine))
        votes = F.avg_pool2d(four.movedim(3, 1).double(), 2)
        most = (votes == votes.amax(1, keepdim=True)).double()
        guess, right = most / most.sum(1, keepdim=True), true.movedim(3, 1)
        sums += torch.stack([part.sum((0, 2, 3)) for part in (guess, right, guess * right)])
    found = sums[2] / (sums[0] + sums[1] - sums[2])
    mean = found[sums[1] > LEAST_SHARE * sums[1].sum()].mean().item()
    return {"items": len(index), "classes": dict(zip(of.world.stencil, found.tolist(), strict=True)), "mean_iou": mean}


def _distances(names: Sequence[str], said: Tensor, true: Tensor, size: int) -> dict[str, float]:
    far, within = (said - true).square().sum(2).sqrt().double(), inside(true, size)
    mean = torch.where(within, far, 0).sum(0) / within.sum(0)
    return dict(zip(names, mean.tolist(), strict=True))


def _degraded(
    net: OracleNet, world: World, items: tuple[Tensor, Places, Values], shown: Mapping[str, Tensor], seed: int
) -> dict[str, Any]:
    x, places, values = items
    found = {}
    for name, degrade in DEGRADATIONS.items():
        generator = torch.Generator().manual_seed(seed)
        damaged, moved = degrade(x, places, torch.full((len(x),), STRENGTH), generator)
        said = answers(net, world, damaged)
        where = lambda f: shown.get(f.name, slice(None))  # noqa: E731
        found[name] = {
            "numbers": {f.name: _r2(f, said, values)(where(f))["r2"] for f in numbers(world)},  # type: ignore[arg-type]
            "choices": {f.name: _accuracy(f, said, values)(where(f))["accuracy"] for f in choices(world)},  # type: ignore[arg-type]
            "mean_iou": _pixels(world, said.classes, moved.classes)["mean_iou"],
        }
    return found

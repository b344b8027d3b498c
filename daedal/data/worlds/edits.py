"""Edits: of each item one of the world's instructions, and the factors after it.

An edit applies to an item where it changes something: a choice, or a number by at least a fifth of its range. Of those
that apply one is taken by the item's place, a number in [0, 1) that `Simulator.values` draws for each index.
"""

from __future__ import annotations

import torch
from torch import Tensor

from daedal.data.worlds.settings import parse_settings
from daedal.data.worlds.world import PLACE, Factor, Values, World
from daedal.errors import UsageError

LEAST = 0.2  # of a number's range: what is smaller is hardly seen
NONE = -1  # the place of no edit


def check_edits(world: World) -> None:
    """Raise UsageError unless the world has edits."""
    if not world.edits:
        raise UsageError(f"{world.name} has no edits, so there is no picture after one.")


def chosen(world: World, values: Values) -> Tensor:
    """Which of the world's edits each item has, int64 (n,); `NONE` where none changes anything."""
    able = torch.stack([_changes(world, values, after) for after in _every(world, values)], 1)
    count = able.sum(1)
    nth = (values[PLACE].double() * count).long()  # of those that are able
    hit = able & (able.cumsum(1) == nth[:, None] + 1)
    return torch.where(count > 0, hit.long().argmax(1), NONE)


def instructions(world: World, values: Values) -> list[str]:
    """What each item's edit says; nothing where there is none."""
    texts = [*world.edits, ""]
    return [texts[k] for k in chosen(world, values).tolist()]


def edited(world: World, values: Values) -> Values:
    """The values after each item's edit."""
    which, after = chosen(world, values), dict(values)
    for k, changed in enumerate(_every(world, values)):
        for name, value in changed.items():
            mine = (which == k).reshape(-1, *[1] * (value.ndim - 1))
            after[name] = torch.where(mine, value, after[name])
    return after


def _every(world: World, values: Values) -> list[Values]:
    """Of each edit the factors that it sets, for all items."""
    every = [parse_settings(world, [text]) for text in world.edits.values()]
    return [{name: setting.apply(values) for name, setting in settings.items()} for settings in every]


def _changes(world: World, values: Values, after: Values) -> Tensor:
    """Whether each item is seen to change: bool (n,)."""
    parts = [_moved(world.factor(name), values[name], value) for name, value in after.items()]
    return torch.stack(parts).any(0)


def _moved(factor: Factor, before: Tensor, after: Tensor) -> Tensor:
    least = 1 if factor.choices else LEAST * (factor.high - factor.low)
    return (factor.between(before, after) >= least).reshape(len(before), -1).any(1)

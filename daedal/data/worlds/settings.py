"""Factors that are set instead of drawn, as they are typed: `glasses=round`, `smile=0.8`, `yaw=-10..10`, `shape=.1:.9`.

A number keeps every item at it; a range `low..high` is what the factor then varies over, each item at its own place; a
choice is one of the factor's names; of several numbers or choices in a factor, `:` lies between, or one stands for all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from daedal.data.worlds.world import Factor, Values, World
from daedal.errors import UsageError, did_you_mean


@dataclass(frozen=True)
class Setting:
    """A factor at a value, or over a part of its range."""

    factor: Factor
    low: tuple[float, ...]  # of each number in it; of a choice, its index
    high: tuple[float, ...]

    def apply(self, values: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """The factor's values of items whose drawn values these are."""
        drawn = values[self.factor.name]
        low, high = (torch.tensor(v, dtype=drawn.dtype).expand(len(drawn), -1) for v in (self.low, self.high))
        if self.low != self.high:
            place = (drawn.reshape(len(drawn), -1) - self.factor.low) / (self.factor.high - self.factor.low)
            low = low + place * (high - low)
        return low.reshape(drawn.shape).clone()


def parse_settings(world: World, texts: Sequence[str]) -> dict[str, Setting]:
    """The settings of texts `factor=value`, also several in one with commas. Raises UsageError."""
    settings = {}
    for part in (part.strip() for text in texts for part in text.split(",")):
        name, equals, value = (word.strip() for word in part.partition("="))
        if not equals or not name or not value:
            factor = world.factors[0].name
            raise UsageError(f"'{part}' sets nothing; write a factor and its value, such as '{factor}=...'.")
        settings[name] = _setting(world, world.factor(name), value)
    return settings


def with_settings(values: Values, settings: Mapping[str, Setting]) -> Values:
    """Drawn values with those that are set."""
    return values | {name: setting.apply(values) for name, setting in settings.items()}


def value_words(factor: Factor, value: torch.Tensor) -> str | float | list[str] | list[float]:
    """One item's value of a factor, as people and JSON read it."""
    if factor.choices:
        names = [factor.choices[k] for k in value.reshape(-1).tolist()]
        return names if value.ndim else names[0]
    numbers = [float(f"{v:.9g}") for v in value.reshape(-1).tolist()]  # what a float32 holds
    return numbers if value.ndim else numbers[0]


def _setting(world: World, factor: Factor, text: str) -> Setting:
    if factor.choices:
        places = _choices(world, factor, text)
        return Setting(factor, places, places)
    low, dots, high = text.partition("..")
    ends = [_numbers(factor, part) for part in ((low, high) if dots else (low,))]
    if any(end is None for end in ends):
        kind = "a number" if factor.size == 1 else f"{factor.size} numbers with ':' between, each"
        raise UsageError(
            f"'{factor.name}' of {world.name} must be {kind} in [{factor.low:g}, {factor.high:g}], "
            f"or a range such as {factor.low:g}..{factor.high:g}; got '{text}'."
        )
    if any(first > last for first, last in zip(ends[0], ends[-1], strict=True)):  # type: ignore[arg-type]
        upwards = [":".join(f"{end(pair):g}" for pair in zip(*ends, strict=True)) for end in (min, max)]  # type: ignore[arg-type]
        raise UsageError(f"'{factor.name}={text}' must count upwards; write {factor.name}={'..'.join(upwards)}.")
    return Setting(factor, ends[0], ends[-1])  # type: ignore[arg-type]


def _choices(world: World, factor: Factor, text: str) -> tuple[float, ...]:
    """The places of the factor's choices, one standing for all."""
    names = [name.strip() for name in text.split(":")]
    for name in names:
        if name not in factor.choices:
            raise UsageError(
                f"'{factor.name}' of {world.name} must be one of {', '.join(factor.choices)}; "
                f"got '{name}'.{did_you_mean(name, factor.choices)}"
            )
    if len(names) not in (1, factor.size):
        several = f"one choice or {factor.size} of them" if factor.size > 1 else "one choice"
        raise UsageError(f"'{factor.name}' of {world.name} must be {several}; got {len(names)}.")
    return tuple(float(factor.choices.index(name)) for name in names * (factor.size // len(names)))


def _numbers(factor: Factor, text: str) -> tuple[float, ...] | None:
    """The factor's numbers, one standing for all; None where they are not that or out of range."""
    found = [_number(part) for part in text.split(":")]
    if len(found) == 1:
        found = found * factor.size
    if len(found) != factor.size or any(v is None or not factor.low <= v <= factor.high for v in found):
        return None
    return tuple(found)  # type: ignore[arg-type]


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None

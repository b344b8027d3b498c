"""A world with a seed, a size and what else says how its items look: any item by its index, and any item changed.

`data.world` is one:

    data = daedal.load_data("portraits", size=64)
    data.world.rerender(7, glasses="yes")["x"]  # the person of index 7, with glasses
    data.world.training_index(0)  # the index of data.train[0]
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from daedal.data.base import Column
from daedal.data.tokens import Vocabulary
from daedal.data.worlds import edits
from daedal.data.worlds.domains import NAMES, Domain, parse_pair
from daedal.data.worlds.fields import numbers_of, raw, space_of
from daedal.data.worlds.keyed import uniform
from daedal.data.worlds.scene import Scene
from daedal.data.worlds.settings import Setting, parse_settings, with_settings
from daedal.data.worlds.sides import Sides
from daedal.data.worlds.world import PLACE, Correlation, Factor, Values, World
from daedal.errors import UsageError, did_you_mean
from daedal.spaces import Space

MEMORY = 1 << 26  # bytes of float32 pictures that are made at once
LEAST, MOST = 16, 64  # items that are made at once
VOCABULARY = 1000  # training items whose captions make the vocabulary: a world's sentences have few words
TEXTS = ("fields", "held", "domains")  # attributes that are tuples of texts


@dataclass(frozen=True)
class Simulator:
    """Makes items of a world by index. Every item is the same whenever, and beside whichever others, it is made."""

    world: World
    size: tuple[int, int] = (32, 32)
    seed: int = 0
    frames: int | None = None
    frame_rate: float = 8.0  # frames a second
    shadows: bool = True
    correlation: Correlation | None = None  # of training items
    test_correlation: float = 0.0  # the strength of the same for test items
    label: str | None = None  # the factor that is the field `label`
    fields: tuple[str, ...] = ()  # more of `daedal.data.worlds.fields`
    held: tuple[str, ...] = ()  # factors that are set instead of drawn: see `daedal.data.worlds.settings`
    domains: tuple[str, ...] = ()  # two: the fields `a` and `b` in place of `x`, see `daedal.data.worlds.domains`

    # -- what there is

    @cached_property
    def spaces(self) -> dict[str, Space]:
        """The fields of an item."""
        factors = [factor.name for factor in self.world.factors if factor.name not in self.differing]
        pictures, label = NAMES if self.domains else ("x",), ["label"] if self.label else []
        places = ["factors"] if numbers_of(self) else []
        return {name: space_of(self, name) for name in (*pictures, *label, *self.fields, *factors, *places)}

    @cached_property
    def settings(self) -> dict[str, Setting]:
        """The factors that are held, by name."""
        return parse_settings(self.world, self.held) if self.held else {}

    @cached_property
    def pair(self) -> tuple[Domain, ...]:
        """The two domains, if any."""
        return parse_pair(self.world, self.domains) if self.domains else ()

    @cached_property
    def differing(self) -> set[str]:
        """The factors that a domain sets: no item of the pair as a whole has a value of them."""
        return {name for domain in self.pair for name in domain.settings}

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """Of the captions that the world knows to have all words; else of those of the first training items."""
        if texts := self.world.spoken():
            return Vocabulary.fit(texts)
        with _one_thread():
            return Vocabulary.fit(self.world.caption(self.values(self.training_index(np.arange(VOCABULARY)))))

    @cached_property
    def wording(self) -> Vocabulary:
        """Of the instructions of the first training items."""
        return Vocabulary.fit(edits.instructions(self.world, self.values(self.training_index(np.arange(VOCABULARY)))))

    @cached_property
    def landmarks(self) -> tuple[str, ...]:
        """Names of the landmarks, in the order of the field `points`."""
        return tuple(self.world.points(self.values([0]), self.moment(self.values([0]), 0)))

    @cached_property
    def sides(self) -> Sides:
        """Which indices train and which test."""
        return Sides(self.world.name, self.seed)

    def training_index(self, position: Any) -> np.ndarray:
        """The indices of items of the training split."""
        return self.sides.training_index(np.asarray(position, np.int64))

    def test_index(self, position: Any) -> np.ndarray:
        """The indices of items of the test split."""
        return self.sides.test_index(np.asarray(position, np.int64))

    # -- items

    def values(self, index: Iterable[int]) -> Values:
        """The factors of items, and the place of each, by which its edit and the strokes of its painting are chosen."""
        rows = check_indices(index)
        values = self.world.draw(torch.from_numpy(rows), self.seed, self.correlation)
        if (pair := self.correlation) is not None:
            other = Correlation(pair.first, pair.second, self.test_correlation)
            fair = self.world.draw(torch.from_numpy(rows), self.seed, other)[pair.second]
            values[pair.second] = torch.where(torch.from_numpy(self.sides.is_test(rows)), fair, values[pair.second])
        values[PLACE] = uniform(self.seed, f"{self.world.name} place", torch.from_numpy(rows))[:, 0]
        return with_settings(values, self.settings)

    def edited(self, values: Values) -> Values:
        """The factors after each item's edit, which the field `instruction` says."""
        return edits.edited(self.world, values)

    def gather(self, index: Iterable[int], fields: Iterable[str] | None = None) -> dict[str, Tensor]:
        """Items by index, in border form, stacked: {field: (n, *shape)}."""
        return self.items(self.values(index), fields)

    def items(self, values: Values, fields: Iterable[str] | None = None) -> dict[str, Tensor]:
        """The items with these factors, in border form, stacked."""
        names = tuple(self.spaces if fields is None else fields)
        columns = {name: Column(self.raw(name, values), self.spaces[name]) for name in names}
        return {name: column.gather(np.arange(len(column.values))) for name, column in columns.items()}

    def rerender(self, index: int, /, **changes: Any) -> dict[str, Tensor]:
        """The item of an index with some factors changed, in border form: {field: shape}.

        A choice is changed to one of its names or their places, a number within its range. Raises UsageError that lists
        what exists.
        """
        values = self.values([index])
        for name, value in changes.items():
            factor = self.world.factor(name)
            values[name] = _choice(factor, value, self.world) if factor.choices else _number(factor, value, self.world)
        return {name: value[0] for name, value in self.items(values).items()}

    @torch.no_grad()
    def raw(self, name: str, values: Values) -> np.ndarray:
        """A field of items as a `Column` holds it, made in chunks."""
        with _one_thread(), torch.autocast("cpu", enabled=False):  # of a round that asks for a batch
            return np.concatenate([raw(self, name, part) for part in self._chunks(values)])

    def observed(self, values: Values) -> Values:
        """What a picture of each of these items tells: see `World.observable`."""
        with _one_thread():
            parts = [self.world.observed(part) for part in self._chunks(values)]
        return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}

    @property
    def step(self) -> int:
        """How many items are made at once."""
        return max(LEAST, min(MOST, MEMORY // (12 * self.size[0] * self.size[1])))

    def _chunks(self, values: Values) -> Iterator[Values]:
        n = len(next(iter(values.values())))
        for start in range(0, max(n, 1), self.step):
            yield {name: value[start : start + self.step] for name, value in values.items()}

    def scene(self, values: Values, frame: int | None = None) -> Scene:
        """The scenes of these values; of clips in a frame."""
        return self.world.scene(values, self.moment(values, frame))

    def moment(self, values: Values, frame: float | None) -> Tensor | None:
        """The time of a frame, or between two, seconds (n,); None of stills."""
        if self.frames is None or frame is None:
            return None
        return torch.full((len(next(iter(values.values()))),), frame / self.frame_rate)

    # -- to another process and back

    def record(self) -> dict[str, Any]:
        """Everything, JSON-able, for `of_record`."""
        kind, pair = type(self.world), self.correlation
        return {
            **{name: getattr(self, name) for name in self.__dataclass_fields__},
            "world": f"{kind.__module__}:{kind.__qualname__}",
            "size": list(self.size),
            **{name: list(getattr(self, name)) for name in TEXTS},
            "correlation": None if pair is None else [pair.first, pair.second, pair.strength],
        }

    @staticmethod
    def of_record(record: Mapping[str, Any]) -> Simulator:
        """What `record` has written."""
        pair = record["correlation"]
        changed = {"world": find_world(record["world"]), "size": tuple(record["size"])}
        changed |= {name: tuple(record[name]) for name in TEXTS}
        changed |= {"correlation": None if pair is None else Correlation(*pair)}
        return Simulator(**{**record, **changed})


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """The operations are many and small, so that more threads wait for one another."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def find_world(place: str) -> World:
    """The world of `module:class`."""
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)()


def check_indices(index: Iterable[int]) -> np.ndarray:
    """Indices or positions as int64 (n,). Raises UsageError for one that is negative or no integer."""
    rows = index if isinstance(index, np.ndarray) else np.array(list(index))
    if rows.size and (rows.dtype.kind not in "iu" or rows.min() < 0):
        wrong = rows[0] if rows.dtype.kind not in "iu" else rows.min()
        raise UsageError(f"'index' of a world must be an integer in [0, inf); got {wrong}.")
    return rows.astype(np.int64)


def check_clip(of: Simulator) -> None:
    """Raise UsageError for a clip that is longer than the world lasts."""
    seconds, longest = ((of.frames or 1) - 1) / of.frame_rate, of.world.longest
    if seconds > longest:
        raise UsageError(
            f"A clip of {of.frames} frames at {of.frame_rate:g} a second takes {seconds:g} s, and {of.world.name} "
            f"lasts {longest:g} s; let it have at most {int(longest * of.frame_rate) + 1} frames."
        )


def _choice(factor: Factor, value: Any, world: World) -> Tensor:
    if factor.size == 1:
        return torch.tensor([_place(factor, value, world)])
    several = [value] * factor.size if isinstance(value, (str, int, np.integer)) else list(value)
    if len(several) != factor.size:
        raise UsageError(
            f"'{factor.name}' of {world.name} must be one choice or {factor.size} of them; got {len(several)}."
        )
    return torch.tensor([[_place(factor, one, world) for one in several]])


def _place(factor: Factor, value: Any, world: World) -> int:
    """The place of a choice that is named, or given by its place."""
    if isinstance(value, str) and value in factor.choices:
        return factor.choices.index(value)
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool) and 0 <= value < len(factor.choices):
        return int(value)
    names = ", ".join(factor.choices)
    near = did_you_mean(str(value), factor.choices)
    raise UsageError(f"'{value}' is no value of '{factor.name}' of {world.name}; its values are {names}.{near}")


def _number(factor: Factor, value: Any, world: World) -> Tensor:
    try:
        numbers = np.asarray(value, np.float32).reshape(-1)
    except (TypeError, ValueError):
        numbers = np.array([np.nan], np.float32)
    if len(numbers) != factor.size or not ((factor.low <= numbers) & (numbers <= factor.high)).all():
        what = "a number" if factor.size == 1 else f"{factor.size} numbers"
        raise UsageError(
            f"'{factor.name}' of {world.name} must be {what} in [{factor.low:g}, {factor.high:g}]; got {value!r}."
        )
    return torch.from_numpy(numbers) if factor.size == 1 else torch.from_numpy(numbers)[None]


def correlation_of(world: World, text: str | Sequence[Any]) -> Correlation:
    """The correlation that "beard,age,0.8" or its parts mean. Raises UsageError."""
    parts = [part.strip() for part in text.split(",")] if isinstance(text, str) else list(text)
    try:
        first, second, strength = parts[0], parts[1], float(parts[2])
    except (IndexError, ValueError):
        first, second, strength = "", "", 2.0
    if len(parts) != 3 or not -1 <= strength <= 1:
        raise UsageError(
            f"'correlation' must be two factors and a number in [-1, 1], such as beard,age,0.8; got {text!r}."
        )
    for name in (first, second):
        if world.factor(name).size > 1:
            raise UsageError(f"'{name}' of {world.name} has several values and cannot be correlated; choose another.")
    if first == second:
        raise UsageError(f"'correlation' must be of two factors; got '{first}' twice.")
    return Correlation(first, second, strength)

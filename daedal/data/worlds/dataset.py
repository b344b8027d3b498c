"""Worlds as data sets: `load_data("portraits", size=32)` and its options.

Items are those of the indices 0 .. n - 1; which are tested, `daedal.data.worlds.sides` says. What is rendered (see
`daedal.data.worlds.fields`) lies in the cache, each field by itself, so that asking for one more renders only that.
With `endless=True` the training split goes on for ever and is rendered on demand, the test split is that of n; an index
has the same pixels in both. With a `correlation`, test items have their own (`test_correlation`, by default none).

With `domains`, the fields `a` and `b` are the pictures of a scene in both. Unless they are paired, training shows every
other training scene in the one and the rest in the other, so that it never sees a scene in both; the test split does.

A feature net learns the field `label`; without one it learns the world's first factor with choices.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from daedal.data.base import Column, Data, Unpaired
from daedal.data.build import build, build_unpaired
from daedal.data.fingerprint import fingerprint
from daedal.data.options import IMAGE_OPTIONS, Options
from daedal.data.worlds.catalogue import WORLDS, find_world
from daedal.data.worlds.domains import NAMES
from daedal.data.worlds.endless import EndlessSplit
from daedal.data.worlds.fields import PAIRED, RENDERED
from daedal.data.worlds.rendering import rendered
from daedal.data.worlds.simulator import Simulator, check_clip, correlation_of
from daedal.data.worlds.world import World
from daedal.errors import UsageError, did_you_mean

N, LEAST_N = 10_000, 10
SIZE, LEAST_SIZE = (32, 32), 8


def _reader(name: str) -> Callable[..., Data]:
    """What `load_data` calls for a world of ours."""
    return lambda options, **own: load_world(find_world(name), options, **own)


portraits, streets, dancers = (_reader(name) for name in WORLDS)


def load_world(
    world: World,
    options: Options,
    *,
    fields: tuple[str, ...],
    label: str | None,
    correlation: str | None,
    test_correlation: float,
    frames: int | None,
    frame_rate: float,
    shadows: bool,
    endless: bool,
    domains: tuple[str, ...],
    paired: bool,
    set: tuple[str, ...],
) -> Data:
    """A world as data; the options are those of `daedal.data.sources`. Raises UsageError."""
    simulator = Simulator(
        world,
        _size(world, options),
        options.seed,
        frames,
        frame_rate,
        shadows,
        None if correlation is None else correlation_of(world, correlation),
        test_correlation,
        None if label is None else _label(world, label),
        _fields(world, fields, frames, frame_rate),
        set,
        domains,
    )
    check_clip(simulator)
    _check_domains(simulator, paired)
    n = N if options.n is None else options.n
    if n < LEAST_N:
        raise UsageError(f"'n' (--limit) of {world.name} must be an integer in [{LEAST_N}, inf); got {n}.")
    if domains and not paired:
        data = _unpaired(simulator, n, endless)
    else:
        data = _endless(simulator, n) if endless else _finite(simulator, n)
    return replace(data, world=simulator)


def _finite(of: Simulator, n: int) -> Data:
    index = np.arange(n)
    test = of.sides.is_test(index)
    columns = _columns(of, index)
    return build(of.world.name, columns, index[~test], index[test], source={}, notes=_notes(of))


def _endless(of: Simulator, n: int) -> Data:
    index = np.flatnonzero(of.sides.is_test(np.arange(n)))
    rows = np.arange(len(index))
    data = build(of.world.name, _columns(of, index), rows[:0], rows, source={}, notes=_notes(of))
    return replace(data, train=EndlessSplit(of), fingerprint=_fingerprint(of, data))  # type: ignore[arg-type]


def _unpaired(of: Simulator, n: int, endless: bool) -> Data:
    """Every other training scene in each domain, and all test scenes in both."""
    index = np.arange(n)
    test = of.sides.is_test(index)
    sides = {name: _columns(of, index[~test][k::2], (name,)) for k, name in enumerate(NAMES) if not endless}
    data = build_unpaired(of.world.name, sides, _columns(of, index[test]), source={}, notes=_notes(of))
    if not endless:
        return data
    train: Any = Unpaired({name: EndlessSplit(of, (name,), k, 2) for k, name in enumerate(NAMES)})  # type: ignore[arg-type]
    return replace(data, train=train, fingerprint=_fingerprint(of, data))


def _columns(of: Simulator, index: np.ndarray, names: tuple[str, ...] | None = None) -> dict[str, Column]:
    values = of.values(index)
    return {
        name: Column(rendered(of, name, index) if name in RENDERED else of.raw(name, values), of.spaces[name])
        for name in names or of.spaces
    }


def _notes(of: Simulator) -> dict[str, Any]:
    notes = {"landmarks": list(of.landmarks)} if "points" in of.fields else {}
    return notes | (
        {"domains": dict(zip(NAMES, [domain.name for domain in of.pair], strict=True))} if of.domains else {}
    )


def _fingerprint(of: Simulator, data: Data) -> str:
    """Of an endless world: what says how its items look, and the test items, which look otherwise if its code does."""
    state = hashlib.sha256(json.dumps(of.record()).encode())
    none = np.arange(0)
    state.update(fingerprint(data.test.columns, none, data.test.rows).encode())
    return state.hexdigest()


def _size(world: World, options: Options) -> tuple[int, int]:
    others = tuple(name for name in IMAGE_OPTIONS if name != "size")
    options.refuse(others, f"is for images that are read, and {world.name} are rendered")
    size = options.size or SIZE
    if min(size) < LEAST_SIZE:
        raise UsageError(
            f"'size' of {world.name} must be an integer in [{LEAST_SIZE}, 8192], or height x width such as '32x24'; "
            f"got {size[0] if size[0] == size[1] else f'{size[0]}x{size[1]}'}."
        )
    return size


def _label(world: World, name: str) -> str:
    world.factor(name)  # raises if there is none
    able = [factor.name for factor in world.factors if factor.choices and factor.size == 1]
    if name not in able:
        near = did_you_mean(name, able)
        choose = f"must be a factor with choices ({', '.join(able)})"
        raise UsageError(f"'label' of {world.name} {choose}; got '{name}'.{near}")
    return name


def _check_domains(of: Simulator, paired: bool) -> None:
    if not of.pair:
        if paired:
            raise UsageError("'paired' is about two domains; name them with 'domains', or leave it out.")
        return
    if of.fields:
        raise UsageError(
            f"'fields' are of one picture, and domains are two; leave out '{of.fields[0]}' (a domain may be an output, "
            "such as depth)."
        )
    for name in [of.label, *of.settings]:
        if name in of.differing:
            what = "label" if name == of.label else "set"
            raise UsageError(f"'{what}' must not be '{name}', which the domains set; choose another factor.")


def _fields(world: World, names: tuple[str, ...], frames: int | None, frame_rate: float) -> tuple[str, ...]:
    for name in names:
        if name in PAIRED and frames is None:
            raise UsageError(f"'{name}' is between two frames; ask for clips with 'frames' (--frames 8).")
        if name == "rig" and not hasattr(world, "rig"):
            raise UsageError(f"'rig' is no field of {world.name}, which nothing drives; leave it out.")
        if name in ("after", "instruction") and not world.edits:
            raise UsageError(f"'{name}' is no field of {world.name}, which has no edits; leave it out.")
        if name == "action":
            _check_action(world, frame_rate)
    return tuple(dict.fromkeys(names))


def _check_action(world: World, rate: float) -> None:
    """Raise UsageError unless there are actions, and one alone between any two frames."""
    if not world.actions:
        raise UsageError(f"'action' is no field of {world.name}, where nothing acts; leave it out.")
    if not world.acts_alone(rate):
        each = 1 / world.action_seconds
        raise UsageError(
            f"{rate:g} frames a second let two actions fall between two frames, as one of {world.name} takes "
            f"{world.action_seconds:g} s; let 'frame_rate' be a multiple of {each:g}."
        )

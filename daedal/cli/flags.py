"""Flags that several commands share, declared as systems declare their options, and so in the same words.

Their names are reserved: no system's option may take one (a test forbids it).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

from annotated_types import Ge

from daedal.data.sources import options_here
from daedal.declare import PositiveFloat, PositiveInt, Threads
from daedal.options import Option, options_of


@dataclass(frozen=True)
class Group:
    """Flags that stand together in the help, and reach a command as the dict of those that were typed."""

    key: str  # the command's parameter
    title: str
    owner: str  # as in "'steps' of train must be ..."
    options: tuple[Option, ...]


def _budget(
    *,
    steps: PositiveInt | None = None,
    seconds: PositiveFloat | None = None,
) -> None:
    """How long to train.

    Options:
        steps: rounds to play; default: the system's own recipe
        seconds: a budget of time, converted to steps before the start; a recipe with epochs may end before it
    """


def _training(
    *,
    batch_size: PositiveInt | None = None,
    rate: PositiveFloat | None = None,
    device: str = "auto",
    precision: Literal["float32", "bf16"] = "float32",
    compile: bool = False,
    threads: Threads | None = None,
    accumulate: PositiveInt = 1,
    save_every: PositiveInt | None = None,
    keep: PositiveInt | None = None,
) -> None:
    """How to train.

    Options:
        batch_size: items a step, of all micro-batches and ranks together; default: the system's own
        rate: peak learning rate of every player; default: the system's own
        device: auto, cpu or cuda
        precision: bf16 computes in bfloat16 where that is safe
        compile: compile the networks first; for long runs on a GPU
        threads: threads of the processor; default: PyTorch's choice
        accumulate: micro-batches that a step's batch is split into, to save memory
        save_every: steps between checkpoints; default: about every 30 s
        keep: retain every so-many-th checkpoint besides the newest two
    """


def _data(
    *,
    size: str | None = None,
    fit: Literal["crop", "pad", "stretch"] | None = None,
    channels: PositiveInt | None = None,
    background: str | None = None,
    mirror: bool = False,
    limit: Annotated[int, Ge(2)] | None = None,
    skip_bad: bool = False,
) -> None:
    """How to read the data.

    Options:
        size: N or HxW, what images are brought to
        fit: how: crop (the default), pad or stretch
        channels: 1 (grey), 3 (colour) or 4 (with alpha); default: what the images have
        background: colour under transparent pixels; default: white
        mirror: add each training image mirrored
        limit: at most so many items
        skip_bad: leave out what cannot be read, instead of stopping
    """


def _output(*, json: bool = False, debug: bool = False) -> None:
    """What is printed.

    Options:
        json: print one JSON object on stdout, and all else on stderr
        debug: show the traceback of an error
    """


def _group(key: str, title: str, owner: str, declaration: Any) -> Group:
    return Group(key, title, owner, typed_options(declaration, declaration.__doc__))


def typed_options(function: Any, document: str | None) -> tuple[Option, ...]:
    """The options of a function as flags: what is not typed is None, and None is never typed."""
    return flags_of(options_of(function, document))


def flags_of(options: Sequence[Option]) -> tuple[Option, ...]:
    """Options as flags: None is never typed."""
    return tuple(replace(o, kind=replace(o.kind, optional=False)) for o in options)


BUDGET = _group("budget", "Budget", "train", _budget)
TRAINING = _group("training", "Training", "train", _training)
DATA = _group("reading", "Data", "the data", _data)
OUTPUT = _group("output", "Output", "daedal", _output)


def source_group(tokens: Sequence[str]) -> Group | None:
    """The flags of the first source of ours on a command line that has options of its own; None if there is none."""
    name = next((token for token in tokens if options_here(token)), None)
    return None if name is None else Group(DATA.key, f"Options of {name}", name, flags_of(options_here(name)))


def load_options(typed: dict[str, Any]) -> dict[str, Any]:
    """What `load_data` is called with for data flags that were typed: `--limit` is its `n`."""
    return {"n" if name == "limit" else name: value for name, value in typed.items()}

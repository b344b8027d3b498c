"""How to train, what training calls, and what it returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, get_type_hints

import torch
from torch import Tensor

from daedal.declare import PositiveFloat, PositiveInt, Seed, Threads
from daedal.errors import UsageError
from daedal.options import Option, kind_of
from daedal.play.stream import Items, count
from daedal.play.system import System
from daedal.spaces import Images, Space

MINIMUM_ITEMS = 10  # fewer training items than this are a mistake, not a data set


class Trainable(Protocol):
    """What of `Data` the trainer needs."""

    @property
    def train(self) -> Items:
        """The training split."""
        ...

    @property
    def fingerprint(self) -> str:
        """Of the decoded content."""
        ...

    @property
    def source(self) -> Mapping[str, Any]:
        """How to load the data again."""
        ...


@dataclass(frozen=True)
class Settings:
    """How to train, as plain values: what `training/run.json` keeps.

    `batch_size` counts all micro-batches of all ranks together, so that a recipe does not change with the machine.
    `keep` retains every keep-th checkpoint besides the newest two.
    """

    steps: PositiveInt | None = None
    seconds: PositiveFloat | None = None
    seed: Seed = 0
    batch_size: PositiveInt | None = None
    rate: PositiveFloat | None = None
    accumulate: PositiveInt = 1
    precision: Literal["float32", "bf16"] = "float32"
    compile: bool = False
    threads: Threads | None = None
    save_every: PositiveInt | None = None
    keep: PositiveInt | None = None
    tensorboard: bool = True

    def __post_init__(self) -> None:
        for name, annotation in get_type_hints(Settings, include_extras=True).items():
            value = Option(name, kind_of(annotation), None).check(getattr(self, name), "train")
            object.__setattr__(self, name, value)  # in its own type: a NumPy integer as an int
        if self.steps is not None and self.seconds is not None:
            raise UsageError("Give train a budget in steps or in seconds, not both.")


@dataclass(frozen=True)
class Hooks:
    """What the trainer calls, all optional, on rank 0 only.

    `describe(folder, averages)` writes system.json and the weights, `averages` by parameter name;
    `illustrate(folder, step)` is called with the averaged weights in place and in eval mode;
    `watch(line, steps)` sees each line of the log and the number of steps in all.
    """

    describe: Callable[[Path, Mapping[str, Tensor]], None] | None = None
    illustrate: Callable[[Path, int], None] | None = None
    watch: Callable[[Mapping[str, Any], int], None] | None = None


@dataclass
class Run:
    """What training leaves: the folder (None where nothing was written), the trained system, and its history.

    `step` is how many rounds were played of `steps`; `history` has one dict a log point: step, stage, seconds, and
    PLAYER/NAME for each loss and scalar, as means since the point before. `epochs` is how often the last stage has seen
    the training items.
    """

    path: Path | None
    system: System
    step: int
    history: list[dict[str, Any]] = field(default_factory=list)
    steps: int = 0
    seconds: float = 0.0
    epochs: float = 0.0

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r}, '{self.system.name}', step={self.step})"


def check_enough(data: Trainable, x: Space | None) -> None:
    """Raise UsageError for too few training items, with what would give more; `x` is the space to model."""
    n, source = count(data.train), data.source
    if n >= MINIMUM_ITEMS:
        return
    more = "raise --limit" if source.get("n") else f"add {'images' if isinstance(x, Images) else 'items'}"
    if isinstance(x, Images) and 2 * n >= MINIMUM_ITEMS and not source.get("mirror"):
        more += ", or use --mirror"
    raise UsageError(f"Training needs at least {MINIMUM_ITEMS} training items; this data has {n}: {more}.")


def pick_device(device: str | torch.device) -> torch.device:
    """The device that a name means; `auto` is the GPU of this process if there is one. Raises UsageError."""
    import os

    if str(device) == "auto":
        device = f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if torch.cuda.is_available() else "cpu"
    try:
        picked = torch.device(device)
    except RuntimeError:
        raise UsageError(f"'device' must be auto, cpu or cuda; got {device!r}.") from None
    if picked.type == "cuda" and not torch.cuda.is_available():
        raise UsageError("This machine has no GPU that PyTorch can use; leave out --device cuda.")
    return picked

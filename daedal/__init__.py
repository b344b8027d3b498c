"""Daedal: train, sample, compare and use every family of deep generative model on your own data.

>>> import daedal
>>> data = daedal.load_data("digits")
>>> system = daedal.create("vae", data, latent=16)
>>> run = daedal.train(system, data, steps=2000, out="runs/vae")  # doctest: +SKIP
>>> system.sample(16).shape
torch.Size([16, 1, 8, 8])

Everything here is imported when it is first used, so `import daedal` alone is quick.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from daedal.version import VERSION

if TYPE_CHECKING:
    from pathlib import Path

    from PIL.Image import Image
    from torch import Tensor

    from daedal.data.base import Data
    from daedal.evaluate.compare import Comparison
    from daedal.evaluate.measure import Measures
    from daedal.play.settings import Run
    from daedal.play.system import System

__version__ = VERSION
__all__ = ["__version__", "compare", "create", "evaluate", "load", "load_data", "show", "train"]


def load_data(
    source: Any,
    *,
    size: int | tuple[int, int] | None = None,
    channels: int | None = None,
    n: int | None = None,
    seed: int = 0,
    skip_bad: bool = False,
    **source_options: Any,
) -> Data:
    """Data from a name ("digits", "toy:rings", "mnist:DIR" ...), or a folder, zip, array, table or text of yours."""
    from daedal import data

    return data.load_data(source, size=size, channels=channels, n=n, seed=seed, skip_bad=skip_bad, **source_options)


def create(
    name: str | type[System],
    data: Data,
    *,
    x: str = "x",
    given: str | Sequence[str] = (),
    config: str | None = None,
    seed: int = 0,
    **options: Any,
) -> System:
    """A new system for a data set: p(x | given), with options of its own; `config="paper"` takes the paper's."""
    from daedal.systems import factory

    return factory.create(name, data, x=x, given=given, config=config, seed=seed, **options)


def train(
    system_or_name: System | type[System] | str,
    data: Data,
    *,
    steps: int | None = None,
    seconds: float | None = None,
    out: str | Path | None = None,
    seed: int = 0,
    batch_size: int | None = None,
    device: str = "auto",
    resume: bool = False,
    overwrite: bool = False,
    **trainer_and_system_options: Any,
) -> Run:
    """Train a system in place (or make one by name) into the run folder `out`; see `daedal.systems.training.train`."""
    from daedal.systems import training

    return training.train(
        system_or_name, data, steps=steps, seconds=seconds, out=out, seed=seed, batch_size=batch_size, device=device,
        resume=resume, overwrite=overwrite, **trainer_and_system_options,
    )  # fmt: skip


def load(path: str | Path, *, average: bool = True, system: type[System] | None = None, device: str = "cpu") -> System:
    """The system of a run folder, in eval mode; nothing in the folder is executed."""
    from daedal.systems import factory

    return factory.load(path, average=average, system=system, device=device)


def evaluate(
    system: System, data: Data, *, n: int | None = None, seed: int = 0, metrics: Sequence[str] | None = None
) -> Measures:
    """What a system is worth on the test split: a mapping from metric to `Measure`, which prints as a table."""
    from daedal.evaluate import protocol

    return protocol.evaluate(system, data, n=n, seed=seed, metrics=metrics)


def compare(
    names_or_systems: Sequence[str | System],
    data: Data,
    *,
    seconds: float = 20,
    repeats: int = 1,
    seed: int = 0,
    out: str | Path | None = None,
    **terms: Any,
) -> Comparison:
    """Train systems with the same budget, each in a process of its own, and evaluate them by the same protocol.

    `terms` are overwrite, x, given, options, threads, device and quiet; see `daedal.evaluate.compare.compare`.
    """
    from daedal.evaluate.compare import compare as run

    return run(names_or_systems, data, seconds=seconds, repeats=repeats, seed=seed, out=out, **terms)


def show(x: Tensor | Data) -> Image:
    """A picture of images, clips or points, such as `system.sample(16)` gives, or of data."""
    from daedal.data import grid

    return grid.show(x)

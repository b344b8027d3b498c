"""`evaluate`: every metric that applies to a system and a data set, under one protocol (see `daedal.evaluate.trial`).

| metric | what | floor |
|---|---|---|
| `fd-SPACE`, `kid-SPACE` | Frechet and kernel distance of samples to the reference, by features | training items |
| `precision`, `recall`, `density`, `coverage` | overlap of samples and reference, by the same | training items |
| `class-entropy` | entropy of the mean predicted class of samples, nats | training items |
| `class-accuracy` | share of samples that the classifier puts in the class asked for | the reference itself |
| `bits-per-dim` | of the reference; vectors: log2 density in the user's units, perhaps negative | a toy's entropy |
| `reconstruction-mse` | of the first 1,000 of it; images in [0, 1], vectors in standard units, labels as errors | |
| `memorised` | share of samples nearer to n of the training items than to n test items, pixel by pixel | one half |
| `images-per-second`, `train-seconds`, `parameters`, `peak-memory-mb` | costs; memory is this process's | |

SPACE names the features (`daedal.evaluate.features`). `spread` is one standard error: by bootstrap over the samples
for what is made of samples, over the reference for bits and reconstructions; for `memorised`, that of a share of n at
most, since no more items are met, though where x is small further samples lower the luck of drawing. It leaves out
the luck of training, which only repeats show.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from daedal.data.base import Data, check_loaded
from daedal.errors import UsageError, did_you_mean
from daedal.evaluate.measure import Measures
from daedal.evaluate.metrics import Metrics
from daedal.evaluate.trial import Trial
from daedal.options import check_seed

INCEPTION = ("fd-inception", "kid-inception")


def evaluate(
    system: Any,
    data: Data,
    *,
    n: int | None = None,
    seed: int = 0,
    metrics: Sequence[str] | None = None,
) -> Measures:
    """Measure what a system can do on a data set: a mapping of metric names to `Measure`.

    `n` is the number of samples (`memorised` has further ones where x is small), and of items of the reference and of
    the floor (default: the size of the test split, at most 10,000). `metrics` selects by name; those that don't apply
    to the system or the data are left out. `fd-inception=FILE.safetensors` (and `kid-`) measures in the published
    Inception network's features; the environment variable DAEDAL_INCEPTION adds both to the default. Neither the system
    nor the global random state is changed. Raises ValueError for unknown names or none, a size out of range, or data
    that the system was not made for.
    """
    check_loaded(data, "evaluate")
    seed, data = check_seed(seed, "evaluate"), data.finite()
    names, inception = _inception(metrics)
    trial = Trial(system, data.with_side(system.roles["x"]), n, seed)
    found = Metrics(trial, inception)
    wanted = _choose(names, list(found.functions))
    with _undisturbed(system, seed):
        measured = {name: found.functions[name]() for name in wanted}
        kept = {name: measure for name, measure in measured.items() if measure is not None}
        return Measures(kept, found.material())


def _inception(metrics: Sequence[str] | None) -> tuple[list[str] | None, str | None]:
    """The names without paths, and the path of the Inception weights where one is given."""
    path = os.environ.get("DAEDAL_INCEPTION") or None
    if metrics is None:
        return None, path
    if isinstance(metrics, str):
        raise TypeError(f"'metrics' of evaluate must be a list of names; got the text {metrics!r}.")
    if len(metrics) == 0:
        raise UsageError("'metrics' of evaluate must name a metric; leave it out for all of them.")
    split = [metric.partition("=") for metric in metrics]
    paths = {after for name, equals, after in split if equals and name in INCEPTION}
    if len(paths) > 1:
        raise UsageError(f"'metrics' of evaluate must name one file of Inception weights; got {sorted(paths)}.")
    names = [name if name in INCEPTION else metric for metric, (name, _, _) in zip(metrics, split, strict=True)]
    path = next(iter(paths), path)
    if path is None and (bare := [name for name in names if name in INCEPTION]):
        raise UsageError(f"'{bare[0]}' needs the weights' path: '{bare[0]}=FILE.safetensors', or DAEDAL_INCEPTION.")
    return names, path


def _choose(names: list[str] | None, known: list[str]) -> list[str]:
    for name in names or ():
        if name not in known:
            raise UsageError(f"'{name}' is no metric here; choose from {', '.join(known)}.{did_you_mean(name, known)}")
    return known if names is None else [name for name in known if name in names]


@contextlib.contextmanager
def _undisturbed(system: Any, seed: int) -> Iterator[None]:
    """Evaluation mode and a seeded global random state, both as before afterwards."""
    training, devices = system.training, [system.device] if system.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        system.eval()
        try:
            yield
        finally:
            system.train(training)

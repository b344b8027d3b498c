"""How speed is measured here: two ways in one process, in interleaved blocks, as the median of their ratios.

Absolute rates are scaled to a reference machine: one on which a float32 matrix product reaches 270 GFLOP/s with two
threads. The product is timed in the same interleaved blocks.
"""

from __future__ import annotations

import json
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from daedal.evaluate.machine import commit, processor

REFERENCE_GFLOPS = 270.0
RESULTS = Path(__file__).parent.parent / "results" / "benchmarks"


def seconds(work: Callable[[], Any]) -> float:
    """Wall-clock seconds of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def interleave(
    ways: Mapping[str, Callable[[], Any]], blocks: int = 7, before: Callable[[], Any] = lambda: None
) -> dict[str, list[float]]:
    """Seconds of each way in each block; in every block each way runs once, after one call to warm up.

    `before` is called before each, and not timed.
    """
    for work in ways.values():
        work()
    times: dict[str, list[float]] = {name: [] for name in ways}
    for block in range(blocks):
        names = list(ways) if block % 2 else list(ways)[::-1]
        for name in names:
            before()
            times[name].append(seconds(ways[name]))
    return times


def ratio(times: Mapping[str, list[float]], slow: str, fast: str) -> float:
    """Median over blocks of the time of `slow` over the time of `fast`."""
    return statistics.median(a / b for a, b in zip(times[slow], times[fast], strict=True))


def matrix_product(size: int = 1024, repeats: int = 20) -> Callable[[], None]:
    """The work that rates are scaled by."""
    a, b = torch.randn(size, size), torch.randn(size, size)

    def work() -> None:
        for _ in range(repeats):
            torch.mm(a, b)

    work.flops = 2 * size**3 * repeats  # type: ignore[attr-defined]
    return work


def gflops(times: list[float], work: Callable[[], None]) -> float:
    """Median rate of the matrix product: GFLOP/s."""
    return statistics.median(work.flops / t / 1e9 for t in times)  # type: ignore[attr-defined]


def bar(measured: float, *, at_least: float | None = None, at_most: float | None = None) -> dict[str, Any]:
    """What is asked of a number, and whether it holds."""
    holds = (at_least is None or measured >= at_least) and (at_most is None or measured <= at_most)
    limits = {"at_least": at_least, "at_most": at_most}
    return {"measured": measured, **{k: v for k, v in limits.items() if v is not None}, "holds": holds}


def machine() -> dict[str, Any]:
    """What the numbers hold for."""
    packages = ("torch", "numpy", "scikit-learn", "torchmetrics", "pillow", "pythae")
    return {
        "processor": processor(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "versions": {name: v for name in packages if (v := _version(name))},
        "commit": commit(),
    }


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def publish(name: str, result: Mapping[str, Any]) -> None:
    """Print a result as JSON, and keep it as results/benchmarks/NAME.json where the command line says --save."""
    record = {"command": f"python -m benchmarks.{name.replace('-', '_')}", **result, "machine": machine()}
    text = json.dumps(record, indent=1)
    print(text)
    if "--save" in sys.argv:
        RESULTS.mkdir(parents=True, exist_ok=True)
        (RESULTS / f"{name}.json").write_text(text + "\n")

"""Precision, recall, density and coverage of 10,000 against 10,000 items of 2048 features.

Beside them: the same four numbers in the plain way of the published code, with scikit-learn's distances, and with
torch.cdist: three whole matrices of distances, sorted by partition.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable

import numpy as np
import torch
from sklearn.metrics import pairwise_distances

from benchmarks.common import REFERENCE_GFLOPS, bar, gflops, interleave, matrix_product, publish, ratio
from daedal.evaluate.neighbours import overlap

FEATURES, ITEMS = 2048, 10_000
NAMES = ("precision", "recall", "density", "coverage")
Distances = Callable[[np.ndarray, np.ndarray], np.ndarray]


def plainly(real: np.ndarray, fake: np.ndarray, distances: Distances) -> list[float]:
    """The four numbers from whole matrices of distances."""

    def radius(x: np.ndarray, *ks: int) -> list[np.ndarray]:
        within = np.partition(distances(x, x), ks, axis=1)  # column 0 is the item itself
        return [within[:, k].copy() for k in ks]

    real_manifold, real_ball = radius(real, 3, 5)
    (fake_manifold,) = radius(fake, 3)
    between = distances(fake, real)
    balls = between < real_ball
    precision = (between < real_manifold).any(1).mean()
    recall = (between < fake_manifold[:, None]).any(0).mean()
    return [float(v) for v in (precision, recall, balls.sum(1).mean() / 5, balls.any(0).mean())]


def by_torch(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return torch.cdist(torch.from_numpy(x), torch.from_numpy(y)).numpy()


def main() -> None:
    torch.set_num_threads(2)
    generator = torch.Generator().manual_seed(0)
    real = torch.randn(ITEMS, FEATURES, generator=generator)
    fake = 1.02 * torch.randn(ITEMS, FEATURES, generator=generator)
    found: dict[str, list[float]] = {}

    def ours() -> None:
        result = overlap(real, fake)
        found["ours"] = [float(getattr(result, name)) for name in NAMES]

    def scikit_learn() -> None:
        found["scikit-learn"] = plainly(real.numpy(), fake.numpy(), pairwise_distances)

    def cdist() -> None:
        found["torch.cdist"] = plainly(real.numpy(), fake.numpy(), by_torch)

    product = matrix_product()
    ways = {"ours": ours, "scikit-learn": scikit_learn, "torch.cdist": cdist, "product": product}
    times = interleave(ways, blocks=3)
    speed = gflops(times["product"], product)
    median = {name: statistics.median(values) for name, values in times.items() if name != "product"}
    publish(
        "neighbours",
        {
            "bars": {"scaled seconds": bar(median["ours"] * speed / REFERENCE_GFLOPS, at_most=4.8)},
            "times_faster": {name: ratio(times, name, "ours") for name in ("scikit-learn", "torch.cdist")},
            "scaled_seconds": {name: value * speed / REFERENCE_GFLOPS for name, value in median.items()},
            "found": {name: dict(zip(NAMES, values, strict=True)) for name, values in found.items()},
            "gflops": speed,
            "seconds": times,
        },
    )


if __name__ == "__main__":
    main()

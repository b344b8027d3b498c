"""Frechet distance at 2048 features: ours against torchmetrics', from the same moments and from the same features.

The covariances have the spread of Inception's: eigenvalues falling by a factor of about 10^5.
"""

from __future__ import annotations

import statistics

import torch
from torchmetrics.image.fid import _compute_fid

from benchmarks.common import REFERENCE_GFLOPS, bar, gflops, interleave, matrix_product, publish, ratio
from daedal.evaluate.frechet import Moments, frechet_distance

FEATURES, ITEMS = 2048, 10_000


def features(seed: int) -> torch.Tensor:
    """Correlated features (ITEMS, FEATURES), float64."""
    generator = torch.Generator().manual_seed(seed)
    turn, _ = torch.linalg.qr(torch.randn(FEATURES, FEATURES, generator=torch.Generator().manual_seed(9)))
    scales = torch.logspace(0, -2.5, FEATURES) * (1 + 0.2 * seed)
    return ((torch.randn(ITEMS, FEATURES, generator=generator) * scales) @ turn + 0.05 * seed).double()


def main() -> None:
    torch.set_num_threads(2)
    a, b = Moments.of(features(0)), Moments.of(features(1))
    means, covariances, found = (a.mean, b.mean), (a.covariance, b.covariance), {}

    def ours() -> None:
        found["ours"] = frechet_distance(a, b)

    def torchmetrics() -> None:
        found["torchmetrics"] = float(_compute_fid(means[0], covariances[0], means[1], covariances[1]))

    product = matrix_product()
    times = interleave({"ours": ours, "torchmetrics": torchmetrics, "product": product}, blocks=5)
    speed = gflops(times["product"], product)
    median = {name: statistics.median(times[name]) for name in ("ours", "torchmetrics")}
    publish(
        "frechet",
        {
            "bars": {
                "times faster than torchmetrics": bar(ratio(times, "torchmetrics", "ours"), at_least=2.5),
                "relative difference from it": bar(
                    abs(found["ours"] - found["torchmetrics"]) / found["torchmetrics"], at_most=1e-6
                ),
            },
            "scaled_seconds": {name: value * speed / REFERENCE_GFLOPS for name, value in median.items()},
            "distance": found,
            "gflops": speed,
            "seconds": times,
        },
    )


if __name__ == "__main__":
    main()

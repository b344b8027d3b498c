"""PixelCNN sampling from remembered activations against evaluating the whole network for each number.

Both ways draw the same images from the same generator, which is checked in float64 first.
"""

from __future__ import annotations

import statistics
import sys
from functools import partial
from typing import Any

import torch

from benchmarks.common import REFERENCE_GFLOPS, bar, gflops, interleave, matrix_product, publish, ratio
from daedal.spaces import Images
from daedal.systems.autoregressive.pixelcnn import PixelCNN

CASES = {  # space and batch
    "grey-16x16": (Images(1, 16, 16, levels=17), 16),
    "colour-16x16": (Images(3, 16, 16, levels=17), 16),
}
BLOCKS = 3  # plain sampling takes seconds to minutes


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def model_of(space: Images) -> PixelCNN:
    torch.manual_seed(0)
    return PixelCNN(space).eval()


def differing(space: Images) -> int:
    """Numbers that differ between the two ways, of two images in float64: 0."""
    model = model_of(space).double()
    cached, plain = (model.sample(2, generator=generator(), cached=cached) for cached in (True, False))
    return int((cached != plain).sum())


def measure(space: Images, batch: int) -> dict[str, Any]:
    model, product = model_of(space), matrix_product()
    ways = {
        way: partial(model.sample, batch, generator=generator(), cached=way == "cached") for way in ("cached", "plain")
    }
    times = interleave({**ways, "product": product}, BLOCKS)
    rate, speed = batch / statistics.median(times["cached"]), gflops(times["product"], product)
    return {
        "parameters": sum(p.numel() for p in model.parameters()),
        "plain_over_cached": ratio(times, "plain", "cached"),
        "cached_images_per_second": rate,
        "scaled_images_per_second": rate * REFERENCE_GFLOPS / speed,
        "gflops": speed,
        "seconds": times,
    }


def main() -> None:
    torch.set_num_threads(2)
    cases = {name: case for name, case in CASES.items() if "--quick" not in sys.argv or name == "grey-16x16"}
    differ = {name: differing(space) for name, (space, _) in cases.items() if space.height <= 16}
    speeds = {name: {"batch": batch, **measure(space, batch)} for name, (space, batch) in cases.items()}
    bars = {
        f"plain over cached, {name}": bar(speeds[name]["plain_over_cached"], at_least=20)
        for name in speeds
        if name.endswith("16x16")
    }
    publish("cached-sampling", {"bars": bars, "differing": differ, "cases": speeds})


if __name__ == "__main__":
    main()

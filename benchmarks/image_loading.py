"""Loading a folder of images at 64x64 against a plain loop over Pillow: the first time, again, and as float batches.

Three folders, half PNG and half JPEG: images stored at 64x64, of which both ways give equal levels; and photographs of
96 to 160 and of 160 to 320 pixels a side, cropped and resized to 64x64, where Pillow's window and ours differ by up to
half a pixel, so that levels differ by some. Files are in the page cache for both ways. The first load goes to an empty
cache each time, and includes listing, hashing, splitting and syncing to disk, which weigh most where images are small.
What two cores can gain at all is measured beside them: two processes, already started, that each read half of the
files by the plain loop and hand nothing over: no hash, file or sync.

The bar is of a folder that the plain loop reads at 2,100 images a second: at least 1.6 times that, for folders that it
reads at this rate or faster. The ratio to the plain loop itself is asked of all three folders.

Before each way, and outside the timing, older caches are removed and memory is touched: a virtual machine that hands
free memory back to its host takes up to a second longer to fill the 300 MB that either way needs.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps
from sklearn.datasets import load_sample_image

from benchmarks.common import REFERENCE_GFLOPS, bar, gflops, interleave, matrix_product, publish, ratio
from daedal.data.base import Data
from daedal.data.folders import load_images

SIDE = 64
BATCH = 128
PLAIN_RATE, GAIN = 2_100, 1.6  # images a second of the plain loop where the bar is from, and what is asked for over it
CASES = {  # files, and the least and greatest side of each
    "stored at 64x64": (12_000, (64, 64)),
    "small photographs": (6_000, (96, 160)),  # which the plain loop reads at a bit over PLAIN_RATE
    "photographs": (4_000, (160, 320)),
}


def write_photos(folder: Path, count: int, sides: tuple[int, int]) -> None:
    """Windows of two photographs, half PNG and half JPEG of quality 90, with sides between the two given."""
    generator = np.random.default_rng(0)
    photos = [Image.fromarray(load_sample_image(name)) for name in ("china.jpg", "flower.jpg")]
    folder.mkdir()
    for k in range(count):
        width, height = generator.integers(sides[0], sides[1] + 1, 2).tolist()
        left, top = generator.integers(0, (640 - 384, 427 - 384)).tolist()
        image = photos[k % 2].resize((width, height), box=(left, top, left + 384, top + 384))
        image.save(folder / f"{k:05d}.{('png', 'jpg')[k // 2 % 2]}", quality=90)


def plain_folder(folder: Path) -> np.ndarray:
    """What a person writes first: (n, 3, 64, 64)."""
    return plain_loop(sorted(folder.iterdir()))


def plain_loop(paths: list[Path]) -> np.ndarray:
    """All images of a list of files, one after the other: (n, 3, 64, 64)."""
    images = []
    for path in paths:
        image = Image.open(path).convert("RGB")
        if image.size != (SIDE, SIDE):
            image = ImageOps.fit(image, (SIDE, SIDE))
        images.append(np.asarray(image).transpose(2, 0, 1))
    return np.stack(images)


def plain_halves(folder: Path, pool: Executor) -> None:
    """The plain loop in two processes at once, each over half of the files, which keep what they have read."""
    paths = sorted(folder.iterdir())
    for half in [pool.submit(_read_only, paths[k::2]) for k in range(2)]:
        half.result()


def _read_only(paths: list[Path]) -> None:
    plain_loop(paths)


def first_load(folder: Path, caches: Path) -> Callable[[], Data]:
    """Loads into an empty cache each time it is called."""
    numbers = itertools.count()

    def load() -> Data:
        os.environ["DAEDAL_CACHE"] = str(caches / str(next(numbers)))
        return load_images(folder, size=SIDE)

    return load


def tidy(caches: Path) -> None:
    """Remove all caches but the one in use, and touch as much memory as any way needs."""
    for cache in caches.iterdir():
        if str(cache) != os.environ["DAEDAL_CACHE"]:
            shutil.rmtree(cache)
    np.ones(1 << 29, np.uint8)


def float_batches(data: Data) -> Callable[[], None]:
    """One pass over the training split in random order, as border-form batches."""
    order = np.random.default_rng(0).permutation(len(data.train))

    def run() -> None:
        for start in range(0, len(order), BATCH):
            data.train.gather(order[start : start + BATCH], ["x"])

    return run


def measure(folder: Path, caches: Path, pool: Executor) -> dict[str, Any]:
    load, product = first_load(folder, caches), matrix_product()
    plain, data = plain_folder(folder), load()
    ways = {"plain": lambda: plain_folder(folder), "first": load, "again": lambda: load_images(folder, size=SIDE)}
    ways |= {"halves": lambda: plain_halves(folder, pool)}
    ways |= {"batches": float_batches(data), "product": product}
    times = interleave(ways, 3 if "--quick" in sys.argv else 7, lambda: tidy(caches))
    speed, n = gflops(times["product"], product), len(plain)
    items = {"plain": n, "halves": n, "first": n, "again": n, "batches": len(data.train)}
    rates = {way: count / statistics.median(times[way]) for way, count in items.items()}
    return {
        "images": n,
        "mean_difference_of_levels": float(np.abs(data.train.columns["x"].values - plain.astype(np.int16)).mean()),
        "plain_over_first": ratio(times, "plain", "first"),
        "plain_over_halves": ratio(times, "plain", "halves"),
        "plain_over_again": ratio(times, "plain", "again"),
        "images_per_second": rates,
        "scaled_images_per_second": {way: rate * REFERENCE_GFLOPS / speed for way, rate in rates.items()},
        "gflops": speed,
        "seconds": times,
    }


def main() -> None:
    torch.set_num_threads(2)
    shrink = 10 if "--quick" in sys.argv else 1
    results = {}
    workers = ProcessPoolExecutor(2, multiprocessing.get_context("spawn"))
    with tempfile.TemporaryDirectory() as name, workers as pool:
        for k, (case, (count, sides)) in enumerate(CASES.items()):
            folder = Path(name) / f"photos{k}"
            write_photos(folder, count // shrink, sides)
            results[case] = measure(folder, Path(name) / f"caches{k}", pool)
    scaled = {case: result["scaled_images_per_second"] for case, result in results.items()}
    rates = [rates["first"] for rates in scaled.values() if rates["plain"] >= PLAIN_RATE]
    bars = {
        "scaled images per second of a first load": bar(min(rates, default=0.0), at_least=GAIN * PLAIN_RATE),
        **{
            f"first load over a plain loop, {case}": bar(result["plain_over_first"], at_least=GAIN)
            for case, result in results.items()
        },
        "scaled images per second as float batches": bar(min(r["batches"] for r in scaled.values()), at_least=40_000),
    }
    publish("image-loading", {"bars": bars, "cores": os.cpu_count(), "cases": results})


if __name__ == "__main__":
    main()

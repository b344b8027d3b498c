"""Rendering worlds: pictures a second of two workers with one thread each, scene building included.

Streets are drawn as they come: every weather, hour and event. A frame of a clip is compared with a still picture, as
they come through `load_data`, on one thread.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import Any

import torch

from benchmarks.common import REFERENCE_GFLOPS, bar, gflops, interleave, matrix_product, publish, ratio
from daedal.data.worlds.catalogue import find_world
from daedal.data.worlds.render import render
from daedal.data.worlds.scene import Scene
from daedal.data.worlds.simulator import Simulator

BATCH = 64
WORKERS = 2
CASES = {  # world, size, shadows: pictures a second asked for
    ("portraits", 64, False): 150,
    ("portraits", 32, False): 500,
    ("portraits", 64, True): 100,
    ("portraits", 32, True): 300,
    ("dancers", 32, True): 200,
    ("streets", 64, True): 50,
    ("streets", 32, True): 150,
}


CLIPS = {"portraits": 32, "streets": 32, "dancers": 32}  # world: size of its clips
FRAMES = 4
MOST_PER_FRAME = 1.1  # of a still


def scene_of(world: str, index: torch.Tensor) -> Scene:
    """The scenes of these indices."""
    of = find_world(world)
    return of.scene(of.draw(index))


def work(world: str, size: int, shadows: bool, batches: int, first: int = 0) -> None:
    """Build and render some batches of scenes."""
    for k in range(batches):
        index = torch.arange(BATCH) + (first + k) * BATCH
        render(scene_of(world, index), size, shadows=shadows)


def both(pool: ProcessPoolExecutor, world: str, size: int, shadows: bool, batches: int) -> Callable[[], None]:
    """Every worker builds and renders so many batches."""

    def run() -> None:
        jobs = [pool.submit(work, world, size, shadows, batches, k * batches) for k in range(WORKERS)]
        for job in jobs:
            job.result()

    return run


def fields_of(world: str, size: int, frames: int | None) -> Callable[[], None]:
    """Render BATCH items, clips or stills, as a data set does."""
    of = Simulator(find_world(world), (size, size), frames=frames)
    values = of.values(range(BATCH))

    def run() -> None:
        of.raw("x", values)

    return run


def per_frame(blocks: int) -> dict[str, float]:
    """Of each world, the time of a clip's frame over that of a still."""
    found = {}
    for world, size in CLIPS.items():
        ways = {"clips": fields_of(world, size, FRAMES), "stills": fields_of(world, size, None)}
        found[world] = ratio(interleave(ways, blocks), "clips", "stills") / FRAMES
    return found


def profile(world: str, size: int, shadows: bool) -> dict[str, float]:
    """Share of one thread's time in the ten operations that take most."""
    torch.set_num_threads(1)
    work(world, size, shadows, 1)
    with torch.profiler.profile() as trace:
        work(world, size, shadows, 1)
    rows = trace.key_averages()
    total = sum(row.self_cpu_time_total for row in rows)
    most = sorted(rows, key=lambda row: -row.self_cpu_time_total)[:10]
    return {row.key.removeprefix("aten::"): row.self_cpu_time_total / total for row in most}


def main() -> None:
    torch.set_num_threads(2)
    batches = 1 if "--quick" in sys.argv else 2
    context = get_context("spawn")
    with ProcessPoolExecutor(WORKERS, context, partial(torch.set_num_threads, 1)) as pool:
        product = matrix_product()
        ways = {_name(*case): both(pool, *case, batches) for case in CASES}
        times = interleave({**ways, "product": product}, 3 if "--quick" in sys.argv else 7)
    clips = per_frame(3 if "--quick" in sys.argv else 7)
    speed = gflops(times["product"], product)
    rates = {name: WORKERS * batches * BATCH / statistics.median(times[name]) for name in ways}
    scaled = {name: rate * REFERENCE_GFLOPS / speed for name, rate in rates.items()}
    record: dict[str, Any] = {
        "bars": {
            f"scaled pictures per second, {_name(*case)}": bar(scaled[_name(*case)], at_least=least)
            for case, least in CASES.items()
        }
        | {
            f"time of a clip's frame over a still's, {world} {CLIPS[world]} px": bar(cost, at_most=MOST_PER_FRAME)
            for world, cost in clips.items()
        },
        "pictures_per_second": rates,
        "gflops": speed,
        "profile_of_portraits": profile("portraits", 64, True),
        "seconds": times,
    }
    publish("worlds", record)


def _name(world: str, size: int, shadows: bool) -> str:
    return f"{world} {size} px {'with' if shadows else 'without'} shadows"


if __name__ == "__main__":
    main()

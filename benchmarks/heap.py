"""What it saves to keep the memory that a step has freed: DDPM on a CPU, in fresh processes, with and without.

Training is at 64x64x3 with a batch of 32, sampling the digits' size, 500 at once. A process can't take the setting
back, so each block has two of them.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

import daedal
from benchmarks.common import bar, publish, ratio, seconds
from daedal.evaluate.metrics import _peak_memory_mb
from daedal.heap import keep_freed_memory
from daedal.play.settings import Settings
from daedal.play.trainer import Trainer

WAYS, BLOCKS, THREADS = ("keep", "default"), 5, 2


def training() -> float:
    """Seconds of a step."""
    pixels = np.random.default_rng(0).integers(0, 256, (200, 64, 64, 3), dtype=np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "noise.npy", pixels)
        data = daedal.load_data(Path(folder) / "noise.npy")

        def steps(count: int) -> float:
            system = daedal.create("ddpm", data, seed=0)
            settings = Settings(steps=count, batch_size=32, seed=0, tensorboard=False)
            return seconds(Trainer(system, data, settings).run)

        return (steps(5) - steps(2)) / 3


def sampling() -> float:
    """Seconds of a sample."""
    data = daedal.load_data("digits")
    system = daedal.create("ddpm", data, seed=0)
    system.fit_scale(data.train)
    return seconds(lambda: system.sample(500, generator=torch.Generator().manual_seed(0))) / 500


WORK = {"training": training, "sampling": sampling}


def alone(work: str, way: str) -> tuple[float, float]:
    """Seconds of some work in a process of its own, and the most memory that it held, MB."""
    command = [sys.executable, "-m", "benchmarks.heap", work, way]
    took, held = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.split()
    return float(took), float(held)


def main() -> None:
    """Measure and publish; with the name of some work and a way to do it, only its seconds."""
    torch.set_num_threads(THREADS)
    named = [word for word in sys.argv[1:] if word in WORK]
    if named:
        if "keep" in sys.argv and not keep_freed_memory():
            raise SystemExit("There is nothing to measure: this process can't be told to keep what it frees.")
        WORK[named[0]]()  # warms up
        print(WORK[named[0]](), _peak_memory_mb())
        return
    times: dict[str, dict[str, list[float]]] = {work: {way: [] for way in WAYS} for work in WORK}
    held: dict[str, dict[str, list[float]]] = {work: {way: [] for way in WAYS} for work in WORK}
    for block in range(BLOCKS):
        for work in WORK:
            for way in WAYS if block % 2 else WAYS[::-1]:
                took, most = alone(work, way)
                times[work][way].append(took)
                held[work][way].append(most)
    gains = {work: ratio(found, "default", "keep") for work, found in times.items()}
    rates = {f"{work}, {way}, per second": 1 / statistics.median(times[work][way]) for work in WORK for way in WAYS}
    peaks = {f"{work}, {way}": statistics.median(held[work][way]) for work in WORK for way in WAYS}
    bars = {f"default over keep, {work}": bar(gain, at_least=1.2) for work, gain in gains.items()}
    publish("heap", {"bars": bars, "rates": rates, "peak MB": peaks, "seconds": times})


if __name__ == "__main__":
    main()

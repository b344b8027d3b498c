"""Kills every system again and again at random moments and resumes it: `python -m tests.soak [KILLS] [SYSTEM ...]`.

Prints one line a system: how often it was killed, and whether it ended bit-identical to a run that nobody killed.
"""

from __future__ import annotations

import random
import sys
import tempfile
from pathlib import Path

import torch

from tests.contracts import systems
from tests.kill import killed_until_done, unbroken


def soak(name: str, kills: int) -> bool:
    """Kill a system `kills` times, over as many runs as that takes."""
    died = runs = 0
    dice = random.Random()
    with tempfile.TemporaryDirectory() as parent:
        base = Path(parent) / "base"
        base.mkdir()
        expected, calls = unbroken(name, base)
        while died < kills:
            folder = Path(parent) / str(runs)
            folder.mkdir()
            state, count = killed_until_done(
                name, folder, kills - died, lambda _: dice.randrange(1, max(2, calls // 2))
            )
            runs, died = runs + 1, died + count
            if not all(torch.equal(state[k], expected[k]) for k in expected):
                print(f"{name}: DIFFERS after {count} kills", flush=True)
                return False
    print(f"{name}: killed {died} times over {runs} runs, bit-identical each time", flush=True)
    return True


def main(arguments: list[str]) -> int:
    kills = int(arguments[0]) if arguments else 20
    exact = {name: soak(name, kills) for name in arguments[1:] or systems()}
    return 0 if all(exact.values()) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

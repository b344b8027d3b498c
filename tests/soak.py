"""Kills every system again and again at random moments and resumes it: `python -m tests.soak [KILLS] [SYSTEM ...]`.

Prints one line a system: how often it was killed, and whether it ended bit-identical to a run that nobody killed;
`--save` keeps that as results/soak.json.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from daedal.evaluate.machine import commit, machine, versions
from tests.contracts import systems
from tests.kill import killed_until_done, unbroken

RESULT = Path(__file__).parent.parent / "results" / "soak.json"


def soak(name: str, kills: int) -> dict[str, Any]:
    """Kill a system `kills` times, over as many runs as that takes: `kills`, `runs`, and whether all were `identical`.

    The first run that ends otherwise is the last.
    """
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
                return {"kills": died, "runs": runs, "identical": False}
    print(f"{name}: killed {died} times over {runs} runs, bit-identical each time", flush=True)
    return {"kills": died, "runs": runs, "identical": True}


def main(arguments: list[str]) -> int:
    words = [word for word in arguments if word != "--save"]
    kills = int(words[0]) if words else 20
    found = {name: soak(name, kills) for name in words[1:] or systems()}
    if "--save" in arguments:
        record = {
            "command": f"python -m tests.soak {' '.join(arguments)}",
            "systems": found,
            "commit": commit(),
            "date": datetime.now(UTC).date().isoformat(),
            "machine": machine(),
            "versions": versions(),
        }
        RESULT.write_text(json.dumps(record, indent=1) + "\n")
    return 0 if all(one["identical"] for one in found.values()) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Kills every system again and again at random moments and resumes it: `python -m tests.soak [KILLS] [SYSTEM ...]`.

Prints one line a system: how often it was killed, which checkpoint was the newest at each kill, and whether each run
ended bit-identical to one that nobody killed; `--save` keeps that as results/soak.json.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from daedal.evaluate.machine import commit, machine, versions
from tests.contracts import systems
from tests.kill import NOT_BEGUN, killed_until_done, unbroken

RESULT = Path(__file__).parent.parent / "results" / "soak.json"


def soak(name: str, kills: int) -> dict[str, Any]:
    """Kill a system `kills` times, over as many runs as that takes: `kills`, `runs`, and whether all were `identical`.

    `newest` says how many kills fell after the checkpoint of each step. The first run that ends otherwise is the last.
    """
    runs, fell, identical = 0, Counter(), True
    dice = random.Random()
    with tempfile.TemporaryDirectory() as parent:
        base = Path(parent) / "base"
        base.mkdir()
        expected, calls = unbroken(name, base)
        while identical and fell.total() < kills:
            folder = Path(parent) / str(runs)
            folder.mkdir()
            state, steps = killed_until_done(name, folder, kills - fell.total(), lambda _: dice.randrange(1, calls))
            runs, fell = runs + 1, fell + Counter(steps)
            identical = all(torch.equal(state[k], expected[k]) for k in expected)
    newest = {"none" if step == NOT_BEGUN else str(step): fell[step] for step in sorted(fell)}
    ended = "bit-identical each time" if identical else "and the last one DIFFERS"
    where = ", ".join(f"{count} after {step}" for step, count in newest.items())
    print(f"{name}: killed {fell.total()} times over {runs} runs, {ended}; newest checkpoints: {where}", flush=True)
    return {"kills": fell.total(), "runs": runs, "newest": newest, "identical": identical}


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

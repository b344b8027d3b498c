"""Start-up: `daedal --help` and its kin, which import no torch, and `import daedal` beside `import torch`.

Each is a fresh process, in interleaved blocks; a bare `python -c pass` is what none of them can be under.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Callable
from functools import partial

from benchmarks.common import bar, interleave, publish, ratio

CODE = {"python": "pass", "torch": "import torch", "daedal": "import daedal", "daedal-torch": "import daedal, torch"}
COMMANDS = {"--help": ["--help"], "list": ["list"], "train-help": ["train", "vae", "--help"]}


def start(*words: str) -> None:
    """Run a fresh Python with these words, and wait for its end."""
    subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL)


def main() -> None:
    """Measure and publish."""
    work: dict[str, Callable[[], None]] = {name: partial(start, "-c", code) for name, code in CODE.items()}
    work |= {name: partial(start, "-m", "daedal", *words) for name, words in COMMANDS.items()}
    times = interleave(work, blocks=9)
    publish(
        "startup",
        {
            "bars": {
                **{f"seconds of {name}": bar(statistics.median(times[name]), at_most=0.5) for name in COMMANDS},
                "import daedal over import torch": bar(ratio(times, "daedal", "torch"), at_most=1.3),
                "import of both over import torch": bar(ratio(times, "daedal-torch", "torch"), at_most=1.3),
            },
            "seconds": times,
        },
    )


if __name__ == "__main__":
    main()

"""Runs every benchmark, one after another, and keeps what each measures: `python -m benchmarks`."""

import subprocess
import sys
from pathlib import Path

NOT_ALONE = {"__init__", "__main__", "common"}


def main() -> int:
    """The number of benchmarks that failed."""
    names = sorted(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem not in NOT_ALONE)
    commands = [[sys.executable, "-m", f"benchmarks.{name}", "--save", *sys.argv[1:]] for name in names]
    return sum(subprocess.run(command).returncode != 0 for command in commands)


if __name__ == "__main__":
    sys.exit(main())

"""`python -m daedal` and the `daedal` command."""

from __future__ import annotations

import sys


def main() -> None:
    """Run one command and exit with its status."""
    from daedal.cli.main import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()

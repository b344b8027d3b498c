"""`python -m daedal` and the `daedal` command."""

from __future__ import annotations

import sys


def main() -> None:
    """Run one command and exit with its status."""
    try:
        from daedal.cli.main import run

        status = run(sys.argv[1:])
    except KeyboardInterrupt:  # while importing, or a second Ctrl-C
        status = 130
    sys.exit(status)


if __name__ == "__main__":
    main()

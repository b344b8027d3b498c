"""`python -m daedal` and the `daedal` command."""

from __future__ import annotations

import gc
import sys


def main() -> None:
    """Run one command and exit with its status."""
    try:
        from daedal.cli.streams import open_streams
        from daedal.heap import keep_freed_memory

        open_streams()
        keep_freed_memory()
        from daedal.cli.main import run

        status = run(sys.argv[1:])
    except KeyboardInterrupt:  # while importing, or a second Ctrl-C
        status = 130
    gc.freeze()  # the process ends: going through all that torch made, to free it, would take most of a second
    sys.exit(status)


if __name__ == "__main__":
    main()

"""A stream that says it is a terminal."""

import io


class Terminal(io.StringIO):
    """What is written to it stays to be read."""

    def isatty(self):
        return True

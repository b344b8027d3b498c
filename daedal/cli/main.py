"""Runs one command: parses, answers, and turns whatever goes wrong into one sentence and an exit status."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from typing import IO, Any

from daedal.cli.answer import Answer, console, give, only_answers, write_json
from daedal.cli.failure import message_of, status_of, type_of
from daedal.cli.streams import let_go
from daedal.data.names import printable
from daedal.evaluate.process import sigterm_raises

YES = ("true", "t", "yes", "y", "1")  # the parser's words


def run(tokens: Sequence[str]) -> int:
    """Run the command that the tokens spell, and return its exit status."""
    typed = list(tokens[: tokens.index("--")] if "--" in tokens else tokens)
    as_json, debug = _is_on("--json", typed), _is_on("--debug", typed)
    with only_answers() if as_json else contextlib.nullcontext(sys.stdout) as out:
        try:
            with sigterm_raises(), _plain_warnings():
                answer = _answer(list(tokens), as_json)
                return 0 if answer is None or _rank() else give(answer, out, as_json)
        except BrokenPipeError:
            return 0  # whoever read our output has gone, as `head` does; nothing is wrong
        except (Exception, KeyboardInterrupt) as error:
            if debug:
                _show_traceback()
            return _complain(error, out, as_json)
        finally:
            _leave_group()
            for stream in (out, sys.stdout, sys.stderr):
                let_go(stream)


def _is_on(flag: str, tokens: Sequence[str]) -> bool:
    """Whether a switch was typed last as `--json` or `--json=true`, and not `--json=false`."""
    typed = [token for token in tokens if token.partition("=")[0] == flag]
    return bool(typed) and typed[-1].partition("=")[2].lower() in ("", *YES)


def _answer(tokens: list[str], as_json: bool) -> Answer | None:
    """What the command answers; None for help, which is already printed."""
    from daedal.cli.app import arrange, build

    tokens = arrange(tokens) or ["--help"]
    app = build(tokens)
    told = io.StringIO()
    if {"--help", "-h", "--version"} & set(tokens):
        app.console = console(told if as_json else sys.stdout, width=100)
    answer = app(tokens)
    if answer is None and as_json:
        text = told.getvalue().rstrip()
        return Answer({"version" if text == app.version else "help": text}, lambda console: None)
    return answer


def _complain(error: BaseException, out: IO[str], as_json: bool) -> int:
    message = message_of(error)
    with contextlib.suppress(OSError):
        print(f"daedal: {printable(message)}", file=sys.stderr)
    with contextlib.suppress(OSError):
        if as_json and not _rank():
            write_json({"error": {"type": type_of(error), "message": message}}, out)
    return status_of(error)


@contextlib.contextmanager
def _plain_warnings() -> Iterator[None]:
    """Warnings are for people here: what they say, without the line of source that says it."""

    def show(message: Any, category: type, filename: str, lineno: int, file: Any = None, line: Any = None) -> None:
        print(f"daedal: {printable(str(message))}", file=sys.stderr)

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield


def _show_traceback() -> None:
    import traceback

    traceback.print_exc()


def _rank() -> int:
    """0 for the process that speaks, others keep silent; what is no number is refused where ranks train."""
    rank = os.environ.get("RANK", "0") if "WORLD_SIZE" in os.environ else "0"
    return int(rank) if rank.isdecimal() else 0


def _leave_group() -> None:
    """Ranks part in order, where there are several."""
    if "torch.distributed" in sys.modules and "WORLD_SIZE" in os.environ:
        import torch.distributed as dist

        if dist.is_initialized():
            dist.destroy_process_group()

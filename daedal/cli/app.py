"""The commands, and which flags they take: those of the system and of the source that were named are among them."""

from __future__ import annotations

from collections.abc import Sequence

from cyclopts import App

from daedal.cli import browse, judge, make
from daedal.cli import render as worlds
from daedal.cli.command import Command, register
from daedal.cli.flags import BUDGET, DATA, OUTPUT, TRAINING, Group, source_group
from daedal.cli.plugin import find_system
from daedal.data.sources import NAMED
from daedal.systems.catalogue import entries
from daedal.version import VERSION

HELP = "Train, sample, compare and use deep generative models on your own data."
SHORT_HELP = ("--help", "-h")
COMMANDS: dict[str, tuple[Command, tuple[Group, ...], str]] = {  # the function, groups of flags, the keys of --json
    "list": (browse.list_systems, (), "systems: [{name, capabilities, spaces, year}]"),
    "info": (browse.info, (), "name, summary, capabilities, spaces, paper, options, digits, paper_configuration"),
    "cite": (browse.cite, (), "name, bibtex"),
    "data": (make.data, (DATA,), "n, train, test, fields, problems"),
    "render": (worlds.render, (), "out, n, pictures, files"),
    "train": (make.train, (BUDGET, TRAINING, DATA), "run, steps, seconds, loss"),
    "sample": (make.sample, (), "files, shape, seed"),
    "evaluate": (judge.evaluate, (DATA,), "metrics: {name: {value, kind, floor, spread, n}}"),
    "doctor": (judge.doctor, (), "findings: [{code, message, knob}]"),
    "compare": (judge.compare, (DATA,), "report, rows: [{system, status, steps, seconds, metrics}]"),
    "reproduce": (judge.reproduce, (), "claims: [{id, holds, difference, bar, se, seeds}]"),
}


def build(tokens: Sequence[str]) -> App:
    """The app for a command line. Raises UnknownSystem where it names a system that there is not."""
    app = App(
        name="daedal",
        help=HELP,
        version=VERSION,
        help_format="plaintext",
        result_action="return_value",
        exit_on_error=False,
        print_error=False,
        help_on_error=False,
        suppress_keyboard_interrupt=False,
    )
    command = next((token for token in tokens if not token.startswith("-")), None)
    for name, (function, groups, _) in COMMANDS.items():
        chosen, help = _options_here(name, tokens) if name == command else ([], "")
        own = source_group(tokens) if name == command and DATA in groups else None
        register(app, name, function, [*chosen, *([own] if own else []), *groups], help)
    return app


def _options_here(command: str, tokens: Sequence[str]) -> tuple[list[Group], str]:
    """The options of the system that the line names, and what the help says of it."""
    plugin = value_of(tokens, "--plugin")
    word = first_word(tokens, SWITCHES)
    if command == "train" and word is not None:
        if value_of(tokens, "--resume") is not None and word not in entries():
            return [], ""  # the data, typed again: refused with all else that a run keeps
        entry, _ = find_system(word, plugin)
        group = Group("options", f"Options of {entry.name}", entry.class_name, entry.options)
        return [group], f"Train {entry.class_name} on a data source. {entry.summary}"
    if command == "sample" and word is not None:
        entry, _ = find_system(make.system_in(word, plugin), plugin)
        return [Group("options", f"Options of {entry.name}", f"{entry.class_name}.sample", entry.sample_options)], ""
    return [], ""


SHARED = [o for group in (TRAINING, DATA, OUTPUT) for o in group.options]
OF_SOURCES = [o for source in NAMED.values() for o in source.options]
SWITCHES = {o.flag for o in (*SHARED, *OF_SOURCES) if o.kind.type is bool} | {"--overwrite"}


def first_word(tokens: Sequence[str], switches: set[str]) -> str | None:
    """The first word after the command that is neither a flag nor a flag's value; `switches` take no value.

    >>> first_word(["train", "--steps", "5", "--mirror", "vae", "digits"], {"--mirror"})
    'vae'
    """
    words = iter(tokens[[not token.startswith("-") for token in tokens].index(True) + 1 :])
    for word in words:
        if not word.startswith("-"):
            return word
        if word not in switches and word not in SHORT_HELP and "=" not in word:
            next(words, None)
    return None


def value_of(tokens: Sequence[str], flag: str) -> str | None:
    """What was typed for a flag: `--plugin x` or `--plugin=x`."""
    for i, token in enumerate(tokens):
        if token == flag:
            return tokens[i + 1] if i + 1 < len(tokens) else None
        if token.startswith(flag + "="):
            return token.partition("=")[2]
    return None

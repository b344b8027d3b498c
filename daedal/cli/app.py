"""The commands, and which flags they take: those of the system and of the source that were named are among them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from cyclopts import App

from daedal.cli import browse, judge, make
from daedal.cli import render as worlds
from daedal.cli.command import Command, register
from daedal.cli.flags import BUDGET, DATA, OUTPUT, TRAINING, Group, source_group
from daedal.cli.plugin import find_system, load_plugin, system_name
from daedal.data.sources import NAMED
from daedal.systems.catalogue import UnknownSystem, entries, find
from daedal.version import VERSION

HELP = "Train, sample, compare and use deep generative models on your own data."
SHORT_HELP = ("--help", "-h")
COMMANDS: dict[str, tuple[Command, tuple[Group, ...], str]] = {  # the function, groups of flags, the keys of --json
    "list": (browse.list_systems, (), "systems: [{name, capabilities, spaces, year}]"),
    "info": (browse.info, (), "name, summary, capabilities, spaces, paper, options, digits, paper_configuration, ..."),
    "cite": (browse.cite, (), "name, bibtex"),
    "data": (make.data, (DATA,), "n, train, test, fields, ranges, classes, duplicates, problems, skipped, sheet, ..."),
    "render": (worlds.render, (), "out, n, pictures, files"),
    "train": (make.train, (BUDGET, TRAINING, DATA), "run, steps, seconds, loss, losses: {player: loss}"),
    "sample": (make.sample, (), "files, shape, seed"),
    "evaluate": (judge.evaluate, (DATA,), "metrics: {name: {value, kind, floor, spread, n, better}}"),
    "doctor": (judge.doctor, (), "findings: [{code, message, knob}], unseen"),
    "compare": (judge.compare, (DATA,), "report, rows: [{system, status, reason, steps, seconds, metrics}]"),
    "reproduce": (judge.reproduce, (), "claims: [{id, holds, difference, bar, se, seeds}], or with --stale stale"),
}


def build(tokens: Sequence[str]) -> App:
    """The app for a command line, as `arrange` gives it. Raises UnknownSystem where it names one that there is not."""
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
    command = _command(tokens)
    for name, (function, groups, _) in COMMANDS.items():
        chosen, help = _options_here(name, tokens) if name == command else ([], "")
        own = source_group(tokens) if name == command and DATA in groups else None
        register(app, name, function, [*chosen, *([own] if own else []), *groups], help)
    return app


def arrange(tokens: Sequence[str]) -> list[str]:
    """A command line as the parser reads it: switches of the output after the command, numbers of a flag as one value.

    >>> arrange(["--json", "train", "--hidden", "16", "16", "vae", "digits"])
    ['train', '--json', '--hidden=16,16', 'vae', 'digits']
    """
    count = next((i for i, token in enumerate(tokens) if token.partition("=")[0] not in EVERYWHERE), len(tokens))
    before, after = tokens[:count], tokens[count:]
    named = bool(after) and not after[0].startswith("-")
    tokens = [after[0], *before, *after[1:]] if named else list(after)  # without a command it is help or the version
    groups, _ = _options_here(_command(tokens), tokens)
    lists = {o.flag for group in groups for o in group.options if o.kind.many and o.kind.type is not str}
    return list(_joined(tokens, lists))


def _joined(tokens: Sequence[str], flags: Collection[str]) -> Iterator[str]:
    """`--hidden 16 16` as `--hidden=16,16`: the parser would take the words behind the numbers too."""
    rest = list(tokens)
    while rest:
        flag, equals, value = rest.pop(0).partition("=")
        values = [value] if value else []
        while flag in flags and rest and NUMBERS.fullmatch(rest[0]):
            values.append(rest.pop(0))
        yield f"{flag}={','.join(values)}" if flag in flags and values else flag + equals + value


def _command(tokens: Sequence[str]) -> str | None:
    return next((token for token in tokens if not token.startswith("-")), None)


def _options_here(command: str | None, tokens: Sequence[str]) -> tuple[list[Group], str]:
    """The options of the system that the line names, and what the help says of it."""
    plugin = value_of(tokens, "--plugin")
    if command == "train" and (word := _system_word(tokens, plugin)) is not None:
        if value_of(tokens, "--resume") is not None and word not in entries():
            return [], ""  # the data, typed again: refused with all else that a run keeps
        entry, _ = find_system(word, plugin)
        group = Group("options", f"Options of {entry.name}", entry.class_name, entry.options)
        return [group], f"Train {entry.class_name} on a data source. {entry.summary}"
    if command == "sample" and (word := _run_word(tokens)) is not None:
        entry, _ = find_system(make.system_in(word, plugin), plugin)
        return [Group("options", f"Options of {entry.name}", f"{entry.class_name}.sample", entry.sample_options)], ""
    return [], ""


SHARED = [o for group in (TRAINING, DATA, OUTPUT) for o in group.options]
OF_SOURCES = [o for source in NAMED.values() for o in source.options]
SWITCHES = {o.flag for o in (*SHARED, *OF_SOURCES) if o.kind.type is bool} | {"--overwrite"}
EVERYWHERE = {o.flag for o in OUTPUT.options}
NUMBERS = re.compile(r"[-+]?[(\d.][-+\d.,e ()]*")


def _system_word(tokens: Sequence[str], plugin: str | None) -> str | None:
    """The word that names a system; where none does, the first one, which is in its place.

    Options of a system are not known before it is: a word behind one may be its value, or stand for itself.
    """
    free = list(words_of(tokens, SWITCHES))
    behind = [word for word in _after_command(tokens) if not word.startswith("-")]
    return next((word for word in (*free, *behind) if _is_system(word, plugin)), free[0] if free else None)


def _is_system(word: str, plugin: str | None) -> bool:
    if (kind := load_plugin(plugin)) is not None:
        return word == system_name(kind)
    try:
        find(word)
    except UnknownSystem:
        return False
    return True


def _run_word(tokens: Sequence[str]) -> str | None:
    """The word that names a folder; where none does, the first one."""
    free = list(words_of(tokens, SWITCHES))
    return next((word for word in free if Path(word).is_dir()), free[0] if free else None)


def words_of(tokens: Sequence[str], switches: Collection[str]) -> Iterator[str]:
    """The words after the command that are neither a flag nor a flag's value; `switches` and --no-NAME take no value.

    >>> list(words_of(["train", "--steps", "5", "--mirror", "--no-anneal", "ddpm", "digits"], {"--mirror"}))
    ['ddpm', 'digits']
    """
    words = iter(_after_command(tokens))
    for word in words:
        if not word.startswith("-"):
            yield word
        elif not (word in switches or word in SHORT_HELP or word.startswith("--no-") or "=" in word):
            next(words, None)


def _after_command(tokens: Sequence[str]) -> Sequence[str]:
    return tokens[[not token.startswith("-") for token in tokens].index(True) + 1 :]


def value_of(tokens: Sequence[str], flag: str) -> str | None:
    """What was typed for a flag: `--plugin x` or `--plugin=x`."""
    for i, token in enumerate(tokens):
        if token == flag:
            return tokens[i + 1] if i + 1 < len(tokens) else None
        if token.startswith(flag + "="):
            return token.partition("=")[2]
    return None

"""Writes docs/commands.md, the reference of the command line, from the commands themselves.

`python -m daedal.cli.reference` writes it anew; a test compares.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from pathlib import Path

from daedal.cli.app import COMMANDS
from daedal.cli.command import arguments, own_options
from daedal.cli.flags import OUTPUT, Group
from daedal.data.sources import NAMED
from daedal.options import Option
from daedal.systems.catalogue import Entry, entries

PAGE = Path(__file__).parents[2] / "docs" / "commands.md"
HEAD = """# Commands

This page is written by `python -m daedal.cli.reference` from the commands themselves.

Every command takes `--json` (one JSON object on stdout and everything else on stderr, on failure too:
`{"error": {"type", "message"}}`; numbers that are not finite are null) and `--debug` (the traceback of an error).

| exit status | when |
|---|---|
| 0 | done |
| 1 | work began and failed, or a claim does not hold |
| 2 | what was typed or pointed at cannot be used |
| 130, 143 | stopped by Ctrl-C or SIGTERM, the state saved |
"""


def render() -> str:
    """The page."""
    parts = [HEAD, *(_command(name) for name in COMMANDS), _shared(), *_sources(), "## Options of the systems\n"]
    parts += [_system(entry) for entry in entries().values() if entry.variant_of is None]
    return "\n".join(parts)


def _command(name: str) -> str:
    function, groups, keys = COMMANDS[name]
    document = inspect.getdoc(function) or ""
    takes = arguments(function, document)
    usage = " ".join(["daedal", name, *(a.upper() if needed else f"[{a.upper()}]" for a, needed, _ in takes)])
    lines = [f"## daedal {name}\n", document.split("\n\n")[0] + "\n", f"```\n{usage} [FLAGS]\n```\n"]
    lines += [f"- `{argument.upper()}`: {help}" for argument, _, help in takes] + [""] * bool(takes)
    lines += list(_table(own_options(function, [group.key for group in groups], document)))
    if groups:
        links = ", ".join(f"[{group.title.lower()}](#{group.title.lower()}-flags)" for group in groups)
        lines.append(f"Also takes the flags of {links}.\n")
    lines.append(f"`--json` gives `{keys}`.\n")
    return "\n".join(lines)


def _shared() -> str:
    groups = {group.key: group for _, some, _ in COMMANDS.values() for group in some} | {OUTPUT.key: OUTPUT}
    return "\n".join(_group(group) for group in groups.values())


def _group(group: Group) -> str:
    return "\n".join([f"## {group.title} flags\n", *_table(group.options)])


def _sources() -> Iterator[str]:
    """The sources that have options of their own."""
    yield "## Options of the sources\n"
    for name, source in NAMED.items():
        if source.options:
            yield "\n".join([f"### {name}\n", f"{source.summary}\n", *_table(source.options)])


def _system(entry: Entry) -> str:
    variants = f" Variants: {', '.join(f'`{name}`' for name in entry.variants)}." if entry.variants else ""
    lines = [f"### {entry.name}\n", f"{entry.summary}{variants}\n", *_table(entry.options)]
    if entry.sample_options:
        lines += ["In `daedal sample`:\n", *_table(entry.sample_options)]
    return "\n".join(lines)


def _table(options: Sequence[Option]) -> Iterator[str]:
    if not options:
        return
    yield "| flag | takes | default | |\n|---|---|---|---|"
    for option in options:
        nothing = option.default is None or option.default is False or option.default == ()
        default = "" if nothing else f"`{_typed(option.default)}`"
        yield f"| `{option.flag}` | {_takes(option)} | {default} | {option.help} |"
    yield ""


def _takes(option: Option) -> str:
    """What follows the flag, in words."""
    if option.kind.type is bool:
        return f"nothing; `--no-{option.flag[2:]}` for the contrary" if option.default is not False else "nothing"
    return option.kind.words.replace("a tuple of ", "").replace("|", "or")


def _typed(value: object) -> str:
    """As on the command line."""
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(render(), encoding="utf-8")

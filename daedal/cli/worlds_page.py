"""Writes the tables of docs/worlds.md from the worlds, layouts and truths themselves.

`python -m daedal.cli.worlds_page` writes them anew; a test compares.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from daedal.data.worlds.catalogue import WORLDS, find_world
from daedal.data.worlds.layouts import LAYOUTS, TRUTHS
from daedal.data.worlds.world import Factor, World

PAGE = Path(__file__).parents[2] / "docs" / "worlds.md"


def tables() -> dict[str, str]:
    """The tables of the page by name."""
    found = {f"factors of {name}": factor_table(find_world(name)) for name in WORLDS}
    for name in WORLDS:
        world = find_world(name)
        told = (("domains", "domain", world.domains), ("edits", "instruction", world.edits))
        found |= {f"{title} of {name}": _meanings(word, pairs) for title, word, pairs in told if pairs}
    for title, rows in (("layouts", LAYOUTS), ("truths", TRUTHS)):
        flag = "--layout" if title == "layouts" else "--also"
        lines = [f"| `{name}` | `{row.files}` | {row.meaning} |" for name, row in rows.items()]
        found[title] = "\n".join([f"| `{flag}` | files | |", "|---|---|---|", *lines])
    return found


def factor_table(world: World) -> str:
    """A row for each factor."""
    rows = [f"| `{f.name}` | {_range(f)} | {f.meaning} | {_where(f)} |" for f in world.factors]
    return "\n".join(["| factor | range | | changes |", "|---|---|---|---|", *rows])


def _meanings(title: str, pairs: Mapping[str, str]) -> str:
    """A row for each name: what it means."""
    return f"| {title} | what it sets |\n|---|---|\n" + "\n".join(f"| {k} | `{v}` |" for k, v in pairs.items())


def _range(factor: Factor) -> str:
    if factor.choices:
        names = ", ".join(factor.choices)
        return names if factor.size == 1 else f"{factor.size} choices, each of {names}"
    span = f"{factor.low:g} to {factor.high:g}"
    return span if factor.size == 1 else f"{factor.size} numbers, each {span}"


def _where(factor: Factor) -> str:
    """Which pixels it may change, and what of them."""
    where = ", ".join(factor.region) if factor.region else "anywhere"
    return where if factor.geometry else f"{where}; colour only"


def updated(page: str) -> str:
    """The page with every table between `<!-- NAME -->` and `<!-- end -->` written anew."""
    for name, table in tables().items():
        page, count = re.subn(
            rf"(<!-- {name} -->\n).*?(<!-- end -->)", lambda m, t=table: m[1] + t + "\n" + m[2], page, flags=re.S
        )
        if count != 1:
            raise ValueError(f"{PAGE.name} must have one place for '{name}'; it has {count}.")
    return page


if __name__ == "__main__":
    PAGE.write_text(updated(PAGE.read_text(encoding="utf-8")), encoding="utf-8")

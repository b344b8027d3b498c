"""`list`, `info`, `cite`: what there is, read from the catalogue; only `info` needs torch, to count parameters."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from daedal.cli.answer import Answer
from daedal.options import Option
from daedal.systems import catalogue
from daedal.systems.catalogue import Entry
from daedal.systems.citation import bibtex, sentence

if TYPE_CHECKING:
    from rich.console import Console

DIGITS = {"space": "Images", "channels": 1, "height": 8, "width": 8, "levels": 17}


def list_systems(*, can: str | None = None) -> Answer:
    """List the systems: what each can do, on which spaces, since when.

    Options:
        can: only those with this capability: sample, log_prob, elbo, encode, decode, denoise, translate, classify
    """
    names = list(catalogue.entries()) if can is None else catalogue.able(can)
    entries = [catalogue.entries()[name] for name in names]
    record = {"systems": [_row(entry) for entry in entries]}
    return Answer(record, lambda console: _show_list(entries, console))


def _row(entry: Entry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "capabilities": list(entry.capabilities),
        "spaces": list(entry.spaces),
        "year": entry.paper.year,
    }


def _show_list(entries: list[Entry], console: Console) -> None:
    from rich.table import Table

    table = Table("name", "year", "family", "can", "spaces", "", box=None, pad_edge=False)
    for entry in entries:
        verbs, spaces = ", ".join(entry.capabilities), ", ".join(entry.spaces)
        table.add_row(entry.name, str(entry.paper.year), entry.family, verbs, spaces, entry.summary)
    console.print(table)


def cite(name: str) -> Answer:
    """Print how to cite a system's paper, as BibTeX.

    Arguments:
        name: a system, such as ddpm
    """
    text = bibtex(catalogue.find(name))
    return Answer({"name": catalogue.find(name).name, "bibtex": text}, lambda console: _print(text, console))


RECIPE = {
    "batch_size": "items of a step, over all processes and micro-batches",
    "steps": "rounds played where no budget is given",
    "epochs": "passes over the data that a budget in seconds buys at most, or the steps above",
    "rate": "peak learning rate",
}


OF_PLAYERS = ("batch_size", "rate")


def _print(text: str, console: Console) -> None:
    console.print(text, markup=False, soft_wrap=True)


def info(name: str, *, plugin: str | None = None) -> Answer:
    """Describe a system: its paper, what it can do, its options on the digits and in the paper, with their sizes.

    Arguments:
        name: a system, such as ddpm

    Options:
        plugin: module or file that holds a system of your own
    """
    from daedal.cli.plugin import find_system

    entry, kind = find_system(name, plugin)
    record = {
        "name": entry.name,
        "variant_of": entry.variant_of,
        "family": entry.family,
        "summary": entry.summary,
        "capabilities": list(entry.capabilities),
        "spaces": list(entry.spaces),
        "paper": {key: getattr(entry.paper, key) for key in ("title", "authors", "year", "venue", "arxiv")},
        "options": [_option(option) for option in entry.options],
        "sample_options": [_option(option) for option in entry.sample_options],
        "digits": _configuration(kind, entry, DIGITS, None),
        "paper_configuration": _configuration(kind, entry, dict(entry.paper.space), "paper"),
    }
    return Answer(record, lambda console: _show_info(entry, record, console))


def _option(option: Option) -> dict[str, Any]:
    return {"name": option.name, "takes": option.kind.words, "default": option.default, "help": option.help}


def _configuration(kind: Any, entry: Entry, space: dict[str, Any], config: str | None) -> dict[str, Any] | None:
    """Space, parameters, options and recipe of a configuration; None where the system does not model the space.

    What concerns players only is None in the recipe of a system that is fitted without any.
    """
    if space.get("space") not in entry.spaces:
        return None
    from daedal.nn.sizes import learned_numbers
    from daedal.spaces import from_json
    from daedal.systems.factory import create
    from daedal.systems.weightless import weightless

    with weightless():
        system = create(kind or entry.name, {"x": from_json(space)}, config=config)
        recipe = asdict(system.recipe) | ({} if system.players() else dict.fromkeys(OF_PLAYERS))
    return {"x": space, "parameters": learned_numbers(system), "options": system.options, "recipe": recipe}


def _show_info(entry: Entry, record: dict[str, Any], console: Console) -> None:
    from rich.table import Table

    variant = f", a variant of {entry.variant_of}" if entry.variant_of else ""
    _print(f"{entry.class_name} ({entry.name}{variant}): {entry.summary}", console)
    _print(sentence(entry.paper), console)
    _print(f"can {', '.join(entry.capabilities)}; models {' or '.join(entry.spaces)}", console)
    columns = {"on digits": record["digits"], "in the paper": record["paper_configuration"]}
    columns = {title: column for title, column in columns.items() if column is not None}
    table = Table("", *columns, "", box=None, pad_edge=False)
    table.add_row("x", *(_space_words(column["x"]) for column in columns.values()), "")
    table.add_row("parameters", *(f"{column['parameters']:,}" for column in columns.values()), "")
    for option in entry.options:
        table.add_row(
            option.flag, *(_words(column["options"][option.name]) for column in columns.values()), option.help
        )
    for key, said in RECIPE.items():
        values = (column["recipe"][key] for column in columns.values())
        table.add_row(key.replace("_", " "), *("-" if value is None else f"{value:g}" for value in values), said)
    console.print(table)
    if entry.sample_options:
        console.print(f"Options of sample: {', '.join(o.flag for o in entry.sample_options)}", markup=False)


def _space_words(space: dict[str, Any]) -> str:
    if space["space"] == "Images":
        return f"{space['height']}x{space['width']}x{space['channels']}, {space.get('levels', 256)} levels"
    return ", ".join(f"{value}" if key == "space" else f"{key} {value}" for key, value in space.items())


def _words(value: Any) -> str:
    return " ".join(map(str, value)) or "none" if isinstance(value, (tuple, list)) else str(value)

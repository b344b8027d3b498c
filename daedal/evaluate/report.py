"""The report of a comparison: one HTML page that needs no other file, made from rows.json and what lies beside it.

All that comes from people (names of systems, data, classes and files, reasons of failures) is escaped by
`daedal.evaluate.markup`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from daedal.declare import Paper
from daedal.evaluate.columns import Column, column, in_order, significant
from daedal.evaluate.exhibits import Exhibits, read_exhibits
from daedal.evaluate.markup import Markup, element, join
from daedal.evaluate.panels import code_figures, panels, training_charts
from daedal.evaluate.plots import label_chart
from daedal.evaluate.reading import Sentence, leaders, measured, read
from daedal.systems.citation import authors

Record = Mapping[str, Any]

STEADY = ("train-seconds", "parameters", "peak-memory-mb")  # what repeats do not make more certain
NUMBERS = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]


def render(record: Record, folder: Path | None = None) -> str:
    """The page, from the content of rows.json; pictures and curves come from `folder`, where they still are."""
    rows = record["rows"]
    names = in_order(name for row in rows for name in row.get("metrics", {}))
    body = [
        _head(record),
        element("h2", "What the numbers say"),
        _reading(read(rows), rows),
        element("h2", "The numbers"),
        table(rows, names),
        _table_legend(rows),
        element("h2", "System by system"),
        [_system(row, folder, record["settings"].get("given") or ()) for row in rows],
        element("h2", "How it was measured"),
        _method(record, names),
    ]
    title = _title(record)
    head = [
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
        element("style", Markup(files("daedal.evaluate").joinpath("assets/report.css").read_text(encoding="utf-8"))),
    ]
    return "<!doctype html>\n" + element("html", element("head", head), element("body", body), lang="en")


# -- the top


def _title(record: Record) -> str:
    count = len(record["rows"])
    return f"{_word(count).capitalize()} system{'' if count == 1 else 's'} on {record['data']['name']}"


def _word(count: int) -> str:
    return NUMBERS[count] if count < len(NUMBERS) else str(count)


def _head(record: Record) -> Markup:
    data, settings = record["data"], record["settings"]
    repeats = settings.get("repeats", 1)
    times = "" if repeats == 1 else f", {_word(repeats)} times with other seeds"
    deck = (
        f"Trained on the same {data['train']:,} items{times}, each in a process of its own with a budget of "
        f"{_count(settings['seconds'], 'second')}{_used(record['rows'])}, and judged against the same "
        f"{data['test']:,} that none had seen."
    )
    parts = [
        element("div", "Daedal comparison", class_="eyebrow"),
        element("h1", _title(record)),
        element("p", deck, class_="deck"),
    ]
    if not record.get("finished", True):
        text = "This comparison was stopped before its end: rows that are missing or marked were not measured."
        parts.append(element("p", text, class_="banner"))
    return join(parts)


def _used(rows: Sequence[Record]) -> str:
    """How long training really took: a budget becomes steps by what the first of them took."""
    seconds = [run["seconds"] for row in rows for run in row.get("runs") or [] if run.get("seconds") is not None]
    if not seconds:
        return ""
    low, high = f"{min(seconds):.1f}", f"{max(seconds):.1f}"
    return f" ({low if low == high else f'{low} to {high}'} s used)"


def _reading(sentences: Sequence[Sentence], rows: Sequence[Record]) -> Markup:
    lines = [
        element("div", element("dt", s.topic), element("dd", _bold(s.text, s.systems)), class_=s.tone)
        for s in sentences
    ]
    points = {
        row["system"]: (row["metrics"]["coverage"]["value"], row["metrics"]["precision"]["value"])
        for row in rows
        if measured(row, "coverage") is not None and measured(row, "precision") is not None
    }
    if len(points) < 2:
        return element("div", element("dl", lines), class_="reading alone")
    words = "Sharp is up, diverse is right; the data itself would be near the top right corner."
    picture = label_chart(points, "coverage: how diverse", "precision: how sharp")
    chart = element("figure", picture, element("figcaption", words))
    return element("div", element("dl", lines), chart, class_="reading")


def _bold(text: str, systems: Sequence[str]) -> Markup:
    """The text with the names of some systems in bold."""
    if not systems:
        return join(text)
    longest_first = "|".join(re.escape(name) for name in sorted(systems, key=len, reverse=True))
    parts = re.split(rf"(?<![\w-])({longest_first})(?![\w-])", text)
    return join([element("b", part) if i % 2 else part for i, part in enumerate(parts)])


# -- the table


def table(rows: Sequence[Record], names: Sequence[Column]) -> Markup:
    """The rows as a table: a column a measure, floors under distances, the best of each marked."""
    best = {c.name: leaders(c.name, rows) for c in names if c.name not in ("bits-per-dim", "train-seconds")}
    best["bits-per-dim"] = _best_exact(rows)
    best = {name: leading for name, leading in best.items() if len(leading) <= max(1, len(rows) // 2)}
    head = [element("tr", _groups(names), class_="groups"), element("tr", element("th", "System"), map_titles(names))]
    body = [element("tr", _row(row, names, best)) for row in rows]
    if floors := {c.name: floor for c in names if (floor := _floor(rows, c.name)) is not None}:
        cells = [element("td", c.show(floors[c.name]) if c.name in floors else "") for c in names]
        body.append(element("tr", element("td", "real items"), cells, class_="floors"))
    return element("div", element("table", element("thead", head), element("tbody", body)), class_="scroll")


def map_titles(names: Sequence[Column]) -> list[Markup]:
    """The heads of the columns, with an arrow in the better direction."""
    arrows = {"lower": " ↓", "higher": " ↑", None: ""}
    return [
        element("th", c.title, element("span", arrows[c.better], class_="arrow"), title=c.meaning or None, scope="col")
        for c in names
    ]


def _groups(names: Sequence[Column]) -> list[Markup]:
    cells, groups = [element("th")], [c.group for c in names]
    for i, group in enumerate(groups):
        if i == 0 or groups[i - 1] != group:
            span = next((j for j in range(i, len(groups)) if groups[j] != group), len(groups)) - i
            cells.append(element("th", element("span", group), colspan=span, scope="colgroup"))
    return cells


def _row(row: Record, names: Sequence[Column], best: Mapping[str, Sequence[str]]) -> list[Markup]:
    name = element("td", element("a", row["system"], href=f"#{anchor(row['system'])}"))
    if not row.get("metrics"):
        reason = row.get("reason") or {"waiting": "not run", "stopped": "stopped"}.get(row["status"], row["status"])
        return [name, element("td", reason, class_="reason", colspan=max(1, len(names)))]
    return [name, *(_cell(row, c, best.get(c.name, [])) for c in names)]


def _cell(row: Record, shown: Column, best: Sequence[str]) -> Markup:
    measure = row["metrics"].get(shown.name)
    if measure is None:
        return element("td", element("span", "–", class_="arrow"))
    class_ = None
    if row["system"] in best:
        class_ = "best" if len(best) == 1 else "tied"
    several = len(row.get("runs", [])) > 1 and measure.get("spread") and shown.name not in STEADY
    notes = [f"± {shown.show(measure['spread'])}"] if several else []
    if measure.get("floor") is not None and shown.name.startswith(("fd-", "kid-")):
        notes.append(f"floor {significant(2)(measure['floor'])}")
    if shown.name == "bits-per-dim":
        notes.append(measure.get("kind") or "")
    value = element("span", shown.show(measure["value"]), class_=class_)
    return element("td", value, [element("small", note) for note in notes if note])


def _floor(rows: Sequence[Record], name: str) -> float | None:
    """The mean floor of a measure: it differs a little between repeats, not between systems."""
    floors = [row["metrics"][name].get("floor") for row in rows if name in row.get("metrics", {})]
    known = [floor for floor in floors if floor is not None]
    return sum(known) / len(known) if known else None


def _best_exact(rows: Sequence[Record]) -> list[str]:
    exact = [row for row in rows if row.get("metrics", {}).get("bits-per-dim", {}).get("kind") == "exact"]
    return leaders("bits-per-dim", exact)


def _table_legend(rows: Sequence[Record]) -> Markup:
    text = (
        "Arrows point to the better direction. The best value of a column is coloured; underlined ones cannot be told "
        "apart from it, and are not marked where they are most. Of likelihoods only exact values are marked. Real "
        "items are training items in the place of samples: they give the floor under a distance."
    )
    if any(len(row.get("runs", [])) > 1 for row in rows):
        text += " Values are means over repeats, ± their standard deviation."
    return element("p", text, class_="note legend-line")


# -- one system


def _system(row: Record, folder: Path | None, given: Sequence[str]) -> Markup:
    shown, runs = _exhibits(row, folder), row.get("runs") or []
    facts = [_count(row["steps"], "step") if row.get("steps") is not None else None]
    facts += [f"{row['seconds']:.1f} s" if row.get("seconds") is not None else None]
    if (count := measured(row, "parameters")) is not None:
        facts.append(f"{column('parameters').show(count)} parameters")
    about, numbers = _about(row.get("about") or {}), " · ".join(fact for fact in facts if fact)
    header = element("header", element("h3", row["system"]), element("p", about), element("p", numbers))
    parts: list[Any] = [header]
    if row["status"] != "ok":
        parts.append(element("p", row.get("reason") or row["status"], class_="banner"))
        parts += [_trace(run) for run in runs if run.get("trace")]
    if shown is not None:
        parts.append(panels(shown, row, given))
    charts = training_charts(runs, folder)
    codes = code_figures(shown) if shown is not None and shown.has_codes else []
    both = [element("div", charts), element("div", codes)] if charts and codes else [*charts, *codes]
    if both:
        parts.append(element("div", both, class_="panels two"))
    if not charts and row["status"] == "ok":
        parts.append(element("p", "It was fitted at once: there is no training curve to show.", class_="note"))
    return element("article", parts, id=anchor(row["system"]))


def _count(n: float, noun: str) -> str:
    return f"{f'{n:g}' if isinstance(n, float) else f'{n:,}'} {noun}{'' if n == 1 else 's'}"


def _about(about: Record) -> Markup:
    """What a system is, with the code in its summary as code, and whose it is."""
    parts = re.split(r"`([^`]+)`", about.get("summary", "").rstrip("."))
    shown = [element("code", part) if i % 2 else part for i, part in enumerate(parts)]
    if not about.get("authors"):
        return join(shown, "." if any(parts) else None)
    *others, last = authors(Paper("", about["authors"], about["year"]))
    names = f"{', '.join(others)} and {last}" if others else last
    return join(shown, f" ({names}, {about['year']}).")


def _trace(run: Record) -> Markup:
    return element("details", element("summary", "Where it failed"), element("pre", run["trace"]))


def _exhibits(row: Record, folder: Path | None) -> Exhibits | None:
    for run in row.get("runs") or []:
        if folder is not None and run.get("status") == "ok":
            return read_exhibits(folder / run["folder"])
    return None


def anchor(name: str) -> str:
    """A name as an HTML id."""
    return "system-" + re.sub(r"[^\w-]+", "-", name)


# -- the bottom


def _method(record: Record, names: Sequence[Column]) -> Markup:
    data, settings, machine = record["data"], record["settings"], record["machine"]
    fields = ", ".join(f"{name}: {_space(space)}" for name, space in data["fields"].items())
    given = ", ".join(settings.get("given") or []) or "nothing"
    facts = {
        "Data": f"{data['name']}: {data['train']:,} training and {data['test']:,} test items; {fields}",
        "Fingerprint": data["fingerprint"],
        "Modelled": f"{settings.get('x', 'x')}, given {given}",
        "Budget": f"{settings['seconds']:g} s of training a system, {_count(settings.get('repeats', 1), 'repeat')}",
        "Seeds": ", ".join(str(settings["seed"] + i) for i in range(settings.get("repeats", 1))),
        "Command": element("code", settings["command"]) if settings.get("command") else None,
        "Machine": " · ".join(f"{value}" for value in machine.values() if value),
        "Versions": " · ".join(f"{name} {version}" for name, version in record["versions"].items()),
        "When": f"{record['started']}, {record['took']:.0f} s in all",
    }
    shown = [[element("dt", name), element("dd", value)] for name, value in facts.items() if value]
    words = [element("div", element("dt", c.title), element("dd", c.meaning)) for c in names if c.meaning]
    return join(element("dl", shown, class_="facts-list"), element("dl", words, class_="glossary"))


def _space(space: Record) -> str:
    kind = space["space"]
    if kind == "Images":
        size = f"{space['height']}×{space['width']}×{space['channels']}"
        return f"images {size}, {space['levels']:,} levels"
    return f"{space['classes']} labels" if kind == "Labels" else f"vectors of {space['dim']}"

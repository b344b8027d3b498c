"""The model card of a run: README.md, filled in from what the run knows."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from daedal.data.base import Data, how_many
from daedal.data.names import printable
from daedal.nn.sizes import learned_numbers
from daedal.places import write_file
from daedal.play.settings import Run
from daedal.play.system import System
from daedal.spaces import Labels, Space
from daedal.systems.catalogue import Entry
from daedal.systems.citation import bibtex, sentence
from daedal.systems.inspection import resolve
from daedal.systems.storage import versions

CARD = "README.md"
SHOWN = 16  # samples that its code draws


def write_card(run: Run, data: Data) -> None:
    """Write README.md into a run's folder."""
    assert run.path is not None
    write_file(run.path / CARD, card(run, data).encode())


def card(run: Run, data: Data) -> str:
    """The text: what the system is, what it was trained on and how, how to use it, whom to cite."""
    system = run.system
    entry, _ = resolve(type(system))
    name = _as_code(data.name)
    rows = {
        "Data": f"`{name}`: {how_many(data.train)} training items, {len(data.test)} test items",
        "Models": f"`{_as_code(system.roles['x'])}`, {_as_text(system.x)}",
        "Given": ", ".join(f"`{_as_code(field)}`, {_as_text(space)}" for field, space in system.given.items())
        or "nothing",
        "Can": ", ".join(entry.capabilities),
        "Parameters": f"{learned_numbers(system):,}",
        "Training": f"{run.step} of {run.steps} steps in {run.seconds:.0f} s",
        "Last losses": _losses(run.history),
        "Data fingerprint": f"`{data.fingerprint}`",
        "Versions": ", ".join(f"{name} {version}" for name, version in versions().items()),
    }
    table = "\n".join(f"| {name} | {value} |" for name, value in rows.items())
    parts = [
        "---\nlibrary_name: daedal\ntags:\n- daedal\n- " + entry.name + "\n---",
        f"# {entry.class_name} on {name}",
        entry.summary,
        sentence(entry.paper),
        f"| | |\n|---|---|\n{table}",
        "## Options\n\n```json\n" + json.dumps(system.options, indent=1) + "\n```",
        "## Use\n\n" + _use(system, entry),
        "## Limits\n\nThe model repeats what its data holds, biases included. It has not been reviewed for any use.",
        "## Cite\n\n```bibtex\n" + bibtex(entry) + "\n```",
    ]
    return "\n\n".join(parts) + "\n"


def _as_code(name: str) -> str:
    """The name of data or of a field for `...`, where nothing can be escaped: a stranger's may hold anything."""
    return re.sub(r"[^\w.:+ -]", "_", name)


def _as_text(space: Space) -> str:
    """A space in words; in names of classes nothing is a mark of HTML or Markdown."""
    return re.sub(r"[^\w ,=()']|_", lambda mark: f"&#{ord(mark[0])};", printable(str(space)))


def _use(system: System, entry: Entry) -> str:
    """Code that loads the run and draws from it; what is given has its place, and values that fit."""
    ours = entry.module.startswith("daedal.")
    load = '"path/to/this/folder"' if ours else f'"path/to/this/folder", system={entry.class_name}'
    lines = ["import daedal", *(["import torch"] if system.given else []), ""]
    lines.append(f"system = daedal.load({load})" + ("" if ours else "  # the class that it was trained with"))
    if "sample" in entry.capabilities and not system.given:
        lines.append(f"samples = system.sample({SHOWN})")
    elif "sample" in entry.capabilities:
        given = ", ".join(f'"{_as_code(field)}": {_fitting(space)}' for field, space in system.given.items())
        lines += [f"given = {{{given}}}  # or what you like", f"samples = system.sample({SHOWN}, given=given)"]
    return "```python\n" + "\n".join(lines) + "\n```"


def _fitting(space: Space) -> str:
    """Code for values of a space, one for each sample: every class in turn, else zeros."""
    if isinstance(space, Labels) and not space.shape:
        return f"torch.arange({SHOWN}) % {space.classes}"
    kind = ", dtype=torch.long" if isinstance(space, Labels) else ""
    return f"torch.zeros({', '.join(map(str, (SHOWN, *space.shape)))}{kind})"


def _losses(history: list[dict[str, Any]]) -> str:
    last: Mapping[str, Any] = history[-1] if history else {}
    losses = [f"{name.split('/')[0]} {value:.4g}" for name, value in last.items() if name.endswith("/loss")]
    return ", ".join(losses) or "none were logged"

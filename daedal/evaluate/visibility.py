"""How much of a picture each factor of a world changes, and where: what an edit of it can be seen by, and cross-talk.

`python -m daedal.evaluate.visibility portraits` measures it, writes results/worlds/portraits.json and the table of
docs/portraits.md. For each factor (each number of one that is several), items whose other factors are drawn at random
are rendered at both ends of its range, without cast shadows; of a choice, the first and the last. Of a factor that goes
round (`Factor.circular`: an angle, an hour, the phase of a dance), whose ends are the same picture, the ends of half of
the range are compared instead, such as midnight and noon.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from daedal.data.worlds.catalogue import find_world
from daedal.data.worlds.render import render
from daedal.data.worlds.world import Factor, Values, World
from daedal.evaluate.machine import machine, versions

ROOT = Path(__file__).parents[2]
ITEMS, FIRST = 32, 1000
SIZES = (64, 32)
LEAST = 8 / 255  # a change of colour that counts
COLUMN = 0.1  # of the pixels of some factor that a class must have to be a column of the table


def visibility(world: World) -> dict[str, Any]:
    """Of each factor, by size: pixels changed (median, least of the items); and the share of classes they lie on."""
    base = world.draw(torch.arange(ITEMS) + FIRST)
    return {label: _changed(world, ends) for factor in _shown(world) for label, ends in _ends(factor, base)}


def _shown(world: World) -> list[Factor]:
    return [factor for factor in world.factors if factor.shown]


def _ends(factor: Factor, base: Values) -> Iterator[tuple[str, tuple[Values, Values]]]:
    """A label and the values at both ends, for each number of a factor."""
    for k in range(factor.size):
        ends = []
        for end in _bounds(factor):
            value = base[factor.name].clone()
            value[(slice(None), k) if factor.size > 1 else slice(None)] = end
            ends.append({**base, factor.name: value})
        yield (factor.name if factor.size == 1 else f"{factor.name} {k + 1}"), (ends[0], ends[1])


def _bounds(factor: Factor) -> tuple[float, float]:
    """What is compared: the first and the last choice, the ends of a range, or of half of one that goes round."""
    if factor.choices:
        return 0, len(factor.choices) - 1
    return factor.low, (factor.low + factor.high) / 2 if factor.circular else factor.high


def _changed(world: World, ends: tuple[Values, Values]) -> dict[str, Any]:
    scenes = [world.scene(values) for values in ends]
    found: dict[str, Any] = {}
    for size in SIZES:
        one, other = (render(scene, size, shadows=False)["rgb"] for scene in scenes)
        changed = (one - other).abs().amax(1) > LEAST
        counts = changed.flatten(1).sum(1)
        found[str(size)] = {"median": int(counts.median()), "least": int(counts.min())}
        if size == SIZES[0]:
            stencils = [render(scene, size, outputs=("stencil",))["stencil"] for scene in scenes]
            found["classes"] = dict(zip(world.stencil, _shares(changed, stencils, len(world.stencil)), strict=True))
    return found


def _shares(changed: Tensor, stencils: list[Tensor], classes: int) -> list[float]:
    """The share of each class among the changed pixels, before and after taken together."""
    counts = sum(torch.bincount(stencil[changed], minlength=classes) for stencil in stencils)
    assert isinstance(counts, Tensor)
    return (counts / counts.sum().clamp(min=1)).tolist()


def table(world: World, found: dict[str, Any]) -> str:
    """A row for each factor, in Markdown; a column for each class that matters to one."""
    classes = [name for name in world.stencil if max(row["classes"][name] for row in found.values()) >= COLUMN]
    heads = ["factor", *(word for size in SIZES for word in (f"{size} px", "least")), *classes]
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for label, row in found.items():
        counts = [str(row[str(size)][word]) for size in SIZES for word in ("median", "least")]
        shares = [f"{100 * share:.0f}" if share >= 0.005 else "" for share in map(row["classes"].get, classes)]
        lines.append("| " + " | ".join([label, *counts, *shares]) + " |")
    return "\n".join(lines)


def main(name: str) -> None:
    """Measure a world, keep the record and write the table into its page."""
    world = find_world(name)
    command = f"python -m daedal.evaluate.visibility {name}"
    facts = {"command": command, "items": ITEMS, "first_index": FIRST, "seed": 0, "least_change": LEAST}
    found = visibility(world)
    file = ROOT / "results" / "worlds" / f"{name}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    record = {**facts, "machine": machine(), "versions": versions(), "factors": found}
    file.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    page = ROOT / "docs" / f"{name}.md"
    text = re.sub(
        r"(<!-- visibility -->\n).*?(<!-- end -->)",
        lambda m: m[1] + table(world, found) + "\n" + m[2],
        page.read_text(encoding="utf-8"),
        flags=re.S,
    )
    page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])

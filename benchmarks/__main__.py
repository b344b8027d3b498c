"""Runs every benchmark, one after another, keeps what each measures, and writes docs/benchmarks.md.

python -m benchmarks            # all, then the page
python -m benchmarks --page     # only the page, from results/benchmarks/*.json
"""

import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
RESULTS, PAGE = HERE.parent / "results" / "benchmarks", HERE.parent / "docs" / "benchmarks.md"
NOT_ALONE = {"__init__", "__main__", "common"}


def names() -> list[str]:
    """The benchmarks, as modules."""
    return sorted(path.stem for path in HERE.glob("*.py") if path.stem not in NOT_ALONE)


def page() -> str:
    """What was measured, a table a benchmark; lists (of single blocks) stay in the JSON."""
    parts = [
        "# Benchmarks",
        "",
        "Speed beside a peer or a plain implementation in the same process (start-up and heap: in fresh ones), in "
        "interleaved blocks, as the median of the blocks' ratios. What is asked of a number stands beside it. This "
        "page is written by `python -m benchmarks` from `results/benchmarks/*.json`, which keep the single blocks too.",
    ]
    for name in names():
        path = RESULTS / f"{name.replace('_', '-')}.json"
        if path.is_file():
            parts += ["", *_section(name, json.loads(path.read_text()))]
    return "\n".join(parts) + "\n"


def _section(name: str, record: dict[str, Any]) -> list[str]:
    said = (importlib.import_module(f"benchmarks.{name}").__doc__ or "").strip().split("\n\n")[0].replace("\n", " ")
    rows = [f"| {key} | {value} |" for key, value in _numbers(record)]
    asked = [_bar(key, one) for key, one in record.get("bars", {}).items()]
    machine = record["machine"]
    versions = ", ".join(f"{k} {v}" for k, v in machine["versions"].items())
    where = f"`{record['command']}`, {machine['processor']}, {machine['threads']} threads, {versions}."
    if asked:
        asked = ["| asked for | measured | | |", "|---|---|---|---|", *asked, ""]
    rows = ["| measured | |", "|---|---|", *rows, ""] if rows else []
    return [f"## {name.replace('_', ' ')}", "", said, "", *asked, *rows, where]


def _bar(name: str, one: dict[str, Any]) -> str:
    limits = [
        f"{words} {one[key]:,}" for key, words in (("at_least", "at least"), ("at_most", "at most")) if key in one
    ]
    verdict = "holds" if one["holds"] else "**does not hold**"
    return f"| {name} | {one['measured']:,.4g} | {' and '.join(limits)} | {verdict} |"


def _numbers(record: dict[str, Any], before: str = "") -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for key, value in record.items():
        label = f"{before}{key.replace('_', ' ')}"
        if isinstance(value, dict) and key not in ("machine", "seconds", "bars"):
            found += _numbers(value, f"{label}, ")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found.append((label, f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"))
    return found


def main() -> int:
    """The number of benchmarks that failed."""
    failed = 0
    if "--page" not in sys.argv:
        commands = [[sys.executable, "-m", f"benchmarks.{name}", "--save", *sys.argv[1:]] for name in names()]
        failed = sum(subprocess.run(command).returncode != 0 for command in commands)
    PAGE.write_text(page())
    return failed


if __name__ == "__main__":
    sys.exit(main())

"""What every system promises: checks yielded by capability, run on every system that the package finds.

Adding a system needs no edit here. A system is made small by its own `toy` options; a check is skipped only for a
reason named in its class's `exempt`, and shown in the table: `python -m tests.contracts` prints it, and with `--save`
writes docs/contracts.md.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import torch

from daedal.capabilities import Bounds, Decodes, Denoises, Encodes, ExactInverse, Samples, Scores
from daedal.play.system import System
from daedal.spaces import Images, Vectors
from daedal.systems import factory
from daedal.systems.catalogue import entries
from tests.contracts_capabilities import (
    bound_is_below,
    bound_repeats,
    codes_have_their_space,
    denoising_keeps_clean_items,
    encode_and_decode_invert,
    given_changes_the_samples,
    given_is_checked,
    log_det_is_autograds,
    samples_lie_in_the_space,
    sampling_repeats,
    save_and_load,
    scores_sum_to_one,
)
from tests.contracts_case import Case
from tests.contracts_options import options_have_an_effect
from tests.contracts_training import (
    bf16_trains,
    compiles_what_has_a_forward,
    likelihood_never_falls,
    losses_fall,
    options_rebuild_the_system,
    resume_is_exact,
    turn_moves_only_its_player,
    what_changes_is_saved,
)

PAGE = Path(__file__).parent.parent / "docs" / "contracts.md"

Check = Callable[[Case], str | None]  # raises where it fails; says what was missing where there was nothing to check


def checks(name: str) -> Iterator[tuple[str, Case, Check]]:
    """Every check that applies to a system by its capabilities: (label, case, check)."""
    kind = factory.resolve(name)[1]
    homes = [k for k, space in (("images", Images), ("vectors", Vectors)) if space in kind.accepts]
    home = Case(name, homes[0])
    for check in _general(kind):
        yield check.__name__, home, check
    for other in homes[1:]:
        for check in (resume_is_exact, samples_lie_in_the_space, save_and_load):
            yield f"{check.__name__}-{other}", Case(name, other), check
    precise = replace(home, dtype=torch.float64)
    for check in (sampling_repeats, resume_is_exact, save_and_load):
        yield f"{check.__name__}-float64", precise, check
    if kind.conditional:
        conditional = Case(name, homes[0], ("label",))
        for check in (given_is_checked, given_changes_the_samples, save_and_load, resume_is_exact):
            yield f"{check.__name__}-given", conditional, check
    yield from _likelihood(name, kind, home)


def _general(kind: type[System]) -> Iterator[Check]:
    yield turn_moves_only_its_player
    yield what_changes_is_saved
    yield losses_fall
    yield resume_is_exact
    yield bf16_trains
    yield compiles_what_has_a_forward
    yield options_rebuild_the_system
    yield options_have_an_effect
    yield save_and_load
    if not kind.conditional:
        yield given_is_checked
    if issubclass(kind, Samples):
        yield sampling_repeats
        yield samples_lie_in_the_space
    if "losses_fall" in kind.exempt and kind.progress_scalars is not System.progress_scalars:
        yield likelihood_never_falls


def _likelihood(name: str, kind: type[System], home: Case) -> Iterator[tuple[str, Case, Check]]:
    if issubclass(kind, Scores):
        data = "plane" if Vectors in kind.accepts else "tiny"
        yield "scores_sum_to_one", Case(name, data), scores_sum_to_one
        if kind.conditional:
            yield "scores_sum_to_one-given", Case(name, data, ("label",)), scores_sum_to_one
    if issubclass(kind, ExactInverse):
        yield "encode_and_decode_invert", home, encode_and_decode_invert
        if issubclass(kind, Scores):
            yield "log_det_is_autograds", home, log_det_is_autograds
    if issubclass(kind, Encodes) and issubclass(kind, Decodes):
        yield "codes_have_their_space", home, codes_have_their_space
    if issubclass(kind, Bounds):
        yield "bound_repeats", home, bound_repeats
        yield "bound_is_below", home, bound_is_below
    if issubclass(kind, Denoises):
        yield "denoising_keeps_clean_items", home, denoising_keeps_clean_items


def exemption(name: str, label: str) -> str | None:
    """Why a system's class skips a check, if it does."""
    return factory.resolve(name)[1].exempt.get(label.split("-")[0])


def systems() -> list[str]:
    """Every system that the package finds, without its variants."""
    return [name for name, entry in entries().items() if entry.variant_of is None]


def table() -> str:
    """Systems by checks, run now, as Markdown; and what all checks of a system cost."""
    results: dict[str, dict[str, str]] = {}
    seconds: dict[str, str] = {}
    notes: list[str] = []
    for name in systems():
        start = time.process_time()
        for label, case, check in checks(name):
            if reason := exemption(name, label):
                notes.append(f"- `{name}`, {label}: {reason}")
                results.setdefault(label, {})[name] = f"exempt ({len(notes)})"
                continue
            try:
                results.setdefault(label, {})[name] = check(case) or "holds"
            except Exception as error:
                results.setdefault(label, {})[name] = f"FAILS: {type(error).__name__}"
        seconds[name] = f"{time.process_time() - start:.1f}"
    results["CPU_seconds"] = seconds
    lines = [heading(), "|" + "---|" * (len(systems()) + 1)]
    for label, row in results.items():
        lines.append(f"| {label.replace('_', ' ')} | " + " | ".join(row.get(n, "") for n in systems()) + " |")
    numbered = [f"{i}. {note[2:]}" for i, note in enumerate(notes, 1)]
    return "\n".join([*lines, "", "Exempt, by number:", "", *numbered])


def heading() -> str:
    """The first row of the table."""
    return "| check | " + " | ".join(systems()) + " |"


def page() -> str:
    """docs/contracts.md: what each check says, and the table."""
    found = {check.__name__: check for name in systems() for _, _, check in checks(name)}
    words = [f"- **{name.replace('_', ' ')}**: {(check.__doc__ or '').strip()}" for name, check in found.items()]
    return "\n".join(
        [
            "# Contracts",
            "",
            "What every system promises, checked by capability on every system that the package finds, at toy size. "
            "`make test` runs each check; this page is written by `python -m tests.contracts --save`. A suffix says on "
            "what a check runs besides images: vectors, given a label, or in float64. The last row is what all checks "
            "of a system cost with one thread when the page was written; more than 4 is too much. Two ranks with two "
            "micro-batches equal one rank with four for every system, and resume bit for bit "
            "(`tests/test_ranks.py`); exempt are the statistics of batches that batch normalisation keeps, as each "
            "rank sees batches of its own, and only eval mode reads them. Runs killed by SIGKILL resume bit for bit "
            "(`tests/test_kill.py`; `results/soak.json` says how often `make soak` has seen it).",
            "",
            *words,
            "",
            table(),
            "",
        ]
    )


if __name__ == "__main__":
    torch.set_num_threads(1)
    if "--save" in sys.argv:
        PAGE.write_text(page())
    else:
        print(table())

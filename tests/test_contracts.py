"""Runs `tests/contracts.py` on every system."""

import pytest
import torch

from tests import contracts

CASES = [
    pytest.param(name, label, case, check, id=f"{name}-{label}")
    for name in contracts.systems()
    for label, case, check in contracts.checks(name)
]


@pytest.mark.parametrize(("name", "label", "case", "check"), CASES)
def test_contract(name, label, case, check):
    reason = contracts.exemption(name, label)
    if reason is not None:
        assert len(reason.split()) >= 4, "an exemption gives its reason in a sentence"
        return
    torch.manual_seed(0)
    check(case)


def test_the_page_shows_every_check_of_every_system():
    """docs/contracts.md is what `python -m tests.contracts --save` wrote: all there, nothing failing."""
    page = contracts.PAGE.read_text()
    assert "FAILS" not in page
    assert contracts.heading() in page
    labels = {label for name in contracts.systems() for label, *_ in contracts.checks(name)}
    assert all(f"| {label.replace('_', ' ')} |" in page for label in labels)


def test_the_page_gives_the_reason_of_each_exemption():
    lines = contracts.PAGE.read_text().splitlines()
    reasons = [
        f"`{name}`, {label}: {reason}"
        for name in contracts.systems()
        for label, *_ in contracts.checks(name)
        if (reason := contracts.exemption(name, label))
    ]
    exempt = [line.partition(". ")[2] for line in lines[lines.index("Exempt, by number:") + 1 :] if line]
    assert exempt == reasons


@pytest.mark.parametrize("name", contracts.systems())
def test_the_page_does_not_say_that_something_holds_where_there_is_nothing_to_check(name):
    rows = [[cell.strip() for cell in line.split("|")] for line in contracts.PAGE.read_text().splitlines()]
    column = rows[rows.index([cell.strip() for cell in contracts.heading().split("|")])].index(name)
    shown = {row[1]: row[column] for row in rows if len(row) > column}
    system = contracts.Case(name).create()
    assert shown["compiles what has a forward"] == ("holds" if system.compiles else "nothing to compile")
    assert shown["bf16 trains"] == ("holds" if system.players() else "no players")


@pytest.mark.parametrize("name", contracts.systems())
def test_only_checks_that_exist_are_exempt(name):
    labels = {label.split("-")[0] for label, *_ in contracts.checks(name)}
    assert contracts.factory.resolve(name)[1].exempt.keys() <= labels

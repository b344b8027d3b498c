"""A source of ours with options of its own: checked, recorded, typed as flags."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest

from daedal.cli.app import COMMANDS
from daedal.cli.flags import DATA
from daedal.data import load_data
from daedal.data.base import Column, Found
from daedal.data.digits import digits
from daedal.data.sources import NAMED, NamedSource, owners, take
from daedal.declare import PositiveInt, Probability
from daedal.errors import UsageError
from daedal.options import options_of
from daedal.systems.catalogue import entries


def _declared(*, strength: Probability = 0.5, turns: PositiveInt = 1, parts: tuple[PositiveInt, ...] = (1, 2)) -> None:
    """Options of a source."""


def read(options, *, strength, turns, parts):
    """Digits turned so many times, and named after the rest."""
    columns, train, test = digits()
    x = columns["x"].values
    for _ in range(turns):
        x = x.swapaxes(2, 3)
    return Found(f"{strength} {parts}", columns | {"x": Column(x, columns["x"].space)}, (train, test))


@pytest.fixture
def turned(monkeypatch):
    monkeypatch.setitem(NAMED, "turned", NamedSource("Turned.", f"{__name__}:read", options_of(_declared)))


def test_own_options_reach_the_reader_and_are_recorded(turned):
    data = load_data("turned", strength=1, turns=2, n=20)
    assert data.name == "1.0 (1, 2)"
    assert data.source.items() >= {"source": "turned", "strength": 1.0, "turns": 2, "parts": (1, 2), "n": 20}.items()
    assert data.fingerprint == load_data("digits", n=20).fingerprint != load_data("turned", n=20).fingerprint
    again = load_data(**json.loads(json.dumps(data.source)))
    assert (again.fingerprint, again.source, again.name) == (data.fingerprint, data.source, data.name)


def test_a_reader_may_return_data(turned, monkeypatch):
    whole = replace(load_data("digits", n=9), name="whole")
    monkeypatch.setitem(NAMED, "turned", NamedSource("", f"{__name__}:_whole", options_of(_declared)))
    monkeypatch.setitem(globals(), "_whole", lambda options, **own: whole)
    data = load_data("turned", turns=3, seed=4)
    assert data.name == "whole"
    assert data.source.items() >= {"source": "turned", "turns": 3, "seed": 4}.items()


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        ("turned", {"strength": 1.5}, r"'strength' of turned must be a float in \[0, 1\]; got 1.5"),
        ("turned", {"strenght": 1}, r"'strenght' is no option .* size, .*mirror, strength, .*Did you mean 'strength'"),
        ("digits", {"strength": 1}, "'strength' is no option of load_data here; .* It is an option of turned only"),
        ("toy:moons", {"strength": 1}, "It is an option of turned only"),
        ("turnde", {}, "the data sources are digits, .*turned|Did you mean 'turned'"),
    ],
)
def test_options_that_cannot_be_used(turned, source, options, message):
    with pytest.raises((UsageError, FileNotFoundError), match=message):
        load_data(source, **options)


def test_take_completes_what_was_given_with_defaults(turned):
    assert take("turned", {"turns": 3, "size": 8}) == ({"strength": 0.5, "turns": 3, "parts": (1, 2)}, {"size": 8})
    assert owners("turns") == ["turned"]


@pytest.mark.parametrize("name", NAMED)
def test_declared_options_have_help_and_free_names(name):
    taken = {o.name for entry in entries().values() for o in (*entry.options, *entry.sample_options)}
    for function, groups, _ in COMMANDS.values():
        if DATA in groups:  # else it does not take the flags of a source
            taken |= {*(function.__kwdefaults__ or {}), *(o.name for group in groups for o in group.options)}
    assert NAMED[name].summary.endswith(".")
    for option in NAMED[name].options:
        assert option.help
        assert option.name not in taken
        assert option.default is None or option.check(option.default, name) == option.default


def test_the_list_of_sources_imports_no_torch():
    code = "import sys, daedal.data.sources; print({'torch', 'numpy'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "set()"

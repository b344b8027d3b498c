"""Options that do nothing are refused; those that nobody typed, and those of old runs, are let pass."""

import json

import pytest

import daedal
from daedal.errors import UsageError
from daedal.spaces import Images, Vectors
from daedal.systems import factory
from daedal.systems.catalogue import find

DIGITS, POINTS = {"x": Images(1, 8, 8, 17)}, {"x": Vectors(2)}
CLIPPED, BINOMIAL = {"constraint": "clipping"}, {"likelihood": "binomial"}
IDLE = [  # system, fields, option, what is given, beside what, what old runs have stored
    ("gan", POINTS, "dropout", 0.3, {}, 0.5),
    ("realnvp", DIGITS, "couplings", 4, {}, 12),
    ("realnvp", POINTS, "scales", 3, {}, 1),
    ("ddpm", POINTS, "attention", (8,), {}, ()),
    ("ddpm", POINTS, "multipliers", (1,), {}, ()),
    ("wgan-gp", DIGITS, "clip_limit", 0.5, {}, 0.01),
    ("wgan-gp", DIGITS, "penalty_weight", 3.0, CLIPPED, 10.0),
    ("wgan-gp", POINTS, "penalty_weight", 3.0, CLIPPED, 1.0),
    ("vae", DIGITS, "sigma_floor", 0.1, BINOMIAL, 0.001),
]
EACH = pytest.mark.parametrize(
    ("name", "fields", "option", "value", "beside", "stored"), IDLE, ids=[f"{one[0]}-{one[2]}" for one in IDLE]
)


@EACH
def test_an_option_that_does_nothing_is_refused_and_resolves_to_none(name, fields, option, value, beside, stored):
    with pytest.raises(UsageError, match=f"^'{option}' of {find(name).class_name} does nothing .*; leave it out.$"):
        factory.create(name, fields, **beside, **{option: value})
    assert factory.create(name, fields, **beside).options[option] is None


@EACH
def test_runs_that_stored_its_default_still_load(name, fields, option, value, beside, stored, tmp_path):
    factory.save(factory.create(name, fields, **beside), tmp_path)
    record = json.loads((tmp_path / "system.json").read_text())
    assert record["options"][option] is None
    record["options"][option] = stored
    (tmp_path / "system.json").write_text(json.dumps(record))
    assert daedal.load(tmp_path).options[option] is None


@pytest.mark.parametrize("name", ["gan", "wgan-gp", "realnvp", "ddpm", "vae"])
@pytest.mark.parametrize("beside", [{}, CLIPPED], ids=["plain", "clipped"])
def test_the_papers_options_trip_nothing_for_vectors(name, beside):
    beside = beside if name == "wgan-gp" else {}
    small = {"width": 8} if name != "vae" else {}
    system = factory.create(name, POINTS, config="paper", **small, **beside)
    assert factory.create(name, POINTS, **system.options).options == system.options

"""A world on the command line: described, trained on with its own flags, sampled from, gone on with."""

import json

import pytest

from tests.cli.conftest import daedal  # noqa: F401

SMALL = ("--limit", "40", "--size", "8")
TINY = ("--hidden", "8", "--latent", "2", "--batch-size", "16", "--given", "hat")


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_it_is_described(daedal):  # noqa: F811
    answer = daedal("data", "tiny", *SMALL, "--fields", "depth,stencil", "--json")
    assert answer.status == 0
    assert (answer.json["train"], answer.json["test"]) == (36, 4)
    assert answer.json["fields"]["stencil"]["names"] == ["nothing", "ball", "hat"]


def test_an_endless_one_is_described(daedal):  # noqa: F811
    answer = daedal("data", "tiny", *SMALL, "--endless", "--json")
    assert answer.status == 0
    assert (answer.json["train"], answer.json["test"]) == (None, 4)


@pytest.mark.parametrize("more", [[], ["--endless", "--correlation", "size,hat,0.8"]])
def test_it_is_trained_on_and_sampled_from(daedal, tmp_path, more):  # noqa: F811
    assert daedal("train", "vae", "tiny", *SMALL, *TINY, *more, "--steps", 2, "--out", "run").status == 0
    source = json.loads((tmp_path / "run" / "training" / "run.json").read_text())["source"]
    assert source["endless"] is bool(more)
    assert source["correlation"] == ("size,hat,0.8" if more else None)
    assert daedal("train", "--resume", "run", "--steps", 3).out.startswith("run: 3 steps")
    answer = daedal("sample", "run", "--n", 3, "--given", "hat=yes", "--json")
    assert answer.json["shape"] == [3, 3, 8, 8]
    refused = daedal("sample", "run", "--given", "hat=maybe")
    assert (refused.status, refused.err.count("\n")) == (2, 1)
    assert "the classes are no, yes" in refused.err


@pytest.mark.parametrize("typed", [["small,large"], ["small", "large,hat=no"]])
def test_two_domains_are_described(daedal, typed):  # noqa: F811
    flags = [word for text in typed for word in ("--domains", text)]
    answer = daedal("data", "busy", *SMALL, *flags, "--set", "tint=red,shade=.5", "--json")
    assert answer.status == 0
    assert (answer.json["train"], answer.json["test"], answer.json["sides"]) == (36, 4, {"a": 18, "b": 18})
    assert answer.json["domains"] == {"a": "small", "b": typed[-1].removeprefix("small,")}
    assert answer.json["classes"]["tint"] == {"red": 4, "green": 0, "blue": 0}


def test_pairs_are_trained_on(daedal, tmp_path):  # noqa: F811
    domains = ("--domains", "small,large", "--paired", "--x", "b", "--given", "a")
    assert daedal("train", "vae", "busy", *SMALL, *TINY[:-2], *domains, "--steps", 2, "--out", "run").status == 0
    source = json.loads((tmp_path / "run" / "training" / "run.json").read_text())["source"]
    assert (source["domains"], source["paired"]) == (["small,large"], True)
    assert daedal("train", "--resume", "run", "--steps", 3).out.startswith("run: 3 steps")


def test_unpaired_domains_need_a_system_for_them(daedal):  # noqa: F811
    answer = daedal("train", "vae", "busy", *SMALL, "--domains", "small,large", "--x", "b", "--given", "a")
    assert (answer.status, answer.out) == (2, "")
    assert "load the data with paired=True (--paired)." in answer.err.replace("\n", " ")


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (["--size", "7"], "must be an integer in [8, 8192]"),
        (["--limit", "5"], "'n' (--limit) of tiny must be an integer in [10, inf); got 5."),
        (["--fields", "flow"], "ask for clips with 'frames' (--frames 8)"),
        (["--frame", "8"], "There is no flag --frame. Did you mean '--frames'?"),
        (["--correlation", "size,hut,1"], "'hut' is no factor of tiny"),
        (["--domains", "rgb,stensil"], "Did you mean 'stencil'?"),
        (["--domains", "rgb"], "'domains' must be two, such as stencil,rgb; got 1: rgb."),
        (["--paired"], "'paired' is about two domains"),
        (["--set", "hat"], "'hat' sets nothing; write a factor and its value"),
    ],
)
def test_what_cannot_be_is_one_line(daedal, typed, words):  # noqa: F811
    answer = daedal("data", "tiny", *typed)
    assert (answer.status, answer.out, answer.err.count("\n")) == (2, "", 1)
    assert words in answer.err


def test_the_help_lists_its_flags(daedal):  # noqa: F811
    text = daedal("data", "tiny", "--help").out
    assert all(flag in text for flag in ("--fields", "--correlation", "--frames", "--no-shadows", "--endless"))


def test_given_vectors_condition_a_run(daedal):  # noqa: F811
    typed = [*TINY[:-1], "factors", "--steps", 2, "--out", "run"]
    assert daedal("train", "vae", "tiny", *SMALL, *typed).status == 0
    answer = daedal("sample", "run", "--n", 2, "--given", "factors=-1,0,.5,1", "--out", "x.npy", "--json")
    assert answer.json["shape"] == [2, 3, 8, 8]

"""The options of a source are flags where it is named, and a run goes on with them."""

import json


def test_they_reach_the_source(daedal, tmp_path):
    typed = ("--correlation", "1", "--limit", "40", "--out", tmp_path / "sheet.png", "--json")
    answer = daedal("data", "colour-digits", *typed)
    assert (answer.status, answer.json["n"]) == (0, 40), answer.err
    other = daedal("data", "colour-digits", *typed[2:])
    assert other.json["fingerprint"] != answer.json["fingerprint"]


def test_they_are_in_the_help_of_that_source_only(daedal):
    for command in (("data",), ("train", "vae"), ("evaluate", "run"), ("compare",)):
        text = daedal(*command, "colour-digits", "--help").out
        assert "--test-correlation" in text
        assert "Options of colour-digits" in text
        assert "--test-correlation" not in daedal(*command, "digits", "--help").out


def test_a_value_or_a_flag_that_cannot_be_is_refused(daedal):
    refused = daedal("data", "colour-digits", "--correlation", "2")
    assert refused.status == 2
    assert "'correlation' of colour-digits must be a float in [0, 1]; got 2" in refused.err
    refused = daedal("data", "colour-digits", "--corelation", "1")
    assert refused.status == 2
    assert "--correlation" in refused.err
    assert daedal("data", "digits", "--correlation", "1").status == 2


def test_a_run_goes_on_with_them(daedal, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    small = ("--size", "8", "--limit", "40", "--latent", "2", "--hidden", "8", "--steps", "1", "--out", "run")
    assert daedal("train", "vae", "colour-digits", "--correlation", "0.75", *small).status == 0
    source = json.loads((tmp_path / "run" / "training" / "run.json").read_text())["source"]
    assert source["correlation"] == 0.75
    answer = daedal("train", "--resume", "run", "--steps", "2", "--json")
    assert (answer.status, answer.json["steps"]) == (0, 2), answer.err

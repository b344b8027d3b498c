"""Bars are where somebody watches, and nowhere else."""

import io

from daedal.cli.progress import CountProgress, TrainingProgress
from daedal.data.decoded import progress
from tests.terminal import Terminal


def watched(monkeypatch) -> Terminal:
    """Standard error as a terminal, for the rest of the test (pytest puts its own back after a fixture)."""
    stream = Terminal()
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERM", "xterm")
    return stream


def test_a_bar_of_training_shows_steps_and_losses(monkeypatch):
    terminal = watched(monkeypatch)
    with TrainingProgress("training [b]odd") as bar:
        bar.watch({"step": 5, "model/loss": 2.5}, 20)
        bar.watch({"step": 20, "critic/loss": -1.25, "synthesiser/loss": 3.0}, 20)
    shown = terminal.getvalue()
    assert all(words in shown for words in ("training [b]odd", "20/20", "critic -1.25  synthesiser 3"))


def test_a_bar_of_things_made_shows_how_many(monkeypatch):
    terminal = watched(monkeypatch)
    with CountProgress("rendering") as bar:
        bar.watch(3, 4)
    assert "rendering" in terminal.getvalue()
    assert "3/4" in terminal.getvalue()


def test_a_bar_of_decoding_shows_how_many(monkeypatch):
    terminal = watched(monkeypatch)
    with progress("Decoding pots", 64) as advance:
        advance(64)
    assert "Decoding pots" in terminal.getvalue()
    assert "64/64" in terminal.getvalue()


def test_nothing_is_shown_where_nobody_watches(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    with TrainingProgress("training") as bar, progress("Decoding", 2) as advance:
        bar.watch({"step": 1, "model/loss": 1.0}, 2)
        advance(2)
    assert (stream.getvalue(), bar.seen) == ("", 1)

"""Comparisons: a failure is a row, a stop leaves a report, nothing is trained before everything is checked."""

import csv
import importlib
import importlib.util
import io
import json
import os
import resource
import signal
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from daedal.capabilities import Scores
from daedal.data import load_data
from daedal.errors import Interrupted, RunError, UsageError
from daedal.evaluate import compare as module
from daedal.evaluate.columns import column
from daedal.evaluate.compare import compare
from daedal.evaluate.comparison import Comparison, text_table
from daedal.evaluate.contenders import DEFAULT, contenders
from daedal.evaluate.exhibits import read_exhibits
from daedal.evaluate.handover import hand_over_data, hand_over_system, take_data, take_system
from daedal.evaluate.measure import Material
from daedal.evaluate.process import outcome, run_worker
from daedal.evaluate.progress import Bars, Lines, loss_words
from daedal.evaluate.rows import summarise
from daedal.evaluate.worker import density_gap, equal_pairs, exhibits, one_line, write_material
from daedal.play.folder import read_settings
from daedal.play.system import System
from daedal.spaces import Vectors
from daedal.systems import catalogue
from daedal.systems.factory import create
from daedal.systems.storage import load
from tests.small import images
from tests.terminal import Terminal

BROKEN = '''
import os, signal, torch
from torch import nn
from daedal.capabilities import Samples
from daedal.declare import Paper
from daedal.play.system import System

class Base(System, Samples):
    """One that breaks."""
    paper = Paper(title="T", authors="Doe, J.", year=2000)
    def __init__(self, x, given=None):
        super().__init__(x, given)
        self.weight = nn.Parameter(torch.ones(3))
    def draw(self, n, given, generator):
        return torch.zeros(n, *self.x.shape)

class Raises(Base):
    """One that raises."""
    def loss(self, batch):
        print("noise on stdout", flush=True)
        raise ArithmeticError("it cannot <b>be</b>")

class Dies(Base):
    """One that is killed."""
    def loss(self, batch):
        os.kill(os.getpid(), signal.SIGKILL)
'''


@pytest.fixture(scope="module")
def digits():
    return load_data("digits")


@pytest.fixture(scope="module")
def moons():
    return load_data("toy:moons", n=300)


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    """A module of systems that break, where another process finds it too."""
    folder = tmp_path_factory.mktemp("systems")
    (folder / "broken_systems.py").write_text(BROKEN)
    sys.path.insert(0, str(folder))
    yield importlib.import_module("broken_systems")
    sys.path.remove(str(folder))


@pytest.fixture(scope="module")
def finished(digits, broken, tmp_path_factory):
    """One that ends well between one that raises and one that is killed."""
    systems = [broken.Raises(digits.fields["x"]), "pca", broken.Dies(digits.fields["x"])]
    out = tmp_path_factory.mktemp("comparisons") / "digits"
    return compare(systems, digits, seconds=0.5, seed=3, out=out, threads=1, quiet=True)


# -- a comparison with failures


def test_a_failure_is_a_row_with_its_reason_and_the_others_go_on(finished):
    raised, well, killed = finished.rows
    assert [row["status"] for row in finished.rows] == ["failed", "ok", "failed"]
    assert raised["reason"] == "ArithmeticError: it cannot <b>be</b>"
    assert "raise ArithmeticError" in raised["runs"][0]["trace"]
    assert "killed by SIGKILL" in killed["reason"]
    assert [row["system"] for row in finished.rows] == ["broken-systems", "pca", "broken-systems-2"]
    assert finished.failed
    assert well["metrics"]["fd-digits"]["value"] > well["metrics"]["fd-digits"]["floor"] > 0


def test_rows_have_the_keys_that_programs_read(finished):
    well = finished.rows[1]
    assert {"system", "status", "steps", "seconds", "metrics"} <= set(well)
    assert {"value", "kind", "floor", "spread", "n"} <= set(well["metrics"]["bits-per-dim"])
    assert well["metrics"]["train-seconds"]["value"] == pytest.approx(well["seconds"], abs=0.01)
    assert {"precision", "recall", "density", "coverage", "class-entropy", "reconstruction-mse", "memorised",
            "images-per-second", "parameters", "peak-memory-mb", "kid-digits"} <= set(well["metrics"])  # fmt: skip


def test_a_measure_is_better_in_the_direction_that_its_column_shows(finished):
    metrics = finished.rows[1]["metrics"]
    assert {name: m["better"] for name, m in metrics.items()} == {name: column(name).better for name in metrics}


def test_the_folder_holds_what_the_rows_were_made_of(finished):
    run = finished.rows[1]["runs"][0]
    home = finished.folder / run["folder"]
    assert run["seed"] == 3
    assert read_settings(home / "run")["settings"]["seed"] == 3
    samples, rows = np.load(home / "samples.npy"), np.load(home / "material.npz")
    assert samples.shape == (500, 1, 8, 8)
    assert np.load(home / "further.npy").shape == (1000, 1, 8, 8)
    assert {"reference", "training", "nearest"} <= set(rows.files)
    shown = read_exhibits(home)
    assert np.array_equal(shown.samples, samples[:64])
    assert shown.ways.shape == (5, 10, 1, 8, 8)
    assert json.loads((finished.folder / "rows.json").read_text()) == finished.record


def test_what_is_asked_for_reaches_every_worker(digits, tmp_path):
    """Two repeats, in processes of their own: seeds, threads, budget, what is modelled and what is given."""
    names, options = ["vae"], {"vae": {"hidden": (8,), "latent": 2}}
    done = compare(
        names, digits, seconds=0.05, repeats=2, seed=5, given="label", options=options, threads=1, device="cpu",
        out=tmp_path / "out", quiet=True,
    )  # fmt: skip
    (row,) = done.rows
    assert [run["seed"] for run in row["runs"]] == [5, 6]
    starts = []
    for run in row["runs"]:
        settings = read_settings(done.folder / run["folder"] / "run")["settings"]
        wanted = {"seed": run["seed"], "threads": 1, "seconds": 0.05}
        assert {key: settings[key] for key in wanted} == wanted
        made = load(done.folder / run["folder"] / "run")
        assert (made.roles, made.hidden, made.latent) == ({"x": "x", "given": ["label"]}, (8,), 2)
        starts.append(made.state_dict())
    assert any(not torch.equal(one, starts[1][name]) for name, one in starts[0].items())
    assert row["metrics"]["class-accuracy"]["spread"] is not None
    assert row["metrics"]["fd-digits"]["spread"] > 0


def test_what_is_modelled_can_be_named(tmp_path):
    data = images(n=60, size=4)
    data.fields["y"], columns = Vectors(16), data.train.columns
    columns["y"] = replace(
        columns["x"], values=columns["x"].values.reshape(60, 16).astype(np.float32), space=Vectors(16)
    )
    done = compare(["pca"], data, x="y", seconds=0.05, threads=1, out=tmp_path / "out", quiet=True)
    made = load(done.folder / done.rows[0]["runs"][0]["folder"] / "run")
    assert (made.x, made.roles["x"]) == (Vectors(16), "y")


def test_the_numbers_can_be_recomputed_by_other_code(finished):
    path = Path(__file__).parents[1] / "recompute_distances.py"
    spec = importlib.util.spec_from_file_location("recompute_distances", path)
    other = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(other)
    lines = other.check(finished.folder)
    assert len(lines) >= 12
    assert [line for line in lines if not line[-1]] == []


def test_interpolations_begin_and_end_with_reconstructions(finished):
    shown = read_exhibits(finished.folder / finished.rows[1]["runs"][0]["folder"])
    assert np.allclose(shown.ways[:, 0], shown.rebuilt[0:10:2], atol=1e-5)
    assert np.allclose(shown.ways[:, -1], shown.rebuilt[1:10:2], atol=1e-5)


def test_interpolations_of_what_only_decodes_are_between_samples():
    data, generator = images(), torch.Generator().manual_seed(0)
    system = create("gan", data, given="label", latent=4, width=4)
    label = torch.arange(6) % 2
    drawn = system.sample(6, given={"label": label}, generator=generator)
    rows = np.arange(6)
    shown = exhibits(system, data, Material(drawn, drawn[:0], {}, rows, rows, rows, 0.0), seed=1)
    assert shown.rebuilt is None
    assert shown.ways.shape == (3, 10, 1, 8, 8)
    again = exhibits(system, data, Material(drawn, drawn[:0], {}, rows, rows, rows, 0.0), seed=1)
    assert np.array_equal(shown.ways, again.ways)
    assert np.abs(shown.ways[0, 0] - shown.ways[0, -1]).max() > np.abs(shown.ways[0, 0] - shown.ways[0, 1]).max() > 0


def test_it_is_saved_as_html_json_and_csv(finished, tmp_path):
    page = finished.save(tmp_path / "deep" / "x.html").read_text()
    assert page == finished.report.read_text()
    assert "it cannot &lt;b&gt;be&lt;/b&gt;" in page
    assert json.loads(finished.save(tmp_path / "x.json").read_text())["rows"] == finished.rows
    lines = list(csv.DictReader(finished.save(tmp_path / "x.csv").open()))
    assert float(lines[1]["fd-digits"]) == finished.rows[1]["metrics"]["fd-digits"]["value"]
    assert lines[1]["bits-per-dim kind"] == "bound"
    assert lines[0]["status"] == "failed"
    with pytest.raises(UsageError, match=r"must end in \.html, \.json or \.csv"):
        finished.save(tmp_path / "x.txt")


def test_it_prints_as_a_table_and_can_be_opened_again(finished):
    again = Comparison.open(finished.folder)
    assert str(again) == str(finished)
    assert "killed by SIGKILL" in str(again)
    assert "≤" in next(line for line in str(again).splitlines() if line.startswith("pca"))
    assert "<table>" in again._repr_html_()
    narrow = text_table(again.rows, 80)
    assert max(len(line) for line in narrow[:5]) <= 80
    assert "FD-digits" in narrow[0]
    assert "Precision" in narrow[0]


# -- stopping


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_leaves_a_report_of_what_there_is(number, moons, tmp_path, monkeypatch):
    class Stops(Lines):
        def update(self, system, event):
            if event["event"] == "training":
                os.kill(os.getpid(), number)

    monkeypatch.setattr(module.progress, "display", lambda systems, repeats: Stops(systems, repeats, io.StringIO()))
    with pytest.raises(Interrupted, match="report of what there is") as stop:
        compare(["vae", "pca"], moons, seconds=1000, out=tmp_path / "out", threads=1)
    assert stop.value.signal == number
    comparison = Comparison.open(tmp_path / "out")
    assert [row["status"] for row in comparison.rows] == ["stopped", "stopped"]
    assert comparison.record["finished"] is False
    assert "stopped before its end" in comparison.report.read_text()
    checkpoints = list((tmp_path / "out" / "vae" / "0" / "run" / "training").glob("step-*"))
    assert max(checkpoint.name for checkpoint in checkpoints) > "step-0000000001"  # its state was saved


# -- what is checked before anything is trained


def test_unknown_names_and_options_are_refused_before_anything_is_written(moons, tmp_path):
    for wanted, options, message in (
        (["pca", "vea"], {}, "Did you mean 'vae'"),
        (["pca"], {"pca": {"componnts": 2}}, "componnts"),
        (["pca"], {"vae": {"latent": 2}}, "'vae' is none of them"),
        (["pca", "pixelcnn"], {}, "pixelcnn"),
        ([], {}, "at least one system"),
        ([3], {}, "names of systems"),
    ):
        with pytest.raises(UsageError, match=message):
            compare(wanted, moons, out=tmp_path / "out", options=options, quiet=True)
        assert not (tmp_path / "out").exists()


NUMBERS = [{"seconds": 0}, {"seconds": float("nan")}, {"repeats": 0}, {"seed": -1}, {"seed": 2**63 - 1, "repeats": 2}]


@pytest.mark.parametrize("bad", NUMBERS)
def test_numbers_out_of_range_are_refused(bad, moons):
    with pytest.raises(UsageError, match=f"'{next(iter(bad))}' of compare"):
        compare(["pca"], moons, quiet=True, **bad)


@pytest.mark.parametrize("device", ["cuda", "mps", "abacus"])
def test_a_device_that_is_not_there_is_refused_before_anything_is_written(moons, tmp_path, monkeypatch, device):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UsageError, match=r"no GPU that PyTorch can use|must be auto, cpu or cuda"):
        compare(["pca"], moons, out=tmp_path / "out", device=device)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("text", "threads"), [("3,2", 3), ("5", 5), ("0", 7), ("foo", 7), ("100000", 7), ("", 7)])
def test_threads_are_as_openmp_is_told_or_as_there_are_cores(monkeypatch, text, threads):
    monkeypatch.setenv("OMP_NUM_THREADS", text)
    monkeypatch.setattr(module, "cores", lambda: 7)
    assert module._threads() == threads


def test_too_few_items_are_refused(moons):
    few = replace(moons, train=moons.train[:3])
    with pytest.raises(UsageError, match="at least 10 training items"):
        compare(["pca"], few, quiet=True)


def test_a_folder_that_holds_something_is_not_touched(moons, tmp_path):
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(RunError, match="is not empty"):
        compare(["pca"], moons, out=tmp_path, quiet=True)
    with pytest.raises(RunError, match="not a comparison"):
        compare(["pca"], moons, out=tmp_path, overwrite=True, quiet=True)
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="choose another --out"):
        compare(["pca"], moons, out=tmp_path / "file" / "out", quiet=True)
    assert (tmp_path / "letter.txt").read_text() == "dear"


def test_overwriting_replaces_a_comparison_and_only_that(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "rows.json").write_text("{}")
    (folder / "old").write_text("")
    assert module.make_folder(folder, None, True) == folder
    assert list(folder.iterdir()) == []
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_link_to_a_comparison_stays_a_link_when_it_is_overwritten(tmp_path):
    folder, link = tmp_path / "out", tmp_path / "link"
    folder.mkdir()
    (folder / "rows.json").write_text("{}")
    link.symlink_to(folder)
    assert module.make_folder(link, None, True) == link
    assert link.readlink() == folder
    assert list(folder.iterdir()) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "out"]


def test_a_comparison_that_is_under_way_is_not_overwritten(moons, tmp_path, monkeypatch):
    caught = []

    def run(contest):
        (contest.folder / "rows.json").write_text("{}")
        with pytest.raises(RunError, match="out is being written by another process; wait for it or stop it"):
            compare(["pca"], moons, out=contest.folder, overwrite=True, quiet=True)
        assert (contest.folder / "rows.json").is_file()
        caught.append(True)

    monkeypatch.setattr(module._Contest, "run", run)
    compare(["pca"], moons, out=tmp_path / "out", quiet=True)
    assert caught
    assert module.make_folder(tmp_path / "out", moons, True).is_dir()  # now it is not


def test_by_default_those_that_can_model_the_data_take_part(digits, moons):
    names = [c.label for c in contenders(None, digits, "x", (), {})]
    assert names == [name for name in DEFAULT if name in catalogue.entries()]
    points = [c.label for c in contenders(None, moons, "x", (), {})]
    assert "gmm" in points
    assert "pixelcnn" not in points


def test_made_systems_must_fit_the_data(digits, moons):
    with pytest.raises(UsageError, match="no other process finds it"):
        contenders(
            [type("Local", (Truth,), {"__qualname__": "f.<locals>.Local"})(Vectors(2), None)], moons, "x", (), {}
        )
    with pytest.raises(UsageError, match="'pca' models 'x'"):
        contenders([create("pca", digits)], moons, "x", (), {})


# -- between the processes


def test_data_in_memory_comes_out_as_it_went_in(tmp_path):
    values = np.random.default_rng(0).integers(0, 255, (40, 6, 6), dtype=np.uint8)
    data = load_data({"x": values, "label": np.arange(40) % 3}, mirror=True)
    again = take_data(hand_over_data(data, tmp_path))
    assert (again.name, again.fields, again.fingerprint) == (data.name, data.fields, data.fingerprint)
    for one, other in ((data.train, again.train), (data.test, again.test)):
        for name in data.fields:
            assert torch.equal(one.gather(range(len(one)))[name], other.gather(range(len(other)))[name])


def test_named_data_is_loaded_again_and_must_be_the_same(moons, tmp_path):
    record = hand_over_data(moons, tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert take_data(json.loads(json.dumps(record))).fingerprint == moons.fingerprint
    with pytest.raises(UsageError, match="has changed"):
        take_data({**record, "fingerprint": "other"})


def test_a_made_system_starts_where_it_was(moons, tmp_path, broken):
    system = create("vae", moons, latent=2, seed=5)
    again = take_system(hand_over_system(system, tmp_path / "vae"))
    assert again.options == system.options
    for one, other in zip(system.state_dict().values(), again.state_dict().values(), strict=True):
        assert torch.equal(one, other)
    own = take_system(hand_over_system(broken.Raises(moons.fields["x"]), tmp_path / "own"))
    assert type(own) is broken.Raises


def test_a_system_of_the_running_program_is_refused(moons, tmp_path, broken, monkeypatch):
    monkeypatch.setattr(broken.Raises, "__module__", "__main__")
    with pytest.raises(UsageError, match="write it in a module of its own"):
        hand_over_system(broken.Raises(moons.fields["x"]), tmp_path / "own")


def test_how_a_process_ended_is_told(tmp_path):
    (tmp_path / "worker.log").write_text("Fatal: last words")
    ended = outcome(-11, {"event": "training"}, tmp_path)
    assert ended == {"status": "failed", "reason": "Its process was killed by SIGSEGV.", "trace": "Fatal: last words"}
    assert outcome(3, {}, tmp_path)["reason"] == "Its process ended with exit status 3."
    told = {"event": "failed", "reason": "Why.", "trace": "Where."}
    assert outcome(1, told, tmp_path) == {"status": "failed", "reason": "Why.", "trace": "Where."}


def test_a_worker_that_cannot_start_is_a_failure(tmp_path):
    ended = run_worker({"folder": str(tmp_path), "threads": 1}, tmp_path, worker=[sys.executable, "-c", "exit('no')"])
    assert ended["status"] == "failed"
    assert ended["trace"].strip() == "no"


def test_errors_are_one_line():
    assert one_line(UsageError("Do this.")) == "Do this."
    assert one_line(RuntimeError("a\n  b")) == "RuntimeError: a b"
    assert one_line(MemoryError()) == "MemoryError without a message."
    assert one_line(RuntimeError("a" * 10**6)) == f"RuntimeError: {'a' * 500}"


def test_a_disk_that_is_full_when_a_worker_writes_is_told_and_leaves_no_part(tmp_path):
    rows = np.arange(2000)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(OSError, match="File too large") as full:
            write_material(tmp_path, Material(torch.zeros(2000, 2), torch.zeros(0, 2), {}, rows, rows, rows, 0.0))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    said = f"File too large ('{tmp_path / 'samples.npy'}'); free some space and compare again."
    assert (one_line(full.value), list(tmp_path.iterdir())) == (said, [])


def test_pairs_are_given_the_same():
    assert equal_pairs({}, 5) == [(0, 1), (2, 3)]
    assert equal_pairs({"label": torch.tensor([0, 1, 1, 0, 2, 0])}, 6) == [(1, 2), (0, 3)]


class Truth(System, Scores):
    """Knows the data's density, less half a nat."""

    def __init__(self, x, density):
        super().__init__(x)
        self.density = density

    def log_prob(self, x, *, given=None):
        return self.density.log_prob(x) - 0.5


def test_the_density_gap_is_what_a_systems_density_lacks(moons):
    rows = np.arange(20)
    material = Material(torch.zeros(20, 2), torch.zeros(0, 2), {}, rows, rows, rows, 0.0)
    gap = density_gap(Truth(Vectors(2), moons.density), moons, material, 0)
    assert gap["value"] == pytest.approx(0.5, abs=1e-5)
    assert gap["spread"] == pytest.approx(0, abs=1e-5)
    assert gap["kind"] == "exact"
    assert density_gap(Truth(Vectors(2), moons.density), replace(moons, density=None), material, 0) is None


# -- rows and progress


def run(value, status="ok", **changes):
    metrics = {"precision": {"value": value, "kind": "measured", "floor": 0.9, "spread": 0.02, "n": 500}}
    common = {
        "status": status,
        "steps": 100,
        "seconds": 2.0,
        "metrics": metrics,
        "exact_copies": 0.1,
        "density_gap": None,
    }
    return {**common, **changes}


def test_repeats_become_mean_and_deviation():
    row = summarise("a", [run(0.5), run(0.7), run(0.9)])
    assert row["metrics"]["precision"]["value"] == pytest.approx(0.7)
    assert row["metrics"]["precision"]["spread"] == pytest.approx(0.2)
    assert row["metrics"]["precision"]["floor"] == pytest.approx(0.9)
    assert summarise("a", [run(0.5)])["metrics"]["precision"]["spread"] == 0.02


def test_a_repeat_that_failed_is_told_and_the_others_still_count():
    row = summarise("a", [run(0.5), {"status": "failed", "reason": "Why."}])
    assert (row["status"], row["reason"]) == ("failed", "Repeat 2 of 2: Why.")
    assert row["metrics"]["precision"]["value"] == 0.5


def test_progress_is_lines_where_nobody_watches():
    stream = io.StringIO()
    lines = Lines(["pca", "wgan-gp"], 2, stream)
    lines.start("pca", 1)
    lines.update("pca", {"event": "training", "step": 5, "steps": 10, "seconds": 1.0, "loss": {"model": 2.5}})
    lines.update("pca", {"event": "evaluating"})
    lines.finish("pca", "failed", "Why.")
    assert stream.getvalue().splitlines() == [
        "pca      training (repeat 2 of 2)",
        "pca      evaluating, loss 2.5",
        "pca      failed: Why.",
    ]


def test_bars_show_the_time_left_and_the_losses():
    stream = Terminal()
    bars = Bars(["[b]odd"], 1, stream)
    event = {"event": "training", "step": 5, "steps": 20, "seconds": 4.0, "loss": {"critic": -1.25, "synthesiser": 3.0}}
    bars.update("[b]odd", event)
    assert bars.bars.tasks[0].fields["words"] == "00:12 left  critic -1.25, synthesiser 3"
    assert bars.bars.tasks[0].percentage == 25
    bars.close()
    assert "[b]odd" in stream.getvalue()
    assert loss_words({"loss": {"model": None}}) == ""

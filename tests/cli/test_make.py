"""`data`, `train`, `sample`, `evaluate`, `doctor`, `compare`, `reproduce`: what they write and answer."""

import json
import math
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from PIL import Image

from daedal.cli.make import _length
from daedal.evaluate.measure import Measure, Measures
from daedal.play import compiling
from daedal.spaces import Images, Labels, Vectors
from daedal.systems.factory import create, load, save

TINY = ("--hidden", "8", "--latent", "2", "--batch-size", "16")


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of an untrained VAE on digits, conditioned on the label."""
    from daedal import load_data, train

    folder = tmp_path_factory.mktemp("runs") / "vae"
    data = load_data("digits", n=60)
    return train("vae", data, steps=2, out=folder, given="label", hidden=(8,), latent=2, batch_size=16).path


# -- train


def test_train_answers_where_the_run_is(daedal, tmp_path):
    answer = daedal("train", "vae", "digits", "--limit", 60, "--steps", 3, *TINY, "--json")
    assert answer.status == 0
    assert answer.json.keys() >= {"run", "steps", "seconds", "loss"}
    assert (answer.json["run"], answer.json["steps"]) == ("runs/vae-digits", 3)
    assert math.isfinite(answer.json["loss"])
    again = daedal("train", "vae", "digits", "--limit", 60, "--steps", 3, *TINY)
    assert again.out.startswith("runs/vae-digits-2: 3 steps in ")


def test_flags_of_training_reach_the_run(daedal, tmp_path):
    typed = ["--rate", "0.01", "--accumulate", "2", "--precision", "bf16", "--threads", "1", "--save-every", "1"]
    typed += ["--keep", "1", "--seed", "3", "--given", "label", "--out", "run", "--limit", "60"]
    assert daedal("train", "vae", "digits", "--steps", 2, *TINY, *typed).status == 0
    kept = json.loads((tmp_path / "run" / "training" / "run.json").read_text())
    wanted = {"rate": 0.01, "accumulate": 2, "precision": "bf16", "threads": 1, "save_every": 1, "keep": 1, "seed": 3}
    assert {name: kept["settings"][name] for name in wanted} == wanted
    assert kept["settings"]["batch_size"] == 16
    assert kept["source"]["n"] == 60
    assert json.loads((tmp_path / "run" / "system.json").read_text())["roles"] == {"x": "x", "given": ["label"]}


def test_each_save_leaves_a_picture(daedal, tmp_path, monkeypatch):
    monkeypatch.setattr("daedal.systems.training.PICTURE_SHARE", float("inf"))  # as if saves were far apart
    typed = ["train", "vae", "digits", "--limit", 60, "--steps", 6, "--save-every", 2, *TINY, "--out", "run"]
    assert daedal(*typed).status == 0
    pictures = sorted((tmp_path / "run" / "samples").iterdir())
    assert [path.name for path in pictures] == [f"step-{step:08d}.png" for step in (2, 4, 6)]
    assert len({path.read_bytes() for path in pictures}) == 3


def test_compile_runs_graphs(daedal, monkeypatch):
    torch._dynamo.reset()
    monkeypatch.setattr(compiling, "BACKEND", "eager")
    before = compiling.graphs_run()
    assert daedal("train", "vae", "digits", "--limit", 60, "--steps", 2, *TINY).status == 0
    assert compiling.graphs_run() == before
    assert daedal("train", "vae", "digits", "--limit", 60, "--steps", 2, *TINY, "--compile").status == 0
    assert compiling.graphs_run() > before


def test_a_budget_in_seconds_becomes_steps(daedal, tmp_path):
    answer = daedal("train", "vae", "digits", "--limit", 60, "--seconds", 0.2, *TINY, "--out", "run", "--json")
    assert answer.status == 0
    kept = json.loads((tmp_path / "run" / "training" / "run.json").read_text())
    assert (kept["settings"]["seconds"], kept["settings"]["steps"]) == (0.2, None)
    assert kept["stage_steps"] == [answer.json["steps"]]


@pytest.mark.parametrize(("seconds", "early"), [(None, False), (2.0, False), (100.0, True)])
def test_a_run_that_its_recipe_ends_says_so(seconds, early):
    recipe = SimpleNamespace(epochs=5)
    ended = SimpleNamespace(step=10, seconds=2.0, epochs=5.0, system=SimpleNamespace(recipe=recipe))
    said = _length(cast(Any, ended), seconds)
    assert said.startswith("10 steps in 2.0 s")
    assert ("its recipe ends here" in said) is early


def test_flags_without_effect_are_said(daedal):
    few = ["digits", "--limit", 60, "--steps", 1]
    answer = daedal("train", "vae", *few, "--hidden", "8", "--batch-size", 5000)
    assert answer.status == 0
    assert "--batch-size 5000 is more than the 43 training items, so a step takes no more" in answer.err
    answer = daedal("train", "pca", *few, "--rate", 0.1, "--precision", "bf16")
    assert answer.status == 0
    assert "pca is fitted without gradients, where --rate and --precision had no effect." in answer.err
    assert daedal("train", "vae", *few, *TINY, "--rate", 0.1, "--precision", "bf16").err == ""


def test_the_papers_configuration_is_one_flag(daedal, tmp_path):
    typed = ["--config", "paper", "--latent", "2", "--steps", "1", "--out", "run", "--limit", "60"]
    assert daedal("train", "vae", "digits", *typed).status == 0
    record = json.loads((tmp_path / "run" / "system.json").read_text())
    assert (record["config"], record["options"]["latent"], record["options"]["hidden"]) == ("paper", 2, [500])
    assert record["recipe"]["batch_size"] == 100


def test_a_finished_run_says_so_and_more_steps_go_on(daedal):
    assert daedal("train", "vae", "digits", "--limit", 60, "--steps", 2, *TINY).status == 0
    finished = daedal("train", "--resume", "runs/vae-digits")
    assert finished.status == 0
    assert finished.out.startswith("runs/vae-digits: finished already, after 2 steps")
    more = daedal("train", "--resume", "runs/vae-digits", "--steps", 4, "--json")
    assert (more.status, more.json["steps"]) == (0, 4)


def test_an_occupied_folder_needs_overwrite(daedal):
    typed = ["train", "vae", "digits", "--limit", 60, "--steps", 1, "--out", "run", *TINY]
    assert daedal(*typed).status == 0
    refused = daedal(*typed)
    assert refused.status == 2
    assert "run is not empty; choose another --out, or --overwrite it, or --resume it." in refused.err
    assert daedal(*typed, "--overwrite").status == 0


PLUGIN = '''
from daedal.declare import Paper, PositiveInt
from daedal.nn.mlp import mlp
from daedal.capabilities import Samples
from daedal.play.system import System
import torch


class Potter(System, Samples):
    """Makes pots.

    Options:
        clay: how much
    """

    paper = Paper(title="Pots", authors="Doe, J.", year=2000)

    def __init__(self, x, given=None, *, clay: PositiveInt = 3):
        super().__init__(x, given)
        self.clay = clay
        self.level = torch.nn.Parameter(torch.zeros(x.shape))

    def loss(self, batch):
        return ((batch.x - self.level) ** 2).mean()

    def draw(self, n, given, generator, *, height: float = 0.0):
        """Draw.

        Options:
            height: added
        """
        return self.level.expand(n, *self.level.shape) + height
'''


def test_a_system_of_ones_own_trains_and_samples_by_plugin(daedal, tmp_path):
    (tmp_path / "potter.py").write_text(PLUGIN.replace("from daedal.nn.mlp import mlp\n", ""))
    plugin = ["--plugin", "potter.py"]
    typed = ["train", "potter", "toy:ring8", "--clay", 5, "--steps", 2, "--limit", 60, "--out", "run", *plugin]
    answer = daedal(*typed)
    assert answer.status == 0, answer.err
    refused = daedal("sample", "run")
    assert refused.status == 2
    assert "holds the system 'potter', which is not one of Daedal's" in refused.err
    assert daedal("sample", "run", *plugin, "--height", 2, "--n", 3, "--out", "x.csv").status == 0
    assert np.loadtxt("x.csv", delimiter=",").shape == (3, 2)
    assert daedal("train", "--resume", "run", "--steps", 3, *plugin).status == 0
    assert daedal("info", "potter", *plugin, "--json").json["options"][0]["name"] == "clay"
    wrong = daedal("train", "vae", "toy:ring8", *plugin)
    assert "holds the system 'potter', not 'vae'" in wrong.err


# -- sample


def test_samples_are_those_of_the_library(daedal, run, tmp_path):
    typed = ["--given", "label=0..9", "--temperature", "0.5", "--n", 10, "--seed", 3, "--out", "x.npy"]
    answer = daedal("sample", run, *typed, "--json")
    assert answer.json == {"files": ["x.npy"], "shape": [10, 1, 8, 8], "seed": 3}
    given = {"label": torch.arange(10)}
    generator = torch.Generator().manual_seed(3)
    wanted = load(run).sample(10, given=given, generator=generator, temperature=0.5)
    assert np.array_equal(np.load("x.npy", allow_pickle=False), wanted.numpy())


def test_a_link_to_a_run_stays_a_link_when_the_run_is_overwritten(daedal):
    typed = ["train", "vae", "digits", "--limit", 60, "--steps", 1, *TINY]
    assert daedal(*typed, "--out", "elsewhere/run").status == 0
    os.symlink("elsewhere/run", "link")
    assert daedal(*typed, "--out", "link", "--overwrite", "--seed", 1).status == 0
    assert os.readlink("link") == "elsewhere/run"
    assert json.loads(Path("elsewhere/run/training/run.json").read_text())["settings"]["seed"] == 1
    assert (sorted(os.listdir()), os.listdir("elsewhere")) == (["elsewhere", "link"], ["run"])


def test_the_name_of_a_run_may_hold_any_mark(daedal):
    typed = ["train", "vae", "digits", "--limit", 60, "--steps", 1, *TINY]
    answer = daedal(*typed, "--out", "a**b[c]?")
    assert answer.status == 0, answer.err
    assert os.listdir() == ["a**b[c]?"]


def test_a_grid_is_inside_the_run_unless_told_otherwise(daedal, run):
    first, second = (daedal("sample", run, "--given", "label=1", "--n", 4) for _ in range(2))
    assert first.out.strip() == f"{run}/samples/sample-seed0.png"
    assert second.out.strip() == f"{run}/samples/sample-seed0-2.png"
    assert Image.open(first.out.strip()).size[0] > 8


def test_a_folder_gets_one_file_each(daedal, run):
    typed = ["sample", run, "--given", "label=2", "--n", 11, "--out", "many"]
    answer = daedal(*typed, "--json")
    assert answer.json["files"] == [f"many/{i:02d}.png" for i in range(11)]
    image = Image.open("many/03.png")
    assert (image.size, image.mode) == ((8, 8), "L")
    assert daedal(*typed).status == 2
    Path("many/mine.txt").write_text("dear")
    assert daedal(*typed, "--overwrite").status == 0
    assert sorted(os.listdir("many")) == [*(f"{i:02d}.png" for i in range(11)), "mine.txt"]


def test_a_folder_of_samples_is_whole_or_not_there(daedal, run, monkeypatch):
    def stop_at_the_third(image):
        drawn.append(image)
        places.update(path.parent for path in Path().resolve().rglob(".*.building-*"))
        if len(drawn) % 3 == 0:
            raise KeyboardInterrupt
        return b"png"

    drawn, places = [], set()
    monkeypatch.setattr("daedal.cli.samples._png", stop_at_the_third)
    typed = ["sample", run, "--given", "label=2", "--n", 5, "--out", "many"]
    assert daedal(*typed).status == 130
    assert os.listdir() == []
    os.mkdir("many")
    Path("many/0.png").write_text("mine")
    assert places == {Path().resolve()}
    places.clear()
    assert daedal(*typed, "--overwrite").status == 130
    assert places == {Path("many").resolve()}  # "many" may be another disk, where files cannot be moved to
    assert (os.listdir(), os.listdir("many"), Path("many/0.png").read_text()) == (["many"], ["0.png"], "mine")


def test_a_picture_has_the_levels_of_the_samples(daedal, run):
    daedal("sample", run, "--given", "label=3", "--n", 2, "--out", "x.npy")
    daedal("sample", run, "--given", "label=3", "--n", 2, "--out", "each")
    x = np.load("x.npy", allow_pickle=False)
    levels = np.stack([np.asarray(Image.open(f"each/{i}.png")) for i in range(2)])
    assert np.array_equal(levels, ((x[:, 0].astype(float) + 1) * 127.5).round())


def test_deep_grey_is_written_with_16_bits(daedal, tmp_path):
    space = Images(1, 8, 8, 65536)
    system = create("vae", {"x": space}, hidden=(8,), latent=2)
    save(system, tmp_path / "deep")
    assert daedal("sample", "deep", "--n", 1, "--out", "each").status == 0
    image = np.asarray(Image.open("each/0.png"))
    assert image.dtype == np.uint16
    x = load("deep").sample(1, generator=torch.Generator().manual_seed(0))
    assert np.array_equal(image, ((x[0, 0].double() + 1) * 32767.5).round().numpy())


def test_many_samples_are_drawn_in_parts(daedal, run, monkeypatch):
    from daedal.cli import make

    monkeypatch.setattr(make, "CHUNK", 4)
    answer = daedal("sample", run, "--given", "label=0..9", "--n", 10, "--out", "x.npy", "--json")
    assert answer.json["shape"] == [10, 1, 8, 8]


SAMPLE_WRONG = {
    "--n 0": "'n' of sample must be an integer in [1, inf); got 0.",
    "--seed 9223372036854775808": "'seed' of sample must be an integer in [0, 2**63); got 9223372036854775808.",
    "--temperature -1": "'temperature' of VAE.sample must be a float in [0, inf); got -1.",
    "--temprature 1": "There is no flag --temprature. Did you mean '--temperature'?",
    "--given label=11": "'11' is no class of 'label'; the classes are classes 0 to 9.",
    "--given lable=1": "'given' has no place for 'lable'",
    "--out x.jpg": "'out' of sample must end in .png, .npy or .csv, or be a folder; got 'x.jpg'.",
    "--out x.csv": "'x.csv': a .csv holds vectors",
}


@pytest.mark.parametrize("typed", list(SAMPLE_WRONG))
def test_sampling_wrongly_is_one_sentence(daedal, run, tmp_path, typed):
    answer = daedal("sample", run, *typed.split())
    assert answer.status == 2
    wanted = SAMPLE_WRONG[typed].replace("the classes are classes", "the classes are")
    assert answer.err.replace("the classes are classes", "the classes are").startswith(f"daedal: {wanted}")
    assert not list(tmp_path.iterdir())


def test_what_is_given_must_be_said(daedal, run):
    answer = daedal("sample", run)
    assert answer.status == 2
    assert answer.err == f"daedal: {run} needs 'label'; say which, such as --given label=0..9.\n"


def test_what_is_given_is_said_by_name_where_classes_have_names(daedal, tmp_path):
    fields = {"x": Vectors(2), "label": Labels(3, names=("red fox", "cat", "dog"))}
    save(create("vae", fields, given="label", hidden=(8,), latent=2), tmp_path / "named")
    answer = daedal("sample", "named")
    assert answer.err == "daedal: named needs 'label'; say which, such as --given 'label=red fox,cat'.\n"
    assert daedal("sample", "named", "--given", "label=red fox,cat", "--n", 2).status == 0


def test_more_samples_than_fit_into_memory_are_refused(daedal, run, monkeypatch):
    twice_ten = 2 * 10 * (64 * 4 + 8)  # ten digits of float32 with their labels, in parts and joined
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(available=twice_ten))
    assert daedal("sample", run, "--given", "label=1", "--n", 10, "--out", "x.npy").status == 0
    refused = daedal("sample", run, "--given", "label=1", "--n", 11, "--out", "y.npy")
    assert refused.status == 2
    assert refused.err.startswith(
        "daedal: 11 samples need 0.0 GiB of memory and 0.0 GiB is free; choose a smaller --n."
    )


# -- data


def test_data_is_described(daedal):
    record = daedal("data", "digits", "--json").json
    assert (record["n"], record["train"], record["test"], record["problems"]) == (1797, 1297, 500, [])
    assert record["fields"]["label"]["classes"] == 10
    assert Image.open(record["sheet"]).size[0] > 8
    assert daedal("data", "toy:ring8", "--limit", 100, "--out", "sheet.png").status == 0
    assert Image.open("sheet.png").size[0] > 8
    assert daedal("data", "toy:ring8", "--limit", 100, "--out", "new/folder/sheet.png").status == 0
    assert Image.open("new/folder/sheet.png").size[0] > 8


def test_bad_items_are_listed_and_are_status_2_unless_skipped(daedal, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for i in range(12):
        Image.fromarray(np.random.default_rng(i).integers(0, 255, (8, 8), np.uint8)).save(folder / f"{i}.png")
    (folder / "text.png").write_text("no image")
    answer = daedal("data", "photos", "--json")
    assert answer.status == 2
    assert (answer.json["n"], len(answer.json["problems"])) == (12, 1)
    assert "text.png" in answer.json["problems"][0]
    assert answer.json["error"]["type"] == "DataError"
    assert "--skip-bad" in daedal("data", "photos").err
    skipped = daedal("data", "photos", "--skip-bad", "--json")
    assert (skipped.status, "error" in skipped.json) == (0, False)
    refused = daedal("train", "vae", "photos", "--steps", 1, "--json")
    assert refused.status == 2
    assert "text.png" in refused.json["error"]["message"]
    trained = daedal("train", "vae", "photos", "--steps", 1, *TINY, "--skip-bad")
    assert trained.status == 0
    assert "left out 1 items" in trained.err
    assert "Traceback" not in trained.err


# -- evaluate, doctor, compare, reproduce


def test_the_seed_of_an_evaluation_is_what_samples_are_drawn_from(daedal, run):
    def kid(seed):
        typed = ["--n", 20, "--metrics", "kid-digits", "--seed", seed, "--json"]
        return daedal("evaluate", run, "digits", *typed).json["metrics"]["kid-digits"]["value"]

    assert kid(1) == kid(1)
    assert kid(1) != kid(2)


@pytest.mark.parametrize("command", ["evaluate", "sample"])
def test_a_device_that_is_none_is_refused(daedal, run, command):
    answer = daedal(command, run, "--device", "abacus")
    assert (answer.status, answer.err) == (2, "daedal: 'device' must be auto, cpu or cuda; got 'abacus'.\n")


def test_evaluation_has_the_keys_that_programs_read(daedal, run):
    answer = daedal("evaluate", run, "digits", "--metrics", "bits-per-dim,parameters", "--json")
    assert answer.status == 0, answer.err
    assert answer.json["metrics"].keys() == {"bits-per-dim", "parameters"}
    assert answer.json["metrics"]["bits-per-dim"].keys() >= {"value", "kind", "floor", "spread", "n"}
    assert answer.json["metrics"]["bits-per-dim"]["kind"] == "bound"


def test_evaluation_finds_the_runs_own_data(daedal, run):
    answer = daedal("evaluate", run, "--metrics", "parameters")
    assert answer.status == 0
    assert "parameters" in answer.out


def test_numbers_that_are_not_finite_are_null(daedal, run, monkeypatch):
    measures = Measures({"bits-per-dim": Measure(math.nan, "exact", floor=math.inf)})
    monkeypatch.setattr("daedal.evaluate.protocol.evaluate", lambda *arguments, **options: measures)
    metric = daedal("evaluate", run, "digits", "--json").json["metrics"]["bits-per-dim"]
    assert (metric["value"], metric["floor"]) == (None, None)


def test_the_doctors_findings_have_their_keys(daedal, run):
    findings = daedal("doctor", run, "--json").json["findings"]
    assert all(finding.keys() == {"code", "message", "knob"} for finding in findings)


def comparison(*statuses):
    rows = [
        {"system": f"s{i}", "status": status, "reason": None, "steps": 1, "seconds": 1.0, "metrics": {}, "runs": []}
        for i, status in enumerate(statuses)
    ]
    return SimpleNamespace(rows=rows, report="runs/report.html", failed=any(s != "ok" for s in statuses))


@pytest.mark.parametrize(("statuses", "status"), [(("ok", "ok"), 0), (("ok", "failed"), 1)])
def test_a_comparison_fails_if_a_row_did(daedal, monkeypatch, statuses, status):
    asked = {}

    def compare(names, data, **options):
        asked.update(options, names=names)
        return comparison(*statuses)

    monkeypatch.setattr("daedal.evaluate.compare.compare", compare)
    typed = ["--systems", "pca, gmm", "--seconds", "2.5", "--repeats", "2", "--given", "label", "--limit", "60"]
    answer = daedal("compare", "digits", *typed, "--json")
    assert answer.status == status
    assert answer.json.keys() == {"report", "rows"}
    assert answer.json["rows"][0].keys() >= {"system", "status", "steps", "seconds", "metrics"}
    assert (asked["names"], asked["seconds"], asked["repeats"], asked["given"]) == (["pca", "gmm"], 2.5, 2, ("label",))
    command = "daedal compare digits --systems 'pca, gmm' --seconds 2.5 --repeats 2 --given label --limit 60"
    assert asked["command"] == command


def test_the_reports_command_says_all_that_changes_the_numbers(daedal, monkeypatch):
    asked = {}
    monkeypatch.setattr(
        "daedal.evaluate.compare.compare", lambda names, data, **options: asked.update(options) or comparison("ok")
    )
    typed = ["--systems", "gmm", "--seconds", "20", "--seed", "3", "--x", "label", "--device", "cpu", "--threads", "1"]
    assert daedal("compare", "digits", *typed, "--mirror", "--out", "there", "--overwrite").status == 0
    assert (asked["seed"], asked["out"], asked["overwrite"]) == (3, "there", True)
    assert asked["command"] == " ".join(["daedal", "compare", "digits", *typed, "--mirror"])
    assert (asked["x"], asked["device"], asked["threads"]) == ("label", "cpu", 1)


def test_the_reports_command_can_be_typed_again(daedal, monkeypatch):
    """A switch that was typed as --no-NAME is one in it."""
    asked = []
    monkeypatch.setattr(
        "daedal.evaluate.compare.compare", lambda *_, command, **options: asked.append(command) or comparison("ok")
    )
    assert daedal("compare", "streets", "--systems", "pca", "--limit", "10", "--size", "8", "--no-shadows").status == 0
    assert "--no-shadows" in asked[0].split()
    assert daedal(*asked[0].split()[1:]).status == 0
    assert asked[1] == asked[0]


def test_a_system_of_ones_own_is_compared_by_plugin(daedal, tmp_path):
    (tmp_path / "mine").mkdir()  # where no worker finds it by its name
    (tmp_path / "mine" / "pots.py").write_text(PLUGIN.replace("from daedal.nn.mlp import mlp\n", ""))
    typed = ["--systems", "pots", "--seconds", "0.05", "--limit", "60", "--threads", "1", "--out", "all"]
    answer = daedal("compare", "toy:ring8", *typed, "--plugin", "mine/pots.py", "--json")
    assert answer.status == 0, answer.err
    assert [(row["system"], row["status"]) for row in answer.json["rows"]] == [("pots", "ok")]


def test_the_doctor_says_when_it_read_the_log_only(daedal, tmp_path):
    (tmp_path / "potter.py").write_text(PLUGIN.replace("from daedal.nn.mlp import mlp\n", ""))
    plugin = ["--plugin", "potter.py"]
    daedal("train", "potter", "toy:ring8", "--steps", 2, "--limit", 60, "--out", "run", *plugin)
    assert (
        "Only the log was read, and the model not looked at: run holds the system 'potter'"
        in daedal("doctor", "run").out
    )
    assert "--plugin" in daedal("doctor", "run", "--json").json["unseen"]
    looked = daedal("doctor", "run", *plugin, "--json").json
    assert looked["unseen"] is None
    assert [finding["code"] for finding in looked["findings"]] == ["collapse"]  # it draws zeros


@pytest.mark.parametrize(("holds", "quick", "status"), [(True, False, 0), (False, False, 1), (False, True, 0)])
def test_a_claim_that_does_not_hold_is_status_1(daedal, monkeypatch, holds, quick, status):
    claim = {"id": "c", "says": "it is so", "holds": holds, "difference": 1.0, "bar": 0.5, "se": 0.1, "seeds": [0]}
    monkeypatch.setattr("daedal.claims.reproduce.reproduce", lambda *arguments, **options: {"claims": [claim]})
    answer = daedal("reproduce", "vae", "--seeds", "0", *(["--quick"] if quick else []), "--json")
    assert answer.status == status
    assert answer.json["claims"][0].keys() >= {"id", "holds", "difference", "bar", "se", "seeds"}
    assert "it is so" in daedal("reproduce", "vae").out


@pytest.mark.parametrize(
    ("typed", "seeds", "quick", "out"),
    [([], [0, 1, 2], False, "results"), (["--seeds", "4,2", "--quick", "--out", "here"], [4, 2], True, "here")],
)
def test_flags_of_reproduce_reach_the_measurement(daedal, monkeypatch, typed, seeds, quick, out):
    asked = []

    def reproduce(name, seeds, *, quick, out, watch):
        asked.append((name, seeds, quick, out))
        return {"claims": []}

    monkeypatch.setattr("daedal.claims.reproduce.reproduce", reproduce)
    assert daedal("reproduce", "vae", *typed).status == 0
    assert asked == [("vae", seeds, quick, Path(out))]


def test_stale_claims_are_listed(daedal, monkeypatch):
    monkeypatch.setattr("daedal.claims.reproduce.stale", lambda folder: ["gmm", "vae"])
    assert daedal("reproduce", "--stale", "--json").json == {"claims": [], "stale": ["gmm", "vae"]}
    assert daedal("reproduce", "vae", "--stale").out == "vae\n"

import html
import json

import numpy as np
import pytest
import torch
from PIL import Image

from daedal.data.load import load_data
from daedal.errors import RunError, UsageError
from daedal.play.folder import read_settings
from daedal.spaces import Images, Labels, Vectors
from daedal.systems import training
from daedal.systems.factory import create, load
from daedal.systems.training import default_folder, resume, train
from tests import small

TINY = {"hidden": (8,), "latent": 2}


@pytest.fixture(scope="module")
def data():
    return small.images()


@pytest.fixture
def run(data, tmp_path):
    return train("vae", data, steps=3, batch_size=16, out=tmp_path / "run", given="label", **TINY)


def test_a_run_folder_holds_what_it_should(run, data):
    names = {path.name for path in run.path.iterdir()}
    assert names == {
        *("system.json", "weights.safetensors", "README.md", "log.jsonl"),
        *("training", "tensorboard", "samples"),
    }
    assert Image.open(run.path / "samples" / "step-00000003.png").size[0] > 0
    record = json.loads((run.path / "system.json").read_text())
    assert record["fingerprint"] == data.fingerprint
    assert record["train_seconds"] == pytest.approx(run.seconds, abs=1e-3)


def test_the_system_ends_as_it_is_loaded(run):
    assert not run.system.training
    assert small.same(run.system, load(run.path))


def test_a_system_is_trained_in_place(data, tmp_path):
    system = create("vae", data, **TINY)
    before = {name: p.clone() for name, p in system.named_parameters()}
    run = train(system, data, steps=2, out=tmp_path / "run")
    assert run.system is system
    assert any(not torch.equal(p, before[name]) for name, p in system.named_parameters())


def test_settings_reach_the_trainer(data, tmp_path):
    settings = {"batch_size": 16, "rate": 0.01, "accumulate": 2, "precision": "bf16", "threads": 1, "save_every": 1}
    run = train("vae", data, steps=2, seed=5, keep=1, out=tmp_path / "run", **settings, **TINY)
    kept = read_settings(run.path)["settings"]
    assert {name: kept[name] for name in settings} == settings
    assert (kept["steps"], kept["seed"], kept["keep"]) == (2, 5, 1)


def test_the_log_can_be_watched(data, tmp_path):
    seen = []
    train("vae", data, steps=3, out=tmp_path / "run", watch=lambda line, steps: seen.append((line, steps)), **TINY)
    assert seen[-1][1] == 3
    assert seen[-1][0]["step"] == 3
    assert "model/loss" in seen[-1][0]


def test_without_a_place_the_first_free_one_is_taken(data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert str(default_folder("vae", data)) == "runs/vae-images"
    (tmp_path / "runs" / "vae-images").mkdir(parents=True)
    (tmp_path / "runs" / "vae-images-2").mkdir()
    run = train("vae", data, steps=1, **TINY)
    assert str(run.path) == "runs/vae-images-3"


def test_an_odd_name_of_data_makes_a_plain_folder(data):
    odd = training.dataclasses.replace(data, name="../my photos/ü\n$")
    assert str(default_folder("vae", odd)) == "runs/vae-my-photos-ü"


def test_an_occupied_folder_is_refused_unless_overwritten(run, data):
    with pytest.raises(RunError, match="is not empty; choose another --out, or --overwrite it"):
        train("vae", data, steps=1, out=run.path, **TINY)
    again = train("vae", data, steps=1, out=run.path, overwrite=True, **TINY)
    assert json.loads((again.path / "system.json").read_text())["roles"]["given"] == []


def test_something_that_is_no_run_is_never_overwritten(data, tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(RunError, match="is not a run, and is not overwritten"):
        train("vae", data, steps=1, out=tmp_path, overwrite=True, **TINY)
    assert (tmp_path / "thesis.txt").read_text() == "mine"


# -- going on


def test_a_run_goes_on_to_a_new_total(run, data):
    again = train("vae", data, out=run.path, resume=True, steps=6)
    assert (again.step, again.steps, again.path) == (6, 6, run.path)
    assert [line["step"] for line in again.history] == [1, 2, 3, 4, 5, 6]
    assert small.same(again.system, load(run.path))


def test_a_system_that_is_handed_in_is_trained_on(run, data):
    system = create("vae", data, given="label", seed=9, **TINY)
    again = train(system, data, out=run.path, resume=True, steps=4)
    assert again.system is system
    assert small.same(system, load(run.path))


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("gan", {}, "holds the system 'vae', not 'gan'; resume it by its own name"),
        ("vae", {"latent": 3}, "was made with 'latent' = 2, not 3; resume it as it was made"),
        ("vae", {"given": ()}, r"was made with 'given' = \['label'\], not \(\)"),
        ("vae", {"rate": 1.0}, "A resumed run keeps its settings, and only its steps may change; leave out 'rate'"),
        ("vae", {"seconds": 1.0}, "leave out 'seconds'"),
        ("vae", {"seed": 7}, "leave out 'seed'"),
        ("vae", {"overwrite": True}, "leave out 'overwrite'"),
        ("vae", {"steps": 1}, "has already played 3 steps"),
    ],
)
def test_a_run_is_resumed_as_what_it_is(run, data, name, options, message):
    with pytest.raises(UsageError, match=message):
        train(name, data, out=run.path, resume=True, **options)


def test_the_same_options_said_again_are_no_contradiction(run, data):
    assert train("vae", data, out=run.path, resume=True, given="label", hidden=[8]).step == 3


def test_a_run_is_not_resumed_on_other_data(run):
    with pytest.raises(UsageError, match="fingerprints differ"):
        train("vae", small.images(seed=1), out=run.path, resume=True)
    with pytest.raises(UsageError, match=r"was made for 'x' Images.*, and this data has Vectors.*; create it anew"):
        train("vae", small.vectors(), out=run.path, resume=True)


def test_a_run_knows_its_data(tmp_path):
    data = load_data("digits", n=40)
    run = train("vae", data, steps=2, out=tmp_path / "run", **TINY)
    asked = []

    def load_again(source, **options):
        asked.append(source)
        return load_data(source, **options)

    again = resume(run.path, load_again, steps=3)
    assert asked == ["digits"]
    assert again.step == 3
    assert resume(run.path, load_again).step == 3


def test_data_made_in_python_must_be_handed_in(run):
    with pytest.raises(RunError, match="was trained on data made in Python; resume it there"):
        resume(run.path, load_data)


def test_a_damaged_weights_file_does_not_stop_a_run_with_checkpoints(run, data):
    weights = run.path / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    again = train("vae", data, out=run.path, resume=True, steps=4)
    assert small.same(again.system, load(run.path))


def test_a_run_in_float64_goes_on_in_float64(data, tmp_path):
    def made():
        return create("vae", data, **TINY).double()

    def stop(line, steps):
        if line["step"] == 4:
            raise ZeroDivisionError

    options = {"steps": 6, "save_every": 2, "batch_size": 16}
    whole = train(made(), data, out=tmp_path / "whole", **options)
    with pytest.raises(ZeroDivisionError):
        train(made(), data, out=tmp_path / "run", watch=stop, **options)
    with pytest.raises(RunError, match=r"is torch\.float64 in .*, and torch\.float32 in the system that is to go on"):
        train(made().float(), data, out=tmp_path / "run", resume=True)
    again = train("vae", data, out=tmp_path / "run", resume=True)
    assert again.system.dtype == torch.float64
    assert small.same(whole.system, again.system)


# -- what is asked wrongly


def test_options_of_a_made_system_are_too_late(data):
    with pytest.raises(UsageError, match="'latent' is an option of 'create', and this system is already made"):
        train(create("vae", data, **TINY), data, steps=1, latent=3)


def test_resuming_needs_a_folder(data):
    with pytest.raises(UsageError, match="Resuming needs 'out'"):
        train("vae", data, resume=True)


def test_three_items_are_too_few(tmp_path):
    with pytest.raises(UsageError, match="Training needs at least 10 training items; this data has 3"):
        train("vae", small.images(4), steps=1, out=tmp_path / "run", **TINY)
    assert not (tmp_path / "run").exists()


# -- pictures and card


def test_a_slow_sampler_is_pictured_less_often(data, tmp_path, monkeypatch):
    system = create("vae", data, **TINY)
    now = [0.0]
    monkeypatch.setattr(training.time, "monotonic", lambda: now[0])
    real = system.sample

    def slow(*arguments, **options):
        now[0] += 5.0
        return real(*arguments, **options)

    monkeypatch.setattr(system, "sample", slow)
    picture = training.Illustrator(system, data, 0)
    for step, pause in ((1, 0.0), (2, 30.0), (3, 30.0)):
        now[0] += pause
        picture(tmp_path, step)
    names = sorted(path.name for path in (tmp_path / "samples").iterdir())
    assert names == ["step-00000001.png", "step-00000003.png"]


@pytest.fixture
def slow(data, monkeypatch):
    """A system whose net takes a second each time that it is called, the clock, and what samples it."""
    system, now = create("ddpm", data, timesteps=8, width=8, blocks=1), [0.0]
    monkeypatch.setattr(training.time, "monotonic", lambda: now[0])

    def wait(*_):
        now[0] += 1.0

    system.network.register_forward_pre_hook(wait)
    return system, now


def test_a_picture_takes_a_tenth_of_a_budget_in_seconds_or_is_given_up(slow, data, tmp_path):
    system, now = slow
    picture = training.Illustrator(system.train(), data, 0, seconds=30.0)
    picture(tmp_path, 1)
    assert 3.0 < now[0] <= 4.0  # up to the first call after the moment
    assert system.training
    now[0] += 1e6
    picture(tmp_path, 2)
    assert now[0] < 1e6 + 5.0  # no other is begun
    assert not (tmp_path / "samples").exists()


@pytest.mark.parametrize("seconds", [100.0, None])
def test_a_picture_that_a_budget_has_room_for_is_the_one_that_is_made_without_one(slow, data, tmp_path, seconds):
    system, now = slow
    training.Illustrator(system, data, 0, seconds)(tmp_path, 1)
    assert now[0] == 8.0
    expected = system.sample(16, generator=torch.Generator().manual_seed(0))
    training.show(expected).save(tmp_path / "expected.png")
    assert (tmp_path / "samples" / "step-00000001.png").read_bytes() == (tmp_path / "expected.png").read_bytes()


def test_a_budget_bounds_pictures_of_a_resumed_run_too_unless_it_is_told_other_steps(data, tmp_path, monkeypatch):
    seen = []
    made = training.Illustrator.__init__

    def watched(self, system, data, seed, seconds=None):
        seen.append(seconds)
        made(self, system, data, seed, seconds)

    monkeypatch.setattr(training.Illustrator, "__init__", watched)
    steps = train("pca", data, seconds=0.1, out=tmp_path / "run", components=2).steps
    for options in ({}, {}, {"steps": steps + 1}, {}):
        train("pca", data, out=tmp_path / "run", resume=True, **options)
    assert seen == [0.1, 0.1, 0.1, None, None]


def test_the_card_is_filled_in(run):
    text = (run.path / "README.md").read_text()
    assert text.startswith("---\nlibrary_name: daedal\n")
    for words in (
        "# VAE on images",
        "48 training items",
        "3 of 3 steps",
        "Auto-encoding",
        "@inproceedings",
        '"latent": 2',
    ):
        assert words in text
    assert "None" not in text.split("## Options")[0].replace("frames=None", "").replace("names=None", "")


@pytest.mark.parametrize("given", [(), "label", "y", "codes", "left"])
def test_the_code_of_the_card_runs(given, tmp_path):
    n, rng = 40, np.random.default_rng(0)
    pixels = rng.integers(0, 256, (2, n, 1, 8, 8), dtype=np.uint8)
    data = small.data_of(
        "all",
        {
            "x": (pixels[0], Images(1, 8, 8)),
            "left": (pixels[1], Images(1, 8, 8)),
            "label": (rng.integers(0, 3, n), Labels(3)),
            "codes": (rng.integers(0, 5, (n, 4)), Labels(5, (4,))),
            "y": (rng.normal(size=(n, 2)).astype(np.float32), Vectors(2)),
        },
    )
    run = train("vae", data, given=given, steps=1, out=tmp_path / "run", **TINY)
    code = (run.path / "README.md").read_text().split("```python\n")[1].split("```")[0]
    found = {}
    exec(code.replace("path/to/this/folder", str(run.path)), found)
    assert found["samples"].shape == (16, 1, 8, 8)
    if given == "label":
        assert found["given"]["label"].tolist() == [0, 1, 2] * 5 + [0]


def test_the_card_of_a_foreign_system_asks_for_its_class(tmp_path):
    class Mine(small.Line):
        pass

    run = train(Mine, small.vectors(), steps=1, out=tmp_path / "run")
    assert ", system=Mine)  # the class that it was trained with" in (run.path / "README.md").read_text()


def test_what_strangers_named_is_no_markup_in_the_card(tmp_path):
    evil = "<img src=x>|[a](b) `c`\n# d_e_"
    labels = np.array([evil, "dog"])[np.arange(40) % 2]
    data = load_data({"x": np.random.default_rng(0).normal(size=(40, 2)), evil: labels})
    run = train("vae", data, given=evil, steps=1, out=tmp_path / "run", **TINY)
    row = next(line for line in (run.path / "README.md").read_text().splitlines() if line.startswith("| Given |"))
    assert not set("<>[]#") & set(row.replace("&#", ""))
    assert (row.count("|"), row.count("`")) == (3, 2)
    assert evil.replace("\n", "\\n") in html.unescape(row)

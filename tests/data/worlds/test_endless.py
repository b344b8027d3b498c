"""Endless worlds: the same items as finite ones, trained on without repeats, resumed exactly."""

import itertools

import numpy as np
import pytest
import torch

from daedal.data.describe import contact_sheet, describe
from daedal.data.load import load_data
from daedal.errors import UsageError
from daedal.evaluate.compare import compare
from daedal.evaluate.protocol import evaluate
from daedal.play.settings import Hooks, Settings
from daedal.play.stream import Source, Stream
from daedal.play.trainer import Trainer
from daedal.systems.factory import create
from daedal.systems.training import resume, train
from tests.small import same

ROLES = {"x": "x", "given": ["hat"]}


def tiny(endless=True, n=40, **options):
    return load_data("tiny", n=n, size=8, endless=endless, **options)


def vae(data, **options):
    return create("vae", data, given="hat", **{"hidden": (8,), "latent": 2, **options})


class Boom(Exception):
    pass


def boom(entry, steps):
    if entry["step"] >= 3:
        raise Boom


# -- as data


def test_training_has_no_end_and_test_has_one():
    data = tiny()
    with pytest.raises(TypeError, match="has no len"):
        len(data.train)
    assert len(data.test) == 4
    assert data.train[10**12]["x"].shape == (3, 8, 8)
    assert "endless train, 4 test" in repr(data)


@pytest.mark.parametrize("options", [{}, {"seed": 2, "correlation": "size,hat,-0.7"}])
def test_items_are_those_of_the_finite_world(options):
    endless, finite = tiny(**options), tiny(False, **options)
    for part in ("train", "test"):
        mine, theirs = (getattr(data, part).gather(range(4)) for data in (endless, finite))
        assert all(torch.equal(mine[name], theirs[name]) for name in finite.fields)
    assert endless.fields == finite.fields
    assert endless.finite().fingerprint == finite.fingerprint
    assert finite.finite() is finite


def test_no_training_item_is_tested():
    data = tiny()
    trained = data.world.training_index(np.arange(1000))
    assert len(set(trained)) == 1000
    assert not set(trained) & set(data.world.test_index(np.arange(1000)))


def test_a_slice_is_finite():
    data = tiny()
    assert len(data.train[2:8:2]) == 3
    assert torch.equal(data.train[2:8:2][1]["x"], data.train[4]["x"])
    with pytest.raises(UsageError, match="needs an end"):
        data.train[3:]


@pytest.mark.parametrize("index", [-1, 0.5])
def test_a_position_must_be_one(index):
    with pytest.raises(UsageError, match=r"must be an integer in \[0, inf\)"):
        tiny().train.gather([index])


def test_fingerprints_tell_worlds_apart():
    marks = [tiny(**options).fingerprint for options in ({}, {"seed": 1}, {"correlation": "size,hat,1"}, {"n": 50}, {})]
    assert len(set(marks)) == 4
    assert marks[0] == marks[-1]


def test_it_is_described_and_pictured():
    data = tiny()
    description = describe(data)
    assert description.train is None
    assert "endless training items" in str(description)
    assert contact_sheet(data).size[0] > 8


# -- in training


def batches(data, seat=0, seats=1):
    return Stream(Source(data.train, ROLES, torch.device("cpu"), torch.float32), 6, seat, seats, seed=5, stage=0)


def test_each_draw_is_of_new_items_in_order():
    data = tiny()
    drawn = torch.cat([batch.x for batch in itertools.islice(batches(data), 3)])
    assert torch.equal(drawn, data.train.gather(range(18), ["x"])["x"])


def test_seats_share_a_draw():
    data = tiny()
    whole, halves = batches(data), [batches(data, seat, 2) for seat in (0, 1)]
    for _ in range(2):
        batch, parts = next(whole), [next(half) for half in halves]
        assert torch.equal(batch.x, torch.cat([part.x for part in parts]))
        assert torch.equal(batch.given["hat"], torch.cat([part.given["hat"] for part in parts]))


@pytest.mark.parametrize("broken_at", [1, 4])
def test_a_broken_run_ends_bit_identical(tmp_path, broken_at):
    data = tiny()
    settings = Settings(steps=6, batch_size=8, save_every=2, tensorboard=False)
    whole = Trainer(vae(data), data, settings).run()

    def stop(entry, steps):
        if entry["step"] >= broken_at:
            raise Boom

    with pytest.raises(Boom):
        Trainer(vae(data), data, settings, out=tmp_path / "run", hooks=Hooks(watch=stop)).run()
    again = tiny()
    resumed = Trainer.reopen(tmp_path / "run", vae(again, latent=2), again).resume()
    assert resumed.step == 6
    assert same(whole.system, resumed.system)


def test_a_run_resumes_from_its_folder(tmp_path):
    data = tiny(correlation=("size", "hat", 0.5), label="hat")
    options = {"given": "hat", "hidden": (8,), "latent": 2, "batch_size": 8}
    whole = train("vae", data, steps=5, out=tmp_path / "whole", **options)
    with pytest.raises(Boom):
        train("vae", data, steps=5, out=tmp_path / "run", save_every=2, watch=boom, **options)
    assert same(whole.system, resume(tmp_path / "run", load_data).system)
    assert "endless training items, 4 test items" in (tmp_path / "whole" / "README.md").read_text()


def test_a_budget_in_seconds_knows_no_epochs(tmp_path):
    data = tiny()
    system = vae(data)
    system.recipe = type(system.recipe)(batch_size=8, steps=2, epochs=1)
    ticks = itertools.count()
    run = Trainer(system, data, Settings(seconds=20.0), clock=lambda: next(ticks) * 0.5).run()
    assert run.steps == 40  # half a second a round by this clock; one epoch of finite data would have been 4


def test_units_of_vectors_are_learned_from_the_first_items():
    data = tiny()
    system = create("realnvp", data, x="shift")
    x = data.world.gather(data.world.training_index(np.arange(10_000)), ["shift"])["shift"].double()
    torch.testing.assert_close(system.standardise.scale.double(), x.std(0, correction=0), atol=1e-6, rtol=1e-6)


def test_a_pass_over_all_items_is_refused(tmp_path):
    data = tiny()
    for name, x in (("pca", "x"), ("gmm", "shift")):
        with pytest.raises(UsageError, match="these are endless"):
            train(name, data, x=x, steps=1, out=tmp_path / name)
        assert not (tmp_path / name).exists()


# -- afterwards


def test_it_is_evaluated_as_the_finite_one():
    endless, finite = tiny(n=200), tiny(False, n=200)
    system = vae(endless).eval()
    names = ["reconstruction-mse", "memorised"]
    mine, theirs = (evaluate(system, data, metrics=names) for data in (endless, finite))
    assert [mine[name].value for name in names] == [theirs[name].value for name in names]


def test_a_comparison_needs_an_end(tmp_path):
    with pytest.raises(UsageError, match="leave out 'endless'"):
        compare(["vae"], tiny(), out=tmp_path / "compare")
    assert not (tmp_path / "compare").exists()

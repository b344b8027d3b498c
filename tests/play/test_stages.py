"""Training in two stages: what is fresh in the second, what is handed over, and exact resume around the boundary."""

from functools import partial

import pytest
import torch
from torch import nn

from daedal.declare import Paper
from daedal.play import checkpoint
from daedal.play.folder import read_settings
from daedal.play.player import Average, Player, Rate, Stage
from daedal.play.settings import Hooks, Settings
from daedal.play.system import System
from daedal.play.trainer import Trainer
from daedal.play.turn import Turn
from tests.small import same, vectors

DATA = vectors()
STEPS = 8  # of each stage, unless told otherwise


class Relay(System):
    """One number u: down a slope of 1, with noise if told; then the same again, after `enter` has drawn a target."""

    paper = Paper(title="None", authors="Nobody", year=2000)

    def __init__(self, split=(STEPS, STEPS), noise=0.0, on_enter=lambda relay: None, enter_first=False):
        super().__init__(DATA.fields["x"])
        self.u = nn.Parameter(torch.zeros(1))
        self.register_buffer("target", torch.zeros(4))
        self.split, self.noise, self.on_enter, self.enter_first = split, noise, on_enter, enter_first
        self.entered, self.progress = [], {"first": [], "second": []}
        self.double()

    def stages(self, steps):
        enter = self.enter if self.enter_first else None
        return [
            Stage("first", self.split[0], {"u": self.runner("first")}, self.turns, enter),
            Stage("second", self.split[1], {"u": self.runner("second")}, self.turns, self.enter),
        ]

    def runner(self, stage):
        def shape(progress):
            self.progress[stage].append(progress)
            return 1.0

        return Player([self.u], partial(torch.optim.SGD, lr=0.1, momentum=0.9), Rate(0.1, shape), Average(0.999))

    def enter(self):
        self.entered.append(self.u.item())
        self.on_enter(self)
        self.target.copy_(torch.randn(4))

    def turns(self, batches):
        slope = 1 + self.noise * (torch.randn(()) + next(batches).x.mean() + self.target.sum())
        yield Turn("u", (slope * self.u).sum())


def trainer(relay=None, settings=None, **kwargs):
    relay = relay or Relay(noise=0.1)
    return Trainer(relay, DATA, settings or Settings(batch_size=16, tensorboard=False), **kwargs)


def test_the_second_stage_is_fresh_and_starts_from_the_averaged_weights():
    relay = Relay(split=(3, 2))
    run = trainer(relay).run()
    # Velocities 1, 1.9, 2.71 at rate 0.1; decays of the average 1/10, 2/11, 3/12.
    u = (-0.1, -0.29, -0.561)
    handed = 0.25 * (2 / 11 * (0.9 * u[0]) + 9 / 11 * u[1]) + 0.75 * u[2]
    assert relay.entered == [pytest.approx(handed, abs=1e-12)]
    # With no velocity left over it goes on by -0.1 and -0.19; the average begins anew where it was handed over.
    first, second = handed - 0.1, handed - 0.29
    average = 2 / 11 * (0.1 * handed + 0.9 * first) + 9 / 11 * second
    assert relay.u.item() == pytest.approx(average, abs=1e-12)
    assert relay.progress == {"first": [0, 1 / 3, 2 / 3], "second": [0, 1 / 2]}
    assert (run.step, run.steps) == (5, 5)
    assert [(entry["step"], entry["stage"]) for entry in run.history][2:4] == [(3, "first"), (4, "second")]


class Boom(Exception):
    pass


def boom(*_):
    raise Boom


def at_step(step):
    return Hooks(watch=lambda entry, steps: boom() if entry["step"] == step else None)


def before_entering(monkeypatch):
    return {"relay": Relay(noise=0.1, on_enter=boom)}


def before_saving(monkeypatch):
    break_saving(monkeypatch, written=False)
    return {}


def after_saving(monkeypatch):
    break_saving(monkeypatch, written=True)
    return {}


def break_saving(monkeypatch, written):
    """Break where the second stage's first checkpoint is written, before it is there or after."""
    original = checkpoint.save

    def save(path, tensors, record):
        begins = record["place"] == {"stage": 1, "step": 0, "converged": False}
        if written or not begins:
            original(path, tensors, record)
        if begins:
            boom()

    monkeypatch.setattr(checkpoint, "save", save)


MOMENTS = {
    "in the first stage": (lambda m: {"hooks": at_step(5)}, 1),
    "after its last round": (lambda m: {"hooks": at_step(STEPS)}, 1),
    "on entering": (before_entering, 1),
    "before the boundary is saved": (before_saving, 1),
    "after the boundary is saved": (after_saving, 0),
    "after a round of the second": (lambda m: {"hooks": at_step(STEPS + 1)}, 0),
    "late in the second": (lambda m: {"hooks": at_step(2 * STEPS - 1)}, 0),
}


@pytest.mark.parametrize("save_every", [3, STEPS])  # with STEPS the end of the first stage is a checkpoint too
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_run_broken_around_the_boundary_ends_bit_identical(tmp_path, monkeypatch, moment, save_every):
    whole = trainer().run()
    make, enters = MOMENTS[moment]
    settings = Settings(batch_size=16, save_every=save_every, tensorboard=False)
    with pytest.raises(Boom), monkeypatch.context() as patch:
        trainer(settings=settings, out=tmp_path / "run", **make(patch)).run()
    torch.manual_seed(77)  # another process has another generator
    again = Relay(noise=0.1)
    resumed = Trainer.reopen(tmp_path / "run", again, DATA).resume()
    assert len(again.entered) == enters
    assert resumed.step == 2 * STEPS
    assert same(whole.system, resumed.system)
    assert [entry["u/loss"] for entry in resumed.history] == [entry["u/loss"] for entry in whole.history]


def test_what_enter_draws_depends_on_the_seed_and_not_on_the_callers_generator():
    def targets(caller, seed):
        drawn = []
        relay = Relay(noise=0.1, enter_first=True, on_enter=lambda relay: drawn.append(relay.target.clone()))
        torch.manual_seed(caller)
        before = torch.get_rng_state()
        run = trainer(relay, Settings(batch_size=16, seed=seed)).run()
        assert torch.equal(torch.get_rng_state(), before)
        return torch.stack([drawn[1], run.system.target])  # as the first stage drew it, and the second

    assert torch.equal(targets(1, 0), targets(2, 0))
    assert len({*targets(1, 0).flatten().tolist(), *targets(1, 1).flatten().tolist()}) == 16


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


class Slow(Relay):
    """A round lasts 0.25 s, once entered 0.5 s, by the clock."""

    def __init__(self, clock, **kwargs):
        super().__init__(**kwargs)
        self.clock = clock

    def turns(self, batches):
        self.clock.now += 0.5 if self.target.any() else 0.25
        yield from super().turns(batches)


def test_seconds_are_split_over_stages_by_their_share_and_their_rounds_length(tmp_path):
    clock = Clock()
    settings = Settings(seconds=10.0, batch_size=16, tensorboard=False)
    run = trainer(Slow(clock, split=(30, 10), noise=0.1), settings, out=tmp_path / "run", clock=clock).run()
    assert read_settings(tmp_path / "run")["stage_steps"] == [30, 5]  # 7.5 s and 2.5 s
    assert run.steps == 35
    assert same(run.system, trainer(Relay(split=(30, 5), noise=0.1)).run().system)  # the rehearsal left no trace


def test_ranks_that_were_killed_on_either_side_of_a_boundary_go_on_from_before_it(tmp_path):
    for step, stage in ((5, 0), (8, 1)):
        checkpoint.save(tmp_path / checkpoint.file_name(step, 0), {}, {"place": {"stage": stage, "step": 0}})
    other_has = iter([0, 0])  # the other rank had not written its file of step 8 again
    _, record = checkpoint.newest(tmp_path, 0, lambda stage: stage == next(other_has))
    assert record["place"]["stage"] == 0

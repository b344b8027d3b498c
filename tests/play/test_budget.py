"""A budget in seconds: how many steps it becomes."""

import signal

import pytest
import torch

from daedal.declare import Recipe
from daedal.errors import Interrupted
from daedal.play.settings import Hooks, Settings
from daedal.play.trainer import Trainer
from tests.small import Line, line, same, vectors

DATA = vectors(128)  # 96 of them for training


class Clock:
    """Advances as it is told whenever it is read, the last advance for good."""

    def __init__(self, *ticks):
        self.now, self.ticks = 0.0, list(ticks)

    def __call__(self):
        self.now += self.ticks.pop(0) if len(self.ticks) > 1 else self.ticks[0]
        return self.now


def steps(seconds, clock, recipe=None, batch_size=16):
    system = line(DATA)
    if recipe is not None:
        system.recipe = recipe
    return Trainer(system, DATA, Settings(seconds=seconds, batch_size=batch_size), clock=clock).run().steps


def test_a_fiftieth_of_the_budget_is_timed():
    """Seven slow rounds of 1 s, two to warm up, then fast ones of 1/8 s: of 400 s, 5 + 24/8 are timed in 29 rounds."""
    slow, fast = [0.0, 1.0] * 7, [0.0, 0.125] * 24
    assert steps(400.0, Clock(*slow, *fast, 1.0)) == 400 * 29 / 8


class Slow(Line):
    """Plays rounds of 5 s, by a clock of its own."""

    def __init__(self):
        torch.manual_seed(0)
        super().__init__(DATA.fields["x"])
        self.clock, self.played = Clock(0.0), 0

    def turns(self, batches):
        self.clock.now, self.played = self.clock.now + 5.0, self.played + 1
        yield from super().turns(batches)


@pytest.mark.parametrize(("seconds", "rehearsed", "expected"), [(1.0, 1, 1), (40.0, 3, 8), (200.0, 7, 40)])
def test_no_round_is_rehearsed_once_a_third_of_the_budget_is_spent(seconds, rehearsed, expected):
    slow = Slow()
    run = Trainer(slow, DATA, Settings(seconds=seconds, batch_size=16), clock=slow.clock).run()
    assert (run.steps, run.step, slow.played) == (expected, expected, rehearsed + expected)


def test_no_more_than_half_a_minute_of_a_long_budget_is_timed():
    """Of 10,000 s a fiftieth would be 40 rounds of 5 s; 30 s are 6, after two to warm up. An epoch is six rounds."""
    slow = Slow()
    slow.recipe = Recipe(steps=4, epochs=1)
    run = Trainer(slow, DATA, Settings(seconds=10_000.0, batch_size=16), clock=slow.clock).run()
    assert (run.steps, slow.played) == (6, 8 + 6)


class Signalled(Slow):
    """Hears a signal in its second round."""

    number = signal.SIGTERM

    def turns(self, batches):
        yield from super().turns(batches)
        if self.played == 2:
            signal.raise_signal(self.number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_rehearsal_after_the_round_and_leaves_nothing(tmp_path, number):
    system, fresh = Signalled(), Signalled()
    system.number = number
    trainer = Trainer(system, DATA, Settings(seconds=1e6, batch_size=16), out=tmp_path / "run", clock=system.clock)
    with pytest.raises(Interrupted, match=r"Stopped before the first step; nothing was kept\.") as stop:
        trainer.run()
    assert (stop.value.signal, system.played, list(tmp_path.iterdir())) == (number, 2, [])
    assert same(system, fresh)


def test_a_run_whose_rehearsal_was_cut_short_resumes_exactly(tmp_path):
    def trainer(folder, hooks=None):
        slow = Slow()
        settings = Settings(seconds=40.0, batch_size=16, save_every=3, tensorboard=False)
        return Trainer(slow, DATA, settings, out=tmp_path / folder, clock=slow.clock, hooks=hooks)

    def stop(entry, steps):
        if entry["step"] == 5:
            raise ZeroDivisionError

    whole = trainer("whole").run()
    with pytest.raises(ZeroDivisionError):
        trainer("broken", Hooks(watch=stop)).run()
    resumed = Trainer.reopen(tmp_path / "broken", Slow(), DATA).resume()
    assert (resumed.step, resumed.steps) == (8, 8)
    assert same(whole.system, resumed.system)


@pytest.mark.parametrize(("epochs", "expected"), [(None, 4000), (10, 60), (1, 40)])
def test_a_budget_buys_no_more_epochs_than_the_recipe_has_nor_fewer_steps(epochs, expected):
    """An epoch is six batches of 16, and a round draws one. The recipe's own 40 steps are never too many."""
    assert steps(1000.0, Clock(0.25), Recipe(steps=40, epochs=epochs)) == expected

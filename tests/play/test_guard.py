"""What is not finite is named, stops training, and is not saved: losses, buffers, averages, what a system reports."""

import json
import math

import pytest
import torch

from daedal.play import checkpoint
from daedal.play.guard import Guard
from daedal.play.ledger import NotFinite
from daedal.play.settings import Settings
from daedal.play.trainer import Trainer
from tests.small import Line, line, vectors

DATA = vectors()


def train(system, out=None):
    return Trainer(system, DATA, Settings(steps=40, batch_size=16, save_every=10), out=out).run()


def test_a_value_that_is_not_finite_is_named_and_the_last_good_checkpoint_kept(tmp_path):
    with pytest.raises(
        NotFinite, match=r"error of player 'model' is not finite at step 16; .* anew with a lower --rate"
    ):
        train(line(DATA, poison=17), tmp_path / "run")
    last = json.loads((tmp_path / "run" / "log.jsonl").read_text().splitlines()[-1])
    assert last == {"step": 16, "error": {"player": "model", "term": "error", "step": 16}}
    tensors, _ = checkpoint.load(tmp_path / "run" / "training" / checkpoint.file_name(10, 0))
    assert checkpoint.steps_in(tmp_path / "run" / "training")[0] == 10
    assert all(torch.isfinite(t).all() for t in tensors.values())


class Leaking(Line):
    """Its losses are finite; in round `at`, counted from 1, a buffer or what it reports is not."""

    def __init__(self, level=0.0, reported=0.0, at=17):
        torch.manual_seed(0)
        super().__init__(DATA.fields["x"])
        self.at, self.later = at, (level, reported)
        self.reported = 0.0
        self.register_buffer("level", torch.zeros(2))

    def turns(self, batches):
        yield from super().turns(batches)
        if self.rounds == self.at:
            self.level[1], self.reported = self.later

    def progress_scalars(self):
        return {"reported": self.reported}


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_buffer_that_is_not_finite_is_named_and_not_saved(tmp_path, value):
    with pytest.raises(NotFinite, match=r"value of 'level' of player 'system' is not finite at step 20"):
        train(Leaking(level=value), tmp_path / "run")
    assert checkpoint.steps_in(tmp_path / "run" / "training") == [10, 0]
    with pytest.raises(NotFinite, match="'level'"):
        train(Leaking(level=value))  # also where nothing is written


@pytest.mark.parametrize("value", [math.nan, -math.inf])
def test_what_a_system_reports_must_be_finite(tmp_path, value):
    with pytest.raises(NotFinite, match=r"reported of player 'system' is not finite at step 16"):
        train(Leaking(reported=value), tmp_path / "run")
    last = json.loads((tmp_path / "run" / "log.jsonl").read_text().splitlines()[-1])
    assert last == {"step": 16, "error": {"player": "system", "term": "reported", "step": 16}}


def test_averages_are_looked_at_and_a_buffer_that_began_infinite_may_stay_so():
    system = Leaking()
    system.level[0] = -math.inf
    guard = Guard(system)
    guard.check({"net.inner.bias": torch.zeros(8)}, 3)
    with pytest.raises(NotFinite, match=r"average of 'net.inner.bias' .* step 3"):
        guard.check({"net.inner.bias": torch.tensor([0.0, math.nan])}, 3)
    system.net.inner.bias.data[0] = math.inf
    with pytest.raises(NotFinite, match=r"value of 'net.inner.bias'"):
        guard.check({}, 3)

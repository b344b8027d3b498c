"""Unpaired domains as streams of their own, and a system of two domains trained on them."""

import numpy as np
import pytest
import torch
from torch import nn

import daedal
from daedal.capabilities import Samples
from daedal.data.base import Column
from daedal.data.build import build_unpaired
from daedal.declare import Paper
from daedal.errors import UsageError
from daedal.play.player import Player, Rate
from daedal.play.settings import Settings
from daedal.play.stream import sources, streams
from daedal.play.system import System
from daedal.play.trainer import Trainer
from daedal.play.turn import Turn
from daedal.spaces import Vectors
from tests.play.test_trainer import Boom, boom, stop_at
from tests.small import Line, same, vectors

ROLES = {"x": "b", "given": ["a"]}


def domains(a=40, b=40):
    """Points whose first coordinate says which item of which domain they are: 0 .. of a, -1 .. of b."""

    def column(n, sign):
        x = np.random.default_rng(n).normal(size=(n, 2)).astype(np.float32)
        x[:, 0] = sign * np.arange(1, n + 1)
        return Column(x, Vectors(2))

    test = {"a": column(10, 1), "b": column(10, -1)}
    return build_unpaired("points", {"a": {"a": column(a, 1)}, "b": {"b": column(b, -1)}}, test, source={})


def stream(data, seat=0, seats=1, batch_size=10):
    found = sources(data.train, ROLES, torch.device("cpu"), torch.float32)
    return streams(found, batch_size, seat, seats, 0, 0)


def rows(batch):
    """Which items of its domain a batch holds."""
    return (batch.x[:, 0].abs().long() - 1).tolist()


class Swap(System, Samples):
    """Maps each domain to the other, so that means agree and there and back is nothing; for tests only."""

    paper = Paper(title="None", authors="Nobody", year=2000)
    accepts = (Vectors,)
    unpaired = True

    def __init__(self, x, given=None):
        super().__init__(x, given)
        self.there, self.back = nn.Linear(x.dim, x.dim), nn.Linear(x.dim, x.dim)

    def players(self):
        return {name: Player(getattr(self, name).parameters(), rate=Rate(1e-3)) for name in ("there", "back")}

    def turns(self, batches):
        a = next(batches["a"]).x
        yield Turn("there", (self.back(self.there(a + 0.1 * torch.randn_like(a))) - a).square().mean())
        for _ in range(2):  # so that b is drawn more often than a
            b = next(batches["b"]).x
            yield Turn("back", (self.there(self.back(b)) - b).square().mean())

    def draw(self, n, given, generator):
        return self.there(given["a"])


def swap(data, seed=0):
    return daedal.create(Swap, data, x="b", given=("a",), seed=seed)


def test_each_domain_has_epochs_and_permutations_of_its_own():
    batches = stream(domains(a=40, b=30))
    a = [[row for _ in range(4) for row in rows(next(batches["a"]))] for _ in range(2)]
    b = [[row for _ in range(3) for row in rows(next(batches["b"]))] for _ in range(2)]
    assert [sorted(seen) for seen in a] == [list(range(40))] * 2
    assert [sorted(seen) for seen in b] == [list(range(30))] * 2
    assert a[0] != a[1]
    assert (batches["a"].epochs, batches["b"].epochs, batches.epochs) == (2, 2, 2)


def test_equally_long_domains_do_not_run_side_by_side():
    batches = stream(domains())
    together = sum(
        i == j for _ in range(4) for i, j in zip(rows(next(batches["a"])), rows(next(batches["b"])), strict=True)
    )
    assert together < 10  # of 40 places; independent permutations agree at one on average


def test_seats_share_a_batch_of_each_domain():
    for side in ("a", "b"):
        whole = rows(next(stream(domains())[side]))
        assert [row for seat in range(2) for row in rows(next(stream(domains(), seat, 2)[side]))] == whole


def test_the_state_is_how_often_each_was_drawn():
    ahead, again = stream(domains()), stream(domains())
    for side in "abbab":
        next(ahead[side])
    assert ahead.draws == {"a": 2, "b": 3}
    again.draws = ahead.draws
    for side in "ab":
        assert torch.equal(next(again[side]).x, next(ahead[side]).x)


def test_an_epoch_of_a_domain_passes_once_over_it():
    seen = [row for seat in range(2) for batch in stream(domains(), seat, 2)["b"].epoch() for row in rows(batch)]
    assert sorted(seen) == list(range(40))


@pytest.mark.parametrize("draw", [next, lambda batches: batches.epoch()])
def test_no_batch_is_of_both_domains(draw):
    with pytest.raises(UsageError, match=r"take next\(batches\['a'\]\) and next\(batches\['b'\]\)"):
        draw(stream(domains()))
    with pytest.raises(UsageError, match=r"no domain 'x' among these batches; take next\(batches\['a'\]\)"):
        stream(domains())["x"]


def test_other_data_has_no_domains():
    found = sources(vectors().train, {"x": "x", "given": []}, torch.device("cpu"), torch.float32)
    with pytest.raises(UsageError, match=r"no batches\['a'\]: this data is not of unpaired domains; take next\("):
        streams(found, 4, 0, 1, 0, 0)["a"]


def train(out=None, hooks=None, data=None, **settings):
    data = data or domains(b=34)
    chosen = Settings(steps=20, batch_size=8, save_every=7, tensorboard=False, **settings)
    return Trainer(swap(data), data, chosen, out=out, hooks=hooks).run()


@pytest.mark.parametrize("broken_at", [1, 10, 14])
def test_a_broken_run_ends_bit_identical(tmp_path, broken_at):
    whole = train()
    with pytest.raises(Boom):
        train(tmp_path / "run", stop_at(broken_at, boom))
    data = domains(b=34)
    resumed = Trainer.reopen(tmp_path / "run", swap(data, seed=5), data).resume()
    assert resumed.step == 20
    assert same(resumed.system, whole.system)
    assert not same(resumed.system, swap(data))


def test_micro_batches_end_where_one_batch_does():
    """Without noise in the round: that of two micro-batches is drawn by seats of their own."""
    ends = []
    for accumulate in (1, 2):
        data = domains(b=34)
        system = swap(data).double()
        system.turns = lambda batches, system=system: _noiseless(system, batches)
        settings = Settings(steps=20, batch_size=8, accumulate=accumulate)
        ends.append(Trainer(system, data, settings).run().system)
    for one, two in zip(ends[0].parameters(), ends[1].parameters(), strict=True):
        torch.testing.assert_close(one, two, rtol=0, atol=1e-10)


def _noiseless(system, batches):
    a, b = next(batches["a"]).x, next(batches["b"]).x
    yield Turn("there", (system.back(system.there(a)) - a).square().mean())
    yield Turn("back", (system.there(system.back(b)) - b).square().mean())


def test_a_smaller_domain_bounds_the_batch():
    data = domains(a=40, b=12)
    assert Trainer(swap(data), data, Settings(steps=1, batch_size=64)).batch_size == 12
    data = domains(a=40, b=6)
    with pytest.raises(UsageError, match="at least 10 training items; this data has 6"):
        Trainer(swap(data), data, Settings(steps=1))


def test_units_are_learnt_from_the_domain_that_is_modelled():
    data = domains()
    torch.testing.assert_close(swap(data).standardise.mean[0].item(), -20.5)  # the mean of -1 .. -40


@pytest.mark.parametrize(
    ("system", "data", "roles", "message"),
    [
        (Line, domains(), {"x": "b"}, "learns from one training split, and these domains are unpaired.*paired=True"),
        (Line, domains(), {"x": "b", "given": "a"}, "with a split each; load the data with paired"),
        (Swap, vectors(), {}, "learns from unpaired domains; load the data with two domains and paired=False"),
        (Swap, domains(), {"x": "b"}, "models one of the unpaired domains.*such as --x b --given a; got b"),
    ],
)
def test_a_system_gets_domains_as_it_learns_from_them(system, data, roles, message):
    with pytest.raises(UsageError, match=message):
        daedal.create(system, data, **roles)
    assert daedal.create(Swap, domains(), x="b", given="a").given == {"a": Vectors(2)}

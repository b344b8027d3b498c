"""The rules of play, on games whose outcome is known."""

from functools import partial

import pytest
import torch
from torch import nn

from daedal.declare import Paper
from daedal.play.player import Average, Player
from daedal.play.settings import Settings
from daedal.play.stream import Source, Stream
from daedal.play.system import System
from daedal.play.table import Table
from daedal.play.trainer import Trainer
from daedal.play.turn import Done, Tell, Turn
from tests.small import vectors

DATA = vectors()
SGD = torch.optim.SGD


class Game(System):
    """Two numbers u and v; the round is given by the test."""

    paper = Paper(title="None", authors="Nobody", year=2000)

    def __init__(self, rounds, optimizer=SGD, rate=0.1, **player):
        super().__init__(DATA.fields["x"])
        self.u, self.v = (nn.Parameter(torch.tensor([value], dtype=torch.float64)) for value in (2.0, 3.0))
        self.register_buffer("told", torch.zeros(2, dtype=torch.float64))
        self.rounds, self.optimizer, self.rate, self.player = rounds, optimizer, rate, player

    def players(self):
        make = partial(Player, optimizer=partial(self.optimizer, lr=self.rate), rate=self.rate, **self.player)
        return {"u": make([self.u]), "v": make([self.v])}

    def turns(self, batches):
        yield from self.rounds(self, batches)


def play(rounds, steps=1, accumulate=1, **kwargs):
    game = Game(rounds, **kwargs)
    run = Trainer(game, DATA, Settings(steps=steps, batch_size=16, accumulate=accumulate)).run()
    return game, run


def test_turns_are_alternating_and_a_list_is_simultaneous():
    def alternating(g, batches):
        yield Turn("u", (g.u * g.v).sum())
        yield Turn("v", (-g.u * g.v).sum())

    def simultaneous(g, batches):
        yield [Turn("u", (g.u * g.v).sum()), Turn("v", (-g.u * g.v).sum())]

    game, _ = play(alternating)
    assert (game.u.item(), game.v.item()) == pytest.approx((2 - 0.3, 3 + 0.1 * (2 - 0.3)))
    game, _ = play(simultaneous)
    assert (game.u.item(), game.v.item()) == pytest.approx((2 - 0.3, 3 + 0.2))


OPTIMIZERS = {
    "fused": partial(torch.optim.Adam, fused=True),
    "foreach": partial(torch.optim.Adam, foreach=True),
    "plain": partial(torch.optim.Adam, foreach=False),
    "sgd": SGD,
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_loss_built_before_another_players_step_fails_and_names_the_player(name):
    def stale(g, batches):
        loss = (g.u * g.v).sum()
        late = (g.u * g.v).sum()
        yield Turn("u", loss)
        yield Turn("v", late)

    with pytest.raises(RuntimeError, match="player 'v' was built before another player's step"):
        play(stale, optimizer=OPTIMIZERS[name])


def test_mistakes_are_named():
    def nothing(g, batches):
        yield Turn("u", (g.v**2).sum())

    def twice(g, batches):
        yield [Turn("u", (g.u**2).sum()), Turn("u", (g.u**2).sum())]

    def stranger(g, batches):
        yield Turn("w", (g.u**2).sum())

    with pytest.raises(RuntimeError, match="player 'u' depends on none"):
        play(nothing)
    with pytest.raises(ValueError, match="moves twice"):
        play(twice)
    with pytest.raises(ValueError, match="no player 'w'; its players: u, v"):
        play(stranger)


def test_combine_sees_the_averaged_gradients_of_each_loss():
    seen = []

    def combine(first, second):
        seen.append((first[0].item(), second[0].item()))
        return [first[0] - second[0]]

    def rounds(g, batches):
        scale = next(batches).x.sum() * 0 + 1
        yield Turn("u", ((3 * scale * g.u).sum(), (scale * g.u).sum()), combine=combine)

    game, _ = play(rounds, accumulate=2)
    assert seen == [(3.0, 1.0)]  # once, not once per micro-batch
    assert game.u.item() == pytest.approx(2 - 0.1 * 2)


def test_tell_averages_over_micro_batches_and_calls_once():
    calls = []

    def rounds(g, batches):
        def told(total, count):
            calls.append(count.item())
            g.told[0] += total.item() / count.item()

        x = next(batches).x
        yield Tell(told, total=x.sum(), count=float(len(x)))
        yield Done()

    _, run = play(rounds, steps=50, accumulate=4)
    assert calls == [4.0]
    assert run.step == 1
    assert run.steps == 50


def test_a_round_that_takes_other_turns_on_another_seat_is_refused():
    def rounds(g, batches):
        next(batches)
        if batches.seat == 0:
            yield Turn("u", (g.u**2).sum())
        else:
            yield Turn("v", (g.v**2).sum())

    with pytest.raises(RuntimeError, match="Micro-batches took different turns"):
        play(rounds, accumulate=2)


def test_clip_bounds_the_norm_and_average_follows_its_warm_up():
    def rounds(g, batches):
        yield Turn("u", (100 * g.u).sum())

    game, _ = play(rounds, clip=0.5)
    assert game.u.item() == pytest.approx(2 - 0.1 * 0.5, abs=1e-6)
    game, _ = play(rounds, steps=2, average=Average(0.999))
    # u goes 2, -8, -18; decays 1/10 and 2/11: the average goes 2, 0.1*2 - 0.9*8 = -7, (2*-7 - 9*18)/11
    assert game.u.item() == pytest.approx((2 * -7 - 9 * 18) / 11)


def test_gradients_that_are_one_tensor_are_not_scaled_twice():
    class Shared(System):
        paper = Paper(title="None", authors="Nobody", year=2000)

        def __init__(self):
            super().__init__(DATA.fields["x"])
            self.a, self.b = nn.Parameter(torch.ones(4)), nn.Parameter(torch.ones(4))

        def players(self):
            return {"model": Player(self.parameters(), partial(SGD, lr=1.0), 1.0, clip=1.0)}

        def turns(self, batches):
            yield Turn("model", (self.a + self.b).sum())

    system = Shared()
    Trainer(system, DATA, Settings(steps=1, batch_size=16)).run()
    torch.testing.assert_close(system.a, torch.full((4,), 1 - 1 / 8**0.5), rtol=0, atol=1e-5)
    assert torch.equal(system.a, system.b)


def test_two_seats_see_different_noise_and_the_same_seat_the_same():
    noises = []

    def rounds(g, batches):
        noises.append(torch.randn(()).item())
        yield Turn("u", (g.u**2).sum())

    play(rounds, steps=2, accumulate=2)
    first = list(noises)
    noises.clear()
    play(rounds, steps=2, accumulate=2)
    assert noises == first
    assert len(set(first)) == 4


class TwoRanks:
    """This process as one of two; the other's answers are `other`, its own are kept."""

    world, rank = 2, 0

    def __init__(self, other=None):
        self.said, self.other = [], other

    def agree(self, value):
        self.said.append(value)
        return self.other is None or self.other == value

    def mean(self, tensors):
        return list(tensors)


def table(rounds, ranks):
    game = Game(rounds)
    source = Source(DATA.train, game.roles, torch.device("cpu"), torch.float64)
    return Table(game.stages(3)[0], 0, [Stream(source, 16, 0, 2, 0, 0)], ranks, seed=0, generators=[])


def test_ranks_compare_their_turns_in_the_first_round_only():
    def rounds(g, batches):
        yield Turn("u", (g.u**2).sum())
        yield [Turn("u", (g.u**2).sum()), Turn("v", (g.v**2).sum())]
        yield Tell(lambda count: None, count=1.0)

    ranks = TwoRanks()
    playing = table(rounds, ranks)
    playing.play(0, 0.0)
    assert len(set(ranks.said)) == len(ranks.said) == 4  # three yields and the end, each told from the others
    playing.play(1, 0.5)
    assert len(ranks.said) == 4


def test_ranks_that_took_different_turns_are_refused_before_anybody_moves():
    def rounds(g, batches):
        yield Turn("u", (g.u**2).sum())

    playing = table(rounds, TwoRanks(other=0))
    with pytest.raises(RuntimeError, match="Ranks took different turns"):
        playing.play(0, 0.0)
    assert playing.movers["u"].turns == 0

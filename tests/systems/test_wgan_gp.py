"""WGAN-GP: its rounds, the critic's slope under the penalty, the clipped alternative, and what short runs look like."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from daedal.data.base import Column, Split
from daedal.data.digits import digits
from daedal.play.trainer import Settings, Trainer
from daedal.play.turn import Batch, Tell
from daedal.spaces import Images, Vectors
from daedal.systems.gans.wgan_gp import WGANGP
from tests.systems.sane import assert_sane


def _data(columns, rows):
    return SimpleNamespace(train=Split(columns, rows), fingerprint="", source={})


def _batches(batch):
    while True:
        yield batch


def _ring(n=1000):
    rng = np.random.default_rng(0)
    angle = 2 * math.pi * rng.integers(0, 8, n) / 8
    x = 2 * np.stack([np.cos(angle), np.sin(angle)], 1) + 0.02 * rng.standard_normal((n, 2))
    return _data({"x": Column(x.astype(np.float32), Vectors(2))}, np.arange(n))


def test_the_critic_plays_five_times_and_then_the_synthesiser():
    turns = list(WGANGP(Vectors(2)).turns(_batches(Batch(torch.randn(8, 2)))))
    assert [turn.player for turn in turns] == ["critic"] * 5 + ["synthesiser"]


def test_under_bf16_the_distance_is_a_mean_in_full_precision():
    """Scores 1, 0, 0 of data and 0 of samples are a third apart; in bfloat16 that would be .334."""
    system = WGANGP(Vectors(2), latent=4, width=8, critic_steps=1)

    class First(nn.Module):
        """The first coordinate."""

        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(2, 1, bias=False)
            self.layer.weight.data = torch.tensor([[1.0, 0.0]])

        def forward(self, x, given):
            return self.layer(x).squeeze(1)

    system.critic = First()
    for parameter in system.synthesiser.parameters():
        parameter.data.zero_()
    x = torch.tensor([[1.0, 3.0], [0.0, 4.0], [0.0, 5.0]])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        critic, synthesiser = system.turns(_batches(Batch(x)))
    torch.testing.assert_close(critic.scalars["distance"], torch.tensor(1 / 3), rtol=1e-6, atol=0)
    assert synthesiser.loss.dtype == torch.float32


def test_the_critics_loss_is_minus_the_distance_plus_ten_times_the_penalty():
    a = torch.tensor([3.0, 4.0], dtype=torch.float64)
    system = WGANGP(Vectors(2), latent=4, width=8, penalty_weight=10).double()

    class Linear(nn.Module):
        """A critic of slope 5."""

        def __init__(self):
            super().__init__()
            self.a = nn.Parameter(a)

        def forward(self, x, given):
            return x @ self.a

    system.critic = Linear()
    x = torch.randn(32, 2, dtype=torch.float64)
    torch.manual_seed(1)
    turn = next(system.turns(_batches(Batch(x))))
    torch.manual_seed(1)
    fake = system.synthesiser(torch.randn(32, 4, dtype=torch.float64), {})
    distance = ((x - fake) @ a).mean().item()
    assert turn.scalars["distance"].item() == pytest.approx(distance)
    assert turn.scalars["slope"].item() == pytest.approx(5)
    assert turn.loss.item() == pytest.approx(-distance + 10 * (5 - 1) ** 2)


def test_the_critic_has_no_batch_statistics():
    assert not any(isinstance(m, nn.BatchNorm2d) for m in WGANGP(Images(3, 32, 32), width=4).critic.modules())


def test_the_penalty_brings_the_critics_slope_near_one():
    data = _ring()
    system = WGANGP(Vectors(2), width=32)
    system.fit_scale(data.train)
    run = Trainer(system, data, Settings(steps=60, batch_size=32)).run()
    slopes = [line["critic/slope"] for line in run.history]
    assert len(slopes) == 60
    assert np.mean(slopes[-20:]) == pytest.approx(1, abs=0.2)
    drawn = system.sample(1000, generator=torch.Generator().manual_seed(0))
    assert_sane(run, drawn, data.train.gather(range(1000))["x"])


def test_a_critic_under_a_penalty_is_not_compiled():
    assert "critic" not in WGANGP.compiles  # a gradient of a gradient


def _share_at_the_limit(constraint, turns=100, limit=0.01):
    """The share of a critic's weights near its greatest, once it has played against a synthesiser that waits."""
    data = _ring()
    system = WGANGP(Vectors(2), width=32, constraint=constraint, clip_limit=limit, critic_steps=turns)
    system.fit_scale(data.train)
    if constraint == "clipping":  # start inside: He's weights would be clipped to the limit at once
        with torch.no_grad():
            for weight in system.critic.parameters():
                weight.mul_(0.5 * limit / weight.abs().max().clamp(min=limit))
    run = Trainer(system, data, Settings(steps=1, batch_size=32, rate=1e-3)).run()
    assert math.isfinite(run.history[-1]["critic/loss"])
    weights = torch.cat([p.detach().abs().flatten() for p in system.critic.parameters()])
    return (weights > 0.95 * weights.max()).float().mean().item()


def test_clipping_drives_weights_to_its_limit_and_the_penalty_does_not():
    """Gulrajani et al. 2017, figure 1b."""
    assert _share_at_the_limit("clipping") >= 0.5
    assert _share_at_the_limit("penalty") < 0.1


def test_clipping_bounds_every_parameter_after_every_turn_of_the_critic():
    system = WGANGP(Vectors(2), critic_steps=2, constraint="clipping", clip_limit=0.02)
    items = system.turns(_batches(Batch(torch.randn(8, 2))))
    turn, tell, *rest = items
    assert "slope" not in turn.scalars
    assert isinstance(tell, Tell)
    assert [type(item).__name__ for item in rest] == ["Turn", "Tell", "Turn"]
    with torch.no_grad():
        system.critic.network[0].bias[0] = 7.0
        system.critic.network[0].bias[1] = -0.001
    tell.call(**tell.statistics)
    assert max(p.abs().max().item() for p in system.critic.parameters()) == pytest.approx(0.02)
    assert system.critic.network[0].bias[:2].tolist() == pytest.approx([0.02, -0.001])


def test_clipping_trains_as_its_own_paper_does():
    clipped = WGANGP(Vectors(2), constraint="clipping")
    players = clipped.players()
    assert all(player.optimizer is torch.optim.RMSprop for player in players.values())
    assert [player.rate(0.5) for player in players.values()] == [5e-5, 5e-5]


def test_large_images_are_learned_at_the_papers_rate():
    assert WGANGP(Images(3, 64, 64), width=2).recipe.rate == WGANGP.paper.recipe.rate == 1e-4
    assert WGANGP(Images(1, 8, 8), width=2).recipe.rate > 1e-4


def test_a_short_run_on_digits_is_finite_spread_and_unsaturated():
    columns, train, _ = digits()
    data = _data(columns, train)
    system = WGANGP(columns["x"].space, latent=16, width=8)
    run = Trainer(system, data, Settings(steps=40)).run()
    fake = system.sample(500, generator=torch.Generator().manual_seed(0))
    assert_sane(run, fake, data.train.gather(range(500))["x"])

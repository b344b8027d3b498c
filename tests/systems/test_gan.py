"""The GAN: its rounds, its truncation, what it learns under a condition, and that it neither blows up nor saturates."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from daedal.data.base import Column, Split
from daedal.data.digits import digits
from daedal.play.trainer import Settings, Trainer
from daedal.play.turn import Batch
from daedal.spaces import Images, Labels, Vectors
from daedal.systems.gans.gan import GAN
from daedal.systems.gans.wgan_gp import WGANGP
from tests.systems.sane import assert_sane


def _data(columns, rows):
    return SimpleNamespace(train=Split(columns, rows), fingerprint="", source={})


def _batches(batch):
    while True:
        yield batch


def test_losses_are_the_games_at_the_discriminators_logits():
    system = GAN(Vectors(2), latent=4, width=16).double()
    x = torch.randn(64, 2, dtype=torch.float64)
    round_ = system.turns(_batches(Batch(x)))
    torch.manual_seed(1)
    turn = next(round_)
    torch.manual_seed(1)
    fake = system.discriminator(system.synthesiser(torch.randn(64, 4, dtype=torch.float64), {}), {}).sigmoid()
    real = system.discriminator(x, {}).sigmoid()
    assert turn.loss.item() == pytest.approx(-(real.log().mean() + (1 - fake).log().mean()).item())
    torch.manual_seed(2)
    turn = next(round_)
    torch.manual_seed(2)
    fake = system.discriminator(system.synthesiser(torch.randn(64, 4, dtype=torch.float64), {}), {}).sigmoid()
    assert turn.loss.item() == pytest.approx(-fake.log().mean().item())


def test_under_bf16_the_losses_of_a_coin_are_log_4_and_log_2():
    """Logits of 0 cost log 2 each; in bfloat16 that would be .6914."""
    system = GAN(Images(1, 8, 8), latent=4, width=4)
    with torch.no_grad():
        system.discriminator.head.weight.zero_()
        system.discriminator.head.bias.zero_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        losses = [turn.loss for turn in system.turns(_batches(Batch(torch.rand(6, 1, 8, 8))))]
    expected = torch.tensor([4.0, 2.0]).log()
    torch.testing.assert_close(torch.stack(losses), expected, rtol=1e-6, atol=0)


def test_the_discriminator_plays_as_often_as_told():
    system = GAN(Vectors(2), discriminator_steps=3)
    turns = list(system.turns(_batches(Batch(torch.randn(8, 2)))))
    assert [turn.player for turn in turns] == ["discriminator"] * 3 + ["synthesiser"]


def test_the_discriminators_turn_asks_nothing_of_the_synthesiser():
    system = GAN(Images(1, 8, 8), latent=4, width=4)
    turn = next(system.turns(_batches(Batch(torch.rand(8, 1, 8, 8)))))
    gradients = torch.autograd.grad(turn.loss, list(system.synthesiser.parameters()), allow_unused=True)
    assert all(g is None for g in gradients)


@pytest.mark.parametrize("kind", [GAN, WGANGP])
@pytest.mark.parametrize("space", [Images(1, 8, 8), Vectors(2)], ids=["images", "vectors"])
def test_noise_decodes_to_what_would_be_sampled_of_it(kind, space):
    system = kind(space, {"label": Labels(3)}, latent=4, width=8).eval()
    if isinstance(space, Vectors):
        system.standardise.mean.copy_(torch.tensor([1000.0, -5.0]))
    given = {"label": torch.tensor([2])}
    z = torch.randn(5, 4, generator=torch.Generator().manual_seed(3))
    samples = system.sample(5, given=given, generator=torch.Generator().manual_seed(3))
    assert system.latent_space == Vectors(4)
    torch.testing.assert_close(system.decode(z, given=given), samples, rtol=0, atol=0)
    one_by_one = torch.cat([system.decode(row[None], given=given) for row in z])
    torch.testing.assert_close(one_by_one, samples, rtol=1e-5, atol=1e-5)


def test_samples_are_in_the_users_units():
    system = GAN(Vectors(2)).eval()
    system.standardise.mean.copy_(torch.tensor([1000.0, -5.0]))
    system.standardise.scale.copy_(torch.tensor([10.0, 0.01]))
    standard = GAN(Vectors(2)).eval()
    standard.load_state_dict(
        {**system.state_dict(), "standardise.mean": torch.zeros(2), "standardise.scale": torch.ones(2)}
    )
    one, two = (s.sample(5, generator=torch.Generator().manual_seed(0)) for s in (system, standard))
    torch.testing.assert_close(one, two * torch.tensor([10.0, 0.01]) + torch.tensor([1000.0, -5.0]))


def test_truncation_narrows_the_noise():
    system = GAN(Images(1, 8, 8), latent=4, width=4).eval()
    seen = []
    system.synthesiser.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    system.sample(200, truncation=0.5)
    assert seen[0].abs().max() <= 0.5
    system.sample(200)
    assert seen[1].abs().max() > 1


def test_it_learns_the_mean_and_spread_of_each_condition():
    # Catalogue B2: p(x | y) = N(2y, 0.3^2), the error of the conditional mean under 0.15.
    rng = np.random.default_rng(0)
    y = rng.uniform(-1, 1, (2000, 1)).astype(np.float32)
    x = (2 * y + 0.3 * rng.standard_normal((2000, 1))).astype(np.float32)
    columns = {"x": Column(x, Vectors(1)), "y": Column(y, Vectors(1))}
    data = _data(columns, np.arange(2000))
    system = GAN(Vectors(1), {"y": Vectors(1)}, width=64)
    system.roles["given"] = ["y"]
    system.fit_scale(data.train)
    run = Trainer(system, data, Settings(steps=200, batch_size=128, rate=5e-4)).run()
    drawn = system.sample(2000, given={"y": torch.from_numpy(y)}, generator=torch.Generator().manual_seed(1))
    assert_sane(run, drawn, torch.from_numpy(x))
    for value in (-0.8, 0.0, 0.8):
        drawn = system.sample(2000, given={"y": torch.tensor([[value]])}, generator=torch.Generator().manual_seed(0))
        assert drawn.mean().item() == pytest.approx(2 * value, abs=0.15)
        assert 0.1 < drawn.std().item() < 0.6


def test_a_short_run_on_digits_is_finite_spread_and_unsaturated():
    columns, train, _ = digits()
    data = _data(columns, train)
    system = GAN(columns["x"].space, latent=16, width=8)
    run = Trainer(system, data, Settings(steps=80)).run()
    fake = system.sample(500, generator=torch.Generator().manual_seed(0))
    assert_sane(run, fake, data.train.gather(range(500))["x"])

"""Gradient penalties on critics whose gradient is known, and their second derivatives."""

import math

import pytest
import torch

from daedal.losses.penalties import gradient_norms, interpolate, one_centred
from daedal.nn.dcgan import make_discriminator
from daedal.spaces import Images


def test_a_linear_critic_has_the_norm_of_its_slope():
    a = torch.randn(1, 3, 4, dtype=torch.float64)
    norms = gradient_norms(lambda x: (x * a).flatten(1).sum(1), torch.randn(5, 1, 3, 4, dtype=torch.float64))
    torch.testing.assert_close(norms, a.norm().expand(5))
    assert one_centred(norms).item() == pytest.approx((a.norm().item() - 1) ** 2)


def test_a_quadratic_critic_has_the_norm_of_its_matrix_times_x():
    a = torch.randn(4, 4, dtype=torch.float64)
    a = a + a.mT
    x = torch.randn(6, 4, dtype=torch.float64)
    norms = gradient_norms(lambda x: 0.5 * (x @ a * x).sum(1), x)
    torch.testing.assert_close(norms, (x @ a).norm(dim=1))


def test_the_penalty_of_a_linear_critic_moves_its_slope_as_calculus_says():
    a = torch.tensor([3.0, 4.0], dtype=torch.float64, requires_grad=True)
    penalty = one_centred(gradient_norms(lambda x: x @ a, torch.zeros(3, 2, dtype=torch.float64)))
    (gradient,) = torch.autograd.grad(penalty, a)
    torch.testing.assert_close(gradient, 2 * (5 - 1) * a.detach() / 5)


def test_the_penalty_differentiates_through_the_convolutional_critic():
    critic = make_discriminator(Images(1, 8, 8), {}, width=2, norm="none").double()
    x = torch.rand(2, 1, 8, 8, dtype=torch.float64) * 2 - 1
    weight = critic.encoder.stages[0][0].weight
    direction = torch.randn_like(weight)

    def penalty(step):
        moved = {"encoder.stages.0.0.weight": weight + step * direction}
        score = lambda v: torch.func.functional_call(critic, moved, (v, {}))  # noqa: E731
        return one_centred(gradient_norms(score, x))

    step = torch.zeros((), dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(penalty(step), step)
    difference = (penalty(torch.tensor(1e-6)) - penalty(torch.tensor(-1e-6))) / 2e-6
    assert slope.item() == pytest.approx(difference.item(), rel=1e-5)


def test_a_flat_critic_has_a_finite_gradient():
    a = torch.zeros(2, requires_grad=True)
    penalty = one_centred(gradient_norms(lambda x: x @ a, torch.ones(3, 2)))
    (gradient,) = torch.autograd.grad(penalty, a)
    assert penalty.item() == pytest.approx(1)
    assert torch.isfinite(gradient).all()


def test_interpolates_lie_on_segments_with_one_uniform_number_for_each_item():
    n = 4000
    real, fake = torch.zeros(n, 2, 3), torch.ones(n, 2, 3)
    a = interpolate(real, fake).flatten(1)
    assert (a == a[:, :1]).all()
    assert a.min() >= 0
    assert a.max() <= 1
    assert abs(a[:, 0].mean() - 0.5) < 4 * math.sqrt(1 / 12 / n)
    assert abs(a[:, 0].square().mean() - 1 / 3) < 4 * math.sqrt(4 / 45 / n)

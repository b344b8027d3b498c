"""Terms of the variational bound against torch.distributions and scipy."""

import math

import pytest
import torch
from scipy.stats import norm
from torch.distributions import Normal, kl_divergence

from daedal.probability import diffusion
from daedal.probability.schedules import cosine, linear
from daedal.spaces import Images


@pytest.fixture
def items():
    generator = torch.Generator().manual_seed(0)
    x, clean, noise = (torch.randn(4, 3, dtype=torch.float64, generator=generator) for _ in range(3))
    return x, clean, noise


@pytest.mark.parametrize("kind", ["large", "small"])
@pytest.mark.parametrize("schedule", [linear(200), cosine(50)], ids=["linear", "cosine"])
def test_step_terms_are_divergences_of_gaussians(items, schedule, kind):
    x, clean, noise = items
    t = torch.tensor([2, 3, 20, 50])
    variance = diffusion.reverse_variance(schedule, kind)
    x_t = schedule.signal[t][:, None] * x + schedule.noise[t][:, None] * noise
    a, b, v = (value[:, None] for value in schedule.posterior(t, t - 1))
    true = Normal(a * x + b * x_t, v.sqrt().expand_as(x))
    model = Normal(a * clean + b * x_t, variance[t][:, None].sqrt().expand_as(x))
    expected = kl_divergence(true, model).sum(1)
    torch.testing.assert_close(diffusion.step_terms(schedule, variance, x, clean, t), expected, rtol=1e-9, atol=1e-9)


def test_step_terms_in_the_papers_noise_form(items):
    x, _, noise = items
    schedule, guess = linear(200), items[1]
    variance = diffusion.reverse_variance(schedule, "small")
    t = torch.tensor([2, 5, 100, 200])
    ratio = (schedule.noise / schedule.signal)[t][:, None]
    terms = diffusion.step_terms(schedule, variance, x, x + ratio * (noise - guess), t)
    beta = schedule.betas[t]
    weight = beta**2 / (2 * variance[t] * (1 - beta) * (1 - schedule.kept[t]))
    torch.testing.assert_close(terms, weight * (noise - guess).square().sum(1), rtol=1e-10, atol=1e-10)


def test_prior_term_is_a_divergence(items):
    x, schedule = items[0], linear(20)
    last = Normal(schedule.signal[-1] * x, schedule.noise[-1].expand_as(x))
    expected = kl_divergence(last, Normal(torch.zeros_like(x), torch.ones_like(x))).sum(1)
    torch.testing.assert_close(diffusion.prior_term(schedule, x), expected, rtol=1e-10, atol=1e-12)


def test_point_term_is_a_density(items):
    x, clean, _ = items
    variance = diffusion.reverse_variance(linear(200), "large")
    expected = -Normal(clean, variance[1].sqrt()).log_prob(x).sum(1)
    torch.testing.assert_close(diffusion.point_term(variance, x, clean), expected)


@pytest.mark.parametrize("kind", ["large", "small"])
def test_a_single_step_has_the_variance_beta(items, kind):
    """beta-tilde_1 is 0, which no density has; 1000 / T times 1e-4 is .1."""
    x, clean, _ = items
    variance = diffusion.reverse_variance(linear(1), kind)
    torch.testing.assert_close(variance, torch.tensor([0.0, 0.1], dtype=torch.float64))
    expected = -Normal(clean, 0.1**0.5).log_prob(x).sum(1)
    torch.testing.assert_close(diffusion.point_term(variance, x, clean), expected)


@pytest.mark.parametrize("levels", [2, 17, 256])
@pytest.mark.parametrize("centre", [-1.0, -0.37, 0.0, 0.99, 1.4])
def test_cell_terms_over_all_levels_sum_to_one(levels, centre):
    space = Images(1, 1, 1, levels)
    variance = diffusion.reverse_variance(linear(200), "large")
    x = space.from_levels(torch.arange(levels), torch.float64).reshape(-1, 1, 1, 1)
    mass = (-diffusion.cell_term(variance, x, torch.full_like(x, centre), space)).exp()
    assert mass.sum() == pytest.approx(1.0, abs=1e-12)


def test_cell_term_is_the_mass_of_the_cell():
    space, variance = Images(1, 1, 1, 17), torch.tensor([0.0, 0.01], dtype=torch.float64)
    x = space.from_levels(torch.tensor([8]), torch.float64).reshape(1, 1, 1, 1)
    got = diffusion.cell_term(variance, x, torch.full_like(x, 0.1), space)
    half = space.cell / 2
    mass = norm.cdf(half, 0.1, 0.1) - norm.cdf(-half, 0.1, 0.1)
    assert got.item() == pytest.approx(-math.log(mass))


@pytest.mark.parametrize("low", [-30.0, -8.0, -1.0, -0.01, 0.0, 3.0, 20.0])
def test_log_interval_in_both_tails(low):
    high = low + 0.02
    # By symmetry the accurate side is the lower tail, where scipy's cdf keeps all its digits
    mirrored = (low, high) if low < 0 else (-high, -low)
    log_high, log_low = norm.logcdf(mirrored[1]), norm.logcdf(mirrored[0])
    expected = log_high + torch.log(-torch.expm1(torch.tensor(log_low - log_high, dtype=torch.float64))).item()
    for dtype, tolerance in ((torch.float64, 1e-9), (torch.float32, 1e-3)):
        got = diffusion.log_interval(torch.tensor(low, dtype=dtype), torch.tensor(high, dtype=dtype))
        assert got.item() == pytest.approx(expected, rel=tolerance)


def test_gradient_of_the_cell_term_is_finite_everywhere():
    space = Images(1, 1, 4, 256)
    variance = diffusion.reverse_variance(linear(1000), "large")
    x = space.from_levels(torch.tensor([0, 1, 128, 255])).reshape(1, 1, 1, 4)
    clean = torch.tensor([-1.3, 0.5, 0.5, 0.2]).reshape(1, 1, 1, 4).requires_grad_()
    diffusion.cell_term(variance, x, clean, space).sum().backward()
    assert torch.isfinite(clean.grad).all()


def test_the_first_variance_is_the_second_posteriors():
    schedule = linear(200)
    second = schedule.posterior(2, 1)[2]
    large, small = (diffusion.reverse_variance(schedule, kind) for kind in ("large", "small"))
    assert large[1] == small[1] == second
    torch.testing.assert_close(large[2:], schedule.betas[2:])
    assert (small[2:] < large[2:]).all()

import math

import numpy as np
import pytest
import scipy.special
import scipy.stats
import torch

from daedal.probability import distributions as P


def test_gaussian_equals_torch_distributions():
    x, mean, log_variance = torch.randn(3, 50, dtype=torch.float64)
    expected = torch.distributions.Normal(mean, (log_variance / 2).exp()).log_prob(x)
    assert (P.gaussian_log_prob(x, mean, log_variance) - expected).abs().max() < 1e-12


def test_bernoulli_equals_torch_distributions():
    logits = torch.linspace(-40, 40, 81, dtype=torch.float64)
    for x in (torch.zeros_like(logits), torch.ones_like(logits)):
        expected = torch.distributions.Bernoulli(logits=logits).log_prob(x)
        assert (P.bernoulli_log_prob(x, logits) - expected).abs().max() < 1e-12


@pytest.mark.parametrize("trials", [1, 16, 255, 65535])
def test_binomial_equals_scipy(trials):
    logits = torch.tensor([-6.0, -0.3, 0.0, 2.0], dtype=torch.float64)[:, None]
    k = torch.tensor([0, 1, trials // 3, trials]).clamp(max=trials).expand(4, -1)
    expected = scipy.stats.binom.logpmf(k.numpy(), trials, logits.sigmoid().numpy())
    got = P.binomial_log_prob(k, trials, logits.expand(4, 4)).numpy()
    assert got == pytest.approx(expected, rel=1e-10, abs=1e-8)


@pytest.mark.parametrize("trials", [1, 16, 255])
def test_binomial_is_exact_however_sure_the_decoder_is(trials):
    """k log p + (trials - k) log (1 - p) + log C(trials, k) by numpy, whose logaddexp(0, l) is exact at any logit."""
    values = [-100.0, -40.1, -39.9, -30.0, 0.0, 30.0, 39.9, 40.1, 100.0]
    logits = torch.tensor(values, dtype=torch.float64)[:, None].repeat(1, 3).requires_grad_()
    k = torch.tensor([0, trials // 2, trials]).expand(len(values), -1)
    known, count = logits.detach().numpy(), k.numpy()
    ways = np.log(scipy.special.comb(trials, count))
    expected = -count * np.logaddexp(0, -known) - (trials - count) * np.logaddexp(0, known) + ways
    got = P.binomial_log_prob(k, trials, logits)
    assert got.detach().numpy() == pytest.approx(expected, rel=1e-12, abs=1e-12 * trials)
    (gradient,) = torch.autograd.grad(got.sum(), logits)
    assert gradient.numpy() == pytest.approx(count - trials * scipy.special.expit(known), rel=1e-12, abs=1e-12)
    single = P.binomial_log_prob(k, trials, logits.detach().float()).numpy()
    assert single == pytest.approx(expected, rel=1e-5, abs=2e-7 * trials * 100)


def test_categorical_equals_torch_distributions_over_any_dimension():
    logits, k = torch.randn(2, 5, 3, dtype=torch.float64), torch.randint(5, (2, 3))
    expected = torch.distributions.Categorical(logits=logits.movedim(1, -1)).log_prob(k)
    assert (P.categorical_log_prob(k, logits) - expected).abs().max() < 1e-12


@pytest.mark.parametrize("log_scale", [-12.0, -3.0, 0.0, 6.0])
@pytest.mark.parametrize("mean", [-1.3, -0.21, 0.98])
def test_logistic_cells_sum_to_one_and_are_differences_of_the_distribution(log_scale, mean):
    levels = 17
    cell = 2 / (levels - 1)
    grid = torch.linspace(-1, 1, levels, dtype=torch.float64)
    scale = torch.tensor(log_scale, dtype=torch.float64)
    masses = P.logistic_cell_log_prob(grid, torch.tensor(mean, dtype=torch.float64), scale, cell).exp()
    assert masses.sum().item() == pytest.approx(1, abs=1e-12)
    edges = torch.cat([grid[:-1] + cell / 2, torch.tensor([math.inf], dtype=torch.float64)]).numpy()
    below = scipy.stats.logistic.cdf(edges, loc=mean, scale=math.exp(log_scale))
    expected = torch.from_numpy(below).diff(prepend=torch.zeros(1, dtype=torch.float64))
    assert (masses - expected).abs().max() < 1e-12


def test_a_far_logistic_has_a_finite_log_mass_and_gradient_in_float32():
    mean, log_scale = torch.tensor(0.9, requires_grad=True), torch.tensor(-9.0, requires_grad=True)
    value = P.logistic_cell_log_prob(torch.tensor(-0.5), mean, log_scale, 2 / 255)
    gradients = torch.autograd.grad(value, (mean, log_scale))
    assert value < -1000
    assert all(torch.isfinite(g) and g != 0 for g in gradients)


def test_reparameterised_draws_have_the_stated_variance():
    """Log variance ln 4: variance 4. Taking the log variance for the log of the standard deviation gives 16."""
    n = 20000
    log_variance = torch.full((n,), math.log(4.0), dtype=torch.float64)
    z = P.reparameterise(torch.full_like(log_variance, 3.0), log_variance, torch.Generator().manual_seed(0))
    assert abs(z.mean().item() - 3) < 4 * 2 / math.sqrt(n)
    assert abs(z.var().item() - 4) < 4 * 4 * math.sqrt(2 / n)


def test_reparameterised_draws_pass_gradients_and_use_only_their_generator():
    mean, log_variance = torch.zeros(5, requires_grad=True), torch.full((5,), math.log(4.0), requires_grad=True)
    torch.manual_seed(1)
    z = P.reparameterise(mean, log_variance, torch.Generator().manual_seed(3))
    torch.manual_seed(2)
    assert torch.equal(z, P.reparameterise(mean, log_variance, torch.Generator().manual_seed(3)))
    dz_mean, dz_log_variance = torch.autograd.grad(z.sum(), (mean, log_variance))
    assert torch.equal(dz_mean, torch.ones(5))
    assert torch.allclose(dz_log_variance, z / 2)  # d(sigma eps)/d(log variance) = sigma eps / 2

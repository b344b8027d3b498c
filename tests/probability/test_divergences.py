import math

import torch
from torch.distributions import Normal, kl_divergence

from daedal.probability.distributions import gaussian_log_prob, reparameterise
from daedal.probability.divergences import kl_from_standard_normal, kl_gaussians


def parameters(n=100):
    return (torch.randn(4, n, dtype=torch.float64) * 1.5).unbind(0)


def test_closed_forms_equal_torch_distributions():
    mean, log_variance, other_mean, other_log_variance = parameters()
    p = Normal(mean, (log_variance / 2).exp())
    q = Normal(other_mean, (other_log_variance / 2).exp())
    standard = Normal(torch.zeros_like(mean), torch.ones_like(mean))
    assert (kl_from_standard_normal(mean, log_variance) - kl_divergence(p, standard)).abs().max() < 1e-10
    expected = kl_divergence(p, q)
    got = kl_gaussians(mean, log_variance, other_mean, other_log_variance)
    assert ((got - expected) / expected).abs().max() < 1e-10


def test_gradients_are_the_mean_and_half_the_variance_less_one():
    mean, log_variance, *_ = parameters()
    mean.requires_grad_()
    log_variance.requires_grad_()
    by_mean, by_log_variance = torch.autograd.grad(
        kl_from_standard_normal(mean, log_variance).sum(), (mean, log_variance)
    )
    assert (by_mean - mean).abs().max() < 1e-12
    assert (by_log_variance - (log_variance.exp() - 1) / 2).abs().max() < 1e-12


def test_no_divergence_from_itself():
    zero = torch.zeros(3, dtype=torch.float64)
    mean, log_variance, *_ = parameters()
    assert torch.equal(kl_from_standard_normal(zero, zero), zero)
    assert kl_gaussians(mean, log_variance, mean, log_variance).abs().max() < 1e-12


def test_the_closed_form_is_the_mean_of_the_sampled_one():
    n = 40000
    mean, log_variance = torch.tensor([0.7, -1.2], dtype=torch.float64), torch.tensor([-1.0, 0.8], dtype=torch.float64)
    z = reparameterise(mean.expand(n, 2), log_variance.expand(n, 2), torch.Generator().manual_seed(0))
    sampled = (gaussian_log_prob(z, mean, log_variance) - gaussian_log_prob(z, 0.0, 0.0)).sum(1)
    exact = kl_from_standard_normal(mean, log_variance).sum()
    assert abs(sampled.mean() - exact) < 4 * sampled.std() / math.sqrt(n)

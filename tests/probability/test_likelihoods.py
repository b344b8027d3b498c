import math

import pytest
import torch

from daedal.probability.likelihoods import SPEED, make_likelihood
from daedal.spaces import Images, Vectors

COUNTING = [("bernoulli", 2), ("binomial", 2), ("binomial", 17), ("logistic", 17), ("categorical", 17)]


def one_pixel(levels):
    """Every value of a one-pixel image: (levels, 1, 1, 1)."""
    space = Images(1, 1, 1, levels)
    return space, space.from_levels(torch.arange(levels), torch.float64).view(-1, 1, 1, 1)


def outputs_for(likelihood, n):
    return torch.randn(1, likelihood.outputs, 1, 1, 1, dtype=torch.float64).expand(n, -1, -1, -1, -1)


@pytest.mark.parametrize(("name", "levels"), COUNTING)
def test_masses_of_all_levels_sum_to_one(name, levels):
    space, values = one_pixel(levels)
    likelihood = make_likelihood(name, space).double()
    assert likelihood.measure == "counting"
    masses = likelihood.log_prob(outputs_for(likelihood, levels), values).exp()
    assert masses.sum().item() == pytest.approx(1, abs=1e-10)


@pytest.mark.parametrize(("name", "levels"), COUNTING)
def test_samples_have_the_stated_masses_and_lie_on_the_grid(name, levels):
    """Chi-squared over the levels, at the 1e-4 quantile."""
    n = 20000
    space, values = one_pixel(levels)
    likelihood = make_likelihood(name, space).double()
    outputs = outputs_for(likelihood, levels)
    masses = likelihood.log_prob(outputs, values).exp().detach()
    drawn = likelihood.sample(outputs[:1].expand(n, -1, -1, -1, -1), torch.Generator().manual_seed(0)).detach()
    assert torch.equal(drawn, space.quantise(drawn))
    counts = space.to_levels(drawn).flatten().bincount(minlength=levels).double()
    likely = masses * n > 5
    expected = torch.cat([masses[likely], 1 - masses[likely].sum(0, keepdim=True)]) * n
    counted = torch.cat([counts[likely], n - counts[likely].sum(0, keepdim=True)])
    chi2 = ((counted - expected).square() / expected.clamp(min=1)).sum().item()
    freedom = int(likely.sum())
    assert chi2 < freedom + 4 * math.sqrt(2 * freedom) + 8


@pytest.mark.parametrize(("name", "levels"), [c for c in COUNTING if c[0] != "logistic"])
def test_the_mean_is_the_sum_over_the_levels(name, levels):
    space, values = one_pixel(levels)
    likelihood = make_likelihood(name, space).double()
    outputs = outputs_for(likelihood, levels)
    masses = likelihood.log_prob(outputs, values).exp()
    expected = (masses[:, None, None, None] * values).sum()
    assert likelihood.mean(outputs)[0].item() == pytest.approx(expected.item(), abs=1e-12)


def test_the_gaussian_variance_is_learned_above_its_floor():
    likelihood = make_likelihood("gaussian", Vectors(3), floor=0.25).double()
    assert likelihood.measure == "lebesgue"
    likelihood.free.data.fill_(-50.0)
    assert likelihood.log_variance.exp().item() == pytest.approx(0.25**2, abs=1e-12)
    x, outputs = torch.randn(4, 3, dtype=torch.float64), torch.randn(4, 1, 3, dtype=torch.float64)
    expected = torch.distributions.Normal(outputs[:, 0], 0.25).log_prob(x).sum(1)
    assert (likelihood.log_prob(outputs, x) - expected).abs().max() < 1e-10


def test_the_best_shared_variance_is_the_mean_squared_error():
    """Rybkin et al.: the likelihood is greatest where sigma^2 = MSE."""
    likelihood = make_likelihood("gaussian", Vectors(5), floor=1e-6).double()
    x, outputs = torch.randn(20, 5, dtype=torch.float64), torch.zeros(20, 1, 5, dtype=torch.float64)
    likelihood.free.data.fill_(0.5 * math.log(x.square().mean()) / SPEED)
    (gradient,) = torch.autograd.grad(likelihood.log_prob(outputs, x).sum(), likelihood.free)
    assert abs(gradient.item()) < 1e-8


@pytest.mark.parametrize(
    ("levels", "name"), [(2, "bernoulli"), (17, "binomial"), (256, "logistic"), (65536, "logistic")]
)
def test_the_space_chooses_a_probability_of_grid_values(levels, name):
    assert make_likelihood(None, Images(1, 4, 4, levels)).name == name


def test_what_does_not_fit_the_space_is_refused():
    with pytest.raises(ValueError, match="use 'binomial'"):
        make_likelihood("bernoulli", Images(1, 4, 4, 256))
    with pytest.raises(ValueError, match="use 'logistic'"):
        make_likelihood("categorical", Images(1, 4, 4, 65536))
    with pytest.raises(ValueError, match="must be 'gaussian'; got 'binomial'"):
        make_likelihood("binomial", Vectors(2))

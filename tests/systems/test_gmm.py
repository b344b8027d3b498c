"""Expectation maximisation: its monotone likelihood, its closed forms, scikit-learn, the digits' known bits/dim."""

import math
from itertools import pairwise
from types import SimpleNamespace

import pytest
import torch
from scipy.stats import multivariate_normal
from sklearn.mixture import GaussianMixture
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal

from daedal.data.base import Split
from daedal.data.digits import digits
from daedal.errors import TrainingError
from daedal.play.trainer import Settings, Trainer
from daedal.play.turn import Batch, Tell
from daedal.spaces import Images, Labels, Vectors
from daedal.systems.classical.gmm import GMM

CENTRES = torch.tensor([[0.0, 0, 0], [6, 0, 2], [0, 5, -3]], dtype=torch.float64)
STRETCH = torch.tensor([[1.0, 0.3, 0.5], [0.4, 1.5, 1.0], [1.0, 1.0, 0.2]], dtype=torch.float64)


def _clusters(n=600, dim=3):
    g = torch.Generator().manual_seed(0)
    k = torch.randint(0, 3, (n,), generator=g)
    return CENTRES[k, :dim] + STRETCH[k, :dim] * torch.randn(n, dim, generator=g, dtype=torch.float64)


class _Items(list):
    def __init__(self, x):
        super().__init__(range(len(x)))
        self.x = x

    def gather(self, indices, fields=None):
        return {"x": self.x[torch.as_tensor(list(indices))]}


def _batches(x, chunks=3):
    return SimpleNamespace(epoch=lambda: (Batch(part) for part in x.chunk(chunks)))


def _started(x, space, **options):
    system = GMM(space, **options).double()
    system.fit_scale(_Items(x))
    return system


def _round(system, x):
    (told, *done) = list(_play(system, x))
    assert isinstance(told, Tell)
    return bool(done)


def _play(system, x):
    for item in system.turns(_batches(x)):
        if isinstance(item, Tell):
            item.call(**item.statistics)
        yield item


@pytest.mark.parametrize("covariance", ["full", "diagonal"])
@pytest.mark.parametrize("floor", [0.0, 0.2])
def test_the_likelihood_never_falls(covariance, floor):
    x = _clusters()
    system = _started(x, Vectors(3), components=4, covariance=covariance, floor=floor)
    trace = []
    for _ in range(60):
        _round(system, x)
        trace.append(system.log_likelihood.item())
    assert min(b - a for a, b in pairwise(trace)) >= -1e-9
    assert trace[-1] > trace[0] + 1e-3


@pytest.mark.parametrize("covariance", ["full", "diagonal"])
def test_denoise_is_the_mixtures_posterior_mean_in_user_units(covariance):
    """By Tweedie's formula, x + N grad log p(x) with p the density of items with noise of covariance N added."""
    x = _clusters() * torch.tensor([0.1, 1.0, 100.0], dtype=torch.float64)
    system = _started(x, Vectors(3), components=3, covariance=covariance)
    for _ in range(5):
        _round(system, x)
    scales = torch.diag(system.standardise.scale.double())
    means = system.standardise.inverse(system.means)
    normals = _normals(system)
    sigma = torch.tensor([0.1, 1.0, 10.0], dtype=torch.float64)
    for noisy, level in zip(x[:3], sigma, strict=True):
        noise = level**2 * scales @ scales
        components = MultivariateNormal(means, scales @ normals.covariance_matrix @ scales + noise)
        blurred = MixtureSameFamily(Categorical(system.weights), components)
        asked = noisy.clone().requires_grad_()
        (score,) = torch.autograd.grad(blurred.log_prob(asked), asked)
        found = system.denoise(noisy[None], level)[0]
        torch.testing.assert_close((found - noisy - noise @ score) / scales.diag(), torch.zeros(3).double())
    both = system.denoise(x[:3], sigma)
    alone = torch.cat([system.denoise(x[i : i + 1], sigma[i]) for i in range(3)])
    torch.testing.assert_close(both, alone)


def _normals(system):
    """The components as torch has them, in standard units."""
    full = system.covariance == "full"
    return MultivariateNormal(system.means, system.covariances() if full else torch.diag_embed(system.covariances()))


def _bound(system, x, gamma):
    """L of items x (n, *x) under responsibilities gamma (n, components): nats, (n,)."""
    joint = system.weights.log() + _normals(system).log_prob(system.standardise(x).flatten(1)[:, None])
    return (gamma * joint - torch.xlogy(gamma, gamma)).sum(1) + system.standardise.log_det


def test_the_bound_on_dequantised_images_never_falls_and_stays_below_the_likelihood():
    space = Images(1, 2, 2, levels=5)
    x = space.quantise(_clusters(dim=3)[:, [0, 1, 2, 0]].div(8).clamp(-1, 1).view(-1, 1, 2, 2))
    system = _started(x, space, components=3, floor=0.0)
    trace = []
    for _ in range(40):
        _round(system, x)
        trace.append(system.log_likelihood.item())
    assert min(b - a for a, b in pairwise(trace)) >= -1e-9
    normals, variance = _normals(system), space.cell**2 / 12
    loss = 0.5 * variance * normals.precision_matrix.diagonal(dim1=1, dim2=2).sum(1)
    gamma = (system.weights.log() + normals.log_prob(x.flatten(1)[:, None]) - loss).softmax(1)
    g = torch.Generator().manual_seed(1)
    noisy = [space.dequantise(x, g) for _ in range(100)]
    bounds = torch.stack([_bound(system, part, gamma) for part in noisy])
    gaps = torch.stack([system.log_prob(part) for part in noisy]) - bounds
    _round(system, x)  # reports the bound of the parameters before
    standard_error = bounds.var(0).mean().div(bounds.numel()).sqrt()  # of the noise alone: the items are fixed
    assert abs(bounds.mean() - system.log_likelihood) < 4 * standard_error
    assert gaps.min() >= -1e-9


@pytest.mark.parametrize("covariance", ["full", "diagonal"])
def test_the_e_step_closes_the_bound_and_the_m_step_raises_it(covariance):
    x = _clusters()
    system = _started(x, Vectors(3), components=3, covariance=covariance)
    g = torch.Generator().manual_seed(3)
    system.means.add_(0.5 * torch.randn(3, 3, generator=g, dtype=torch.float64))  # away from k-means' optimum
    gains = []
    for _ in range(5):
        gamma, log_likelihood = system.responsibilities(x), system.log_prob(x).mean()
        closed = _bound(system, x, gamma).mean()
        assert abs(closed - log_likelihood) < 1e-9
        _round(system, x)
        assert abs(system.log_likelihood - log_likelihood) < 1e-9
        raised = _bound(system, x, gamma).mean()  # the new parameters, the old responsibilities
        assert raised <= system.log_prob(x).mean() + 1e-9
        gains.append((raised - closed).item())
    assert min(gains) >= -1e-9
    assert gains[0] > 0.1


def test_one_component_is_the_sample_mean_and_covariance_after_one_round():
    x = _clusters()
    system = GMM(Vectors(3), components=1).double()
    _round(system, x)
    torch.testing.assert_close(system.means[0], x.mean(0), atol=1e-10, rtol=0)
    torch.testing.assert_close(system.covariances()[0], x.mT.cov(correction=0), atol=1e-10, rtol=0)
    assert system.weights.item() == 1


@pytest.mark.parametrize(("ours", "theirs"), [("full", "full"), ("diagonal", "diag")])
def test_responsibilities_density_and_rounds_are_scikit_learns(ours, theirs):
    x = _clusters()
    system = _started(x, Vectors(3), components=3, covariance=ours, floor=0.0)
    y = system.standardise(x).numpy()
    inverse = torch.linalg.inv(system.covariances()) if ours == "full" else 1 / system.covariances()
    reference = GaussianMixture(
        3,
        covariance_type=theirs,
        reg_covar=0.0,
        tol=0.0,
        max_iter=5,
        weights_init=system.weights.numpy(),
        means_init=system.means.numpy(),
        precisions_init=inverse.numpy(),
    )
    with pytest.warns(match="did not converge"):
        reference.fit(y)
    for _ in range(5):
        _round(system, x)
    responsibilities = system.responsibilities(x)
    torch.testing.assert_close(responsibilities, torch.as_tensor(reference.predict_proba(y)), atol=1e-8, rtol=0)
    torch.testing.assert_close(responsibilities.sum(1), torch.ones(len(x), dtype=x.dtype))
    log_det = system.standardise.log_det
    torch.testing.assert_close(system.log_prob(x), torch.as_tensor(reference.score_samples(y)) + log_det)


def test_log_prob_is_the_mixture_density_in_the_users_units():
    x = _clusters()[:50]
    system = _started(x, Vectors(3), components=2)
    scale, mean = system.standardise.scale, system.standardise.mean
    density = sum(
        weight.item()
        * multivariate_normal((m * scale + mean).numpy(), (c * torch.outer(scale, scale)).numpy()).pdf(x.numpy())
        for weight, m, c in zip(system.weights, system.means, system.covariances(), strict=True)
    )
    torch.testing.assert_close(system.log_prob(x), torch.as_tensor(density).log())


def test_narrow_components_assign_as_k_means_does():
    x = _clusters()
    system = _started(x, Vectors(3), components=3)
    system.factors.copy_(1e-3 * torch.eye(3).expand(3, 3, 3))
    system.weights.fill_(1 / 3)
    nearest = torch.cdist(system.standardise(x), system.means).argmin(1)
    torch.testing.assert_close(system.responsibilities(x), torch.nn.functional.one_hot(nearest, 3).double())


def test_the_order_of_the_data_does_not_matter():
    x = _clusters()
    one, two = _started(x, Vectors(3), components=3), _started(x, Vectors(3), components=3)
    two.load_state_dict(one.state_dict())
    _round(one, x)
    _round(two, x[torch.randperm(len(x), generator=torch.Generator().manual_seed(1))])
    torch.testing.assert_close(one.state_dict(), two.state_dict(), atol=1e-11, rtol=0)


def test_no_direction_is_narrower_than_the_floor():
    x = _clusters()
    x[:, 2] = x[:, 0]  # a plane
    system = _started(x, Vectors(3), components=2, floor=1e-3)
    for _ in range(5):
        _round(system, x)
    assert torch.linalg.eigvalsh(system.covariances()).min().item() == pytest.approx(1e-3, rel=1e-6)


def test_a_component_without_mass_stays_where_it_is():
    x = _clusters()
    system = _started(x, Vectors(3), components=2)
    system.means[1] = 1e6
    before = system.factors[1].clone()
    _round(system, x)
    torch.testing.assert_close(system.means[1], torch.full((3,), 1e6, dtype=x.dtype))
    torch.testing.assert_close(system.factors[1], before)
    assert torch.isfinite(system.log_prob(x)).all()


def test_samples_have_the_moments_of_the_mixture():
    x = _clusters()
    for covariance in ("full", "diagonal"):
        system = _started(x, Vectors(3), components=3, covariance=covariance)
        for _ in range(10):
            _round(system, x)
        n = 20_000
        y = system.standardise(system.sample(n, generator=torch.Generator().manual_seed(1)).double())
        within = system.covariances() if covariance == "full" else torch.diag_embed(system.covariances())
        mean = system.weights @ system.means
        second = (system.weights[:, None, None] * (within + system.means[:, :, None] * system.means[:, None])).sum(0)
        assert ((y.mean(0) - mean).abs() < 4.5 * y.std(0) / math.sqrt(n)).all()
        products = y[:, :, None] * y[:, None]
        assert ((products.mean(0) - second).abs() < 4.5 * products.std(0) / math.sqrt(n)).all()


def test_it_recovers_a_known_mixture_to_its_entropy():
    n = 4000
    both = _clusters(2 * n)
    x, fresh = both[:n], both[n:]
    truth = MixtureSameFamily(
        Categorical(torch.ones(3, dtype=torch.float64)), MultivariateNormal(CENTRES, torch.diag_embed(STRETCH.square()))
    )
    system = _started(x, Vectors(3), components=3)
    while not _round(system, x):
        pass
    assert (torch.cdist(CENTRES, system.standardise.inverse(system.means)).min(1).values < 0.2).all()
    # By Wilks 2 n KL(truth, fit) is a chi-squared of 29 degrees: 2 weights, 9 means, 18 covariances.
    gap = truth.log_prob(fresh) - system.log_prob(fresh)
    error = 4 * gap.std() / math.sqrt(n)
    assert -error < gap.mean() < (29 + 4 * math.sqrt(58)) / (2 * n) + error


def test_digits_reach_the_known_bits_per_dim():
    columns, train, test = digits()
    split, held_out = Split(columns, train), Split(columns, test).gather(range(len(test)))["x"]
    space = columns["x"].space
    bits = {}
    for components in (1, 10):
        system = GMM(space, components=components)
        system.fit_scale(split)
        data = SimpleNamespace(train=split, fingerprint="", source={})
        run = Trainer(system, data, Settings(steps=200)).run()
        assert run.step < 100
        nats = system.log_prob(space.dequantise(held_out, torch.Generator().manual_seed(0))).mean().item()
        bits[components] = -nats / (64 * math.log(2)) + space.bits_offset()
    # The catalogue has 3.04 and 2.71, by scikit-learn with 1e-3 added to each variance; without, 2.95 for one.
    assert 2.9 < bits[1] < 3.04
    assert bits[10] < min(2.71, bits[1] - 0.2)


def test_large_images_get_diagonal_covariances():
    assert GMM(Images(1, 16, 16), components=2).covariance == "full"
    assert GMM(Images(3, 16, 16), components=2).covariance == "diagonal"


@pytest.mark.parametrize(
    ("n", "dim", "components", "seen"),
    [
        (30_000, 64, 3, 10_000),
        (30_000, 1677, 3, 10_000),
        (3000, 3 * 64 * 64, 3, 1000),  # of 3000, every third: at most 2**24 / 12288 = 1365
        (300, 2**20, 4, 38),  # at most 40, ten for each component
        (5, 2**24, 5, 5),
    ],
)
def test_it_starts_from_fewer_items_the_larger_they_are(n, dim, components, seen):
    class Enough(Exception):
        pass

    class Counted:
        def __len__(self):
            return n

        def gather(self, indices, fields=None):
            raise Enough(len(indices))

    system = GMM(Images(1, 1, 1), components=components)
    system.x = SimpleNamespace(dim=dim)
    with pytest.raises(Enough, match=rf"^{seen}$"):
        system.fit_scale(Counted())


def test_what_it_cannot_do_is_refused():
    with pytest.raises(ValueError, match="can be given nothing; got label"):
        GMM(Vectors(2), {"label": Labels(3)})
    with pytest.raises(ValueError, match="'components' of GMM must be at most 5, the items; got 10"):
        _started(_clusters()[:5], Vectors(3))


def test_a_covariance_that_is_not_finite_is_a_failure_of_training_in_words():
    x = _clusters()
    system = _started(x, Vectors(3), components=3)
    moments = system._expect(system.standardise(x))
    moments["second"][1, 0, 0] = math.nan
    with pytest.raises(TrainingError, match=r"covariance of a component of GMM .* not finite.*raise 'floor'"):
        system.maximise(**moments)

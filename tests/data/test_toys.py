"""Toys: each density integrates to one, its entropy is that of its samples, and the samples follow it."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture

from daedal.data import load_data
from daedal.data.densities import Circles, Curves, Mixture
from daedal.data.toys import TOYS, make, toy
from daedal.errors import UsageError
from daedal.spaces import Labels, Vectors

PLANAR = [name for name in TOYS if name != "mixture1d"]
COARSE = {"ring8": 0.01, "grid25": 0.025}  # grid steps of half a deviation; others have wider features


def grid(reach, step):
    axis = torch.arange(-reach, reach, step, dtype=torch.float64) + step / 2
    return torch.cartesian_prod(axis, axis)


@pytest.mark.parametrize("name", PLANAR)
def test_densities_integrate_to_one(name):
    step, reach = COARSE.get(name, 1 / 16), 8.0 if name == "gaussian" else 5.0
    density = make(name)
    if name in COARSE:  # the plane is nearly empty: one mode's square, times their number
        points = density.modes[0].double() + grid(10 * density.sigma, step / 2)
        total = density.log_prob(points).exp().sum() * (step / 2) ** 2 * density.components
    else:
        total = density.log_prob(grid(reach, step)).exp().sum() * step**2
    assert abs(float(total) - 1) < 1e-5


def test_the_density_on_a_line_integrates_to_one():
    x = torch.linspace(-10, 14, 20001, dtype=torch.float64)
    assert float(torch.trapezoid(make("mixture1d").log_prob(x[:, None]).exp(), x)) == pytest.approx(1, abs=1e-10)


@pytest.mark.parametrize("name", TOYS)
def test_entropy_is_the_mean_of_minus_log_prob(name):
    density = make(name)
    x = density.sample(4000, np.random.default_rng(5))
    log_p = density.log_prob(torch.from_numpy(x))
    assert abs(float(log_p.mean()) + density.entropy) <= 4 * float(log_p.std()) / math.sqrt(len(x)) + 1e-12


@pytest.mark.parametrize("name", PLANAR)
def test_samples_follow_the_density(name):
    """Counts in squares, each of them expected by quadrature of the density, by a chi-squared test."""
    density, n, fine = make(name), 5000, 1 / 16
    x = density.sample(n, np.random.default_rng(11))
    if name in COARSE:
        offsets = (x[:, None] - density.modes.numpy()) / density.sigma
        nearest = (offsets**2).sum(-1).argmin(1)
        assert stats.chisquare(np.bincount(nearest, minlength=density.components)).pvalue > 1e-4
        own = offsets[np.arange(n), nearest]
        assert stats.kstest(own.ravel(), "norm").pvalue > 1e-4
        return
    reach, cells = 6, 24
    mass = density.log_prob(grid(reach, fine)).exp().reshape(cells, 8, cells, 8).sum((1, 3)).numpy() * fine**2
    counts = np.histogram2d(x[:, 0], x[:, 1], bins=cells, range=[[-reach, reach]] * 2)[0]
    full = n * mass > 5
    observed = np.append(counts[full], n - counts[full].sum())
    expected = np.append(n * mass[full], n - n * mass[full].sum())
    if expected[-1] < 1:
        observed, expected = observed[:-1], expected[:-1] * observed[:-1].sum() / expected[:-1].sum()
    assert stats.chisquare(observed, expected).pvalue > 1e-4


def test_samples_on_a_line_follow_the_density():
    density = make("mixture1d")
    x = density.sample(4000, np.random.default_rng(2))[:, 0]
    parts = list(zip([0.3, 0.2, 0.5], [-2, 0, 3], [0.5, 0.2, 1.0], strict=True))
    assert stats.kstest(x, lambda t: sum(w * stats.norm.cdf(t, m, s) for w, m, s in parts)).pvalue > 1e-3


def test_mixtures_equal_scipys():
    cov = np.array([[1.0, 0.8], [0.8, 2.0]])
    density = Mixture([[1.0, -1.0], [3.0, 0.0]], [cov, 0.1 * np.eye(2)], [0.3, 0.7])
    x = density.sample(50, np.random.default_rng(0))
    peaks = [stats.multivariate_normal([1, -1], cov), stats.multivariate_normal([3, 0], 0.1 * np.eye(2))]
    expected = np.log(0.3 * peaks[0].pdf(x) + 0.7 * peaks[1].pdf(x))
    assert np.allclose(density.log_prob(torch.from_numpy(x)), expected, atol=1e-12)
    assert make("gaussian").entropy == pytest.approx(peaks[0].entropy(), abs=1e-12)


def test_entropies_in_closed_form():
    one = 1 + math.log(2 * math.pi * 0.02**2)
    assert make("ring8").entropy == pytest.approx(math.log(8) + one, abs=1e-9)
    assert make("checkerboard").entropy == pytest.approx(math.log(32), abs=1e-12)
    straight = Mixture([[0.0, 0.0]], [[[1.0, 0.0], [0.0, 1.0]]])
    assert straight.entropy_by_quadrature() == pytest.approx(straight.entropy, abs=1e-9)


@pytest.mark.parametrize("name", ["mixture3", "mixture8", "mixture1d"])
def test_quadrature_of_mixtures_has_converged(name):
    density = make(name)
    step = 0.005 if density.dim == 1 else 0.125
    assert density.entropy_by_quadrature(step) == pytest.approx(density.entropy, abs=1e-8)


def test_quadrature_of_curves_has_converged():
    moons = make("moons")
    assert moons.entropy_by_quadrature(0.035) == pytest.approx(moons.entropy, abs=1e-6)
    for name, power in (("moons", 1), ("spirals", 2)):
        density = make(name)
        finer = Curves(density.curves, density.noise, 700, density.reach, power)
        x = torch.from_numpy(density.sample(300, np.random.default_rng(0)))
        assert (finer.log_prob(x) - density.log_prob(x)).abs().max() < 1e-8


def test_circles_equal_quadrature_along_the_circle():
    angle = np.linspace(0, 2 * np.pi, 4001)[:-1]
    circle = 2.0 * np.stack([np.cos(angle), np.sin(angle)], 1)
    density = Circles([2.0], noise=0.3)
    x = density.sample(20, np.random.default_rng(1))
    expected = stats.norm.pdf(x[:, None], circle, 0.3).prod(-1).mean(1)
    assert np.allclose(density.log_prob(torch.from_numpy(x)).exp(), expected, rtol=1e-10)


def test_the_checkerboard_is_empty_between_its_squares():
    x = torch.tensor([[-3.0, -3.0], [-1.0, -3.0], [-1.0, -1.0], [5.0, 1.0]])
    assert make("checkerboard").log_prob(x).exp().tolist() == pytest.approx([1 / 32, 0, 1 / 32, 0])


@pytest.mark.parametrize("name", ["ring8", "pinwheel", "rings", "spirals", "moons"])
def test_scores_are_gradients(name):
    density = make(name)
    x = torch.from_numpy(density.sample(5, np.random.default_rng(0))).requires_grad_()
    assert torch.autograd.gradcheck(density.log_prob, x, atol=1e-4)


def test_the_plain_k_means_cuts_across_long_clusters():
    columns, _ = toy("mixture3", n=2000, seed=0)
    x, truth = columns["x"].values, columns["label"].values
    means = KMeans(3, n_init=3, random_state=0).fit_predict(x)
    mixture = GaussianMixture(3, random_state=0).fit_predict(x)
    assert adjusted_rand_score(truth, mixture) > adjusted_rand_score(truth, means) + 0.1


@pytest.mark.parametrize(("name", "k", "sigma"), [("ring8", 8, 0.02), ("grid25", 25, 0.05), ("mixture8", 8, 0.3)])
def test_modes_are_where_the_items_are(name, k, sigma):
    columns, density = toy(name, n=2000, seed=1)
    assert (density.modes.shape, density.sigma) == ((k, 2), sigma)
    offsets = columns["x"].values - density.modes.numpy()[columns["label"].values]
    assert abs(offsets.std() / sigma - 1) < 4 / math.sqrt(2 * offsets.size)


def test_geometry():
    assert make("ring8").modes.norm(dim=1).numpy() == pytest.approx(2.0)
    gaps = torch.cdist(make("grid25").modes, make("grid25").modes)
    assert float(gaps[gaps > 0.5].min()) == pytest.approx(2.0)


def test_data_of_a_toy():
    data = load_data("toy:ring8")
    assert len(data.train) + len(data.test) == 10_000
    assert data.fields == {"x": Vectors(2), "label": Labels(8)}
    assert data.name == "ring8"
    x = data.train.gather(range(100))["x"]
    assert data.density.log_prob(x).dtype == torch.float32
    assert data.density.sample(7, np.random.default_rng(0)).shape == (7, 2)
    fresh = load_data("toy:ring8", n=500, seed=1)
    assert len(fresh.train) + len(fresh.test) == 500
    assert fresh.fingerprint == load_data("toy:ring8", n=500, seed=1).fingerprint
    assert fresh.fingerprint != load_data("toy:ring8", n=500, seed=2).fingerprint


def test_unknown_toys_are_named():
    with pytest.raises(UsageError, match=r"'moon' is no toy; the toys are ring8, .*Did you mean 'moons'\?"):
        load_data("toy:moon")
    with pytest.raises(ValueError, match=r"shape \(n, 2\); got \(3, 3\)"):
        make("moons").log_prob(torch.zeros(3, 3))


def test_the_pinwheels_density_far_out_is_zero_and_no_nan():
    assert (make("pinwheel").log_prob(torch.tensor([[5000.0, 0.0], [0.0, -1e6]])) < -1e4).all()

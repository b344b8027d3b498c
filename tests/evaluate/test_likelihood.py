import math

import pytest
import torch

from daedal.capabilities import Bounds, Scores
from daedal.evaluate.likelihood import bits_per_dim, likelihood_kind
from daedal.play.system import System
from daedal.spaces import Images, Labels, Vectors

IMAGES = Images(1, 2, 3, levels=17)


class Mass(System, Scores):
    """Every grid value equally likely."""

    measure = "counting"
    accepts = (Images, Labels)

    def log_prob(self, x, *, given=None):
        levels = self.x.classes if isinstance(self.x, Labels) else self.x.levels
        return torch.full((len(x),), -self.x.dim * math.log(levels))


class Density(System, Scores):
    """Uniform over all cells: [-1 - cell/2, 1 + cell/2] in each dimension."""

    def log_prob(self, x, *, given=None):
        assert x.dtype == self.dtype
        edge = 1 + self.x.cell / 2
        inside = (x.abs() <= edge).flatten(1).all(1)
        return torch.where(inside, -self.x.dim * math.log(2 * edge), -torch.inf)


class Bound(System, Bounds):
    """A bound whose noise comes from the generator alone; counts its calls."""

    measure = "counting"
    calls = 0

    def elbo(self, x, *, given=None, generator=None):
        self.calls += len(x)
        return -self.x.dim * math.log(2) * (1 + torch.rand(len(x), generator=generator))


class Gaussian(System, Scores):
    def log_prob(self, x, *, given=None):
        return torch.distributions.Normal(3.0, 0.25).log_prob(x).sum(1)


class Both(Density, Bounds):
    def elbo(self, x, *, given=None, generator=None):
        raise AssertionError("the exact number is preferred")


def bits(system, x, seed=0):
    noise, own = torch.Generator().manual_seed(seed), torch.Generator().manual_seed(seed)
    return bits_per_dim(system, x, {}, noise, own)


def grid(n=50):
    return IMAGES.from_levels(torch.randint(0, 17, (n, *IMAGES.shape)))


def test_uniform_mass_and_uniform_density_cost_the_bits_of_the_levels():
    torch.testing.assert_close(bits(Mass(IMAGES), grid()), torch.full((50,), math.log2(17), dtype=torch.float64))
    torch.testing.assert_close(bits(Density(IMAGES), grid()), torch.full((50,), math.log2(17), dtype=torch.float64))


def test_labels_are_counted_without_noise():
    space = Labels(5, (4,))
    assert bits(Mass(space), torch.zeros(3, 4, dtype=torch.long)).tolist() == pytest.approx([math.log2(5)] * 3)


def test_a_density_in_double_receives_doubles():
    assert bits(Density(IMAGES).double(), grid()).isfinite().all()


def test_vectors_have_their_density_in_the_users_units():
    x = 3 + 0.25 * torch.randn(20_000, 2)
    found = bits(Gaussian(Vectors(2)), x)
    entropy = math.log2(0.25 * math.sqrt(2 * math.pi * math.e))
    assert abs(found.mean() - entropy) < 4 * found.std() / math.sqrt(20_000)


def test_each_item_is_bounded_once_with_the_generator_alone():
    system, x = Bound(IMAGES), grid(9)
    first, again, other = bits(system, x), bits(system, x), bits(system, x, seed=1)
    assert system.calls == 27
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_the_dequantised_are_never_better_than_the_mass_of_their_cells():
    """E_u log p(x + u) <= log of the mean of p over the cell, for a density that is not flat."""

    class Slope(System, Scores):
        def log_prob(self, x, *, given=None):
            return torch.distributions.Normal(0.0, 0.1).log_prob(x).flatten(1).sum(1)

    space = Images(1, 1, 1, levels=17)
    x = space.from_levels(torch.full((20_000, 1, 1, 1), 9))
    found = bits(Slope(space), x)
    normal = torch.distributions.Normal(0.0, 0.1)
    centre, half = torch.tensor(2 * 9 / 16 - 1), torch.tensor(space.cell / 2)
    mass = normal.cdf(centre + half) - normal.cdf(centre - half)
    assert found.mean() - 4 * found.std() / math.sqrt(20_000) > -math.log2(mass)


def test_kinds():
    assert likelihood_kind(Mass(IMAGES)) == "exact"
    assert likelihood_kind(Density(IMAGES)) == "bound"
    assert likelihood_kind(Gaussian(Vectors(2))) == "exact"
    assert likelihood_kind(Bound(IMAGES)) == "bound"
    assert likelihood_kind(Both(IMAGES)) == "bound"
    assert likelihood_kind(System(IMAGES)) is None
    estimate = Mass(IMAGES)
    estimate.kind = "estimate"
    assert likelihood_kind(estimate) == "estimate"


def test_an_exact_score_is_preferred_to_a_bound():
    assert bits(Both(IMAGES), grid()).mean() == pytest.approx(math.log2(17))

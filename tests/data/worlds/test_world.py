"""Drawing the values of a world's factors: marginals, and correlations that hit their strength."""

import pytest
import torch
from scipy import stats

from daedal.data.worlds.world import Correlation, Factor, World
from daedal.errors import UsageError

N = 20000
INDEX = torch.arange(N)


class Toy(World):
    """Factors without pictures."""

    name = "toy"
    stencil = ("behind",)
    factors = (
        Factor("size", "metres", 2.0, 5.0),
        Factor("angle", "degrees", -30.0, 30.0),
        Factor("shape", "numbers", size=3),
        Factor("hat", "which", choices=("none", "cap", "bowler")),
    )

    def scene(self, values, moment=None):
        raise NotImplementedError

    caption = points = scene


def placed(values, name):
    """A number's place in its range."""
    factor = Toy().factor(name)
    return (values[name].double() - factor.low) / (factor.high - factor.low)


@pytest.mark.parametrize("strength", [1.0, 0.7, 0.2, 0.0, -0.4, -1.0])
def test_a_correlation_hits_its_strength_and_leaves_the_marginals(strength):
    """Pearson's of uniform places is 12 E[(a - 1/2)(b - 1/2)]: a z-test with the mean's own standard error."""
    values = Toy().draw(INDEX, 4, Correlation("size", "angle", strength))
    a, b = placed(values, "size"), placed(values, "angle")
    products = 12 * (a - 0.5) * (b - 0.5)
    assert abs(products.mean() - strength) < 4 * products.std() / N**0.5
    for x in (a, b):
        assert stats.kstest(x.numpy(), "uniform").pvalue > 1e-4
    plain = Toy().draw(INDEX, 4)
    assert all(torch.equal(values[name], plain[name]) for name in ("size", "shape", "hat"))


def test_factors_vary_independently_within_their_ranges():
    values = Toy().draw(INDEX, 1)
    assert values["shape"].shape == (N, 3)
    assert ((values["size"] >= 2) & (values["size"] <= 5)).all()
    counts = torch.bincount(values["hat"], minlength=3)
    assert stats.chisquare(counts.numpy()).pvalue > 1e-4
    z = 12 * ((placed(values, "size") - 0.5) * (placed(values, "angle") - 0.5)).mean() * N**0.5
    assert abs(z) < 4


def test_items_are_the_same_in_any_order():
    order = torch.tensor([7, 3, 9000, 3])
    for correlation in (None, Correlation("angle", "hat", 0.5)):
        whole, some = (Toy().draw(index, 2, correlation) for index in (INDEX, order))
        assert all(torch.equal(some[name], whole[name][order]) for name in whole)


def test_a_correlation_names_factors_that_exist():
    for pair in (("siez", "angle"), ("size", "angel")):
        with pytest.raises(UsageError, match="its factors are size, angle, shape, hat"):
            Toy().draw(INDEX[:2], 0, Correlation(*pair, 0.5))

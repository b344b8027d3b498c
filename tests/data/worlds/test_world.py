"""Drawing the values of a world's factors: marginals, and correlations that hit their strength."""

import pytest
import torch
from scipy import stats

from daedal.data.worlds.settings import parse_settings, value_words, with_settings
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
        Factor("mood", "which, rarely glum", choices=("gay", "calm", "glum"), shares=(0.5, 0.4, 0.1)),
        Factor("steps", "which, one after the other", size=4, choices=("stay", "go")),
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


def test_choices_come_in_their_shares_and_several_of_them_independently():
    values = Toy().draw(INDEX, 3)
    counts = torch.bincount(values["mood"], minlength=3).numpy()
    assert stats.chisquare(counts, [0.5 * N, 0.4 * N, 0.1 * N]).pvalue > 1e-4
    assert values["steps"].shape == (N, 4)
    kinds = torch.bincount(values["steps"] @ torch.tensor([1, 2, 4, 8]), minlength=16).numpy()
    assert stats.chisquare(kinds).pvalue > 1e-4


def test_items_are_the_same_in_any_order():
    order = torch.tensor([7, 3, 9000, 3])
    for correlation in (None, Correlation("angle", "hat", 0.5)):
        whole, some = (Toy().draw(index, 2, correlation) for index in (INDEX, order))
        assert all(torch.equal(some[name], whole[name][order]) for name in whole)


def test_a_correlation_names_factors_that_exist():
    for pair in (("siez", "angle"), ("size", "angel")):
        with pytest.raises(UsageError, match="its factors are size, angle, shape, hat, mood, steps"):
            Toy().draw(INDEX[:2], 0, Correlation(*pair, 0.5))


def test_several_choices_are_set_by_name_each_or_all_alike():
    drawn = Toy().draw(INDEX[:3])
    for text, places in (("go", [1, 1, 1, 1]), ("stay:go:go:stay", [0, 1, 1, 0])):
        values = with_settings(drawn, parse_settings(Toy(), [f"steps={text}"]))
        assert values["steps"].tolist() == [places] * 3
        assert value_words(Toy().factor("steps"), values["steps"][0]) == [("stay", "go")[k] for k in places]
    for text, said in (("stay:go", "one choice or 4 of them; got 2"), ("stay:run:go:go", "one of stay, go; got 'run'")):
        with pytest.raises(UsageError, match=said):
            parse_settings(Toy(), [f"steps={text}"])

"""Dropout: as many numbers as asked for, independently, scaled so that the mean stays."""

import pytest
import torch
from scipy.stats import binomtest, chisquare

from daedal.nn.dropout import CHOICES, Dropout

DTYPES = (torch.float32, torch.float64, torch.bfloat16)


def training(p: float, seed: int = 0) -> Dropout:
    torch.manual_seed(seed)
    return Dropout(p).train()


@pytest.mark.parametrize("p", [0.1, 0.25, 0.5, 0.9])
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_share_p_is_left_out_and_the_rest_keeps_the_mean(p, dtype):
    x = torch.ones(500, 401, dtype=dtype)
    out = training(p)(x)
    assert out.dtype == dtype
    assert binomtest(int((out == 0).sum()), x.numel(), p).pvalue > 1e-3
    kept = out[out != 0].double()
    assert (kept == kept[0]).all()
    assert kept[0].item() == pytest.approx(1 / (1 - p), rel=torch.finfo(dtype).eps + 2 / CHOICES / (1 - p))


def test_numbers_are_left_out_independently_of_their_neighbours():
    """Four numbers share a draw of 64 bits: all 16 ways to leave some out are as likely as they would be apart."""
    p, n = 0.3, 100_000
    out = training(p)(torch.ones(n, 4)) == 0
    ways = (out.long() * torch.tensor([1, 2, 4, 8])).sum(1).bincount(minlength=16)
    sizes = torch.tensor([bin(way).count("1") for way in range(16)])
    expected = n * p ** sizes.double() * (1 - p) ** (4 - sizes.double())
    assert chisquare(ways.numpy(), expected.numpy()).pvalue > 1e-3
    lagged = out.flatten()[4:] & out.flatten()[:-4]  # the same place in the next draw
    assert binomtest(int(lagged.sum()), lagged.numel(), p * p).pvalue > 1e-3


@pytest.mark.parametrize("p", [0.0, 1.0, 1 - 1e-9])
def test_nothing_or_all_can_be_left_out(p):
    x = torch.randn(3, 5)
    assert torch.equal(training(p)(x), x if p == 0 else torch.zeros_like(x))
    assert Dropout(p).eval()(x) is x


@pytest.mark.parametrize("p", [-0.1, 1.5, float("nan")])
def test_a_probability_is_within_0_and_1(p):
    with pytest.raises(ValueError, match=r"'p' of Dropout must be a float in \[0, 1\]; got"):
        Dropout(p)


def test_gradients_flow_where_numbers_were_kept_and_can_be_differentiated_again():
    x = torch.randn(7, 9, dtype=torch.float64, requires_grad=True)
    out = training(0.4)(x)
    (gradient,) = torch.autograd.grad(out.square().sum(), x, create_graph=True)
    scale = out.detach() / x.detach()
    assert torch.allclose(gradient, 2 * x * scale**2)
    (again,) = torch.autograd.grad(gradient.sum(), x)
    assert torch.allclose(again, 2 * scale**2)


def test_choices_follow_the_generator_and_no_layout():
    x = torch.randn(2, 3, 4, 5)
    expected = training(0.5)(x)
    assert torch.equal(training(0.5)(x.to(memory_format=torch.channels_last)), expected)
    assert not torch.equal(training(0.5, seed=1)(x), expected)
    assert training(0.5)(torch.ones(1, 1).expand(50, 3)).unique().tolist() == [0, 2]
    assert training(0.5)(torch.empty(0, 3)).shape == (0, 3)


def test_compiled_for_this_machine_it_leaves_out_as_many():
    """By inductor, whose draws are its own: every one of four neighbours as often, and gradients where kept."""
    x = torch.ones(20_000, 4, requires_grad=True)
    out = torch.compile(training(0.3), fullgraph=True)(x)
    dropped = (out == 0).sum(0)
    assert all(binomtest(int(n), len(x), 0.3).pvalue > 1e-3 for n in dropped)
    (gradient,) = torch.autograd.grad(out.sum(), x)
    assert torch.equal(gradient, out.detach())


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_a_graph_can_be_made_of_it(layout):
    x = torch.ones(4, 6, 8, 8).to(memory_format=layout)
    expected = training(0.3)(x)
    assert expected.is_contiguous(memory_format=layout)
    assert torch.equal(torch.compile(training(0.3), backend="eager", fullgraph=True)(x), expected)

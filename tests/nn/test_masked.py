import pytest
import torch
from torch import nn

from daedal.nn.masked import MaskedConv2d, causal_mask, colour_of, spread, whole


def test_mask_a_hides_the_centre_and_mask_b_shows_it():
    a, b = causal_mask(1, 1, 5, "A")[0, 0], causal_mask(1, 1, 5, "B")[0, 0]
    assert a.sum() == 12
    assert b.sum() == 13
    assert (b - a).nonzero().tolist() == [[2, 2]]
    assert not b[3:].any()
    assert not b[2, 3:].any()


@pytest.mark.parametrize(("mask", "seen"), [("A", [[0, 0, 0], [1, 0, 0], [1, 1, 0]]), ("B", None)])
def test_colours_see_those_before_them(mask, seen):
    centre = causal_mask(3, 3, 3, mask, colours=3)[:, :, 1, 1]
    assert centre.tolist() == (seen or torch.ones(3, 3).tril().tolist())


def test_channels_that_do_not_divide_by_the_colours_are_shared_out():
    assert colour_of(7, 3).bincount().tolist() == [3, 2, 2]
    assert colour_of(128, 3).tolist() == sorted(colour_of(128, 3).tolist())


def test_an_optimizer_cannot_unmask_a_weight():
    layer = MaskedConv2d(2, 4, 3, mask="A", colours=2)
    optimizer = torch.optim.AdamW(layer.parameters(), lr=0.1, weight_decay=0.1)
    layer.weight.data.normal_()
    layer(torch.randn(3, 2, 5, 5)).square().sum().backward()
    optimizer.step()
    assert (layer.masked_weight()[layer.mask == 0] == 0).all()
    hidden = torch.randn(1, 2, 5, 5)
    changed = hidden.clone()
    changed[:, :, 2, 3:] += 1
    changed[:, :, 3:] += 1
    assert torch.equal(layer(hidden)[..., 2, 2], layer(changed)[..., 2, 2])


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_stacked_3x3_layers_see_exactly_the_cone_without_the_blind_spot(layers):
    """An offset of (up, right) is seen iff right <= up, as derived for PixelCNN: what is right of it is blind."""
    stack = nn.Sequential(*[MaskedConv2d(1, 1, 3, mask="B") for _ in range(layers)]).double()
    for layer in stack:
        layer.weight.data.fill_(1.0)  # no cancellation
    x = torch.zeros(1, 1, 9, 9, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(stack(x)[0, 0, 4, 4], x)
    for row in range(9):
        for column in range(9):
            up, right = 4 - row, column - 4
            if up == 0:
                expected = -layers <= right <= 0
            else:
                expected = 1 <= up <= layers and -layers <= right <= up
            assert bool(gradient[0, 0, row, column] != 0) == expected, (row, column)


def test_a_masked_start_is_as_wide_as_an_unmasked_one():
    torch.manual_seed(1)
    plain, masked = nn.Conv2d(64, 64, 3, padding=1, bias=False), MaskedConv2d(64, 64, 3, mask="B")
    masked.bias.data.zero_()
    x = torch.randn(8, 64, 8, 8)
    inner = (..., slice(1, -1), slice(1, -1))
    one, two = (layer(x)[inner].square().mean((0, 2, 3)) for layer in (plain, masked))  # 64 filters drawn alike
    assert abs(one.mean() - two.mean()) < 4 * ((one.var() + two.var()) / 64).sqrt()


def test_spread_and_whole_fit_maps_and_pixels():
    vector = torch.randn(2, 3)
    assert torch.equal(spread(vector, torch.zeros(2, 3, 4, 4)).expand(2, 3, 4, 4)[..., 1, 2], vector)
    assert spread(vector, torch.zeros(2, 3)) is vector
    layer = MaskedConv2d(3, 2, 1, mask="B")
    assert torch.equal(whole(layer, torch.ones(1, 3, 2, 2)), layer(torch.ones(1, 3, 2, 2)))

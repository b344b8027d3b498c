import pytest
import torch
from torch.nn import functional as F

from daedal.nn.masked import MaskedConv2d, whole
from daedal.samplers.autoregressive import Columns, invert, remembered, sample_raster


def test_inverting_a_grid_of_uniforms_gives_the_probabilities():
    probabilities = torch.tensor([0.125, 0.5, 0.0, 0.375], dtype=torch.float64)
    uniform = (torch.arange(800, dtype=torch.float64) + 0.5) / 800
    drawn = invert(probabilities.log().expand(800, 4), uniform)
    assert torch.equal(drawn.bincount(minlength=4), torch.tensor([100, 400, 0, 300]))


def test_the_largest_draw_stays_a_class():
    logits = torch.randn(1000, 300)
    assert int(invert(logits, torch.full((1000,), 1 - 2**-24)).max()) <= 299
    assert int(invert(logits, torch.zeros(1000)).max()) == 0


def test_temperature_divides_the_logits():
    def logits_at(codes, row, column, colour):
        return torch.tensor([0.0, 1.0], dtype=torch.float64).expand(len(codes), 2)

    uniform = ((torch.arange(1000, dtype=torch.float64) + 0.5) / 1000).view(1000, 1, 1, 1)
    drawn = sample_raster(logits_at, uniform, temperature=0.5).double().mean().item()
    assert drawn == pytest.approx(torch.tensor(2.0).sigmoid().item(), abs=1e-3)


def test_every_value_is_drawn_after_those_before_it():
    """A chain that adds one to the value before it, colours inside pixels inside rows, counts the raster order."""
    order = []

    def logits_at(codes, row, column, colour):
        order.append((row, column, colour))
        return F.one_hot(torch.tensor([len(order) - 1]), 12).double() * 100

    codes = sample_raster(logits_at, torch.full((1, 2, 2, 3), 0.5, dtype=torch.float64))
    assert codes[0].movedim(0, -1).flatten().tolist() == list(range(12))
    assert order == sorted(order)


@pytest.mark.parametrize("colours", [1, 3])
def test_columns_equal_the_whole_map_at_every_pixel(colours):
    sizes = [("A", 7, 2 * colours, 6), ("B", 1, 6, 5), ("B", 3, 5, 7), ("B", 5, 7, 6)]
    layers = [MaskedConv2d(i, o, k, mask=m, colours=colours).double() for m, k, i, o in sizes]

    def network(x, apply):
        for layer in layers:
            x = torch.tanh(apply(layer, x))
        return x

    x = torch.randn(2, 2 * colours, 6, 9, dtype=torch.float64)
    expected, columns = network(x, whole), Columns(9)
    for row in range(6):
        for column in range(9):
            columns.move(row, column)
            got = network(x[:, :, row, column], columns)
            assert (got - expected[:, :, row, column]).abs().max() < 1e-12


def test_what_a_pixel_became_is_remembered_across_a_row_end():
    first = MaskedConv2d(1, 4, 7, mask="A").double()

    def evaluate(x, row, column, apply):
        return apply(first, x)[:, None]

    logits_at = remembered(evaluate, lambda codes: codes.double(), first, 4)
    codes = torch.zeros(3, 1, 3, 4, dtype=torch.long)
    with torch.no_grad():
        for row in range(3):
            for column in range(4):
                got = logits_at(codes, row, column, 0)
                assert (got - first(codes.double())[:, :, row, column]).abs().max() < 1e-12
                codes[:, 0, row, column] = torch.randint(1, 5, (3,))

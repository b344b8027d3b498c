"""PixelCNN: causality by gradients and by poison, sums over all images, cached against plain sampling."""

import itertools
import math

import pytest
import torch

from daedal.nn.masked import whole
from daedal.play.turn import Batch
from daedal.spaces import Images, Labels, Vectors
from daedal.systems.autoregressive.pixelcnn import PixelCNN


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def small(x, given=None, **options):
    torch.manual_seed(options.pop("seed", 0))
    return PixelCNN(x, given, **{"width": 6, "blocks": 2, **options}).double().eval()


def order(colours, height, width):
    """Place of each number in the order of generation: (c, h, w)."""
    places = torch.arange(height * width * colours).view(height, width, colours)
    return places.permute(2, 0, 1)


def inputs_of(model, codes):
    """The network's input as a leaf, (n, 2c, h, w): channel 2c is the value of colour c, 2c + 1 a one."""
    return model.encoding(codes, torch.float64).requires_grad_()


@pytest.mark.parametrize("colours", [1, 3])
@pytest.mark.parametrize("seed", range(5))
def test_no_gradient_from_what_comes_later(colours, seed):
    space = Images(colours, 5, 6, 4)
    model = small(space, seed=seed)
    g = generator(seed)
    inputs = inputs_of(model, torch.randint(4, (1, colours, 5, 6), generator=g))
    logits = model.network(inputs, None, None, whole)[0]
    c, r, w = (int(torch.randint(size, (1,), generator=g)) for size in (colours, 5, 6))
    weights = torch.randn(4, dtype=torch.float64, generator=g)
    gradient = torch.autograd.grad((logits[c, :, r, w] * weights).sum(), inputs)[0][0]
    values = gradient[::2]
    later = order(colours, 5, 6) >= order(colours, 5, 6)[c, r, w]
    assert int((values[later] != 0).sum()) == 0


def test_gradients_fill_the_receptive_field():
    """7x7 (A), then one 3x3 (B): up to 4 rows above, at most 3 + up columns to the right (the cone; its blind spot)."""
    seen = torch.zeros(9, 11, dtype=torch.bool)
    for seed in range(20):
        model = small(Images(1, 9, 11, 3), blocks=1, seed=seed)
        inputs = inputs_of(model, torch.randint(3, (1, 1, 9, 11), generator=generator(seed)))
        logits = model.network(inputs, None, None, whole)[0, 0, :, 6, 5]
        seen |= torch.autograd.grad(logits[seed % 3], inputs)[0][0, 0] != 0
    for row, column in itertools.product(range(9), range(11)):
        up, right = 6 - row, column - 5
        same_row = up == 0 and -4 <= right < 0
        above = (1 <= up <= 3 and -4 <= right <= 4) or (up == 4 and -4 <= right <= 4)
        if up == 1:
            above = above and right <= 3  # the 3x3 of row 0 sees no further right in the 7x7's first row
        assert bool(seen[row, column]) == (same_row or above), (row, column)


@pytest.mark.parametrize("seed", range(3))
def test_colours_of_a_pixel_see_those_before_them_and_do(seed):
    model, g = small(Images(3, 4, 5, 4), width=8, seed=seed), generator(seed)
    inputs = inputs_of(model, torch.randint(4, (1, 3, 4, 5), generator=g))
    logits = model.network(inputs, None, None, whole)[0, :, :, 2, 3]
    weights = torch.randn(4, dtype=torch.float64, generator=g)
    seen = [torch.autograd.grad(colour @ weights, inputs, retain_graph=True)[0][0, ::2, 2, 3] for colour in logits]
    assert (torch.stack(seen) != 0).tolist() == [[False, False, False], [True, False, False], [True, True, False]]


@pytest.mark.parametrize("colours", [1, 3])
@pytest.mark.parametrize("blocks", [1, 3])
def test_one_network_sees_nearly_all_of_its_field_and_nothing_else(colours, blocks):
    """The field is the sum of the masks' offsets (up, right): 7x7 without its centre (A), then a 3x3 (B) a block."""
    model, g = small(Images(colours, 9, 15, 4), width=8, blocks=blocks), generator(blocks)
    first = {(up, right) for up in range(4) for right in range(-3, 4) if up or right < 0}
    look = {(up, right) for up in range(2) for right in range(-1, 2) if up or right <= 0}
    for _ in range(blocks):
        first = {(a + c, b + d) for (a, b), (c, d) in itertools.product(first, look)}
    inputs = inputs_of(model, torch.randint(4, (1, colours, 9, 15), generator=g))
    logits = model.network(inputs, None, None, whole)[0, -1, :, 7, 7]
    weights = torch.randn(4, dtype=torch.float64, generator=g)
    seen = torch.autograd.grad(logits @ weights, inputs)[0][0, ::2] != 0
    field = torch.zeros(colours, 9, 15, dtype=torch.bool)
    for up, right in first:
        field[:, 7 - up, 7 + right] = True
    field[:-1, 7, 7] = True
    assert not seen[~field].any()
    assert seen[field].double().mean() >= 0.95


@pytest.mark.parametrize("colours", [1, 3])
def test_huge_values_in_what_comes_later_change_nothing(colours):
    """Poison that a masked weight multiplies to exactly zero; a gradient could vanish where a value leaks."""
    model = small(Images(colours, 4, 4, 4))
    codes = torch.randint(4, (1, colours, 4, 4))
    places = order(colours, 4, 4)
    with torch.no_grad():
        clean = model.network(inputs_of(model, codes), None, None, whole)
        for c, r, w in itertools.product(range(colours), range(4), range(4)):
            inputs = model.encoding(codes, torch.float64)
            inputs[0, ::2][places >= places[c, r, w]] = 1e30
            logits = model.network(inputs, None, None, whole)
            assert torch.equal(logits[0, c, :, r, w], clean[0, c, :, r, w])


def test_a_cached_pixel_reads_nothing_but_what_was_drawn():
    """Levels not drawn yet are 99 for the cached way and 0 for the plain one: the logits are the same."""
    model = small(Images(3, 3, 4, 4))
    logits_at = model._logits_at({}, 2, cached=True)
    codes = torch.full((2, 3, 3, 4), 99)  # a level that is no level, where nothing is drawn yet
    plain = model._logits_at({}, 2, cached=False)
    with torch.inference_mode():
        for row, column, colour in itertools.product(range(3), range(4), range(3)):
            got = logits_at(codes, row, column, colour)
            codes[:, colour, row, column] = torch.randint(4, (2,))
            later = codes.where(codes != 99, torch.tensor(0))
            assert (got - plain(later, row, column, colour)).abs().max() < 1e-9


@pytest.mark.parametrize(
    "x",
    [Images(1, 3, 3, 2), Images(3, 1, 3, 2), Images(3, 2, 1, 3), Labels(2, (3, 3)), Images(1, 2, 2, 5)],
    ids=str,
)
def test_all_images_have_probability_one_together(x):
    model = small(x)
    levels = x.classes if isinstance(x, Labels) else x.levels
    codes = torch.tensor(list(itertools.product(range(levels), repeat=x.dim))).view(-1, *x.shape)
    every = codes if isinstance(x, Labels) else x.from_levels(codes, torch.float64)
    assert model.log_prob(every).exp().sum().item() == pytest.approx(1, abs=1e-10)


@pytest.mark.parametrize(("channels", "levels"), [(1, 17), (3, 256)])
def test_a_uniform_network_has_log2_of_the_levels_bits(channels, levels):
    model = small(Images(channels, 4, 5, levels))
    model.network.last.weight.data.zero_()
    model.network.last.bias.data.zero_()
    x = model.x.quantise(torch.rand(3, channels, 4, 5, dtype=torch.float64) * 2 - 1)
    bits = -model.log_prob(x) / (model.x.dim * math.log(2))
    assert (bits - math.log2(levels)).abs().max() < 1e-12


def test_the_loss_is_the_mean_negative_log_probability():
    model = small(Images(3, 4, 4, 5), {"label": Labels(3)})
    x = model.x.quantise(torch.rand(4, 3, 4, 4, dtype=torch.float64) * 2 - 1)
    label = torch.tensor([0, 1, 2, 0])
    loss = model.loss(Batch(x, {"label": label})).item()
    assert loss == pytest.approx(-model.log_prob(x, given={"label": label}).mean().item(), abs=1e-10)
    (turn,) = model.turns(iter([Batch(x, {"label": label})]))
    assert float(turn.scalars["bits-per-dim"]) == pytest.approx(loss / (48 * math.log(2)))


GIVEN = {"label": Labels(4), "image": Images(3, 12, 12), "map": Labels(3, (5, 7)), "vector": Vectors(2)}


def given_values(n):
    return {
        "label": torch.arange(n) % 4,
        "image": torch.rand(1, 3, 12, 12, dtype=torch.float64) * 2 - 1,
        "map": torch.randint(3, (n, 5, 7)),
        "vector": torch.randn(n, 2, dtype=torch.float64),
    }


@pytest.mark.parametrize(
    ("x", "given"),
    [(Images(1, 6, 5, 17), None), (Images(3, 5, 7, 4), GIVEN), (Labels(40, (5, 4)), {"label": Labels(4)})],
    ids=["grey", "rgb-given", "codes"],
)
def test_cached_equals_plain(x, given):
    """Logits to 1e-9 at every number on a fixed path, and identical samples under the same generator."""
    model = small(x, given)
    values = {k: v for k, v in given_values(3).items() if k in (given or {})}
    plain, cached = model._logits_at(values, 3, cached=False), model._logits_at(values, 3, cached=True)
    codes = torch.zeros((3, *model.grid), dtype=torch.long)
    path = torch.randint(4, codes.shape)
    with torch.inference_mode():
        for row, column, colour in itertools.product(*map(range, (*model.grid[1:], model.grid[0]))):
            difference = plain(codes, row, column, colour) - cached(codes, row, column, colour)
            assert difference.abs().max() < 1e-9
            codes[:, colour, row, column] = path[:, colour, row, column]
    a = model.sample(3, given=values, generator=generator(), cached=True)
    b = model.sample(3, given=values, generator=generator(), cached=False)
    assert torch.equal(a, b)
    assert len(a.unique()) > 1


def test_samples_have_the_models_probabilities():
    """All 16 binary 2x2 images: chi-squared of 4000 cached samples, freedom 15, at about the 1e-5 quantile."""
    model = small(Images(1, 2, 2, 2))
    for parameter in model.parameters():
        parameter.data.mul_(2)  # away from uniform
    every = torch.tensor(list(itertools.product((-1.0, 1.0), repeat=4)), dtype=torch.float64).view(16, 1, 2, 2)
    expected = model.log_prob(every).exp().detach() * 4000
    drawn = model.sample(4000, generator=generator()).flatten(1)
    index = ((drawn > 0).long() * torch.tensor([8, 4, 2, 1])).sum(1)
    counted = index.bincount(minlength=16)
    assert expected.std() > 10
    assert ((counted - expected).square() / expected).sum() < 50


def test_given_changes_the_logits_and_may_be_left_out_where_it_was_trained_to_be():
    model = small(Images(1, 5, 7, 4), GIVEN, given_dropout=0.3)
    x, values = torch.full((4, 1, 5, 7), -1.0, dtype=torch.float64), given_values(4)
    base = model.log_prob(x, given=values)
    for name in GIVEN:
        fewer = {k: v for k, v in values.items() if k != name}
        assert ((model.log_prob(x, given=fewer) - base).abs() > 1e-9).all()
    with pytest.raises(ValueError, match="'given' lacks 'label'"):
        small(Images(1, 5, 7, 4), {"label": Labels(4)}).log_prob(x)


def test_a_map_in_given_is_not_masked():
    model = small(Images(1, 5, 5, 4), {"image": Images(1, 5, 5)})
    image = torch.zeros(1, 1, 5, 5, dtype=torch.float64, requires_grad=True)
    model.condition.embeds["image"].head.weight.data.zero_()  # leave only the map
    logits = model.logits(torch.zeros(1, 1, 5, 5, dtype=torch.long), {"image": image})
    (gradient,) = torch.autograd.grad(logits[0, 0, 1, 2, 2], image)
    assert (gradient[0, 0] != 0).all()


def test_temperature_sharpens():
    model = small(Images(1, 4, 4, 5))
    model.network.last.bias.data.copy_(torch.tensor([0.0, 0.0, 1.0, 0.0, 0.0]))
    model.network.last.weight.data.zero_()
    cold = model.sample(50, generator=generator(), temperature=0.05)
    assert (cold == 0).all()
    assert (model.sample(50, generator=generator()) == 0).double().mean() < 0.6


@pytest.mark.parametrize(
    "x", [Labels(10), Labels(10, (3,)), Images(1, 8, 8, 65536), Images(1, 8, 8, 4, frames=2)], ids=str
)
def test_what_it_cannot_model_is_refused(x):
    with pytest.raises(ValueError, match="PixelCNN models"):
        PixelCNN(x)


def test_a_few_steps_beat_a_table_of_pixels_on_digits():
    """Independent pixels reach 2.43 bits/dim (catalogue, section 0); after 60 steps a small network is under it."""
    from sklearn.datasets import load_digits

    x = torch.from_numpy(load_digits().images).float()[:, None] / 8 - 1
    train, test = x[:1297], x[1297:]
    model = PixelCNN(Images(1, 8, 8, 17), width=24, blocks=3, dropout=0.0)
    optimizer = torch.optim.Adam(model.parameters(), lr=8e-3, fused=True)
    for _ in range(60):
        optimizer.zero_grad()
        model.loss(Batch(train[torch.randint(len(train), (64,))])).backward()
        optimizer.step()
    with torch.no_grad():
        bits = -model.eval().log_prob(test).mean().item() / 64 / math.log(2)
    assert bits < 2.43

"""RealNVP: inverses and volume changes against autograd, densities against closed forms."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from torch.distributions import MultivariateNormal, Normal

from daedal.evaluate.likelihood import bits_per_dim
from daedal.nn.bijections import Elementwise, FlowBatchNorm, Logit, Squeeze
from daedal.nn.coupling import (
    AffineCoupling,
    ConvConditioner,
    VectorConditioner,
    alternating,
    channel_halves,
    checkerboard,
)
from daedal.nn.dropout import Dropout
from daedal.play.settings import Settings
from daedal.play.trainer import Trainer
from daedal.spaces import Images, Labels, Vectors
from daedal.systems.flows.realnvp import RealNVP, count_scales
from tests.small import data_of

SMALL = {"width": 6, "blocks": 1, "dropout": 0.0}
SHAPES = [(1, 4, 4), (3, 4, 4)]
SPACES = [Images(1, 4, 4, 17), Images(3, 4, 4), Images(1, 5, 3, 17), Images(2, 1, 1), Vectors(1), Vectors(5)]


def small(x, given=None, **options):
    torch.manual_seed(0)
    couplings = {} if isinstance(x, Images) else {"couplings": 4}
    return RealNVP(x, given, **{**SMALL, **couplings, **options})


def shaken(module, deviation=0.2):
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(deviation * torch.randn(parameter.shape, generator=generator))
        for name, buffer in module.named_buffers():
            if name.endswith("mean"):
                buffer.add_(deviation * torch.randn(buffer.shape, generator=generator))
            if name.endswith(("variance", "scale")):
                buffer.mul_(1 + torch.rand(buffer.shape, generator=generator))
    return module.eval()


def points(space, n=3, dtype=torch.float64):
    x = torch.rand(n, *space.shape, dtype=dtype, generator=torch.Generator().manual_seed(2))
    return 2 * x - 1 if isinstance(space, Images) else 3 * x


def slogdet(function, x):
    jacobian = torch.autograd.functional.jacobian(lambda v: function(v[None]).flatten(), x)
    return torch.linalg.slogdet(jacobian.reshape(x.numel(), -1))[1]


def layers(shape):
    c, h, w = shape
    convs = [ConvConditioner(c, (h, w), width=6, blocks=1) for _ in range(3)]
    yield Squeeze()
    yield Logit(2 / 16)
    yield Elementwise(shape)
    yield FlowBatchNorm(c)
    yield AffineCoupling(checkerboard(h, w, 0), convs[0])
    yield AffineCoupling(checkerboard(h, w, 1), convs[1])
    if c > 1:
        yield AffineCoupling(channel_halves(c, 1), convs[2])


# -- volume and inverse


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_each_layers_log_det_is_autograds_and_it_inverts(shape):
    for layer in layers(shape):
        layer = shaken(layer).double()
        x = points(Images(*shape))
        y, log_det = layer(x)
        expected = torch.stack([slogdet(lambda v: layer(v)[0], item) for item in x])  # noqa: B023
        torch.testing.assert_close(log_det, expected, rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(layer.inverse(y), x, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("norm", ["none", "batch"])
@pytest.mark.parametrize("space", SPACES, ids=str)
def test_whole_network_log_det_is_autograds(space, norm):
    system = shaken(small(space, norm=norm)).double()
    x = points(space, 2)
    z = system.encode(x)
    normal = Normal(torch.zeros(()).double(), 1.0).log_prob(z).sum(1)
    expected = normal + torch.stack([slogdet(system.encode, item) for item in x])
    torch.testing.assert_close(system.log_prob(x), expected, rtol=1e-9, atol=1e-8)


@pytest.mark.parametrize("norm", ["none", "batch"])
@pytest.mark.parametrize("space", [*SPACES, Images(1, 8, 8, 17), Images(3, 8, 8, frames=2)], ids=str)
def test_decode_inverts_encode(space, norm):
    for dtype, tolerance in ((torch.float32, 1e-5), (torch.float64, 1e-10)):
        system = shaken(small(space, norm=norm), 0.05).to(dtype)
        x = points(space, dtype=dtype)
        with torch.no_grad():
            z = system.encode(x)
            again = system.decode(z)
        assert z.shape == (3, space.dim)
        torch.testing.assert_close(again, x, rtol=0, atol=tolerance)


def test_squeeze_is_a_permutation_of_2x2_blocks():
    x = torch.arange(2 * 4 * 6.0).reshape(1, 2, 4, 6)
    y, log_det = Squeeze()(x)
    assert y.shape == (1, 8, 2, 3)
    assert log_det == 0
    assert sorted(y.flatten().tolist()) == x.flatten().tolist()
    assert y[0, :4, 0, 0].tolist() == x[0, 0, :2, :2].flatten().tolist()


def test_masks_partition():
    for one, two in (
        (checkerboard(4, 4, 0), checkerboard(4, 4, 1)),
        (checkerboard(5, 3, 0), checkerboard(5, 3, 1)),
        (channel_halves(6, 0), channel_halves(6, 1)),
        (alternating(5, 0), alternating(5, 1)),
        (alternating(5, 2), alternating(5, 3)),
    ):
        assert torch.equal(one + two, torch.ones_like(one))
        assert 0 < one.sum() < one.numel()
    board = checkerboard(4, 4, 0)[0]
    assert (board[1:] != board[:-1]).all()
    assert (board[:, 1:] != board[:, :-1]).all()


def test_a_coupling_keeps_what_its_mask_keeps_and_reads_nothing_else():
    coupling = shaken(AffineCoupling(alternating(4, 0), VectorConditioner(4, (8,)))).double()
    x = torch.randn(4, dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(lambda v: coupling(v[None])[0][0], x)
    kept = coupling.mask.bool()
    torch.testing.assert_close(jacobian[kept], torch.eye(4, dtype=torch.float64)[kept])
    changed = jacobian[~kept][:, ~kept]
    torch.testing.assert_close(changed, changed.diag().diag())
    assert jacobian[~kept][:, kept].abs().min() > 0


def test_every_number_is_changed_by_what_is_elsewhere():
    for space in (Images(1, 8, 8, 17), Vectors(5)):
        system = shaken(small(space)).double()
        jacobian = torch.autograd.functional.jacobian(lambda v: system.encode(v[None])[0], points(space, 1)[0])  # noqa: B023
        elsewhere = (jacobian.reshape(space.dim, -1).abs() > 1e-12).sum(1)
        assert elsewhere.min() > 1


# -- densities


def test_logit_covers_the_range_of_dequantised_data():
    space = Images(1, 1, 1, 17)
    logit = Logit(space.cell)
    ends = torch.tensor([-1 - space.cell / 2, 1 + space.cell / 2], dtype=torch.float64).reshape(2, 1, 1, 1)
    y = logit(ends)[0].flatten()
    torch.testing.assert_close(y.sigmoid(), torch.tensor([0.05, 0.95], dtype=torch.float64))


def test_density_at_the_start_is_the_priors_of_the_logit():
    space = Images(1, 4, 4, 17)
    system, x = small(space).double().eval(), points(space)
    p = 0.05 + 0.9 * (x + 1 + space.cell / 2) / (2 + space.cell)
    logit = torch.logit(p)
    slope = 0.9 / (2 + space.cell) / (p * (1 - p))
    expected = (Normal(0.0, 1.0).log_prob(logit) + slope.log()).flatten(1).sum(1)
    torch.testing.assert_close(system.log_prob(x), expected)


def test_vectors_have_a_density_in_their_own_units():
    system = small(Vectors(2)).double().eval()
    system.standardise.mean.copy_(torch.tensor([3.0, -20.0]))
    system.standardise.scale.copy_(torch.tensor([0.1, 50.0]))
    x = torch.randn(4, 2, dtype=torch.float64)
    expected = Normal(system.standardise.mean, system.standardise.scale).log_prob(x).sum(1)
    torch.testing.assert_close(system.log_prob(x), expected)


def test_density_along_the_inverse():
    system = shaken(small(Vectors(3))).double()
    z = torch.randn(2, 3, dtype=torch.float64)
    prior = Normal(torch.zeros(()).double(), 1.0).log_prob(z).sum(1)
    volume = torch.stack([slogdet(system.decode, item) for item in z])
    torch.testing.assert_close(system.log_prob(system.decode(z)) + volume, prior, rtol=1e-9, atol=1e-9)


def test_samples_fall_where_the_density_says():
    """Catalogue D3 (iv): counts of samples in cells of the plane against the density's quadrature, by chi squared."""
    system = shaken(small(Vectors(2), width=16), 0.3).double()
    n, cells, fine, reach = 20_000, 24, 12, 12.0
    with torch.no_grad():
        x = system.sample(n, generator=torch.Generator().manual_seed(0)).numpy()
        at = reach * ((2 * torch.arange(cells * fine, dtype=torch.float64) + 1) / (cells * fine) - 1)
        density = system.log_prob(torch.cartesian_prod(at, at)).exp().reshape(cells, fine, cells, fine)
    expected = n * (density.sum((1, 3)) * (2 * reach / (cells * fine)) ** 2).numpy()
    edges = np.linspace(-reach, reach, cells + 1)
    counts = np.histogram2d(x[:, 0], x[:, 1], bins=(edges, edges))[0]
    often = expected >= 10
    # all that is rarely hit, and what lies outside, is one cell more
    observed, wanted = (np.append(a[often], n - a[often].sum()) for a in (counts, expected))
    assert often.sum() > 30
    assert wanted[-1] > 10
    assert chisquare(observed, wanted).pvalue > 1e-3
    moved = np.append(np.roll(counts, 1, 0)[often], n - np.roll(counts, 1, 0)[often].sum())
    assert chisquare(moved, wanted).pvalue < 1e-9


def test_gaussian_data_is_learned_to_its_entropy():
    covariance = torch.tensor([[100.0, 9.0], [9.0, 1.0]], dtype=torch.float64)
    truth = MultivariateNormal(torch.tensor([50.0, 0.0], dtype=torch.float64), covariance)
    x = truth.sample((3000,)).float().numpy()
    data = data_of("gaussian", {"x": (x, Vectors(2))})
    system = small(Vectors(2), width=16)
    system.fit_scale(data.train)
    Trainer(system, data, Settings(steps=250, batch_size=256, rate=5e-3)).run()
    fresh = truth.sample((4000,))
    with torch.no_grad():
        gap = truth.log_prob(fresh) - system.double().log_prob(fresh)
    assert -4 * gap.std() / 4000**0.5 < gap.mean() < 0.05
    samples = system.sample(4000, generator=torch.Generator().manual_seed(0)).double()
    torch.testing.assert_close(torch.cov(samples.T), covariance, rtol=0.15, atol=0)


def test_it_learns_what_it_is_given():
    generator = np.random.default_rng(0)
    label = generator.integers(0, 2, 2000)
    x = generator.normal(size=(2000, 2)) * np.array([[1.0, 5.0], [3.0, 1.0]])[label] + 10 * label[:, None]
    data = data_of("two", {"x": (x.astype(np.float32), Vectors(2)), "label": (label, Labels(2))})
    system = small(Vectors(2), {"label": Labels(2)}, width=16)
    system.roles = {"x": "x", "given": ["label"]}
    system.fit_scale(data.train)
    Trainer(system, data, Settings(steps=250, batch_size=256, rate=5e-3)).run()
    for k, deviations in enumerate(([1.0, 5.0], [3.0, 1.0])):
        truth = Normal(10.0 * k, torch.tensor(deviations))
        fresh = truth.sample((2000,))
        with torch.no_grad():
            gap = truth.log_prob(fresh).sum(1) - system.log_prob(fresh, given={"label": torch.tensor([k])})
        assert gap.mean() < 0.1


def test_an_image_that_is_given_is_seen():
    space = Images(1, 4, 4, 17)
    system = shaken(small(space, {"image": Images(3, 8, 8)}))
    x = points(space, 2, torch.float32)
    one, two = (system.log_prob(x, given={"image": torch.full((1, 3, 8, 8), v)}) for v in (0.0, 1.0))
    assert (one - two).abs().min() > 1e-3
    given = {"image": torch.zeros(2, 3, 8, 8)}
    torch.testing.assert_close(system.decode(system.encode(x, given=given), given=given), x, rtol=0, atol=1e-5)


# -- batch normalisation


def test_batch_norm_normalises_the_batch_and_remembers_it():
    norm = FlowBatchNorm(2).double()
    x = 3 + 2 * torch.randn(50, 2, 4, 4, dtype=torch.float64)
    y, log_det = norm(x)
    assert y.mean((0, 2, 3)).abs().max() < 1e-10
    variance = x.var((0, 2, 3), correction=0)
    torch.testing.assert_close(log_det[0], -0.5 * 16 * (variance + 1e-4).log().sum())
    torch.testing.assert_close(norm.mean, 0.1 * x.mean((0, 2, 3)))
    torch.testing.assert_close(norm.variance, 0.9 + 0.1 * variance)


def test_batch_norms_volume_change_is_that_of_the_batchs_moments():
    """In training the moments count as constants (the paper, section 3.7): the volume of the affine map they make."""
    x = 3 + 2 * torch.randn(50, 2, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    y, log_det = FlowBatchNorm(2).double().train()(x)
    frozen = FlowBatchNorm(2).double().eval()
    frozen.mean, frozen.variance = x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0)
    again, _ = frozen(x)
    torch.testing.assert_close(y, again)
    torch.testing.assert_close(log_det[0], slogdet(lambda v: frozen(v)[0], x[0]))
    step = 1e-6  # a small cube of side `step` at x[0] has the volume step^32 exp(log-det) after it
    sides = torch.stack(
        [(frozen(x[:1] + step * d.reshape(1, 2, 4, 4))[0] - again[:1]).flatten() for d in torch.eye(32)]
    )
    torch.testing.assert_close(torch.linalg.slogdet(sides / step)[1], log_det[0], rtol=1e-6, atol=1e-6)


def test_bits_of_binary_data_are_at_least_its_entropy():
    """Catalogue D3 (vii): dequantised coin tosses cost no less than they tell, however well the flow is trained."""
    p, shape = 0.2, (2000, 1, 4, 4)
    tosses = (np.random.default_rng(0).random(shape) < p).astype(np.uint8)
    data = data_of("tosses", {"x": (tosses, Images(1, 4, 4, 2))})
    system = Trainer(small(Images(1, 4, 4, 2)), data, Settings(steps=150, batch_size=128)).run().system
    x = data.test.gather(range(500))["x"]
    with torch.no_grad():
        bits = bits_per_dim(system, x, {}, torch.Generator().manual_seed(0), torch.Generator())
    share = ((x + 1) / 2).mean().item()
    entropy = -(share * math.log2(p) + (1 - share) * math.log2(1 - p))  # of the true model, on these tosses
    assert entropy < bits.mean() < 1.2  # 1 for a model that has learned nothing but the range


def test_batch_norm_trains_and_then_inverts():
    x = np.random.default_rng(0).normal(size=(400, 3)).astype(np.float32)
    data = data_of("normal", {"x": (x, Vectors(3))})
    system = Trainer(small(Vectors(3), norm="batch"), data, Settings(steps=60, batch_size=64)).run().system
    x = data.test.gather(range(20))["x"]
    with torch.no_grad():
        torch.testing.assert_close(system.decode(system.encode(x)), x, rtol=0, atol=1e-5)
    means = [layer.mean for layer in system.flow.modules() if isinstance(layer, FlowBatchNorm)]
    assert len(means) == 4
    assert all(mean.abs().max() > 0 for mean in means)


# -- sizes and sampling


def test_scales_follow_the_size():
    assert [count_scales(size) for size in ((8, 8), (28, 28), (7, 9), (64, 48), (2, 1))] == [4, 3, 1, 5, 1]
    assert [small(Images(1, *size)).scales for size in ((8, 8), (28, 28), (7, 9))] == [2, 3, 1]
    with pytest.raises(
        ValueError, match=r"'scales' of RealNVP must be an integer in \[1, 2\] for images of 6x10; got 3"
    ):
        small(Images(1, 6, 10), scales=3)


def test_temperature_scales_the_codes():
    system = shaken(small(Vectors(3)))
    cold = system.sample(4, temperature=0.0)
    torch.testing.assert_close(cold, system.decode(torch.zeros(4, 3)))
    generator = torch.Generator().manual_seed(0)
    squares = system.encode(system.sample(2000, temperature=0.5, generator=generator)).square()
    assert abs(squares.mean() - 0.25) < 4 * 0.25 * math.sqrt(2 / squares.numel())


def test_the_papers_configuration():
    """Couplings as in section 3.6, 64 maps and after the squeeze twice as many, counted by hand; the last weights."""
    with torch.device("meta"):
        system = RealNVP(Images(3, 32, 32), **RealNVP.paper.options)
    networks = [m.conditioner for m in system.modules() if isinstance(m, AffineCoupling)]
    sizes = [(3, 32, 64)] * 3 + [(12, 16, 128)] * 3 + [(6, 16, 128)] * 4  # channels, pixels a side, maps
    for network, (channels, side, maps) in zip(networks, sizes, strict=True):
        assert network.first.weight.shape == (maps, channels, 3, 3)
        assert [conv.weight.shape for block in network.blocks for conv in (block.first, block.second)] == (
            [(maps, maps, 3, 3)] * 16
        )
        assert network.last.weight.shape == (2 * channels, maps, 3, 3)
        assert network.size == (side, side)
    kernels = sum(9 * (c * m + 16 * m * m + m * 2 * c) + 17 * m + 2 * c for c, _, m in sizes)
    places, bounds, affine = sum(m * side * side for _, side, m in sizes), 3 * 1 + 3 * 12 + 4 * 1, 2 * 3 * 32 * 32
    assert sum(p.numel() for p in system.parameters()) == kernels + places + bounds + affine
    norms = [m for m in system.modules() if isinstance(m, FlowBatchNorm)]
    assert len(norms) == len(networks)
    assert not [m for m in system.modules() if isinstance(m, Dropout) and m.p]
    player = system.players()["model"]
    assert player.average is not None
    assert player.average.at(1000) == 0
    assert player.optimizer(player.params).defaults["weight_decay"] == 5e-5


def test_feature_maps_double_at_each_squeeze():
    system = small(Images(1, 16, 16), scales=3)
    networks = [m.conditioner for m in system.modules() if isinstance(m, AffineCoupling)]
    assert [m.first.out_channels for m in networks] == [6] * 3 + [12] * 3 + [12] * 3 + [24] * 3 + [24] * 4


def test_log_prob_is_of_what_it_is_given():
    system = shaken(small(Images(1, 4, 4, 5)))
    x = points(system.x, dtype=torch.float32)
    assert torch.equal(system.log_prob(x), system.log_prob(x))
    gradient = torch.autograd.grad(system.log_prob(x.requires_grad_()).sum(), x)[0]
    assert torch.isfinite(gradient).all()
    assert math.isfinite(system.log_prob(torch.ones(1, 1, 4, 4)).item())

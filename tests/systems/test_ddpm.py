"""DDPM against what is known in closed form, and against its own bound summed over every step."""

import math

import numpy as np
import pytest
import torch
from torch.distributions import Normal

from daedal.play.player import Rate
from daedal.play.settings import Settings
from daedal.play.trainer import Trainer
from daedal.play.turn import Batch
from daedal.samplers.diffusion import ddim
from daedal.spaces import Images, Labels, Vectors
from daedal.systems.diffusion.ddpm import DDPM
from tests.small import data_of, images

SMALL = {"timesteps": 20, "width": 8, "blocks": 1, "multipliers": (1, 2), "dropout": 0.0}


def small(x, given=None, **options):
    torch.manual_seed(0)
    chosen = {**SMALL, **options}
    if not isinstance(x, Images):
        chosen.pop("multipliers")
    return DDPM(x, given, **chosen)


def shaken(system, deviation=0.05):
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in system.parameters():
            parameter.add_(deviation * torch.randn(parameter.shape, generator=generator))
    return system.eval()


def gaussian(mean, deviation, timesteps=50, **options):
    """A system over one number whose network is the exact one for data N(mean, deviation^2)."""
    system = small(Vectors(1), timesteps=timesteps, **options).double().eval()
    kept = system.noising.kept

    def exact(x_t, t, given, keep=None):
        share = kept[t.long()].reshape(-1, 1)
        return (1 - share).sqrt() * (x_t - share.sqrt() * mean) / (share * deviation**2 + 1 - share)

    system.predict_noise = exact
    return system


def exact_reverse_variance(noising, deviation):
    t = torch.arange(1, noising.steps + 1)
    kept = noising.kept[1:]
    a, _, small_variance = noising.posterior(t, t - 1)
    unknown = deviation**2 * (1 - kept) / (kept * deviation**2 + 1 - kept)
    return torch.cat([torch.zeros(1, dtype=torch.float64), small_variance + a.square() * unknown])


# -- the bound


@pytest.mark.parametrize(("mean", "deviation", "nats"), [(0.0, 1.0, 1.41894), (0.3, 0.5, 0.725793), (-1.0, 2.0, None)])
def test_bound_is_exact_for_gaussian_data_and_the_exact_reverse(mean, deviation, nats):
    system = gaussian(mean, deviation, timesteps=1000 if nats else 50)
    system.reverse_variance = exact_reverse_variance(system.noising, deviation)
    # Every term is a square in (x_0, noise), so three Gauss-Hermite nodes for each integrate it exactly
    nodes, weights = (torch.from_numpy(v) for v in np.polynomial.hermite_e.hermegauss(3))
    weights = weights / weights.sum()
    x = (mean + deviation * nodes).repeat_interleave(3)[:, None]
    noise, weight = nodes.repeat(3)[:, None], torch.outer(weights, weights).flatten()
    total = torch.zeros((), dtype=torch.float64)
    for step in range(1, system.timesteps + 1):
        t = torch.full((9,), step)
        predicted = system.predict_noise(system._noised(x, noise, t), t, {})
        clean = x + system._ratio(t, x) * (noise - predicted)
        total += weight @ system._terms(x, clean, t)
    total += weight @ system.bound_terms(x)[:, -1]
    kept = system.noising.kept[-1]
    m, v = kept.sqrt() * mean, kept * deviation**2 + 1 - kept
    entropy = 0.5 * math.log(2 * math.pi * math.e * deviation**2)
    expected = entropy + 0.5 * (m**2 + v - 1 - v.log())
    assert abs(total - expected) < 1e-10
    if nats:
        assert total == pytest.approx(nats, abs=1e-4)


def test_exact_reverse_variance_is_beta_for_unit_data_and_the_posteriors_for_one_point():
    noising = small(Vectors(1), timesteps=100).noising
    torch.testing.assert_close(exact_reverse_variance(noising, 1.0), noising.betas, rtol=1e-9, atol=1e-15)
    t = torch.arange(1, 101)
    posterior = noising.posterior(t, t - 1)[2]
    torch.testing.assert_close(exact_reverse_variance(noising, 0.0)[1:], posterior, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("space", [Images(1, 4, 4, 5), Vectors(3)], ids=["images", "vectors"])
@pytest.mark.parametrize("bound_steps", [4, 0])
def test_stratified_bound_has_the_expectation_of_all_terms(space, bound_steps):
    system = shaken(small(space, timesteps=12, multipliers=(1,), bound_steps=bound_steps))
    n, x = 1000, torch.zeros(1, *space.shape)
    with torch.no_grad():
        bound = -system.elbo(x.expand(n, *space.shape), generator=torch.Generator().manual_seed(0))
        terms = system.bound_terms(x.expand(300, *space.shape), generator=torch.Generator().manual_seed(1)).sum(1)
    error = (bound.var() / n + terms.var() / 300).sqrt()
    assert abs(bound.mean() - terms.mean()) < 4 * error


def test_strata_cover_each_later_step_once():
    for timesteps, bound_steps in ((200, 20), (1000, 20), (20, 0), (20, 50), (2, 20), (1, 20), (7, 3)):
        system = small(Vectors(1), timesteps=timesteps, bound_steps=bound_steps)
        steps = [t for low, high in system._strata() for t in range(low, high + 1)]
        assert steps == list(range(2, timesteps + 1))
        assert len(system._strata()) == min(bound_steps or timesteps, timesteps - 1)


def test_probabilities_that_the_bound_promises_sum_to_at_most_one():
    system = shaken(small(Images(1, 1, 1, 4), timesteps=10, multipliers=(1,)), 0.2).double()
    assert system.measure == "counting"
    x = system.x.from_levels(torch.arange(4), torch.float64).reshape(4, 1, 1, 1)
    with torch.no_grad():
        bounds = system.elbo(x.repeat(250, 1, 1, 1), generator=torch.Generator().manual_seed(0))
    total = bounds.reshape(250, 4).mean(0).exp().sum()
    assert 0.05 < total < 1


def path_weights(system, x):
    """log p(x_0 .. x_T) - log q(x_1 .. x_T | x_0) of one path q from each x (n, *x), and log p(x_0): nats, (n,)."""
    noising, last = system.noising, system.timesteps
    y = system.standardise(x)
    start = Normal(noising.signal[last] * y, noising.noise[last])
    later = start.sample()
    total = Normal(torch.zeros_like(y), 1.0).log_prob(later) - start.log_prob(later)
    for t in range(last, 0, -1):
        noise = system.predict_noise(later, torch.full((len(x),), t), {})
        clean = system._within((later - noising.noise[t] * noise) / noising.signal[t])
        a, b, v = noising.posterior(t, t - 1)
        reverse = Normal(a * clean + b * later, system.reverse_variance[t].sqrt())
        if t > 1:
            posterior = Normal(a * y + b * later, v.sqrt())
            later = posterior.sample()
            total = total + reverse.log_prob(later) - posterior.log_prob(later)
    return (total + last_step(reverse, system.x, y)).flatten(1).sum(1) + system.standardise.log_det


def last_step(reverse, space, x):
    """log p(x_0 | x_1): a density, or the mass of a level's cell, the outermost cells having no end."""
    if not isinstance(space, Images):
        return reverse.log_prob(x)
    level = space.to_levels(x)
    low = torch.where(level == 0, 0.0, reverse.cdf(x - space.cell / 2))
    return (torch.where(level == space.levels - 1, 1.0, reverse.cdf(x + space.cell / 2)) - low).log()


@pytest.mark.parametrize("variance", ["large", "small"])
@pytest.mark.parametrize("space", [Images(1, 1, 2, 5), Vectors(2)], ids=["images", "vectors"])
def test_bound_is_the_mean_log_weight_of_paths_and_under_their_log_mean(space, variance):
    system = shaken(small(space, timesteps=5, multipliers=(1,), bound_steps=2, variance=variance)).double()
    items, paths = 4, 1000
    if isinstance(space, Images):
        x = space.from_levels(torch.tensor([[0, 2], [1, 4], [3, 3], [2, 0]]), torch.float64).view(4, 1, 1, 2)
    else:
        x = torch.tensor([[0.5, 20.0], [0.0, 30.0], [-1.0, 10.0], [2.0, 25.0]], dtype=torch.float64)
        system.standardise.mean.copy_(torch.tensor([0.0, 20.0]))
        system.standardise.scale.copy_(torch.tensor([1.0, 10.0]))
    many = x.repeat(paths, *[1] * (x.ndim - 1))
    with torch.no_grad():
        weights = path_weights(system, many).view(paths, items)
        bound = system.elbo(many, generator=torch.Generator().manual_seed(0)).view(paths, items)
    error = ((weights.var(0) + bound.var(0)) / paths).sqrt()
    assert ((weights.mean(0) - bound.mean(0)).abs() < 4 * error).all()
    assert (bound.mean(0) < weights.logsumexp(0) - math.log(paths)).all()


def test_bound_of_vectors_is_in_the_users_units():
    system = gaussian(0.0, 1.0)
    assert system.measure == "lebesgue"
    x = torch.tensor([[0.5], [-1.0]], dtype=torch.float64)
    plain = system.elbo(x, generator=torch.Generator().manual_seed(0))
    system.standardise.mean.fill_(7.0)
    system.standardise.scale.fill_(10.0)
    moved = system.elbo(7 + 10 * x, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(moved, plain - math.log(10))


# -- training


@pytest.mark.parametrize("space", [Images(3, 8, 8), Vectors(5)], ids=["images", "vectors"])
def test_loss_starts_at_one(space):
    system, n = small(space), 512
    loss = system.loss(Batch(torch.rand(n, *space.shape) * 2 - 1))
    assert abs(loss - 1) < 4 * math.sqrt(2 / (n * space.dim))


def test_least_loss_of_gaussian_data():
    mean, deviation, n = 0.3, 0.5, 40_000
    system = gaussian(mean, deviation, timesteps=10)
    x = mean + deviation * torch.randn(n, 1, dtype=torch.float64)
    noise = torch.randn_like(x)
    for step in (1, 4, 10):
        t = torch.full((n,), step)
        squares = (noise - system.predict_noise(system._noised(x, noise, t), t, {})).square()
        kept = system.noising.kept[step]
        expected = kept * deviation**2 / (kept * deviation**2 + 1 - kept)
        assert abs(squares.mean() - expected) < 4 * squares.std() / math.sqrt(n)


@pytest.mark.parametrize("space", [Images(1, 4, 4, 5), Vectors(3)], ids=["images", "vectors"])
def test_bound_as_a_loss_estimates_the_bound(space):
    system, n = shaken(small(space, timesteps=8, multipliers=(1,), weighting="bound")), 1500
    system._within = lambda clean: clean  # the loss does not clip
    x = torch.zeros(n, *space.shape)
    with torch.no_grad():
        losses = torch.stack([system.loss(Batch(x[:200])) for _ in range(40)]) * space.dim
        bound = -system.elbo(x, generator=torch.Generator().manual_seed(0))
        expected = bound.mean() - system.bound_terms(x[:1])[0, -1]  # L_T has no parameters, and is no part of a loss
    error = (losses.var() / 40 + bound.var() / n).sqrt()
    assert abs(losses.mean() - expected) < 4 * error


def test_it_learns_what_it_is_given():
    generator = np.random.default_rng(0)
    label = generator.integers(0, 2, 2000)
    x = (np.array([-30.0, 50.0])[label] + 10 * generator.normal(size=2000)).astype(np.float32)[:, None]
    data = data_of("two", {"x": (x, Vectors(1)), "label": (label, Labels(2))})
    system = small(data.fields["x"], {"label": Labels(2)}, timesteps=50, width=32, blocks=2)
    system.roles = {"x": "x", "given": ["label"]}
    system.fit_scale(data.train)
    Trainer(system, data, Settings(steps=300, batch_size=256, rate=3e-3)).run()
    for k, mean in enumerate((-30.0, 50.0)):
        samples = system.sample(500, given={"label": torch.tensor([k])}, generator=torch.Generator().manual_seed(0))
        assert samples.mean() == pytest.approx(mean, abs=3)
        assert samples.std() == pytest.approx(10, rel=0.25)
    test = data.test.gather(range(len(data.test)))
    entropy = 0.5 * math.log(2 * math.pi * math.e * 100)
    with torch.no_grad():
        bound = system.elbo(test["x"], given={"label": test["label"]}, generator=torch.Generator().manual_seed(0))
        wrong = system.elbo(test["x"], given={"label": 1 - test["label"]}, generator=torch.Generator().manual_seed(0))
    assert -entropy - 0.5 < bound.mean() < -entropy + 4 * bound.std() / len(bound) ** 0.5
    assert wrong.mean() < bound.mean() - 1


@pytest.mark.parametrize(
    ("space", "one", "other"),
    [
        (Labels(3), torch.tensor([0]), torch.tensor([2])),
        (Labels(3, (4, 4)), torch.zeros(1, 4, 4, dtype=torch.long), torch.ones(1, 4, 4, dtype=torch.long)),
        (Vectors(2), torch.zeros(1, 2), torch.ones(1, 2)),
        (Images(1, 8, 8), torch.zeros(1, 1, 8, 8), torch.ones(1, 1, 8, 8)),
    ],
    ids=str,
)
@pytest.mark.parametrize("x", [Images(1, 4, 4), Vectors(3)], ids=str)
def test_whatever_is_given_reaches_the_network(x, space, one, other):
    system = shaken(small(x, {"y": space}))
    x_t, t = torch.randn(1, *x.shape), torch.tensor([3])
    first, second = (system.predict_noise(x_t, t, system.prepare_given({"y": value}, 1)) for value in (one, other))
    assert not torch.allclose(first, second, atol=1e-5)


def test_an_image_that_is_given_reaches_each_pixel_through_planes():
    system = shaken(small(Images(1, 8, 8), {"image": Images(3, 16, 16)}))
    given = torch.zeros(1, 3, 16, 16)
    x_t, t = torch.zeros(1, 1, 8, 8), torch.tensor([5])
    system.condition.embeds.requires_grad_(False)
    for parameter in system.condition.embeds.parameters():
        parameter.zero_()  # the vector says nothing: only the planes can
    given.requires_grad_()
    corner = system.predict_noise(x_t, t, {"image": given})[0, 0, 0, 0]
    gradient = torch.autograd.grad(corner, given)[0].abs().sum((0, 1))
    assert gradient[:2, :2].min() > 0


def test_rate_and_average_follow_the_options():
    plain, paper = small(Vectors(2)), small(Vectors(2), anneal=False, warmup=0.1, average_decay=0.5)
    player = plain.players()["model"]
    assert player.clip == 1.0
    assert player.average.decay == 0.999
    assert player.rate(1.0) == pytest.approx(0, abs=1e-12)
    constant = paper.players()["model"]
    assert constant.average.decay == 0.5
    assert isinstance(constant.rate, Rate)
    assert [constant.rate(p) for p in (0.0, 0.05, 0.1, 1.0)] == pytest.approx([0, 1.5e-3, 3e-3, 3e-3])


# -- denoising and sampling


@pytest.mark.parametrize("space", [Images(1, 4, 4, 5), Vectors(3)], ids=["images", "vectors"])
def test_the_true_noise_gives_back_the_clean_item(space):
    system, n = small(space).double(), 6
    x = torch.rand(n, *space.shape, dtype=torch.float64) * 2 - 1
    noise = torch.randn_like(x)
    system.predict_noise = lambda *_: noise
    ratio = system.noising.noise / system.noising.signal
    for t in (1, 7, system.timesteps):
        x_t = system._noised(x, noise, torch.full((n,), t))
        torch.testing.assert_close(system._clean({}, 1.0, clip=False)(x_t, t), x, rtol=0, atol=1e-10)
        torch.testing.assert_close(system.denoise(x + ratio[t] * noise, ratio[t]), x, rtol=0, atol=1e-10)
    end = system._noised(x, noise, torch.full((n,), system.timesteps))
    torch.testing.assert_close(ddim(system._clean({}, 1.0, clip=False), end, system.noising, [5, 20]), x)


@pytest.mark.parametrize("scale", [1.0, 10.0])
def test_denoise_is_the_posterior_mean(scale):
    mean, deviation = 0.3, 0.5
    system = gaussian(mean, deviation)
    system.standardise.scale.fill_(scale)
    sigmas = (system.noising.noise / system.noising.signal)[1:]
    x = torch.linspace(-2, 2, len(sigmas), dtype=torch.float64)[:, None]
    got = system.denoise(scale * x, sigmas)
    expected = (deviation**2 * x[:, 0] + sigmas**2 * mean) / (deviation**2 + sigmas**2)
    torch.testing.assert_close(got[:, 0], scale * expected, rtol=1e-9, atol=1e-9)


def test_denoising_images_stays_in_range_and_takes_a_scalar():
    system = shaken(small(Images(1, 4, 4)))
    x = 5 * torch.randn(3, 1, 4, 4)
    one = system.denoise(x, torch.tensor(4.0))
    assert one.abs().max() <= 1
    assert torch.equal(one, system.denoise(x, torch.full((3,), 4.0)))
    assert torch.equal(system.denoise(0.1 * x, torch.tensor(0.0)), (0.1 * x).clamp(-1, 1))


def test_samples_of_the_exact_network_have_the_datas_moments():
    mean, deviation, n = 0.3, 0.5, 20_000
    system = gaussian(mean, deviation, timesteps=200)
    for options in ({"num_steps": 200}, {"sampler": "ancestral"}, {"num_steps": 200, "eta": 1.0}):
        x = system.sample(n, generator=torch.Generator().manual_seed(0), **options)
        assert abs(x.mean() - mean) < 4 * deviation / n**0.5 + 0.01
        assert x.std() == pytest.approx(deviation, rel=0.06)  # the steps are finite: E4's O(1/S)


@pytest.mark.parametrize("scale", [1.0, 10.0])
def test_codes_are_those_of_the_probability_flow(scale):
    """Gaussian data is at x = mean + s (z - m_T) / s_T (catalogue E4), up to the O(1 / steps) of 50 steps."""
    mean, deviation = 0.3, 0.5
    system = gaussian(mean, deviation, timesteps=1000)
    system.standardise.scale.fill_(scale)
    kept = float(system.noising.kept[-1])
    x = torch.linspace(-0.7, 1.3, 9, dtype=torch.float64)[:, None]
    z = kept**0.5 * mean + (kept * deviation**2 + 1 - kept) ** 0.5 * (x - mean) / deviation
    torch.testing.assert_close(system.encode(scale * x), z, rtol=0, atol=0.1)
    torch.testing.assert_close(system.decode(z), scale * x, rtol=0, atol=0.1 * scale)


def test_decoding_a_samples_noise_makes_the_sample_and_codes_depend_on_what_is_given():
    system = shaken(small(Images(1, 4, 4), {"label": Labels(3)}, given_dropout=0.2)).double()
    given = {"label": torch.tensor([1, 2])}
    x = system.sample(2, given=given, generator=torch.Generator().manual_seed(0)).double()
    z = torch.randn(2, 1, 4, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64).flatten(1)
    assert system.latent_space == Vectors(16)
    torch.testing.assert_close(system.decode(z, given=given), x, rtol=0, atol=1e-6)  # samples are float32
    assert not torch.equal(system.encode(x, given=given), system.encode(x, given={"label": torch.tensor([2, 0])}))


def test_guidance_runs_from_blind_to_plain_and_beyond():
    system = shaken(small(Images(1, 4, 4), {"label": Labels(3)}, given_dropout=0.2)).double()
    given = {"label": torch.tensor([1, 2])}

    def draw(scale, given):
        generator = torch.Generator().manual_seed(0)
        return system.sample(2, given=given, generator=generator, guidance_scale=scale, num_steps=5)

    assert torch.equal(draw(0.0, given), draw(1.0, {}))
    assert not torch.equal(draw(1.0, given), draw(1.0, {}))
    x_t, t = torch.randn(2, 1, 4, 4, dtype=torch.float64), torch.tensor([3, 3])
    blind, plain = system.predict_noise(x_t, t, {}), system.predict_noise(x_t, t, given)
    torch.testing.assert_close(system._guided(x_t, t, given, 3.0), blind + 3 * (plain - blind))
    torch.testing.assert_close(system._guided(x_t, t, given, 1.0), plain, rtol=0, atol=0)


def test_few_ddim_steps_ask_the_network_so_often():
    system = small(Images(1, 4, 4)).eval()
    asked = []
    original = system.predict_noise
    system.predict_noise = lambda x_t, t, given: asked.append(int(t[0])) or original(x_t, t, given)
    system.sample(1, num_steps=4)
    assert asked == [20, 15, 10, 5]
    asked.clear()
    system.sample(1, sampler="ancestral")
    assert asked == list(range(20, 0, -1))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_steps": 21}, r"'num_steps' of sample must be an integer in \[1, 20\]; got 21"),
        ({"eta": 1.5}, r"'eta' of sample must be a float in \[0, 1\]; got 1.5"),
        ({"guidance_scale": 2.0}, "'guidance_scale' of sample other than 1 needs"),
    ],
)
def test_sampling_options_out_of_range(options, message):
    with pytest.raises(ValueError, match=message):
        small(Vectors(2)).sample(1, **options)


# -- sizes


def test_the_papers_configuration():
    paper = DDPM.paper
    with torch.device("meta"):
        system = DDPM(Images(3, 32, 32), **paper.options)
    assert sum(p.numel() for p in system.parameters()) == pytest.approx(35.7e6, abs=0.1e6)
    assert system.noising.kept[-1] == pytest.approx(4.04e-5, rel=2e-3)


@pytest.mark.parametrize("space", [Images(1, 8, 8, 17), Images(3, 28, 28), Images(3, 64, 48), Vectors(2)], ids=str)
def test_defaults_follow_the_space(space):
    with torch.device("meta"):
        system = DDPM(space)
    idle = set() if isinstance(space, Images) else {"multipliers", "attention"}
    assert {name for name, value in system.options.items() if value is None} == idle
    assert sum(p.numel() for p in system.parameters()) < 10e6


def test_clips_are_frames_side_by_side():
    system = shaken(small(Images(3, 8, 8, frames=2)))
    assert system.sample(2, num_steps=2).shape == (2, 2, 3, 8, 8)
    assert system.elbo(torch.zeros(2, 2, 3, 8, 8)).shape == (2,)


@pytest.mark.parametrize("variance", ["large", "small"])
@pytest.mark.parametrize("space", [Images(1, 4, 4, 5), Vectors(3)], ids=["images", "vectors"])
def test_one_step_has_a_bound_and_samples(space, variance):
    system = shaken(small(space, timesteps=1, variance=variance))
    x = space.quantise(torch.rand(2, 1, 4, 4)) if isinstance(space, Images) else torch.randn(2, 3)
    assert torch.isfinite(system.elbo(x)).all()
    assert torch.isfinite(system.sample(2, sampler="ancestral")).all()


class Endless:
    """Items k of an endless split: -k, 10 + k / 2 of the first 10,000, then anything."""

    def gather(self, indices, names):
        k = torch.tensor(list(indices), dtype=torch.float32)
        assert k.max() < 10_000
        return {"x": torch.stack([-k, 10 + k / 2], 1)}


def test_the_range_of_an_endless_field_is_wider_than_that_of_its_first_items():
    system = small(Vectors(2))
    system.fit_scale(Endless())
    first, last = torch.tensor([[-9999.0, 10.0], [0.0, 10 + 9999 / 2]])
    edges = system.standardise.inverse(torch.stack([system.low, system.high]))
    expected = torch.stack([first - (last - first) / 4, last + (last - first) / 4])
    torch.testing.assert_close(edges, expected, rtol=1e-4, atol=0.5)
    system.fit_scale(data_of("few", {"x": (np.float32([[0, 1], [2, 5], [4, 0], [1, 1]]), Vectors(2))}).train)
    edges = system.standardise.inverse(torch.stack([system.low, system.high]))
    torch.testing.assert_close(edges, torch.tensor([[0.0, 0.0], [4.0, 5.0]]))


def test_odd_images_train():
    data = images(size=5)
    run = Trainer(small(data.fields["x"]), data, Settings(steps=2, batch_size=16)).run()
    assert run.system.sample(1, num_steps=2).shape == (1, 1, 5, 5)

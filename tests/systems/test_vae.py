"""The VAE against closed forms: at probabilistic PCA's solution a linear one has an exact posterior."""

import itertools
import math

import pytest
import torch
from torch.distributions import MultivariateNormal, Normal, kl_divergence

from daedal.play.turn import Batch
from daedal.probability.likelihoods import SPEED
from daedal.spaces import Images, Labels, Vectors
from daedal.systems.autoencoders.vae import VAE

DIM, LATENT = 6, 3


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def linear_vae(exact=True):
    """A linear VAE in user units of its own, the exact density of its model, and data from it.

    W has orthogonal columns, so the posterior N(M^-1 W'(x - b), sigma^2 M^-1), M = W'W + sigma^2 I, is diagonal.
    Not `exact`: q is off by a shift and a factor.
    """
    vae = VAE(Vectors(DIM), hidden=(), latent=LATENT, sigma_floor=1e-6).double().eval()
    g = generator()
    vae.standardise.mean.copy_(torch.randn(DIM, generator=g))
    vae.standardise.scale.copy_(torch.rand(DIM, generator=g) + 0.5)
    columns = torch.linalg.qr(torch.randn(DIM, LATENT, generator=g, dtype=torch.float64))[0]
    weight = columns * torch.tensor([2.0, 1.0, 0.5], dtype=torch.float64)
    offset, sigma = torch.randn(DIM, generator=g, dtype=torch.float64), 0.3
    decoder, encoder = vae.decoder.layers[0], vae.encoder.layers[0]
    spread = weight.square().sum(0) + sigma**2
    with torch.no_grad():
        decoder.weight.copy_(weight)
        decoder.bias.copy_(offset)
        encoder.weight.zero_()
        encoder.weight[:LATENT] = weight.T / spread[:, None]
        encoder.bias[:LATENT] = -(weight.T @ offset) / spread + (0.0 if exact else 0.2)
        encoder.bias[LATENT:] = torch.log(sigma**2 / spread) + (0.0 if exact else 0.3)
        vae.observation.free.fill_(0.5 * math.log(sigma**2 - 1e-12) / SPEED)
    scale = torch.diag(vae.standardise.scale)
    covariance = scale @ (weight @ weight.T + sigma**2 * torch.eye(DIM, dtype=torch.float64)) @ scale
    density = MultivariateNormal(vae.standardise.inverse(offset), covariance)
    torch.manual_seed(1)
    return vae, density, density.sample((50,))


@pytest.mark.parametrize("k", [1, 7])
def test_bounds_are_exact_where_the_posterior_is(k):
    vae, density, x = linear_vae()
    if k == 1:
        vae.kl = "sampled"  # log q - log p of the very z that was drawn: no variance where q is the posterior
        assert (vae.elbo(x, generator=generator()) - density.log_prob(x)).abs().max() < 1e-8
    assert (vae.importance_bound(x, k, generator=generator()) - density.log_prob(x)).abs().max() < 1e-8


def test_the_closed_bound_is_log_p_in_expectation():
    vae, density, x = linear_vae()
    x, n = x[:1], 20000
    bounds = vae.elbo(x.expand(n, -1), generator=generator())
    assert abs(bounds.mean() - density.log_prob(x)) < 4 * bounds.std() / math.sqrt(n)


def test_bounds_rise_with_importance_samples_and_stay_under_log_p():
    vae, density, x = linear_vae(exact=False)
    many = x.repeat(200, 1)
    means, errors = [], []
    for k in (1, 5, 50):
        bound = vae.importance_bound(many, k, generator=generator(k)).view(200, -1).mean(1)
        means.append(bound.mean().item())
        errors.append(bound.std().item() / math.sqrt(200))
    exact = density.log_prob(x).mean().item()
    assert means[0] + 4 * errors[0] < means[1] < means[2] - 4 * errors[1]
    assert means[2] < exact + 4 * errors[2]
    assert exact - means[2] < 0.1 * (exact - means[0])
    elbo = vae.elbo(many, generator=generator(9)).view(200, -1).mean(1)
    assert abs(elbo.mean() - means[0]) < 4 * math.hypot(errors[0], elbo.std().item() / math.sqrt(200))


def test_on_the_same_draws_the_importance_bound_rises_with_k_for_every_item():
    """500 weights in groups of k: a mean of logs of means of ever larger groups, by Jensen, in every run."""
    vae, _, x = linear_vae(exact=False)
    bounds = []
    with torch.no_grad():
        for k in (1, 5, 50, 500):
            g = generator()
            bounds.append(torch.stack([vae.importance_bound(x[:8], k, generator=g) for _ in range(500 // k)]).mean(0))
    assert all((b > a).all() for a, b in itertools.pairwise(bounds))
    assert bounds[0].dtype == torch.float64


def test_importance_weights_are_unbiased():
    """E exp(L_1) = p(x), whatever q is."""
    vae, density, x = linear_vae(exact=False)
    n = 40000
    ratios = (vae.importance_bound(x[:1].expand(n, -1), 1, generator=generator()) - density.log_prob(x[:1])).exp()
    assert abs(ratios.mean() - 1) < 4 * ratios.std() / math.sqrt(n)


def test_samples_of_a_linear_vae_have_the_models_moments():
    vae, density, _ = linear_vae()
    n = 20000
    drawn = vae.sample(n, generator=generator(), decoder_noise=True).double()
    assert ((drawn.mean(0) - density.mean).abs() < 4.5 * density.variance.sqrt() / math.sqrt(n)).all()
    assert ((drawn.var(0) / density.variance - 1).abs() < 4.5 * math.sqrt(2 / n)).all()
    means = vae.sample(n, generator=generator(), decoder_noise=False).double()
    noise = (0.3 * vae.standardise.scale) ** 2
    assert ((means.var(0) / (density.variance - noise) - 1).abs() < 4.5 * math.sqrt(2 / n)).all()


def test_both_forms_of_the_kl_agree_in_expectation_and_beta_weighs_it_in_the_loss_only():
    torch.manual_seed(0)
    closed = VAE(Images(1, 4, 4, 17), latent=2, hidden=(8,), beta=3.0, dropout=0.0).double()
    sampled = VAE(Images(1, 4, 4, 17), latent=2, hidden=(8,), beta=1.0, dropout=0.0, kl="sampled").double()
    sampled.load_state_dict(closed.state_dict())
    x = closed.x.quantise(torch.rand(1, 1, 4, 4, dtype=torch.float64) * 2 - 1)
    n = 20000
    with torch.no_grad():
        a = closed.elbo(x.expand(n, -1, -1, -1), generator=generator(1))
        b = sampled.elbo(x.expand(n, -1, -1, -1), generator=generator(2))
    assert abs(a.mean() - b.mean()) < 4 * math.hypot(a.std() / math.sqrt(n), b.std() / math.sqrt(n))
    mean, log_variance = closed.posterior(x, closed.context({}, 1))
    kl = kl_divergence(Normal(mean, (log_variance / 2).exp()), Normal(0.0, 1.0)).sum()
    torch.manual_seed(5)
    loss = closed.loss(Batch(x))
    torch.manual_seed(5)
    assert (loss + closed.elbo(x).mean()).item() == pytest.approx(2 * kl.item(), abs=1e-10)


@pytest.mark.parametrize("likelihood", ["binomial", "logistic", "categorical"])
def test_a_decoder_that_ignores_z_gives_the_exact_log_probability_of_the_grid(likelihood):
    """One pixel, q = p: the bound is log p(x), and the probabilities of all levels sum to one."""
    vae = VAE(Images(1, 1, 1, 5), latent=2, hidden=(), likelihood=likelihood).double()
    assert vae.measure == "counting"
    for layer in (vae.encoder.layers[0], vae.decoder.layers[0]):
        layer.weight.data.zero_()
    vae.encoder.layers[0].bias.data.zero_()
    every = vae.x.from_levels(torch.arange(5), torch.float64).view(5, 1, 1, 1)
    assert vae.elbo(every).exp().sum().item() == pytest.approx(1, abs=1e-10)


@pytest.mark.parametrize("network", ["mlp", "conv"])
def test_under_bf16_the_loss_is_summed_in_full_precision(network):
    """With all weights zero, each of 256 pixels is binomial of p = 1/2, and q is the prior: no sum of bfloat16."""
    vae = VAE(Images(1, 16, 16, 17), network=network, hidden=(4,))
    for parameter in vae.parameters():
        parameter.data.zero_()
    x = vae.x.from_levels(torch.arange(17).repeat(16)[:256].reshape(1, 1, 16, 16))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        (turn,) = vae.turns(iter([Batch(x)]))
    levels = (torch.arange(17).repeat(16)[:256]).tolist()
    expected = -sum(math.log(math.comb(16, k)) - 16 * math.log(2) for k in levels)
    assert turn.loss.item() == pytest.approx(expected, rel=1e-6)
    assert turn.scalars["kl"].item() == 0


def test_a_gaussian_over_images_is_trained_on_dequantised_ones():
    vae = VAE(Images(1, 2, 2, 5), latent=1, hidden=(), likelihood="gaussian")
    assert vae.measure == "lebesgue"
    seen = []
    vae.encoder.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0]))
    x = torch.zeros(1000, 1, 2, 2)
    vae.loss(Batch(x))
    vae.elbo(x)
    noise = seen[0] / vae.x.cell
    assert noise.abs().max() <= 0.5
    squares = noise.square()
    assert abs(squares.mean() - 1 / 12) < 4 * squares.std() / math.sqrt(squares.numel())
    assert torch.equal(seen[1], x)  # never inside the public bound


def test_codes_and_means_cross_the_border_in_user_units():
    vae, density, x = linear_vae()
    centre = vae.decode(torch.zeros(1, LATENT, dtype=torch.float64))
    assert torch.allclose(centre[0], density.mean)
    assert torch.allclose(vae.encode(centre), torch.zeros(1, LATENT, dtype=torch.float64), atol=1e-12)
    assert vae.latent_space == Vectors(LATENT)
    with pytest.raises(ValueError, match="'k' of importance_bound"):
        vae.importance_bound(x, 0)


GIVEN = {"label": Labels(3), "vector": Vectors(2), "image": Images(3, 10, 10)}


def given_values(n, dtype=torch.float32):
    return {
        "label": torch.arange(n) % 3,
        "vector": torch.randn(n, 2, dtype=dtype),
        "image": torch.rand(1, 3, 10, 10, dtype=dtype) * 2 - 1,
    }


@pytest.mark.parametrize("x", [Images(1, 8, 8, 17), Images(3, 20, 18), Vectors(4), Images(1, 6, 6, 2, frames=2)])
def test_everything_given_reaches_encoder_and_decoder(x):
    torch.manual_seed(0)
    vae = VAE(x, GIVEN, latent=3, given_dropout=0.2).double().eval()
    values = given_values(4, torch.float64)
    items = vae.sample(4, given=values, generator=generator()).double()
    assert items.shape == (4, *x.shape)
    z = torch.randn(4, 3, dtype=torch.float64)
    for name in GIVEN:
        fewer = {k: v for k, v in values.items() if k != name}
        assert not torch.allclose(vae.encode(items, given=values), vae.encode(items, given=fewer))
        assert not torch.allclose(vae.decode(z, given=values), vae.decode(z, given=fewer))
    assert vae.train().loss(Batch(items, values)).isfinite()


def test_a_given_value_is_left_out_of_encoder_and_decoder_together():
    vae = VAE(Vectors(2), {"label": Labels(2)}, given_dropout=0.5)
    vae.condition.embeds["label"].table.weight.data.fill_(1.0)
    contexts = vae.context({"label": torch.zeros(2000, dtype=torch.long)}, 2000)
    kept = contexts.vector[:, 0]
    assert set(kept.tolist()) == {0.0, 1.0}
    assert abs(kept.mean().item() - 0.5) < 4 * math.sqrt(0.25 / 2000)


@pytest.mark.parametrize(
    ("x", "network", "likelihood", "hidden"),
    [
        (Images(1, 8, 8, 17), "mlp", "binomial", (128, 128)),
        (Images(3, 64, 64), "conv", "logistic", (32, 64, 128, 256)),
        (Images(1, 28, 28, 2), "conv", "bernoulli", (32, 64)),
        (Vectors(2), "mlp", "gaussian", (128, 128)),
    ],
)
def test_the_space_chooses_the_network(x, network, likelihood, hidden):
    options = VAE(x).options
    assert (options["network"], options["likelihood"], options["hidden"]) == (network, likelihood, hidden)
    assert VAE(x, **options).options == options


@pytest.mark.parametrize("size", [(7, 40), (4, 100), (300, 1), (2, 200)])
def test_a_long_image_that_cannot_be_halved_gets_a_perceptron(size):
    vae = VAE(Images(1, *size))
    assert (vae.network, vae.hidden) == ("mlp", (128, 128))
    assert vae.sample(2).shape == (2, 1, *size)
    assert VAE(Images(1, 8, 40)).network == "conv"
    assert VAE(Images(1, 7, 40), hidden=(5,)).network == "conv"


def test_convolutions_need_an_image_and_a_layer():
    with pytest.raises(ValueError, match="'network' of VAE must be 'mlp' for vectors"):
        VAE(Vectors(3), network="conv")
    with pytest.raises(ValueError, match="'network' of VAE"):
        VAE(Images(1, 32, 32), network="conv", hidden=())


def test_a_short_training_beats_a_table_of_pixels_on_digits():
    """Independent pixels reach 2.43 bits/dim (catalogue, section 0); the bound of a short run is under it."""
    from sklearn.datasets import load_digits

    x = torch.from_numpy(load_digits().images).float()[:, None] / 8 - 1
    train, test = x[:1297], x[1297:]
    vae = VAE(Images(1, 8, 8, 17), hidden=(64,), dropout=0.0)
    optimizer = torch.optim.Adam(vae.parameters(), lr=5e-3, fused=True)
    for _ in range(500):
        optimizer.zero_grad()
        vae.loss(Batch(train[torch.randint(len(train), (128,))])).backward()
        optimizer.step()
    with torch.no_grad():
        bits = -vae.eval().elbo(test, generator=generator()).mean().item() / 64 / math.log(2)
    assert bits < 2.43

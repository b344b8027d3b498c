"""Probabilistic PCA against the singular value decomposition, torch's MultivariateNormal and scikit-learn."""

import math
from itertools import pairwise
from types import SimpleNamespace

import pytest
import torch
from sklearn.decomposition import PCA as Reference
from torch.distributions import MultivariateNormal

from daedal.play.trainer import Settings, Trainer
from daedal.play.turn import Batch, Done, Tell
from daedal.spaces import Images, Labels, Vectors
from daedal.systems.classical import pca
from daedal.systems.classical.pca import PCA

N, DIM = 400, 12


def _vectors(n=N, dim=DIM):
    g = torch.Generator().manual_seed(0)
    mix = torch.randn(dim, dim, generator=g, dtype=torch.float64) * torch.linspace(0.3, 3, dim)
    return torch.randn(n, dim, generator=g, dtype=torch.float64) @ mix + 5


def _batches(x, chunks=3):
    return SimpleNamespace(epoch=lambda: (Batch(part) for part in x.chunk(chunks)))


def _items(x):
    class Items(list):
        def gather(self, indices, fields=None):
            return {"x": x[torch.as_tensor(list(indices))]}

    return Items(range(len(x)))


def _fitted(x, space, rounds=100, **options):
    system = PCA(space, **options).double()
    system.fit_scale(_items(x))
    for _ in range(rounds):
        for item in system.turns(_batches(x)):
            if isinstance(item, Done):
                return system
            assert isinstance(item, Tell)
            item.call(**item.statistics)
    return system


def _covariance(system):
    u, spread = system.directions, system.variances - system.noise
    return u.mT * spread @ u + system.noise * torch.eye(u.shape[1], dtype=u.dtype)


@pytest.mark.parametrize("components", [1, 4, DIM])
def test_denoise_is_the_gaussians_posterior_mean_in_user_units(components):
    """By Tweedie's formula, x + N grad log p(x) with p the density of items with noise of covariance N added."""
    scale = torch.logspace(-1, 2, DIM, dtype=torch.float64)
    x = _vectors() * scale
    system = _fitted(x, Vectors(DIM), components=components)
    scales = torch.diag(system.standardise.scale.double())
    mean = system.standardise.inverse(system.mean)
    sigma = torch.tensor([0.1, 1.0, 10.0], dtype=torch.float64)
    for noisy, level in zip(x[:3], sigma, strict=True):
        noise = level**2 * scales @ scales
        blurred = MultivariateNormal(mean, scales @ _covariance(system) @ scales + noise)
        asked = noisy.clone().requires_grad_()
        (score,) = torch.autograd.grad(blurred.log_prob(asked), asked)
        found = system.denoise(noisy[None], level)[0]
        torch.testing.assert_close((found - noisy - noise @ score) / scales.diag(), torch.zeros(DIM).double())
    both = system.denoise(x[:3], sigma)
    alone = torch.cat([system.denoise(x[i : i + 1], sigma[i]) for i in range(3)])
    torch.testing.assert_close(both, alone)


def test_directions_are_orthonormal_and_span_what_the_svd_spans():
    x = _vectors()
    system = _fitted(x, Vectors(DIM), components=4)
    u = system.directions
    torch.testing.assert_close(u @ u.mT, torch.eye(4, dtype=u.dtype), atol=1e-10, rtol=0)
    y = system.standardise(x)
    reference = torch.linalg.svd(y - y.mean(0), full_matrices=False)
    cosines = torch.linalg.svdvals(u @ reference.Vh[:4].mT)
    torch.testing.assert_close(cosines, torch.ones(4, dtype=u.dtype), atol=1e-10, rtol=0)
    torch.testing.assert_close(system.variances, reference.S[:4].square() / N, atol=1e-10, rtol=0)


def test_the_gram_matrix_gives_the_same_directions_where_items_are_fewer_than_dimensions():
    x = _vectors(n=9, dim=30)
    system = _fitted(x, Vectors(30), components=5)
    y = system.standardise(x)
    y = y - y.mean(0)
    values, vectors = torch.linalg.eigh(y @ y.mT)
    directions = (y.mT @ vectors / values.clamp(min=1e-12).sqrt()).mT.flip(0)[:5]
    signs = (directions * system.directions).sum(1, keepdim=True).sign()
    torch.testing.assert_close(system.directions, signs * directions, atol=1e-10, rtol=0)
    torch.testing.assert_close(system.variances, values.flip(0)[:5] / 9, atol=1e-10, rtol=0)


def test_a_linear_autoencoder_ends_in_the_same_subspace_and_loses_no_less():
    """Baldi and Hornik 1989: the only minimum of the squared error is the projection on the leading directions."""
    x = _vectors()
    system = _fitted(x, Vectors(DIM), components=4)
    y = torch.linalg.qr(system.standardise(x) - system.mean).R  # the same squared errors in 12 rows
    g = torch.Generator().manual_seed(2)
    down, up = (0.3 * torch.randn(shape, generator=g, dtype=y.dtype) for shape in ((DIM, 4), (4, DIM)))
    weights = [down.requires_grad_(), up.requires_grad_()]
    optimizer = torch.optim.LBFGS(
        weights, max_iter=500, tolerance_grad=1e-7, tolerance_change=1e-12, line_search_fn="strong_wolfe"
    )

    def loss():
        optimizer.zero_grad()
        lost = (y @ down @ up - y).square().sum() / N
        lost.backward()
        return lost

    optimizer.step(loss)
    left_out = (DIM - 4) * system.noise.item()
    assert left_out - 1e-10 <= loss().item() < left_out * (1 + 1e-3)
    basis = torch.linalg.qr(up.detach().mT).Q
    cosines = torch.linalg.svdvals(system.directions @ basis)
    assert cosines.min() > math.cos(math.radians(1))


def test_what_reconstruction_loses_is_the_sum_of_the_eigenvalues_left_out():
    x = _vectors()
    every = _fitted(x, Vectors(DIM), components=DIM).variances
    for k in (1, 5, 11):
        system = _fitted(x, Vectors(DIM), components=k)
        lost = system.standardise(x - system.decode(system.encode(x)))
        lost = lost + system.standardise.mean / system.standardise.scale  # a difference has no offset
        assert lost.square().sum().item() / N == pytest.approx(every[k:].sum().item(), rel=1e-9)
        assert system.noise.item() == pytest.approx(every[k:].mean().item(), rel=1e-9)


def test_log_prob_is_that_of_a_multivariate_normal_in_the_users_units():
    x = _vectors()
    for k in (1, 4, DIM):
        system = _fitted(x, Vectors(DIM), components=k)
        scale, mean = system.standardise.scale, system.standardise.mean
        normal = MultivariateNormal(system.mean * scale + mean, _covariance(system) * torch.outer(scale, scale))
        torch.testing.assert_close(system.log_prob(x), normal.log_prob(x), atol=1e-9, rtol=1e-10)


def test_log_prob_agrees_with_scikit_learn_on_images():
    space = Images(1, 3, 4, levels=9)
    levels = torch.randint(0, 9, (N, 1, 3, 4), generator=torch.Generator().manual_seed(1))
    x = space.from_levels(levels, torch.float64)
    system = _fitted(x, space, components=5)
    # Adding cell^2 / 12 to each eigenvalue is what dequantisation does; scikit-learn divides by N - 1, not N.
    added, biased = space.cell**2 / 12, (N - 1) / N
    reference = Reference(5, svd_solver="full").fit(x.flatten(1).numpy())
    eigenvalues = torch.as_tensor(reference.explained_variance_) * biased + added
    torch.testing.assert_close(system.variances, eigenvalues)
    assert system.noise.item() == pytest.approx(reference.noise_variance_ * biased + added)
    reference.explained_variance_ = eigenvalues.numpy()
    reference.noise_variance_ = system.noise.item()
    torch.testing.assert_close(system.log_prob(x), torch.as_tensor(reference.score_samples(x.flatten(1).numpy())))


def test_fitted_covariance_is_that_of_dequantised_images():
    space = Images(1, 2, 2, levels=3)
    levels = torch.randint(0, 3, (N, 1, 2, 2), generator=torch.Generator().manual_seed(1))
    x = space.from_levels(levels, torch.float64)
    system = _fitted(x, space, components=4)
    g = torch.Generator().manual_seed(2)
    noisy = torch.cat([space.dequantise(x, g) for _ in range(200)]).flatten(1)
    estimates = (noisy - noisy.mean(0)).square()
    error = estimates.mean(0) - _covariance(system).diagonal()
    assert (error.abs() < 4 * estimates.std(0) / math.sqrt(len(noisy))).all()


def test_one_more_direction_never_lowers_the_likelihood():
    x = _vectors()
    totals = [_fitted(x, Vectors(DIM), components=k).log_prob(x).mean().item() for k in range(1, DIM + 1)]
    assert all(b >= a - 1e-9 for a, b in pairwise(totals))
    assert totals[-1] == pytest.approx(totals[-2], abs=1e-9)  # one direction left out, or none: one Gaussian


def test_the_likelihood_that_training_reports_is_that_of_the_training_data():
    x = _vectors()
    system = _fitted(x, Vectors(DIM), components=4)
    assert system.progress_scalars()["log-likelihood"] == pytest.approx(system.log_prob(x).mean().item(), abs=1e-9)


def test_codes_are_white_and_invert_decoding():
    x = _vectors()
    system = _fitted(x, Vectors(DIM), components=4)
    z = system.encode(x)
    eye = torch.eye(4, dtype=z.dtype)
    torch.testing.assert_close(z.mT.cov(correction=0), eye, atol=1e-10, rtol=0)
    torch.testing.assert_close(system.encode(system.decode(z)), z, atol=1e-10, rtol=0)
    assert system.latent_space == Vectors(4)


def test_a_constant_added_to_images_moves_the_mean_alone():
    space = Images(1, 3, 4, levels=9)
    x = torch.rand(N, 1, 3, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64) - 0.8
    shift = torch.linspace(0, 0.7, 12, dtype=torch.float64).view(1, 1, 3, 4)
    one, two = _fitted(x, space, components=5), _fitted(x + shift, space, components=5)
    torch.testing.assert_close(two.mean, one.mean + shift.flatten(), atol=1e-12, rtol=0)
    torch.testing.assert_close(two.variances, one.variances, atol=1e-12, rtol=0)
    torch.testing.assert_close(two.directions.abs(), one.directions.abs(), atol=1e-9, rtol=0)


def test_the_block_route_finds_what_the_direct_route_finds(monkeypatch):
    x = _vectors(dim=60)
    direct = _fitted(x, Vectors(60), components=5)
    monkeypatch.setattr(pca, "DIRECT", 10)
    monkeypatch.setattr(pca, "CONVERGED", 1e-13)
    block = _fitted(x, Vectors(60), components=5, rounds=300)
    torch.testing.assert_close(block.variances, direct.variances, rtol=1e-9, atol=0)
    torch.testing.assert_close(block.log_prob(x), direct.log_prob(x), rtol=1e-6, atol=0)


def test_the_block_route_stops_by_itself_and_explains_more_each_round(monkeypatch):
    monkeypatch.setattr(pca, "DIRECT", 10)
    x = _vectors(dim=60)
    system = PCA(Vectors(60), components=5).double()
    explained, done = [], False
    while not done:
        for item in system.turns(_batches(x)):
            done = isinstance(item, Done)
            if isinstance(item, Tell):
                item.call(**item.statistics)
                explained.append(system.variances.sum().item())
    assert 2 < len(explained) < 100
    assert all(b >= a * (1 - 1e-12) for a, b in pairwise(explained))


def test_samples_have_the_fitted_moments():
    x = _vectors()
    system = _fitted(x, Vectors(DIM), components=4)
    n = 20_000
    y = system.standardise(system.sample(n, generator=torch.Generator().manual_seed(3)).double())
    expected = _covariance(system)
    error = (y.mT.cov() - expected).abs()
    spread = expected.diagonal()
    standard_error = ((torch.outer(spread, spread) + expected.square()) / n).sqrt()
    assert (error < 4.5 * standard_error).all()
    still = system.sample(2, temperature=0.0)
    torch.testing.assert_close(still[0], still[1])
    torch.testing.assert_close(still[0].double(), x.mean(0), rtol=1e-5, atol=0)


def test_data_of_lower_rank_than_the_components_still_has_a_density():
    x = _vectors()[:, :3] @ torch.randn(3, DIM, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    system = _fitted(x, Vectors(DIM), components=6)
    assert torch.isfinite(system.log_prob(x)).all()


def test_training_ends_after_one_round():
    x = _vectors().float()
    data = SimpleNamespace(train=_items(x), fingerprint="", source={})
    run = Trainer(PCA(Vectors(DIM)), data, Settings(steps=50)).run()
    assert run.step == 1
    assert "system/log-likelihood" in run.history[-1]


@pytest.mark.parametrize(("components", "given"), [(13, None), (4, {"label": Labels(3)})])
def test_what_it_cannot_do_is_refused(components, given):
    with pytest.raises(
        ValueError, match=r"of PCA must be an integer in \[1, 12\]; got 13|can be given nothing; got label"
    ):
        PCA(Vectors(DIM), given, components=components)

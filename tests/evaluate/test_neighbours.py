import math

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from scipy.stats import hypergeom
from sklearn.neighbors import NearestNeighbors

from daedal.evaluate import neighbours
from daedal.evaluate.neighbours import chance_of_any, count_nearer, nearest, overlap, radii, squared_distances


def rows(n, d=5, seed=0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture(params=[2**23, 64], ids=["one block", "many blocks"])
def _blocks(request, monkeypatch):
    monkeypatch.setattr(neighbours, "BLOCK_NUMBERS", request.param)


def by_definition(real, fake, k, ball_k):
    real_k, real_b, fake_k = (
        NearestNeighbors(n_neighbors=n).fit(x).kneighbors()[0][:, -1] for x, n in ((real, k), (real, ball_k), (fake, k))
    )
    d = cdist(fake, real)
    return {
        "precision": np.mean([any(d[j] < real_k) for j in range(len(fake))]),
        "recall": np.mean([any(d[:, i] < fake_k) for i in range(len(real))]),
        "density": np.mean([sum(d[j] < real_b) for j in range(len(fake))]) / ball_k,
        "coverage": np.mean([any(d[:, i] < real_b[i]) for i in range(len(real))]),
    }


def test_distances_equal_scipys():
    x, y = rows(20, seed=1), rows(30, seed=2)
    np.testing.assert_allclose(squared_distances(x, y), cdist(x, y, "sqeuclidean"), rtol=1e-10)


@pytest.mark.usefixtures("_blocks")
def test_radii_equal_scikit_learns():
    x = rows(40)
    distances = NearestNeighbors(n_neighbors=5).fit(x).kneighbors()[0]
    third, fifth = radii(x, (3, 5))
    np.testing.assert_allclose(third.sqrt(), distances[:, 2], rtol=1e-10)
    np.testing.assert_allclose(fifth.sqrt(), distances[:, 4], rtol=1e-10)


@pytest.mark.usefixtures("_blocks")
def test_overlap_equals_its_definition():
    real, fake = rows(60, seed=1), 1.3 * rows(45, seed=2) + 0.4
    expected, found = by_definition(real, fake, 3, 5), overlap(real, fake)
    for name, value in expected.items():
        assert getattr(found, name).item() == pytest.approx(value, abs=1e-12), name


@pytest.mark.usefixtures("_blocks")
def test_weights_choose_fakes_and_keep_the_radii():
    real, fake = rows(30, seed=1), rows(20, seed=2)
    counts = torch.tensor([3.0, 1.0] * 5 + [0.0] * 10, dtype=torch.float64)
    found = overlap(real, fake, torch.stack([counts, torch.ones_like(counts)]))
    whole = overlap(real, fake)
    d, (real_k,), (fake_k,), (ball,) = (
        squared_distances(fake, real),
        radii(real, (3,)),
        radii(fake, (3,)),
        radii(real, (5,)),
    )
    chosen = counts > 0
    assert found.precision[0] == ((d < real_k).any(1) * counts).sum() / counts.sum()
    assert found.density[0] == pytest.approx(float(((d < ball).sum(1) * counts).sum() / counts.sum() / 5))
    assert found.recall[0] == (d < fake_k[:, None])[chosen].any(0).double().mean()
    assert found.coverage[0] == (d < ball)[chosen].any(0).double().mean()
    for name in ("precision", "recall", "density", "coverage"):
        assert getattr(found, name)[1] == getattr(whole, name)


def test_fakes_that_are_the_reals_have_full_overlap():
    x = rows(50)
    found = overlap(x, x.clone())
    assert (found.precision, found.recall, found.coverage) == (1, 1, 1)


def test_expected_coverage_and_density_of_equal_distributions():
    """E coverage = 1 - prod_{i=1..k} (n - i) / (2 n - i), E density = 1."""
    n, k = 60, 5
    expected = 1 - math.prod((n - i) / (2 * n - i) for i in range(1, k + 1))
    found = [overlap(rows(n, seed=2 * s), rows(n, seed=2 * s + 1)) for s in range(200)]
    coverage, density = np.array([[float(f.coverage), float(f.density)] for f in found]).T
    assert abs(coverage.mean() - expected) < 4 * coverage.std() / math.sqrt(200)
    assert abs(density.mean() - 1) < 4 * density.std() / math.sqrt(200)


def test_dropped_modes_cost_recall_and_not_precision():
    centres = 100 * torch.eye(5, dtype=torch.float64)
    real = torch.cat([rows(40, seed=i) + centre for i, centre in enumerate(centres)])
    fake = rows(200, seed=9) + centres[0]
    found = overlap(real, fake)
    assert found.precision > 0.85
    assert found.recall == pytest.approx(1 / 5, abs=0.03)
    assert found.coverage <= 1 / 5


def test_an_outlier_inflates_precision_and_hardly_density():
    real, fake = rows(50, seed=1), rows(50, seed=2) + 20
    before = overlap(real, fake)
    after = overlap(torch.cat([real, torch.full((1, 5), 30.0, dtype=torch.float64)]), fake)
    assert (before.precision, before.density) == (0, 0)
    assert after.precision > 0.9
    assert after.density < 0.25


def test_far_from_the_origin_distances_keep_their_digits():
    real, fake = rows(50, seed=1).float(), rows(50, seed=2).float()
    moved = overlap(real + 1000, fake + 1000)
    exact = overlap((real + 1000).double(), (fake + 1000).double())
    assert (moved.precision, moved.coverage) == (exact.precision, exact.coverage)


def test_too_few_items_for_k():
    with pytest.raises(ValueError, match="needs more than 5 items; got 5"):
        overlap(rows(5), rows(9))


@pytest.mark.usefixtures("_blocks")
def test_nearest_equals_scikit_learns():
    queries, items = rows(17, seed=1), rows(43, seed=2)
    distances, index = NearestNeighbors(n_neighbors=1).fit(items).kneighbors(queries)
    found = nearest(queries, len(items), lambda part: items[part.start : part.stop])
    np.testing.assert_allclose(found[0].sqrt(), distances[:, 0], rtol=1e-10)
    assert found[1].tolist() == index[:, 0].tolist()


def test_items_within_a_limit_are_counted():
    queries, items = torch.zeros(2, 1), torch.tensor([[1.0], [-1.0], [2.0], [3.0]])
    nearer, as_near = count_nearer(queries, torch.tensor([4.0, 1.0]), 4, lambda part: items[part.start : part.stop])
    assert nearer.tolist() == [2, 0]
    assert as_near.tolist() == [1, 2]


def test_the_chance_of_any_is_hypergeometric():
    k = torch.arange(0, 30)
    found = chance_of_any(k, chosen=12, n=29)
    np.testing.assert_allclose(found, hypergeom.sf(0, 29, k.numpy(), 12), atol=1e-12)

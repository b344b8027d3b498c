import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm

from daedal.evaluate.frechet import Moments, frechet_distance, trace_of_root


def rows(n, d, seed=0, scale=1.0):
    generator = torch.Generator().manual_seed(seed)
    mix = torch.randn(d, d, generator=generator, dtype=torch.float64)
    return scale * torch.randn(n, d, generator=generator, dtype=torch.float64) @ mix + seed


def gaussian(mean, covariance):
    moments = Moments(len(mean))
    moments.n, moments.mean = 2.0, torch.as_tensor(mean, dtype=torch.float64)
    moments.scatter = torch.as_tensor(covariance, dtype=torch.float64)  # n - 1 = 1
    return moments


def of(x):
    return Moments.of(x)


def test_streamed_moments_equal_numpys():
    x = rows(300, 7) + 1e3
    moments = Moments(7)
    for part in x.split([1, 99, 0, 200]):
        moments.update(part)
    assert moments.n == 300
    np.testing.assert_allclose(moments.mean, x.numpy().mean(0), rtol=1e-13)
    np.testing.assert_allclose(moments.covariance, np.cov(x.numpy().T), rtol=1e-9)


def test_merging_is_the_same_in_either_order():
    a, b = rows(40, 5, 1), rows(70, 5, 2)
    one, other = of(a).merge(of(b)), of(b).merge(of(a))
    torch.testing.assert_close(one.covariance, other.covariance, rtol=1e-12, atol=1e-12)


def test_weights_count_rows():
    x, counts = rows(6, 3), torch.tensor([0, 3, 1, 0, 2, 1])
    repeated = x.repeat_interleave(counts, 0)
    weighted = Moments.of(x, counts)
    torch.testing.assert_close(weighted.mean, of(repeated).mean)
    torch.testing.assert_close(weighted.covariance, of(repeated).covariance)


def test_distance_equals_the_formula_with_scipys_root():
    x, y = rows(200, 12, 1), rows(150, 12, 2)
    a, b = np.cov(x.numpy().T), np.cov(y.numpy().T)
    mean = ((x.mean(0) - y.mean(0)) ** 2).sum().item()
    expected = mean + np.trace(a) + np.trace(b) - 2 * np.trace(sqrtm(a @ b)).real
    assert frechet_distance(of(x), of(y)) == pytest.approx(expected, rel=1e-10)


def test_distance_equals_torchmetrics():
    from torchmetrics.image.fid import _compute_fid

    x, y = rows(500, 64, 1), rows(400, 64, 2)
    theirs = _compute_fid(x.mean(0), torch.cov(x.T), y.mean(0), torch.cov(y.T)).item()
    assert frechet_distance(of(x), of(y)) == pytest.approx(theirs, rel=1e-6)


def test_gaussians_with_diagonal_covariances():
    s, t, m = np.array([1.0, 2.0, 0.5]), np.array([3.0, 2.0, 1.0]), np.array([1.0, -1.0, 0.0])
    found = frechet_distance(gaussian(m, np.diag(s**2)), gaussian(0 * m, np.diag(t**2)))
    assert found == pytest.approx((m**2).sum() + ((s - t) ** 2).sum(), rel=1e-12)


def test_a_set_is_at_no_distance_from_itself():
    x = rows(300, 20)
    assert abs(frechet_distance(of(x), of(x))) < 1e-8


def test_fewer_items_than_features_is_singular_and_still_exact():
    x, y = rows(10, 40, 1), rows(15, 40, 2)
    assert abs(frechet_distance(of(x), of(x))) < 1e-8 * of(x).covariance.trace()
    # Tr (A B)^(1/2) of A = X'X, B = Y'Y is the sum of the singular values of X Y', whatever the rank
    centred = [(z - z.mean(0)) / np.sqrt(len(z) - 1) for z in (x, y)]
    nuclear = np.linalg.svd((centred[0] @ centred[1].T).numpy(), compute_uv=False).sum()
    assert trace_of_root(of(x).covariance, of(y).covariance).item() == pytest.approx(nuclear, rel=1e-8)


def test_one_singular_covariance_takes_either_order():
    x, y = rows(10, 20, 1), rows(300, 20, 2)
    assert frechet_distance(of(x), of(y)) == pytest.approx(frechet_distance(of(y), of(x)), rel=1e-9)


def test_constant_features_have_no_spread():
    x = torch.ones(5, 3)
    assert frechet_distance(of(x), of(x + 1)) == pytest.approx(3.0)


def test_symmetric_and_blind_to_rotation_and_order():
    x, y = rows(100, 8, 1), rows(90, 8, 2)
    distance = frechet_distance(of(x), of(y))
    rotation, _ = torch.linalg.qr(rows(8, 8, 3))
    assert frechet_distance(of(y), of(x)) == pytest.approx(distance, rel=1e-10)
    assert frechet_distance(of(x @ rotation), of(y @ rotation)) == pytest.approx(distance, rel=1e-10)
    assert frechet_distance(of(x.flip(0)), of(y)) == pytest.approx(distance, rel=1e-12)


def test_scaling_features_scales_the_distance_by_the_square():
    x, y = rows(100, 6, 1), rows(100, 6, 2)
    assert frechet_distance(of(3 * x), of(3 * y)) == pytest.approx(9 * frechet_distance(of(x), of(y)), rel=1e-10)


def test_expected_floor_of_a_finite_sample():
    """E FD of n standard normal rows to N(0, I) is near (d + d (d + 1) / 4) / n."""
    d, n = 8, 400
    exact = gaussian(np.zeros(d), np.eye(d))
    generator = torch.Generator().manual_seed(0)
    found = [frechet_distance(of(torch.randn(n, d, generator=generator)), exact) for _ in range(200)]
    error = np.std(found) / np.sqrt(len(found))
    expected = (d + d * (d + 1) / 4) / n
    assert abs(np.mean(found) - expected) < 4 * error + expected * d / n  # terms of the next order are left out


def test_one_item_is_refused():
    with pytest.raises(ValueError, match="at least 2 items; got 1"):
        frechet_distance(of(rows(1, 3)), of(rows(9, 3)))

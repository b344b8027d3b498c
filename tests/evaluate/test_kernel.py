import numpy as np
import pytest
import torch

from daedal.evaluate.kernel import kernel_distance


def rows(n, d=4, seed=0, shift=0.0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, d, generator=generator, dtype=torch.float64) + shift


def by_pairs(x, y, same=None):
    """The definition, pair by pair; pairs of rows that are the same item are left out."""
    same = range(len(x)) if same is None else same

    def k(a, b):
        return (float(a @ b) / len(a) + 1) ** 3

    n, m = len(x), len(y)
    within = [k(x[i], x[j]) for i in range(n) for j in range(n) if same[i] != same[j]]
    among = [k(y[i], y[j]) for i in range(m) for j in range(m) if i != j]
    across = [k(a, b) for a in x for b in y]
    return np.mean(within) + np.mean(among) - 2 * np.mean(across)


def test_equals_the_double_loop():
    x, y = rows(13, seed=1), rows(9, seed=2, shift=0.3)
    assert kernel_distance(x, y).item() == pytest.approx(by_pairs(x, y), rel=1e-12)


def test_unbiased_so_zero_in_expectation_for_equal_distributions():
    found = [kernel_distance(rows(20, seed=2 * s), rows(30, seed=2 * s + 1)).item() for s in range(400)]
    assert min(found) < 0 < max(found)
    assert abs(np.mean(found)) < 4 * np.std(found) / np.sqrt(len(found))


def test_expected_value_of_a_shift():
    """N(1, 1) against N(0, 1) in one dimension, from their moments."""
    x, y = rows(20_000, d=1, seed=1, shift=1.0)[:, 0], rows(20_000, d=1, seed=2)[:, 0]
    # E (xy + 1)^3 = m3 m3' + 3 m2 m2' + 3 m1 m1' + 1, with moments (1, 2, 4) of N(1, 1) and (0, 1, 0) of N(0, 1)
    exact = (16 + 12 + 3 + 1) + (0 + 3 + 0 + 1) - 2 * (0 + 6 + 0 + 1)
    found = [kernel_distance(x[i : i + 200, None], y[i : i + 200, None]).item() for i in range(0, 20_000, 200)]
    assert abs(np.mean(found) - exact) < 4 * np.std(found) / np.sqrt(len(found))


def test_subsets_are_averaged():
    x, y = rows(50, seed=1), rows(40, seed=2)
    parts = zip(torch.tensor_split(x, 3), torch.tensor_split(y, 3), strict=True)
    assert kernel_distance(x, y, subset=20).item() == pytest.approx(
        np.mean([by_pairs(a, b) for a, b in parts]), rel=1e-12
    )


def test_weights_repeat_rows_but_never_pair_an_item_with_itself():
    x, y, counts = rows(6, seed=1), rows(8, seed=2), torch.tensor([2, 0, 1, 3, 0, 1])
    index = torch.arange(6).repeat_interleave(counts)
    whole = torch.ones(1, 6)
    found = kernel_distance(x, y, torch.cat([counts[None].float(), whole]))
    assert found[0].item() == pytest.approx(by_pairs(x[index], y, index.tolist()), rel=1e-12)
    assert found[1].item() == pytest.approx(kernel_distance(x, y).item(), rel=1e-12)


def test_one_item_is_refused():
    with pytest.raises(ValueError, match="at least 2 items"):
        kernel_distance(rows(1), rows(5))


def test_sets_of_very_different_sizes():
    """Three items cannot be parted into three subsets: then all enter one, and the U-statistic is that of the whole."""
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(3, 4, generator=generator), torch.randn(30, 4, generator=generator)
    torch.testing.assert_close(kernel_distance(x, y, subset=10), kernel_distance(x, y, subset=1000))

"""Kernel distance (KID): squared maximum mean discrepancy of features under a cubic kernel, without bias.

Binkowski et al., "Demystifying MMD GANs" (2018), arXiv:1801.01401.

    k(x, y) = (x.y / d + 1)^3
    KID = mean_{i != j} k(x_i, x_j) + mean_{i != j} k(y_i, y_j) - 2 mean_{i, j} k(x_i, y_j)

A U-statistic: its expectation is zero for equal distributions, so it can be negative.

# Paper: the mean over 100 random subsets of 1000; here: over disjoint subsets of at most 1000, which is as unbiased,
# uses every item once, and is the U-statistic itself up to 1000 items.

>>> x, y = torch.tensor([[0.0], [1.0]]), torch.tensor([[0.0], [2.0]])
>>> kernel_distance(x, y).item()  # 1 + 1 - 2 * (1 + 1 + 1 + 27) / 4
-13.0
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

SUBSET = 1000


def kernel_distance(x: Tensor, y: Tensor, weights: Tensor | None = None, subset: int = SUBSET) -> Tensor:
    """KID between rows x (n, d) and y (m, d): float64, a scalar, or (b,) for b rows of `weights`.

    `weights` (b, n) counts the rows of x, as a bootstrap does; pairs of a row with itself never enter. Rows are
    taken in order, so shuffle them first where order carries meaning. Raises ValueError for fewer than two rows.
    """
    if min(len(x), len(y)) < 2:
        raise ValueError(f"a kernel distance needs at least 2 items in each set; got {len(x)} and {len(y)}.")
    x, y = x.double(), y.double()
    counts = torch.ones(1, len(x), dtype=torch.float64) if weights is None else weights.double()
    parts = min(math.ceil(max(len(x), len(y)) / subset), min(len(x), len(y)) // 2)
    pieces = [torch.tensor_split(a, parts, dim) for a, dim in ((x, 0), (y, 0), (counts, 1))]
    each = torch.stack([_discrepancy(*piece) for piece in zip(*pieces, strict=True)])
    return each.mean(0)[0] if weights is None else each.mean(0)


def _discrepancy(x: Tensor, y: Tensor, w: Tensor) -> Tensor:
    """The U-statistic of one subset, for each row of weights w (b, n): (b,); NaN where w has but one row of x."""
    total = w.sum(1)
    among_x = _kernel(x, x).fill_diagonal_(0)
    among_y = _kernel(y, y).fill_diagonal_(0)
    pairs = total.square() - w.square().sum(1)  # ordered pairs of two different rows
    within = ((w @ among_x) * w).sum(1) / pairs
    across = w @ _kernel(x, y).mean(1) / total
    return within + among_y.sum() / (len(y) * (len(y) - 1)) - 2 * across


def _kernel(x: Tensor, y: Tensor) -> Tensor:
    return (x @ y.T / x.shape[1] + 1) ** 3

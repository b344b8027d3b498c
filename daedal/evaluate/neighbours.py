"""Nearest neighbours in feature space: precision, recall, density, coverage, and the nearest training item.

- Kynkaanniemi et al., "Improved precision and recall metric for assessing generative models" (2019),
  arXiv:1904.06991. B(r) is the ball around an item that reaches its k-th nearest neighbour of the same set (k = 3).
  Precision: share of fakes inside some real ball. Recall: share of reals inside some fake ball.
- Naeem et al., "Reliable fidelity and diversity metrics for generative models" (2020), arXiv:2002.09797, k = 5.
  Density: how many real balls a fake lies in, over k (mean 1 for equal distributions). Coverage: share of reals
  whose ball holds a fake.

Balls are open (distance strictly below the radius), as in the code of the second paper. Distances come blockwise
from matrix products, |a - b|^2 = |a|^2 + |b|^2 - 2 a.b, in the dtype of the features, after centring.

>>> x = torch.randn(50, 4, generator=torch.Generator().manual_seed(0))
>>> found = overlap(x, x)
>>> found.precision.item(), found.recall.item(), found.coverage.item()
(1.0, 1.0, 1.0)
>>> overlap(x, x + 100).precision.item()
0.0
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

BLOCK_NUMBERS = 2**23  # distances held at once
MANIFOLD_K = 3  # of precision and recall
BALL_K = 5  # of density and coverage


@dataclass(frozen=True)
class Overlap:
    """The four numbers; each a scalar, or (b,) for b rows of weights."""

    precision: Tensor
    recall: Tensor
    density: Tensor
    coverage: Tensor


def squared_distances(a: Tensor, b: Tensor) -> Tensor:
    """|a_i - b_j|^2 of rows a (n, d) and b (m, d): (n, m), never negative."""
    products = torch.addmm(b.square().sum(1)[None, :], a, b.T, alpha=-2)
    return products.add_(a.square().sum(1)[:, None]).clamp_(min=0)


def radii(x: Tensor, ks: Iterable[int]) -> list[Tensor]:
    """Squared distance of each row of x (n, d) to its k-th nearest other row, for each k: a list of (n,).

    Raises ValueError where there are not more than k rows.
    """
    ks = list(ks)
    if len(x) <= max(ks):
        raise ValueError(f"the {max(ks)}th neighbour needs more than {max(ks)} items; got {len(x)}.")
    best = torch.full((len(x), max(ks)), torch.inf, dtype=x.dtype)
    for start, rows in _blocks(x, len(x)):
        stop = start + len(rows)
        distances = squared_distances(rows, x[start:])  # earlier columns were the rows of earlier blocks
        distances.fill_diagonal_(torch.inf)
        best[start:stop] = _smallest(best[start:stop], distances)
        best[stop:] = _smallest(best[stop:], distances[:, len(rows) :].T)
    return [best[:, k - 1] for k in ks]


def _smallest(best: Tensor, more: Tensor) -> Tensor:
    """The smallest of each row of two matrices, ascending, as many as `best` has columns."""
    k = best.shape[1]
    found = more.topk(min(k, more.shape[1]), largest=False).values
    return torch.cat([best, found], 1).topk(k, largest=False).values


def overlap(
    real: Tensor, fake: Tensor, weights: Tensor | None = None, *, manifold_k: int = MANIFOLD_K, ball_k: int = BALL_K
) -> Overlap:
    """Precision, recall, density and coverage of rows fake (n, d) against rows real (m, d): float64.

    `weights` (b, n) counts the fakes, as a bootstrap does (radii stay those of the whole set).
    Raises ValueError where a set has no k-th neighbours.
    """
    centre = real.mean(0)
    real, fake = real - centre, fake - centre
    counts = torch.ones(1, len(fake), dtype=torch.float64) if weights is None else weights.double()
    real_manifold, real_ball = radii(real, (manifold_k, ball_k))
    (fake_manifold,) = radii(fake, (manifold_k,))
    precise, inside = torch.empty(len(fake), dtype=torch.float64), torch.empty(len(fake), dtype=torch.float64)
    recalled, covered = (torch.zeros(len(counts), len(real)) for _ in range(2))  # how many chosen fakes reach a real
    chosen = (counts > 0).float()
    for start, rows in _blocks(fake, len(real)):
        block = slice(start, start + len(rows))
        distances = squared_distances(rows, real)
        precise[block] = (distances < real_manifold).any(1).double()
        balls = (distances < real_ball).float()
        inside[block] = balls.sum(1).double()
        covered += chosen[:, block] @ balls
        recalled += chosen[:, block] @ (distances < fake_manifold[block, None]).float()
    total = counts.sum(1)
    each = Overlap(
        precision=counts @ precise / total,
        recall=(recalled > 0).double().mean(1),
        density=counts @ inside / (total * ball_k),
        coverage=(covered > 0).double().mean(1),
    )
    return (
        each if weights is not None else Overlap(each.precision[0], each.recall[0], each.density[0], each.coverage[0])
    )


def nearest(queries: Tensor, n: int, gather: Callable[[range], Tensor]) -> tuple[Tensor, Tensor]:
    """The nearest of n items to each row of queries (q, d): squared distances (q,) and indices (q,).

    `gather(range)` gives those items, (len(range), d), so that they need not be in memory at once.
    """
    best = torch.full((len(queries),), torch.inf, dtype=queries.dtype)
    index = torch.zeros(len(queries), dtype=torch.long)
    step = max(1, BLOCK_NUMBERS // max(len(queries), queries.shape[1]))
    for start in range(0, n, step):
        distances, found = squared_distances(queries, gather(range(start, min(n, start + step)))).min(1)
        closer = distances < best
        best = torch.where(closer, distances, best)
        index = torch.where(closer, found + start, index)
    return best, index


def count_nearer(queries: Tensor, limits: Tensor, n: int, gather: Callable[[range], Tensor]) -> tuple[Tensor, Tensor]:
    """How many of n items are nearer to each query than its limit, a squared distance, and how many as near: (q,) each.

    `gather` as in `nearest`.
    """
    nearer, as_near = torch.zeros(2, len(queries), dtype=torch.long)
    step = max(1, BLOCK_NUMBERS // max(len(queries), queries.shape[1]))
    for start in range(0, n, step):
        distances = squared_distances(queries, gather(range(start, min(n, start + step))))
        nearer += (distances < limits[:, None]).sum(1)
        as_near += (distances == limits[:, None]).sum(1)
    return nearer, as_near


def chance_of_any(k: Tensor, chosen: int, n: int) -> Tensor:
    """The chance that `chosen` of n items, drawn without replacement, hold any of k.

    1 - C(n - k, chosen) / C(n, chosen), of integers k of any shape: float64.

    >>> chance_of_any(torch.tensor([1, 3]), chosen=2, n=4)
    tensor([0.5000, 1.0000], dtype=torch.float64)
    """
    rest = (n - k).double()
    ways = torch.lgamma(rest + 1) - torch.lgamma((rest - chosen).clamp(min=0) + 1)
    of = math.lgamma(n + 1) - math.lgamma(n - chosen + 1)
    return torch.where(rest < chosen, 1.0, -torch.expm1((ways - of).clamp(max=0)))  # no less than none


def _blocks(x: Tensor, columns: int) -> Iterable[tuple[int, Tensor]]:
    """Rows of x in blocks whose distances to `columns` items fit: pairs (start, rows)."""
    size = max(1, BLOCK_NUMBERS // columns)
    return ((start, x[start : start + size]) for start in range(0, len(x), size))

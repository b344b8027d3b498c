"""Toy distributions in one or two dimensions, freshly drawn, whose density and mostly entropy are known exactly.

The shapes are the ones that the field draws; where its recipe has no tractable density, ours differs and says so.
`data.density` is the distribution itself; `label` says which component (mode, arc, ring, arm) drew an item.

>>> sorted(TOYS)[:3]
['checkerboard', 'gaussian', 'grid25']
>>> columns, density = toy("ring8", n=100, seed=0)
>>> columns["x"].values.shape, density.modes.shape, density.sigma
((100, 2), torch.Size([8, 2]), 0.02)
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np

from daedal.data.base import Column
from daedal.data.densities import Circles, Curves, Known, Mixture, Squares, Twisted
from daedal.errors import UsageError, did_you_mean
from daedal.spaces import Labels, Vectors

N_ITEMS = 10_000  # drawn unless `n` says otherwise


def toy(name: str, n: int | None = None, seed: int = 0) -> tuple[dict[str, Column], Known]:
    """`n` items freshly drawn from `seed`: columns `x`, Vectors, and `label`, Labels; and their density.

    Raises UsageError that lists the toys for an unknown name.
    """
    density = make(name)
    x, label = density.sample_labelled(N_ITEMS if n is None else n, np.random.default_rng(seed))
    columns = {
        "x": Column(x.astype(np.float32), Vectors(density.dim)),
        "label": Column(label.astype(np.int64), Labels(density.components)),
    }
    return columns, density


def make(name: str) -> Known:
    """The density of a toy."""
    if name not in TOYS:
        raise UsageError(f"'{name}' is no toy; the toys are {', '.join(TOYS)}.{did_you_mean(name, list(TOYS))}")
    return TOYS[name]()


def _isotropic(means: np.ndarray, sigma: float) -> Mixture:
    mixture = Mixture(means, sigma**2 * np.eye(means.shape[1]))
    mixture.sigma = sigma
    return mixture


def _ring(k: int, radius: float, sigma: float) -> Mixture:
    angle = 2 * np.pi * np.arange(k) / k
    return _isotropic(radius * np.stack([np.cos(angle), np.sin(angle)], 1), sigma)


def _grid(k: int, spacing: float, sigma: float) -> Mixture:
    axis = spacing * (np.arange(k) - (k - 1) / 2)
    return _isotropic(np.array(list(itertools.product(axis, axis))), sigma)


def _turned(variances: tuple[float, float], degrees: float) -> np.ndarray:
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    turn = np.array([[c, -s], [s, c]])
    return turn @ np.diag(variances) @ turn.T


def _aslant() -> Mixture:
    """Three long clusters side by side: k-means cuts across them (adjusted Rand index 0.7), a mixture does not."""
    across, along = np.array([-1, 1]) / np.sqrt(2), np.array([1, 1]) / np.sqrt(2)
    return Mixture([across + along, -along, along - across], _turned((1.0, 0.05), 45))


def _pinwheel(arms: int = 5) -> Twisted:
    # The customary recipe turns a point by its place along the arm; here: by its radius, so that areas are kept.
    angle = 360 * np.arange(arms) / arms
    means = [(np.cos(np.deg2rad(a)), np.sin(np.deg2rad(a))) for a in angle]
    return Twisted(Mixture(means, [_turned((0.09, 0.01), a) for a in angle]), rate=0.25, scale=2.0)


def _moons() -> Curves:
    def upper(t: np.ndarray) -> np.ndarray:
        return np.stack([np.cos(np.pi * t), np.sin(np.pi * t)], 1)

    return Curves([upper, lambda t: [1.0, 0.5] - upper(t)], noise=0.1, nodes=120, reach=3.2)


def _spirals() -> Curves:
    # The customary recipe adds uniform noise too; here: Gaussian noise only.
    def arm(t: np.ndarray) -> np.ndarray:
        angle = 3 * np.pi * np.sqrt(t)
        return np.stack([-np.cos(angle), np.sin(angle)], 1) * angle[:, None] / 3

    return Curves([arm, lambda t: -arm(t)], noise=0.1, nodes=350, reach=4.5, power=2)


TOYS: dict[str, Callable[[], Known]] = {
    "ring8": lambda: _ring(8, radius=2.0, sigma=0.02),
    "grid25": lambda: _grid(5, spacing=2.0, sigma=0.05),
    "moons": _moons,
    "checkerboard": Squares,
    "rings": lambda: Circles([1.0, 2.0, 3.0], noise=0.08),
    "spirals": _spirals,
    "pinwheel": _pinwheel,
    "gaussian": lambda: Mixture([[1.0, -1.0]], [[[1.0, 0.8], [0.8, 2.0]]]),
    "mixture1d": lambda: Mixture([[-2.0], [0.0], [3.0]], [[[0.25]], [[0.04]], [[1.0]]], [0.3, 0.2, 0.5]),
    "mixture3": _aslant,
    "mixture8": lambda: _ring(8, radius=2.0, sigma=0.3),
}

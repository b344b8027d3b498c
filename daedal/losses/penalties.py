"""Penalties on the gradient of a critic with respect to its input.

Gulrajani et al. 2017 (WGAN-GP, arXiv:1704.00028): lambda E (||grad C(x~)||_2 - 1)^2 at x~ = x + a (x^ - x), with one
a ~ U(0, 1) for each item and the norm over all the numbers of an item.

>>> slope = torch.tensor([3.0, 4.0])
>>> norms = gradient_norms(lambda x: x @ slope, torch.zeros(2, 2))
>>> norms, one_centred(norms)
(tensor([5., 5.]), tensor(16.))
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Score = Callable[[Tensor], Tensor]


def interpolate(real: Tensor, fake: Tensor) -> Tensor:
    """A random point on the segment between each pair of items, (n, *x): one uniform number for each pair."""
    a = torch.rand(len(real), *[1] * (real.ndim - 1), dtype=real.dtype, device=real.device)
    return real + a * (fake - real)


def gradient_norms(score: Score, x: Tensor) -> Tensor:
    """2-norm of d score(x)_i / d x_i for each item: (n,), itself differentiable.

    `score` maps (n, *x) to (n,), each number a function of its own item alone (so no batch statistics).
    """
    x = x.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(score(x).sum(), x, create_graph=True)
    square = gradient.flatten(1).square().sum(1)
    return (square + 1e-16).sqrt()  # so that a flat critic has a derivative


def one_centred(norms: Tensor) -> Tensor:
    """E (norm - 1)^2, from norms (n,): a scalar."""
    return (norms - 1).square().mean()

"""Muon: descent whose steps of a matrix are orthogonal (Jordan et al. 2024, kellerjordan.github.io/posts/muon).

The momentum G = U S V^T of a layer's weights is replaced by an approximation of U V^T, so that rare directions are
learned as fast as common ones. `torch.optim.Muon` does the same for matrices only, and in bfloat16; the weights of a
convolution are a matrix here, (out, in * k * k). Steps have the size of AdamW's (Liu et al. 2025, arXiv:2502.16982), so
that its learning rates and weight decay serve. Biases, scales and last layers are for AdamW.

>>> weight = torch.nn.Parameter(torch.eye(2))
>>> weight.grad = torch.tensor([[1.0, 0.0], [0.0, 0.01]])
>>> Muon([weight], lr=0.1).step()
>>> bool(weight[1, 1] < 0.99)  # a gradient a hundredth as large, and as large a step, nearly
True
"""

from __future__ import annotations

from collections.abc import Iterable
from math import sqrt

import torch
from torch import Tensor, nn

STEPS = 5
COEFFICIENTS = 3.4445, -4.7750, 2.0315  # of the quintic: singular values in (0.01, 1] come to between 0.7 and 1.2
LIKE_ADAM = 0.2  # root mean square of a step of AdamW, in learning rates


class Muon(torch.optim.Optimizer):
    """For weights of two dimensions and more; Nesterov's momentum, decoupled weight decay."""

    def __init__(self, params: Iterable[nn.Parameter], lr: float, *, momentum: float = 0.95, weight_decay: float = 0.0):
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One step of every weight that has a gradient."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._move(weight, weight.grad, **{key: group[key] for key in ("lr", "momentum", "weight_decay")})

    def _move(self, weight: Tensor, gradient: Tensor, lr: float, momentum: float, weight_decay: float) -> None:
        state = self.state[weight]
        if not state:
            state["mean"] = torch.zeros_like(weight)
        mean = state["mean"]
        mean.lerp_(gradient, 1 - momentum)
        step = orthogonal(gradient.lerp(mean, momentum).flatten(1))
        weight.mul_(1 - lr * weight_decay)
        weight.sub_(step.view_as(weight), alpha=lr * LIKE_ADAM * sqrt(max(step.shape)))


def orthogonal(matrix: Tensor) -> Tensor:
    """About U V^T of a matrix U S V^T (m, n): Newton and Schulz's iteration, with coefficients that hurry it."""
    if matrix.shape[0] > matrix.shape[1]:
        return orthogonal(matrix.T).T
    a, b, c = COEFFICIENTS
    x = matrix / matrix.norm().clamp(min=1e-7)
    for _ in range(STEPS):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x

"""The terms of the variational bound of a discrete-time diffusion, in nats an item.

Ho, Jain and Abbeel 2020, arXiv:2006.11239, section 3; `daedal.probability.schedules` has the symbols.

    -log p(x_0) <= L_T + sum over t = 2 .. T of L_(t-1) + L_0

| code | paper |
|---|---|
| `prior_term` | L_T = KL(q(x_T given x_0), N(0, I)) |
| `step_terms` | L_(t-1) = KL(q(x_(t-1) given x_t, x_0), N(mu_theta, sigma_t^2 I)) |
| `cell_term`, `point_term` | L_0 = -log p(x_0 given x_1): of a level of the grid, of a point |
| `reverse_variance` | sigma_t^2 |

mu_theta is the mean of q(x_(t-1) | x_t, x_0-hat), so the means of a step differ by a (x_0 - x_0-hat), a from
`Schedule.posterior`.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from daedal.probability.schedules import Schedule
from daedal.spaces import Images

Variance = Literal["large", "small"]


def reverse_variance(schedule: Schedule, kind: Variance) -> Tensor:
    """Variance of p(x_(t-1) | x_t) by t, float64 (T + 1,): beta_t (`large`) or beta-tilde_t (`small`).

    At t = 1 both are beta-tilde_2, as in the official code: beta-tilde_1 is 0, and beta_1 makes L_0 worse. Of a single
    step, which has no beta-tilde_2, it is beta_1.
    """
    t = torch.arange(1, schedule.steps + 1, device="cpu")
    small = schedule.posterior(t, t - 1)[2]
    variance = schedule.betas.clone()
    if schedule.steps == 1:
        return variance
    if kind == "small":
        variance[1:] = small
    variance[1] = small[1]
    return variance


def prior_term(schedule: Schedule, x: Tensor) -> Tensor:
    """L_T of x (n, ...): nats, (n,)."""
    kept = float(schedule.kept[-1])
    return 0.5 * (kept * x.square() - kept - math.log1p(-kept)).flatten(1).sum(1)


def step_terms(schedule: Schedule, variance: Tensor, x: Tensor, clean: Tensor, t: Tensor) -> Tensor:
    """L_(t-1) of x (n, ...), where the model took x_t for `clean`, at t (n,) of 2 .. T: nats, (n,)."""
    a, _, small = schedule.posterior(t, t - 1)
    v = variance.to(t.device)[t]
    ratio = small / v
    apart = (0.5 * (ratio - 1 - ratio.log())).to(x) * x[0].numel()
    weight = (0.5 * a.square() / v).to(x)
    return apart + weight * (x - clean).square().flatten(1).sum(1)


def point_term(variance: Tensor, x: Tensor, clean: Tensor) -> Tensor:
    """L_0 of a point: -log N(x; clean, sigma_1^2 I), nats, (n,)."""
    v = float(variance[1])
    return 0.5 * ((x - clean).square() / v + math.log(2 * math.pi * v)).flatten(1).sum(1)


def cell_term(variance: Tensor, x: Tensor, clean: Tensor, space: Images) -> Tensor:
    """L_0 of a value of the grid: -log of the mass of N(clean, sigma_1^2) on its cell; the outermost are unbounded."""
    scale = float(variance[1]) ** -0.5
    low, high = (x - space.cell / 2 - clean) * scale, (x + space.cell / 2 - clean) * scale
    level = space.to_levels(x)
    inner = log_interval(low, high)
    outer = torch.special.log_ndtr(torch.where(level == 0, high, -low))
    edge = (level == 0) | (level == space.levels - 1)
    return -torch.where(edge, outer, inner).flatten(1).sum(1)


def log_interval(low: Tensor, high: Tensor) -> Tensor:
    """log(Phi(high) - Phi(low)) for low < high, accurate in both tails."""
    flip = low > 0  # in the upper tail both Phi round to 1: look at the mirrored interval instead
    low, high = torch.where(flip, -high, low), torch.where(flip, -low, high)
    log_high = torch.special.log_ndtr(high)
    return log_high + (-torch.expm1(torch.special.log_ndtr(low) - log_high)).log()

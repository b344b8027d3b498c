"""Noise schedules: how much signal and how much noise is left at each step of a diffusion, in float64.

Ho, Jain and Abbeel 2020, arXiv:2006.11239 (linear); Nichol and Dhariwal 2021, arXiv:2102.09672 (cosine).

| code | papers |
|---|---|
| index t = 0 .. T | t; 0 is the clean item, T nearly pure noise |
| `betas[t]` | beta_t, with beta_0 = 0 |
| `kept[t]` | alpha-bar_t = prod_(s <= t) (1 - beta_s), the share of the variance that is signal |
| `signal[t]`, `noise[t]` | sqrt(alpha-bar_t) and sqrt(1 - alpha-bar_t): x_t = signal x_0 + noise epsilon |
| `posterior(t, s)` | q(x_s given x_t, x_0), which is N(mu-tilde_t, beta-tilde_t I) for s = t - 1 |

>>> schedule = linear(1000)
>>> f"{schedule.kept[-1]:.3g}"
'4.04e-05'
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

GREATEST_BETA = 0.999


@dataclass(frozen=True, eq=False)
class Schedule:
    """A variance-preserving schedule of T steps: tables over t = 0 .. T, float64 (T + 1,), on the CPU."""

    betas: Tensor

    @property
    def steps(self) -> int:
        """T."""
        return len(self.betas) - 1

    @cached_property
    def kept(self) -> Tensor:
        """alpha-bar_t."""
        return torch.cumprod(1 - self.betas, 0)

    @cached_property
    def signal(self) -> Tensor:
        """sqrt(alpha-bar_t)."""
        return self.kept.sqrt()

    @cached_property
    def noise(self) -> Tensor:
        """sqrt(1 - alpha-bar_t)."""
        return (1 - self.kept).sqrt()

    def respace(self, times: Sequence[int]) -> Schedule:
        """The schedule that visits only `times` (ascending, without 0): the same marginals in fewer steps.

        beta'_i = 1 - alpha-bar_(times[i]) / alpha-bar_(times[i-1]).
        """
        kept = self.kept[[0, *times]]
        return _from_betas(1 - kept[1:] / kept[:-1])

    def time_at(self, ratio: Tensor) -> Tensor:
        """The real-valued t in [1, T] at which noise / signal is `ratio` (any shape, > 0), log-linear in between."""
        known = (self.noise[1:] / self.signal[1:]).log().to(ratio.device)
        wanted = ratio.double().clamp(min=1e-30).log().clamp(known[0], known[-1])
        right = torch.searchsorted(known, wanted.contiguous()).clamp(1, max(1, self.steps - 1))
        if self.steps == 1:
            return torch.ones_like(ratio)
        low, high = known[right - 1], known[right]
        return (right + (wanted - low) / (high - low)).to(ratio.dtype)

    def posterior(self, t: int | Tensor, s: int | Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """q(x_s | x_t, x_0) for s < t: N(a x_0 + b x_t, v I) as float64 (a, b, v), each of the shape of t."""
        kept = self.kept.to(t.device) if isinstance(t, Tensor) else self.kept
        kept_t, kept_s = kept[t], kept[s]
        step = kept_t / kept_s  # what one jump from s to t keeps: alpha_t where s = t - 1
        a = kept_s.sqrt() * (1 - step) / (1 - kept_t)
        b = step.sqrt() * (1 - kept_s) / (1 - kept_t)
        return a, b, (1 - kept_s) / (1 - kept_t) * (1 - step)


def linear(steps: int) -> Schedule:
    """beta rising linearly, 1e-4 to .02 at 1,000 steps, and scaled by 1000 / steps for other numbers."""
    scale = 1000 / steps
    betas = torch.linspace(1e-4 * scale, 0.02 * scale, steps, dtype=torch.float64, device="cpu")
    return _from_betas(betas.clamp(max=GREATEST_BETA))


def cosine(steps: int, offset: float = 0.008) -> Schedule:
    """alpha-bar_t = f(t) / f(0), f(t) = cos^2((t / T + s) / (1 + s) pi / 2), beta at most .999."""
    t = torch.arange(steps + 1, dtype=torch.float64, device="cpu") / steps
    f = torch.cos((t + offset) / (1 + offset) * (math.pi / 2)).square()
    return _from_betas((1 - f[1:] / f[:-1]).clamp(max=GREATEST_BETA))


def spaced_times(steps: int, count: int) -> list[int]:
    """`count` of the times 1 .. steps, evenly spaced, ascending, the last one `steps`."""
    return [round(steps * (i + 1) / count) for i in range(count)]


def _from_betas(betas: Tensor) -> Schedule:
    return Schedule(torch.cat([torch.zeros_like(betas[:1]), betas]))

"""From noise to data with any model that predicts the clean item: ancestral sampling, DDIM and its inversion.

Ho, Jain and Abbeel 2020, arXiv:2006.11239, algorithm 2; Song, Meng and Ermon 2021, arXiv:2010.02502, equation 12.

A model is a function `clean(x_t, t)` that estimates x_0 from x_t = signal[t] x_0 + noise[t] epsilon (see
`daedal.probability.schedules`); the noise it believes in, epsilon-hat, follows. `times` are ascending and end at
the time of the given x: `spaced_times(T, count)` for a start from pure noise. A schedule visited at few of its times
is again a schedule, so fewer steps need no other formula.

>>> from daedal.probability.schedules import linear, spaced_times
>>> schedule = linear(200)
>>> def clean(x_t, t):  # what there is to know about data that is always 3
...     return torch.full_like(x_t, 3.0)
>>> ddim(clean, torch.randn(2), schedule, spaced_times(200, 10)).tolist()
[3.0, 3.0]
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor

from daedal.probability.schedules import Schedule

Clean = Callable[[Tensor, int], Tensor]


def ancestral(
    clean: Clean,
    x: Tensor,
    schedule: Schedule,
    times: Sequence[int],
    *,
    variance: Literal["large", "small"] = "large",
    generator: torch.Generator | None = None,
) -> Tensor:
    """x_s ~ N(mean of q(x_s | x_t, x_0-hat), v), without noise in the last step.

    v is beta of the jump from s to t (`large`, right for data N(0, I)) or the variance of q(x_s | x_t, x_0)
    (`small`, right for data of one point).
    """
    for s, t in _down(times):
        a, b, v = schedule.posterior(t, s)
        if variance == "large":
            v = 1 - schedule.kept[t] / schedule.kept[s]
        x = float(a) * clean(x, t) + float(b) * x
        if s:
            x = x + float(v.sqrt()) * _normal(x, generator)
    return x


def ddim(
    clean: Clean,
    x: Tensor,
    schedule: Schedule,
    times: Sequence[int],
    *,
    eta: float = 0.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """x_s = signal_s x_0-hat + sqrt(noise_s^2 - v) epsilon-hat + sqrt(v) z, v = eta^2 times that of q(x_s | x_t, x_0).

    Deterministic at `eta` 0; ancestral sampling with the small variance at 1.
    """
    for s, t in _down(times):
        x_0 = clean(x, t)
        epsilon = (x - float(schedule.signal[t]) * x_0) / float(schedule.noise[t])
        v = eta**2 * schedule.posterior(t, s)[2]
        direction = (schedule.noise[s].square() - v).clamp(min=0).sqrt()
        x = float(schedule.signal[s]) * x_0 + float(direction) * epsilon
        if eta and s:
            x = x + float(v.sqrt()) * _normal(x, generator)
    return x


def invert_ddim(clean: Clean, x: Tensor, schedule: Schedule, times: Sequence[int]) -> Tensor:
    """The noise from which `ddim` with eta 0 makes (nearly) x: the same steps, upwards.

    Each step asks the model where it stands; at time 0, where there is no noise to estimate, it asks at the time
    it goes to, about the item without noise. The error falls as 1 / len(times).
    """
    for s, t in pairwise([0, *times]):
        grow = float(schedule.signal[t] / schedule.signal[s])
        asked, x_asked = (s, x) if s else (t, grow * x)
        epsilon = (x_asked - float(schedule.signal[asked]) * clean(x_asked, asked)) / float(schedule.noise[asked])
        x = grow * x + (float(schedule.noise[t]) - grow * float(schedule.noise[s])) * epsilon
    return x


def _down(times: Sequence[int]) -> list[tuple[int, int]]:
    """(s, t) of each step from times[-1] down to 0."""
    return list(pairwise([0, *times]))[::-1]


def _normal(x: Tensor, generator: torch.Generator | None) -> Tensor:
    return torch.randn(x.shape, generator=generator, dtype=x.dtype, device=x.device)

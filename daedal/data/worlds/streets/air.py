"""The light of a street: a stand-in, plain daylight."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from daedal.data.worlds.figure import ramp, vector
from daedal.data.worlds.scene import Light
from daedal.data.worlds.vectors import unit_vector


def air(values: Mapping[str, Tensor], lamps: Tensor, moment: Tensor | None = None) -> Light:
    """Sun, sky and lamps."""
    dark = night(values)
    zero, day = 0 * dark, 1 - dark
    sun = unit_vector(vector(zero + 0.5, 0.9, 0.35))
    lamp = dark[:, None, None] * lamps.new_tensor([0.9, 0.75, 0.5]).expand_as(lamps)
    return Light(
        sun=sun, sun_colour=day[:, None] * vector(zero + 0.85, 0.8, 0.72), sun_width=zero,
        sky=vector(0.02 + 0.32 * day, 0.025 + 0.36 * day, 0.05 + 0.40 * day),
        ground=vector(0.01 + 0.16 * day, 0.01 + 0.15 * day, 0.015 + 0.13 * day),
        lamp=lamps, lamp_colour=lamp, lamp_reach=torch.full_like(lamps[..., 0], 5.0),
        fog=zero + 0.003, fog_colour=vector(0.01 + 0.6 * day, 0.012 + 0.67 * day, 0.03 + 0.75 * day),
        low=vector(0.02 + 0.6 * day, 0.02 + 0.7 * day, 0.05 + 0.8 * day),
        high=vector(0.002 + 0.1 * day, 0.004 + 0.28 * day, 0.02 + 0.70 * day), studio=zero,
    )  # fmt: skip


def ground(values: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """How wet and how snowy things are, (n,) in [0, 1] each."""
    share = 0.4 + 0.6 * values["intensity"]
    wet = ((values["weather"] == 4) | (values["weather"] == 5)).to(share.dtype) * share
    return wet, (values["weather"] == 7).to(share.dtype) * share


def night(values: Mapping[str, Tensor]) -> Tensor:
    """How much artificial light is on: 0 by day to 1 at night, (n,)."""
    return ramp((values["hour"] - 12).abs(), 5.6, 6.7)

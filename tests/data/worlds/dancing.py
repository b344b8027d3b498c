"""Dancers for tests: some people, every dance, and where points are in pixels."""

from __future__ import annotations

import torch

from daedal.data.worlds.dancers import Dancers
from daedal.data.worlds.dancers.dances import DANCES
from daedal.data.worlds.dancers.skeleton import JOINTS
from daedal.data.worlds.render import project, to_pixels
from daedal.data.worlds.world import Values

WORLD = Dancers()
ALL = ("rgb", "depth", "stencil", "instance", "normal")
F64 = torch.float64
MIRRORED = [JOINTS.index(name.replace("right", "*").replace("left", "right").replace("*", "left")) for name in JOINTS]


def people(n: int, first: int = 0, **fixed: float) -> Values:
    """The first dancers of seed 0, with some factors fixed."""
    values = WORLD.draw(torch.arange(first, first + n))
    return {**values, **{name: torch.full_like(values[name], value) for name, value in fixed.items()}}


def exact(values: Values) -> Values:
    """In float64."""
    return {name: value.to(F64) if value.is_floating_point() else value for name, value in values.items()}


def every_dance(steps: int = 16) -> Values:
    """Dancers of different actors, `steps` moments of each dance, in float64."""
    values = exact(people(len(DANCES) * steps))
    dance = torch.arange(len(DANCES)).repeat_interleave(steps)
    return {**values, "dance": dance, "phase": torch.arange(steps, dtype=F64).repeat(len(DANCES)) / steps}


def distance(joints: torch.Tensor, one: str, other: str) -> torch.Tensor:
    return (joints[:, JOINTS.index(one)] - joints[:, JOINTS.index(other)]).norm(dim=1)


def pixels(values: Values, point: torch.Tensor, size: int, moment=None) -> tuple[torch.Tensor, torch.Tensor]:
    """Columns and rows (n, m) of points (n, m, 3)."""
    u, v, _ = project(WORLD.scene(values, moment).camera, point)
    return to_pixels(u, v, size, size)

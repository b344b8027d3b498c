"""Motion transfer: what it looks like when one dancer does what another does; and pose normalisation in pixels.

C. Chan, S. Ginosar, T. Zhou and A. A. Efros, Everybody Dance Now, ICCV 2019 (arXiv 1808.07371), section "Global pose
normalization". There the truth is unknown; here it is rendered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from daedal.data.worlds.dancers.skeleton import JOINTS
from daedal.data.worlds.figure import stacked
from daedal.data.worlds.world import Values

IDENTITY = ("actor", "skin", "hair_colour", "hair_style", "top", "trousers", "clothes")  # who it is
MOTION = ("dance", "tempo", "phase", "heading")  # what they do


def transferred(actor: Mapping[str, Tensor], motion: Mapping[str, Tensor]) -> Values:
    """The values of the one's actor, in the one's film, who does what the other one does: stills and clips alike."""
    return {**actor, **{name: motion[name] for name in MOTION}}


@dataclass(frozen=True)
class Film:
    """Where one dancer stands in one film, in pixels: rows of the ankles, and heights, of the nearest and farthest."""

    near_ankle: float  # row: larger, as nearer feet are lower in the picture
    far_ankle: float
    near_height: float
    far_height: float


def normalised(points: Tensor, source: Film, target: Film) -> Tensor:
    """Joints (n, 14, 2), column and row, of a dancer of one film as they would be in another.

    An ankle that is a share a of the way from the far to the near row goes to the same share of the other's way, and
    sizes about it are scaled by s = t_far / s_far + a (t_near / s_near - t_far / s_far) of the heights. Columns are
    scaled about the middle of the ankles.
    """
    ankles = points[:, [JOINTS.index("right_ankle"), JOINTS.index("left_ankle")]]
    column, row = ankles.mean(1).unbind(1)
    place = (row - source.far_ankle) / (source.near_ankle - source.far_ankle)
    far, near = target.far_height / source.far_height, target.near_height / source.near_height
    scale = (far + place * (near - far))[:, None]
    to = target.far_ankle + place * (target.near_ankle - target.far_ankle)
    x = column[:, None] + scale * (points[..., 0] - column[:, None])
    y = to[:, None] + scale * (points[..., 1] - row[:, None])
    return stacked(x, y)

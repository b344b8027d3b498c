"""The pose as a stick figure, which drives a picture: a flat colour a limb on black, as OpenPose draws it (2018)."""

from __future__ import annotations

from daedal.data.worlds.dancers.body import DANCER, SKIN
from daedal.data.worlds.dancers.skeleton import Pose
from daedal.data.worlds.figure import Figure
from daedal.data.worlds.scene import Builder, srgb
from daedal.data.worlds.vectors import rotation

THICK = 0.036  # metres: about a pixel of 32
LIMBS: dict[tuple[str, str], tuple[float, float, float]] = {  # from joint to joint: its colour, as a screen shows it
    ("neck", "head_top"): (1.0, 1.0, 1.0),
    ("neck", "right_shoulder"): (1.0, 0.0, 0.0),
    ("right_shoulder", "right_elbow"): (1.0, 0.33, 0.0),
    ("right_elbow", "right_wrist"): (1.0, 0.67, 0.0),
    ("neck", "left_shoulder"): (1.0, 1.0, 0.0),
    ("left_shoulder", "left_elbow"): (0.67, 1.0, 0.0),
    ("left_elbow", "left_wrist"): (0.33, 1.0, 0.0),
    ("neck", "right_hip"): (0.0, 1.0, 0.33),
    ("right_hip", "right_knee"): (0.0, 1.0, 0.67),
    ("right_knee", "right_ankle"): (0.0, 1.0, 1.0),
    ("neck", "left_hip"): (0.0, 0.33, 1.0),
    ("left_hip", "left_knee"): (0.33, 0.0, 1.0),
    ("left_knee", "left_ankle"): (0.80, 0.0, 1.0),
}


def add_rig(builder: Builder, pose: Pose) -> None:
    """Thin capsules between the joints."""
    zero = 0 * pose.middle[:, 0]
    figure = Figure(builder, rotation(zero, zero, zero), 0 * pose.middle)
    for (start, end), colour in LIMBS.items():
        one, other = (pose.joint(name)[:, None] for name in (start, end))
        figure.link(one, other, THICK, srgb(*colour), SKIN, instance=DANCER, shape=4.0)

"""The dancer's skeleton: limb lengths of an actor, and where the joints are, by forward kinematics.

Joints are the 14 of the Leeds Sports Pose data (Johnson and Everingham 2010), in its order. Left and right are the
dancer's own: who faces the viewer has the right hand at the picture's left. In the dancer's own frame x is to the
dancer's left, y up, z ahead; the floor is y = 0.

The lowest sole stands on the floor (or `lift` above it, in a jump), and the dancer stands where the feet are: the one
that is lower counts for more, so that the standing foot slides little.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from daedal.data.worlds.dancers.dances import LIMB_ANGLES, LIMB_NAMES, angles
from daedal.data.worlds.figure import row, vector
from daedal.data.worlds.textures import fraction
from daedal.data.worlds.vectors import apply, product, rotation

JOINTS = (
    "right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle",
    "right_wrist", "right_elbow", "right_shoulder", "left_shoulder", "left_elbow", "left_wrist",
    "neck", "head_top",
)  # fmt: skip
ACTOR = ("arm length", "leg length", "torso length", "shoulder width", "hip width", "head size", "build")
DEGREE = 3.14159265 / 180
SHRUG = 0.055  # metres from the neck down to the shoulders
ANKLE, SOLE = 0.080, 0.036  # height of the ankle over the sole; radius of the foot
HEEL, TOE = -0.040, 0.150  # where the foot's two ends are, ahead of the ankle
POINTED = 42.0  # degrees that a foot gives way to stay level


@dataclass(frozen=True)
class Measures:
    """Of n actors, (n, 1) metres each; `build` multiplies thicknesses."""

    upper_arm: Tensor
    forearm: Tensor
    thigh: Tensor
    shin: Tensor
    torso: Tensor  # middle of the hips to the neck
    shoulders: Tensor  # from one to the other
    hips: Tensor  # from one to the other
    head: Tensor  # neck to the head's top
    build: Tensor

    @property
    def height(self) -> Tensor:
        """Standing upright."""
        return ANKLE + self.shin + self.thigh + self.torso + self.head


def measures(values: Mapping[str, Tensor]) -> Measures:
    """What the factor `actor` says."""
    arm, leg, torso, shoulders, hips, head, build = values["actor"].split(1, 1)
    return Measures(
        upper_arm=0.290 * (1 + 0.14 * arm), forearm=0.260 * (1 + 0.14 * arm), thigh=0.430 * (1 + 0.14 * leg),
        shin=0.430 * (1 + 0.14 * leg), torso=0.490 * (1 + 0.12 * torso), shoulders=0.350 * (1 + 0.18 * shoulders),
        hips=0.190 * (1 + 0.25 * hips), head=0.300 * (1 + 0.14 * head), build=1 + 0.32 * build,
    )  # fmt: skip


@dataclass(frozen=True)
class Pose:
    """Joints and body frames of n dancers in the world. Limbs are right leg, left leg, right arm, left arm.

    A frame's columns are the part's own axes; a limb's own y points from its end to its beginning.
    """

    joints: Tensor  # (n, 14, 3) in the order of JOINTS
    middle: Tensor  # (n, 3) of the hips
    pelvis: Tensor  # (n, 3, 3)
    chest: Tensor  # (n, 3, 3)
    head: Tensor  # (n, 3, 3)
    upper: Tensor  # (n, 4, 3, 3) thighs and upper arms
    lower: Tensor  # (n, 4, 3, 3) shins and forearms
    foot: Tensor  # (n, 2, 3, 3)

    def joint(self, name: str) -> Tensor:
        """(n, 3)."""
        return self.joints[:, JOINTS.index(name)]

    def soles(self) -> Tensor:
        """Height (n, 2) of the lowest point of the right and the left foot."""
        ankles = self.joints[:, [JOINTS.index("right_ankle"), JOINTS.index("left_ankle")]]
        return _soles(ankles, self.foot)


def cycle(values: Mapping[str, Tensor], moment: Tensor | None = None) -> Tensor:
    """The place in the dance (n,), in [0, 1): phase + tempo * moment, of which the whole number does not count."""
    place = values["phase"] if moment is None else values["phase"] + values["tempo"] * moment
    return fraction(place)


def pose(values: Mapping[str, Tensor], moment: Tensor | None = None) -> Pose:
    """The pose of the dancers; of a clip at `moment` (n,) seconds."""
    size, angle = measures(values), angles(values["dance"], cycle(values, moment))
    zero = 0 * angle["turn"]
    turned = rotation(DEGREE * (values["heading"] + angle["turn"]), zero, zero)
    pelvis = product(turned, _trunk(angle, "pelvis"))
    chest = product(pelvis, _trunk(angle, "chest"))
    head = product(chest, _trunk(angle, "head"))
    upper, lower, foot = _limbs(angle, pelvis, chest)
    joints = _joints(size, pelvis, chest, head, upper, lower)
    shift = _standing(size, joints, foot, turned, angle["lift"])
    return Pose(joints + shift[:, None], shift, pelvis, chest, head, upper, lower, foot)


def _trunk(angle: Mapping[str, Tensor], part: str) -> Tensor:
    """Yaw to the left, pitch back, roll to the right, as the dancer feels them."""
    yaw, pitch, roll = (DEGREE * angle[f"{part}_{way}"] for way in ("yaw", "pitch", "roll"))
    return rotation(yaw, -pitch, roll)


def _limbs(angle: Mapping[str, Tensor], pelvis: Tensor, chest: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Frames of upper and lower limbs (n, 4, 3, 3) and of feet (n, 2, 3, 3)."""
    flex, abduct, twist, bend = (
        torch.stack([angle[f"{limb}_{name}"] for limb in LIMB_NAMES], 1) for name in LIMB_ANGLES
    )
    side, zero = row(flex, -1, 1, -1, 1), 0 * flex
    parent = torch.stack([pelvis, pelvis, chest, chest], 1)
    out = rotation(zero, zero, DEGREE * side * abduct)
    # rotation(0, -flex, 0) after the twist about the limb's own axis
    swing = product(rotation(zero, -DEGREE * flex, zero), rotation(DEGREE * side * twist, zero, zero))
    upper = product(parent, product(out, swing))
    lower = product(upper, rotation(zero, DEGREE * bend * row(flex, 1, 1, -1, -1), zero))
    level = (flex - bend)[:, :2].clamp(-POINTED, POINTED)
    foot = product(lower[:, :2], rotation(zero[:, :2], DEGREE * level, zero[:, :2]))
    return upper, lower, foot


def _joints(size: Measures, pelvis: Tensor, chest: Tensor, head: Tensor, upper: Tensor, lower: Tensor) -> Tensor:
    """(n, 14, 3) with the middle of the hips at 0."""
    sides = row(size.hips, -1, 1)
    hips = apply(pelvis[:, None], vector(sides * size.hips / 2, 0.0, 0.0))
    shoulders = apply(chest[:, None], vector(sides * size.shoulders / 2, size.torso - SHRUG, 0.0))
    neck = apply(chest, vector(0.0, size.torso, 0.0)[:, 0])
    top = neck + apply(head, vector(0.0, size.head, 0.0)[:, 0])
    start = torch.cat([hips, shoulders], 1)
    long = torch.cat([size.thigh, size.thigh, size.upper_arm, size.upper_arm], 1)
    bent = start - upper[..., 1] * long[..., None]
    long = torch.cat([size.shin, size.shin, size.forearm, size.forearm], 1)
    end = bent - lower[..., 1] * long[..., None]
    right, left = [end[:, 0], bent[:, 0], start[:, 0]], [start[:, 1], bent[:, 1], end[:, 1]]
    right_arm, left_arm = [end[:, 2], bent[:, 2], start[:, 2]], [start[:, 3], bent[:, 3], end[:, 3]]
    return torch.stack([*right, *left, *right_arm, *left_arm, neck, top], 1)


def foot_ends(ankles: Tensor, foot: Tensor) -> tuple[Tensor, Tensor]:
    """Centres (n, 2, 3) of the balls at heel and toe."""
    under = ankles - foot[..., 1] * (ANKLE - SOLE)
    return under + foot[..., 2] * HEEL, under + foot[..., 2] * TOE


def _soles(ankles: Tensor, foot: Tensor) -> Tensor:
    heel, toe = foot_ends(ankles, foot)
    return torch.minimum(heel[..., 1], toe[..., 1]) - SOLE


def _standing(size: Measures, joints: Tensor, foot: Tensor, turned: Tensor, lift: Tensor) -> Tensor:
    """(n, 3): what is added to all joints."""
    ankles = joints[:, [JOINTS.index("right_ankle"), JOINTS.index("left_ankle")]]
    soles = _soles(ankles, foot)
    lowest = torch.minimum(soles[:, 0], soles[:, 1])
    near = 1 / (0.04 + soles - lowest[:, None])
    weight = near[:, 0] / (near[:, 0] + near[:, 1])
    place = apply(turned[:, None], vector(row(size.hips, -1, 1) * (size.hips / 2 + 0.02), 0.0, 0.0))
    away = place - ankles
    shift = weight[:, None] * away[:, 0] + (1 - weight)[:, None] * away[:, 1]
    return vector(shift[:, 0], lift - lowest, shift[:, 2])

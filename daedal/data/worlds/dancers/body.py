"""A dancer's body of capsules and ellipsoids, which turn with the frames of the skeleton: limbs, torso, head and hair.

Limbs are capsules whose axis runs from joint to joint.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from daedal.data.worlds.dancers.clothes import HAIR_STYLES, Wardrobe
from daedal.data.worlds.dancers.skeleton import SHRUG, SOLE, Measures, Pose, foot_ends
from daedal.data.worlds.figure import stacked
from daedal.data.worlds.scene import CAPSULE, CONE, ELLIPSOID, Builder
from daedal.data.worlds.vectors import apply, columns, cross, dot, length, unit_vector

CLASSES = ("backdrop", "floor", "skin", "hair", "face", "top", "trousers", "shoes")
BACKDROP, FLOOR, SKIN, HAIR, FACE, TOP, TROUSERS, SHOES = range(len(CLASSES))
DANCER = 1  # the instance
DARK, LIPS = (0.015, 0.012, 0.012), (0.42, 0.06, 0.06)
FABRIC = 0.62  # of a colour, in a texture's darker part


class Body:
    """Adds parts of n dancers to a builder. Numbers are (n,) or floats."""

    def __init__(self, builder: Builder, size: Measures, pose: Pose, worn: Wardrobe):
        self.builder, self.size, self.pose, self.worn = builder, size, pose, worn
        self.build = size.build[:, 0]

    def capsule(self, start: Tensor, end: Tensor, frame: Tensor, radius: Any, colour: Any, stencil: Any, **more: Any):
        """From point to point (n, 3), which lie along the frame's y."""
        radius = radius + 0 * self.build
        half = length(start - end) / 2 / radius
        axes = frame * radius[:, None, None]
        self.builder.add(
            CAPSULE, (start + end) / 2, axes, colour=colour, stencil=stencil, instance=DANCER, shape=half, **more
        )

    def ellipsoid(self, origin: Tensor, frame: Tensor, place: Any, half: Any, colour: Any, stencil: Any, **more: Any):
        """At a place of a frame whose origin is a point (n, 3), with half sizes along the frame's axes."""
        at, size = self.builder.vector(place), self.builder.vector(half)
        centre = origin + apply(frame, at)
        axes = frame * size[:, None]
        self.builder.add(ELLIPSOID, centre, axes, colour=colour, stencil=stencil, instance=DANCER, **more)

    def point(self, frame: Tensor, origin: Tensor, x: Any, y: Any, z: Any) -> Tensor:
        """A point (n, 3) of a frame in the world."""
        return origin + apply(frame, self.builder.vector((x, y, z)))


def add_body(body: Body, values: Mapping[str, Tensor]) -> None:
    """All of it."""
    add_legs(body)
    add_torso(body)
    add_arms(body)
    add_skirt(body)
    add_head(body, values["hair_style"])


def add_legs(body: Body) -> None:
    """Thighs, shins and shoes; shorts end above the knee."""
    pose, worn = body.pose, body.worn
    thigh = worn.either(worn.skirt, worn.skin, worn.trousers)
    shin = worn.either(worn.bare, worn.skin, worn.trousers)
    cloth_thigh, cloth_shin = torch.where(worn.skirt, SKIN, TROUSERS), torch.where(worn.bare, SKIN, TROUSERS)
    ankles = torch.stack([pose.joint("right_ankle"), pose.joint("left_ankle")], 1)
    heels, toes = foot_ends(ankles, pose.foot)
    for k, side in enumerate(("right", "left")):
        hip, knee, ankle = (pose.joint(f"{side}_{name}") for name in ("hip", "knee", "ankle"))
        body.capsule(hip, knee, pose.upper[:, k], 0.072 * body.build + 0.010, thigh, cloth_thigh)
        body.capsule(knee, ankle, pose.lower[:, k], 0.052 * body.build + 0.008, shin, cloth_shin)
        along = pose.foot[:, k].roll(-1, 2)  # the foot's z as y
        body.capsule(heels[:, k], toes[:, k], along, SOLE, worn.shoe, SHOES)


def add_torso(body: Body) -> None:
    """Hips, waist, chest and the line of the shoulders; the top is striped across."""
    pose, worn, size, build = body.pose, body.worn, body.size, body.build
    tall, wide, hips = size.torso[:, 0], size.shoulders[:, 0], size.hips[:, 0]
    lower = (hips / 2 + 0.052 * build + 0.014, 0.105, 0.088 * build + 0.022)
    body.ellipsoid(pose.middle, pose.pelvis, (0.0, 0.020, 0.0), lower, worn.trousers, TROUSERS)
    look = {"second": worn.top * FABRIC, "texture": "stripes", "scale": (0.0, 1.6, 0.0)}
    waist = (wide * 0.22 + 0.058 * build, tall * 0.40, 0.078 * build + 0.022)
    body.ellipsoid(pose.middle, pose.chest, (0.0, tall * 0.40, 0.0), waist, worn.top, TOP, **look)
    chest = (wide * 0.46, tall * 0.30, 0.088 * build + 0.026)
    body.ellipsoid(pose.middle, pose.chest, (0.0, tall * 0.68, 0.0), chest, worn.top, TOP, **look)
    sideways = torch.stack([pose.chest[..., 1], pose.chest[..., 0], -pose.chest[..., 2]], 2)
    right, left = pose.joint("right_shoulder"), pose.joint("left_shoulder")
    body.capsule(right, left, sideways, 0.048 * build + 0.014, worn.top, TOP)
    neck = body.point(pose.chest, pose.middle, 0.0, tall - SHRUG, 0.0)
    body.capsule(neck, pose.joint("neck"), pose.chest, 0.038 * build + 0.016, worn.skin, SKIN)


def add_arms(body: Body) -> None:
    """Sleeves to the elbow, or of a jacket to the wrist; hands."""
    pose, worn, build = body.pose, body.worn, body.build
    fore, cloth = worn.either(worn.jacket, worn.top, worn.skin), torch.where(worn.jacket, TOP, SKIN)
    for k, side in enumerate(("right", "left")):
        shoulder, elbow, wrist = (pose.joint(f"{side}_{name}") for name in ("shoulder", "elbow", "wrist"))
        lower = pose.lower[:, 2 + k]
        body.capsule(shoulder, elbow, pose.upper[:, 2 + k], 0.044 * build + 0.010, worn.top, TOP)
        body.capsule(elbow, wrist, lower, 0.034 * build + 0.010, fore, cloth)
        body.ellipsoid(wrist, lower, (0.0, -0.055, 0.0), (0.040, 0.075, 0.034), worn.skin, SKIN)


def add_skirt(body: Body) -> None:
    """From the waist to above the knees, as wide as they are apart."""
    pose, worn = body.pose, body.worn
    knees = pose.joint("right_knee"), pose.joint("left_knee")
    top = body.point(pose.pelvis, pose.middle, 0.0, 0.115, 0.0)
    hem = pose.middle + 0.78 * ((knees[0] + knees[1]) / 2 - pose.middle)
    up = unit_vector(top - hem)
    across = pose.pelvis[..., 0]
    across = unit_vector(across - up * dot(columns(across), columns(up))[:, None])
    apart = 0.39 * length(knees[0] - knees[1]) + 0.082 * body.build + 0.05
    waist = body.size.hips[:, 0] / 2 + 0.050 * body.build + 0.010
    deep = 0.7 * apart + 0.045
    axes = stacked(across * apart[:, None], up * (length(top - hem) / 2)[:, None], cross(across, up) * deep[:, None])
    body.builder.add(
        CONE, (top + hem) / 2, axes, colour=worn.trousers, stencil=TROUSERS, instance=DANCER, shape=waist / apart,
        second=worn.trousers * FABRIC, texture="stripes", scale=(3.0, 0.0, 3.0), where=worn.skirt,
    )  # fmt: skip


def add_head(body: Body, style: Tensor) -> None:
    """The head with eyes, nose and mouth, and hair: a cap, and what the style adds."""
    pose, worn, neck = body.pose, body.worn, body.pose.joint("neck")
    high = body.size.head[:, 0]
    wide, half, deep = 0.325 * high, 0.43 * high, 0.375 * high

    def at(x: Any, y: Any, z: Any) -> tuple[Any, Any, Any]:
        """In the head's half sizes, from its middle."""
        return wide * x, high - half + half * y, deep * z

    def add(place: Any, size: Any, colour: Any, stencil: Any, **more: Any) -> None:
        x, y, z = size
        body.ellipsoid(neck, pose.head, at(*place), (wide * x, half * y, deep * z), colour, stencil, **more)

    add((0, 0, 0), (1, 1, 1), worn.skin, SKIN)
    for side in (-1.0, 1.0):
        add((0.42 * side, 0.10, 0.84), (0.17, 0.13, 0.16), DARK, FACE)
    add((0, -0.14, 1.0), (0.15, 0.15, 0.20), worn.skin * 0.9, SKIN)
    add((0, -0.48, 0.82), (0.36, 0.085, 0.14), LIPS, FACE)
    hair, named = worn.hair, {name: style == k for k, name in enumerate(HAIR_STYLES)}
    # A plane through the shell leaves the face free, and ends low on the neck
    add((0, 0.06, -0.05), (1.13, 1.08, 1.12), hair, HAIR, clips=[(0.0, -0.62, 0.85, 0.20)])
    long = named["long"]
    add((0, -0.75, -0.72), (1.12, 1.30, 0.52), hair, HAIR, where=long)
    add((0, -0.55, -1.55), (0.38, 1.15, 0.40), hair, HAIR, where=named["ponytail"])
    add((0, 1.12, -0.45), (0.55, 0.46, 0.58), hair, HAIR, where=named["bun"])
    add((0, 0.42, -0.55), (1.70, 1.26, 1.35), hair, HAIR, where=named["afro"])

"""The dancers' skeleton: exact limbs, steps that stand on the floor, dances that are periodic and smooth."""

from __future__ import annotations

import math

import pytest
import torch

from daedal.data.worlds.dancers.dances import ALTERNATE, CHANNELS, DANCES, TABLE, angles
from daedal.data.worlds.dancers.skeleton import measures, pose
from daedal.data.worlds.scene import CAPSULE
from tests.data.worlds.dancing import F64, MIRRORED, WORLD, distance, every_dance, exact, people


def test_limbs_have_the_actors_lengths_in_every_pose_of_every_dance():
    values = every_dance()
    size, joints = measures(values), pose(values, 3.7 + values["phase"]).joints
    for side in ("right", "left"):
        limbs = {"ankle knee": size.shin, "knee hip": size.thigh, "wrist elbow": size.forearm}
        for names, long in {**limbs, "elbow shoulder": size.upper_arm}.items():
            found = distance(joints, *(f"{side}_{name}" for name in names.split()))
            torch.testing.assert_close(found, long[:, 0], atol=1e-12, rtol=0)
    for one, other, long in (
        ("right_hip", "left_hip", size.hips),
        ("right_shoulder", "left_shoulder", size.shoulders),
        ("neck", "head_top", size.head),
    ):
        torch.testing.assert_close(distance(joints, one, other), long[:, 0], atol=1e-12, rtol=0)
    middle = (joints[:, 2] + joints[:, 3]) / 2
    torch.testing.assert_close((joints[:, 12] - middle).norm(dim=1), size.torso[:, 0], atol=1e-12, rtol=0)


def test_a_dance_is_periodic():
    values = every_dance()
    period = 1 / values["tempo"]
    once, again = (pose(values, k * period).joints for k in (0.3, 3.3))
    torch.testing.assert_close(once, again, atol=1e-11, rtol=0)
    zero, one = ({**values, "phase": 0 * values["phase"] + k} for k in (0.0, 1.0))
    assert torch.equal(pose(zero).joints, pose(one).joints)


def test_a_clip_is_the_dance_at_its_tempo():
    values, moment = every_dance(), torch.full((16 * len(DANCES),), 0.37, dtype=F64)
    later = {**values, "phase": (values["phase"] + values["tempo"] * moment) % 1}
    torch.testing.assert_close(pose(values, moment).joints, pose(later).joints, atol=1e-11, rtol=0)
    torch.testing.assert_close(pose(values, 0 * moment).joints, pose(values).joints, atol=0, rtol=0)


def test_angles_are_the_series_and_as_smooth_as_they_are():
    """|d/dcycle of a + sum of b cos k theta + c sin k theta| <= 2 pi sum of k |(b, c)|."""
    cycle = torch.linspace(0, 1, 257, dtype=F64)
    for number in range(len(DANCES)):
        found = angles(torch.full((257,), number), cycle)
        track = torch.stack([found[name] for name in CHANNELS], 1)
        k = torch.arange(1, 4, dtype=F64)
        bound = 2 * math.pi * (TABLE[number, :, 1:].unflatten(1, (3, 2)).norm(dim=2) * k).sum(1) / 256
        assert (track.diff(dim=0).abs() <= bound + 1e-9).all()
        assert (track[0] - track[-1]).abs().max() < 1e-9
        assert track.diff(dim=0).abs().amax() > 0.3  # degrees: it moves


def test_joints_move_without_a_jump():
    """No joint faster than 14 m in a cycle: halving the step halves the longest way."""
    for number in range(len(DANCES)):
        longest = []
        for steps in (200, 400):
            values = {name: value.repeat(steps, *[1] * (value.ndim - 1)) for name, value in exact(people(1)).items()}
            values |= {"dance": torch.full((steps,), number), "phase": torch.arange(steps, dtype=F64) / steps}
            joints = pose(values).joints
            longest.append(float((joints.roll(-1, 0) - joints).norm(dim=2).max()))
        assert 0.005 < longest[0] < 14 / 200
        assert longest[1] < 0.6 * longest[0]


def test_the_lowest_sole_is_on_the_floor_but_in_jumps():
    values = every_dance(32)
    soles = pose(values).soles().amin(1)
    lift = angles(values["dance"], values["phase"])["lift"]
    torch.testing.assert_close(soles, lift, atol=1e-12, rtol=0)
    assert lift.min() > -1e-12
    names = [list(DANCES)[k] for k in values["dance"][lift > 0.01].unique().tolist()]
    assert names == ["jumping jack", "kick"]


def test_no_body_of_the_dancer_sinks_into_the_floor():
    scene = WORLD.scene(every_dance(32))
    bodies = scene.bodies
    feet = (bodies.stencil == WORLD.stencil.index("shoes")) & (bodies.kind == CAPSULE)
    half = bodies.shape[..., None] * bodies.axes[..., 1]
    radius = bodies.axes[..., 0].norm(dim=-1)
    low = (bodies.origin[..., 1] - half[..., 1].abs() - radius)[feet].view(len(scene), 2).amin(1)
    lift = angles(every_dance(32)["dance"], every_dance(32)["phase"])["lift"]
    torch.testing.assert_close(low, lift, atol=1e-9, rtol=0)


def test_a_jumping_jack_is_symmetric():
    values = exact(people(16, heading=0, dance=list(DANCES).index("jumping jack")))
    joints = pose(values).joints
    torch.testing.assert_close(joints[:, MIRRORED] * torch.tensor([-1.0, 1, 1], dtype=F64), joints, atol=1e-12, rtol=0)


@pytest.mark.parametrize("name", ALTERNATE)
def test_half_a_cycle_later_the_pose_is_mirrored(name):
    values = every_dance()
    values = {**values, "dance": 0 * values["dance"] + list(DANCES).index(name), "heading": 0 * values["heading"]}
    joints = pose(values).joints
    later = pose({**values, "phase": (values["phase"] + 0.5) % 1}).joints
    mirrored = joints[:, MIRRORED] * torch.tensor([-1.0, 1, 1], dtype=F64)
    torch.testing.assert_close(later, mirrored, atol=1e-11, rtol=0)


def test_right_is_the_dancers_own_and_heading_turns_to_the_pictures_right():
    still = people(64, heading=0, dance=list(DANCES).index("jumping jack"))
    right, left = (WORLD.points(still)[f"{side}_hip"] for side in ("right", "left"))
    assert (right[:, 0] < left[:, 0]).all()  # who faces the viewer has the right side at the picture's left
    turned = {**still, "heading": still["heading"] + 90}
    right, left = (WORLD.points(turned)[f"{side}_hip"] for side in ("right", "left"))
    assert (right[:, 2] > left[:, 2]).all()  # facing the picture's right, the right side is nearer

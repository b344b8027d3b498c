"""The drive: what the camera does, and where it therefore is. Forward is towards -z."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from daedal.data.worlds.figure import vector
from daedal.data.worlds.scene import Camera

ACTIONS = ("forward", "left", "right", "stay")
STEPS, STEP = 40, 0.25  # of the drive, and the seconds of each: an action lasts one step
LONGEST = STEPS * STEP  # seconds
SPEED, TURN = 8.0, 24.0  # metres and degrees a second
LANE = 1.9  # metres to the right of the road's middle
FOCAL = 1.8  # half-heights of the picture: 58 degrees from its lower to its upper border
DEGREE = 0.017453292519943295


def action(values: Mapping[str, Tensor], moment: Tensor) -> Tensor:
    """Which action is being done, int64 (n,); after the drive, its last one."""
    step = (moment / STEP).floor().to(torch.int64).clamp(0, STEPS - 1)
    return values["actions"].gather(1, step[:, None])[:, 0]


def pose(values: Mapping[str, Tensor], time: Tensor) -> tuple[Tensor, Tensor]:
    """The camera's z in metres and how far its view has turned to the right in degrees, (n,) each: the exact sums."""
    done = [torch.zeros_like(time) for _ in ACTIONS]  # seconds
    for k in range(STEPS):  # one after the other, so that they are added in one order
        spent = (time - k * STEP).clamp(0, STEP)
        for which, seconds in enumerate(done):
            seconds += spent * (values["actions"][:, k] == which).to(time.dtype)
    forward, left, right, _ = done
    return -SPEED * forward, TURN * (right - left)


def camera(values: Mapping[str, Tensor], time: Tensor) -> Camera:
    """On our lane, turned by the pan and the turns, and tilted."""
    z, turn = pose(values, time)
    across, up = DEGREE * (values["pan"] + turn), DEGREE * values["tilt"]
    (sa, ca), (su, cu) = ((angle.sin(), angle.cos()) for angle in (across, up))
    rows = (vector(ca, 0 * ca, sa), vector(-sa * su, cu, ca * su), vector(sa * cu, su, -ca * cu))
    position = vector(torch.full_like(z, LANE), values["height"], z)
    return Camera(position, torch.stack(rows, 1), torch.full_like(z, FOCAL))

"""The dances: every joint angle is a short Fourier series of the place in the dance, so exact, smooth and periodic.

An angle is mean + sum over k of amplitude cos(k theta + shift), with theta one turn a cycle of the dance. Arms and legs
have four angles each, in degrees, from hanging straight down:

- `flex`: forwards, about the axis from side to side;
- `abduct`: then away from the body, about the axis from back to front: 90 is sideways, 180 up;
- `twist`: first of all, about the limb's own axis, outwards;
- `bend`: of the elbow (the forearm goes forwards, or where twist turns it to) or the knee (the shin goes back).

A dance of ALTERNATE does on the left what it did on the right half a cycle before, so that the pose half a cycle later
is the mirrored one.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import cos, pi, sin

import torch
from torch import Tensor

TURN = 2 * pi
HARMONICS = 3
LIMB_ANGLES = ("flex", "abduct", "twist", "bend")
LIMB_NAMES = ("right_leg", "left_leg", "right_arm", "left_arm")
TRUNK = tuple(f"{part}_{way}" for part in ("pelvis", "chest", "head") for way in ("yaw", "pitch", "roll"))
CHANNELS = (*(f"{limb}_{angle}" for limb in LIMB_NAMES for angle in LIMB_ANGLES), *TRUNK, "lift")

Term = tuple[float, int, float]  # amplitude, harmonic, shift in degrees
Series = tuple[float, tuple[Term, ...]]
Moves = dict[str, Series]


def wave(mean: float, *terms: Term) -> Series:
    """mean + amplitude cos(k theta + shift) for each (amplitude, k, shift)."""
    return mean, terms


def later(series: Series) -> Series:
    """The same half a cycle later."""
    mean, terms = series
    return mean, tuple((amplitude, k, shift + 180 * k) for amplitude, k, shift in terms)


def both(limb: str, **angles: Series) -> Moves:
    """The same on both sides."""
    return {f"{side}_{limb}_{name}": series for side in ("right", "left") for name, series in angles.items()}


def alternating(limb: str, **angles: Series) -> Moves:
    """On the left half a cycle after the right."""
    right = {f"right_{limb}_{name}": series for name, series in angles.items()}
    return right | {f"left_{limb}_{name}": later(series) for name, series in angles.items()}


def one(side: str, limb: str, **angles: Series) -> Moves:
    """On one side."""
    return {f"{side}_{limb}_{name}": series for name, series in angles.items()}


def _square(amplitude: float, shift: float = 0.0) -> tuple[Term, Term]:
    """A cosine that stays longer at its ends, as a machine does."""
    return (1.12 * amplitude, 1, shift), (-0.2 * amplitude, 3, 3 * shift)


WALTZ = {
    **alternating(
        "leg",
        flex=wave(10, (16, 1, -90), (-9, 1, 0)),
        abduct=wave(7, (9, 1, 0)),
        bend=wave(20, (-18, 1, 0)),
        twist=wave(12),
    ),
    **alternating(
        "arm", flex=wave(24), abduct=wave(72, (20, 1, 20)), twist=wave(30), bend=wave(32, (12, 1, -40))
    ),
    "pelvis_roll": wave(0, (5, 1, 180)), "pelvis_yaw": wave(0, (16, 1, -90)), "chest_roll": wave(0, (13, 1, 0)),
    "chest_yaw": wave(0, (14, 1, -90)), "head_yaw": wave(0, (22, 1, 0)), "head_roll": wave(0, (9, 1, 0)),
}  # fmt: skip
JACK = {
    **both("leg", flex=wave(6, (6, 2, 0)), abduct=wave(14, (-12, 1, 0)), bend=wave(12, (12, 2, 0))),
    **both("arm", flex=wave(6), abduct=wave(88, (-70, 1, 0)), twist=wave(40), bend=wave(16, (-6, 1, 0))),
    "lift": wave(0.055, (-0.055, 2, 0)),
}
TWIST = {
    **alternating("leg", flex=wave(28, (10, 1, 0)), abduct=wave(9), bend=wave(48, (10, 2, 0)), twist=wave(8)),
    **alternating("arm", flex=wave(20, (38, 1, 180)), abduct=wave(30), bend=wave(85, (12, 1, 0)), twist=wave(-10)),
    "pelvis_yaw": wave(0, (38, 1, 0)), "chest_yaw": wave(0, (66, 1, 180)), "chest_pitch": wave(-12),
    "chest_roll": wave(0, (8, 1, 90)), "head_yaw": wave(0, (20, 1, 0)),
}  # fmt: skip
WAVE = {
    **alternating("leg", flex=wave(8, (6, 2, 0)), abduct=wave(9, (7, 1, 90)), bend=wave(16, (12, 2, 0)), twist=wave(9)),
    **alternating("arm", abduct=wave(92, (36, 1, 0)), twist=wave(90), bend=wave(38, (38, 1, -80)), flex=wave(6)),
    "chest_roll": wave(0, (12, 1, 30)), "pelvis_roll": wave(0, (7, 1, -130)), "head_roll": wave(0, (14, 1, 60)),
}  # fmt: skip
ROBOT = {
    **alternating("leg", flex=wave(12, *_square(14)), abduct=wave(5), bend=wave(24, *_square(20))),
    **alternating("arm", abduct=wave(82), twist=wave(0, *_square(88)), bend=wave(90), flex=wave(0)),
    "head_yaw": wave(0, *_square(34, 60)), "chest_yaw": wave(0, *_square(20, 30)), "chest_roll": wave(0, *_square(7)),
}  # fmt: skip
SPIN = {
    **one("left", "leg", flex=wave(2), abduct=wave(-5), bend=wave(4)),
    **one("right", "leg", flex=wave(58), abduct=wave(34), twist=wave(30), bend=wave(108, (8, 1, 0))),
    **one("right", "arm", abduct=wave(150, (16, 1, 0)), flex=wave(8), twist=wave(-60), bend=wave(42)),
    **one("left", "arm", abduct=wave(84, (22, 1, 0)), flex=wave(22), twist=wave(40), bend=wave(28)),
    "head_yaw": wave(0, (24, 1, 90)), "chest_roll": wave(-4),
}  # fmt: skip
KICK = {
    **alternating("leg", flex=wave(27, (46, 1, 0), (17, 2, 0)), abduct=wave(5), bend=wave(20, (-18, 2, 0))),
    **alternating("arm", flex=wave(0, (34, 1, 180)), abduct=wave(58), bend=wave(22), twist=wave(20)),
    "lift": wave(0.02, (-0.02, 2, 0)), "chest_pitch": wave(9, (5, 2, 0)), "chest_yaw": wave(0, (16, 1, 180)),
}  # fmt: skip
DISCO = {
    **alternating("leg", flex=wave(12, (10, 1, 0)), abduct=wave(14, (4, 1, 0)), bend=wave(20, (20, 1, 0))),
    **both("leg", twist=wave(16)),
    **one("right", "arm", abduct=wave(84, (64, 1, 0)), flex=wave(12, (-30, 1, 0)), twist=wave(0), bend=wave(10)),
    **one("left", "arm", abduct=wave(50, (6, 1, 0)), flex=wave(-12), twist=wave(-62), bend=wave(98)),
    "pelvis_roll": wave(0, (9, 1, 180)), "chest_roll": wave(0, (12, 1, 0)), "chest_yaw": wave(0, (10, 1, 0)),
    "head_yaw": wave(-8, (-26, 1, 0)), "head_pitch": wave(0, (12, 1, 0)),
}  # fmt: skip

DANCES: Mapping[str, Moves] = {
    "waltz": WALTZ, "jumping jack": JACK, "twist": TWIST, "wave": WAVE, "robot": ROBOT, "spin": SPIN, "kick": KICK,
    "disco": DISCO,
}  # fmt: skip
TURNS = {"spin": 1.0}  # whole turns of the dancer in a cycle
ALTERNATE = ("waltz", "twist", "wave", "robot", "kick")


def coefficients() -> Tensor:
    """(dances, channels, 1 + 2 HARMONICS): of 1, cos theta, sin theta, cos 2 theta ...; degrees, but `lift` metres."""
    table = torch.zeros(len(DANCES), len(CHANNELS), 1 + 2 * HARMONICS, dtype=torch.float64)
    for row, moves in zip(table, DANCES.values(), strict=True):
        for name, (mean, terms) in moves.items():
            series = row[CHANNELS.index(name)]
            series[0] += mean
            for amplitude, k, shift in terms:
                series[2 * k - 1] += amplitude * cos(shift * pi / 180)
                series[2 * k] -= amplitude * sin(shift * pi / 180)
    return table


TABLE = coefficients()
TURN_TABLE = torch.tensor([TURNS.get(name, 0.0) for name in DANCES], dtype=torch.float64)


def angles(dance: Tensor, cycle: Tensor) -> dict[str, Tensor]:
    """The channels (n,) at `cycle` (n,), the place in the dance in turns; and `turn`, degrees that all is turned."""
    table, theta = TABLE.to(cycle)[dance], TURN * cycle
    value = table[..., 0]
    for k in range(1, HARMONICS + 1):
        value = value + table[..., 2 * k - 1] * (k * theta).cos()[:, None]
        value = value + table[..., 2 * k] * (k * theta).sin()[:, None]
    return {**dict(zip(CHANNELS, value.unbind(1), strict=True)), "turn": 360 * TURN_TABLE.to(cycle)[dance] * cycle}

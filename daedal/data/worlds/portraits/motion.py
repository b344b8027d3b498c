"""How a portrait moves in a clip: the head turns slowly, the mouth talks, the eyes blink; it begins with the still."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from daedal.data.worlds.textures import fraction
from daedal.data.worlds.world import Values

TURN = 2 * 3.14159265


def moved(values: Mapping[str, Tensor], moment: Tensor | None) -> Values:
    """The values at `moment` (n,) seconds, smooth in time. Everybody moves in an own way, which identity determines."""
    if moment is None:
        return dict(values)
    own = [_own(values, k) for k in range(4)]
    yaw = values["yaw"] + 9 * _sway(moment, 0.24 + 0.12 * own[0], own[1])
    pitch = values["pitch"] + 4 * _sway(moment, 0.37 + 0.15 * own[1], own[2])
    roll = values["roll"] + 3 * _sway(moment, 0.29 + 0.10 * own[2], own[3])
    talk = (0.5 - 0.5 * (TURN * (1.7 + 0.6 * own[3]) * moment).cos()) * (0.7 + 0.3 * _sway(moment, 0.6, own[0]) / 2)
    still = values["mouth_open"]
    goal = 0.85 - 0.80 * (still > 0.5).to(still.dtype)
    nod = (TURN * (moment / 2.9 + 0.15 + 0.5 * own[0])).cos()  # of which the tops are blinks
    blink = ((nod - 0.93) / 0.07).clamp(min=0)
    mouth = still + talk * (goal - still)
    return {
        **values,
        "yaw": yaw,
        "pitch": pitch,
        "roll": roll,
        "mouth_open": mouth,
        "blink": blink * blink * (3 - 2 * blink),
    }


def _own(values: Mapping[str, Tensor], k: int) -> Tensor:
    """A number (n,) in [0, 1) that each identity has of its own."""
    total = 0 * values["yaw"]
    for i, part in enumerate(values["identity"].unbind(1)):
        total = total + part * (1.37 + 0.61 * ((3 * i + 5 * k) % 8))
    return fraction(total)


def _sway(moment: Tensor, per_second: Tensor | float, phase: Tensor) -> Tensor:
    """A sine within [-2, 2] that is 0 at the beginning."""
    return (TURN * (moment * per_second + phase)).sin() - (TURN * phase).sin()

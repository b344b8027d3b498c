"""A budget in seconds becomes steps, once: a few rounds are rehearsed, timed, and taken back."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence

from daedal.play.player import Stage
from daedal.play.system import System
from daedal.play.table import Table

WARM_UP, TIMED = 2, 5  # rounds: the first ones pay for lazy initialisation


def stage_steps(
    stages: Sequence[Stage],
    seconds: float,
    system: System,
    enter: Callable[[int], Table],
    clock: Callable[[], float],
) -> list[int]:
    """Steps of each stage that fill `seconds`, shared as the stages' own steps are. The system is left as it was.

    `enter(index)` enters a stage and gives its table.
    """
    total = sum(stage.steps for stage in stages)
    before = {name: tensor.clone() for name, tensor in system.state_dict().items()}
    steps = []
    for index, stage in enumerate(stages):
        duration = _time_rounds(enter(index), clock)
        steps.append(max(1, round(seconds * stage.steps / total / max(duration, 1e-9))))
        system.load_state_dict(before)
    return steps


def _time_rounds(table: Table, clock: Callable[[], float]) -> float:
    durations = []
    for i in range(WARM_UP + TIMED):
        start = clock()
        done = table.play(i, 0.0)
        durations.append(clock() - start)
        if done:
            break
    return statistics.median(durations[WARM_UP:] or durations)

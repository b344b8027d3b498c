"""A budget in seconds becomes steps, once: a few rounds are rehearsed, timed, and taken back."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence

from daedal.play.player import Stage
from daedal.play.system import System
from daedal.play.table import Table

WARM_UP, TIMED = 2, 5  # rounds at least: the first ones pay for lazy initialisation
SHARE = 0.02  # of the budget at least goes into timing: five short rounds tell little on a machine with other work


def stage_steps(
    stages: Sequence[Stage],
    seconds: float,
    system: System,
    table_of: Callable[[int], Table],
    clock: Callable[[], float],
) -> list[int]:
    """Steps of each stage that fill `seconds`, shared as the stages' own steps are. The system is left as it was."""
    total = sum(stage.steps for stage in stages)
    before = {name: tensor.clone() for name, tensor in system.state_dict().items()}
    steps = []
    for index, stage in enumerate(stages):
        if stage.enter is not None:
            stage.enter()
        ours = seconds * stage.steps / total
        duration = _time_rounds(table_of(index), clock, SHARE * ours)
        steps.append(max(1, round(ours / max(duration, 1e-9))))
        system.load_state_dict(before)
    return steps


def _time_rounds(table: Table, clock: Callable[[], float], least: float) -> float:
    """Seconds that a round takes: the mean of those timed, `least` seconds of them or more."""
    durations: list[float] = []
    while len(durations) < WARM_UP + TIMED or sum(durations[WARM_UP:]) < least:
        start = clock()
        done = table.play(len(durations), 0.0)
        durations.append(clock() - start)
        if done:
            break
    return statistics.fmean(durations[WARM_UP:] or durations)

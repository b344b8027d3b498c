"""A budget in seconds becomes steps, once: a few rounds are rehearsed, timed, and taken back."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence

from daedal.errors import Interrupted
from daedal.play.player import Stage
from daedal.play.stopping import Stopper
from daedal.play.system import System
from daedal.play.table import Table

WARM_UP, TIMED = 2, 5  # rounds at least: the first ones pay for lazy initialisation
SHARE = 0.02  # of the budget at least goes into timing: five short rounds tell little on a machine with other work,
ENOUGH = 30.0  # but of a long budget no more seconds than this: they tell as much
MOST = 1 / 3  # of the budget: once so much has been rehearsed no further round is, however few there were


def stage_steps(
    stages: Sequence[Stage],
    seconds: float,
    system: System,
    enter: Callable[[int], Table],
    clock: Callable[[], float],
    stopper: Stopper,
) -> list[int]:
    """Steps of each stage that fill `seconds`, shared as the stages' own steps are. The system is left as it was.

    No more than the epochs of its recipe: a small set is not to be learned by heart because there is time.
    `enter(index)` enters a stage and gives its table. Raises Interrupted after the round in which `stopper` is told.
    """
    total, epochs = sum(stage.steps for stage in stages), system.recipe.epochs or math.inf
    before = {name: tensor.clone() for name, tensor in system.state_dict().items()}
    steps = []
    for index, stage in enumerate(stages):
        ours = seconds * stage.steps / total
        try:
            duration, epochs_a_round = _rehearse(enter(index), clock, stopper, min(SHARE * ours, ENOUGH), MOST * ours)
        finally:
            system.load_state_dict(before)
        most = max(stage.steps, epochs * stage.steps / total / max(epochs_a_round, 1e-9))
        steps.append(max(1, round(min(most, ours / max(duration, 1e-9)))))
    return steps


def _rehearse(
    table: Table, clock: Callable[[], float], stopper: Stopper, least: float, most: float
) -> tuple[float, float]:
    """Seconds and epochs that a round takes: the mean of those timed, `least` seconds of them or more.

    No round begins once all have taken `most` seconds; then the last one counts, even if it was to warm up.
    """
    durations: list[float] = []
    done = enough = False
    while not (done or enough):
        start = clock()
        done = table.play(len(durations), 0.0)
        durations.append(clock() - start)
        (signal,) = table.ranks.greatest(stopper.signal)  # all ranks stop
        if signal:
            raise Interrupted("Stopped before the first step; nothing was kept.", signal)
        enough = len(durations) >= WARM_UP + TIMED and sum(durations[WARM_UP:]) >= least
        enough = enough or sum(durations) >= most
        enough = bool(table.ranks.from_first([enough])[0])  # all ranks play as many
    stream = table.streams[0]
    return statistics.fmean(durations[WARM_UP:] or durations[-1:]), stream.epochs / len(durations)

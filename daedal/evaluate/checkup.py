"""A short look at a trained system for the doctor: are its samples alike, are its codes used, does its average lag?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from daedal.capabilities import Bounds, Denoises, Encodes, Samples
from daedal.data.base import Data
from daedal.errors import UsageError
from daedal.evaluate.doctor import Finding, collapse_knob, course, lower_rate
from daedal.nn.modes import evaluating
from daedal.play.system import System
from daedal.play.turn import Batch
from daedal.spaces import Labels, Vectors
from daedal.systems.storage import load

LOOKED_AT = 64  # items: enough for means of distances, few enough for slow samplers
ALIKE = 0.3  # of the data's mean distance between items: blurred but whole models stay above 0.6
TWINS = 0.1  # of the data's distance to the nearest other item: samples are then copies of a few
ACTIVE = 0.01  # variance of a code over items; below it a dimension says nothing (Burda et al. 2016)
UNUSED = 0.75  # share of unused dimensions: some spare ones are thrift, three in four are a collapse
LAG = 0.05  # of what training has gained: an average that has lost more than this is better left out
OLD_WEIGHT = 0.1  # of the average that stems from the first half of training; a fitting one has forgotten it


def check_up(
    path: Path,
    data: Data,
    history: Sequence[Mapping[str, Any]],
    description: Mapping[str, Any],
    kind: type[System] | None = None,
) -> list[Finding]:
    """Findings that need the system of a run folder, of class `kind` if it is not Daedal's.

    Raises UsageError where it cannot be loaded here or does not fit the data.
    """
    system, raw = load(path, system=kind), load(path, average=False, system=kind)
    fields = {system.roles["x"]: system.x, **system.given}
    if any(data.fields.get(name) != space for name, space in fields.items()):
        raise UsageError(f"{path} was trained on other data than '{data.name}'.")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        found = (
            collapse(system, data, description),
            unused_codes(system, data, description),
            slow_average(system, raw, data, history),
        )
    return [finding for finding in found if finding is not None]


def collapse(system: System, data: Data, description: Mapping[str, Any]) -> Finding | None:
    """Samples that are nearly alike, or nearly copies of a few, or no numbers at all."""
    if not isinstance(system, Samples) or isinstance(system.x, Labels):
        return None
    n = min(LOOKED_AT, len(data.test))
    items = data.test.gather(range(n), (system.roles["x"], *system.given))
    given = {name: items[name] for name in system.given}
    drawn = system.sample(n, given=given or None, generator=torch.Generator(system.device).manual_seed(0)).cpu()
    real, fake = (
        system.standardise(x.to(system.device, system.dtype)).cpu() for x in (items[system.roles["x"]], drawn)
    )
    if not bool(drawn.isfinite().all()):
        return Finding("not-finite", "Samples are not finite: training has diverged.", lower_rate(description, 3))
    (spread, apart), (real_spread, real_apart) = distances(fake), distances(real)
    if real_spread and spread < ALIKE * real_spread:
        share = spread / real_spread
        message = f"Samples are nearly alike: their mean distance is {share:.0%} of that between real items."
    elif real_apart and apart < TWINS * real_apart:
        share = apart / real_apart
        message = f"Samples are near copies of a few: a sample's nearest other is {share:.0%} as far as a real item's."
    else:
        return None
    return Finding("collapse", message, _collapse_knob(description))


def _collapse_knob(description: Mapping[str, Any]) -> str:
    steps = description.get("options", {}).get("critic_steps")
    more = f"--critic-steps {steps + 1} (it is {steps})" if steps else lower_rate(description, 2)
    return f"more --steps, or {more}"


def distances(x: Tensor) -> tuple[float, float]:
    """Of items (n, ...): the mean distance between two, and the median distance to the nearest other."""
    between = torch.cdist(x.flatten(1).double(), x.flatten(1).double())
    n = len(between)
    if n < 2:
        return 0.0, 0.0
    nearest = (between + torch.diag(torch.full((n,), torch.inf, dtype=between.dtype))).amin(1)
    return float(between.sum() / (n * (n - 1))), float(nearest.median())


def unused_codes(system: System, data: Data, description: Mapping[str, Any]) -> Finding | None:
    """Code dimensions that are the same for all items."""
    if not (isinstance(system, Encodes) and isinstance(system, Bounds) and isinstance(system.latent_space, Vectors)):
        return None
    if isinstance(system, Denoises):  # its codes are coordinates of the item: of a pixel that is the same, the same
        return None
    items = data.train.gather(range(min(4 * LOOKED_AT, len(data.train))), (system.roles["x"], *system.given))
    given = {name: items[name] for name in system.given}
    with evaluating(system):
        codes = system.encode(items[system.roles["x"]].to(system.device, system.dtype), given=given)
    unused = int((codes.var(0) < ACTIVE).sum())
    if unused <= UNUSED * codes.shape[1]:
        return None
    message = f"The posterior has collapsed: {unused} of {codes.shape[1]} code dimensions are the same for all items."
    return Finding("posterior-collapse", message, collapse_knob(description))


def slow_average(system: System, raw: System, data: Data, history: Sequence[Mapping[str, Any]]) -> Finding | None:
    """An average of the weights that still holds the start of training, or whose loss is behind the weights'."""
    losses = [value for _, value in course(history, "model/loss")]
    players = raw.players().values() if history else ()
    averages = [player.average for player in players if player.average is not None]
    if not averages:
        return None
    turns = max((line["step"] for line in history if "step" in line), default=0)
    old = max(weight_of_first_half(average.at, turns) for average in averages)
    if old > OLD_WEIGHT:
        message = f"The average of the weights is too slow for {turns} steps: {old:.0%} of it is from their first half."
        return Finding("slow-average", message, _average_knob(raw))
    behind = _behind(system, raw, data, losses)
    if behind is None or behind <= LAG:
        return None
    message = (
        f"The average of the weights lags: its loss is behind that of the last weights by {behind:.0%} of all progress."
    )
    return Finding("slow-average", message, _average_knob(raw))


def weight_of_first_half(at: Callable[[int], float], turns: int) -> float:
    """How much of an average with decay `at(t)` after turn t is older than the second half of its turns."""
    weight = 1.0
    for turn in range(turns // 2, turns):
        weight *= at(turn)
    return weight if turns else 0.0


def _behind(system: System, raw: System, data: Data, losses: Sequence[float]) -> float | None:
    """By how much the averaged weights' loss is worse, in shares of what training has gained; None if unknown."""
    if type(system).loss is System.loss or len(losses) < 2:
        return None
    items = data.train.gather(range(min(4 * LOOKED_AT, len(data.train))), (system.roles["x"], *system.given))
    gained = losses[len(losses) // 10] - losses[-1]  # the first tenth is often steep, and says little
    values = []
    for one in (system, raw):
        batch = Batch(
            items[system.roles["x"]].to(one.device, one.dtype),
            {name: items[name].to(one.device) for name in system.given},
        )
        torch.manual_seed(0)  # the same noise for both
        with evaluating(one):
            values.append(sum(float(one.loss(batch)) for _ in range(4)) / 4)
    return (values[0] - values[1]) / gained if gained > 0 else None


def _average_knob(system: System) -> str:
    name = next((name for name in system.options if "average" in name), None)
    flag = f"--{name.replace('_', '-')} lower than {system.options[name]:g}" if name else None
    return ", or ".join(part for part in (flag, "more --steps", "load(path, average=False)") if part)

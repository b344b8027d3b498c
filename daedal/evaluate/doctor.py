"""`examine`: what went wrong in a run, and the knob to turn, from its log, its description and a short look at it.

What the log says is judged by `diagnose`, a pure function; what only the system can tell (collapsed samples, unused
codes, an average that lags) by `daedal.evaluate.checkup`.

>>> diagnose([{"step": 7, "error": {"player": "critic", "term": "loss", "step": 7}}], {"system": "wgan-gp"})[0].knob
'--rate (a third of what it was)'
"""

from __future__ import annotations

import contextlib
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from daedal.data import load_data
from daedal.data.base import Data
from daedal.errors import RunError, UsageError, complaint
from daedal.play.folder import read_log, read_settings
from daedal.play.system import System
from daedal.systems.storage import read_description

Line = Mapping[str, Any]

ADVERSARIES = ("discriminator", "critic")  # players whose opponent is the synthesiser
SPIKE_WINDOW = 20  # log points that say what is usual; fewer give no steady deviation
SPIKE_DEVIATIONS = 10.0  # median deviations (scaled to a normal's sigma): noise of a healthy loss stays under 6
SPIKE_SHARE = 0.25  # and of the range that training has crossed: smaller jumps cost nothing
WINS_LOSS = 0.1  # nats; even play is 2 ln 2 = 1.39, and at 0.1 each verdict is 95 % sure on average
WINS_ACCURACY = 0.98  # even play is 0.5; near 1 the synthesiser's items are told apart at a glance
VANISHED = 1e-3  # of the synthesiser's first gradients: its Adam then follows rounding and noise
COLLAPSED_NATS = 0.01  # of KL a code dimension: less and the decoder cannot have used it (Burda et al. 2016)
FEW_POINTS = 8  # of a log: fewer say nothing about a course


@dataclass(frozen=True)
class Finding:
    """Something wrong with a run: a code for programs, a message for people, the flag that may mend it."""

    code: str
    message: str
    knob: str

    def to_json(self) -> dict[str, str]:
        """{code, message, knob}."""
        return asdict(self)


class Findings(list[Finding]):
    """Findings; `unseen` says why only the log was read, and is None where the model was looked at too."""

    unseen: str | None = None


def examine(path: str | Path, *, data: Data | None = None, system: type[System] | None = None) -> Findings:
    """The findings about a run folder; [] where nothing is wrong. The worst come first.

    The run's data is loaded from the source that the run names, unless it is handed in; `system` is the class of one
    that is not Daedal's own. Where data or system cannot be had, only the log is judged, and `unseen` says why.
    Raises RunError for a folder that holds no run.
    """
    from daedal.evaluate.checkup import check_up

    path = Path(path)
    description, history = {**read_description(path), "rate": _rate_given(path)}, read_log(path)
    found, unseen = diagnose(history, description), None
    broke = any(finding.code == "not-finite" for finding in found)  # what is kept is from before, and ails of nothing
    try:
        found += [] if broke else check_up(path, (data or _data_of(path)).finite(), history, description, system)
    except UsageError as reason:
        unseen = str(reason)
    unique = {finding.code: finding for finding in reversed(found)}
    if "posterior-collapse" in unique:
        unique.pop("collapse", None)  # samples are alike because codes say nothing
    findings = Findings(sorted(unique.values(), key=lambda finding: ORDER.index(finding.code)))
    findings.unseen = unseen
    return findings


ORDER = (
    "not-finite",
    "loss-spikes",
    "discriminator-wins",
    "vanishing-gradient",
    "collapse",
    "posterior-collapse",
    "slow-average",
)


def diagnose(history: Sequence[Line], description: Mapping[str, Any]) -> list[Finding]:
    """What the lines of a log say, in the light of a run's system.json."""
    lines = [line for line in history if "error" not in line]
    checks = (
        not_finite(history, lines, description),
        loss_spikes(lines, description),
        discriminator_wins(lines, description),
        vanishing_gradient(lines, description),
        posterior_collapse(lines, description),
    )
    return [finding for finding in checks if finding is not None]


# -- each check


def not_finite(history: Sequence[Line], lines: Sequence[Line], description: Mapping[str, Any]) -> Finding | None:
    """A value that became NaN or infinite: whose, which, when, and what it was before."""
    errors = [line["error"] for line in history if "error" in line]
    if not errors:
        return None
    player, term, step = (errors[-1].get(key, "?") for key in ("player", "term", "step"))
    before = course(lines, f"{player}/{term}")
    was = f" Its last mean was {before[-1][1]:.4g}, after {before[-1][0]} steps." if before else ""
    message = f"The {term} of player '{player}' was no longer finite at step {step}.{was}"
    return Finding("not-finite", message, lower_rate(description, 3))


def loss_spikes(lines: Sequence[Line], description: Mapping[str, Any]) -> Finding | None:
    """Losses that jump up far beyond their noise."""
    worst: tuple[float, str, int] | None = None
    count = 0
    for name in dict.fromkeys(key for line in lines for key in line if key.endswith("/loss")):
        for step, height in spikes(course(lines, name)):
            count += 1
            if worst is None or height > worst[0]:
                worst = (height, name.split("/")[0], step)
    if worst is None:
        return None
    times = "once" if count == 1 else f"{count} times"
    message = (
        f"The loss jumped {times}, worst that of player '{worst[1]}' at step {worst[2]}, "
        f"to {worst[0]:.0f} times its usual deviation."
    )
    return Finding("loss-spikes", message, lower_rate(description, 2))


def spikes(points: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    """Steps at which a course jumps up, and by how many of its usual deviations."""
    values = [value for _, value in points]
    if len(values) < SPIKE_WINDOW + FEW_POINTS:
        return []
    ordered = sorted(values)
    crossed = ordered[int(0.95 * len(ordered))] - ordered[int(0.05 * len(ordered))]
    found = []
    for i in range(SPIKE_WINDOW, len(values)):
        before = values[i - SPIKE_WINDOW : i]
        middle = statistics.median(before)
        usual = 1.4826 * statistics.median(abs(value - middle) for value in before)
        jump = values[i] - middle
        if jump > SPIKE_DEVIATIONS * usual and jump > SPIKE_SHARE * crossed and jump > 1e-6 * abs(middle):
            found.append((points[i][0], jump / max(usual, 1e-12 + 1e-3 * abs(jump))))
    return found


def discriminator_wins(lines: Sequence[Line], description: Mapping[str, Any]) -> Finding | None:
    """A discriminator that is always right and sure of it, so that the synthesiser learns nothing.

    A critic of the Wasserstein game may win: its slope stays, and its loss is a distance.
    """
    loss, accuracy = (last_quarter(lines, f"discriminator/{term}") for term in ("loss", "accuracy"))
    if loss is None or loss > WINS_LOSS or (accuracy is not None and accuracy < WINS_ACCURACY):
        return None
    right = "" if accuracy is None else f", and it is right in {accuracy:.0%} of its verdicts"
    message = f"The discriminator wins: its loss is {loss:.2g} over the last quarter (even play is 1.39){right}."
    steps = description.get("options", {}).get("discriminator_steps", 1)
    knob = "--discriminator-steps 1" if steps > 1 else f"{lower_rate(description, 2)}, or train wgan-gp"
    return Finding("discriminator-wins", message, knob)


def vanishing_gradient(lines: Sequence[Line], description: Mapping[str, Any]) -> Finding | None:
    """A synthesiser whose gradient has died away, though it has an opponent."""
    players = {key.split("/")[0] for line in lines for key in line}
    opponent = next((name for name in ADVERSARIES if name in players), None)
    norms = [norm for _, norm in course(lines, "synthesiser/gradient-norm")]
    if opponent is None or len(norms) < FEW_POINTS:
        return None
    quarter = len(norms) // 4
    first, last = statistics.median(norms[:quarter]), statistics.median(norms[-quarter:])
    if last > VANISHED * first:
        return None
    message = (
        f"The synthesiser's gradient has died away, from {first:.2g} to {last:.2g}: the {opponent} gives it no slope."
    )
    option = f"{opponent}_steps"
    fewer = option in description.get("options", {}) and description["options"][option] > 1
    knob = f"--{opponent}-steps {max(1, description['options'][option] // 2)}" if fewer else lower_rate(description, 2)
    return Finding("vanishing-gradient", message, knob)


def posterior_collapse(lines: Sequence[Line], description: Mapping[str, Any]) -> Finding | None:
    """A KL so small that the codes say next to nothing about the items."""
    latent = description.get("options", {}).get("latent")
    kl = last_quarter(lines, "model/kl")
    if kl is None or not isinstance(latent, int) or kl / latent >= COLLAPSED_NATS:
        return None
    message = f"The posterior has collapsed: the KL is {kl:.2g} nats over {latent} code dimensions, under 0.01 each."
    return Finding("posterior-collapse", message, collapse_knob(description))


def collapse_knob(description: Mapping[str, Any]) -> str:
    """What makes a decoder use its codes."""
    beta = description.get("options", {}).get("beta")
    if isinstance(beta, (int, float)) and beta > 0:
        return f"--beta {1.0 if beta > 1 else beta / 4:.2g} (it is {beta:g}), or more --steps"
    return "more --steps"


# -- the log


def course(lines: Sequence[Line], name: str) -> list[tuple[int, float]]:
    """(step, value) of a name, where it was logged and finite."""
    found = [(line["step"], line[name]) for line in lines if isinstance(line.get(name), (int, float))]
    return [(step, float(value)) for step, value in found if math.isfinite(value)]


def last_quarter(lines: Sequence[Line], name: str) -> float | None:
    """The mean over the last quarter of the points of a name; None for too few of them."""
    values = [value for _, value in course(lines, name)]
    return None if len(values) < FEW_POINTS else statistics.mean(values[-(len(values) // 4) :])


def lower_rate(description: Mapping[str, Any], times: int) -> str:
    """The flag for a learning rate of a half (2) or a third (3) of what it was."""
    rate = description.get("rate") or (description.get("recipe") or {}).get("rate")
    fraction = {2: "half", 3: "a third"}[times]
    return f"--rate {rate / times:.2g} (it was {rate:g})" if rate else f"--rate ({fraction} of what it was)"


def _rate_given(path: Path) -> float | None:
    """The learning rate that the run was told to have; None where it was the system's own."""
    with contextlib.suppress(RunError):
        return read_settings(path)["settings"]["rate"]
    return None


def _data_of(path: Path) -> Data:
    """The data that a run was trained on. Raises UsageError where it can no longer be loaded."""
    source = read_settings(path)["source"]
    if not source or source.get("source") is None:
        raise UsageError(f"{path} does not say what data it was trained on.")
    try:
        return load_data(**source)
    except (OSError, ValueError, TypeError) as error:
        raise UsageError(f"its data cannot be loaded ({complaint(error)}).") from None

"""What is logged: tensors are collected as they are and looked at together, so that no step waits for the device."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from daedal.errors import TrainingError
from daedal.play.ranks import Ranks


class Ledger:
    """Collects (step, name, value) between log points, then averages them and looks for what is not finite."""

    def __init__(self, ranks: Ranks):
        self.ranks = ranks
        self.step = 0
        self.entries: list[tuple[int, str, Tensor | float]] = []

    def record(self, name: str, value: Tensor | float) -> None:
        """Keep a value of the current step, PLAYER/TERM."""
        self.entries.append((self.step, name, value))

    def flush(self) -> dict[str, float]:
        """Means since the last time, by name. Raises TrainingError that names player, term and step if not finite."""
        if not self.entries:
            return {}
        device = next((v.device for _, _, v in self.entries if isinstance(v, Tensor)), torch.device("cpu"))
        tensors = [v if isinstance(v, Tensor) else torch.tensor(float(v), device=device) for _, _, v in self.entries]
        with torch.no_grad():
            stacked = torch.stack(tensors).float()
        values = self.ranks.mean([stacked])[0].tolist()  # type: ignore[union-attr]
        bad = [(s, name) for (s, name, _), v in zip(self.entries, values, strict=True) if not math.isfinite(v)]
        sums: dict[str, list[float]] = {}
        for (_, name, _), value in zip(self.entries, values, strict=True):
            sums.setdefault(name, []).append(value)
        self.entries.clear()
        if bad:
            raise _name_origin(bad)
        return {name: sum(v) / len(v) for name, v in sums.items()}


def _name_origin(bad: list[tuple[int, str]]) -> NotFinite:
    """The first step and player of those not finite; of their terms a part of the loss rather than the loss."""
    step, player = bad[0][0], bad[0][1].split("/", 1)[0]
    terms = [name.split("/", 1)[1] for s, name in bad if s == step and name.startswith(f"{player}/")]
    parts = [term for term in terms if term not in ("loss", "gradient-norm")]
    return NotFinite(player, (parts or terms)[0], step)


class NotFinite(TrainingError):
    """A value became NaN or infinite."""

    def __init__(self, player: str, term: str, step: int):
        self.where = {"player": player, "term": term, "step": step}
        super().__init__(
            f"The {term} of player '{player}' is not finite at step {step}; training stopped and the last good "
            "checkpoint is kept. Train anew with a lower --rate, or run daedal doctor on the run."
        )

"""The tiny world with what translations, editors and agents need: domains, edits, actions and an end."""

from typing import ClassVar

import torch

from daedal.data.worlds.world import Factor
from tests.data.worlds.tiny import Tiny


class Busy(Tiny):
    name = "busy"
    factors = (
        *Tiny.factors,
        Factor("moves", "what is done in each half second", size=4, choices=("wait", "grow", "dim"), shown=False),
    )
    domains: ClassVar = {"small": "size=0.3", "large": "size=0.9", "dim": "shade=0.1..0.3", "plain": "rgb"}
    edits: ClassVar = {
        "make it red": "tint=red",
        "put a hat on": "hat=yes",
        "take the hat off": "hat=no",
        "make it large, and dark": "size=0.9,shade=0.1",
    }
    actions = ("wait", "grow", "dim")
    action_seconds = 0.5
    longest = 2.0

    def action(self, values, moment):
        place = (moment / 0.5).floor().long()
        return values["moves"].gather(1, place[:, None])[:, 0]

    def rig(self, values, moment=None):
        return super().scene(values | {"tint": torch.zeros_like(values["tint"])}, moment)

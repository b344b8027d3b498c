"""Colours of a dancer and of what is worn, hair styles, and the skirt."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from daedal.data.worlds.figure import tint
from daedal.data.worlds.portraits.palette import HAIR, HAIR_NAMES, SKIN

COLOURS = {  # as a screen shows them
    "red": (0.82, 0.14, 0.16),
    "orange": (0.95, 0.55, 0.12),
    "yellow": (0.95, 0.86, 0.25),
    "green": (0.18, 0.62, 0.28),
    "blue": (0.18, 0.36, 0.85),
    "purple": (0.52, 0.22, 0.68),
    "white": (0.95, 0.95, 0.93),
    "black": (0.13, 0.13, 0.15),
}
CLOTHES = ("trousers", "shorts", "skirt", "jacket")  # a jacket, of the top's colour, goes with trousers
HAIR_STYLES = ("short", "long", "ponytail", "bun", "afro")
SHOE = (0.90, 0.90, 0.88)

__all__ = ["CLOTHES", "COLOURS", "HAIR_NAMES", "HAIR_STYLES", "Wardrobe"]


class Wardrobe:
    """Linear light (n, 3) of n dancers' parts."""

    def __init__(self, values: Mapping[str, Tensor]):
        like = values["skin"]
        table = torch.tensor(list(COLOURS.values()), dtype=like.dtype, device=like.device)
        worn = values["clothes"]
        self.skin = tint(SKIN, values["skin"][:, None])
        self.hair = tint(HAIR, values["hair_colour"][:, None])
        self.top = table[values["top"]] * table[values["top"]]
        self.trousers = table[values["trousers"]] * table[values["trousers"]]
        self.jacket = worn == CLOTHES.index("jacket")
        self.skirt = worn == CLOTHES.index("skirt")
        self.shorts = worn == CLOTHES.index("shorts")
        self.bare = self.skirt | self.shorts  # the shins are
        self.shoe = self.top * 0.35 + torch.tensor(SHOE, dtype=like.dtype, device=like.device) * 0.55

    def either(self, where: Tensor, one: Tensor, other: Tensor) -> Tensor:
        """(n, 3): one colour where (n,) it holds."""
        return torch.where(where[:, None], one, other)

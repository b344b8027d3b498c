"""Colours of people, their clothes and what hangs behind them, as a screen shows them."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from daedal.data.worlds.figure import mix, ramp, tint

SKIN = (
    (0.97, 0.83, 0.75),
    (0.92, 0.74, 0.62),
    (0.82, 0.62, 0.47),
    (0.65, 0.45, 0.32),
    (0.46, 0.30, 0.21),
    (0.31, 0.20, 0.15),
)
HAIR = ((0.09, 0.08, 0.09), (0.24, 0.15, 0.10), (0.43, 0.25, 0.14), (0.69, 0.33, 0.13), (0.92, 0.75, 0.42))  # fmt: skip
HAIR_NAMES = ("black", "dark brown", "brown", "red", "blond")
CLOTHES = ((0.13, 0.15, 0.24), (0.16, 0.32, 0.48), (0.30, 0.55, 0.52), (0.75, 0.68, 0.45), (0.95, 0.91, 0.84))
CLOTHES_NAMES = ("navy", "blue", "teal", "mustard", "cream")
BACKDROPS = {
    "white": ((0.88, 0.88, 0.87), (0.97, 0.97, 0.97)),
    "grey": ((0.36, 0.37, 0.39), (0.52, 0.53, 0.55)),
    "blue": ((0.22, 0.38, 0.62), (0.42, 0.60, 0.82)),
    "green": ((0.36, 0.55, 0.36), (0.58, 0.76, 0.54)),
    "red": ((0.34, 0.10, 0.12), (0.52, 0.18, 0.18)),
}
GREY = (0.62, 0.62, 0.63)
GREYING = 0.75  # of the hair's colour that the greatest age takes away


def skin(values: Mapping[str, Tensor]) -> Tensor:
    """(n, 3) linear light."""
    return tint(SKIN, values["skin"][:, None])


def hair(values: Mapping[str, Tensor], share: float = 1.0) -> Tensor:
    """(n, 3) linear light: the factor's colour, which age greys by up to `share` of GREYING."""
    old = values["age"][:, None]
    return mix(tint(HAIR, values["hair_colour"][:, None]), tint((GREY, GREY), old), share * GREYING * ramp(old, 0.5, 1))


def clothes(values: Mapping[str, Tensor]) -> Tensor:
    """(n, 3) linear light."""
    return tint(CLOTHES, values["clothes"][:, None])

"""Changes that leave a picture one of its world, so that oracles learn more from as many renders.

- In a mirror: classes and landmarks with it, left landmarks become right ones, and some numbers change their sign.
- Moved by whole pixels, classes and landmarks with it; the border is repeated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Generator, Tensor

from daedal.data.worlds.world import Values
from daedal.evaluate.degradations import Places, moved

MIRRORED: Mapping[str, tuple[str, ...]] = {"portraits": ("yaw", "roll", "light")}  # of worlds: what changes its sign


def other_sides(names: Sequence[str]) -> list[int]:
    """Of each landmark the place of the one that it becomes in a mirror.

    >>> other_sides(["left_eye", "right_eye", "chin"])
    [1, 0, 2]
    """
    other = {"left": "right", "right": "left"}
    return [names.index("_".join(other.get(word, word) for word in name.split("_"))) for name in names]


def mirrored(
    x: Tensor, places: Places, values: Values, signs: Sequence[str], sides: Sequence[int]
) -> tuple[Tensor, Places, Values]:
    """Pictures (n, c, h, w), places and values in a mirror; `signs` change theirs, landmark k becomes `sides[k]`."""
    points = places.points[:, list(sides)]
    points[:, :, 0] = x.shape[-1] - 1 - points[:, :, 0]
    turned = {name: -value if name in signs else value for name, value in values.items()}
    return x.flip(3), Places(places.classes.flip(2), points), turned


def varied(
    x: Tensor,
    places: Places,
    values: Values,
    generator: Generator,
    *,
    signs: Sequence[str] | None,
    sides: Sequence[int],
    by: Sequence[tuple[int, int]],
) -> tuple[Tensor, Places, Values]:
    """Every other picture in a mirror, by chance, unless `signs` is None; and each moved by one of the pairs `by`."""
    n = len(x)
    if signs is not None:
        rows = torch.rand(n, generator=generator) < 0.5
        turned, there, changed = mirrored(x, places, values, signs, sides)
        x = _where(rows, turned, x)
        places = Places(_where(rows, there.classes, places.classes), _where(rows, there.points, places.points))
        values = {name: _where(rows, changed[name], value) for name, value in values.items()}
    across, down = torch.tensor(by)[torch.randint(len(by), (n,), generator=generator)].unbind(1)
    return *moved(x, places, across, down), values


def _where(rows: Tensor, a: Tensor, b: Tensor) -> Tensor:
    return torch.where(rows.view(-1, *[1] * (a.dim() - 1)), a, b)

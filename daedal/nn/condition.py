"""One way to condition: `given`, whatever its spaces, becomes a vector, and planes where it has a place.

>>> from daedal.spaces import Images, Labels
>>> condition = Condition({"label": Labels(10), "image": Images(3, 16, 16)}, 32, size=(8, 8))
>>> given = {"label": torch.tensor([3]), "image": torch.zeros(4, 3, 16, 16)}
>>> condition.vector(given, 4).shape, condition.planes(given, 4).shape
(torch.Size([4, 32]), torch.Size([4, 8, 8, 8]))
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any

import torch
from torch import Tensor, nn

from daedal.nn.scale import Standardise
from daedal.spaces import Space, Vectors

HEX = "hex-"
REFUSED = {"", *dir(nn.ModuleDict())}
REFUSED_NULLS = {"", *dir(nn.ParameterDict())}


class Condition(nn.Module):
    """Embeds `given` as a vector (n, dim), and as planes (n, channels, h, w) where a value has a place.

    `dropout` > 0 replaces each value of each item in training by a learned null, so that names may be
    left out at call time (classifier-free guidance). With no spaces the vector is zero, the planes empty.
    Vectors come in the user's units, such as degrees; `fit` learns these from the data.
    """

    def __init__(
        self,
        spaces: Mapping[str, Space],
        dim: int,
        *,
        size: tuple[int, int] | None = None,
        plane_channels: int = 8,
        dropout: float = 0.0,
    ):
        super().__init__()
        self.dim, self.size, self.dropout = dim, size, dropout
        self.names = tuple(sorted(spaces))
        self.keys = {name: _key(name) for name in self.names}
        vectors = {name: s for name, s in spaces.items() if isinstance(s, Vectors)}
        self.units = nn.ModuleDict({_key(name): Standardise(s) for name, s in vectors.items()})
        self.embeds = nn.ModuleDict({_key(name): spaces[name].embed(dim) for name in self.names})
        maps = {} if size is None else {name: spaces[name].planes(*size, plane_channels) for name in self.names}
        self.maps = nn.ModuleDict({_key(name): module for name, module in maps.items() if module is not None})
        self.plane_channels = plane_channels
        nulls = {_key(name, REFUSED_NULLS): nn.Parameter(torch.zeros(dim)) for name in self.names} if dropout else {}
        self.nulls = nn.ParameterDict(nulls)

    def fit(self, items: Any) -> None:
        """Learn the units of vectors from a split of `Data`."""
        for name, key in self.keys.items():
            if key in self.units:
                units = self.units[key]
                assert isinstance(units, Standardise)
                units.fit(items, name)

    @property
    def channels(self) -> int:
        """How many channels `planes` has."""
        return self.plane_channels * len(self.maps)

    def keep(self, n: int, device: torch.device | str = "cpu") -> dict[str, Tensor] | None:
        """Which items keep which value in this pass, (n,) bool each; None where nothing is dropped."""
        if not (self.dropout and self.training and self.names):
            return None
        return {name: torch.rand(n, device=device) >= self.dropout for name in self.names}

    def vector(self, given: Mapping[str, Tensor], n: int, keep: Mapping[str, Tensor] | None = None) -> Tensor:
        """The sum of the embedded values: (n, dim)."""
        total = self._zeros((n, self.dim))
        for name, key in self.keys.items():
            if name not in given:
                total = total + self._null(name)
                continue
            value = given[name]
            value = self.embeds[key](self.units[key](value) if key in self.units else value)
            if keep is not None:
                value = torch.where(keep[name][:, None], value, self._null(name))
            total = total + value
        return total

    def planes(self, given: Mapping[str, Tensor], n: int, keep: Mapping[str, Tensor] | None = None) -> Tensor:
        """The maps of the values that have a place, side by side: (n, channels, h, w)."""
        height, width = self.size or (1, 1)
        parts = [self._zeros((n, 0, height, width))]
        for name, key in self.keys.items():
            if key not in self.maps:
                continue
            if name not in given:
                self._null(name)
                parts.append(self._zeros((n, self.plane_channels, height, width)))
                continue
            value = self.maps[key](given[name]).expand(n, -1, -1, -1)
            if keep is not None:
                value = value * keep[name][:, None, None, None]
            parts.append(value)
        return torch.cat(parts, 1)

    def _null(self, name: str) -> Tensor:
        if not self.dropout:
            raise ValueError(f"'given' lacks {name!r}; only a system trained with given_dropout > 0 can do without.")
        return self.nulls[_key(name, REFUSED_NULLS)]

    def _zeros(self, shape: tuple[int, ...]) -> Tensor:
        like = next(self.parameters(), None)
        return torch.zeros(shape) if like is None else torch.zeros(shape, dtype=like.dtype, device=like.device)


def _key(name: str, refused: Set[str] = REFUSED) -> str:
    """A field's name as the name of a module or parameter: itself, or where torch refuses it, its bytes in hex.

    Torch refuses what its dicts have as attributes (`type`, `keys`, `train`) and what has a dot. No two names share
    a key, since a name that looks like one is written in hex too.
    """
    if name in refused or "." in name or name.startswith(HEX):
        return HEX + name.encode().hex()
    return name

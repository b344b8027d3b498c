"""What a tensor looks like: images, labels or vectors. A space is JSON-able, checks tensors, embeds them.

Border form, the form in which tensors cross every public function:

| space | dtype | shape | values |
|---|---|---|---|
| `Images` | float32 | (n, c, h, w), with frames (n, f, c, h, w) | [-1, 1]; level k of K is 2k/(K-1) - 1 |
| `Labels` | int64 | (n, *shape) | 0 .. classes - 1 |
| `Vectors` | float32 | (n, dim) | finite, in the user's units |

>>> space = Images(channels=1, height=8, width=8, levels=17)
>>> space.shape, space.dim
((1, 8, 8), 64)
>>> from_json(space.to_json()) == space
True
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

MOST = 2**31 - 1  # of any size: no tensor that fits a memory has more along one axis
MOST_LEVELS = 2**16  # 16 bits a channel
MOST_NAMES = 12  # of classes that a message tells


@dataclass(frozen=True)
class Images:
    """Images on a grid of `levels` values a channel; `frames` makes clips of them."""

    channels: int
    height: int
    width: int
    levels: int = 256
    frames: int | None = None

    def __post_init__(self) -> None:
        for name in ("channels", "height", "width"):
            _check_integer(self, name, 1, MOST)
        _check_integer(self, "levels", 2, MOST_LEVELS)
        if self.frames is not None:
            _check_integer(self, "frames", 1, MOST)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one item: (c, h, w), or (f, c, h, w)."""
        image = (self.channels, self.height, self.width)
        return image if self.frames is None else (self.frames, *image)

    @property
    def dim(self) -> int:
        """How many numbers one item has."""
        return math.prod(self.shape)

    @property
    def cell(self) -> float:
        """Width of one level in border units: 2 / (levels - 1)."""
        return 2.0 / (self.levels - 1)

    def check(self, x: Tensor, name: str = "x") -> Tensor:
        """Return x; raise TypeError or ValueError unless it is (n, *shape), float and within [-1, 1]."""
        _check_shape(x, self.shape, name)
        if not x.is_floating_point():
            raise TypeError(f"'{name}' must be a float tensor in [-1, 1]; got {x.dtype}.")
        return _check_range(x, -1.0 - 1e-6, 1.0 + 1e-6, name, "[-1, 1]")

    def clamp(self, x: Tensor) -> Tensor:
        """x as float32 within [-1, 1]."""
        return x.float().clamp(-1.0, 1.0)

    def to_levels(self, x: Tensor) -> Tensor:
        """Nearest level of each value: int64 in 0 .. levels - 1, same shape."""
        return (x + 1.0).mul_((self.levels - 1) / 2).round_().clamp_(0, self.levels - 1).long()

    def from_levels(self, k: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """Border form of levels k: 2k/(K-1) - 1."""
        return k.to(dtype).mul_(self.cell).sub_(1.0)

    def quantise(self, x: Tensor) -> Tensor:
        """x rounded to the grid, in border form."""
        return self.from_levels(self.to_levels(x), x.dtype)

    def dequantise(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """x plus noise uniform over its cell, [-cell/2, cell/2): a density's view of data on the grid."""
        noise = torch.rand(x.shape, generator=generator, dtype=x.dtype, device=x.device)
        return x + (noise - 0.5) * self.cell

    def bits_offset(self) -> float:
        """What bits/dim of a density adds: log2((K-1)/2), so that uniform over all cells gives log2 K."""
        return math.log2((self.levels - 1) / 2)

    def embed(self, dim: int) -> nn.Module:
        """A module (n, *shape) -> (n, dim)."""
        return _EmbedImages(self, dim)

    def planes(self, height: int, width: int, channels: int = 8) -> nn.Module | None:
        """A module (n, *shape) -> (n, channels, height, width), antialiased to that size; keeps what is where."""
        return _ImagePlanes(self, height, width, channels)

    def to_json(self) -> dict[str, Any]:
        """A dict that `from_json` reads back."""
        return {"space": "Images", **asdict(self)}


@dataclass(frozen=True)
class Labels:
    """Class indices; with a shape they are stencils, codes or tokens. `names` names the classes."""

    classes: int
    shape: tuple[int, ...] = ()
    names: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        _check_integer(self, "classes", 1, MOST)
        if not isinstance(self.shape, tuple) or not all(_is_integer(size, 1, MOST) for size in self.shape):
            raise _refusal(self, "shape", f"a tuple of integers in [1, {MOST}]")
        named = self.names is None or (isinstance(self.names, tuple) and all(isinstance(n, str) for n in self.names))
        if not named or (self.names is not None and len(self.names) != self.classes):
            raise _refusal(self, "names", f"a tuple of {self.classes} strings, one a class, or None")

    def __str__(self) -> str:
        """As `repr`, but of many names only the first few: a vocabulary has thousands."""
        if self.names is None or len(self.names) <= MOST_NAMES:
            return repr(self)
        first = ", ".join(map(repr, self.names[:MOST_NAMES]))
        more = f"{len(self.names) - MOST_NAMES} more"
        return f"Labels(classes={self.classes}, shape={self.shape}, names=({first}, and {more}))"

    @property
    def dim(self) -> int:
        """How many numbers one item has."""
        return math.prod(self.shape)

    def check(self, x: Tensor, name: str = "label") -> Tensor:
        """Return x; raise TypeError or ValueError unless it is (n, *shape), int64, in 0 .. classes - 1."""
        _check_shape(x, self.shape, name)
        if x.is_floating_point() or x.is_complex() or x.dtype == torch.bool:
            raise TypeError(f"'{name}' must be an integer tensor in [0, {self.classes - 1}]; got {x.dtype}.")
        return _check_range(x, 0, self.classes - 1, name, f"[0, {self.classes - 1}]")

    def clamp(self, x: Tensor) -> Tensor:
        """x as int64 within 0 .. classes - 1."""
        return x.long().clamp(0, self.classes - 1)

    def index(self, label: str) -> int:
        """The class that a text names: a name first, an index only where there are no names."""
        if self.names is not None:
            if label in self.names:
                return self.names.index(label)
            raise ValueError(f"'{label}' is no class; the classes are {', '.join(self.names)}.")
        if not label.isdecimal() or int(label) >= self.classes:
            raise ValueError(f"'{label}' is no class; the classes are 0 to {self.classes - 1}.")
        return int(label)

    def embed(self, dim: int) -> nn.Module:
        """A module (n, *shape) -> (n, dim): an embedding, averaged over `shape`."""
        return _EmbedLabels(self, dim)

    def planes(self, height: int, width: int, channels: int = 8) -> nn.Module | None:
        """For a map of labels, a module -> (n, channels, height, width); None where labels have no place."""
        return _LabelPlanes(self, height, width, channels) if len(self.shape) == 2 else None

    def to_json(self) -> dict[str, Any]:
        """A dict that `from_json` reads back."""
        names = None if self.names is None else list(self.names)
        return {"space": "Labels", "classes": self.classes, "shape": list(self.shape), "names": names}


@dataclass(frozen=True)
class Vectors:
    """Points in R^dim, in the user's own units."""

    dim: int

    def __post_init__(self) -> None:
        _check_integer(self, "dim", 1, MOST)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one item."""
        return (self.dim,)

    def check(self, x: Tensor, name: str = "x") -> Tensor:
        """Return x; raise TypeError or ValueError unless it is (n, dim), float and finite."""
        _check_shape(x, self.shape, name)
        if not x.is_floating_point():
            raise TypeError(f"'{name}' must be a float tensor; got {x.dtype}.")
        return _check_range(x, -math.inf, math.inf, name, "(-inf, inf)")

    def clamp(self, x: Tensor) -> Tensor:
        """x as float32."""
        return x.float()

    def embed(self, dim: int) -> nn.Module:
        """A module (n, self.dim) -> (n, dim)."""
        return nn.Sequential(nn.Linear(self.dim, dim), nn.SiLU(), nn.Linear(dim, dim))

    def planes(self, height: int, width: int, channels: int = 8) -> nn.Module | None:
        """None: a vector has no place in an image."""
        return None

    def to_json(self) -> dict[str, Any]:
        """A dict that `from_json` reads back."""
        return {"space": "Vectors", "dim": self.dim}


Space = Images | Labels | Vectors


def video(image: Images, frames: int) -> Images:
    """Clips of so many such images: (n, frames, channels, height, width)."""
    return replace(image, frames=frames)


def tokens(words: Sequence[str], length: int) -> Labels:
    """Texts of `length` tokens, each one of `words`: (n, length)."""
    return Labels(len(words), (length,), tuple(words))


def from_json(record: Mapping[str, Any]) -> Space:
    """The space that `to_json` wrote. Raises ValueError for anything else."""
    if not isinstance(record, Mapping):
        raise ValueError(f"{record!r} describes no space.")
    fields = {k: tuple(v) if isinstance(v, list) else v for k, v in record.items() if k != "space"}
    kinds = {"Images": Images, "Labels": Labels, "Vectors": Vectors}
    try:
        return kinds[record["space"]](**fields)
    except (KeyError, TypeError) as error:
        raise ValueError(f"{dict(record)!r} describes no space ({error}).") from None


def check_given(
    spaces: Mapping[str, Space], given: Mapping[str, Tensor] | None, n: int, *, optional: bool = False
) -> dict[str, Tensor]:
    """What a system is conditioned on, checked: each value of leading size n or 1.

    Names may be left out only where `optional` (a system trained with `given_dropout` > 0). Raises ValueError
    that lists what is expected for an unknown or missing name, a wrong size or an out-of-range value.
    """
    given = dict(given or {})
    expected = ", ".join(f"'{name}' {space}" for name, space in spaces.items()) or "nothing"
    if unknown := sorted(set(given) - set(spaces)):
        raise ValueError(f"'given' has no place for {unknown[0]!r}; expected: {expected}.")
    if (missing := [name for name in spaces if name not in given]) and not optional:
        raise ValueError(f"'given' lacks {missing[0]!r}; expected: {expected}.")
    for name, value in given.items():
        if not isinstance(value, Tensor):
            raise TypeError(f"'given[{name!r}]' must be a tensor; got {type(value).__name__}.")
        spaces[name].check(value, f"given[{name!r}]")
        if value.shape[0] not in (1, n):
            raise ValueError(f"'given[{name!r}]' must have leading size {n} or 1; got {value.shape[0]}.")
    return given


def _is_integer(value: Any, low: int, high: int) -> bool:
    return type(value) is int and low <= value <= high


def _check_integer(space: Any, name: str, low: int, high: int) -> None:
    if not _is_integer(getattr(space, name), low, high):
        raise _refusal(space, name, f"an integer in [{low}, {high}]")


def _refusal(space: Any, name: str, words: str) -> ValueError:
    return ValueError(f"'{name}' of {type(space).__name__} must be {words}; got {getattr(space, name)!r}.")


def _check_shape(x: Tensor, shape: tuple[int, ...], name: str) -> None:
    if tuple(x.shape[1:]) != shape or x.ndim != len(shape) + 1:
        wanted = ", ".join(["n", *map(str, shape)])
        raise ValueError(f"'{name}' must have shape ({wanted}); got {tuple(x.shape)}.")


def _check_range(x: Tensor, low: float, high: float, name: str, words: str) -> Tensor:
    if x.is_floating_point() and not torch.isfinite(x).all():
        raise ValueError(f"'{name}' must be finite; it has NaN or infinite values.")
    if x.numel() and (x.min() < low or x.max() > high):
        raise ValueError(f"'{name}' must be in {words}; got [{x.min():.4g}, {x.max():.4g}].")
    return x


def _stack_frames(x: Tensor) -> Tensor:
    return x.flatten(1, 2) if x.ndim == 5 else x  # (n, f, c, h, w) -> (n, f*c, h, w)


class _EmbedImages(nn.Module):
    def __init__(self, space: Images, dim: int):
        super().__init__()
        channels = space.channels * (space.frames or 1)
        widths = [channels, *(min(dim, 32 * 2**i) for i in range(_halvings(space)))]
        self.convs = nn.ModuleList(nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in itertools.pairwise(widths))
        self.head = nn.Linear(widths[-1] * 16, dim)

    def forward(self, x: Tensor) -> Tensor:
        x = _stack_frames(x)
        for conv in self.convs:
            x = F.silu(conv(x))
        return self.head(F.adaptive_avg_pool2d(x, 4).flatten(1))


def _halvings(space: Images) -> int:
    return max(1, int(math.log2(max(8, min(space.height, space.width)))) - 2)


class _ImagePlanes(nn.Module):
    def __init__(self, space: Images, height: int, width: int, channels: int):
        super().__init__()
        self.size = (height, width)
        self.project = nn.Conv2d(space.channels * (space.frames or 1), channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = _stack_frames(x)
        if tuple(x.shape[-2:]) != self.size:
            x = F.interpolate(x, self.size, mode="bilinear", antialias=True, align_corners=False)
        return self.project(x)


class _EmbedLabels(nn.Module):
    def __init__(self, space: Labels, dim: int):
        super().__init__()
        self.table = nn.Embedding(space.classes, dim)

    def forward(self, k: Tensor) -> Tensor:
        vectors = self.table(k)
        return vectors.flatten(1, -2).mean(1) if vectors.ndim > 2 else vectors


class _LabelPlanes(nn.Module):
    def __init__(self, space: Labels, height: int, width: int, channels: int):
        super().__init__()
        self.size = (height, width)
        self.table = nn.Embedding(space.classes, channels)

    def forward(self, k: Tensor) -> Tensor:
        planes = self.table(k).movedim(-1, 1)
        return planes if tuple(planes.shape[-2:]) == self.size else F.interpolate(planes, self.size)

"""What imperfect pictures look like: the damage that oracles are trained to see through, and are measured under.

Every degradation takes pictures x (n, c, h, w) in [-1, 1], where in them things are (`Places`), strengths (n,) from 0
(no damage) to 1 and a generator, and returns pictures in [-1, 1] and places; only a shift moves things. What has a
length has it at 64 pixels and shrinks with the picture (a blur with its root: at 16 pixels a quarter of it is nothing).

| name | at strength 1 |
|---|---|
| `blur` | Gaussian of standard deviation 1.2 pixels |
| `noise` | Gaussian of standard deviation 0.25 |
| `resampling` | down to half the size and up again |
| `blocks` | cosine coefficients of 8x8 blocks rounded to multiples of up to 0.8, as JPEG does |
| `levels` | 6 levels a channel |
| `contrast` | contrast changed by up to 20 %, brightness by up to 0.15: the same for all channels |
| `cutout` | a grey square of 2/5 of the side |
| `shift` | up to 3 pixels along each axis, the border repeated |

Colours keep their hue: a change of hue would be a change of a factor.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

CHANCE = 0.1  # of each degradation, so that four in ten pictures stay as they are
BLOCK = 8
SHARES = (1.0, 0.875, 0.75, 0.625, 0.5)  # of the size, to which resampling goes


@dataclass(frozen=True)
class Places:
    """Where in n pictures things are."""

    classes: Tensor  # (n, h, w) int64
    points: Tensor  # (n, k, 2): column and row of landmarks, in pixels; k may be 0

    def __getitem__(self, rows) -> Places:
        return Places(self.classes[rows], self.points[rows])

    def put(self, rows: Tensor, other: Places) -> None:
        """Change some rows."""
        self.classes[rows], self.points[rows] = other.classes, other.points


Degradation = Callable[[Tensor, Places, Tensor, Generator], tuple[Tensor, Places]]


def degraded(x: Tensor, places: Places, generator: Generator, *, but: tuple[str, ...] = ()) -> tuple[Tensor, Places]:
    """Pictures with each degradation, `but` some, by chance, at strengths in [0, 1]; the arguments are left alone."""
    x, places = x.clone(), Places(places.classes.clone(), places.points.clone())
    for degrade in (degrade for name, degrade in DEGRADATIONS.items() if name not in but):
        rows = (torch.rand(len(x), generator=generator) < CHANCE).nonzero()[:, 0]
        strength = torch.rand(len(rows), generator=generator)
        if len(rows):
            x[rows], moved = degrade(x[rows], places[rows], strength, generator)
            places.put(rows, moved)
    return x, places


def blur(x: Tensor, places: Places, strength: Tensor, generator: Generator) -> tuple[Tensor, Places]:
    """A Gaussian's weights, normalised within the picture."""
    sigma = (1.2 * strength * math.sqrt(x.shape[-1] / 64)).clamp(min=1e-2)[:, None, None]

    def weights(side: int) -> Tensor:
        place = torch.arange(side, dtype=x.dtype)
        return (-0.5 * ((place[:, None] - place) / sigma) ** 2).softmax(2)

    return _separable(x, weights(x.shape[2]), weights(x.shape[3])), places


def noise(x: Tensor, places: Places, strength: Tensor, generator: Generator) -> tuple[Tensor, Places]:
    """Independent of pixel and channel."""
    drawn = torch.randn(x.shape, generator=generator, dtype=x.dtype)
    return (x + 0.25 * _wide(strength) * drawn).clamp(-1, 1), places


def resampling(x: Tensor, places: Places, strength: Tensor, generator: Generator) -> tuple[Tensor, Places]:
    """Down and up again, bilinear without aliasing."""
    which = (strength * (len(SHARES) - 1)).round().long()
    high, wide = (torch.stack([_down_and_up(side, share) for share in SHARES]) for side in x.shape[2:])
    return _separable(x, high[which], wide[which]), places


def blocks(x: Tensor, places: Places, strength: Tensor, generator: Generator) -> tuple[Tensor, Places]:
    """Finer frequencies are rounded more; the strength that a picture of fewer pixels bears is less."""
    step = 0.8 * strength * x.shape[-1] / 64
    high, wide = (_cosines(side) for side in x.shape[2:])
    order = (_frequency(x.shape[2])[:, None] + _frequency(x.shape[3])) / (2 * BLOCK - 2)
    steps = (_wide(step) * (0.25 + 0.75 * order)).clamp(min=1e-6)
    rounded = (high @ x @ wide.T / steps).round() * steps
    return (high.T @ rounded @ wide).clamp(-1, 1), places


def levels(x: Tensor, places: Places, strength: Tensor, generator: Generator) -> tuple[Tensor, Places]:
    """From 256 down to 6, evenly in their logarithm."""
    steps = _wide((256 * (6 / 256) ** strength).round() - 1) / 2
    return ((x + 1) * steps).round() / steps - 1, places


def contrast(x: Tensor, places: Places, strength: Tensor, generator: Generator) -> tuple[Tensor, Places]:
    """About mid grey."""
    gain, more = ((2 * torch.rand(len(x), generator=generator) - 1) * strength for _ in range(2))
    return (x * (1 + 0.2 * _wide(gain)) + 0.15 * _wide(more)).clamp(-1, 1), places


def cutout(x: Tensor, places: Places, strength: Tensor, generator: Generator) -> tuple[Tensor, Places]:
    """Wholly within the picture; what is below it stays, to be guessed."""
    covered = torch.ones(1, 1, 1, 1, dtype=torch.bool)
    for axis in (2, 3):
        side = (0.4 * strength * x.shape[axis]).round()
        start = (torch.rand(len(x), generator=generator) * (x.shape[axis] - side + 1)).floor()
        place = torch.arange(x.shape[axis])
        along = (place >= start[:, None]) & (place < (start + side)[:, None])
        covered = covered & along.view(len(x), 1, *((-1, 1) if axis == 2 else (1, -1)))
    return torch.where(covered, 0.0, x), places


def shift(x: Tensor, places: Places, strength: Tensor, generator: Generator) -> tuple[Tensor, Places]:
    """By whole pixels, pictures and places alike."""

    def far(side: int) -> Tensor:
        return (3 * side / 64 * strength * (2 * torch.rand(len(x), generator=generator) - 1)).round().long()

    down, across = far(x.shape[2]), far(x.shape[3])
    return moved(x, places, across, down)


def moved(x: Tensor, places: Places, across: Tensor, down: Tensor) -> tuple[Tensor, Places]:
    """Pictures and places moved by so many pixels (n,) to the right and down; the border is repeated."""
    classes, points = places.classes, places.points.clone()
    for axis, far in ((1, down), (2, across)):
        side = x.shape[axis + 1]
        place = (
            (torch.arange(side) - far[:, None]).clamp(0, side - 1).view(-1, *((side, 1) if axis == 1 else (1, side)))
        )
        classes = classes.gather(axis, place.expand_as(classes))
        x = x.gather(axis + 1, place[:, None].expand_as(x))
        points[:, :, 2 - axis] += far[:, None]
    return x, Places(classes, points)


DEGRADATIONS: dict[str, Degradation] = {
    "blur": blur,
    "noise": noise,
    "resampling": resampling,
    "blocks": blocks,
    "levels": levels,
    "contrast": contrast,
    "cutout": cutout,
    "shift": shift,
}


def _wide(values: Tensor) -> Tensor:
    return values[:, None, None, None]


def _separable(x: Tensor, high: Tensor, wide: Tensor) -> Tensor:
    """Weights (n, h, h) along columns and (n, w, w) along rows of each picture."""
    return high[:, None] @ x @ wide[:, None].transpose(2, 3)


def _down_and_up(side: int, share: float) -> Tensor:
    """(side, side) weights."""
    small = F.interpolate(torch.eye(side)[None], round(share * side), mode="linear")
    if share < 1:
        small = F.interpolate(
            torch.eye(side)[None, None], (side, round(share * side)), mode="bilinear", antialias=True
        )[0]
    return F.interpolate(small, side, mode="linear")[0].T


def _cosines(side: int) -> Tensor:
    """The orthonormal cosine transform of consecutive blocks, (side, side)."""
    k = torch.arange(BLOCK, dtype=torch.float64)
    basis = (math.pi / BLOCK * k[:, None] * (k + 0.5)).cos() * math.sqrt(2 / BLOCK)
    basis[0] /= math.sqrt(2)
    return torch.block_diag(*[basis.float()] * (side // BLOCK))


def _frequency(side: int) -> Tensor:
    return torch.arange(side) % BLOCK

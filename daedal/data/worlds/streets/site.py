"""What the parts of a street share: the builder, the street's own random numbers, the time and the state of things."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from daedal.data.worlds.figure import vector
from daedal.data.worlds.keyed import BITS, uniform
from daedal.data.worlds.scene import Builder, srgb
from daedal.data.worlds.streets import air, drive

CLASSES = (
    "sky", "road", "mark", "kerb", "pavement", "building", "tree", "car", "person", "light", "pole", "water",
    "aircraft", "smoke",
)  # fmt: skip
SKY, ROAD, MARK, KERB, PAVEMENT, BUILDING, TREE, CAR, PERSON, LIGHT, POLE, WATER, AIRCRAFT, SMOKE = range(14)

# Ids: the first of each sort of thing; what is all of one piece, such as the road, has its class as id.
CARS, PEOPLE, TREES, SIGNALS, LAMPS, BUILDINGS, TSUNAMI, FALLING = 100, 200, 300, 400, 500, 600, 700, 800
SORT = 100  # ids of each sort

KERB_AT, WALL_AT = 4.0, 7.6  # metres from the middle of the road
SEEN = 70.0  # metres ahead at which small things begin to be
BEHIND = 12.0  # metres behind at which they cease to be: until then their shadows may be seen
SNOW = srgb(0.94, 0.95, 0.98)


@dataclass(frozen=True)
class Site:
    """A batch of n streets at a moment."""

    builder: Builder
    values: Mapping[str, Tensor]
    index: Tensor  # (n,) int64: which street
    time: Tensor  # (n,) seconds
    camera_z: Tensor  # (n,)
    length: float  # metres of street ahead of its beginning in which small things are built
    wet: Tensor  # (n,) in [0, 1], as `snow` and `night`
    snow: Tensor
    night: Tensor
    winter: Tensor  # (n,) bool

    @staticmethod
    def of(values: Mapping[str, Tensor], moment: Tensor | None) -> Site:
        """The streets of these values. Of stills, only what can be seen from the beginning is built."""
        street = values["street"]
        time = torch.zeros_like(street) if moment is None else moment.to(street.dtype)
        z = drive.pose(values, time)[0]
        wet, snow = air.ground(values)
        return Site(
            Builder(len(street), device=street.device, dtype=street.dtype), values, street_index(values), time, z,
            SEEN if moment is None else SEEN + drive.SPEED * drive.LONGEST,
            wet, snow, air.night(values), values["season"] == 1,
        )  # fmt: skip

    def draw(self, name: str, slots: int, size: int) -> Tensor:
        """The streets' own numbers in [0, 1), (n, slots, size): those of a slot are the same however many there are."""
        return uniform(0, f"streets {name}", self.index, slots * size).to(self.time.dtype).unflatten(1, (slots, size))

    def slots(self, spacing: float) -> int:
        """How many places there are, one every `spacing` metres."""
        return int(self.length / spacing) + 1

    def near(self, z: Tensor) -> Tensor:
        """(n,) bool: whether a small thing at z is there at all."""
        ahead = self.camera_z - z
        return (ahead < SEEN) & (ahead > -BEHIND)

    def snowed(self, colour: Tensor | tuple[float, float, float], share: float) -> Tensor:
        """Linear light (n, 3) of a colour that snow covers up to a share."""
        colour, weight = self.builder.vector(colour), share * self.snow[:, None]
        return colour + weight * (self.builder.vector(SNOW) - colour)

    def paved(self, colour: tuple[float, float, float], share: float) -> Tensor:
        """The same of a pavement or a road: darker when it is wet."""
        return self.snowed(self.builder.vector(colour) * (1 - 0.5 * self.wet[:, None]), share)

    def lit(self, day: float, at_night: float) -> Tensor:
        """(n,) how much an artificial light glows."""
        return day + self.night * (at_night - day)


def street_index(values: Mapping[str, Tensor]) -> Tensor:
    """The streets' numbers, (n,) int64."""
    return (values["street"] * 2**BITS).to(torch.int64)


def chosen(table: tuple[tuple[float, float, float], ...], place: Tensor) -> Tensor:
    """Linear light (n, 3) of the colours at `place` (n,) in [0, 1) of a table, given as a screen shows them."""
    shown = torch.tensor(table, dtype=place.dtype, device=place.device)[(place * len(table)).to(torch.int64)]
    return shown * shown


def turned(x: Tensor, z: Tensor, angle: Tensor) -> tuple[Tensor, Tensor]:
    """x and z turned about y."""
    return x * angle.cos() + z * angle.sin(), z * angle.cos() - x * angle.sin()


def point(like: Tensor, x: Tensor | float, y: Tensor | float, z: Tensor | float) -> Tensor:
    """(n, 3) of numbers or (n,) tensors."""
    zero = torch.zeros_like(like)
    return vector(zero + x, zero + y, zero + z)

"""What the parts of a street share: the builder, the street's own random numbers, the time and the state of things."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor

from daedal.data.worlds.figure import vector
from daedal.data.worlds.keyed import BITS, uniform
from daedal.data.worlds.scene import Bodies, Builder, srgb
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
SEEN_PEOPLE = 25.0  # the same of people, who farther away are less than a pixel wide
SEEN_POSTS = 48.0  # of posts: beyond the lamps that light things, half a pixel wide
BEHIND = 12.0  # metres behind at which they cease to be: until then their shadows may be seen
SNOW = srgb(0.94, 0.95, 0.98)


@dataclass(frozen=True)
class Site:
    """Rows of places along a batch of n streets at a moment: of each street `slots`, one after the other.

    A part of a street, such as its trees, is built for all of its places at once: a row has one tree.
    """

    builder: Builder  # of n * slots rows, as all that follows
    values: Mapping[str, Tensor]
    index: Tensor  # int64: which street
    time: Tensor  # seconds
    camera_z: Tensor
    length: float  # metres of street ahead of its beginning in which small things are built
    wet: Tensor  # in [0, 1], as `snow` and `night`
    snow: Tensor
    night: Tensor
    winter: Tensor  # bool
    slots: int = 1

    @staticmethod
    def of(values: Mapping[str, Tensor], moment: Tensor | None) -> Site:
        """The streets of these values. Of stills, only what can be seen from the beginning is built."""
        street = values["street"]
        time = torch.zeros_like(street) if moment is None else moment.to(street.dtype)
        wet, snow = air.ground(values)
        return Site(
            _builder(time), {name: values[name] for name in ("traffic", "people", "event")}, street_index(values),
            time, drive.pose(values, time)[0], SEEN if moment is None else SEEN + drive.SPEED * drive.LONGEST,
            wet, snow, air.night(values), values["season"] == 1,
        )  # fmt: skip

    def many(self, slots: int) -> Site:
        """So many places of each street."""

        def rows(value: Any) -> Any:
            return value.repeat_interleave(slots, 0) if isinstance(value, Tensor) else value

        changed = {field.name: rows(getattr(self, field.name)) for field in fields(self)}
        changed["values"] = {name: rows(value) for name, value in self.values.items()}
        return Site(**{**changed, "builder": _builder(changed["time"]), "slots": slots})

    def every(self, spacing: float, first: int = 0) -> int:
        """How many places there are, one every `spacing` metres, with `first` of them before the beginning."""
        return int(self.length / spacing) + 1 + first

    def draw(self, name: str, size: int) -> Tensor:
        """The places' own numbers in [0, 1), (rows, size): those of a place are the same however many there are."""
        streets = self.index[:: self.slots]
        return uniform(0, f"streets {name}", streets, self.slots * size).to(self.time.dtype).reshape(-1, size)

    @property
    def slot(self) -> Tensor:
        """Which place of its street each row is, int64."""
        return torch.arange(self.slots, device=self.time.device).repeat(len(self.time) // self.slots)

    def pairs(self) -> tuple[Tensor, Tensor]:
        """Of places in pairs, left and right: which pair each row is of, and its side, -1 or 1."""
        return (self.slot // 2).to(self.time.dtype), (self.slot % 2 * 2 - 1).to(self.time.dtype)

    def table(self, numbers: Sequence[Sequence[float]]) -> Tensor:
        """(rows, m) of m numbers for each place."""
        return self.time.new_tensor(numbers).repeat(len(self.time) // self.slots, 1)

    def near(self, z: Tensor, seen: float = SEEN) -> Tensor:
        """Whether a small thing at z is there at all: from `seen` metres ahead on."""
        ahead = self.camera_z - z
        return (ahead < seen) & (ahead > -BEHIND)

    def snowed(self, colour: Tensor | tuple[float, float, float], share: float) -> Tensor:
        """Linear light (rows, 3) of a colour that snow covers up to a share."""
        colour, weight = self.builder.vector(colour), share * self.snow[:, None]
        return colour + weight * (self.builder.vector(SNOW) - colour)

    def paved(self, colour: tuple[float, float, float], share: float) -> Tensor:
        """The same of a pavement or a road: darker when it is wet."""
        return self.snowed(self.builder.vector(colour) * (1 - 0.5 * self.wet[:, None]), share)

    def lit(self, day: float, at_night: float) -> Tensor:
        """How much an artificial light glows, (rows,)."""
        return day + self.night * (at_night - day)

    def bodies(self) -> Bodies:
        """What was built, of each street (n, slots * k)."""
        return self.builder.bodies().map(lambda t: t.unflatten(0, (-1, self.slots)).flatten(1, 2))


def _builder(like: Tensor) -> Builder:
    return Builder(len(like), device=like.device, dtype=like.dtype)


def joined(parts: Sequence[Bodies]) -> Bodies:
    """All bodies of the parts."""
    return Bodies(
        **{field.name: torch.cat([getattr(part, field.name) for part in parts], 1) for field in fields(Bodies)}
    )


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

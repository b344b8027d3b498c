"""The order of the data: one permutation an epoch, split over the seats, a pure function of how much was drawn.

A seat is one micro-batch of one rank. Draw d of a stage takes rows d*B .. (d+1)*B of the endless row of
permutations (an uneven rest of an epoch is dropped), and each seat its share of them. So the whole state is the
number of draws. Of endless items draw d takes items d*B .. (d+1)*B, so that no stage sees one twice.

Unpaired domains are streams of their own, `next(batches["a"])` and `next(batches["b"])`, each with its own length and
permutations, and there is no batch of both.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import torch
from torch import Tensor

from daedal.errors import UsageError
from daedal.play.seeds import ORDER, address, digest
from daedal.play.turn import Batch

KEEP_BYTES = 256 * 2**20  # decoded data up to this size stays in memory as tensors
CHUNK, LEAST = 4096, 16  # items of one batch of `epoch()`: the most, and what even the largest come in,
NUMBERS = 2**24  # as otherwise a batch has no more numbers than this


class Items(Protocol):
    """What is trained on: a split of `Data`, or anything that counts and gathers like one; endless ones have no len."""

    def __len__(self) -> int: ...

    def gather(self, indices: Any, fields: Any = None) -> dict[str, Tensor]:
        """The items of `indices`, stacked by field."""
        ...


def sides_of(items: Any) -> Mapping[str, Items] | None:
    """The items of each of some unpaired domains; None where items are of one kind."""
    return getattr(items, "sides", None)


def count(items: Items) -> float:
    """How many items there are: infinity where they are endless; of unpaired domains those of the smaller."""
    if (sides := sides_of(items)) is not None:
        return min(count(side) for side in sides.values())
    return len(items) if hasattr(items, "__len__") else math.inf


def finite_count(items: Items) -> int:
    """How many items there are, for a system that passes over all. Raises UsageError where they are endless."""
    if count(items) == math.inf:
        raise UsageError("This system passes over all training items, and these are endless; leave out 'endless'.")
    return len(items)


class Source:
    """Batches by index, on a device: whole in memory where the data is small, gathered each time where not."""

    def __init__(self, items: Items, roles: Mapping[str, Any], device: torch.device, dtype: torch.dtype):
        self.items, self.x, self.given = items, roles["x"], tuple(roles["given"])
        self.fields = (self.x, *self.given)
        self.device, self.dtype = device, dtype
        self.endless = count(items) == math.inf
        self.whole = self._load_whole()

    def _load_whole(self) -> dict[str, Tensor] | None:
        if self.endless:
            return None
        one = self.items.gather([0], self.fields)
        if sum(t.nbytes for t in one.values()) * len(self.items) > KEEP_BYTES:
            return None
        return {k: self._place(v) for k, v in self.items.gather(range(len(self.items)), self.fields).items()}

    def _place(self, t: Tensor) -> Tensor:
        return t.to(self.device, self.dtype if t.is_floating_point() else None)

    def batch(self, indices: Tensor) -> Batch:
        """The items of `indices` (int64, on the CPU)."""
        if self.whole is not None:
            rows = indices if self.device.type == "cpu" else indices.to(self.device)
            taken = {k: v.index_select(0, rows) for k, v in self.whole.items()}
        else:
            taken = {k: self._place(v) for k, v in self.items.gather(indices.numpy(), self.fields).items()}
        return Batch(taken[self.x], {name: taken[name] for name in self.given})


def sources(
    items: Items, roles: Mapping[str, Any], device: torch.device, dtype: torch.dtype
) -> Source | dict[str, Source]:
    """The source of these items; of unpaired domains one each, whose `x` is the domain's field."""
    if (sides := sides_of(items)) is None:
        return Source(items, roles, device, dtype)
    return {name: Source(side, {"x": name, "given": ()}, device, dtype) for name, side in sides.items()}


def streams(source: Source | dict[str, Source], *place: int) -> Stream | Domains:
    """The batches of one seat in one stage: place is batch_size, seat, seats, seed, stage."""
    if isinstance(source, Source):
        return Stream(source, *place)
    return Domains({name: Stream(one, *place, digest(name)) for name, one in source.items()})


class Stream:
    """The batches of one seat in one stage: `next(stream)` draws one, `stream.epoch()` passes over all the data.

    A `lane` is of one of several streams, which take different permutations of as many items.
    """

    def __init__(self, source: Source, batch_size: int, seat: int, seats: int, seed: int, stage: int, *lane: int):
        self.lane = lane
        self.source, self.seat, self.seats = source, seat, seats
        self.share = batch_size // seats
        self.draws_per_epoch = math.inf if source.endless else len(source.items) // batch_size
        self.seed, self.stage = seed, stage
        self.draws = 0
        self._epoch, self._order = -1, torch.empty(0, dtype=torch.long)

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __getitem__(self, name: str) -> Stream:
        raise UsageError(
            f"There is no batches['{name}']: this data is not of unpaired domains; take next(batches), or load it with "
            "two domains and paired=False."
        )

    def __next__(self) -> Batch:
        draw, self.draws = self.draws, self.draws + 1
        if self.source.endless:
            return self.source.batch(torch.arange(*self._share_of(draw)))
        epoch, draw = divmod(draw, int(self.draws_per_epoch))
        start, stop = self._share_of(draw)
        return self.source.batch(self._permutation(epoch)[start:stop])

    @property
    def epochs(self) -> float:
        """How often the items have been seen."""
        return self.draws / self.draws_per_epoch if self.draws_per_epoch else 0.0

    def _share_of(self, draw: int) -> tuple[int, int]:
        """Where this seat's share of a draw begins and ends."""
        start = (draw * self.seats + self.seat) * self.share
        return start, start + self.share

    def _permutation(self, epoch: int) -> Tensor:
        if epoch != self._epoch:
            generator = torch.Generator().manual_seed(address(self.seed, self.stage, ORDER, epoch, *self.lane))
            self._epoch, self._order = epoch, torch.randperm(len(self.source.items), generator=generator)
        return self._order

    def epoch(self) -> Iterator[Batch]:
        """This seat's share of one pass over the training split, in fixed order, in chunks. Raises UsageError."""
        mine = torch.arange(self.seat, finite_count(self.source.items), self.seats)
        for rows in mine.split(self._chunk()):
            yield self.source.batch(rows)

    def _chunk(self) -> int:
        """Items at once: fewer the larger they are, so that memory is bounded."""
        one = self.source.batch(torch.zeros(1, dtype=torch.long))
        numbers = sum(t.numel() for t in (one.x, *one.given.values()))
        return max(LEAST, min(CHUNK, NUMBERS // numbers))


class Domains:
    """Unpaired domains of one seat in one stage, each a stream of its own: `next(batches["a"])`."""

    def __init__(self, streams: Mapping[str, Stream]):
        self.streams = dict(streams)
        self.seat = next(iter(self.streams.values())).seat

    def __getitem__(self, name: str) -> Stream:
        if name not in self.streams:
            raise UsageError(f"There is no domain '{name}' among these batches; {self._known}.")
        return self.streams[name]

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        raise UsageError(f"These domains are unpaired, and no batch has items of both; {self._known}.")

    def epoch(self) -> Iterator[Batch]:
        """Raises UsageError: a domain has epochs, such as `batches["a"].epoch()`."""
        return next(self)  # type: ignore[return-value]

    @property
    def _known(self) -> str:
        return "take " + " and ".join(f"next(batches[{name!r}])" for name in self.streams)

    @property
    def draws(self) -> dict[str, int]:
        """How many batches were drawn of each: the whole state."""
        return {name: stream.draws for name, stream in self.streams.items()}

    @draws.setter
    def draws(self, draws: Mapping[str, int]) -> None:
        for name, stream in self.streams.items():
            stream.draws = draws[name]

    @property
    def epochs(self) -> float:
        """How often the items of the domain that was seen the most have been seen."""
        return max(stream.epochs for stream in self.streams.values())

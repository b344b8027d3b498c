"""Randomness is addressed, not ambient: a seed for each (seed, stage, step, turn, seat), so no RNG state is saved.

>>> address(0, 0, 3, 1, 0) == address(0, 0, 3, 1, 0) != address(0, 0, 3, 1, 1)
True
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from contextlib import contextmanager

import torch

# In the place of a step:
ORDER = -1  # the order of the data, with the epoch as its turn
ENTER = -2  # what a stage draws when it is entered, the same on every seat


def address(seed: int, *place: int) -> int:
    """A seed for a place in training: 32 bits, which is all that torch's CPU generator keeps."""
    return _hash(struct.pack(f"<{1 + len(place)}q", seed, *place))


def digest(text: str) -> int:
    """32 bits of a text's hash, the same in every process."""
    return _hash(text.encode())


def _hash(content: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(content, digest_size=4).digest(), "little")


def default_generators(device: torch.device) -> list[torch.Generator]:
    """The generators that `torch.randn` and the like use for tensors of the CPU and of `device`."""
    generators = [torch.default_generator]
    if device.type == "cuda":
        generators.append(torch.cuda.default_generators[device.index or 0])
    return generators


@contextmanager
def untouched_generators(device: torch.device) -> Iterator[list[torch.Generator]]:
    """The default generators, their states put back at the end: training leaves no trace in them."""
    generators = default_generators(device)
    states = [generator.get_state() for generator in generators]
    try:
        yield generators
    finally:
        for generator, state in zip(generators, states, strict=True):
            generator.set_state(state)

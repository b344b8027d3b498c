"""Random numbers that are addressed: of a seed, a name and an index, so that any item can be drawn in any order.

>>> first = uniform(0, "yaw", torch.tensor([3, 4]))
>>> again = uniform(0, "yaw", torch.tensor([4]))
>>> bool(first[1] == again[0])
True
"""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor

BITS = 24  # of a number in [0, 1): what float32 holds exactly


def uniform(seed: int, name: str, index: Tensor, size: int = 1) -> Tensor:
    """Numbers in [0, 1), float32 (n, size), of indices int64 (n,): independent for other seeds, names and indices."""
    stream = int.from_bytes(hashlib.sha256(f"{seed} {name}".encode()).digest()[:8], "little", signed=True)
    lane = torch.arange(size, device=index.device)
    return (_mixed(_mixed(index[:, None] + stream) + lane) >> (64 - BITS) & (1 << BITS) - 1).to(torch.float32) / (
        1 << BITS
    )


def _mixed(z: Tensor) -> Tensor:
    """SplitMix64's finaliser (Steele, Lea and Flood 2014), on int64 that wrap around."""
    z = z * -7046029254386353131  # the golden ratio's multiplier, odd
    z = (z ^ _shifted(z, 30)) * -4658895280553007687
    z = (z ^ _shifted(z, 27)) * -7723592293110705685
    return z ^ _shifted(z, 31)


def _shifted(z: Tensor, bits: int) -> Tensor:
    """z >> bits as if unsigned."""
    return (z >> bits) & ((1 << (64 - bits)) - 1)

"""Group normalisation whose number of groups divides any number of channels.

Wu and He 2018, arXiv:1803.08494.

>>> [groups_for(c) for c in (128, 64, 48, 12, 1)]
[32, 16, 12, 3, 1]
"""

from __future__ import annotations

from torch import nn

LEAST = 4  # channels a group: with fewer, a group of an 8x8 map would be all but an instance


def groups_for(channels: int, most: int = 32) -> int:
    """The greatest divisor of `channels` that is at most `most` and leaves at least 4 channels a group (or 1)."""
    limit = min(most, max(1, channels // LEAST))
    return next(g for g in range(limit, 0, -1) if channels % g == 0)


def group_norm(channels: int, most: int = 32) -> nn.GroupNorm:
    """GroupNorm over (n, channels, ...)."""
    return nn.GroupNorm(groups_for(channels, most), channels)

"""How large a system is: the numbers that it has learned.

>>> from daedal.spaces import Vectors
>>> from daedal.systems.factory import create
>>> learned_numbers(create("pca", {"x": Vectors(3)}, components=2))  # mean 3, directions 6, variances 2, noise 1
12
"""

from __future__ import annotations

from torch import nn

UNLEARNED = {"standardise", "log_likelihood", "block"}  # units of the data, what is logged, what fitting goes on from


def learned_numbers(system: nn.Module) -> int:
    """How many parameters; where there are none (fitted in closed form), how many numbers were fitted instead."""
    count = sum(p.numel() for p in system.parameters())
    fitted = ((name, b) for name, b in system.named_buffers() if b.is_floating_point())
    return count or sum(b.numel() for name, b in fitted if not UNLEARNED & set(name.split(".")))

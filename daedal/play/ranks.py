"""Several processes that train one system: PyTorch's own `torch.distributed`, started by `torchrun`.

Alone (no WORLD_SIZE in the environment) every method is the identity.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import torch
import torch.distributed as dist
from torch import Tensor
from torch._utils import _flatten_dense_tensors, _unflatten_dense_tensors

from daedal.errors import UsageError


def _number(name: str, default: str) -> int:
    """A number that torchrun puts into the environment. Raises UsageError."""
    text = os.environ.get(name, default)
    if not text.isdecimal():
        raise UsageError(f"The environment variable {name} must be a number, as torchrun sets it; got '{text}'.")
    return int(text)


class Ranks:
    """This process among those that train together: `rank` of `world`."""

    def __init__(self) -> None:
        self.world, self.rank = _number("WORLD_SIZE", "1"), _number("RANK", "0")
        if self.world > 1 and not dist.is_initialized():
            try:
                dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
            except ValueError as error:  # a variable that is missing or no number
                raise UsageError(
                    f"WORLD_SIZE is {self.world} in the environment, but this process does not find the others ("
                    f"{error}); start them all with torchrun, or unset WORLD_SIZE to train in one process."
                ) from error

    @property
    def first(self) -> bool:
        """Whether this process writes what is written once."""
        return self.rank == 0

    @property
    def device(self) -> torch.device:
        """Where tensors that are sent must be."""
        if self.world > 1 and dist.get_backend() == "nccl":
            return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        return torch.device("cpu")

    def mean(self, tensors: Sequence[Tensor | None]) -> list[Tensor | None]:
        """The mean of each tensor over ranks (None stays None): one message for each dtype."""
        if self.world == 1:
            return list(tensors)
        means = list(tensors)
        for dtype in sorted({t.dtype for t in tensors if t is not None}, key=str):
            places = [i for i, t in enumerate(tensors) if t is not None and t.dtype == dtype]
            group = [t for t in tensors if t is not None and t.dtype == dtype]
            flat = _flatten_dense_tensors([t.contiguous() for t in group])
            dist.all_reduce(flat)
            flat.div_(self.world)
            for i, mean in zip(places, _unflatten_dense_tensors(flat, group), strict=True):
                means[i] = torch.empty_like(group[places.index(i)]).copy_(mean)
        return means

    def greatest(self, *values: int) -> list[int]:
        """The greatest of each value over ranks."""
        if self.world == 1:
            return list(values)
        tensor = torch.tensor(values, device=self.device)
        dist.all_reduce(tensor, dist.ReduceOp.MAX)
        return tensor.tolist()

    def agree(self, value: int) -> bool:
        """Whether every rank has the same value."""
        greatest, least = self.greatest(value, -value)
        return greatest == -least

    def from_first(self, values: Sequence[float]) -> list[float]:
        """The values that rank 0 has."""
        if self.world == 1:
            return list(values)
        tensor = torch.tensor(values, dtype=torch.float64, device=self.device)
        dist.broadcast(tensor, 0)
        return tensor.tolist()

    def text_from_first(self, text: str) -> str:
        """The text that rank 0 has (at most 4,000 bytes)."""
        if self.world == 1:
            return text
        raw = text.encode()[:4000]
        padded = list(raw) + [0] * (4000 - len(raw))
        return bytes(int(v) for v in self.from_first(padded)).rstrip(b"\0").decode()

    def wait(self) -> None:
        """Return when every rank is here."""
        if self.world > 1:
            dist.barrier()

"""Averaged weights by name: put in place for good, or for a while."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn


@torch.no_grad()
def put(module: nn.Module, averages: Mapping[str, Tensor]) -> None:
    """Copy averages into the parameters of the same names."""
    parameters = dict(module.named_parameters())
    for name, average in averages.items():
        parameters[name].copy_(average)


@contextlib.contextmanager
def in_place(module: nn.Module, averages: Mapping[str, Tensor]) -> Iterator[None]:
    """The module with averaged weights and in eval mode, then as it was."""
    parameters = dict(module.named_parameters())
    raw = {name: parameters[name].detach().clone() for name in averages}
    training = module.training
    put(module, averages)
    module.eval()
    try:
        yield
    finally:
        module.train(training)
        put(module, raw)

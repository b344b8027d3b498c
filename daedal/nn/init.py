"""How weights start, where torch's default is not what a paper asks for: each function returns the layer it is given.

>>> zero(nn.Linear(2, 1)).weight.tolist()
[[0.0, 0.0]]
"""

from __future__ import annotations

from typing import TypeVar

from torch import nn

Layer = TypeVar("Layer", bound=nn.Linear | nn.Conv2d)


def zero(layer: Layer) -> Layer:
    """Weight and bias zero, so that what the layer is added to passes unchanged at first."""
    nn.init.zeros_(layer.weight)
    return _without_bias(layer)


def balanced(layer: Layer) -> Layer:
    """Weight uniform with variance 2 / (fan-in + fan-out) (Glorot and Bengio 2010), bias zero."""
    nn.init.xavier_uniform_(layer.weight)
    return _without_bias(layer)


def _without_bias(layer: Layer) -> Layer:
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer

"""A multilayer perceptron, and the activations by name.

>>> import torch
>>> MLP(2, (64, 64), 1)(torch.zeros(5, 2)).shape
torch.Size([5, 1])
>>> [type(layer).__name__ for layer in MLP(2, (), 1)]  # no hidden layer: an affine map
['Linear']
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from torch import nn

from daedal.nn.dropout import Dropout

Activation = Literal["silu", "relu", "tanh", "leaky-relu"]


def activate(name: Activation) -> nn.Module:
    """The activation of that name; leaky-relu has the slope 0.2 that GANs use."""
    if name == "leaky-relu":
        return nn.LeakyReLU(0.2)
    return {"silu": nn.SiLU, "relu": nn.ReLU, "tanh": nn.Tanh}[name]()


class MLP(nn.Sequential):
    """(n, inputs) -> (n, outputs) through layers of the widths `hidden`, an activation after each but the last."""

    def __init__(
        self,
        inputs: int,
        hidden: Sequence[int],
        outputs: int,
        *,
        activation: Activation = "silu",
        dropout: float = 0.0,
    ):
        layers: list[nn.Module] = []
        for width in hidden:
            layers += [nn.Linear(inputs, width), activate(activation)]
            layers += [Dropout(dropout)] if dropout else []
            inputs = width
        super().__init__(*layers, nn.Linear(inputs, outputs))

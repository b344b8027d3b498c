"""Dropout on a CPU, forward and backward, against torch's: on a perceptron's layer and on the maps of a convolution."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import nn

from benchmarks.common import bar, interleave, publish, ratio
from daedal.nn.dropout import Dropout

CASES = {"128x128": ((128, 128), 2000), "128x48x8x8": ((128, 48, 8, 8), 50)}  # shape, and how often in a block
P = 0.1


def work(layer: nn.Module, x: torch.Tensor, repeats: int) -> None:
    """A batch in training, forward and backward."""
    for _ in range(repeats):
        torch.autograd.grad(layer(x).sum(), x)


def measure(shape: tuple[int, ...], repeats: int) -> dict[str, Any]:
    x = torch.randn(shape, requires_grad=True)
    ways = {
        name: partial(work, layer(P).train(), x, repeats)
        for name, layer in {"ours": Dropout, "torch": nn.Dropout}.items()
    }
    times = interleave(ways, blocks=15)
    return {"torch_over_ours": ratio(times, "torch", "ours"), "seconds": times}


def main() -> None:
    torch.set_num_threads(2)
    cases = {name: measure(*case) for name, case in CASES.items()}
    bars = {f"torch over ours, {name}": bar(case["torch_over_ours"], at_least=1.5) for name, case in cases.items()}
    publish("dropout", {"bars": bars, "cases": cases})


if __name__ == "__main__":
    main()

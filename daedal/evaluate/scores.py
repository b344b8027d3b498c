"""How well predictions agree with the truth: R2 of numbers, accuracy of choices, intersection over union of classes.

>>> r2(torch.tensor([[1.0], [2.0], [3.0]]), torch.tensor([[1.0], [2.0], [3.0]])).tolist()
[1.0]
>>> iou(torch.tensor([0, 1, 1]), torch.tensor([0, 0, 1]), 3).tolist()
[0.5, 0.5, nan]
"""

from __future__ import annotations

import torch
from torch import Tensor


def r2(predicted: Tensor, true: Tensor) -> Tensor:
    """Share of each number's variance that predictions (n, d) explain, float64 (d,); NaN where it is constant."""
    predicted, true = predicted.double(), true.double()
    total = (true - true.mean(0)).square().sum(0)
    return torch.where(total > 0, 1 - (true - predicted).square().sum(0) / total, torch.nan)


def accuracy(log_probs: Tensor, true: Tensor) -> float:
    """Share of items whose likeliest class (n, classes) is the true one (n,)."""
    return (log_probs.argmax(1) == true).double().mean().item()


def iou(predicted: Tensor, true: Tensor, classes: int) -> Tensor:
    """Of each class, pixels that are both over pixels that are either, float64 (classes,); NaN without any."""
    pairs = torch.bincount(classes * true.flatten() + predicted.flatten(), minlength=classes**2)
    counts = pairs.view(classes, classes).double()
    both = counts.diagonal()
    return both / (counts.sum(0) + counts.sum(1) - both)

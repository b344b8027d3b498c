"""A residual perceptron over vectors that knows the time: for vectors what the U-Net is for images.

He et al. 2016, arXiv:1603.05027 (pre-activation), with layer normalisation and the time added in each block.

>>> import torch
>>> net = TimedMLP(2, 2, width=16, blocks=2)
>>> net(torch.randn(5, 2), torch.full((5,), 10.0)).abs().max().item()  # the last layer starts at zero
0.0
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from daedal.nn.dropout import Dropout
from daedal.nn.embed import TimeEmbedding
from daedal.nn.init import balanced, zero


class _Block(nn.Module):
    def __init__(self, width: int, embedding: int, dropout: float):
        super().__init__()
        self.norm, self.first = nn.LayerNorm(width), balanced(nn.Linear(width, width))
        self.embed = balanced(nn.Linear(embedding, width))
        self.dropout, self.second = Dropout(dropout), zero(nn.Linear(width, width))

    def forward(self, h: Tensor, embedding: Tensor) -> Tensor:
        inner = F.silu(self.first(self.norm(h)) + self.embed(embedding))
        return h + self.second(self.dropout(inner))


class TimedMLP(nn.Module):
    """Maps (n, inputs) at times (n,), conditioned on a vector (n, embedding_dim), to (n, outputs)."""

    def __init__(self, inputs: int, outputs: int, *, width: int, blocks: int, dropout: float = 0.0):
        super().__init__()
        self.time = TimeEmbedding(min(width, 64))
        self.embedding_dim = self.time.dim
        self.first = balanced(nn.Linear(inputs, width))
        self.blocks = nn.ModuleList(_Block(width, self.embedding_dim, dropout) for _ in range(blocks))
        self.last = zero(nn.Linear(width, outputs))

    def forward(self, x: Tensor, time: Tensor, vector: Tensor | None = None) -> Tensor:
        """`time` is in 0 .. 1,000; `vector` is added to its embedding."""
        embedding = self.time(time)
        embedding = F.silu(embedding if vector is None else embedding + vector)
        h = self.first(x)
        for block in self.blocks:
            h = block(h, embedding)
        return self.last(F.silu(h))

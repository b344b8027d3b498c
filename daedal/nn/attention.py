"""Self-attention over the pixels of a map, as a residual that starts at zero.

Wang et al. 2018, arXiv:1711.07971, in the form of Ho, Jain and Abbeel 2020, arXiv:2006.11239.

>>> import torch
>>> block, x = PixelAttention(16), torch.randn(2, 16, 4, 4)
>>> bool((block(x) == x).all())
True
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from daedal.nn.init import zero
from daedal.nn.norm import group_norm


class PixelAttention(nn.Module):
    """x + project(softmax(q k^T / sqrt(c / heads)) v) over the h w pixels of GroupNorm(x): (n, c, h, w) to the same."""

    def __init__(self, channels: int, heads: int = 1):
        super().__init__()
        if channels % heads:
            raise ValueError(f"'heads' of PixelAttention must divide {channels} channels; got {heads}.")
        self.heads = heads
        self.norm = group_norm(channels)
        self.qkv = nn.Conv2d(channels, 3 * channels, 1)
        for weight in self.qkv.weight.chunk(3):  # three layers in one: each starts as it would alone
            nn.init.xavier_uniform_(weight)
        self.project = zero(nn.Conv2d(channels, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        """The map with what each pixel gathered from all others added to it."""
        n, c, h, w = x.shape
        parts = self.qkv(self.norm(x)).reshape(n, 3, self.heads, c // self.heads, h * w).transpose(-1, -2)
        gathered = F.scaled_dot_product_attention(parts[:, 0], parts[:, 1], parts[:, 2])  # 4-D, as ONNX wants it
        return x + self.project(gathered.transpose(-1, -2).reshape(n, c, h, w))

"""Sampling pixel by pixel, plainly and from remembered activations.

Plain ancestral sampling evaluates the whole network once for each number of an image. Remembering every layer's
activations, a new pixel costs one pixel's column of the network (Ramachandran et al. 2017, arXiv:1704.06001):
about 1/(h w) of the work, with the same numbers up to rounding.

Randomness is one uniform number for each number of the image, drawn beforehand, so both ways of evaluating
give the same images under the same generator.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from daedal.nn.masked import MaskedConv2d

LogitsAt = Callable[[Tensor, int, int, int], Tensor]


def sample_raster(logits_at: LogitsAt, uniform: Tensor, *, temperature: float = 1.0) -> Tensor:
    """Codes (n, c, h, w), int64, drawn in raster order, colour by colour within a pixel.

    `logits_at(codes, row, column, colour)` gives the logits (n, classes) there; it may read the codes drawn
    so far. `uniform` (n, c, h, w) in [0, 1) decides, by the inverse of the cumulative distribution.
    """
    colours, height, width = uniform.shape[1:]
    codes = torch.zeros(uniform.shape, dtype=torch.long, device=uniform.device)
    draws = uniform.permute(2, 3, 1, 0).contiguous()
    for row in range(height):
        for column in range(width):
            for colour in range(colours):
                logits = logits_at(codes, row, column, colour)
                logits = logits if temperature == 1 else logits / temperature
                codes[:, colour, row, column] = invert(logits, draws[row, column, colour])
    return codes


def invert(logits: Tensor, uniform: Tensor) -> Tensor:
    """The class at which the cumulative distribution of the logits (n, classes) passes `uniform` (n,)."""
    cumulative = logits.softmax(-1).cumsum(-1)
    passed = torch.searchsorted(cumulative, uniform[:, None], right=True)[:, 0]
    return passed.clamp_(max=logits.shape[-1] - 1)  # a sum of 1 - 1e-7 may be passed by the largest draws


class Columns:
    """Applies masked convolutions to one pixel at a time: (n, inputs) to (n, outputs).

    Pass it as the `apply` of a causal network, after `move(row, column)`, in raster order. It remembers each
    layer's inputs, and adds up what the rows above contribute once a row.
    """

    def __init__(self, width: int):
        self.width = width
        self.row = self.column = 0
        self._memories: dict[MaskedConv2d, _Memory] = {}

    def move(self, row: int, column: int) -> None:
        """Go to a pixel."""
        self.row, self.column = row, column

    def __call__(self, layer: MaskedConv2d, x: Tensor) -> Tensor:
        """The layer's output at this pixel, for its input there and all that came before."""
        return self._memory(layer, x).at(self.row, self.column, x)

    def remember(self, layer: MaskedConv2d, x: Tensor, row: int, column: int) -> None:
        """Correct what a layer was given at a pixel of this row or of the last pixel before it."""
        self._memory(layer, x).write(row, column, x)

    def _memory(self, layer: MaskedConv2d, x: Tensor) -> _Memory:
        if layer not in self._memories:
            self._memories[layer] = _Memory(layer, x, self.width)
        return self._memories[layer]


class _Memory:
    """One layer's inputs: the `reach` rows above the present one, and the present one up to its pixel."""

    def __init__(self, layer: MaskedConv2d, x: Tensor, width: int):
        weight = layer.masked_weight().detach()
        outputs, inputs, size, _ = weight.shape
        reach = self.reach = size // 2
        self.row = 0
        beside = weight[:, :, reach, : reach + 1]  # this row: the pixels to the left and the pixel itself
        self.beside = beside.permute(2, 1, 0).reshape(-1, outputs).contiguous()
        self.above = weight[:, :, :reach].permute(2, 3, 1, 0).reshape(-1, outputs)
        bias = x.new_zeros(outputs) if layer.bias is None else layer.bias.detach()
        self.bias = bias.expand(len(x), -1).contiguous()  # a product adds a whole matrix faster than one row of it
        self.rows = x.new_zeros(len(x), reach, width + 2 * reach, inputs)
        self.present = x.new_zeros(len(x), width + 2 * reach, inputs)
        self.base = [self.bias] * width
        # Views of `present`, made once: a pixel is so little work that indexing would cost as much as the products.
        self.pixels = self.present[:, reach : reach + width].unbind(1)
        flat = self.present.flatten(1)
        self.windows = [flat[:, column * inputs : (column + reach + 1) * inputs] for column in range(width)]

    def at(self, row: int, column: int, x: Tensor) -> Tensor:
        if not self.reach:
            return torch.addmm(self.bias, x, self.beside)
        self.write(row, column, x)
        return torch.addmm(self.base[column], self.windows[column], self.beside)

    def write(self, row: int, column: int, x: Tensor) -> None:
        if row != self.row:
            self._next_row(row)
        self.pixels[column].copy_(x)

    def _next_row(self, row: int) -> None:
        """Move the finished row up, and convolve the rows above for the whole of the new one."""
        self.rows = torch.cat([self.rows[:, 1:], self.present[:, None]], 1)
        self.present.zero_()
        windows = self.rows.unfold(2, 2 * self.reach + 1, 1).permute(2, 0, 1, 4, 3)  # (width, n, reach, size, inputs)
        self.base = list((windows.flatten(2) @ self.above + self.bias).unbind(0))
        self.row = row


def remembered(
    evaluate: Callable[[Tensor, int, int, Columns], Tensor],
    encode: Callable[[Tensor], Tensor],
    first: MaskedConv2d,
    width: int,
) -> LogitsAt:
    """The `logits_at` of a network evaluated one pixel at a time.

    `encode` maps the codes of one pixel (n, c) to what the layer `first` reads, (n, inputs); `evaluate(inputs,
    row, column, apply)` is the network there: (n, c, classes).
    """
    columns, blank = Columns(width), []

    def logits_at(codes: Tensor, row: int, column: int, colour: int) -> Tensor:
        if colour == 0 and (row or column):  # the last pixel's last colour was drawn after its last evaluation
            before = divmod(row * width + column - 1, width)
            columns.remember(first, encode(codes[:, :, before[0], before[1]]), *before)
        if not blank:
            blank.append(encode(torch.zeros_like(codes[:, :, 0, 0])))  # every pixel, before its first colour is drawn
        columns.move(row, column)
        inputs = encode(codes[:, :, row, column]) if colour else blank[0]
        return evaluate(inputs, row, column, columns)[:, colour]

    return logits_at

"""PixelCNN: the exact probability of an image, pixel by pixel, from masked convolutions.

van den Oord, Kalchbrenner and Kavukcuoglu 2016, "Pixel Recurrent Neural Networks", arXiv:1601.06759, section 3.

    log p(x) = sum over pixels i and colours c of log p(x_ic | all before it),   each a softmax over the levels

| code | paper |
|---|---|
| `width` | h; the residual stream has 2h channels |
| `blocks` | residual blocks: ReLU, 1x1, ReLU, masked 3x3 (B), ReLU, 1x1, skip |
| `head` | channels of the 1x1 convolution before the softmax |
| colours | the channels R, G, B in this order, each seeing those before it |

Deviations. Dropout inside the blocks and decay of the weights, because data sets here are small: without them
1297 digits are learnt by heart in two minutes. A channel of ones beside the values tells the border from a middle
grey. Paper: Table 1 has "2 layers" of ReLU and 1x1 convolution before the softmax [M]; here: they are taken to be the
one of `head` channels and the one that gives the logits. Maps of labels (codes of a picture) are embedded first.
Adam with decoupled decay (Paper: RMSProp). `given` enters as in Gated PixelCNN (van den Oord et al. 2016,
arXiv:1606.05328): a bias in each block, and a map where a value has a place.

>>> space = Images(1, 1, 2, levels=3)
>>> images = space.from_levels(torch.cartesian_prod(torch.arange(3), torch.arange(3))).view(9, 1, 1, 2)
>>> round(PixelCNN(space).eval().log_prob(images).exp().sum().item(), 4)  # of all the images that there are
1.0
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from daedal.capabilities import Given, Samples, Scores
from daedal.declare import Fraction, NonNegativeFloat, Paper, PositiveFloat, PositiveInt, Recipe
from daedal.nn.condition import Condition
from daedal.nn.dropout import Dropout
from daedal.nn.masked import Apply, MaskedConv2d, spread, whole
from daedal.play.player import Player, Rate, adamw, linear
from daedal.play.system import System
from daedal.play.turn import Batch, Turn
from daedal.samplers.autoregressive import remembered, sample_raster
from daedal.spaces import Images, Labels, Space

MOST_LEVELS = 256  # a softmax over more levels has too little data for each


class PixelCNN(System, Samples, Scores):
    """Exact likelihood by masked convolutions in raster order; samples pixel by pixel.

    Options:
        width: channels inside a residual block; the stream between blocks has twice as many
        blocks: number of residual blocks
        head: channels of the layer before the softmax
        dropout: share of a block's channels left out in training
        weight_decay: pull of the weights towards zero, times the rate, at each step
        given_dropout: share of items whose `given` is left out in training, so that sampling can do without
    """

    accepts = (Images, Labels)
    measure = "counting"
    kind = "exact"
    recipe = Recipe(batch_size=64, steps=2000, rate=4e-3, epochs=140)
    paper = Paper(
        title="Pixel Recurrent Neural Networks",
        authors="van den Oord, A., Kalchbrenner, N. and Kavukcuoglu, K.",
        year=2016,
        venue="ICML",
        arxiv="1601.06759",
        space={"space": "Images", "channels": 3, "height": 32, "width": 32, "levels": 256},  # CIFAR-10
        # [M] h = 128 and 15 blocks, 1024 features before the softmax, batches of 16; RMSProp there, Adam here.
        options={"width": 128, "blocks": 15, "head": 1024, "dropout": 0.0, "weight_decay": 0.0},
        recipe=Recipe(batch_size=16, steps=400000, rate=1e-3),
    )
    compiles = ("network",)
    toy: ClassVar = {"width": 8, "blocks": 2, "dropout": 0.0, "weight_decay": 0.0}

    def __init__(
        self,
        x: Space,
        given: dict[str, Space] | None = None,
        *,
        width: PositiveInt | None = None,
        blocks: PositiveInt | None = None,
        head: PositiveInt | None = None,
        dropout: Fraction | None = None,
        weight_decay: NonNegativeFloat | None = None,
        given_dropout: Fraction = 0.0,
    ):
        super().__init__(x, given)
        colours, height, across, levels = _grid(x)
        small = height * across <= 256
        self.width = width or (48 if small else 64)
        self.blocks = blocks or (5 if small else 7)
        self.head = head or 2 * self.width
        self.dropout = (0.5 if small else 0.2) if dropout is None else dropout
        self.weight_decay = (0.5 if small else 0.01) if weight_decay is None else weight_decay
        self.given_dropout = given_dropout
        self.grid = (colours, height, across)
        self.encoding = _Symbols(levels, min(levels, 32)) if isinstance(x, Labels) else _Values(levels)
        self.condition = Condition(self.given, 2 * self.width, size=(height, across), dropout=given_dropout)
        self.network = _Network(self, colours, levels)

    # -- likelihood

    def codes(self, x: Tensor) -> Tensor:
        """Border form to levels: int64 (n, c, h, w)."""
        return self.x.to_levels(x) if isinstance(self.x, Images) else x[:, None]

    def logits(self, codes: Tensor, given: Given) -> Tensor:
        """The network's logits for codes (n, c, h, w): (n, c, levels, h, w)."""
        n = len(codes)
        keep = self.condition.keep(n, codes.device)
        vector = self.condition.vector(given, n, keep) if self.given else None
        planes = self.condition.planes(given, n, keep) if self.condition.channels else None
        return self.network(self._encode(codes), vector, self.network.place(planes), whole)

    def _encode(self, codes: Tensor) -> Tensor:
        """What the first layer reads, in the dtype of its weights: of a map (n, c, h, w), or of one pixel (n, c)."""
        return self.encoding(codes, self.network.first.weight.dtype)  # `self.dtype` looks through all modules

    def log_prob(self, x: Tensor, *, given: Given | None = None) -> Tensor:
        """log P(x | given) of the grid values: nats, (n,)."""
        codes = self.codes(x)
        logits = self.logits(codes, self.prepare_given(given, len(x)))
        return logits.log_softmax(2).gather(2, codes[:, :, None]).flatten(1).sum(1)

    # -- training

    def loss(self, batch: Batch) -> Tensor:
        """Minus the mean log-likelihood: nats."""
        codes = self.codes(batch.x)
        logits = self.logits(codes, batch.given)
        return F.cross_entropy(logits.flatten(0, 1), codes.flatten(0, 1), reduction="sum") / len(codes)

    def turns(self, batches: Iterator[Batch]) -> Iterator[Turn]:
        """One batch, one step."""
        loss = self.loss(next(batches))
        yield Turn("model", loss, scalars={"bits-per-dim": loss.detach() / (self.x.dim * math.log(2))})

    def players(self) -> dict[str, Player]:
        """All parameters, at a rate that rises for a tenth of training and then falls to zero along a line."""
        optimizer = partial(adamw, weight_decay=self.weight_decay)
        return {"model": Player(self.parameters(), optimizer, Rate(self.recipe.rate, linear(warmup=0.1)))}

    # -- sampling

    def draw(
        self,
        n: int,
        given: Given,
        generator: torch.Generator | None,
        *,
        temperature: PositiveFloat = 1.0,
        cached: bool = True,
    ) -> Tensor:
        """Items drawn pixel by pixel.

        Options:
            temperature: logits are divided by it; below 1 samples are likelier and less diverse
            cached: remember activations, which is much faster and gives the same images
        """
        uniform = torch.rand((n, *self.grid), generator=generator, dtype=self.dtype, device=self.device)
        codes = sample_raster(self._logits_at(given, n, cached), uniform, temperature=temperature)
        return self.x.from_levels(codes) if isinstance(self.x, Images) else codes[:, 0]

    def _logits_at(self, given: Given, n: int, cached: bool):
        """What `sample_raster` asks: by the whole network, or by one pixel's column of it."""
        if not cached:
            return lambda codes, row, column, colour: self.logits(codes, given)[:, colour, :, row, column]
        vector = self.condition.vector(given, n) if self.given else None
        planes = self.network.place(self.condition.planes(given, n) if self.condition.channels else None)

        def evaluate(x: Tensor, row: int, column: int, apply: Apply) -> Tensor:
            here = None if planes is None else planes[:, :, row, column]
            return self.network.forward(x, vector, here, apply)  # --compile would make a graph for each pixel

        return remembered(evaluate, self._encode, self.network.first, self.grid[2])


def _grid(x: Space) -> tuple[int, int, int, int]:
    """(colours, height, width, levels) of images or of a map of labels; ValueError for other shapes."""
    shape, levels = x.shape, x.levels if isinstance(x, Images) else getattr(x, "classes", 0)
    if len(shape) not in (2, 3) or (len(shape) == 2) is isinstance(x, Images):
        raise ValueError(f"PixelCNN models images without frames, or labels of a shape (h, w); got {x}.")
    if levels > MOST_LEVELS and isinstance(x, Images):
        raise ValueError(f"PixelCNN models images of at most {MOST_LEVELS} levels; got {levels}.")
    return (1, *shape, levels) if len(shape) == 2 else (*shape, levels)  # type: ignore[return-value]


class _Values(nn.Module):
    """Levels as numbers in [-1, 1], each beside a one: (n, c, ...) -> (n, 2c, ...)."""

    features = 2

    def __init__(self, levels: int):
        super().__init__()
        self.cell = 2 / (levels - 1)

    def forward(self, codes: Tensor, dtype: torch.dtype) -> Tensor:
        values = codes.to(dtype) * self.cell - 1
        return torch.stack([values, torch.ones_like(values)], 2).flatten(1, 2)


class _Symbols(nn.Module):
    """Codes without an order, embedded: (n, c, ...) -> (n, c * features, ...)."""

    def __init__(self, levels: int, features: int):
        super().__init__()
        self.features = features
        self.table = nn.Embedding(levels, features)

    def forward(self, codes: Tensor, dtype: torch.dtype) -> Tensor:
        return self.table(codes).movedim(-1, 2).flatten(1, 2).to(dtype)


class _Network(nn.Module):
    """Masked convolutions from encoded codes to logits; on a map, or at one pixel (see `daedal.nn.masked`)."""

    def __init__(self, system: PixelCNN, colours: int, levels: int):
        super().__init__()
        stream, self.shape = 2 * system.width, (colours, levels)
        self.first = MaskedConv2d(colours * system.encoding.features, stream, 7, mask="A", colours=colours)
        self.blocks = nn.ModuleList(
            _Block(system.width, colours, system.dropout, condition=bool(system.given)) for _ in range(system.blocks)
        )
        self.penultimate = MaskedConv2d(stream, system.head, 1, mask="B", colours=colours)
        self.last = MaskedConv2d(system.head, colours * levels, 1, mask="B", colours=colours)
        planes = system.condition.channels
        self.planes = nn.Conv2d(planes, stream, 7, padding=3) if planes else None

    def place(self, planes: Tensor | None) -> Tensor | None:
        """What maps in `given` add to the first layer: (n, 2h, h, w). Not masked: they come before every pixel."""
        return None if self.planes is None or planes is None else self.planes(planes)

    def forward(self, x: Tensor, vector: Tensor | None, planes: Tensor | None, apply: Apply) -> Tensor:
        if x.ndim == 4:  # a map, not one pixel; this layout is a seventh faster on a CPU
            x = x.contiguous(memory_format=torch.channels_last)
        x = apply(self.first, x)
        x = x if planes is None else x + planes
        for block in self.blocks:
            x = block(x, vector, apply)
        x = apply(self.last, F.relu(apply(self.penultimate, F.relu(x))))
        return x.unflatten(1, self.shape)


class _Block(nn.Module):
    """The paper's residual block; `given` adds a bias before the masked convolution."""

    def __init__(self, width: int, colours: int, dropout: float, *, condition: bool):
        super().__init__()
        self.narrow = MaskedConv2d(2 * width, width, 1, mask="B", colours=colours)
        self.look = MaskedConv2d(width, width, 3, mask="B", colours=colours)
        self.widen = MaskedConv2d(width, 2 * width, 1, mask="B", colours=colours)
        self.bias = nn.Linear(2 * width, width) if condition else None
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor, vector: Tensor | None, apply: Apply) -> Tensor:
        y = apply(self.narrow, F.relu(x))
        if self.bias is not None and vector is not None:
            y = y + spread(self.bias(vector), y)
        y = apply(self.look, F.relu(y, inplace=True))
        y = F.relu(y, inplace=True)
        return x + apply(self.widen, self.dropout(y) if self.training else y)  # a call less for each pixel drawn

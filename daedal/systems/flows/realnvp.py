"""RealNVP: an invertible network, so that the density of an item is that of its code times a volume change.

Dinh, Sohl-Dickstein and Bengio 2017, "Density estimation using Real NVP", arXiv:1605.08803; official code in
tensorflow/models (real_nvp).

    log p(x) = log N(f(x); 0, I) + log |det df/dx|

Images, scale by scale: three couplings over checkerboards, squeeze, three over halves of the channels, half of the
channels are factored out; the last scale has four over checkerboards. Each squeeze doubles the feature maps of what
comes after it (section 3.6, and `2 * dim` in the official code). Vectors: couplings over alternating halves.

| code | paper |
|---|---|
| `flow` | f |
| `couplings` | couplings, for vectors (the last one included); a scale of images has 3 + 3, the last 4 |
| `blocks`, `width` | residual blocks of the networks s and t, and their feature maps before the first squeeze |

Deviations. A learned affine map of each number comes first (the identity at the start), since pixels differ in
their spread by their place, and the networks know the place. Batch normalisation is off, since it makes the loss
of an item depend on its batch; `norm="batch"` puts it after each coupling, over all positions. Residual blocks are
neither batch- nor weight-normalised, their activation is SiLU, and they have dropout: data sets here are small.
For vectors the networks s and t are perceptrons with ReLU.
Paper: L2 on the magnitudes of weight normalisation; here: decoupled decay (AdamW) of all parameters, as there are no
such magnitudes. Official code: the gradient's norm is clipped at 100, the rate is constant and the last weights are
used; here: clipped at 1, the rate rises for 2 % of training and falls to zero along half a cosine, and weights are
averaged with a decay of .99 (0 in the paper's configuration), because budgets here are short.
Data is dequantised in the rounds, never in `log_prob`.

>>> flow, x = RealNVP(Vectors(2)).eval(), torch.tensor([[1.0, -2.0]])
>>> torch.allclose(flow.decode(flow.encode(x)), x, atol=1e-5)
True
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from daedal.capabilities import Decodes, Encodes, ExactInverse, Given, Samples, Scores
from daedal.declare import Fraction, NonNegativeFloat, Paper, PositiveInt, Recipe
from daedal.nn.bijections import (
    Bijection,
    Chain,
    Context,
    Elementwise,
    FlowBatchNorm,
    Logit,
    MultiScale,
    Squeeze,
)
from daedal.nn.condition import Condition
from daedal.nn.coupling import (
    AffineCoupling,
    ConvConditioner,
    VectorConditioner,
    alternating,
    channel_halves,
    checkerboard,
)
from daedal.nn.unused import without
from daedal.play.player import Average, Player, Rate, adamw, cosine
from daedal.play.system import System
from daedal.play.turn import Batch
from daedal.spaces import Images, Space, Vectors

Shape = tuple[int, int, int]

COUPLINGS = 12
SMALL = 16  # pixels a side
SMALL_IMAGES = Recipe(batch_size=128, steps=2000, rate=2e-3, epochs=200)
VECTORS = Recipe(batch_size=256, steps=5000, rate=5e-3)


class RealNVP(System, Samples, Scores, Encodes, Decodes, ExactInverse):
    """A flow of affine couplings: multi-scale over images, with perceptrons over vectors.

    Options:
        scales: how many sizes of image there are, each half the one before; chosen by the space
        couplings: number of couplings for vectors; 12 unless given
        blocks: residual blocks of each network over images (hidden layers, for vectors); chosen by the space
        width: feature maps before any squeeze, each doubles them (units of a layer, for vectors); chosen by the space
        norm: batch normalisation after each coupling, or none
        dropout: share of features dropped in training; chosen by the space
        weight_decay: how strongly weights are pulled to zero
        average_decay: decay of the running average of the weights
    """

    paper = Paper(
        title="Density estimation using Real NVP",
        authors="Dinh, L., Sohl-Dickstein, J. and Bengio, S.",
        year=2017,
        venue="ICLR",
        arxiv="1605.08803",
        space={"space": "Images", "channels": 3, "height": 32, "width": 32, "levels": 256},
        options={
            "scales": 2,
            "blocks": 8,  # [M]
            "width": 64,  # [M]
            "norm": "batch",
            "dropout": 0.0,
            "weight_decay": 5e-5,
            "average_decay": 0.0,
        },
        recipe=Recipe(batch_size=64, steps=500_000, rate=1e-3),  # steps: our choice, the paper gives none
    )
    recipe = Recipe(batch_size=128, steps=3000, rate=2e-3)
    measure = "lebesgue"
    kind = "exact"
    compiles = ("flow",)
    toy: ClassVar = {"blocks": 1, "width": 8, "dropout": 0.0}

    def __init__(
        self,
        x: Space,
        given: Mapping[str, Space] | None = None,
        *,
        scales: PositiveInt | None = None,
        couplings: PositiveInt | None = None,
        blocks: PositiveInt | None = None,
        width: PositiveInt | None = None,
        norm: Literal["none", "batch"] = "none",
        dropout: Fraction | None = None,
        weight_decay: NonNegativeFloat = 0.0,
        average_decay: Fraction = 0.99,
    ):
        super().__init__(x, given)
        size = _size(x)
        if isinstance(x, Vectors):
            self.recipe = VECTORS
        elif _is_small(x):
            self.recipe = SMALL_IMAGES
        self.scales, self.couplings = _depth(x, scales, couplings)
        self.norm = norm
        self.blocks = size["blocks"] if blocks is None else blocks
        self.width = size["width"] if width is None else width
        self.dropout = size["dropout"] if dropout is None else dropout
        self.weight_decay, self.average_decay = weight_decay, average_decay
        map_size = (x.height, x.width) if isinstance(x, Images) else None
        self.condition = Condition(self.given, self.width, size=map_size)
        self.flow = self._image_flow(x) if isinstance(x, Images) else self._vector_flow(x)

    # -- the flow

    def _vector_flow(self, x: Space) -> Chain:
        hidden = (self.width,) * self.blocks
        vector = self.width if self.given else 0
        layers: list[Bijection] = [Elementwise(x.shape)]
        for turn in range(self.couplings or 0):
            conditioner = VectorConditioner(x.dim, hidden, dropout=self.dropout, vector=vector)
            layers += [AffineCoupling(alternating(x.dim, turn), conditioner), *self._norm(x.dim)]
        return Chain(layers)

    def _image_flow(self, x: Images) -> MultiScale:
        shape = (x.channels * (x.frames or 1), x.height, x.width)
        scales = self.scales or 1
        if (most := count_scales(shape[1:])) < scales:
            raise ValueError(
                f"'scales' of RealNVP must be an integer in [1, {most}] for images of {x.height}x{x.width}; "
                f"got {scales}."
            )
        stages, before, width = [], [Logit(x.cell), Elementwise(shape)], self.width
        for _ in range(scales - 1):
            c, h, w = shape
            wide = (4 * c, h // 2, w // 2)
            checkers = self._checkerboards(shape, width, 3)
            width *= 2
            channels = self._couplings(wide, width, [channel_halves(4 * c, i) for i in range(3)])
            stages.append(Chain([*before, *checkers, Squeeze(), *channels]))
            before = []
            shape = (2 * c, h // 2, w // 2)
        return MultiScale(stages, Chain([*before, *self._checkerboards(shape, width, 4)]), shape)

    def _checkerboards(self, shape: Shape, width: int, count: int) -> list[Bijection]:
        return self._couplings(shape, width, [checkerboard(shape[1], shape[2], i) for i in range(count)])

    def _couplings(self, shape: Shape, width: int, masks: list[Tensor]) -> list[Bijection]:
        make = partial(
            ConvConditioner,
            shape[0],
            (shape[1], shape[2]),
            width=width,
            blocks=self.blocks,
            dropout=self.dropout,
            vector=self.width if self.given else 0,
            planes=self.condition.channels,
        )
        return [layer for mask in masks for layer in (AffineCoupling(mask, make()), *self._norm(shape[0]))]

    def _norm(self, channels: int) -> list[Bijection]:
        return [FlowBatchNorm(channels)] if self.norm == "batch" else []

    # -- training

    def players(self) -> dict[str, Player]:
        """One player."""
        optimizer = partial(adamw, weight_decay=self.weight_decay)
        rate = Rate(self.recipe.rate, cosine(warmup=0.02))
        return {"model": Player(self.parameters(), optimizer, rate, Average(self.average_decay), clip=1.0)}

    def loss(self, batch: Batch) -> Tensor:
        """Minus the log-likelihood in nats a dimension, of dequantised images or of vectors."""
        x = self.x.dequantise(batch.x) if isinstance(self.x, Images) else batch.x
        return -self._log_prob(x, batch.given).mean() / self.x.dim

    # -- the verbs

    def log_prob(self, x: Tensor, *, given: Given | None = None) -> Tensor:
        """log p(x), a density in border units (images) or user units (vectors): nats, (n,)."""
        return self._log_prob(x, self.prepare_given(given, len(x)))

    def _log_prob(self, x: Tensor, given: Given) -> Tensor:
        z, log_det = self.flow(self._inner(x), self._context(given, len(x)))
        prior = -0.5 * (z.square().sum(1) + self.x.dim * math.log(2 * math.pi))
        return prior + log_det + self.standardise.log_det

    @property
    def latent_space(self) -> Vectors:
        """As many numbers as the item has; standard normal under the model."""
        return Vectors(self.x.dim)

    def encode(self, x: Tensor, *, given: Given | None = None) -> Tensor:
        """z = f(x): (n, dim). Those factored out early come first."""
        given = self.prepare_given(given, len(x))
        return self.flow(self._inner(x), self._context(given, len(x)))[0]

    def decode(self, z: Tensor, *, given: Given | None = None) -> Tensor:
        """x = f^-1(z): (n, *x), not clamped to the range of the space."""
        given = self.prepare_given(given, len(z))
        return self._outer(self.flow.inverse(z, self._context(given, len(z))))

    def draw(
        self, n: int, given: Given, generator: torch.Generator | None, *, temperature: NonNegativeFloat = 1.0
    ) -> Tensor:
        """Items of codes drawn from the prior.

        Options:
            temperature: standard deviation of the codes; below 1 gives likelier, less diverse items
        """
        z = torch.randn(n, self.x.dim, generator=generator, dtype=self.dtype, device=self.device)
        return self._outer(self.flow.inverse(temperature * z, self._context(given, n)))

    def _context(self, given: Given, n: int) -> Context:
        if not self.given:
            return Context()
        planes = self.condition.planes(given, n) if self.condition.channels else None
        return Context(self.condition.vector(given, n), planes)

    def _inner(self, x: Tensor) -> Tensor:
        return x.flatten(1, -3) if isinstance(self.x, Images) else self.standardise(x)  # frames beside channels

    def _outer(self, y: Tensor) -> Tensor:
        return self.standardise.inverse(y).reshape(len(y), *self.x.shape)


def count_scales(size: tuple[int, ...]) -> int:
    """How many scales an image can have: one, and one more for each time that both sides can be halved evenly."""
    return 1 + min((side & -side).bit_length() - 1 for side in size)


def _depth(x: Space, scales: int | None, couplings: int | None) -> tuple[int | None, int | None]:
    """Scales and couplings as resolved: images have the one, vectors the other."""
    if not isinstance(x, Images):
        none = without("scales", scales, "RealNVP", "for vectors", 1, paper=RealNVP.paper.options)
        return none, COUPLINGS if couplings is None else couplings
    none = without("couplings", couplings, "RealNVP", "for images, of which each scale has 3 + 3", COUPLINGS)
    to_four = max(1, min(x.height, x.width).bit_length() - 2)  # the last scale keeps 4 pixels or more
    default = min(4, to_four, count_scales((x.height, x.width)))
    return default if scales is None else scales, none


def _size(x: Space) -> dict[str, Any]:
    """Defaults that train on a CPU within minutes."""
    if not isinstance(x, Images):
        return {"blocks": 2, "width": 64, "dropout": 0.0}
    # Small images come in small sets, which a flow that is wider, or drops less, soon knows by heart.
    return {"blocks": 1, "width": 16, "dropout": 0.4} if _is_small(x) else {"blocks": 1, "width": 32, "dropout": 0.1}


def _is_small(x: Space) -> bool:
    return isinstance(x, Images) and min(x.height, x.width) <= SMALL

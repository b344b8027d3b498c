"""The two networks of a GAN over any space: strided convolutions for images of any size, perceptrons for vectors.

Radford, Metz and Chintala 2016 (DCGAN, arXiv:1511.06434): no pooling; the synthesiser normalises by batch with ReLU
and ends in tanh without normalisation; the discriminator's first layer is not normalised, its slope is 0.2.
Conditioned by concatenation (Mirza and Osindero 2014, arXiv:1411.1784): the vector of `given` beside the noise, and
beside the discriminator's last map of features; what has a place in the image beside the image itself.

Paper: 5x5 kernels; here: 4x4, which stride 2 tiles evenly, as in most ports.
Paper: weights start from N(0, 0.02^2); here: so with `norm="batch"`, which makes their scale irrelevant; elsewhere
they start as He et al. 2015 (arXiv:1502.01852) have it, because narrow networks would start flat from 0.02.

>>> from daedal.spaces import Images
>>> space, z = Images(channels=3, height=28, width=20), torch.zeros(2, 64)
>>> image = make_synthesiser(space, {}, latent=64, width=16)(z, {})
>>> image.shape, make_discriminator(space, {}, width=16)(image, {}).shape
(torch.Size([2, 3, 28, 20]), torch.Size([2]))
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from daedal.nn.condition import Condition
from daedal.nn.conv import ConvDecoder, ConvEncoder, Norm, count_halvings
from daedal.nn.dropout import Dropout
from daedal.nn.mlp import MLP
from daedal.spaces import Images, Space

Spaces = Mapping[str, Space]
Given = Mapping[str, Tensor]

CONDITION = 32  # numbers that `given` is embedded in
LAYERS = 3  # hidden layers of the perceptrons
WIDEST = 8  # no map is wider than this many times the first
LARGE = 2048  # items of more numbers than this are learned at a published rate, smaller ones faster
CHANNELS_LAST = 32  # pixels a side from which that layout is faster on a CPU


def make_synthesiser(space: Space, given: Spaces, *, latent: int, width: int, norm: Norm = "batch") -> Synthesiser:
    """A network (z (n, latent), given) -> items (n, *x): images in [-1, 1], vectors unbounded."""
    if isinstance(space, Images):
        return ImageSynthesiser(space, given, latent, width, norm)
    return VectorSynthesiser(space, given, latent, width)


def make_discriminator(
    space: Space, given: Spaces, *, width: int, norm: Norm = "batch", dropout: float = 0.0
) -> nn.Module:
    """A network (x (n, *x), given) -> logits (n,); of images it leaves out a share `dropout` of the last features."""
    if isinstance(space, Images):
        return ImageDiscriminator(space, given, width, norm, dropout)
    return VectorDiscriminator(space, given, width)


def widths_for(space: Images, width: int) -> list[int]:
    """Channels of each halving of an image, first to last: width, doubled each time, at most 8 times itself.

    Of an image one pixel high or wide, which cannot be halved, those of the one convolution that it gets instead.
    """
    size = (space.height, space.width)
    count = max(count_halvings(size, least=4), min(2, count_halvings(size, least=1)))
    return [width * min(2**i, WIDEST) for i in range(max(1, count))]


def default_width(space: Space) -> int:
    """What trains on a CPU: 32 channels up to 16 pixels a side, 16 above; 128 for vectors."""
    if not isinstance(space, Images):
        return 128
    return 32 if min(space.height, space.width) <= 16 else 16


class Synthesiser(nn.Module):
    """Maps noise z ~ N(0, I), (n, latent), and `given` to items."""

    def __init__(self, latent: int):
        super().__init__()
        self.latent = latent

    def noise(self, n: int, bound: float | None = None, generator: torch.Generator | None = None) -> Tensor:
        """Standard normal numbers (n, latent); with `bound`, given that they lie in [-bound, bound].

        Bounding is the truncation trick (Brock et al. 2019, arXiv:1809.11096): fewer outliers, less variety.
        """
        like = next(self.parameters())
        if bound is None:
            return torch.randn(n, self.latent, generator=generator, dtype=like.dtype, device=like.device)
        edge = torch.special.ndtr(torch.tensor(-bound, dtype=torch.float64, device=like.device))
        uniform = torch.rand(n, self.latent, generator=generator, dtype=torch.float64, device=like.device)
        return torch.special.ndtri(edge + (1 - 2 * edge) * uniform).to(like.dtype)

    def generate(self, n: int, given: Given) -> Tensor:
        """n items of fresh noise, (n, *x), one for each of `given`; differentiable."""
        return self(self.noise(n), given)


class ImageSynthesiser(Synthesiser):
    """Noise -> a small map of features -> doublings -> tanh. Twice as wide as its discriminator, as in the paper."""

    def __init__(self, space: Images, given: Spaces, latent: int, width: int, norm: Norm):
        super().__init__(latent)
        size = (space.height, space.width)
        self.condition = Condition(given, CONDITION, size=size) if given else None
        widths = widths_for(space, 2 * width)[::-1]
        planes = self.condition.channels if self.condition else 0
        self.decoder = ConvDecoder(
            widths,
            space.channels * (space.frames or 1),
            size,
            norm=norm,
            activation="relu",
            planes=planes,
            flat=min(size) == 1,
        )
        self.project = nn.Linear(latent + (CONDITION if given else 0), self.decoder.in_dim)
        self.shape, self.layout = space.shape, _layout(size)
        if norm == "batch":
            self.project.apply(start_small)
            self.decoder.apply(start_small)

    def forward(self, z: Tensor, given: Given) -> Tensor:
        """Images (n, *x) in (-1, 1) of noise z (n, latent)."""
        planes = None
        if self.condition is not None:
            planes = self.condition.planes(given, len(z)) if self.condition.channels else None
            z = torch.cat([z, self.condition.vector(given, len(z))], 1)
        features = self.project(z).unflatten(1, (self.decoder.in_channels, *self.decoder.in_size))
        features = features.contiguous(memory_format=self.layout)
        return self.decoder(features, planes).tanh().view(-1, *self.shape)


class ImageDiscriminator(nn.Module):
    """Halvings -> one number. With `given`, its vector joins the last map of features before one more layer."""

    def __init__(self, space: Images, given: Spaces, width: int, norm: Norm, dropout: float):
        super().__init__()
        size = (space.height, space.width)
        self.condition = Condition(given, CONDITION, size=size) if given else None
        planes = self.condition.channels if self.condition else 0
        channels = space.channels * (space.frames or 1) + planes
        widths = widths_for(space, width)
        self.encoder = ConvEncoder(channels, size, widths, norm=norm, activation="leaky-relu", flat=min(size) == 1)
        last = self.encoder.out_channels
        self.join = nn.Sequential(nn.Conv2d(last + CONDITION, last, 1), nn.LeakyReLU(0.2)) if given else None
        self.dropout = Dropout(dropout)
        self.head = nn.Linear(self.encoder.out_dim, 1)
        self.layout = _layout(size)
        if norm == "batch":
            self.encoder.apply(start_small)
            self.head.apply(start_small)
        else:
            self.encoder.apply(start_he)

    def forward(self, x: Tensor, given: Given) -> Tensor:
        """Logits (n,) of images (n, *x)."""
        n = len(x)
        x = x.flatten(1, -3)
        if self.condition is not None and self.condition.channels:
            x = torch.cat([x, self.condition.planes(given, n)], 1)
        features = self.encoder(x.contiguous(memory_format=self.layout))
        if self.condition is not None and self.join is not None:
            vector = self.condition.vector(given, n)[:, :, None, None]
            features = self.join(torch.cat([features, vector.expand(-1, -1, *features.shape[-2:])], 1))
        return self.head(self.dropout(features).flatten(1)).squeeze(1)


class VectorSynthesiser(Synthesiser):
    """A perceptron of three hidden layers with ReLU."""

    def __init__(self, space: Space, given: Spaces, latent: int, width: int):
        super().__init__(latent)
        self.condition = Condition(given, CONDITION) if given else None
        self.network = MLP(latent + (CONDITION if given else 0), [width] * LAYERS, space.dim, activation="relu")
        self.network.apply(start_he)

    def forward(self, z: Tensor, given: Given) -> Tensor:
        """Vectors (n, dim) of noise z (n, latent)."""
        return self.network(_beside(z, self.condition, given))


class VectorDiscriminator(nn.Module):
    """A perceptron of three hidden layers with leaky ReLU."""

    def __init__(self, space: Space, given: Spaces, width: int):
        super().__init__()
        self.condition = Condition(given, CONDITION) if given else None
        inputs = space.dim + (CONDITION if given else 0)
        self.network = MLP(inputs, [width] * LAYERS, 1, activation="leaky-relu")
        self.network.apply(start_he)

    def forward(self, x: Tensor, given: Given) -> Tensor:
        """Logits (n,) of vectors (n, dim)."""
        return self.network(_beside(x, self.condition, given)).squeeze(1)


def _layout(size: tuple[int, int]) -> torch.memory_format:
    return torch.channels_last if min(size) >= CHANNELS_LAST else torch.contiguous_format


def start_small(module: nn.Module) -> None:
    """DCGAN's start: weights from N(0, 0.02^2), scales of batch normalisation from N(1, 0.02^2), biases 0."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
    else:
        return
    if module.bias is not None:
        nn.init.zeros_(module.bias)


def start_he(module: nn.Module) -> None:
    """He's start, which keeps the size of what passes through layers with ReLU: weights from N(0, 2 / inputs)."""
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def _beside(x: Tensor, condition: Condition | None, given: Given) -> Tensor:
    if condition is None:
        return x
    return torch.cat([x, condition.vector(given, len(x))], 1)

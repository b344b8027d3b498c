"""The feature nets: a small convolutional classifier (data with labels) or denoiser (without), trained once.

Both share one trunk, strided 3x3 convolutions down to 4x4 and a linear map to the features, so a feature is a linear
function of the last map and none can be dead; the head sees the features through a GELU. Afterwards the features are
whitened on the training split. A classifier collapses its features onto the few directions that tell its classes
apart, and distances in them would hardly see noise or blur; whitened, every direction counts alike, one standard
deviation of real data is the unit, and a Frechet floor of n against n items is near 2 (d + d (d + 1) / 4) / n for d
features, whatever the data.

The classifier is regularised (dropout on the features, weight decay), because the floor compares items that it was
trained on with items that it was not: a net that treats the two alike gives a fair floor.

Training is seeded and on one thread (a sum split over threads rounds differently), and does not touch the global
random state. Its length is fixed by the shape of the images, about 20 s on one thread at most.

>>> classifier(planes=3, height=64, width=64, classes=10).features(torch.zeros(5, 3, 64, 64)).shape
torch.Size([5, 32])
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FEATURES = 32
BATCH = 64
EPOCHS = 40
WORK = 4e11  # multiply-adds of a training run, about
NOISE = 0.5  # largest standard deviation that the denoiser removes, border units


class FeatureNet(nn.Module):
    """Images (n, planes, h, w) to whitened features (n, 32); `head` maps raw features to what was learned."""

    mean: Tensor
    whitening: Tensor

    def __init__(self, trunk: nn.Module, head: nn.Module, features: int = FEATURES):
        super().__init__()
        self.trunk, self.head = trunk, head
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("whitening", torch.eye(features))

    def forward(self, x: Tensor) -> Tensor:
        """What the head learned: logits (n, classes), or clean images."""
        return self.head(F.gelu(self.trunk(x)))

    def features(self, x: Tensor) -> Tensor:
        """Features of images (n, planes, h, w), whitened on the training split: (n, features)."""
        return (self.trunk(x) - self.mean) @ self.whitening


def classifier(planes: int, height: int, width: int, classes: int) -> FeatureNet:
    """An untrained net whose head gives logits (n, classes)."""
    # torch's dropout, and not ours: these nets are the judges, and those that are cached were trained with it.
    return FeatureNet(_trunk(planes, height, width), nn.Sequential(nn.Dropout(0.2), nn.Linear(FEATURES, classes)))


def denoiser(planes: int, height: int, width: int) -> FeatureNet:
    """An untrained net whose head gives clean images."""
    return FeatureNet(_trunk(planes, height, width), _Decoder(planes, height, width))


def fit_classifier(items: Any, x: str, label: str, space: Any, classes: int, seed: int = 0) -> FeatureNet:
    """A classifier of images `x` into `label`, trained on a split of `Data`."""

    def loss(net: FeatureNet, batch: dict[str, Tensor]) -> Tensor:
        return F.cross_entropy(net(stack(batch[x])), batch[label])

    return _fit(lambda: classifier(*shape_of(space), classes), loss, items, (x, label), space, seed)


def fit_denoiser(items: Any, x: str, space: Any, seed: int = 0) -> FeatureNet:
    """A denoiser of images `x`, trained on a split of `Data`."""

    def loss(net: FeatureNet, batch: dict[str, Tensor]) -> Tensor:
        clean = stack(batch[x])
        sigma = torch.rand(len(clean), 1, 1, 1) * NOISE
        return F.mse_loss(net(clean + sigma * torch.randn_like(clean)), clean)

    return _fit(lambda: denoiser(*shape_of(space)), loss, items, (x,), space, seed)


def stack(x: Tensor) -> Tensor:
    """Clips (n, f, c, h, w) as images with f * c planes; images as they are."""
    return x.flatten(1, 2) if x.ndim == 5 else x


def shape_of(space: Any) -> tuple[int, int, int]:
    """(planes, height, width) of an image space, frames stacked."""
    return space.channels * (space.frames or 1), space.height, space.width


def _trunk(planes: int, height: int, width: int) -> nn.Sequential:
    channels = 32 if max(height, width) <= 16 else 16
    stride = 1 if max(height, width) <= 32 else 2
    layers: list[nn.Module] = [nn.Conv2d(planes, channels, 3, stride, 1), nn.GELU()]
    height, width = -(-height // stride), -(-width // stride)
    while max(height, width) > 4:
        layers += [nn.Conv2d(channels, min(2 * channels, 64), 3, 2, 1), nn.GELU()]
        channels, height, width = min(2 * channels, 64), -(-height // 2), -(-width // 2)
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels * height * width, FEATURES))


class _Decoder(nn.Module):
    """Features (n, 32) to images: a linear map to 4x4, doubled to half the size, the last doubling by shuffling."""

    def __init__(self, planes: int, height: int, width: int):
        super().__init__()
        self.size, channels, side = (height, width), 64, 4
        self.start = nn.Linear(FEATURES, channels * side * side)
        layers: list[nn.Module] = []
        while 2 * side < max(height, width):
            narrower = max(16, channels // 2)
            layers += [nn.Upsample(scale_factor=2), nn.Conv2d(channels, narrower, 3, padding=1), nn.GELU()]
            channels, side = narrower, 2 * side
        self.grow = nn.Sequential(*layers)
        self.end = nn.Sequential(nn.Conv2d(channels, 4 * planes, 3, padding=1), nn.PixelShuffle(2))

    def forward(self, z: Tensor) -> Tensor:
        x = self.end(self.grow(self.start(z).unflatten(1, (-1, 4, 4))))
        return x if tuple(x.shape[-2:]) == self.size else F.interpolate(x, self.size, mode="bilinear")


def _fit(
    build: Callable[[], FeatureNet],
    loss: Callable[[FeatureNet, dict[str, Tensor]], Tensor],
    items: Any,
    fields: tuple[str, ...],
    space: Any,
    seed: int,
) -> FeatureNet:
    with _reproducible(seed):
        net = build()
        steps = _steps(net, space, len(items))
        optimizer = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=0.05)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps)
        for _, rows in zip(range(steps), _batches(len(items)), strict=False):
            optimizer.zero_grad()
            loss(net, items.gather(rows, fields)).backward()
            optimizer.step()
            schedule.step()
        _whiten(net.eval(), items, fields[0])
    return net.requires_grad_(False)


def _batches(n: int) -> Iterator[list[int]]:
    while True:
        order = torch.randperm(n).tolist()
        yield from (order[i : i + BATCH] for i in range(0, n, BATCH))


def _steps(net: FeatureNet, space: Any, n: int) -> int:
    epochs = EPOCHS * -(-n // BATCH)
    return max(100, min(epochs, int(WORK / (3 * BATCH * _multiply_adds(net, space)))))


def _multiply_adds(net: FeatureNet, space: Any) -> int:
    total = 0

    def count(module: nn.Module, _: Any, out: Tensor) -> None:
        nonlocal total
        places = out[0, 0].numel() if out.ndim == 4 else 1
        total += places * next(module.parameters()).numel()

    hooks = [m.register_forward_hook(count) for m in net.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    with torch.no_grad():
        net(torch.zeros(1, *shape_of(space)))
    for hook in hooks:
        hook.remove()
    return total


def _whiten(net: FeatureNet, items: Any, x: str, most: int = 4096) -> None:
    """Set the map after which the features of training items have covariance I.

    Eigenvalues get (d / n)^2 of their mean added: next to nothing for n items far more than d features, and enough
    that directions which too few items leave empty are not blown up.
    """
    rows = torch.randperm(len(items))[:most].tolist()
    with torch.no_grad():
        raw = torch.cat([net.trunk(stack(items.gather(rows[i : i + 256], (x,))[x])) for i in range(0, len(rows), 256)])
    centred = raw.double() - raw.double().mean(0)
    n, d = centred.shape
    values, vectors = torch.linalg.eigh(centred.T @ centred / n)
    values = values.clamp_min(0) + values.mean() * (d / n) ** 2 + 1e-12  # n copies of one image have no covariance
    net.mean.copy_(raw.mean(0))
    net.whitening.copy_(vectors / values.sqrt() @ vectors.T)


@contextlib.contextmanager
def _reproducible(seed: int) -> Iterator[None]:
    threads = torch.get_num_threads()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)

"""The Inception network of published FID numbers, with its weights read from a local safetensors file.

Szegedy et al., "Rethinking the Inception architecture for computer vision" (2015), arXiv:1512.00567; the weights are
those of the graph `inception-2015-12-05` that Heusel et al. (2017), arXiv:1706.08500, measure FID with, in the port
`pt_inception-2015-12-05-6726825d` of pytorch-fid, whose names this network has. As that graph, and unlike other
Inception networks: average pools leave the padding out, the last block pools by maximum, batch norm has epsilon 0.001.

Images are resized to 299x299 as that graph does it (bilinear, source index = index * in / out, no antialiasing) and
mapped to (v - 128) / 128, v in [0, 255]. pytorch-fid resizes with half-pixel centres instead, so its numbers differ
by a little. One channel is repeated; alpha is put over white.

A `.pth` file can run code when it is read, so it is refused. Convert it once, where you trust it: read it with
PyTorch (`weights_only=True`) and write the dict of tensors with `safetensors.torch.save_file`.

>>> prepare(torch.ones(2, 1, 28, 28)).shape  # white, one channel
torch.Size([2, 3, 299, 299])
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from daedal.errors import UsageError

SIZE = 299
IGNORED = ("fc.", "AuxLogits.")  # heads of the published files, which features don't need

Pool = Literal["average", "max"]


class _Conv(nn.Module):
    """Convolution without bias, batch norm, ReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int | tuple[int, int], stride: int = 1, pad: bool = True):
        super().__init__()
        height, width = (kernel, kernel) if isinstance(kernel, int) else kernel
        padding = (height // 2, width // 2) if pad else 0
        self.conv = nn.Conv2d(inputs, outputs, (height, width), stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)))


def _average(x: Tensor) -> Tensor:
    return F.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)


def _maximum(x: Tensor) -> Tensor:
    return F.max_pool2d(x, 3, stride=1, padding=1)


def _shrink(x: Tensor) -> Tensor:
    return F.max_pool2d(x, 3, stride=2)


class _BlockA(nn.Module):
    """35x35: 1x1, 5x5, two 3x3, pool."""

    def __init__(self, inputs: int, pooled: int):
        super().__init__()
        self.branch1x1 = _Conv(inputs, 64, 1)
        self.branch5x5_1, self.branch5x5_2 = _Conv(inputs, 48, 1), _Conv(48, 64, 5)
        self.branch3x3dbl_1, self.branch3x3dbl_2, self.branch3x3dbl_3 = (
            _Conv(inputs, 64, 1),
            _Conv(64, 96, 3),
            _Conv(96, 96, 3),
        )
        self.branch_pool = _Conv(inputs, pooled, 1)

    def forward(self, x: Tensor) -> Tensor:
        five = self.branch5x5_2(self.branch5x5_1(x))
        three = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat([self.branch1x1(x), five, three, self.branch_pool(_average(x))], 1)


class _BlockB(nn.Module):
    """35x35 to 17x17."""

    def __init__(self, inputs: int):
        super().__init__()
        self.branch3x3 = _Conv(inputs, 384, 3, stride=2, pad=False)
        self.branch3x3dbl_1, self.branch3x3dbl_2 = _Conv(inputs, 64, 1), _Conv(64, 96, 3)
        self.branch3x3dbl_3 = _Conv(96, 96, 3, stride=2, pad=False)

    def forward(self, x: Tensor) -> Tensor:
        three = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat([self.branch3x3(x), three, _shrink(x)], 1)


class _BlockC(nn.Module):
    """17x17: 1x1, 7x7 and two 7x7 as pairs of 1x7 and 7x1, pool."""

    def __init__(self, inputs: int, inner: int):
        super().__init__()
        row, column = (1, 7), (7, 1)
        self.branch1x1 = _Conv(inputs, 192, 1)
        self.branch7x7_1 = _Conv(inputs, inner, 1)
        self.branch7x7_2, self.branch7x7_3 = _Conv(inner, inner, row), _Conv(inner, 192, column)
        self.branch7x7dbl_1 = _Conv(inputs, inner, 1)
        self.branch7x7dbl_2, self.branch7x7dbl_3 = _Conv(inner, inner, column), _Conv(inner, inner, row)
        self.branch7x7dbl_4, self.branch7x7dbl_5 = _Conv(inner, inner, column), _Conv(inner, 192, row)
        self.branch_pool = _Conv(inputs, 192, 1)

    def forward(self, x: Tensor) -> Tensor:
        one = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x)))
        two = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        two = self.branch7x7dbl_5(self.branch7x7dbl_4(two))
        return torch.cat([self.branch1x1(x), one, two, self.branch_pool(_average(x))], 1)


class _BlockD(nn.Module):
    """17x17 to 8x8."""

    def __init__(self, inputs: int):
        super().__init__()
        self.branch3x3_1, self.branch3x3_2 = _Conv(inputs, 192, 1), _Conv(192, 320, 3, stride=2, pad=False)
        self.branch7x7x3_1 = _Conv(inputs, 192, 1)
        self.branch7x7x3_2, self.branch7x7x3_3 = _Conv(192, 192, (1, 7)), _Conv(192, 192, (7, 1))
        self.branch7x7x3_4 = _Conv(192, 192, 3, stride=2, pad=False)

    def forward(self, x: Tensor) -> Tensor:
        seven = self.branch7x7x3_4(self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(x))))
        return torch.cat([self.branch3x3_2(self.branch3x3_1(x)), seven, _shrink(x)], 1)


class _BlockE(nn.Module):
    """8x8: 1x1, 3x3 spread over 1x3 and 3x1, twice, pool."""

    def __init__(self, inputs: int, pool: Pool):
        super().__init__()
        row, column = (1, 3), (3, 1)
        self.pool: Callable[[Tensor], Tensor] = _average if pool == "average" else _maximum
        self.branch1x1 = _Conv(inputs, 320, 1)
        self.branch3x3_1 = _Conv(inputs, 384, 1)
        self.branch3x3_2a, self.branch3x3_2b = _Conv(384, 384, row), _Conv(384, 384, column)
        self.branch3x3dbl_1, self.branch3x3dbl_2 = _Conv(inputs, 448, 1), _Conv(448, 384, 3)
        self.branch3x3dbl_3a, self.branch3x3dbl_3b = _Conv(384, 384, row), _Conv(384, 384, column)
        self.branch_pool = _Conv(inputs, 192, 1)

    def forward(self, x: Tensor) -> Tensor:
        one, two = self.branch3x3_1(x), self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        ones = [self.branch3x3_2a(one), self.branch3x3_2b(one)]
        twos = [self.branch3x3dbl_3a(two), self.branch3x3dbl_3b(two)]
        return torch.cat([self.branch1x1(x), *ones, *twos, self.branch_pool(self.pool(x))], 1)


class Inception(nn.Module):
    """Images in [-1, 1], (n, 1 to 4, h, w), to the 2048 features of the last pool."""

    def __init__(self):
        super().__init__()
        self.Conv2d_1a_3x3 = _Conv(3, 32, 3, stride=2, pad=False)
        self.Conv2d_2a_3x3 = _Conv(32, 32, 3, pad=False)
        self.Conv2d_2b_3x3 = _Conv(32, 64, 3)
        self.Conv2d_3b_1x1 = _Conv(64, 80, 1)
        self.Conv2d_4a_3x3 = _Conv(80, 192, 3, pad=False)
        self.Mixed_5b, self.Mixed_5c, self.Mixed_5d = _BlockA(192, 32), _BlockA(256, 64), _BlockA(288, 64)
        self.Mixed_6a = _BlockB(288)
        self.Mixed_6b, self.Mixed_6c = _BlockC(768, 128), _BlockC(768, 160)
        self.Mixed_6d, self.Mixed_6e = _BlockC(768, 160), _BlockC(768, 192)
        self.Mixed_7a = _BlockD(768)
        self.Mixed_7b, self.Mixed_7c = _BlockE(1280, "average"), _BlockE(2048, "max")

    def forward(self, x: Tensor) -> Tensor:
        """Features of images in border form: (n, 2048)."""
        return self.pool3(prepare(x))

    def pool3(self, x: Tensor) -> Tensor:
        """Features of prepared images (n, 3, h, w): (n, 2048)."""
        x = _shrink(self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x))))
        x = _shrink(self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(x)))
        for name in ("5b", "5c", "5d", "6a", "6b", "6c", "6d", "6e", "7a", "7b", "7c"):
            x = getattr(self, f"Mixed_{name}")(x)
        return x.mean((2, 3))


def prepare(x: Tensor) -> Tensor:
    """Border form (n, c, h, w) with 1 to 4 channels to what the network reads: (n, 3, 299, 299)."""
    if x.shape[1] in (2, 4):
        opacity = (x[:, -1:] + 1) / 2
        x = x[:, :-1] * opacity + (1 - opacity)
    x = x.expand(-1, 3, -1, -1) if x.shape[1] == 1 else x
    levels = (x + 1) * 127.5
    rows, columns = (_interpolation(side, SIZE).to(x) for side in x.shape[-2:])
    return (rows @ levels @ columns.T - 128) / 128


def _interpolation(source: int, target: int) -> Tensor:
    """The matrix (target, source) of bilinear resizing with source index = index * source / target."""
    place = torch.arange(target, dtype=torch.float64) * (source / target)
    low = place.floor().long()
    high, share = (low + 1).clamp_max(source - 1), place - low
    matrix = torch.zeros(target, source, dtype=torch.float64)
    row = torch.arange(target)
    matrix.index_put_((row, low), 1 - share, accumulate=True)
    matrix.index_put_((row, high), share, accumulate=True)
    return matrix


def load_inception(path: str | Path) -> Inception:
    """The network with the weights of a safetensors file.

    Raises ValueError or FileNotFoundError that say what to do.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = Path(path)
    if path.suffix != ".safetensors":
        how = "read it with PyTorch, weights_only=True, and write it with safetensors.torch.save_file"
        raise UsageError(f"'{path}' must be a .safetensors file; a .pth can run code, so convert it once: {how}.")
    if not path.is_file():
        raise FileNotFoundError(f"'{path}' does not exist; give the path of the Inception weights.")
    try:
        weights = load_file(path)
    except SafetensorError as error:
        raise UsageError(f"'{path}' is damaged ({error}); copy it again.") from None
    _refuse_others(path, weights)
    network = Inception()
    network.load_state_dict({n: w for n, w in weights.items() if not n.startswith(IGNORED)}, strict=False)
    return network.eval().requires_grad_(False)


def _refuse_others(path: Path, weights: dict[str, Tensor]) -> None:
    """Raise unless these are the published FID weights, as far as names and shapes tell."""
    with torch.device("meta"):
        state = Inception().state_dict()
    expected = {name: value.shape for name, value in state.items() if not name.endswith("num_batches_tracked")}
    for name, shape in expected.items():
        if name not in weights or weights[name].shape != shape:
            found = tuple(weights[name].shape) if name in weights else "nothing"
            raise UsageError(
                f"'{path}' is no FID Inception file: '{name}' must be {tuple(shape)}; got {found}. "
                "Convert pytorch-fid's pt_inception-2015-12-05."
            )
    if "fc.weight" in weights and len(weights["fc.weight"]) != 1008:
        raise UsageError(
            f"'{path}' holds ImageNet weights ({len(weights['fc.weight'])} classes), not FID's (1008), and would give "
            "another number; convert pytorch-fid's pt_inception-2015-12-05."
        )

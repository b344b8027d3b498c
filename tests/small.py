"""Small data and a small system for tests of the engine."""

import hashlib

import numpy as np
import torch
from torch import nn

from daedal.data.base import Column, Data, Split
from daedal.declare import Paper
from daedal.play.player import Average, Player, Rate, cosine
from daedal.play.system import System
from daedal.play.turn import Turn
from daedal.spaces import Images, Labels, Vectors


def vectors(n: int = 64, dim: int = 3, seed: int = 0) -> Data:
    """Normal vectors with a label: sign of the first coordinate."""
    x = np.random.default_rng(seed).normal(size=(n, dim)).astype(np.float32)
    label = (x[:, 0] > 0).astype(np.int64)
    return data_of("vectors", {"x": (x, Vectors(dim)), "label": (label, Labels(2))})


def images(n: int = 64, channels: int = 1, size: int = 8, levels: int = 17, seed: int = 0) -> Data:
    """Smooth random images with a label: whether the left half is brighter."""
    generator = np.random.default_rng(seed)
    ramp = np.linspace(-1, 1, size)
    slope = generator.normal(size=(n, channels, 1, 1))
    values = slope * ramp[None, None, None, :] + 0.3 * generator.normal(size=(n, channels, size, size))
    grid = np.clip(np.round((values + 2) / 4 * (levels - 1)), 0, levels - 1).astype(np.uint8)
    label = (slope[:, 0, 0, 0] < 0).astype(np.int64)
    return data_of("images", {"x": (grid, Images(channels, size, size, levels)), "label": (label, Labels(2))})


def data_of(name: str, fields: dict) -> Data:
    columns = {key: Column(values, space) for key, (values, space) in fields.items()}
    n = len(next(iter(columns.values())).values)
    digest = hashlib.sha256(b"".join(c.values.tobytes() for c in columns.values())).hexdigest()
    train, test = np.arange(n * 3 // 4), np.arange(n * 3 // 4, n)
    spaces = {key: column.space for key, column in columns.items()}
    return Data(name, spaces, Split(columns, train), Split(columns, test), digest)


class Line(System):
    """Denoises vectors by one hidden layer: fast, and with noise of its own in each round."""

    paper = Paper(title="None", authors="Nobody", year=2000)
    compiles = ("net",)

    def __init__(self, x, given=None, *, width: int = 8, poison: int = -1):
        super().__init__(x, given)
        self.width, self.poison = width, poison
        self.net = Net(x.dim, width)
        self.register_buffer("rounds", torch.zeros(()))

    def players(self):
        return {"model": Player(self.parameters(), rate=Rate(1e-2, cosine(0.1)), average=Average(0.9), clip=1.0)}

    def turns(self, batches):
        x = next(batches).x
        error = ((self.net(x + 0.1 * torch.randn_like(x)) - x) ** 2).mean()
        self.rounds += 1
        if self.rounds == self.poison:
            error = error * float("nan")
        yield Turn("model", error + 0, scalars={"error": error.detach()})


class Net(nn.Module):
    def __init__(self, dim, width):
        super().__init__()
        self.inner, self.outer = nn.Linear(dim, width), nn.Linear(width, dim)
        self.seen = None

    def forward(self, x):
        hidden = self.inner(x)
        self.seen = hidden.dtype
        return self.outer(torch.relu(hidden))


def line(data: Data, seed: int = 0, **options) -> Line:
    torch.manual_seed(seed)
    return Line(data.fields["x"], **options)


def same(a: nn.Module, b: nn.Module) -> bool:
    """Whether two modules hold bit-identical state."""
    one, two = a.state_dict(), b.state_dict()
    return one.keys() == two.keys() and all(torch.equal(one[k], two[k]) for k in one)

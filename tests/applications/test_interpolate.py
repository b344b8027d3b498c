"""Interpolation and reconstruction, against a system whose codes are known: a rotation."""

import pytest
import torch
from torch import nn

from daedal.applications.interpolate import interpolate
from daedal.applications.reconstruct import reconstruct
from daedal.capabilities import Decodes, Encodes
from daedal.spaces import Labels, Vectors, check_given


class Rotation(nn.Module, Encodes, Decodes):
    """z = R x + g, exactly undone; g is what it is conditioned on."""

    name = "rotation"

    def __init__(self, given=None):
        super().__init__()
        self.x, self.given = Vectors(2), given or {}
        self.device, self.dtype = torch.device("cpu"), torch.float64
        self.dropout = nn.Dropout(0.5)
        self.register_buffer("turn", torch.linalg.qr(torch.randn(2, 2, dtype=torch.float64))[0])

    @property
    def latent_space(self):
        return Vectors(2)

    def _shift(self, given, n):
        ready = check_given(self.given, given, n)
        return ready.get("shift", torch.zeros(1, 2, dtype=torch.float64))

    def encode(self, x, *, given=None):
        return self.dropout(x @ self.turn) + self._shift(given, len(x))

    def decode(self, z, *, given=None):
        return (z - self._shift(given, len(z))) @ self.turn.T


class Coded(Rotation):
    name = "coded"

    @property
    def latent_space(self):
        return Labels(8)


def test_reconstruction_is_decode_of_encode_and_leaves_the_mode_alone():
    model, x = Rotation(), torch.randn(7, 2)
    model.train()
    torch.testing.assert_close(reconstruct(model, x), x)
    assert model.training


def test_the_straight_way_of_a_linear_code_is_the_straight_line():
    model, a, b = Rotation(), torch.randn(3, 2), torch.randn(3, 2)
    way = interpolate(model, a, b, steps=5, method="lerp")
    expected = torch.stack([a + (b - a) * t for t in (0, 0.25, 0.5, 0.75, 1)], dim=1)
    torch.testing.assert_close(way, expected)


def test_the_arc_of_a_rotated_code_turns_evenly():
    model, a, b = Rotation(), torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 2.0]])
    way = interpolate(model, a, b, steps=4)[0]
    torch.testing.assert_close(way.norm(dim=1), torch.full((4,), 2.0))
    degrees = torch.rad2deg(torch.atan2(way[:, 1], way[:, 0]))
    torch.testing.assert_close(degrees, torch.tensor([0.0, 30.0, 60.0, 90.0]))


def test_given_conditions_the_whole_way():
    model = Rotation({"shift": Vectors(2)})
    a, b, shift = torch.randn(3, 2), torch.randn(3, 2), torch.randn(3, 2, dtype=torch.float64)
    way = interpolate(model, a, b, steps=3, method="lerp", given={"shift": shift})
    torch.testing.assert_close(way[:, 1], (a + b) / 2)
    with pytest.raises(ValueError, match="lacks 'shift'"):
        interpolate(model, a, b, steps=3)


def test_what_cannot_be_done_is_said():
    with pytest.raises(TypeError, match="'object' cannot encode and decode"):
        interpolate(object(), torch.zeros(1, 2), torch.zeros(1, 2))
    with pytest.raises(TypeError, match="'object' cannot encode and decode"):
        reconstruct(object(), torch.zeros(1, 2))
    with pytest.raises(TypeError, match="'coded' cannot interpolate"):
        interpolate(Coded(), torch.zeros(1, 2), torch.zeros(1, 2))
    with pytest.raises(ValueError, match="'a' must have shape"):
        interpolate(Rotation(), torch.zeros(1, 3), torch.zeros(1, 2))

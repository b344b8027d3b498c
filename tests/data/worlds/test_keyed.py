"""Numbers that are addressed by seed, name and index: uniform, independent, and the same in any order."""

import pytest
import torch
from scipy import stats

from daedal.data.worlds.keyed import BITS, uniform

N = 1 << 15
INDEX = torch.arange(N)
LEVEL = 1e-4  # of each of the tests here: a sound generator fails any of them for less than one address in 300


@pytest.mark.parametrize(("seed", "name"), [(0, "yaw"), (1, "yaw"), (0, "portraits skin"), (2**40, ""), (-3, "z")])
def test_numbers_are_uniform(seed, name):
    x = uniform(seed, name, INDEX)[:, 0]
    assert x.dtype == torch.float32
    assert ((x >= 0) & (x < 1)).all()
    assert stats.kstest(x.double().numpy(), "uniform").pvalue > LEVEL
    counts = torch.bincount((x * 256).long(), minlength=256)
    assert stats.chisquare(counts.numpy()).pvalue > LEVEL


def test_lanes_are_uniform_and_each_bit_is_fair():
    x = uniform(7, "identity", INDEX[: N // 8], 8).double()
    for lane in x.T:
        assert stats.kstest(lane.numpy(), "uniform").pvalue > LEVEL
    for bit in range(BITS):
        ones = ((x * 2 ** (BITS - bit)).long() & 1).double()
        assert abs(float(ones.mean()) - 0.5) < 4 * 0.5 / N**0.5, bit


def independent(a, b):
    """The z of the correlation of two uniform streams: 12 E[(a - 1/2)(b - 1/2)] has a standard error 1 / sqrt n."""
    z = 12 * ((a.double() - 0.5) * (b.double() - 0.5)).mean() * len(a) ** 0.5
    cells = torch.bincount((a * 8).long() * 8 + (b * 8).long(), minlength=64)
    return abs(float(z)) < 4 and stats.chisquare(cells.numpy()).pvalue > LEVEL


def test_seeds_names_indices_and_lanes_are_independent():
    x = uniform(0, "yaw", INDEX)[:, 0]
    assert independent(x, uniform(1, "yaw", INDEX)[:, 0])
    assert independent(x, uniform(0, "yaw2", INDEX)[:, 0])
    for shift in (1, 2, 1 << 32):
        assert independent(x, uniform(0, "yaw", INDEX + shift)[:, 0])
    lanes = uniform(0, "identity", INDEX, 3)
    assert independent(lanes[:, 0], lanes[:, 1])
    assert independent(lanes[:, 1], lanes[:, 2])
    assert independent(lanes[1:, 0], lanes[:-1, 1])  # a lane's number is not the next index's
    assert not independent(x, 1 - 2**-24 - x)


def test_a_number_is_the_same_in_any_order_and_company():
    index = torch.tensor([5, 2**62, 0, 17, 5])
    x = uniform(3, "skin", index, 4)
    order = torch.tensor([3, 0, 4, 2, 1])
    assert torch.equal(uniform(3, "skin", index[order], 4), x[order])
    assert torch.equal(x[0], x[4])
    assert torch.equal(uniform(3, "skin", index[1:2], 4), x[1:2])
    assert torch.equal(uniform(3, "skin", index, 2), x[:, :2])


def test_known_numbers():
    """SplitMix64 in Python's integers, on the hash of the address."""
    import hashlib

    def mixed(z):
        z = z * 0x9E3779B97F4A7C15 % 2**64
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ z >> 27) * 0x94D049BB133111EB % 2**64
        return z ^ z >> 31

    stream = int.from_bytes(hashlib.sha256(b"9 roll").digest()[:8], "little")
    for index in (0, 1, 12345):
        for lane, found in enumerate(uniform(9, "roll", torch.tensor([index]), 3)[0].tolist()):
            assert found == (mixed(mixed((index + stream) % 2**64) + lane) >> 40) / 2**24

"""A run killed by SIGKILL at seeded moments, wherever in the code that is, ends bit-identical when resumed."""

import random

import pytest
import torch

from tests.kill import STEPS, killed_until_done, unbroken


@pytest.mark.parametrize("name", ["vae", "gan", "ddpm"])
def test_killed_and_resumed_is_bit_identical(tmp_path, name):
    expected, calls = unbroken(name, tmp_path)
    dice = random.Random(name)
    state, fell = killed_until_done(name, tmp_path, 4, lambda i: dice.randrange(1, calls * 3 // 4))
    assert sum(0 <= step < STEPS for step in fell) >= 2, fell  # in the midst of training
    assert all(torch.equal(state[k], expected[k]) for k in expected)
    assert not [p.name for p in tmp_path.iterdir() if ".building" in p.name]

"""Conditions: what is given in any unit is embedded in units of its spread."""

import numpy as np
import pytest
import torch

import daedal
from daedal.data.base import Column, Split
from daedal.nn.condition import Condition
from daedal.spaces import Labels, Vectors


def test_vectors_are_embedded_in_units_of_their_spread():
    degrees = np.random.default_rng(0).normal(30.0, 20.0, (500, 2)).astype(np.float32)
    spaces = {"turn": Vectors(2), "label": Labels(3)}
    torch.manual_seed(0)
    condition = Condition(spaces, 8).double()
    condition.fit(Split({"turn": Column(degrees, spaces["turn"])}, np.arange(500)))
    turn, label = torch.from_numpy(degrees[:7]).double(), torch.tensor([1])
    standard = (turn - torch.from_numpy(degrees.astype(float).mean(0))) / torch.from_numpy(degrees.astype(float).std(0))
    expected = condition.embeds["turn"](standard) + condition.embeds["label"](label)
    found = condition.vector({"turn": turn, "label": label}, 7)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", ["vae", "wgan-gp", "ddpm"])
def test_a_new_system_knows_the_units_of_what_is_given(name):
    rng = np.random.default_rng(0)
    data = daedal.load_data({"x": rng.normal(size=(60, 3)), "angle": 90 + 40 * rng.normal(size=(60, 1))})
    system = daedal.create(name, data, given=("angle",))
    expected = data.train.gather(range(len(data.train)), ["angle"])["angle"].double().std(0, correction=0).float()
    scales = [value for key, value in system.state_dict().items() if key.endswith("units.angle.scale")]
    assert scales
    for scale in scales:
        torch.testing.assert_close(scale, expected)

"""Conditions: what is given in any unit is embedded in units of its spread."""

import numpy as np
import pytest
import torch

import daedal
from daedal.data.base import Column, Split
from daedal.nn.condition import Condition
from daedal.spaces import Images, Labels, Vectors


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


AWKWARD = (
    "type",
    "keys",
    "values",
    "items",
    "train",
    "float",
    "training",
    "get",
    "size.cm",
    "",
    "hex-74797065",
    "Größe",
)


@pytest.mark.parametrize("name", AWKWARD)
def test_a_field_of_any_name_can_be_given(name):
    spaces = {name: Vectors(2), "label": Labels(3), "picture": Images(1, 4, 4)}
    for space in (Vectors(2), Labels(3), Images(1, 4, 4)):
        made = []
        for chosen in (name, "plain"):
            torch.manual_seed(0)
            made.append(Condition({chosen: space}, 4, size=(4, 4), dropout=0.5).eval())
        one, two = made
        value = torch.ones(2, dtype=torch.long) if isinstance(space, Labels) else torch.ones(2, *space.shape)
        assert torch.equal(one.vector({name: value}, 2), two.vector({"plain": value}, 2))
        assert torch.equal(one.planes({name: value}, 2), two.planes({"plain": value}, 2))
        assert torch.equal(one.vector({}, 2), two.vector({}, 2))
    condition = Condition(spaces, 4, size=(4, 4), dropout=0.5)
    again = Condition(spaces, 4, size=(4, 4), dropout=0.5)
    again.load_state_dict(condition.state_dict())
    numbers = np.random.default_rng(0).normal(3.0, 5.0, (50, 2)).astype(np.float32)
    condition.fit(Split({name: Column(numbers, spaces[name])}, np.arange(50)))
    units = next(iter(condition.units.values()))
    torch.testing.assert_close(units.mean, torch.from_numpy(numbers.mean(0)))


def test_names_that_torch_takes_are_kept_so_that_old_weights_load():
    spaces = {"label": Labels(3), "head_turn": Vectors(2), "hair-style": Labels(2), "1": Labels(2), "get": Labels(2)}
    names = set(Condition(spaces, 4, size=(4, 4), dropout=0.5).state_dict())
    assert {"units.head_turn.mean", "embeds.hair-style.table.weight", "embeds.1.table.weight", "nulls.label"} <= names
    assert "embeds.get.table.weight" in names


def test_no_two_names_share_a_key():
    condition = Condition({"type": Labels(2), "hex-74797065": Labels(2)}, 4)
    assert len(condition.embeds) == 2

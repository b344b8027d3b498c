"""Worlds as two domains: what they show, which scenes train in which, and that training never sees the counterpart."""

import json

import numpy as np
import pytest
import torch

import daedal
from daedal.data.base import Split
from daedal.data.describe import contact_sheet, describe
from daedal.data.load import load_data
from daedal.data.worlds.colours import stencil_colours
from daedal.data.worlds.domains import OUTPUTS, parse_domain
from daedal.data.worlds.render import render
from daedal.errors import UsageError
from daedal.play.system import System
from daedal.play.turn import Turn
from daedal.spaces import Images
from daedal.systems.training import resume
from tests.data.worlds.busy import Busy
from tests.data.worlds.tiny import Tiny
from tests.play.test_domains import Swap
from tests.small import same


def busy(*domains, n=40, size=8, **options):
    return load_data("busy", n=n, size=size, domains=domains, **options)


def numbers_of(pictures, data, field):
    """Of which training or test scenes these are pictures, found by rendering them all."""
    everything = data.world.gather(range(130), [field])[field].flatten(1)
    return [set((everything == picture).all(1).nonzero().flatten().tolist()) for picture in pictures.flatten(1)]


def level(picture):
    return torch.floor(picture * 255 + 0.5) / 255 * 2 - 1


# -- what a domain shows


def test_a_pair_is_one_scene_with_other_factors():
    data = busy("small", "size=0.9,tint=blue", paired=True)
    assert list(data.fields) == ["a", "b", "shade", "shift", "hat", "moves", "factors"]
    values = Busy().draw(torch.from_numpy(data.test.rows))
    items = data.test.gather(range(len(data.test)))
    small = values | {"size": torch.full_like(values["size"], 0.3)}
    large = values | {"size": torch.full_like(values["size"], 0.9), "tint": torch.full_like(values["tint"], 2)}
    for field, changed in (("a", small), ("b", large)):
        rgb = render(Busy().scene(changed), 8)["rgb"]
        torch.testing.assert_close(items[field], level(rgb), atol=1e-6, rtol=0)
    assert torch.equal(items["hat"], values["hat"])
    place = torch.cat([(values["shade"].double()[:, None] - 0.1) / 0.8 * 2 - 1, values["shift"].double() / 0.3], 1)
    torch.testing.assert_close(items["factors"].double(), place, atol=1e-6, rtol=0)


def test_outputs_are_domains():
    data = busy("stencil", "rig", paired=True)
    values = Busy().draw(torch.from_numpy(data.test.rows))
    items = data.test.gather(range(len(data.test)))
    classes = render(Busy().scene(values), 8, outputs=["stencil"])["stencil"]
    torch.testing.assert_close(items["a"], level(stencil_colours(classes)), atol=1e-6, rtol=0)
    rig = render(Busy().rig(values), 8, shadows=False)["rgb"]
    torch.testing.assert_close(items["b"], level(rig), atol=1e-6, rtol=0)


def test_a_range_keeps_each_item_at_its_own_place():
    world = Busy()
    drawn = world.draw(torch.arange(20))
    shade = parse_domain(world, "dim").values(drawn)["shade"]
    torch.testing.assert_close(shade, 0.1 + 0.2 * (drawn["shade"] - 0.1) / 0.8)


def test_the_later_word_holds_and_a_name_may_be_narrowed():
    domain = parse_domain(Busy(), "small, shade=0.5, size=0.4")
    assert {name: setting.low for name, setting in domain.settings.items()} == {"size": (0.4,), "shade": (0.5,)}
    assert parse_domain(Busy(), "small,stencil").output == "stencil"
    assert parse_domain(Busy(), "plain").output == "rgb"


def test_clips_have_domains():
    data = busy("small", "large", paired=True, frames=3)
    assert data.fields["a"] == data.fields["b"] == Images(3, 8, 8, frames=3)
    values = Busy().draw(torch.from_numpy(data.test.rows)) | {"size": torch.full((4,), 0.9)}
    rgb = render(Busy().scene(values, torch.full((4,), 2 / 8)), 8)["rgb"]
    torch.testing.assert_close(data.test.gather(range(4))["b"][:, 2], level(rgb), atol=1e-6, rtol=0)


# -- which scenes are seen in which


@pytest.mark.parametrize("endless", [False, True])
def test_no_scene_is_trained_on_in_both_domains(endless):
    data = busy("small", "large", endless=endless)
    seen = {}
    for side in "ab":
        pictures = data.train[side].gather(range(18))
        assert list(pictures) == [side]
        seen[side] = set.union(*numbers_of(pictures[side], data, side))
    world = data.world
    assert seen["a"] == set(world.training_index(np.arange(0, 36, 2)).tolist())
    assert seen["b"] == set(world.training_index(np.arange(1, 36, 2)).tolist())
    tested = [numbers_of(data.test.gather(range(4))[side], data, side) for side in "ab"]
    assert tested[0] == tested[1] == [{k} for k in world.test_index(np.arange(4)).tolist()]


def test_an_endless_side_does_not_give_the_other():
    data = busy("small", "large", endless=True)
    with pytest.raises(UsageError, match="Items of 'a' have no field 'b'"):
        data.train["a"].gather([0], ["b"])
    assert list(data.train["a"][:3].columns) == ["a"]
    with pytest.raises(KeyError):
        busy("small", "large").train["a"].gather([0], ["b"])


class Recorder(Swap):
    """Remembers all pictures that it is trained on."""

    accepts = (Images,)

    def __init__(self, x, given=None):
        System.__init__(self, x, given)
        self.net = torch.nn.Conv2d(3, 3, 1)
        self.seen = {"a": [], "b": []}

    def players(self):
        return System.players(self)

    def turns(self, batches):
        for side, seen in self.seen.items():
            batch = next(batches[side])
            assert not batch.given
            seen.append(batch.x)
            yield Turn("model", (self.net(batch.x + 0.1 * torch.randn_like(batch.x)) - batch.x).square().mean())

    def draw(self, n, given, generator):
        return self.net(given["a"])


class Secret(Split):
    """A split that may be counted, and never looked at."""

    def __getitem__(self, i):
        raise AssertionError("training looked at a test item")

    gather = __iter__ = __getitem__


def test_few_items_are_pictured_too(tmp_path):
    data = busy("small", "large", n=26)  # of which each side has 11 or 12
    daedal.train(daedal.create(Recorder, data, x="b", given="a"), data, steps=1, out=tmp_path / "run")
    assert list((tmp_path / "run" / "samples").iterdir())


@pytest.mark.parametrize("endless", [False, True])
def test_training_through_the_front_door_never_sees_the_counterpart(tmp_path, endless):
    data = busy("small", "large", n=60, endless=endless)
    columns = {}  # whose values cannot be reached either
    object.__setattr__(data, "test", Secret(columns, data.test.rows))
    system = daedal.create(Recorder, data, x="b", given="a")
    daedal.train(system, data, steps=9, batch_size=6, out=tmp_path / "run", save_every=4)
    assert (tmp_path / "run" / "samples").is_dir()  # samples were drawn, for training items of a
    scenes = {side: numbers_of(torch.cat(seen), data, side) for side, seen in system.seen.items()}
    assert all(len(found) == 1 for side in scenes.values() for found in side)  # each picture is of one scene
    a, b = (set.union(*scenes[side]) for side in "ab")
    assert len(a) == len(b) == (54 if endless else 27)
    assert a.isdisjoint(b)
    assert (a | b).isdisjoint(data.world.test_index(np.arange(13)).tolist())


# -- as data


@pytest.mark.parametrize("options", [{}, {"paired": True}, {"endless": True}, {"label": "hat"}])
def test_a_source_loads_the_same_again(options):
    data = busy("small", "large,hat=no" if not options.get("label") else "large", **options)
    again = load_data(**json.loads(json.dumps(dict(data.source))))
    assert again.fingerprint == data.fingerprint
    assert again.fields == data.fields
    assert busy("small", "size=0.8", **options).fingerprint != data.fingerprint


def test_one_text_may_name_both():
    both = load_data("busy", n=40, size=8, domains="small,large")
    assert both.fingerprint == busy("small", "large").fingerprint


def test_a_run_resumes_from_its_folder(tmp_path):
    data = busy("small", "large")
    system = daedal.create(Recorder, data, x="b", given="a")
    daedal.train(system, data, steps=2, batch_size=6, out=tmp_path / "run")
    again = resume(tmp_path / "run", load_data, steps=4, system=Recorder)
    whole = daedal.create(Recorder, data, x="b", given="a")
    daedal.train(whole, data, steps=4, batch_size=6, out=tmp_path / "whole")
    assert same(again.system, whole)


def test_it_is_described_and_pictured(tmp_path):
    said = describe(busy("small", "large"))
    assert (said.n, said.train, said.test, said.sides) == (40, 36, 4, {"a": 18, "b": 18})
    assert said.domains == {"a": "small", "b": "large"}
    assert (said.duplicates, said.shared) == (0, 0)
    assert "40: 18 of a + 18 of b training, 4 test pairs" in str(said)
    assert describe(busy("small", "large", paired=True)).train == 36
    assert describe(busy("small", "large", endless=True)).train is None
    sheet = np.asarray(contact_sheet(busy("small", "large"), tmp_path / "sheet.png"))
    assert sheet.shape[0] > 2 * 64  # a row of each domain


def test_equal_pictures_are_counted():
    said = describe(busy("tint=red,shift=0,hat=no,shade=0.5,size=0.5,moves=wait", "large"))
    assert (said.duplicates, said.shared) == (18 + 4 - 1, 4)


# -- held factors


def test_factors_are_held():
    data = load_data("busy", n=40, size=8, set="hat=yes,size=0.3..0.4")
    items = data.train.gather(range(36))
    assert items["hat"].eq(1).all()
    drawn = Busy().draw(torch.from_numpy(data.train.rows))
    torch.testing.assert_close(items["size"][:, 0], 0.3 + 0.1 * (drawn["size"] - 0.3) / 0.6)
    rgb = render(Busy().scene(data.world.values(data.train.rows)), 8)["rgb"]
    torch.testing.assert_close(items["x"], level(rgb), atol=1e-6, rtol=0)
    endless = load_data("busy", n=40, size=8, set=("hat=yes", "size=0.3..0.4"), endless=True)
    assert torch.equal(endless.train[5]["x"], data.train[5]["x"])
    assert not torch.equal(load_data("busy", n=40, size=8).train[5]["x"], data.train[5]["x"])


# -- what cannot be

KNOWN = "a domain is its own (small, large, dim, plain), factor=value, or an output ("


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"domains": ("smal", "large")}, f"'smal' is no domain of busy; {KNOWN}"),
        ({"domains": ("smal", "large")}, "Did you mean 'small'?"),
        ({"domains": ("stencils", "rgb")}, "(rgb, stencil, depth, normal, rig, painting). Did you mean 'stencil'?"),
        ({"domains": ("sise=1", "rgb")}, "'sise' is no factor of busy"),
        ({"domains": ("size=1", "rgb")}, "'size' of busy must be a number in [0.3, 0.9]"),
        ({"domains": ("stencil,depth", "rgb")}, "'stencil,depth' asks for the outputs stencil and depth at once"),
        ({"domains": ("small", "small")}, "'domains' must be two that differ, such as small,large; got 'small' twice"),
        ({"domains": ("small", "size=0.3")}, "got 'small' and 'size=0.3', which are the same."),
        ({"domains": ("small",)}, "'domains' must be two, such as small,large; got 1: small."),
        ({"domains": ("small", "large", "dim")}, "'domains' must be two, such as small,large; got 3"),
        ({"domains": "small,hat=no,large"}, "with commas only between the two, or each by itself; got 3"),
        ({"paired": True}, "'paired' is about two domains; name them with 'domains', or leave it out."),
        ({"domains": ("small", "large"), "fields": ("depth",)}, "leave out 'depth' (a domain may be an output"),
        ({"domains": ("small", "hat=no"), "label": "hat"}, "'label' must not be 'hat', which the domains set"),
        ({"domains": ("small", "hat=no"), "set": "hat=yes"}, "'set' must not be 'hat', which the domains set"),
        ({"set": "hut=yes"}, "'hut' is no factor of busy"),
        ({"set": "moves=wait:run:wait:wait"}, "'moves' of busy must be one of wait, grow, dim; got 'run'."),
        ({"set": 3}, "'set' of busy must be a tuple of strings; got 3."),
    ],
)  # fmt: skip
def test_what_cannot_be_is_one_sentence(options, message):
    with pytest.raises(UsageError) as caught:
        load_data("busy", n=40, size=8, **options)
    assert message in str(caught.value)


def test_a_world_without_a_rig_has_no_such_output():
    with pytest.raises(UsageError, match=r"an output \(rgb, stencil, depth, normal, painting\)"):
        parse_domain(Tiny(), "rig")
    assert "rig" in OUTPUTS


def test_a_painting_is_that_of_the_item_whatever_lies_beside_it():
    pytest.importorskip("daedal.data.worlds.painting")
    data = busy("rgb", "painting", paired=True)
    alone = [data.world.gather([k], ["b"])["b"] for k in data.test.rows]
    together = data.test.gather(range(4))
    assert torch.equal(torch.cat(alone), together["b"])
    assert (together["a"] - together["b"]).abs().mean() > 0.01


def test_evaluation_reads_the_domain_that_is_modelled_and_its_counterpart():
    data = busy("small", "large", n=60)
    system = daedal.create(Recorder, data, x="b", given="a")
    found = daedal.evaluate(system.eval(), data, n=6, metrics=["fd-self", "memorised"])
    assert set(found) == {"fd-self", "memorised"}
    with pytest.raises(UsageError, match="compare unpaired domains by 'evaluate'"):
        daedal.compare([Recorder], data, x="b", given="a", seconds=1)

"""A world as data: fields, splits, cache, correlation, and items changed."""

import contextlib

import numpy as np
import pytest
import torch

from daedal.data.cache import cache_folder
from daedal.data.describe import contact_sheet, describe
from daedal.data.load import load_data
from daedal.data.shares import Gone
from daedal.data.worlds import rendering
from daedal.data.worlds.fields import RESERVED, metres, pixels
from daedal.data.worlds.render import flow, render
from daedal.data.worlds.sides import Sides
from daedal.data.worlds.simulator import Simulator
from daedal.data.worlds.world import Correlation
from daedal.errors import DataError
from daedal.spaces import Images, Labels, Vectors
from tests.data.worlds.tiny import Tiny

DENSE = ("depth", "normal", "stencil", "points", "caption")


def tiny(n=40, size=8, **options):
    return load_data("tiny", n=n, size=size, **options)


def raw(data, name):
    return np.asarray(data.test.columns[name].values)


# -- fields


def test_every_factor_is_a_field():
    data = tiny()
    assert data.fields["x"] == Images(3, 8, 8)
    assert data.fields["size"] == Vectors(1)
    assert data.fields["shift"] == Vectors(2)
    assert data.fields["hat"] == Labels(2, names=("no", "yes"))
    assert data.fields["factors"] == Vectors(4)
    assert "label" not in data.fields
    assert set(data.fields).isdisjoint(DENSE)
    for name, space in data.fields.items():
        space.check(data.train.gather(range(len(data.train)))[name], name)


def test_fields_are_the_factors_of_the_world():
    data = tiny()
    values = Tiny().draw(torch.from_numpy(data.train.rows))
    items = data.train.gather(range(len(data.train)))
    assert torch.equal(items["size"][:, 0], values["size"])
    assert torch.equal(items["shift"], values["shift"])
    assert torch.equal(items["hat"], values["hat"])
    place = (values["size"].double() - 0.3) / 0.6 * 2 - 1
    torch.testing.assert_close(items["factors"][:, 0].double(), place, atol=1e-6, rtol=0)
    torch.testing.assert_close(items["factors"][:, 2:].double(), values["shift"].double() / 0.3, atol=1e-6, rtol=0)
    assert items["factors"].abs().max() <= 1


def test_pictures_are_those_of_the_renderer():
    data = tiny(size="8x12")
    values = Tiny().draw(torch.from_numpy(data.train.rows))
    picture = render(Tiny().scene(values), 8, 12)["rgb"]
    x = data.train.gather(range(len(data.train)), ["x"])["x"]
    assert (x - (2 * picture - 1)).abs().max() <= 1 / 255 + 1e-6  # half a level


def test_dense_fields_are_those_of_the_renderer():
    data = tiny(fields=DENSE)
    items = data.train.gather(range(len(data.train)))
    for name in DENSE:
        data.fields[name].check(items[name], name)
    scene = Tiny().scene(Tiny().draw(torch.from_numpy(data.train.rows)))
    truth = render(scene, 8, outputs=("depth", "normal", "stencil"))
    assert torch.equal(items["stencil"], truth["stencil"])
    hit = truth["stencil"] > 0
    depth = metres(items["depth"][:, 0].double())
    bound = (1 + truth["depth"]) ** 2 / 65535 * 0.51  # half a level of 1 / (1 + depth)
    assert ((depth - truth["depth"]).abs() <= bound)[hit].all()
    assert torch.isinf(depth[~hit]).all()
    assert (items["normal"] - truth["normal"]).abs().max() <= 1 / 255 + 1e-6


def test_landmarks_are_where_they_are_seen():
    data = tiny(fields=("points",), size=32)
    assert data.notes["landmarks"] == ["centre", "top"]
    item = data.world.rerender(0, shift=[0.0, 0.0], size=0.5)
    torch.testing.assert_close(item["points"][:2], torch.full((2,), 15.5), atol=1e-4, rtol=0)
    up = 0.5 / 4 * 2.5 * 16  # half a metre at 4 m, a focal length of 2.5 half-heights
    torch.testing.assert_close(item["points"][2:], torch.tensor([15.5, 15.5 - up]), atol=1e-4, rtol=0)


def test_captions_are_tokens_that_read_back():
    data = tiny(fields=("caption",))
    values = Tiny().draw(torch.from_numpy(data.test.rows))
    ids = data.test.gather(range(len(data.test)))["caption"]
    assert data.world.vocabulary.decode(ids.numpy()) == Tiny().caption(values)
    words = ("", "<unk>", ",", ".", "A", "a", "ball", "blue", "green", "hat", "red", "with")
    assert data.fields["caption"] == Labels(len(words), (8,), words)


def test_a_choice_may_be_the_label():
    data = tiny(label="tint")
    items = data.train.gather(range(len(data.train)))
    assert data.fields["label"] == data.fields["tint"]
    assert torch.equal(items["label"], items["tint"])


def test_names_of_factors_are_free():
    for name in ("portraits",):
        world = load_data(name, n=10, size=8).world.world
        assert not {factor.name for factor in world.factors} & set(RESERVED)


def test_portraits_have_what_drives_them():
    data = load_data("portraits", n=10, size=8, fields=("rig",))
    item = data.train[0]
    data.fields["rig"].check(item["rig"][None])
    other = data.world.rerender(int(data.train.rows[0]), skin=1.0, hair_colour=1.0, background="red", clothes=1.0)
    assert torch.equal(other["rig"], item["rig"])
    assert not torch.equal(other["x"], item["x"])
    assert not torch.equal(data.world.rerender(int(data.train.rows[0]), mouth_open=1.0)["rig"], item["rig"])


# -- clips


def test_clips_have_frames_flow_and_visibility():
    data = tiny(n=10, frames=3, frame_rate=4, fields=("flow", "visible", "stencil", "points"))
    items = data.train.gather(range(9))
    for name, shape in {"x": (3, 3, 8, 8), "stencil": (3, 8, 8), "flow": (2, 2, 8, 8), "visible": (2, 8, 8)}.items():
        assert items[name].shape == (9, *shape)
        data.fields[name].check(items[name], name)
    values = Tiny().draw(torch.from_numpy(data.train.rows))
    before, after = (Tiny().scene(values, torch.full((9,), t)) for t in (0.25, 0.5))
    motion, seen = flow(before, after, 8)
    assert torch.equal(items["visible"][:, 1], seen.long())
    torch.testing.assert_close(pixels(items["flow"][:, 1]), motion, atol=8 / 65535 * 1.01, rtol=0)
    points = items["points"].view(9, 3, 2, 2)  # frames, landmarks, column and row
    speed = 0.5 * 0.25 / 4 * 2.5 * 4  # metres a frame, seen from 4 m, in pixels
    torch.testing.assert_close(points[:, 1:, :, 0] - points[:, :-1, :, 0], torch.full((9, 2, 2), speed))


def test_a_clip_starts_as_the_still_where_nothing_has_moved():
    clips, stills = tiny(n=10, frames=2), tiny(n=10)
    assert np.array_equal(raw(clips, "x")[:, 0], raw(stills, "x"))


# -- exactness


def test_an_index_has_the_same_pixels_in_any_order_and_company():
    world = Simulator(Tiny(), (16, 16), seed=3)
    whole = world.raw("x", world.values(np.arange(70)))
    order = np.random.default_rng(0).permutation(70)
    assert np.array_equal(world.raw("x", world.values(order)), whole[order])
    for some in ([5], [69, 5], range(16)):
        assert np.array_equal(world.raw("x", world.values(some)), whole[list(some)])


@pytest.mark.parametrize("name", ["x", "depth", "normal", "stencil", "points", "flow", "visible"])
def test_pixels_do_not_depend_on_chunks(name, monkeypatch):
    world = Simulator(Tiny(), (8, 8), frames=2)
    whole = world.raw(name, world.values(np.arange(40)))
    monkeypatch.setattr(Simulator, "step", 7)
    assert np.array_equal(world.raw(name, world.values(np.arange(40))), whole)


def test_another_process_makes_the_same_pixels(tmp_path):
    world, index = Simulator(Tiny(), (8, 8), seed=1, correlation=Correlation("size", "tint", -0.5)), np.arange(10, 30)
    here = world.raw("x", world.values(index))
    job = rendering.Job(world, "x", str(tmp_path / "values"), here[0].nbytes)
    (tmp_path / "values").touch()
    with rendering._helper(job) as share:
        digests = share((2, index))
    written = np.fromfile(job.path, np.uint8).reshape(-1, *here.shape[1:])
    assert np.array_equal(written[2:], here)
    assert digests == job.share((2, index))


def test_what_a_helper_leaves_is_done_here(monkeypatch):
    whole = raw(tiny(n=300), "x").copy()

    @contextlib.contextmanager
    def dying(job):
        def share(of):
            raise Gone

        yield share

    monkeypatch.setenv("DAEDAL_CACHE", str(cache_folder()) + "-2")
    monkeypatch.setattr(rendering, "helpers_for", lambda seconds, worth: 3)
    monkeypatch.setattr(rendering, "_helper", dying)
    assert np.array_equal(raw(tiny(n=300), "x"), whole)


# -- splits


@pytest.mark.parametrize(("name", "seed"), [("tiny", 0), ("tiny", 1), ("other", 0)])
def test_one_of_each_ten_is_tested(name, seed):
    sides, index = Sides(name, seed), np.arange(20_000)
    test = sides.is_test(index)
    assert (test.reshape(-1, 10).sum(1) == 1).all()
    place = np.bincount(test.reshape(-1, 10).argmax(1), minlength=10)
    assert ((place - 200) ** 2 / 200).sum() < 33  # chi-square of 9 degrees, 1 - 1e-4
    assert np.array_equal(sides.test_index(np.arange(2000)), index[test])
    assert np.array_equal(sides.training_index(np.arange(18_000)), index[~test])


def test_another_seed_tests_others():
    assert not np.array_equal(Sides("tiny", 0).test_index(np.arange(50)), Sides("tiny", 1).test_index(np.arange(50)))


def test_splits_are_disjoint_and_an_item_stays_on_its_side():
    small, large = tiny(n=40), tiny(n=95)
    assert not set(small.train.rows) & set(small.test.rows)
    assert set(small.train.rows) | set(small.test.rows) == set(range(40))
    assert set(small.test.rows) <= set(large.test.rows)
    assert set(small.train.rows) <= set(large.train.rows)
    assert torch.equal(small.train[7]["x"], large.train[7]["x"])


# -- cache


@pytest.fixture
def count(monkeypatch):
    """Which fields were rendered, one entry a call of the renderer's."""
    names, real = [], rendering.Job.share
    monkeypatch.setattr(rendering.Job, "share", lambda job, *rest: names.append(job.name) or real(job, *rest))
    return names


def test_what_was_rendered_is_used_again(count):
    first = tiny(fields=("depth",))
    assert count == ["x", "depth"]
    again = tiny(fields=("depth",))
    assert count == ["x", "depth"]
    assert first.fingerprint == again.fingerprint
    assert isinstance(again.train.columns["x"].values.base, np.memmap)
    tiny(fields=("depth", "stencil"), label="hat")
    assert count == ["x", "depth", "stencil"]


def test_what_would_look_otherwise_is_rendered_anew(count):
    for options in ({}, {"seed": 1}, {"size": 9}, {"n": 41}, {"shadows": False}, {"correlation": "size,shade,1"}):
        tiny(**options)
    assert count == ["x"] * 6


def test_changed_code_is_rendered_anew(count, monkeypatch):
    tiny()
    monkeypatch.setattr(rendering, "_source", lambda world: "changed")
    tiny()
    assert count == ["x", "x"]


def test_a_render_that_fails_leaves_nothing(monkeypatch):
    def full(job, share):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(rendering.Job, "share", full)
    with pytest.raises(DataError, match=r"is full .*DAEDAL_CACHE") as caught:
        tiny()
    assert "\n" not in str(caught.value)
    assert [path for path in (cache_folder() / "worlds").iterdir() if path.suffix != ".lock"] == []


# -- correlation


def pearson_error(first, second, strength):
    """How many standard errors the mean product of two standardised uniform columns is from `strength`."""
    product = 3 * first.double() * second.double()  # uniform on [-1, 1]: variance 1/3
    return ((product.mean() - strength) / (product.std() / len(product) ** 0.5)).abs().item()


@pytest.mark.parametrize("strength", [0.8, -0.3, 0.0])
def test_factors_correlate_as_stated(strength):
    world = Simulator(Tiny(), correlation=Correlation("size", "shade", strength))
    factors = world.gather(world.training_index(np.arange(20_000)), ["factors"])["factors"]
    assert pearson_error(factors[:, 0], factors[:, 1], strength) < 4
    assert pearson_error(factors[:, 0], factors[:, 2], 0.0) < 4
    test = world.gather(world.test_index(np.arange(20_000)), ["factors"])["factors"]
    assert pearson_error(test[:, 0], test[:, 1], 0.0) < 4


def test_test_items_have_their_own_correlation():
    data = tiny(n=100, correlation=("size", "shade", 1.0), test_correlation=-1.0)
    train, test = (part.gather(range(len(part)))["factors"] for part in (data.train, data.test))
    torch.testing.assert_close(train[:, 0], train[:, 1], atol=1e-6, rtol=0)
    torch.testing.assert_close(test[:, 0], -test[:, 1], atol=1e-6, rtol=0)
    assert data.source["correlation"] == "size,shade,1.0"


def test_a_correlation_changes_nothing_but_its_second_factor():
    plain, tied = tiny(n=100), tiny(n=100, correlation="size,hat,0.9")
    for name in ("size", "shade", "shift", "tint"):
        assert np.array_equal(raw(plain, name), raw(tied, name))
    assert np.array_equal(raw(plain, "hat")[plain.test.rows], raw(tied, "hat")[tied.test.rows])
    assert not np.array_equal(raw(plain, "hat"), raw(tied, "hat"))


# -- items changed


def test_rerendering_changes_that_factor_alone():
    data = tiny(fields=("stencil",), size=16)
    index = int(data.train.rows[3])
    same = data.world.rerender(index)
    for name, value in data.train[3].items():
        assert torch.equal(same[name], value)
    hats = {hat: data.world.rerender(index, hat=hat) for hat in ("no", "yes")}
    assert torch.equal(hats["yes"]["hat"], torch.tensor(1))
    differ = (hats["yes"]["x"] != hats["no"]["x"]).any(0)
    assert differ.any()
    grown = (hats["yes"]["stencil"] == 2) | (hats["no"]["stencil"] == 1)  # the hat, and its shadow on the ball
    edge = torch.nn.functional.max_pool2d(grown[None].float(), 3, 1, 1)[0].bool()  # colour is antialiased
    assert not (differ & ~edge).any()
    for name in ("size", "shade", "shift", "tint"):
        assert torch.equal(hats["yes"][name], hats["no"][name])
    assert torch.equal(data.world.rerender(index, hat=1)["x"], hats["yes"]["x"])
    assert torch.equal(data.world.rerender(index, shift=(0.1, -0.2))["shift"], torch.tensor([0.1, -0.2]))


# -- the command line's views


def test_it_is_described_and_pictured():
    data = tiny()
    text = str(describe(data))
    assert "40: 36 training, 4 test" in text
    assert "classes of hat" in text
    assert contact_sheet(data).size[0] > 8

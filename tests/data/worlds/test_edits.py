"""Edits: which instruction an item gets, what it changes, and the picture after it; and actions between frames."""

import json

import numpy as np
import pytest
import torch

from daedal.data.load import load_data
from daedal.data.options import Options
from daedal.data.tokens import Vocabulary
from daedal.data.worlds.dancers import Dancers
from daedal.data.worlds.dataset import load_world
from daedal.data.worlds.edits import LEAST, edited, instructions
from daedal.data.worlds.portraits import Portraits
from daedal.data.worlds.render import render
from daedal.data.worlds.settings import parse_settings
from daedal.data.worlds.simulator import Simulator
from daedal.data.worlds.streets import Streets
from daedal.data.worlds.world import PLACE
from daedal.data.worlds.write import write
from daedal.errors import UsageError
from tests.data.worlds.busy import Busy
from tests.data.worlds.test_write import lines, pixels
from tests.data.worlds.tiny import Tiny

FIELDS = ("after", "instruction")


def busy(n=200, **options):
    return load_data("busy", n=n, size=8, **options)


def test_after_is_the_picture_with_exactly_what_the_instruction_says():
    data = busy(n=60, fields=FIELDS)
    assert data.fields["after"] == data.fields["x"]
    words = data.world.wording
    items = data.train.gather(range(len(data.train)))
    drawn = Busy().draw(torch.from_numpy(data.train.rows))
    said = words.decode(items["instruction"].numpy())
    assert set(said) <= set(Busy.edits)
    for k, text in enumerate(said):
        values = {name: value[[k]] for name, value in drawn.items()}
        for name, setting in parse_settings(Busy(), [Busy.edits[text]]).items():
            values[name] = torch.full_like(values[name], setting.low[0])
        rgb = render(Busy().scene(values), 8)["rgb"]
        level = torch.floor(rgb * 255 + 0.5) / 255 * 2 - 1
        torch.testing.assert_close(items["after"][[k]], level, atol=1e-6, rtol=0)


def test_an_edit_applies_where_it_changes_something():
    world = Busy()
    values = Simulator(world).values(range(600))
    said, after = instructions(world, values), edited(world, values)
    size, shade = (after[name] - values[name] for name in ("size", "shade"))
    for k, text in enumerate(said):
        if "hat" in text:
            assert values["hat"][k] == ("off" in text)
        elif "red" in text:
            assert values["tint"][k] != 0
        else:
            assert size[k].abs() >= LEAST * 0.6 - 1e-6 or shade[k].abs() >= LEAST * 0.8 - 1e-6
    chosen = np.array(said)
    plain = (values["tint"] == 0) & (values["size"] > 0.79) & (values["shade"] < 0.25)  # only a hat can change
    assert {text[-3:] for text in chosen[plain.numpy()]} == {" on", "off"}


def test_those_that_apply_are_equally_likely():
    values = Simulator(Busy()).values(range(4000))
    able = (values["tint"] != 0) & (values["size"] < 0.75)  # three of the four apply
    said = np.array(instructions(Busy(), values))[able.numpy()]
    n = len(said)
    for share in ((said == "make it red").mean(), (said == "make it large, and dark").mean()):
        assert abs(share - 1 / 3) < 4 * (2 / 9 / n) ** 0.5


@pytest.mark.parametrize(
    ("world", "name", "text", "same", "other"),
    [(Streets, "hour", "make it night", 1.0, 13.0), (Dancers, "heading", "turn away", -175.0, -90.0)],
)
def test_round_a_circle_the_shorter_way_counts(world, name, text, same, other):
    """One o'clock is near half past eleven; who faces -175 degrees has turned away already."""
    values = Simulator(world(), held=(f"{name}={same}",)).values(range(40))
    assert text not in instructions(world(), values)
    values[name] = torch.full_like(values[name], other)
    assert text in instructions(world(), values)


class Rigid(Busy):
    edits = {"make it red": "tint=red"}  # noqa: RUF012


def test_where_none_applies_nothing_is_said_and_nothing_changes():
    values = Simulator(Rigid()).values(range(50))
    after, said = edited(Rigid(), values), instructions(Rigid(), values)
    assert [text == "" for text in said] == (values["tint"] == 0).tolist()
    assert after["tint"].eq(0).all()
    assert all(torch.equal(after[name], values[name]) for name in values if name != "tint")


def test_items_have_the_same_edit_whenever_they_are_made():
    data, endless = busy(fields=FIELDS), busy(fields=FIELDS, endless=True)
    for name in FIELDS:
        assert torch.equal(endless.train[7][name], data.train[7][name])
    alone = data.world.gather([data.train.rows[7]], FIELDS)
    assert torch.equal(alone["after"][0], data.train[7]["after"])
    other = busy(fields=FIELDS, seed=1).world.values(range(50))[PLACE]
    assert not torch.equal(other, data.world.values(range(50))[PLACE])


def test_the_vocabulary_is_of_training_instructions():
    data = busy(fields=FIELDS)
    training = instructions(Busy(), data.world.values(data.world.training_index(range(1000))))
    assert data.world.wording == Vocabulary.fit(training)
    assert "," in data.fields["instruction"].names
    assert data.fields["instruction"].shape == (6,)


def test_clips_are_edited_too():
    data = busy(n=20, frames=3, fields=("after",))
    assert data.fields["after"].shape == (3, 3, 8, 8)
    values = data.world.edited(data.world.values(data.test.rows))
    rgb = render(Busy().scene(values, torch.full((2,), 1 / 8)), 8)["rgb"]
    level = torch.floor(rgb * 255 + 0.5) / 255 * 2 - 1
    torch.testing.assert_close(data.test.gather(range(2))["after"][:, 1], level, atol=1e-6, rtol=0)


def test_they_are_written_as_folders(tmp_path):
    out = write(Busy(), tmp_path / "out", n=6, size=16, layout="edits", first=3).out
    rows = lines(out / "edits.jsonl")
    of = Simulator(Busy(), (16, 16))
    values = of.values(range(3, 9))
    after = of.edited(values)
    assert [row["instruction"] for row in rows] == instructions(Busy(), values)
    for side, changed in (("before", values), ("after", after)):
        assert [row[side] for row in rows] == [f"{side}/000{k}.png" for k in range(6)]
        rgb = (render(Busy().scene(changed), 16)["rgb"].double() * 255).round().byte().permute(0, 2, 3, 1).numpy()
        for k, row in enumerate(rows):
            assert np.array_equal(pixels(out / row[side]), rgb[k])
    for k, row in enumerate(rows):
        assert row["text"] == Busy().caption({name: v[[k]] for name, v in values.items()})[0]
        assert row["text_after"] == Busy().caption({name: v[[k]] for name, v in after.items()})[0]
        said = parse_settings(Busy(), [Busy.edits[row["instruction"]]])
        assert 1 <= len(row["changed"]) <= len(said)
        assert set(row["changed"]) <= set(said)


@pytest.mark.parametrize("name", list(Portraits.edits))
def test_what_portraits_are_told_can_be_done_and_is_done(name):
    values = Simulator(Portraits()).values(range(400))
    after = edited(Portraits(), values)
    which = [k for k, said in enumerate(instructions(Portraits(), values)) if said == name]
    assert len(which) > 5
    for factor, setting in parse_settings(Portraits(), [Portraits.edits[name]]).items():
        assert after[factor][which].double().eq(torch.tensor(setting.low[0]).to(after[factor]).double()).all()


def test_every_domain_of_portraits_is_one():
    from daedal.data.worlds.domains import parse_domain

    for name in Portraits.domains:
        assert parse_domain(Portraits(), name).settings


# -- actions


def test_actions_are_those_between_two_frames():
    data = busy(n=20, frames=9, frame_rate=4.0, fields=("action",))
    moves = Busy().draw(torch.from_numpy(data.train.rows))["moves"]
    items = data.train.gather(range(18))
    assert data.fields["action"].names == ("wait", "grow", "dim")
    assert torch.equal(items["action"], moves.repeat_interleave(2, 1))  # of half a second, two intervals each
    held = busy(n=20, frames=9, frame_rate=4.0, fields=("action",), set="moves=grow:dim:wait:grow")
    assert held.train[3]["action"].tolist() == [1, 1, 2, 2, 0, 0, 1, 1]


def test_actions_are_written_beside_clips(tmp_path):
    options = {"layout": "clips", "frames": 5, "frame_rate": 2.0, "truths": ["captions"], "size": 16, "n": 2}
    out = write(Busy(), tmp_path / "out", settings=["moves=grow:dim:wait:grow"], **options).out
    assert [row["actions"] for row in lines(out / "captions.jsonl")] == [["grow", "dim", "wait", "grow"]] * 2
    record = json.loads((out / "render.json").read_text())
    assert record["held"] == ["moves=grow:dim:wait:grow"]
    several = write(Busy(), tmp_path / "several", **{**options, "frame_rate": 3.0, "frames": 3}).out
    assert all("actions" not in row for row in lines(several / "captions.jsonl"))  # two fall between two frames


# -- boxes


class Boxed(Busy):
    boxed = ("ball",)
    least_share = 0.2


def test_boxes_are_of_the_classes_and_sizes_that_a_world_states(tmp_path):
    options = {"n": 12, "size": 16, "truths": ["boxes", "parts"]}
    every = json.loads((write(Busy(), tmp_path / "all", **options).out / "annotations.json").read_text())
    out = write(Boxed(), tmp_path / "some", **options).out
    some = json.loads((out / "annotations.json").read_text())
    assert [box["bbox"] for box in some["annotations"]] == [
        box["bbox"] for box in every["annotations"] if box["category_id"] == 1 and box["area"] >= 0.2 * 256
    ]
    assert 0 < len(some["annotations"]) < len(every["annotations"])
    assert some["categories"] == [{"id": 1, "name": "ball"}]
    assert len(json.loads((out / "parts.json").read_text())["categories"]) == 2  # parts are of every class


# -- what cannot be


@pytest.mark.parametrize(
    ("world", "options", "message"),
    [
        (Tiny, {"fields": ("after",)}, "'after' is no field of tiny, which has no edits; leave it out."),
        (Tiny, {"fields": ("instruction",)}, "'instruction' is no field of tiny, which has no edits"),
        (Tiny, {"fields": ("action",), "frames": 3}, "'action' is no field of tiny, where nothing acts; leave it out."),
        (Busy, {"fields": ("action",)}, "'action' is between two frames; ask for clips with 'frames' (--frames 8)."),
        (Busy, {"fields": ("action",), "frames": 3, "frame_rate": 3.0}, "let 'frame_rate' be a multiple of 2."),
        (Busy, {"fields": ("action",), "frames": 3, "frame_rate": 1.0}, "1 frames a second let two actions fall betw"),
        (Busy, {"frames": 18}, "A clip of 18 frames at 8 a second takes 2.125 s, and busy lasts 2 s; "),
        (Busy, {"frames": 18}, "let it have at most 17 frames."),
    ],
)
def test_what_cannot_be_is_one_sentence(world, options, message):
    own = {"fields": (), "label": None, "correlation": None, "test_correlation": 0.0, "frames": None}
    own |= {"frame_rate": 8.0, "shadows": True, "endless": False, "domains": (), "paired": False, "set": ()}
    with pytest.raises(UsageError) as caught:
        load_world(world(), Options(n=20, size=(8, 8)), **{**own, **options})
    assert message in str(caught.value)


def test_a_clip_of_the_whole_drive_can_be_loaded():
    assert busy(n=20, frames=17).fields["x"].frames == 17


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layout": "clips", "frames": 18}, "busy lasts 2 s; let it have at most 17 frames."),
        ({"layout": "paired", "domains": ["small", "small"]}, "got 'small' twice, which are the same"),
        ({"layout": "paired", "domains": ["smal", "large"]}, "Did you mean 'small'?"),
        ({"layout": "paired", "domains": ["small", "large"], "settings": ["size=0.5"]}, "which the domains set"),
    ],
)
def test_nor_can_it_be_written(tmp_path, options, message):
    with pytest.raises(UsageError) as caught:
        write(Busy(), tmp_path / "out", n=2, size=16, **options)
    assert message in str(caught.value)
    with pytest.raises(UsageError, match="tiny has no edits, so there is no picture after one"):
        write(Tiny(), tmp_path / "out", n=2, size=16, layout="edits")


@pytest.mark.parametrize("layout", ["paired", "unpaired", "sides"])
def test_layouts_take_named_domains(tmp_path, layout):
    named = write(Busy(), tmp_path / "a", n=3, test=1, size=16, layout=layout, domains=["small", "large,stencil"])
    plain = write(Busy(), tmp_path / "b", n=3, test=1, size=16, layout=layout, domains=["size=0.3", "stencil,size=.9"])
    assert named.pictures == plain.pictures == 8
    once = write(Busy(), tmp_path / "c", n=1, test=1, size=16, layout=layout, domains=["small,stencil"])
    assert once.pictures == 4
    for name in named.files:
        if name.endswith(".png"):
            assert (named.out / name).read_bytes() == (plain.out / name).read_bytes()

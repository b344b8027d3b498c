"""The world streets: what each factor changes, the drive, facts and captions, landmarks, flow and emergencies."""

from __future__ import annotations

import math
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
import torch

from daedal.data.tokens import split_words
from daedal.data.worlds import trace
from daedal.data.worlds.render import OUTPUTS, flow, project, render, to_pixels
from daedal.data.worlds.settings import parse_settings, with_settings
from daedal.data.worlds.simulator import Simulator
from daedal.data.worlds.streets import Streets, words
from daedal.data.worlds.streets.site import CARS, PEOPLE, SIGNALS, SORT, TREES
from daedal.data.worlds.streets.words import HAPPENING, SEASONS, TIMES, WEATHER, parse, sentence
from daedal.data.worlds.world import Values, taken

WORLD = Streets()
GEOMETRY = ("depth", "stencil", "instance", "normal")
CLASS = {name: k for k, name in enumerate(WORLD.stencil)}
FIRST = {"car": CARS, "person": PEOPLE, "tree": TREES, "traffic_light": SIGNALS}


def streets(n: int, settings: str = "event=none", first: int = 0) -> Values:
    """The first streets of seed 0, with some factors set."""
    values = WORLD.draw(torch.arange(first, first + n))
    return with_settings(values, parse_settings(WORLD, [settings]))


def at(seconds: float, n: int) -> torch.Tensor:
    return torch.full((n,), seconds)


@cache
def batch() -> tuple[Values, dict[str, torch.Tensor]]:
    values = streets(6)
    return values, render(WORLD.scene(values, at(1.3, 6)), 32, outputs=OUTPUTS)


def test_a_picture_is_the_same_alone_and_again():
    values, together = batch()
    alone = render(WORLD.scene(taken(values, slice(4, 5)), at(1.3, 1)), 32, outputs=OUTPUTS)
    assert all(torch.equal(alone[name][0], together[name][4]) for name in OUTPUTS)


def test_what_rays_are_not_compared_with_is_not_in_their_way(monkeypatch):
    """The rectangles and shadows' extents of boxes beside and behind the camera, against comparing with every body."""
    values = streets(3, "event=none,actions=right,hour=15,weather=Clear,tilt=7")
    scene = WORLD.scene(values, torch.tensor([0.0, 1.5, 4.0]))
    quick = render(scene, 16, outputs=OUTPUTS, samples=1)

    def everything(bodies, camera):
        whole = torch.full_like(bodies.shape, torch.inf)
        return -whole, whole, -whole, whole

    monkeypatch.setattr(trace, "rectangles", everything)
    monkeypatch.setattr(trace, "_in_the_way", lambda s, picture, *_: (s.bodies.kind > 1)[picture])
    slow = render(scene, 16, outputs=OUTPUTS, samples=1)
    assert all(torch.equal(quick[name], slow[name]) for name in OUTPUTS)


def test_a_clip_begins_with_the_still():
    values = streets(4, "event=none", 6)
    still, start = (render(WORLD.scene(values, moment), 32, outputs=OUTPUTS) for moment in (None, at(0.0, 4)))
    assert all(torch.equal(still[name], start[name]) for name in OUTPUTS)


CHANGES = ("weather=Raining", "weather=Foggy", "weather=SnowLight", "hour=23.5", "hour=20", "intensity=0")


def variants(settings: tuple[str, ...], n: int, base: str, first: int = 0) -> Values:
    """The same n streets once for each of the settings."""
    some = [streets(n, f"{base},{change}", first) for change in settings]
    return {name: torch.cat([values[name] for values in some]) for name in some[0]}


def test_weather_and_hour_leave_depth_classes_and_ids_alone():
    values = variants(CHANGES, 2, "weather=Raining,intensity=1,hour=13")
    seen = render(WORLD.scene(values), 32, outputs=OUTPUTS, samples=1)
    first, *others = (range(2 * k, 2 * k + 2) for k in range(len(CHANGES)))
    for other in others:
        assert all(torch.equal(seen[name][first], seen[name][other]) for name in GEOMETRY)
        assert not torch.equal(seen["rgb"][first], seen["rgb"][other])


@pytest.mark.parametrize(("factor", "first"), [("traffic", CARS), ("people", PEOPLE)])
def test_more_of_them_only_adds(factor, first):
    counts = []
    bodies = [WORLD.scene(streets(8, f"event=none,{factor}={share}")).bodies for share in (0, 0.3, 0.7, 1)]
    for fewer, more in pairwise(bodies):
        mine = (fewer.instance >= first) & (fewer.instance < first + SORT)
        assert torch.equal(fewer.kind[~mine], more.kind[~mine])
        assert torch.equal(fewer.origin, more.origin)
        assert torch.equal(fewer.colour, more.colour)
        assert ((fewer.kind == more.kind) | (fewer.kind == 0))[mine].all()
        counts.append((more.kind != fewer.kind).sum())
        assert fewer is not bodies[0] or not (fewer.kind[mine] != 0).any()
    assert min(counts) > 0


# -- the drive


def test_actions_move_the_camera_by_what_they_say():
    values = streets(5, "pan=0,tilt=0")
    names = [[WORLD.actions[k] for k in row] for row in values["actions"].tolist()]
    for time in (0.0, 0.25, 1.1, 4.0, 9.99, 10.0):
        camera = WORLD.scene(values, at(time, 5)).camera
        for row, position, turn in zip(names, camera.position.double(), camera.turn.double(), strict=True):
            spent = [(name, min(max(time - k / 4, 0.0), 0.25)) for k, name in enumerate(row)]
            ahead = sum(8 * s for name, s in spent if name == "forward")
            right = math.radians(sum(24 * s * {"right": 1, "left": -1}.get(name, 0) for name, s in spent))
            assert position[2] == pytest.approx(-ahead, abs=1e-4)
            assert position[0] == pytest.approx(1.9)
            assert turn[2].numpy() == pytest.approx([math.sin(right), 0.0, -math.cos(right)], abs=1e-5)
            assert turn[0].numpy() == pytest.approx([math.cos(right), 0.0, math.sin(right)], abs=1e-5)


def test_the_action_at_a_moment_is_that_of_its_quarter_second():
    values = streets(4)
    for time, step in ((0.0, 0), (0.24, 0), (0.25, 1), (3.9, 15), (9.99, 39), (10.0, 39)):
        assert torch.equal(WORLD.action(values, at(time, 4)), values["actions"][:, step])


def test_the_camera_is_turned_up_and_right_by_tilt_and_pan():
    turn = WORLD.scene(streets(1, "pan=10,tilt=5")).camera.turn[0].double().numpy()
    pan, tilt = math.radians(10), math.radians(5)
    forward = [math.sin(pan) * math.cos(tilt), math.sin(tilt), -math.cos(pan) * math.cos(tilt)]
    assert turn[2] == pytest.approx(forward, abs=1e-6)
    assert turn @ turn.T == pytest.approx(np.eye(3), abs=1e-6)
    assert np.cross(turn[0], turn[2]) == pytest.approx(turn[1], abs=1e-6)


def test_nobody_on_our_lane_is_rammed():
    values = streets(6, "traffic=1,actions=forward")
    for time in (0.0, 5.0, 10.0):
        scene = WORLD.scene(values, at(time, 6))
        bodies, z = scene.bodies, scene.camera.position[:, 2, None]
        own = (bodies.stencil == CLASS["car"]) & ((bodies.origin[..., 0] - 1.9).abs() < 0.1) & (bodies.kind != 0)
        assert own.any()
        assert (z - bodies.origin[..., 2])[own].min() > 5


def test_there_is_a_street_ahead_all_along_the_drive():
    values = streets(4, "tilt=0,pan=0,event=none,actions=forward,traffic=0,people=0")
    for time in (0.0, 10.0):
        seen = render(WORLD.scene(values, at(time, 4)), 32, outputs=("stencil", "depth"))
        assert (seen["stencil"][:, 15] != CLASS["sky"]).all()  # at the horizon
        assert seen["depth"][:, 15, 12:16].max() > 80
        assert {CLASS[name] for name in ("road", "building", "mark", "pavement")} <= set(
            seen["stencil"].unique().tolist()
        )


# -- facts


def test_facts_count_what_is_large_enough_in_the_ids_of_a_picture():
    values = streets(12, "traffic=0.3..1")
    ids = render(WORLD.scene(values, at(0.0, 12)), 64, outputs=("instance",))["instance"].numpy()
    for fact, picture in zip(WORLD.facts(values), ids, strict=True):
        found, sizes = np.unique(picture, return_counts=True)
        large = found[sizes >= WORLD.least_share * picture.size]
        assert {n: fact[n] for n in FIRST} == {n: int((large // SORT * SORT == i).sum()) for n, i in FIRST.items()}


def test_captions_parse_back_to_the_facts():
    values = streets(12, "people=0.5..1", 50)
    assert [parse(caption) for caption in WORLD.caption(values)] == WORLD.facts(values)


def test_every_sentence_can_be_read():
    numbers = torch.arange(len(WEATHER) * 60)
    for k in numbers.tolist():
        fact = {"weather": list(WEATHER)[k % 8], "season": SEASONS[k % 2], "hour": TIMES[k % 5]}
        fact |= {
            "car": k % 4,
            "person": k % 15,
            "tree": k % 3,
            "traffic_light": k % 5 % 3,
            "event": [*HAPPENING][k % 3],
        }
        assert parse(sentence(fact)) == fact


def test_a_sentence_reads_as_one():
    fact = {"weather": "Foggy", "season": "winter", "hour": "night", "car": 2, "person": 0, "tree": 1}
    fact |= {"traffic_light": 0, "event": "none"}
    assert sentence(fact) == "A foggy winter night street with two cars and a tree."


def test_the_vocabulary_has_every_word_of_every_caption_and_needs_no_picture(monkeypatch):
    captions = WORLD.caption(streets(20, "traffic=0..1", 70))
    monkeypatch.setattr(words, "render", lambda *_, **__: pytest.fail("a picture was rendered"))
    vocabulary = Simulator(WORLD).vocabulary
    assert vocabulary.decode(vocabulary.encode(captions)) == captions
    every = {k: tuple(range(13)) for k in FIRST} | {"weather": tuple(WEATHER), "season": SEASONS, "hour": TIMES}
    every |= {"event": tuple(HAPPENING)}
    number = torch.Generator().manual_seed(0)
    drawn = [{k: v[int(torch.randint(len(v), (), generator=number))] for k, v in every.items()} for _ in range(300)]
    texts = [sentence(fact) for fact in drawn]
    assert vocabulary.decode(vocabulary.encode(texts)) == texts
    assert max(len(split_words(text)) for text in texts) == vocabulary.length
    assert vocabulary == Simulator(WORLD, seed=1).vocabulary


def test_every_sort_of_thing_is_stated_of_some_streets_and_not_of_others():
    facts = WORLD.facts(streets(24, "event=none", 100))
    for name in FIRST:
        counts = [int(fact[name]) for fact in facts]
        assert min(counts) == 0
        assert max(counts) >= 2
        assert np.mean([count > 0 for count in counts]) > 0.25


def test_edits_and_domains_are_settings():
    outputs = {"rgb", "stencil", "depth", "normal", "rig", "painting"}
    for text in [*WORLD.edits.values(), *(d for d in WORLD.domains.values() if d not in outputs)]:
        assert parse_settings(WORLD, [text])


# -- what is seen


def test_landmarks_lie_on_what_they_name():
    values, size = streets(10, "event=none,traffic=0,people=0"), 128
    scene = WORLD.scene(values)
    seen = render(scene, size, outputs=("depth", "stencil"))
    parts = {"left_kerb": "kerb", "right_kerb": "kerb", "left_lamp": "light", "right_lamp": "light"}
    for name, point in WORLD.points(values).items():
        u, v, depth = project(scene.camera, point[:, None])
        x, y = (part[:, 0].round().long() for part in to_pixels(u, v, size, size))
        inside = (x >= 0) & (x < size) & (y >= 0) & (y < size)
        rows = torch.arange(10)[inside]
        found, stencil = (seen[output][rows, y[inside], x[inside]] for output in ("depth", "stencil"))
        same = (found - depth[inside, 0]).abs() < 0.06 * depth[inside, 0]
        expected = CLASS[next((part for key, part in parts.items() if name.startswith(key)), "building")]
        assert same.double().mean() >= 0.5
        assert (stencil[same] == expected).double().mean() >= 0.7
        assert same.any()


def test_flow_of_a_straight_drive_is_that_of_a_pinhole_camera():
    values, size = streets(3, "pan=0,tilt=0,event=none,traffic=0,people=0,actions=forward"), 32
    scene, after = (WORLD.scene(values, at(time, 3)).to(torch.float64) for time in (1.0, 1.125))
    motion, visible = flow(scene, after, size)
    depth = render(scene, size, outputs=("depth",))["depth"]
    i, j = torch.meshgrid(*[torch.arange(size, dtype=torch.float64)] * 2, indexing="ij")
    away = torch.stack([j - (size - 1) / 2, i - (size - 1) / 2])  # from the point that we drive to
    expected = away * (1 / (1 - 1.0 / depth[:, None]) - 1)  # a metre nearer
    near = (depth < 200) & (depth > 1.5)
    assert near.double().mean() > 0.5
    assert visible[near].double().mean() > 0.6
    assert (motion - expected).abs().amax(1)[near].max() < 1e-3


def test_flow_of_a_turn_does_not_depend_on_depth():
    values, size = streets(3, "pan=0,tilt=0,event=none,traffic=0,people=0,actions=right"), 32
    scene, after = (WORLD.scene(values, at(time, 3)).to(torch.float64) for time in (0.0, 0.125))
    motion, _ = flow(scene, after, size)
    focal = 1.8 * size / 2
    across = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    expected = focal * ((across / focal).atan() - math.radians(3)).tan() - across
    assert (motion[:, 0] - expected).abs().max() < 1e-3


@pytest.mark.parametrize(("event", "part"), [("tsunami", "water"), ("falling aircraft", "aircraft")])
def test_emergencies_can_be_seen(event, part):
    values = streets(12, f"event={event}")
    stencil = render(WORLD.scene(values), 64, outputs=("stencil",))["stencil"].flatten(1)
    share = (stencil == CLASS[part]).double().mean(1)
    assert share.median() > {"water": 0.05, "aircraft": 0.01}[part]
    assert [fact["event"] for fact in WORLD.facts(values)].count(event) == 12


def test_the_tsunami_comes_nearer_and_never_over_us():
    values = streets(8, "event=tsunami,actions=forward")
    for time in (0.0, 2.0, 10.0):
        scene = WORLD.scene(values, at(time, 8))
        water = scene.bodies.stencil == CLASS["water"]
        front = (scene.bodies.origin[..., 2] - scene.camera.position[:, None, 2]).masked_fill(~water, -1e9).amax(1)
        assert (front < -8).all()
        assert time == 0 or (front > before).all()  # noqa: F821
        before = front  # noqa: F841


# The least number of pixels that change by over 8/255 between two values, as the median of 7 streets of 32 x 32 and of
# 3 of 64 x 64 pixels.
SEEN = {
    "weather=Clear/weather=SnowLight": (300, 1200), "hour=13/hour=23.5": (800, 3200),
    "season=summer/season=winter": (8, 32), "height=1.5/height=2.8": (300, 1200), "pan=-10/pan=10": (400, 1600),
    "tilt=-5/tilt=7": (400, 1600), "traffic=0/traffic=1": (50, 200), "people=0/people=1": (12, 60),
    "event=none/event=tsunami": (80, 320), "event=none/event=falling aircraft": (25, 100),
}  # fmt: skip


ENDS = tuple(dict.fromkeys(end for pair in SEEN for end in pair.split("/")))


@cache
def looks(size: int) -> dict[str, torch.Tensor]:
    """Pictures of some streets at each end."""
    n = 7 if size == 32 else 3
    values = variants(ENDS, n, "intensity=1,hour=13,weather=Clear,event=none", 200)
    pictures = render(WORLD.scene(values), size, shadows=False, samples=1)["rgb"]
    return dict(zip(ENDS, pictures.split(n), strict=True))


@pytest.mark.parametrize("pair", SEEN)
@pytest.mark.parametrize("size", [32, 64])
def test_a_factor_can_be_seen(pair, size):
    one, other = (looks(size)[end] for end in pair.split("/"))
    changed = ((one - other).abs().amax(1) > 8 / 255).flatten(1).sum(1)
    assert changed.float().median() >= SEEN[pair][size // 64]


def test_people_and_traffic_lights_are_not_small():
    values = streets(16, "event=none,people=1,traffic=0", 300)
    ids = render(WORLD.scene(values), 64, outputs=("instance",))["instance"].flatten(1)
    for first, pixels in ((PEOPLE, 30), (SIGNALS, 25)):
        sizes = torch.stack([(ids == first + k).sum(1) for k in range(12)]).amax(0)
        assert sizes[sizes > 0].double().median() >= pixels


def test_the_rig_is_flat():
    values = streets(3, "event=none")
    bodies = WORLD.rig(values).bodies
    assert not bodies.texture.any()
    assert not bodies.gloss.any()
    for name, k in CLASS.items():
        colours = bodies.colour[(bodies.stencil == k) & (bodies.kind != 0)]
        assert name == "sky" or not len(colours) or (colours == colours[0]).all()
    fine, coarse = (render(scene, 32, outputs=("stencil",)) for scene in (WORLD.scene(values), WORLD.rig(values)))
    assert (fine["stencil"] == coarse["stencil"]).double().mean() > 0.9

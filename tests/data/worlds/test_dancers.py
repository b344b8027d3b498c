"""The world dancers: what is drawn, motion that is transferred; captions, rig and flow that agree."""

from __future__ import annotations

from functools import cache

import pytest
import torch

from daedal.data.worlds.dancers import Film, normalised, transferred
from daedal.data.worlds.dancers.dances import DANCES
from daedal.data.worlds.dancers.rig import LIMBS
from daedal.data.worlds.dancers.skeleton import JOINTS, measures, pose
from daedal.data.worlds.dancers.words import PHRASES, facts, parse
from daedal.data.worlds.render import flow, project, render
from daedal.data.worlds.scene import CAPSULE
from daedal.data.worlds.vectors import apply, inverse
from daedal.data.worlds.world import Values, taken
from tests.data.worlds.dancing import ALL, F64, WORLD, distance, every_dance, exact, people, pixels

# -- what is drawn


def test_capsules_run_from_joint_to_joint():
    """In a capsule's own coordinates its joints are the ends of its segment."""
    values = every_dance(8)
    bodies, joints = WORLD.scene(values).bodies, pose(values).joints
    own = inverse(bodies.axes)
    for start, end in (pair for pair in LIMBS if "neck" not in pair):
        a, b = (joints[:, JOINTS.index(name)][:, None] for name in (start, end))
        ends = torch.zeros_like(bodies.origin)
        ends[..., 1] = bodies.shape
        one, other = (apply(own, point - bodies.origin) for point in (a, b))
        wrong = torch.minimum(
            (one - ends).norm(dim=2) + (other + ends).norm(dim=2), (one + ends).norm(dim=2) + (other - ends).norm(dim=2)
        )
        wrong = torch.where(bodies.kind == CAPSULE, wrong, torch.inf)
        assert wrong.amin(1).max() < 1e-9, (start, end)


def test_joints_project_onto_the_dancer():
    values, size = people(96), 96
    joints = pose(values).joints
    x, y = (part.round().long() for part in pixels(values, joints, size))
    inside = (x >= 0) & (x < size) & (y >= 0) & (y < size)
    instance = render(WORLD.scene(values), size, outputs=("instance",))["instance"]
    hit = instance[torch.arange(96)[:, None], y.clamp(0, size - 1), x.clamp(0, size - 1)] == 1
    assert inside.float().mean() > 0.99
    body = [k for k, name in enumerate(JOINTS) if name != "head_top"]  # which is on the outline
    assert hit[:, body][inside[:, body]].all()


def test_the_dancer_fills_at_least_three_quarters_of_the_height_at_the_usual_distance():
    values = people(64, distance=float(WORLD.usual["distance"]))
    seen = (render(WORLD.scene(values), 64, outputs=("instance",))["instance"] == 1).any(2).sum(1) / 64
    assert seen.median() >= 0.75
    upright = people(64, distance=float(WORLD.usual["distance"]), actor=0, dance=list(DANCES).index("wave"))
    seen = (render(WORLD.scene(upright), 64, outputs=("instance",))["instance"] == 1).any(2).sum(1) / 64
    assert seen.median() >= 0.75


@cache
def batch() -> tuple[Values, dict[str, torch.Tensor]]:
    values = people(9)
    return values, render(WORLD.scene(values), 32, outputs=ALL)


@pytest.mark.parametrize("rows", [slice(7, 8), slice(2, 5), slice(0, 8)])
def test_a_picture_is_the_same_in_any_batch(rows):
    values, together = batch()
    alone = render(WORLD.scene(taken(values, rows)), 32, outputs=ALL)
    assert all(torch.equal(alone[name], together[name][rows]) for name in ALL)
    moment = torch.linspace(0, 2, 9)
    assert torch.equal(pose(taken(values, rows), moment[rows]).joints, pose(values, moment).joints[rows])


def test_all_classes_occur():
    seen = render(WORLD.scene(people(24)), 64, outputs=("stencil",))["stencil"]
    assert set(seen.unique().tolist()) == set(range(len(WORLD.stencil)))


# -- factors


def ends(name: str, values: Values) -> tuple[Values, Values]:
    """The values with one factor at either end of its range."""
    factor = WORLD.factor(name)
    low, high = (0, len(factor.choices) - 1) if factor.choices else (factor.low, factor.high)
    if name == "phase":
        high = 0.5  # 1 is 0 again
    if name == "heading":
        low, high = 0, 90
    return tuple({**values, name: torch.full_like(values[name], end)} for end in (low, high))  # type: ignore[return-value]


# The least number of pixels that change by over 8/255 between the ends, as the median of 8: at 64 x 64, at 32 x 32.
LEAST = {
    "skin": (40, 10), "hair_colour": (22, 7), "hair_style": (30, 10), "top": (90, 27), "trousers": (115, 30),
    "clothes": (23, 6), "dance": (370, 100), "phase": (430, 120), "heading": (410, 110), "distance": (560, 145),
    "light": (225, 60), "brightness": (3000, 750), "background": (2800, 700),
}  # fmt: skip


@pytest.mark.parametrize("name", LEAST)
def test_a_factor_can_be_seen(name):
    for size, least in zip((64, 32), LEAST[name], strict=True):
        one, other = (render(WORLD.scene(v), size, shadows=False)["rgb"] for v in ends(name, people(8, 100)))
        changed = ((one - other).abs().amax(1) > 8 / 255).flatten(1).sum(1)
        assert changed.float().median() >= least


@pytest.mark.parametrize(("part", "least"), list(enumerate([40, 380, 180, 70, 160, 36, 210])))
def test_every_proportion_can_be_seen_at_64_pixels(part, least):
    base, pictures = people(8, 100), []
    for end in (-1, 1):
        actor = base["actor"].clone()
        actor[:, part] = end
        pictures.append(render(WORLD.scene({**base, "actor": actor}), 64, shadows=False)["rgb"])
    changed = ((pictures[0] - pictures[1]).abs().amax(1) > 8 / 255).flatten(1).sum(1)
    assert changed.float().median() >= least


def test_tempo_shows_in_clips_only():
    one, other = ends("tempo", people(4))
    assert torch.equal(pose(one).joints, pose(other).joints)
    later = torch.full((4,), 0.5)
    assert (pose(one, later).joints - pose(other, later).joints).abs().max() > 0.02


@pytest.mark.parametrize("name", [f.name for f in WORLD.factors if not f.geometry])
def test_colours_and_light_leave_depth_classes_and_normals_alone(name):
    one, other = (render(WORLD.scene(v), 32, outputs=ALL, shadows=False, samples=1) for v in ends(name, people(8)))
    assert all(torch.equal(one[output], other[output]) for output in ALL if output != "rgb")
    changed = (one["rgb"] != other["rgb"]).any(1)
    region = WORLD.factor(name).region or WORLD.stencil
    inside = torch.isin(one["stencil"], torch.tensor([WORLD.stencil.index(part) for part in region]))
    assert changed.any()
    assert not (changed & ~inside).any()


# -- motion transfer


def test_every_factor_is_identity_motion_or_the_film():
    film = ("distance", "light", "brightness", "background")
    assert sorted((*WORLD.identity, *WORLD.motion, *film)) == sorted(f.name for f in WORLD.factors)


def test_a_transfer_keeps_who_it_is_and_takes_over_what_they_do():
    """Limb lengths are the actor's, limb directions the other one's, at any moment of a clip."""
    actor, motion = exact(people(32)), exact(people(32, 500))
    moment = torch.linspace(0, 3, 32, dtype=F64)
    values = transferred(actor, motion)
    assert vars(measures(values)).keys() == vars(measures(actor)).keys()
    mine, found, theirs = pose(actor, moment), pose(values, moment), pose(motion, moment)
    limbs = [pair for pair in LIMBS if "neck" not in pair] + [("neck", "head_top")]
    for one, other in limbs:
        torch.testing.assert_close(distance(found.joints, one, other), distance(mine.joints, one, other))
        pair = [JOINTS.index(one), JOINTS.index(other)]
        way, their_way = (
            torch.nn.functional.normalize(p.joints[:, pair].diff(dim=1)[:, 0], dim=1) for p in (found, theirs)
        )
        torch.testing.assert_close(way, their_way)
    kept = [f.name for f in WORLD.factors if f.name not in WORLD.motion]
    assert all(torch.equal(values[name], actor[name]) for name in kept)
    assert all(torch.equal(values[name], motion[name]) for name in WORLD.motion)


def test_normalised_poses_stand_where_the_other_film_has_them_and_are_as_tall():
    """Of upright sticks: at the nearest, the farthest and half way, closed forms; the way back restores every joint."""
    source, target = Film(90.0, 70.0, 60.0, 40.0), Film(100.0, 90.0, 80.0, 70.0)
    points = torch.zeros(3, len(JOINTS), 2, dtype=F64)
    points[..., 0] = 30.0
    for k, (ankle, high) in enumerate([(90.0, 60.0), (70.0, 40.0), (80.0, 50.0)]):
        points[k, :, 1] = ankle - torch.linspace(0, 1, len(JOINTS), dtype=F64) * high
        points[k, [0, 5], 1] = ankle
    moved = normalised(points, source, target)
    torch.testing.assert_close(moved[:, 0, 1], torch.tensor([100.0, 90, 95], dtype=F64))
    scale = torch.tensor([80 / 60, 70 / 40, (80 / 60 + 70 / 40) / 2], dtype=F64)
    height = points[:, 0, 1] - points[:, -1, 1]
    torch.testing.assert_close(moved[:, 0, 1] - moved[:, -1, 1], scale * height)
    random = points + torch.randn(points.shape, dtype=F64, generator=torch.Generator().manual_seed(0))
    same = Film(90.0, 70.0, 60.0, 40.0)
    torch.testing.assert_close(normalised(random, source, same), random)


# -- words, rig and flow


def test_captions_parse_back_to_the_facts():
    values = people(1024)
    assert [parse(caption) for caption in WORLD.caption(values)] == WORLD.facts(values) == facts(values)


def test_every_word_is_said_and_read():
    said = {name: {fact[name] for fact in facts(people(2000))} for name in PHRASES}
    assert said == {name: set(words) for name, words in PHRASES.items()}


def test_a_caption_reads_well():
    fixed = {"skin": 0, "hair_colour": 0, "hair_style": 0, "top": 1, "trousers": 4, "clothes": 0, "dance": 2}
    more = {"heading": -90, "background": 1, "light": 0, "brightness": 1, "actor": 0}
    assert WORLD.caption(people(1, **fixed, **more)) == [
        "A light-skinned dancer with short black hair in an orange top and blue trousers "
        "does the twist in the theatre, facing left."
    ]


def test_the_rigs_limbs_lie_between_the_joints_in_their_colours():
    values, size = people(24), 128
    rig = render(WORLD.rig(values), size, shadows=False)["rgb"]
    joints = pose(values).joints
    names, colours = list(LIMBS), torch.tensor(list(LIMBS.values()))
    pairs = torch.tensor([[JOINTS.index(name) for name in pair] for pair in names])
    x, y = (part.round().long() for part in pixels(values, joints[:, pairs].mean(2), size))
    inside = (x >= 0) & (x < size) & (y >= 0) & (y < size)
    found = rig[torch.arange(24)[:, None], :, y.clamp(0, size - 1), x.clamp(0, size - 1)]
    same = (found - colours).abs().amax(2) < 0.02
    assert inside.all()
    assert same.float().mean() > 0.85  # others lie behind another limb, or are seen end on
    assert (same.float().mean(0) > 0.6).all()
    assert ((found[..., None, :] - colours).abs().amax(3).amin(2) < 0.02).float().mean() > 0.95
    assert rig[:, :, 0].max() == 0


def test_the_rig_shows_the_pose_and_nothing_of_looks():
    values = people(4)
    first, other = render(WORLD.rig(values), 32)["rgb"], dict(values)
    for name in (
        "skin",
        "hair_colour",
        "hair_style",
        "top",
        "trousers",
        "clothes",
        "light",
        "brightness",
        "background",
    ):
        other = ends(name, other)[1]
    assert torch.equal(first, render(WORLD.rig(other), 32)["rgb"])
    for name in WORLD.motion:
        one, two = (render(WORLD.rig(end, torch.full((4,), 0.4)), 32)["rgb"] for end in ends(name, values))
        assert not torch.equal(one, two)


def test_flow_is_the_motion_of_the_point_of_the_body_that_is_seen():
    """The point seen at a joint's pixel keeps its coordinates in its body: found, moved and projected by hand."""
    values, size = exact(people(16)), 64
    now, later = torch.full((16,), 0.2, dtype=F64), torch.full((16,), 0.28, dtype=F64)
    scene, after = WORLD.scene(values, now), WORLD.scene(values, later)
    motion, visible = flow(scene, after, size)
    limb = [JOINTS.index(name) for name in ("left_elbow", "left_wrist")]
    middle = [pose(values, t).joints[:, limb].mean(1, keepdim=True) for t in (now, later)]
    (x, y), (to_x, to_y) = (pixels(values, p, size, t) for p, t in zip(middle, (now, later), strict=True))
    i, j = y[:, 0].round().long(), x[:, 0].round().long()
    found, seen = motion[torch.arange(16), :, i, j], visible[torch.arange(16), i, j]
    moved = torch.cat([to_x - x, to_y - y], 1)
    # nothing but the forearm itself is there: its surface is as near as its axis, up to its thickness
    depth = render(scene, size, outputs=("depth",))["depth"][torch.arange(16), i, j]
    own = (project(scene.camera, middle[0])[2][:, 0] - depth).abs() < 0.07
    assert (seen & own).sum() >= 8
    assert moved[seen & own].norm(dim=1).max() > 1
    # the surface is at most 0.06 m from the axis: under a pixel (0.035 m) if the forearm turns by less than 30 degrees
    assert (found - moved)[seen & own].norm(dim=1).max() < 1
    assert (found - moved)[seen & own].norm(dim=1).median() < 0.35


def test_a_still_stage_does_not_flow():
    values, size = people(4), 32
    scene, after = WORLD.scene(values, torch.zeros(4)), WORLD.scene(values, torch.full((4,), 0.2))
    motion, _ = flow(scene, after, size)
    stage = render(scene, size, outputs=("instance",))["instance"] == 0
    assert motion.abs().amax(1)[stage].max() < 2e-3


def test_edits_and_domains_name_factors_that_exist():
    factors = {f.name: f for f in WORLD.factors}
    for setting in [*WORLD.edits.values(), *WORLD.domains.values()]:
        name, _, value = setting.partition("=")
        if value:
            factor = factors[name]
            assert value in factor.choices if factor.choices else factor.low <= float(value) <= factor.high
        else:
            assert name in ("rgb", "rig")

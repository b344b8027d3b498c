"""The world portraits: each factor changes what it names and leaves the rest; landmarks, captions and clips agree."""

from __future__ import annotations

from functools import cache

import pytest
import torch

from daedal.data.worlds.portraits import Portraits
from daedal.data.worlds.portraits.words import PHRASES, facts, parse
from daedal.data.worlds.render import flow, project, render, to_pixels
from daedal.data.worlds.world import Values, taken

WORLD = Portraits()
NUMBERS = [f.name for f in WORLD.factors if not f.choices and f.name != "identity"]
ALL = ("rgb", "depth", "stencil", "instance", "normal")


def people(n: int, first: int = 0, **fixed: float) -> Values:
    """The first people of seed 0, with some factors fixed."""
    values = WORLD.draw(torch.arange(first, first + n))
    return {**values, **{name: torch.full_like(values[name], value) for name, value in fixed.items()}}


def frontal(n: int, **fixed: float) -> Values:
    """People who look ahead, with nothing before their faces."""
    plain = {"yaw": 0, "pitch": 0, "roll": 0, "glasses": 0, "beard": 0, "hair_style": 3, "saturation": 1}
    return people(n, **{**plain, **fixed})


def ends(name: str, values: Values) -> tuple[Values, Values]:
    """The values with one factor at either end of its range."""
    factor = WORLD.factor(name)
    low, high = (0, len(factor.choices) - 1) if factor.choices else (factor.low, factor.high)
    return tuple({**values, name: torch.full_like(values[name], end)} for end in (low, high))  # type: ignore[return-value]


def exact(values: Values, size: int = 32) -> dict[str, torch.Tensor]:
    """All outputs of the same rays: one a pixel, through its centre; without cast shadows."""
    return render(WORLD.scene(values), size, outputs=ALL, shadows=False, samples=1)


@pytest.mark.parametrize("name", [f.name for f in WORLD.factors if not f.geometry])
def test_colours_and_light_leave_depth_classes_and_normals_alone(name):
    one, other = (exact(values) for values in ends(name, people(8)))
    assert all(torch.equal(one[output], other[output]) for output in ALL if output != "rgb")
    assert not torch.equal(one["rgb"], other["rgb"])


@pytest.mark.parametrize("name", [f.name for f in WORLD.factors if f.region])
def test_a_factor_keeps_to_its_region(name):
    one, other = (exact(values, 64) for values in ends(name, people(6)))
    allowed = torch.tensor([WORLD.stencil.index(part) for part in WORLD.factor(name).region])
    inside = torch.isin(one["stencil"], allowed) | torch.isin(other["stencil"], allowed)
    changed = (one["rgb"] != other["rgb"]).any(1)
    assert changed.any()
    assert not (changed & ~inside).any()


@pytest.mark.parametrize("name", NUMBERS)
def test_a_factor_changes_the_picture_steadily_over_its_range(name):
    base, steps, factor = people(3, 40), 5, WORLD.factor(name)
    values = {key: value.repeat(steps, *[1] * (value.ndim - 1)) for key, value in base.items()}
    values[name] = torch.linspace(factor.low, factor.high, steps).repeat_interleave(3)
    sweep = render(WORLD.scene(values), 32, shadows=False)["rgb"].unflatten(0, (steps, 3))
    away = (sweep - sweep[0]).square().mean((1, 2, 3, 4)).sqrt()
    step = sweep.diff(dim=0).square().mean((1, 2, 3, 4)).sqrt()
    assert (away.diff() > 0).all()
    assert step.min() / away[-1] > 0.08
    assert step.max() / away[-1] < 0.85


# The least number of pixels of 32 x 32 that change by over 8/255 between the ends, as the median of 8 people.
LEAST = {
    "skin": 150, "hair_length": 150, "hair_colour": 150, "hair_style": 150, "glasses": 30, "beard": 70, "smile": 25,
    "mouth_open": 60, "age": 200, "masculinity": 90, "yaw": 350, "pitch": 300, "roll": 350, "light": 300,
    "saturation": 300, "background": 300, "clothes": 40,
}  # fmt: skip


@pytest.mark.parametrize("name", LEAST)
def test_a_factor_can_be_seen_at_32_pixels(name):
    one, other = (render(WORLD.scene(v), 32, shadows=False)["rgb"] for v in ends(name, people(8, 100)))
    changed = ((one - other).abs().amax(1) > 8 / 255).flatten(1).sum(1)
    assert changed.float().median() >= LEAST[name]


@pytest.mark.parametrize(("part", "least"), list(enumerate([120, 100, 40, 20, 6, 10, 10, 10])))
def test_every_number_of_identity_can_be_seen_at_32_pixels(part, least):
    base = people(8, 100)
    pictures = []
    for end in (-1, 1):
        identity = base["identity"].clone()
        identity[:, part] = end
        pictures.append(render(WORLD.scene({**base, "identity": identity}), 32, shadows=False)["rgb"])
    changed = ((pictures[0] - pictures[1]).abs().amax(1) > 8 / 255).flatten(1).sum(1)
    assert changed.float().median() >= least


@cache
def batch() -> tuple[Values, dict[str, torch.Tensor]]:
    values = people(9)
    return values, render(WORLD.scene(values), 32, outputs=ALL)


def test_a_picture_is_the_same_alone():
    values, together = batch()
    alone = render(WORLD.scene(taken(values, slice(7, 8))), 32, outputs=ALL)
    assert all(torch.equal(alone[name][0], together[name][7]) for name in ALL)


def test_the_head_fills_over_half_the_width():
    stencil = exact(frontal(16), 64)["stencil"]
    head = (stencil > 0) & (stencil != WORLD.stencil.index("clothes"))
    assert head.any(1).sum(1).float().median() > 32


def test_all_classes_occur_and_depth_is_that_of_a_head():
    _, seen = batch()
    assert set(seen["stencil"].unique().tolist()) == set(range(len(WORLD.stencil)))
    near = seen["depth"][seen["stencil"] > 0]
    assert near.min() > 1.0
    assert near.max() < 1.5


LANDS = [("left_eye", "eyes"), ("right_eye", "eyes"), ("nose_tip", "skin"), ("chin", "skin"), ("left_ear", "skin")]


@pytest.mark.parametrize(
    ("landmark", "part"), [*LANDS, ("left_mouth_corner", "mouth"), ("right_mouth_corner", "mouth")]
)
def test_landmarks_lie_on_their_parts(landmark, part):
    values, size = frontal(16), 96
    scene = WORLD.scene(values)
    u, v, _ = project(scene.camera, WORLD.points(values)[landmark][:, None])
    x, y = to_pixels(u, v, size, size)
    stencil = exact(values, size)["stencil"]
    hit = stencil[torch.arange(16), y[:, 0].round().long(), x[:, 0].round().long()] == WORLD.stencil.index(part)
    assert hit.float().mean() > 0.9


def test_left_is_the_pictures_left_and_up_is_up():
    points = WORLD.points(frontal(4))
    assert (points["left_eye"][:, 0] < points["right_eye"][:, 0]).all()
    assert (WORLD.points(frontal(4, yaw=30))["nose_tip"][:, 0] > points["nose_tip"][:, 0]).all()
    assert (WORLD.points(frontal(4, pitch=20))["nose_tip"][:, 1] > points["nose_tip"][:, 1]).all()
    assert (WORLD.points(frontal(4, roll=20))["nose_tip"][:, 0] > points["nose_tip"][:, 0]).all()
    assert (WORLD.points(frontal(4, smile=1))["left_mouth_corner"][:, 1] > points["left_mouth_corner"][:, 1]).all()


def test_captions_parse_back_to_the_facts():
    values = people(512)
    assert [parse(caption) for caption in WORLD.caption(values)] == facts(values)


def test_every_word_of_every_factor_is_said_and_read():
    said = {name: {fact[name] for fact in facts(people(2000))} for name in PHRASES}
    assert said == {name: set(words) for name, words in PHRASES.items()}


def test_a_clip_begins_with_the_still_and_goes_on_without_a_jump():
    values = people(4)
    still, start = WORLD.points(values), WORLD.points(values, torch.zeros(4))
    assert all(torch.allclose(still[name], start[name], atol=1e-6) for name in still)
    times = torch.linspace(0, 4, 81)
    track = torch.stack([WORLD.points(values, time.expand(4))["chin"] for time in times])
    steps = track.diff(dim=0).norm(dim=-1)
    assert steps.max() < 0.01  # metres in a twentieth of a second
    assert (steps.sum(0) > 0.05).all()


def test_flow_carries_landmarks_to_where_they_are_next():
    values, size = frontal(6, mouth_open=0.1), 64
    now, later = torch.full((6,), 0.10), torch.full((6,), 0.18)
    scene, after = WORLD.scene(values, now), WORLD.scene(values, later)
    motion, visible = flow(scene, after, size)
    assert visible.float().mean() > 0.9
    x, y = place(scene, WORLD.points(values, now)["nose_tip"], size)
    to_x, to_y = place(after, WORLD.points(values, later)["nose_tip"], size)
    found = motion[torch.arange(6), :, y.round().long(), x.round().long()]
    moved = torch.stack([to_x - x, to_y - y], 1)
    assert moved.norm(dim=1).max() > 0.3
    assert (found - moved).abs().max() < 0.15 + 0.2 * moved.abs().max()


def place(scene, point: torch.Tensor, size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Column and row of points (n, 3)."""
    u, v, _ = project(scene.camera, point[:, None])
    x, y = to_pixels(u, v, size, size)
    return x[:, 0], y[:, 0]


def test_the_rig_shows_pose_and_expression_and_nothing_else():
    values = people(4)
    first = render(WORLD.rig(values), 32)["rgb"]
    other = dict(values)
    for name in ("skin", "hair_length", "hair_colour", "hair_style", "glasses", "beard", "light", "saturation"):
        other = ends(name, other)[1]
    assert torch.equal(first, render(WORLD.rig(other), 32)["rgb"])
    for name in ("yaw", "pitch", "roll", "smile", "mouth_open"):
        one, two = (render(WORLD.rig(end), 32)["rgb"] for end in ends(name, values))
        assert not torch.equal(one, two)

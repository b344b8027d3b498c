"""Rain, snow, clouds and wet ground: light only, falling as fast as they say, and the same bits in any batch."""

import math
from dataclasses import replace

import pytest
import torch

from daedal.data.worlds import falling
from daedal.data.worlds import render as rendering
from daedal.data.worlds.render import OUTPUTS, render
from daedal.data.worlds.scene import BOX, ELLIPSOID, Builder, Scene
from tests.data.worlds.scenes import F64, Random, camera_at, full_weather, light, rich_scene, vector, weather

SIZE = 24
KINDS = {"rain": (falling.RAIN, falling.streaks), "snow": (falling.SNOW, falling.flakes)}
LAYERS = [(name, k) for name in KINDS for k in range(3)]


def under(scene, given):
    return replace(scene, light=replace(scene.light, weather=given))


def test_weather_changes_colours_only():
    scene = rich_scene(8, 3)
    before, after = render(scene, SIZE, outputs=OUTPUTS), render(under(scene, full_weather(8)), SIZE, outputs=OUTPUTS)
    assert all(torch.equal(before[name], after[name]) for name in OUTPUTS if name != "rgb")
    assert not torch.equal(before["rgb"], after["rgb"])


def test_no_weather_is_no_weather():
    scene = rich_scene(8, 3)
    assert torch.equal(render(under(scene, weather(8)), SIZE)["rgb"], render(scene, SIZE)["rgb"])


def test_pictures_do_not_depend_on_their_batch_or_chunks(monkeypatch):
    scene = under(rich_scene(8, 5), full_weather(8, 1)).to(torch.float32)
    expected = render(scene, 16)["rgb"]
    for rows in ([0], [3], [7, 2], list(range(7, -1, -1)), [4, 4, 4]):
        assert torch.equal(render(scene[rows], 16)["rgb"], expected[rows])
    monkeypatch.setattr(rendering, "RAYS", 1)
    assert torch.equal(render(scene, 16)["rgb"], expected)


def places(n, count=400):
    r = Random(n, 0)
    return r.uniform(-1.3, 1.3, count), r.uniform(-1, 1, count)


def column(given):
    """Weather with a second axis, as layers take it."""
    return given.map(lambda part: part[:, None])


def scattered(name, n=40, **given):
    r = Random(n, 2)
    return weather(n, phase=r.uniform(0, 1), wind=r.uniform(-0.4, 0.4), **{name: torch.ones(n, dtype=F64)} | given)


@pytest.mark.parametrize(("name", "k"), LAYERS)
def test_what_falls_goes_down_by_its_speed_and_aside_with_the_wind(name, k):
    """A point that goes with its drop, for a whole turn of the swaying of flakes, stays as covered as it was."""
    layers, cover = KINDS[name]
    given, (u, v) = scattered(name), places(40)
    later = 2 * math.pi / falling.TURN
    fallen = layers[k].speed * later
    after = replace(given, moment=given.moment + later)
    before = cover(column(given), k, u, v)
    found = cover(column(after), k, u + column(given).wind * fallen, v - fallen)
    assert (before > 0).double().mean() > 0.005
    different = (found - before).abs() > 1e-6
    assert different.double().mean() < 1e-3  # of cells whose border is met, rounding chooses


@pytest.mark.parametrize(("name", "k"), LAYERS)
def test_more_rain_or_snow_only_adds(name, k):
    """And half of it has half of the drops: a z-test over one place in each of many pictures."""
    layers, cover = KINDS[name]
    n = 8000
    given = scattered(name, n)
    u, v = places(n, 1)
    half = replace(given, **{name: 0.5 * getattr(given, name)})
    few, many = (cover(column(w), k, u, v) for w in (half, given))
    assert ((few == many) | (few == 0)).all()
    covered = int((many > 0).sum())
    assert covered > 200
    assert abs(float((few > 0).sum()) / covered - 0.5) < 4 * math.sqrt(0.25 / covered)
    assert float(many.max()) <= layers[k].opacity


@pytest.mark.parametrize("name", KINDS)
def test_a_near_wall_hides_what_falls_behind_it(name):
    """At 1 m it hides all layers, at 100 m none."""
    n, one = 4, torch.ones(4, dtype=F64)
    found = []
    for distance in (1.0, 100.0):
        builder = Builder(n, dtype=F64)
        builder.add(BOX, (0, 0, -distance - 1), (999, 999, 1), colour=(0.1, 0.1, 0.1), glow=1.0, stencil=1)
        lights = light(n, sun_colour=vector(n, 0, 0, 0), weather=weather(n, **{name: one}))
        scene = Scene(camera_at(n, (0, 0, 0), (0, 0, -1)), lights, builder.bodies(), one)
        found.append(render(scene, SIZE)["rgb"].square())
    torch.testing.assert_close(found[0], torch.full_like(found[0], 0.1), atol=1e-12, rtol=0)
    assert (found[1] > 0.11).double().mean() > 0.05
    assert found[1].min() > 0.1 - 1e-9


def sky(**given):
    builder = Builder(1, dtype=F64)
    builder.add(0, (0, 0, 0), (1, 1, 1), colour=(0, 0, 0), stencil=1)
    lights = light(1, sun=vector(1, 0, 0.6, -0.8), weather=weather(1, **given))
    scene = Scene(camera_at(1, (0, 0, 0), (0, 0.75, -1)), lights, builder.bodies(), torch.ones(1, dtype=F64))
    return render(scene, SIZE, samples=1)["rgb"][0].square()


def test_clouds_cover_as_much_as_they_say_in_order():
    shares = [float((sky(cloud=torch.tensor([c], dtype=F64)) > 0).double().mean()) for c in (0.0, 0.4, 0.7, 1.0)]
    assert shares == sorted(shares)
    assert shares[0] == 0
    assert shares[-1] > 0.9


def test_the_sky_is_brightest_where_the_sun_is():
    """The sun at a slope of 3/4 is in the picture's middle."""
    found = sky(halo=vector(1, 0.5, 0.4, 0.3))[0]
    row, column = divmod(int(found.argmax()), SIZE)
    assert abs(row - (SIZE - 1) / 2) <= 0.5
    assert abs(column - (SIZE - 1) / 2) <= 0.5


def test_wet_ground_mirrors_the_sky_by_schlick_and_walls_do_not():
    """A dark floor before a sky of one colour: (0.03 + 0.72 (1 - cos)^4) of it, 0.35 to 1 of that with the puddles."""
    n, one = 1, torch.ones(1, dtype=F64)
    builder = Builder(n, dtype=F64)
    builder.add(BOX, (0, -1, -50), (50, 1, 60), colour=(0, 0, 0), stencil=1)
    builder.add(BOX, (-3, 2, -10), (1, 2, 8), colour=(0, 0, 0), stencil=2)
    builder.add(ELLIPSOID, (2, 1, -8), (1, 1, 1), colour=(0, 0, 0), stencil=3)
    lights = light(n, low=vector(n, 0.8, 0.6, 0.5), high=vector(n, 0.8, 0.6, 0.5), weather=weather(n, wet=one))
    scene = Scene(camera_at(n, (0, 1.5, 4), (0, 1, 0)), lights, builder.bodies(), one)
    found = render(scene, 32, samples=1)["rgb"][0].square()
    geometry = render(scene, 32, outputs=("stencil", "depth"))
    stencil, depth = geometry["stencil"][0], geometry["depth"][0]
    assert (found[:, stencil == 2] == 0).all()
    floor = stencil == 1
    cosine = 1.5 / (depth * ray_lengths(scene, 32))[floor]
    most = 0.8 * (0.03 + 0.72 * (1 - cosine) ** 4)
    share = found[0][floor] / most
    assert share.min() > 0.35 - 1e-9
    assert share.max() < 1 + 1e-9
    assert share.max() - share.min() > 0.4


def ray_lengths(scene, size):
    c = (2 * torch.arange(size, dtype=F64) + 1 - size) / size / scene.camera.focal
    return (1 + c.square() + c[:, None].square()).sqrt()

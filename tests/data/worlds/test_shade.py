"""Light in closed forms: slopes, lamps, sky, fog, highlights and shadows; pictures show the square root of light."""

import numpy as np
import pytest
import torch

from daedal.data.worlds.render import render
from daedal.data.worlds.scene import BOX, ELLIPSOID, PLANE, Builder, Scene
from tests.data.worlds import closed_forms
from tests.data.worlds.scenes import F64, Random, camera_at, full_light, light, rich_scene, vector

SIZE = 24
ALBEDO = torch.tensor([0.8, 0.5, 0.2], dtype=F64)


def floor(n, lights, add=None, camera=None, **material):
    """A floor y = 0 before a camera that sees nothing else, but for what `add` adds to the builder."""
    builder = Builder(n, dtype=F64)
    builder.add(PLANE, (0, 0, 0), (1, 1, 1), colour=tuple(ALBEDO.tolist()), stencil=1, **material)
    if add is not None:
        add(builder)
    camera = camera or camera_at(n, (0, 3, 4), (0, 0, 0))
    return Scene(camera, lights, builder.bodies(), torch.ones(n, dtype=F64))


def linear(scene, **options):
    """Linear light (b, 3, h, w) of one ray through each pixel's centre."""
    return render(scene, SIZE, samples=1, **options)["rgb"].square()


def points(scene, index=0):
    """What the camera sees (h, w, 3), and its depth (h, w), by closed form."""
    u, v = closed_forms.grid(SIZE, SIZE)
    t, _, _ = closed_forms.nearest(scene, index, u, v)
    o, d = closed_forms.rays(scene, index, u, v)
    return torch.from_numpy(o + t[..., None] * d), torch.from_numpy(t)


def assert_light(found, expected):
    torch.testing.assert_close(found, expected.expand_as(found), atol=1e-12, rtol=0)


@pytest.mark.parametrize("shadows", [True, False])
def test_sunlight_falls_with_the_slope(shadows):
    n = 20
    angle = torch.linspace(-2, 2, n, dtype=F64)  # from the zenith; beyond a right angle it comes from below
    sun = torch.stack([angle.sin() * 0.6, angle.cos(), angle.sin() * 0.8], 1)
    colour = vector(n, 0.9, 0.7, 0.5)
    found = linear(floor(n, light(n, sun=sun, sun_colour=colour)), shadows=shadows)
    assert_light(found, (ALBEDO * colour * angle.cos().clamp(min=0)[:, None])[:, :, None, None])


def test_the_sky_lights_what_looks_up_and_the_ground_what_looks_down():
    """On a ball: ground + (1 + n_y) / 2 (sky - ground)."""
    sky, ground = vector(1, 0.9, 0.8, 1.0), vector(1, 0.2, 0.1, 0.0)
    lights = light(1, sun_colour=vector(1, 0, 0, 0), sky=sky, ground=ground)
    builder = Builder(1, dtype=F64)
    builder.add(ELLIPSOID, (0, 0, 0), (1, 1, 1), colour=(1, 1, 1), stencil=1)
    scene = Scene(camera_at(1, (0, 1, 4), (0, 0, 0)), lights, builder.bodies(), torch.ones(1, dtype=F64))
    x, t = points(scene)
    expected = ground + (1 + x[..., 1:2]) / 2 * (sky - ground)
    found = linear(scene)[0].permute(1, 2, 0)[t.isfinite()]
    assert_light(found, expected[t.isfinite()])
    assert len(found) > 50


def test_lamps_fall_off_with_the_square_of_distance_and_the_angle():
    n = 3
    place, reach = torch.tensor([[0, 1.0, 0], [1, 2, -1], [0, -1, 0]], dtype=F64), torch.tensor([0.5, 2, 1], dtype=F64)
    colour = vector(n, 0.7, 1, 0.4)
    lamps = {"lamp": place[:, None], "lamp_colour": colour[:, None], "lamp_reach": reach[:, None]}
    scene = floor(n, light(n, sun_colour=vector(n, 0, 0, 0), **lamps))
    found = linear(scene)
    for i in range(n):
        away = place[i] - points(scene, i)[0]
        distance = away.norm(dim=-1)
        strength = (away[..., 1] / distance).clamp(min=0) / (1 + distance**2 / reach[i] ** 2)
        assert_light(found[i], (ALBEDO * colour[i])[:, None, None] * strength)


def test_fog_dims_by_depth():
    fog, far = torch.tensor([0.0, 0.05, 0.7], dtype=F64), vector(3, 0.3, 0.6, 0.9)
    scene = floor(3, light(3, sun_colour=vector(3, 0, 0, 0), fog=fog, fog_colour=far), glow=1.0)
    clear = torch.exp(-fog[:, None, None] * torch.stack([points(scene, i)[1] for i in range(3)]))[:, None]
    assert_light(linear(scene), clear * ALBEDO[:, None, None] + (1 - clear) * far[:, :, None, None])


def test_a_highlight_is_blinns_to_the_power_of_32():
    scene = floor(1, light(1), gloss=0.7, camera=camera_at(1, (-2, 3, -1.5), (0, 0, 0)))
    x, _ = points(scene)
    view = scene.camera.position[0] - x
    half = scene.light.sun[0] + view / view.norm(dim=-1, keepdim=True)
    shine = 0.7 * (half[..., 1] / half.norm(dim=-1)) ** 32
    expected = 0.8 * (ALBEDO[:, None, None] + shine)  # the slope is 0.8
    assert_light(linear(scene)[0], expected.clamp(max=1))
    assert shine.max() > 0.3


def test_a_sky_of_directions_and_a_backdrop_of_the_picture():
    n = 2
    low, high = vector(n, 0.1, 0.2, 0.3), vector(n, 0.9, 0.8, 0.4)
    builder = Builder(n, dtype=F64)
    builder.add(0, (0, 0, 0), (1, 1, 1), colour=(0, 0, 0), stencil=1)
    lights = light(n, low=low, high=high, studio=torch.tensor([0.0, 1], dtype=F64))
    scene = Scene(camera_at(n, (0, 0, 0), (0, 0.4, -1), 1.0), lights, builder.bodies(), torch.ones(n, dtype=F64))
    found = linear(scene)
    u, v = closed_forms.grid(SIZE, SIZE)
    d = closed_forms.rays(scene, 0, u, v)[1]
    rise = np.sqrt(np.clip(d[..., 1] / np.linalg.norm(d, axis=-1), 0, None))
    for i, weight in enumerate((rise, (v + 1) / 2)):
        expected = low[i, :, None, None] + torch.from_numpy(weight) * (high - low)[i, :, None, None]
        assert_light(found[i], expected)


def test_without_saturation_a_picture_is_grey_of_the_same_lightness():
    scene = rich_scene(8, 3)
    scene.saturation[:] = 0
    grey = render(scene, SIZE, samples=1)["rgb"].square()
    assert torch.equal(grey[:, 0], grey[:, 1])
    assert torch.equal(grey[:, 0], grey[:, 2])
    scene.saturation[:] = 1
    colour = render(scene, SIZE, samples=1)["rgb"].square()
    unclipped = (colour < 1).all(1)
    weights = torch.tensor([0.30, 0.59, 0.11], dtype=F64)[:, None, None]
    torch.testing.assert_close((colour * weights).sum(1)[unclipped], grey[:, 0][unclipped], atol=1e-12, rtol=0)


def test_light_and_saturation_leave_depth_and_classes():
    scene, other = rich_scene(8, 3), rich_scene(8, 3)
    names = ("depth", "stencil", "instance", "normal")
    before = render(scene, SIZE, outputs=names)
    other = Scene(scene.camera, full_light(8, 77), scene.bodies, scene.saturation * 0.3)
    after = render(other, SIZE, outputs=names)
    assert all(torch.equal(before[name], after[name]) for name in names)


def ball(builder):
    builder.add(ELLIPSOID, (0.3, 1.5, -0.2), (0.6, 0.6, 0.6), colour=(1, 1, 1), stencil=2)


def test_a_ball_shadows_the_points_whose_way_to_the_sun_meets_it():
    """|(q - c) x s| < r; the rim is excluded by 3 % of the radius, since shadows begin at 0.2 % of the depth."""
    r, n = Random(12, 4), 12
    sun = torch.cat([r.uniform(-0.6, 0.6, 1), r.uniform(0.6, 1, 1), r.uniform(-0.6, 0.6, 1)], 1)
    sun = sun / sun.norm(dim=1, keepdim=True)
    scene = floor(n, light(n, sun=sun), ball)
    found, bare = linear(scene), linear(scene, shadows=False)
    stencil = render(scene, SIZE, outputs=("stencil",))["stencil"]
    dark = 0
    for i in range(n):
        way = torch.tensor([0.3, 1.5, -0.2], dtype=F64) - points(scene, i)[0]
        aside = torch.linalg.cross(way, sun[i].expand_as(way)).norm(dim=-1) / 0.6
        on = (stencil[i] == 1) & ((aside - 1).abs() > 0.03)
        expected = bare[i] * (aside > 1)
        torch.testing.assert_close(found[i][:, on], expected[:, on], atol=1e-12, rtol=0)
        dark += int((on & (aside < 1)).sum())
    assert dark > 15 * n


def test_planes_cast_no_shadow():
    def ceiling(builder):
        builder.add(PLANE, (0, 3.5, 0), (1, 1, 1), colour=(1, 1, 1), stencil=2)

    scene = floor(1, light(1), ceiling)
    assert torch.equal(linear(scene), linear(scene, shadows=False))


def test_a_wide_sun_casts_the_penumbra_of_a_disc():
    """Behind a straight edge at height h the share of a disc that shows at x is 1/2 + (a sqrt(1 - a^2) + asin a) / pi.

    a = x / (h w) for a sun of tangent w. Means over bins of a agree to 0.05, since each ray asks for one of the disc's
    points; outside it the floor is wholly lit or wholly dark but for the bias of 0.2 % of the depth.
    """

    def edge(builder):
        builder.add(BOX, (-20, 2, 0), (20, 1e-3, 40), colour=(1, 1, 1), stencil=2)

    width, height, size = 0.25, 2.0, 48
    lights = light(1, sun=vector(1, 0, 1, 0), sun_width=torch.tensor([width], dtype=F64))
    scene = floor(1, lights, edge, camera_at(1, (0, 1.2, 1.6), (0, 0, 0), 1.8))
    found = render(scene, size)["rgb"][0, 0].square() / ALBEDO[0]
    u, v = closed_forms.grid(size, size)
    o, d = closed_forms.rays(scene, 0, u, v)
    a = torch.from_numpy(o + d * (-o[1] / d[..., 1:2]))[..., 0] / (height * width)
    below = render(scene, size, outputs=("stencil",))["stencil"][0] == 1
    assert found[below & (a > 1.1)].min() > 1 - 1e-9
    assert found[below & (a < -1.1)].max() < 1e-9
    means = []
    for low in np.arange(-1, 1, 0.25):
        mine = below & (a >= low) & (a < low + 0.25)
        exact = 0.5 + (a[mine] * (1 - a[mine] ** 2).sqrt() + a[mine].asin()) / np.pi
        means.append(float(found[mine].mean()))
        assert mine.sum() > 40
        assert abs(means[-1] - float(exact.mean())) < 0.05
    assert means == sorted(means)

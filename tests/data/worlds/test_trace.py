"""Leaving out what cannot be met changes nothing: the tiled tracer equals brute force to the last bit."""

import pytest
import torch

from daedal.data.worlds.render import flow, render
from daedal.data.worlds.scene import BOX, CAPSULE, CONE, ELLIPSOID, Builder, Scene
from daedal.data.worlds.trace import Frames, trace_sun
from daedal.data.worlds.vectors import product, rotation
from tests.data.worlds import brute
from tests.data.worlds.scenes import F64, Random, camera_at, light, vector, wild_scene

DTYPES = pytest.mark.parametrize("dtype", [F64, torch.float32], ids=["float64", "float32"])


def assert_same(scene, height, width):
    found = render(scene, height, width, ("depth", "instance"))
    t, body = brute.camera_hits(scene, height, width)
    number = torch.where(body >= 0, scene.bodies.instance.gather(1, body.clamp(min=0).flatten(1)).view(body.shape), 0)
    assert torch.equal(found["instance"], number)
    assert torch.equal(found["depth"], t)
    return body


@DTYPES
@pytest.mark.parametrize(("height", "width"), [(13, 22), (40, 9), (8, 8), (7, 33)])
def test_the_tiled_tracer_is_brute_force(height, width, dtype):
    body = assert_same(wild_scene(32, height, 24).to(dtype), height, width)
    assert len(body.unique()) > 20


@DTYPES
def test_one_picture_and_bodies_of_one_kind(dtype):
    for kind in (BOX, ELLIPSOID, CONE, CAPSULE):
        scene = wild_scene(1, 3, 16)
        scene.bodies.kind[:] = torch.where(scene.bodies.kind == kind, kind, 0)
        assert_same(scene.to(dtype), 17, 16)


@DTYPES
def test_small_things_at_a_long_focal_length(dtype):
    """Much smaller than a pixel and far away, where rounding is large beside what they cover."""
    scene = wild_scene(24, 4, 24)
    scene.bodies.axes.mul_(0.05)
    scene.bodies.origin.sub_(scene.camera.position[:, None]).mul_(0.2).add_(
        scene.camera.position[:, None] + 30 * scene.camera.turn[:, 2, None]
    )
    scene.camera.focal[:] = 30
    assert len(assert_same(scene.to(dtype), 32, 96).unique()) > 10


def one(kind, origin, axes, shape=0.0, camera=None, n=1):
    builder = Builder(n, dtype=F64)
    builder.add(kind, origin, axes, shape=shape, colour=(1, 1, 1), stencil=1, instance=1)
    return Scene(camera or camera_at(n, (0, 0, 5), (0, 0, 0)), light(n), builder.bodies(), torch.ones(n, dtype=F64))


@DTYPES
@pytest.mark.parametrize("aside", [0.8, 2.0, -1.5])
def test_a_capsule_from_before_to_behind_the_camera(aside, dtype):
    """Its end behind is seen nowhere, yet what lies between runs out of the picture."""
    axes = torch.tensor([[[0.2, 0, 0], [0, 0, 0.2], [0, 0.2, 0]]], dtype=F64)  # along z
    scene = one(CAPSULE, (aside, 0, 5), axes, 25.0).to(dtype)  # from z = 0 to z = 10, past the camera at z = 5
    body = assert_same(scene, 24, 64)
    assert (body >= 0)[:, :, -1 if aside > 0 else 0].any()


@DTYPES
def test_bodies_that_touch_the_plane_of_the_camera(dtype):
    distance = 1 + torch.linspace(-1e-3, 1e-3, 41, dtype=F64)
    aside = torch.linspace(-3, 3, 41, dtype=F64)
    for kind in (BOX, ELLIPSOID, CONE, CAPSULE):
        scene = one(kind, (aside, aside * 0.3, 5 - distance * (3**0.5 if kind == BOX else 1)), (1, 1, 1), n=41)
        assert_same(scene.to(dtype), 16, 40)


def suns(scene, rays, width):
    """Directions (b, rays) within `width` of the middle of the sun."""
    r = Random(len(scene), 9)
    sun = scene.light.sun
    side = torch.linalg.cross(sun, r.uniform(-1, 1, 3))
    side = side / side.norm(dim=1, keepdim=True)
    other = torch.linalg.cross(sun, side)
    radius, angle = width * r.uniform(0, 1, rays).sqrt(), r.uniform(0, 6.28, rays)
    radius[:, 0] = 0
    parts = (radius * angle.cos(), radius * angle.sin())
    return tuple(sun[:, i, None] + parts[0] * side[:, i, None] + parts[1] * other[:, i, None] for i in range(3))


@DTYPES
@pytest.mark.parametrize("width", [0.0, 0.05, 0.6])
def test_the_tiled_sun_tracer_is_brute_force(width, dtype):
    n, rays = 300, 24
    scene = wild_scene(n, 11, 12)
    scene.light.sun_width[:] = width
    r = Random(n, 12)
    spread = 10 ** r.uniform(-2, 0, 1)
    start = tuple(r.uniform(-4, 4, 1) + spread * r.uniform(-1, 1, rays) for _ in range(3))
    asked = r.uniform(0, 1, rays) < 0.7
    sun = suns(scene, rays, width)
    scene = scene.to(dtype)
    start, sun = (tuple(part.to(dtype) for part in parts) for parts in (start, sun))
    dark = trace_sun(scene, Frames.of(scene.bodies), torch.arange(n), start, asked, sun)
    expected = brute.sun_shadows(scene, start, sun)
    assert torch.equal(dark[asked], expected[asked])
    assert 0.1 < expected.double().mean() < 0.9


@DTYPES
def test_visible_is_brute_force(dtype):
    """The camera and the bodies move; every point's new ray is traced again through all bodies."""
    height, width = 19, 30
    scene = wild_scene(32, 13, 16)
    after = wild_scene(32, 13, 16)
    r = Random(32, 14)
    after.bodies.origin.add_(r.uniform(-0.4, 0.4, 17, 3))
    after.bodies.axes.mul_(r.uniform(0.9, 1.1, 17, 3)[..., None])
    after.camera.position.add_(r.uniform(-0.4, 0.4, 3))
    after.camera.turn[:] = product(rotation(*(r.uniform(-0.3, 0.3) for _ in range(3))), after.camera.turn)
    scene, after = scene.to(dtype), after.to(dtype)
    motion, visible = flow(scene, after, height, width)
    t, body = (part.flatten(1) for part in brute.camera_hits(scene, height, width))
    new_u, new_v, depth = moved(scene.to(F64), after.to(F64), t.to(F64), body, height, width)
    again_t, again = brute.at_points(after.to(F64), new_u, new_v)
    aspect = width / height
    expected = (again == body) & (new_u.abs() <= aspect) & (new_v.abs() <= 1) & (depth > 0)
    expected &= (body < 0) | ((again_t - depth).abs() <= 1e-3 * depth)
    wrong = visible.flatten(1) != expected
    assert not (wrong & ~at_an_edge(after.to(F64), new_u, new_v, again_t, again, aspect)).any()
    assert wrong.double().mean() < 1e-3
    assert 0.2 < expected.double().mean() < 0.9
    seen = expected & ~wrong
    u, v = (part.reshape(-1) for part in brute.centres(height, width))
    steps = torch.stack([(new_u - u) * height / 2, (v - new_v) * height / 2], 1)
    error = (motion.flatten(2) - steps).abs().amax(1)[seen]
    assert error.max() < (1e-9 if dtype == F64 else 5e-3)


def moved(scene, after, t, body, height, width):
    """u, v and depth (b, m) afterwards of the points at t on bodies; of the sky where there is none."""
    u, v = (part.reshape(-1) for part in brute.centres(height, width))
    slopes = torch.stack(torch.broadcast_tensors(u, v, torch.ones_like(u)), -1)[None].repeat(len(scene), 1, 1)
    slopes[..., :2] /= scene.camera.focal[:, None, None]
    directions = slopes @ scene.camera.turn
    rows = body.clamp(min=0)[..., None]
    axes, origin, new_axes, new_origin = (
        part.gather(1, rows.view(*rows.shape[:2], *[1] * (part.ndim - 2)).expand(*rows.shape[:2], *part.shape[2:]))
        for part in (scene.bodies.axes, scene.bodies.origin, after.bodies.axes, after.bodies.origin)
    )
    points = scene.camera.position[:, None] + t.nan_to_num(posinf=0)[..., None] * directions
    own = torch.linalg.solve(axes, (points - origin)[..., None])
    points = new_origin + (new_axes @ own)[..., 0]
    there = torch.where((body < 0)[..., None], directions, points - after.camera.position[:, None])
    x, y, z = (there @ after.camera.turn.mT).unbind(-1)
    focal, studio = after.camera.focal[:, None], (body < 0) & (scene.light.studio[:, None] > 0.5)
    return torch.where(studio, u, x / z * focal), torch.where(studio, v, y / z * focal), torch.where(studio, 1, z)


def at_an_edge(scene, u, v, t, body, aspect, margin=1e-3):
    """Whether what is seen, or whether it is in the picture, changes within a margin of u and v; or 1 % of depth."""
    result = ((u.abs() - aspect).abs() < margin) | ((v.abs() - 1).abs() < margin)
    for du, dv in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        other_t, other = brute.at_points(scene, u + du * margin, v + dv * margin)
        result |= (other != body) | ((other_t / t - 1).abs() > 5e-4)
    return result


def test_a_rod_beside_a_point_in_the_way_of_a_wide_suns_edge():
    """Its middle is level with the point, beyond the rod's length to the side; its tip leans into the sun's cone."""
    y = torch.tensor([-0.809, 0.485, 0], dtype=F64) / 0.9433
    x, z = torch.tensor([0, 0, 1], dtype=F64), torch.stack([-y[1], y[0], y[2]])
    axes = torch.stack([0.01 * x, y, 0.01 * z], 1)[None]
    scene = one(ELLIPSOID, (1.1, 0, 0), axes)
    scene.light.sun[:], scene.light.sun_width[:] = vector(1, 0, 1, 0), 0.6
    zero = torch.zeros(1, 2, dtype=F64)
    sun = (torch.tensor([[0, 0.6]], dtype=F64), zero + 1, zero)
    dark = trace_sun(scene, Frames.of(scene.bodies), torch.tensor([0]), (zero, zero, zero), zero == 0, sun)
    assert dark.tolist() == brute.sun_shadows(scene, (zero, zero, zero), sun).tolist() == [[False, True]]

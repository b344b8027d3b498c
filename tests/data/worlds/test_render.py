"""Pixels: where they look, how they are averaged, and that they are the same bits however they are asked for."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from daedal.data.worlds import render as rendering
from daedal.data.worlds import trace
from daedal.data.worlds.render import OUTPUTS, flow, project, render, to_pixels
from daedal.data.worlds.scene import BOX, ELLIPSOID, PLANE, Builder, Scene
from tests.data.worlds.scenes import F64, Random, camera_at, light, random_camera, rich_scene

H, W = 19, 27


def points_of(camera, rows, columns, depth, height, width):
    """Points (b, m, 3) at a depth on the rays through pixels: u = (2j + 1 - w) / h, v = (h - 2i - 1) / h."""
    u, v = (2 * columns + 1 - width) / height, (height - 2 * rows - 1) / height
    right, up, forward = camera.turn[:, None].unbind(2)
    focal = camera.focal[:, None, None]
    direction = forward + (u[..., None] * right + v[..., None] * up) / focal
    return camera.position[:, None] + depth[..., None] * direction


def test_projection_inverts_the_rays_of_pixels():
    r = Random(50, 0)
    camera = random_camera(r)
    rows, columns, depth = r.uniform(-5, H + 5, 40), r.uniform(-5, W + 5, 40), r.uniform(0.1, 50, 40)
    u, v, found = project(camera, points_of(camera, rows, columns, depth, H, W))
    j, i = to_pixels(u, v, H, W)
    torch.testing.assert_close(j, columns, atol=1e-9, rtol=0)
    torch.testing.assert_close(i, rows, atol=1e-9, rtol=0)
    torch.testing.assert_close(found, depth, atol=1e-9, rtol=0)


def test_a_pixel_looks_through_its_centre():
    """A ball much smaller than a pixel, where `project` says, is seen by that pixel alone."""
    rows, columns = (part.flatten() for part in torch.meshgrid(torch.arange(9), torch.arange(12), indexing="ij"))
    n = len(rows)
    r, builder = Random(n, 1), Builder(n, dtype=F64)
    camera, depth = random_camera(r), r.uniform(2, 9, 1)
    centre = points_of(camera, rows[:, None].to(F64), columns[:, None].to(F64), depth, 9, 12)[:, 0]
    builder.add(ELLIPSOID, centre, (1e-3, 1e-3, 1e-3), colour=(1, 1, 1), stencil=1)
    found = render(Scene(camera, light(n), builder.bodies(), torch.ones(n, dtype=F64)), 9, 12, ("stencil",))["stencil"]
    expected = torch.zeros(n, 9, 12, dtype=torch.int64)
    expected[torch.arange(n), rows, columns] = 1
    assert torch.equal(found, expected)


@pytest.mark.parametrize("samples", [2, 4])
def test_a_half_covered_pixel_has_half_the_light(samples):
    """A glowing box whose edge runs through the middle of a column of pixels: linear light is the mean."""
    builder = Builder(1, dtype=F64)
    builder.add(BOX, (-2, 0, 0), (2, 2, 1e-3), colour=(0.64, 0.36, 0.16), glow=1.0, stencil=1)
    dark = light(1, sun_colour=torch.zeros(1, 3, dtype=F64))
    scene = Scene(camera_at(1, (0, 0, 4), (0, 0, 0)), dark, builder.bodies(), torch.ones(1, dtype=F64))
    found = render(scene, 9, 9, samples=samples)["rgb"][0]
    linear = torch.tensor([0.64, 0.36, 0.16], dtype=F64)[:, None]
    for column, share in ((3, 1.0), (4, 0.5), (5, 0.0)):
        torch.testing.assert_close(found[:, :, column], (share * linear).sqrt().expand(3, 9), atol=1e-12, rtol=0)


def everything(scene, after):
    result = render(scene, H, W, OUTPUTS)
    result["flow"], result["visible"] = flow(scene, after, H, W)
    return result


@pytest.fixture(scope="module")
def pair():
    """Two moments with all textures, kinds and lights, in float32."""
    scene, after = rich_scene(8, 5), rich_scene(8, 5)
    after.bodies.origin.add_(0.1)
    after.camera.position.add_(0.05)
    scene.light.sun_width[3] = 0  # a hard shadow among soft ones
    return scene.to(torch.float32), after.to(torch.float32)


@pytest.fixture(scope="module")
def expected(pair):
    torch.set_num_threads(1)
    return everything(*pair)


def assert_same_bits(found, expected):
    for name, value in expected.items():
        assert torch.equal(found[name], value), name


def test_pictures_do_not_depend_on_their_batch(pair, expected):
    scene, after = pair
    for rows in ([0], [3], [7, 2], list(range(7, -1, -1)), [4, 4, 4]):
        found = everything(scene[rows], after[rows])
        assert_same_bits(found, {name: value[rows] for name, value in expected.items()})


@pytest.mark.parametrize(("rays", "chunk"), [(1, 3), (4096, 7), (1 << 20, 1 << 14)])
def test_pictures_do_not_depend_on_chunks(rays, chunk, pair, expected, monkeypatch):
    monkeypatch.setattr(rendering, "RAYS", rays)
    monkeypatch.setattr(trace, "CHUNK", chunk)
    assert_same_bits(everything(*pair), expected)


def test_pictures_do_not_depend_on_threads(pair, expected, monkeypatch):
    monkeypatch.setattr(trace, "CHUNK", 1 << 14)  # tensors large enough to be shared among threads
    monkeypatch.setattr(rendering, "RAYS", 1 << 20)
    torch.set_num_threads(2)
    assert_same_bits(everything(*pair), expected)


def test_one_output_is_the_same_among_others(pair, expected):
    for name in OUTPUTS:
        assert torch.equal(render(pair[0], H, W, (name,))[name], expected[name]), name


ROOT = Path(__file__).parents[3]
DIGEST = """
import hashlib, torch
from daedal.data.worlds.render import OUTPUTS, render
from tests.data.worlds.scenes import rich_scene
found = render(rich_scene(3, 5).to(torch.float32), 19, 27, OUTPUTS)
print(hashlib.sha256(b"".join(found[name].numpy().tobytes() for name in OUTPUTS)).hexdigest())
"""


def test_another_process_makes_the_same_pictures():
    found = render(rich_scene(3, 5).to(torch.float32), H, W, OUTPUTS)
    own = hashlib.sha256(b"".join(found[name].numpy().tobytes() for name in OUTPUTS)).hexdigest()
    other = subprocess.run([sys.executable, "-c", DIGEST], cwd=ROOT, capture_output=True, text=True, check=True)
    assert other.stdout.strip() == own


@pytest.mark.parametrize("dtype", [F64, torch.float32], ids=["float64", "float32"])
def test_colours_are_finite_and_outputs_have_the_dtype(dtype):
    for seed in range(6):
        found = render(rich_scene(12, seed).to(dtype), H, W, ("rgb", "depth", "normal"))
        assert all(value.dtype == dtype for value in found.values())
        assert ((found["rgb"] >= 0) & (found["rgb"] <= 1)).all()
        assert found["normal"].isfinite().all()
        assert (found["depth"] > 0).all()


def degenerate(case):
    """Scenes with something that has no length, no direction or no distance."""
    builder, camera = Builder(2, dtype=F64), camera_at(2, (0, 0, 5), (0, 0, 0))
    given = {"colour": (0.5, 0.5, 0.5), "stencil": 1, "gloss": 0.5}
    lights = {"sky": torch.ones(2, 3, dtype=F64)}
    builder.add(PLANE, (0, -1, 0), (1, 1, 1), texture="noise", **given)
    if case == "camera on a plane":
        camera.position[:, 1] = -1
    elif case == "along an axis":
        for kind in range(1, 6):
            axes = torch.tensor([[[1.0, 0, 0], [0, 0, 1], [0, 1, 0]]], dtype=F64) * 0.3
            builder.add(kind, (0, 0, -kind), axes, shape=1.0, **given)
    elif case == "size zero":
        for kind in range(2, 6):
            builder.add(kind, (0.1 * kind, 0, 0), (0, 0, 0), shape=1.0, **given)
            builder.add(kind, (0.1 * kind, 0, 0), (0.5, 0, 0.5), shape=1.0, **given)
    elif case == "blends with nothing":
        none = torch.zeros(2, dtype=torch.bool)
        for size, where in ((0.0, None), (0.0, none), (1.0, none)):
            other = builder.add(ELLIPSOID, (0, 0, 0), (size, size, size), where=where, **given)
            builder.add(BOX, (0, 0, 0), (0.6, 0.6, 0.6), blend=other, **given)
    elif case == "blend without width":
        builder.add(BOX, (0, 0, 0), (0.6, 0.6, 0.6), blend=0, blend_width=0.0, **given)
    elif case == "camera inside a capsule":
        builder.add(PLANE + 4, (0, 0, 5), (1, 1, 1), shape=1.0, **given)
    elif case == "lamp on a surface":
        builder.add(BOX, (0, 0, 0), (1, 1, 1), **given)
        ones = torch.ones(2, 1, dtype=F64)
        lights |= {"lamp": torch.tensor([[[0.0, 0, 1]]] * 2, dtype=F64), "lamp_colour": ones[..., None].expand(2, 1, 3)}
        lights |= {"lamp_reach": 0 * ones}
    elif case == "sun along an axis":
        builder.add(ELLIPSOID, (0, 0, 0), (1, 1, 1), **given)
        lights |= {"sun": torch.tensor([[0.0, 1, 0], [0, 0, -1]], dtype=F64)}
        lights |= {"sun_width": torch.tensor([0.2, 0.2], dtype=F64)}
    return Scene(camera, light(2, **lights), builder.bodies(), torch.ones(2, dtype=F64))


CASES = ["camera on a plane", "along an axis", "size zero", "blends with nothing", "blend without width"]
CASES += ["camera inside a capsule", "lamp on a surface", "sun along an axis"]


@pytest.mark.parametrize("dtype", [F64, torch.float32], ids=["float64", "float32"])
@pytest.mark.parametrize("case", CASES)
def test_degenerate_scenes_have_colours(case, dtype):
    for size in (16, 9):
        found = render(degenerate(case).to(dtype), size, size, OUTPUTS)
        assert ((found["rgb"] >= 0) & (found["rgb"] <= 1)).all()
        assert found["normal"].isfinite().all()
        assert (found["depth"] > 0).all()


@pytest.mark.parametrize("dtype", [F64, torch.float32], ids=["float64", "float32"])
def test_bodies_without_size_are_not_there(dtype):
    """Nothing of what is behind them or beside them is lost, whatever they are blended with."""
    scene = degenerate("size zero").to(dtype)
    names = ("depth", "stencil", "normal", "rgb")
    alone = Scene(scene.camera, scene.light, scene.bodies.map(lambda part: part[:, :1]), scene.saturation)
    found, expected = render(scene, 16, outputs=names), render(alone, 16, outputs=names)
    assert all(torch.equal(found[name], expected[name]) for name in names)

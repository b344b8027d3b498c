"""Putting scenes together: half sizes, capsules between points, and cameras that look straight down."""

import pytest
import torch

from daedal.data.worlds.render import project, render
from daedal.data.worlds.scene import BOX, CAPSULE, ELLIPSOID, Bodies, Builder, Camera, Scene, segment
from tests.data.worlds.scenes import F64, Random, camera_at, light, vector


@pytest.mark.parametrize("n", [2, 3, 4])
def test_half_sizes_may_be_a_tensor(n):
    sizes = Random(n, 0).uniform(0.1, 1, 3)
    builder = Builder(n, dtype=F64)
    assert torch.equal(builder.axes(sizes), torch.diag_embed(sizes))
    assert torch.equal(builder.axes(tuple(sizes.T)), torch.diag_embed(sizes))
    matrices = Random(n, 1).axes()
    assert torch.equal(builder.axes(matrices), matrices)


@pytest.mark.parametrize("end", [(1.0, -0.5, 0.3), (0.0, 2.0, 0.0), (0.0, 1e-5, 0.0), (0.0, 0.0, 0.0)])
def test_a_segment_is_everything_within_a_radius_of_the_line(end):
    """Ends and radius; a segment without length is a ball."""
    start, stop, radius = vector(1, 0, 0, 0), vector(1, *end), torch.tensor([0.4], dtype=F64)
    origin, axes, shape = segment(start, stop, radius)
    gram = axes[0].T @ axes[0]
    torch.testing.assert_close(gram, 0.16 * torch.eye(3, dtype=F64), atol=1e-12, rtol=0)
    for side, point in ((-1, start), (1, stop)):
        torch.testing.assert_close(origin + side * shape[:, None] * axes[..., 1], point, atol=1e-8, rtol=0)
    builder = Builder(1, dtype=F64)
    builder.add(CAPSULE, origin, axes, shape=shape, colour=(1, 1, 1), stencil=1)
    scene = Scene(camera_at(1, (0, 0, 5), (0, 0, 0)), light(1), builder.bodies(), torch.ones(1, dtype=F64))
    assert abs(float(render(scene, 9, outputs=("depth",))["depth"][0, 4, 4]) - 4.6) < (1e-8 if end[0] == 0 else 0.4)


@pytest.mark.parametrize("at", [(0, -5, 0), (0, 5, 0), (1, 0, 0), (0.3, -2, 1)])
def test_a_camera_looks_at_its_target_upright(at):
    position, target = vector(1, 0.5, 1, 2), vector(1, 0.5, 1, 2) + vector(1, *at)
    for dtype in (F64, torch.float32):
        camera = Camera.looking(position.to(dtype), target.to(dtype), torch.ones(1, dtype=dtype))
        turn = camera.turn[0]
        torch.testing.assert_close(turn @ turn.T, torch.eye(3, dtype=dtype), atol=1e-6, rtol=0)
        assert torch.linalg.det(turn) < 0  # right, up, forward: forward is away from z
        u, v, depth = project(camera, target[:, None].to(dtype))
        assert max(abs(float(u)), abs(float(v))) < 1e-5
        assert abs(float(depth) - float(vector(1, *at).norm())) < 1e-5
        assert turn[1, 1] >= 0


def test_absent_bodies_are_not_seen():
    builder = Builder(2, dtype=F64)
    builder.add(BOX, (0, 0, 0), (1, 1, 1), colour=(1, 1, 1), stencil=5, where=torch.tensor([True, False]))
    scene = Scene(camera_at(2, (0, 0, 5), (0, 0, 0)), light(2), builder.bodies(), torch.ones(2, dtype=F64))
    found = render(scene, 8, outputs=("stencil", "depth"))
    assert (found["stencil"][0] == 5).any()
    assert (found["stencil"][1] == 0).all()
    assert found["depth"][1].isinf().all()


def test_packing_leaves_out_absent_bodies_and_changes_no_picture(monkeypatch):
    """Also of a body whose normals turn into those of another, which stands elsewhere or is absent itself."""
    where = Random(4, 3).uniform(0, 1, 6) < 0.5
    where[0], where[:, 5] = False, torch.tensor([False, True, False, False])
    where[1, :5] = torch.tensor([True, False, False, False, False])
    builder = Builder(4, dtype=F64)
    for k in range(6):
        place, look = (0.5 * k - 1.2, 0.1 * k, -0.2 * k), {"stencil": k + 1, "instance": k, "where": where[:, k]}
        builder.add(ELLIPSOID, place, (0.4, 0.5, 0.4), colour=(1, 0.2 * k, 0), blend=k - 1, blend_width=0.5, **look)
    bodies = builder.bodies()
    packed = bodies.packed()
    assert packed.kind.shape[1] < 6
    for row in range(4):
        there = packed.kind[row] > 0
        assert packed.stencil[row][there].tolist() == bodies.stencil[row][bodies.kind[row] > 0].tolist()
        blend = packed.blend[row]
        assert (packed.stencil[row][blend.clamp(min=0)] == packed.stencil[row] - 1)[blend >= 0].all()
    scene = Scene(camera_at(4, (0, 0, 5), (0, 0, 0)), light(4), bodies, torch.ones(4, dtype=F64))
    outputs = ("rgb", "depth", "stencil", "instance", "normal")
    found = render(scene, 16, outputs=outputs)
    monkeypatch.setattr(Bodies, "packed", lambda self: self)
    assert all(torch.equal(found[name], value) for name, value in render(scene, 16, outputs=outputs).items())

"""Depths and normals are those of the closed forms, derived once more, over random poses and cameras."""

import numpy as np
import pytest
import torch

from daedal.data.worlds.primitives import FAR, meet
from daedal.data.worlds.render import render
from daedal.data.worlds.scene import BOX, CAPSULE, CONE, ELLIPSOID, PLANE
from tests.data.worlds import closed_forms
from tests.data.worlds.scenes import F64, Random, random_camera, random_scene, vector

H, W = 21, 18
CASES = {
    "plane": ((PLANE,), 0),
    "box": ((BOX,), 0),
    "ellipsoid": ((ELLIPSOID,), 0),
    "cone": ((CONE,), 0),
    "capsule": ((CAPSULE,), 0),
    "clipped": ((BOX, ELLIPSOID, CONE), 1),
    "clipped twice": ((ELLIPSOID, PLANE), 2),
    "all": ((PLANE, BOX, ELLIPSOID, CONE, CAPSULE, ELLIPSOID, BOX, CONE), 0),
}
BOUNDS = {F64: (1e-6, 1e-6, 1e-6), torch.float32: (1e-4, 1e-3, 3e-3)}  # depth relative, normal, margin of u and v


@pytest.mark.parametrize("dtype", [F64, torch.float32], ids=["float64", "float32"])
@pytest.mark.parametrize("case", CASES)
def test_depth_and_normals_are_the_closed_forms(case, dtype):
    kinds, clips = CASES[case]
    scene = random_scene(12, 1, kinds, clips).to(dtype)
    found = render(scene, H, W, ("depth", "instance", "normal"))
    assert found["depth"].dtype == found["normal"].dtype == dtype
    u, v = closed_forms.grid(H, W)
    depth_bound, normal_bound, margin = BOUNDS[dtype]
    compared = hit = 0
    for i in range(len(scene)):
        t, body, _ = closed_forms.nearest(scene, i, u, v)
        clear = closed_forms.clear_of_edges(scene, i, u, v, margin)
        depth, normal = found["depth"][i].double().numpy(), found["normal"][i].double().numpy()
        assert (found["instance"][i].numpy() == body + 1)[clear].all()
        on = clear & (body >= 0)
        assert np.isinf(depth[clear & (body < 0)]).all()
        np.testing.assert_allclose(depth[on], t[on], rtol=depth_bound)
        expected = gradients(scene, i, u, v, t, body)
        np.testing.assert_allclose(normal.transpose(1, 2, 0)[on], expected[on], atol=normal_bound)
        compared, hit = compared + clear.sum(), hit + on.sum()
    assert compared > 0.9 * 12 * H * W  # the margin leaves out few
    assert hit > 10 * 12


def implicit(kind, p, shape):
    """What is zero on the surface, of p (m, 3) in the body's coordinates."""
    x, y, z = p.unbind(-1)
    if kind == PLANE:
        return y
    if kind == BOX:
        return p.abs().amax(-1) - 1
    if kind == ELLIPSOID:
        return x * x + y * y + z * z - 1
    if kind == CONE:
        return torch.maximum(torch.hypot(x, z) - (1 + shape) / 2 - (shape - 1) / 2 * y, y.abs() - 1)
    return torch.stack([x, y - y.clamp(-shape, shape), z], -1).square().sum(-1) - 1


def gradients(scene, index, u, v, t, body):
    """Unit gradients (h, w, 3) of the implicit functions by automatic differentiation, towards the viewer."""
    o, d = closed_forms.rays(scene, index, u, v)
    result = np.zeros((*u.shape, 3))
    for k in np.unique(body[body >= 0]):
        mine = body == k
        x = torch.tensor(o + t[mine, None] * d[mine], requires_grad=True)
        bodies = scene.bodies[index]
        p = torch.linalg.solve(bodies.axes[k].double(), (x - bodies.origin[k].double()).T).T
        implicit(int(bodies.kind[k]), p, float(bodies.shape[k])).sum().backward()
        assert x.grad is not None
        g = x.grad.numpy() / np.linalg.norm(x.grad.numpy(), axis=1, keepdims=True)
        result[mine] = g * np.where((g * d[mine]).sum(1, keepdims=True) > 0, -1, 1)
    return result


def test_normals_have_length_one_and_face_the_viewer():
    scene = random_scene(16, 2, CASES["all"][0], 1)
    found = render(scene, H, W, ("depth", "normal"))
    hit = found["depth"].isfinite()
    assert (found["normal"].square().sum(1).sqrt()[hit] - 1).abs().max() < 1e-12
    assert (found["normal"].permute(0, 2, 3, 1)[~hit] == 0).all()
    u, v = closed_forms.grid(H, W)
    for i in range(len(scene)):
        d = torch.from_numpy(closed_forms.rays(scene, i, u, v)[1])
        assert ((found["normal"][i].permute(1, 2, 0) * d).sum(-1)[hit[i]] <= 1e-12).all()


def test_a_shell_that_is_cut_open_shows_its_inside():
    """Unit ball, cut in half towards the camera: depth is that of the far hemisphere, normals point inwards."""
    r = Random(1, 0)
    scene = random_scene(1, 0, (ELLIPSOID,), camera=random_camera(r))
    bodies = scene.bodies
    towards = scene.camera.turn[0, 2] * -1
    bodies.axes[0, 0], bodies.origin[0, 0] = torch.eye(3, dtype=F64), 0
    scene.camera.turn[0] = torch.stack([scene.camera.turn[0, 0], scene.camera.turn[0, 1], -towards])
    scene.camera.position[0] = 5 * towards
    bodies.clip[0, 0, 0] = torch.cat([towards, vector(1, 0)[0]])
    found = render(scene, 9, 9, ("depth", "normal"))
    assert abs(float(found["depth"][0, 4, 4]) - 6) < 1e-12
    torch.testing.assert_close(found["normal"][0, :, 4, 4], towards, atol=1e-12, rtol=0)


@pytest.mark.parametrize("kind", [ELLIPSOID, BOX, CONE])
def test_from_within_a_body_its_inside_is_seen(kind):
    camera = random_camera(Random(4, 5), 0.01, 0.2)
    scene = random_scene(4, 3, (kind,), camera=camera)
    scene.bodies.origin.zero_()
    scene.bodies.axes.mul_(4)
    found = render(scene, H, W, ("depth",))["depth"].numpy()
    u, v = closed_forms.grid(H, W)
    for i in range(4):
        t, _, _ = closed_forms.nearest(scene, i, u, v)
        assert np.isfinite(t).all()
        clear = closed_forms.clear_of_edges(scene, i, u, v, 1e-6)
        np.testing.assert_allclose(found[i][clear], t[clear], rtol=1e-6)


@pytest.mark.parametrize("dtype", [F64, torch.float32], ids=["float64", "float32"])
def test_rays_along_a_cones_side(dtype):
    """Within rounding of parallel to a generatrix the quadratic is linear: x^2 + z^2 = (1 - y)^2 / 4, t = -c / 2b."""
    tilt = torch.arange(-40, 41, dtype=dtype) * 1e-8
    o = tuple(torch.tensor([part], dtype=dtype) for part in (0.125, 9.0, 5.0))
    t = meet(CONE, o, (0 * tilt, 0 * tilt - 2, tilt - 1), torch.zeros(1, dtype=dtype), [], 1e-3)
    expected = (0.125**2 + 25 - 16) / 2  # b = 5 (-1) - (-4) 1 = -1, c = o_x^2 + o_z^2 - ((1 - o_y) / 2)^2
    torch.testing.assert_close(t, torch.full_like(t, expected), atol=0, rtol=1e-5)


def test_from_outside_along_a_capsules_axis_its_end_is_seen():
    """The ray has no part across the axis; and rays beside the axis that are parallel to it."""
    x = torch.tensor([0, 0.5, 1.5], dtype=F64)
    zero = torch.zeros(1, dtype=F64)
    for side in (1, -1):
        o, d = (x, zero + 5 * side, zero), (zero, zero - side, zero)
        t = meet(CAPSULE, o, d, zero + 2, [], 1e-3)
        expected = torch.tensor([2, 3 - 0.75**0.5, float("inf")], dtype=F64)
        torch.testing.assert_close(torch.where(t > FAR, float("inf"), t), expected, atol=1e-9, rtol=0)

"""Flow in closed forms, and pictures that it carries from one moment to the next."""

import numpy as np
import pytest
import torch

from daedal.data.worlds.render import flow, render
from daedal.data.worlds.scene import ELLIPSOID, PLANE, Builder, Camera, Scene
from daedal.data.worlds.vectors import product, rotation
from tests.data.worlds.scenes import F64, Random, camera_at, centres, light, random_camera, rich_scene, vector

H, W = 20, 31


def empty(camera, **lights):
    builder = Builder(len(camera.focal), dtype=F64)
    builder.add(0, (0, 0, 0), (1, 1, 1), colour=(0, 0, 0), stencil=1)
    return of(builder, camera, **lights)


def of(builder, camera, **lights):
    return Scene(camera, light(builder.n, **lights), builder.bodies(), torch.ones(builder.n, dtype=F64))


def moved(camera, r, angle=0.1, way=0.3):
    turn = product(rotation(*(r.uniform(-angle, angle) for _ in range(3))), camera.turn)
    return Camera(camera.position + r.uniform(-way, way, 3), turn, camera.focal * r.uniform(0.9, 1.1))


def pixels(matrix):
    """Where homographies (b, 3, 3) of (u, v, 1) move pixels, (b, 2, h, w), and their third coordinate."""
    u, v = (part.numpy() for part in centres(H, W))
    x, y, z = np.moveaxis(np.stack([u, v, np.ones_like(u)], -1) @ np.swapaxes(matrix, -1, -2)[:, None], -1, 0)
    return torch.from_numpy(np.stack([(x / z - u) * H / 2, (v - y / z) * H / 2], 1)), torch.from_numpy(z)


def intrinsics(camera):
    focal = camera.focal.double().numpy()
    return np.stack([np.diag([f, f, 1.0]) for f in focal])


@pytest.mark.parametrize(("dtype", "bound"), [(F64, 1e-9), (torch.float32, 2e-3)], ids=["float64", "float32"])
def test_the_flow_of_a_plane_is_its_homography(dtype, bound):
    """K' (R + t n^T / d) K^-1 of two cameras and the plane n . X = d in the first one's coordinates, in pixels."""
    n = 12
    r, builder = Random(n, 1), Builder(n, dtype=F64)
    builder.add(PLANE, r.uniform(-0.3, 0.3, 3), r.axes(), colour=(1, 1, 1), stencil=1)
    first = random_camera(r)
    scene, after = of(builder, first).to(dtype), of(builder, moved(first, r)).to(dtype)
    motion, visible = flow(scene, after, H, W)
    one, two = (s.camera.turn.double().numpy() for s in (scene, after))
    here, there = (s.camera.position.double().numpy() for s in (scene, after))
    normal = np.linalg.inv(scene.bodies.axes[:, 0].double().numpy())[:, 1]  # the row of p_y
    distance = np.einsum("bi,bi->b", normal, scene.bodies.origin[:, 0].double().numpy() - here)
    turn = two @ np.linalg.inv(one)
    shift = np.einsum("bij,bj->bi", two, here - there)
    along = np.einsum("bi,bij->bj", normal, np.linalg.inv(one))
    matrix = turn + shift[:, :, None] * along[:, None] / distance[:, None, None]
    exact, z = pixels(intrinsics(after.camera) @ matrix @ np.linalg.inv(intrinsics(scene.camera)))
    depth = render(scene, H, W, ("depth",))["depth"]
    seen = visible & (depth < 30)
    assert seen.double().mean() > 0.3
    error = (motion.double() - exact).abs().amax(1)
    assert error[seen].max() < bound
    u, v = (part + step * 2 / H for part, step in zip(centres(H, W), (exact[:, 0], -exact[:, 1]), strict=True))
    inside = (u.abs() < W / H - 1e-3) & (v.abs() < 1 - 1e-3) & (z > 0)
    assert (visible | ~inside)[depth < 30].all()
    assert not visible[depth.isfinite() & ((u.abs() > W / H + 1e-3) | (v.abs() > 1 + 1e-3) | (z < 0))].any()


def test_the_sky_moves_with_the_cameras_rotation_alone():
    n = 10
    r = Random(n, 2)
    first = random_camera(r)
    second = moved(first, r, 0.3, 5.0)
    motion, visible = flow(empty(first), empty(second), H, W)
    turn = second.turn.numpy() @ np.linalg.inv(first.turn.numpy())
    exact, z = pixels(intrinsics(second) @ turn @ np.linalg.inv(intrinsics(first)))
    torch.testing.assert_close(motion[visible[:, None].expand_as(motion)], exact[visible[:, None].expand_as(motion)])
    u, v = (part + step * 2 / H for part, step in zip(centres(H, W), (exact[:, 0], -exact[:, 1]), strict=True))
    assert torch.equal(visible, (u.abs() <= W / H) & (v.abs() <= 1) & (z > 0))


@pytest.mark.parametrize("angle", [0.3, 2.0])
def test_a_backdrop_does_not_move(angle):
    first = random_camera(Random(4, 3))
    second = Camera(first.position, product(rotation(*torch.full((3, 4), angle, dtype=F64)), first.turn), first.focal)
    studio = torch.ones(4, dtype=F64)
    motion, visible = flow(empty(first, studio=studio), empty(second, studio=studio), H, W)
    assert (motion == 0).all()
    assert visible.all()


def test_a_body_that_moves_hides_what_it_covers():
    """A ball passes before a wall: pixels of the wall are hidden exactly where the ball is afterwards."""

    def scene(x):
        builder = Builder(1, dtype=F64)
        axes = torch.tensor([[[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]], dtype=F64)
        builder.add(PLANE, (0, 0, -1), axes, colour=(1, 1, 1), stencil=1)
        builder.add(ELLIPSOID, (x, 0, 0), (0.7, 0.7, 0.7), colour=(1, 1, 1), stencil=2)
        return of(builder, camera_at(1, (0, 0, 5), (0, 0, 0)))

    before, after = scene(-0.5), scene(0.6)
    motion, visible = flow(before, after, H, W)
    one, two = (render(s, H, W, ("stencil",))["stencil"] for s in (before, after))
    wall = one == 1
    assert (motion.movedim(1, -1)[wall].abs() < 1e-12).all()
    assert torch.equal(visible[wall], two[wall] == 1)
    assert ((one == 1) & (two == 2)).sum() > 20
    assert visible[one == 2].double().mean() > 0.8  # of the ball, only a rim turns away


def test_what_leaves_the_picture_is_not_visible():
    """A wall that moves 4 pixels to the left, in its own plane: the first 4 columns leave."""

    def scene(x):
        builder = Builder(1, dtype=F64)
        axes = torch.tensor([[[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]], dtype=F64)
        builder.add(PLANE, (x, 0, 0), axes, colour=(1, 1, 1), stencil=1)
        return of(builder, camera_at(1, (0, 0, 5), (0, 0, 0), 2.0))

    motion, visible = flow(scene(0.0), scene(-4 * (2 / H) * 5 / 2), H, W)
    expected = torch.tensor([-4.0, 0], dtype=F64)[None, :, None, None].expand_as(motion)
    torch.testing.assert_close(motion, expected, atol=1e-9, rtol=0)
    assert not visible[..., :4].any()
    assert visible[..., 4:].all()


def test_points_of_a_body_that_changes_its_shape_keep_their_coordinates():
    """An ellipsoid that grows in x and shrinks in y: (x, y, z) goes to (1.3 x, 0.8 y, z)."""

    def scene(*size):
        builder = Builder(1, dtype=F64)
        builder.add(ELLIPSOID, (0, 0, 0), size, colour=(1, 1, 1), stencil=1)
        return of(builder, camera_at(1, (0, 0, 4), (0, 0, 0), 2.0))

    before = scene(1.0, 1.0, 1.0)
    motion, visible = flow(before, scene(1.3, 0.8, 1.0), H, W)
    depth = render(before, H, W, ("depth",))["depth"]
    u, v = centres(H, W)
    exact = (
        torch.stack([0.3 * u.expand_as(depth), 0.2 * v.expand_as(depth)], 1) * H / 2
    )  # at its depth, so scaled alike
    on = depth.isfinite()
    torch.testing.assert_close(motion.movedim(1, -1)[on], exact.movedim(1, -1)[on], atol=1e-9, rtol=0)
    assert visible[on].all()  # nothing is hidden: the outline, too, goes with its points


def test_a_point_in_the_cameras_centre_leaves_its_neighbours_alone():
    """A quarter turn brings the middle pixel's direction into the camera's plane: 0 / 0 there, and nowhere else."""
    up = torch.tensor([[[1.0, 0, 0], [0, 0, 1], [0, 1, 0]]], dtype=F64)
    first = camera_at(1, (0, 0, 0), (0, 0, -1), 0.5)
    second = Camera(first.position, up, first.focal)
    room = Builder(1, dtype=F64)
    room.add(ELLIPSOID, (0, 0, 0), (5, 5, 5), colour=(1, 1, 1), stencil=1)
    motion, visible = flow(of(room, first), of(room, second), 25)
    u, v = centres(25, 25)
    exact_u, exact_v = u / v * 0.5, -0.25 / v  # directions (2 u, 2 v, -1) seen with right x, up z and forward y
    expected = (v > 0) & (exact_u.abs() <= 1) & (exact_v.abs() <= 1)
    clear = (exact_u.abs() - 1).abs() > 1e-9  # not on the picture's border
    assert torch.equal(visible[0][clear], expected[clear])
    assert motion[0][:, expected].isfinite().all()


def test_the_flow_carries_one_picture_to_the_next():
    """Frame t + 1, looked up bilinearly where the flow points, is frame t on visible pixels in light from everywhere.

    Noise has second derivatives of at most 6 of its contrast a squared cell in each axis; a cell covers at least 8
    pixels here, so that interpolation errs by at most 2 x 6 / 8 / 8^2 = 0.024 of the contrast, here 0.6. Pixels beside
    another body are left out, and where the ball's surface is turned away by more than 60 degrees.
    """
    n, size = 6, 48
    r, ones = Random(n, 8), vector(n, 1, 1, 1)
    first = camera_at(n, (0, 1.0, 4), (0, 0, 0), 2.0)
    builders = Builder(n, dtype=F64), Builder(n, dtype=F64)
    shift = r.uniform(-0.15, 0.15, 3)
    wall = torch.tensor([[[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]], dtype=F64)
    for i, builder in enumerate(builders):
        given = {"second": (0.7, 0.7, 0.7), "colour": (0.1, 0.1, 0.1), "texture": "bark", "stencil": 1}
        builder.add(PLANE, (0, 0, -1), wall, scale=(0.3, 0.3, 0.3), instance=1, **given)
        builder.add(ELLIPSOID, i * shift, (0.8, 0.8, 0.8), scale=(0.2, 0.6, 0.2), instance=2, **given)
    no_sun = {"sun_colour": 0 * ones, "sky": ones, "ground": ones}
    scene, after = of(builders[0], first, **no_sun), of(builders[1], moved(first, r, 0.03, 0.1), **no_sun)
    motion, visible = flow(scene, after, size)
    frames = [render(s, size, outputs=("rgb", "instance", "normal"), samples=1) for s in (scene, after)]
    there = torch.stack(torch.meshgrid(*[torch.arange(size, dtype=F64)] * 2, indexing="xy")) + motion
    light_after = frames[1]["rgb"][:, 0].square()
    carried, alone = bilinear(light_after, frames[1]["instance"], there)
    alone &= ((there >= 0) & (there <= size - 1)).all(1)  # between centres of pixels
    used = visible & alone & (frames[0]["normal"][:, 2] > 0.5)
    assert used.double().mean() > 0.3
    error = (carried - frames[0]["rgb"][:, 0].square()).abs()[used]
    assert error.max() < 0.024 * 0.6
    still = (light_after - frames[0]["rgb"][:, 0].square()).abs()[used]
    assert still.mean() > 10 * error.mean()  # the pictures do differ


def bilinear(values, ids, there):
    """Values (b, h, w) at places (b, 2, h, w), and whether all four neighbours have one id."""
    size = values.shape[-1]
    x, y = (part.nan_to_num().clamp(0, size - 1.001) for part in there.unbind(1))
    i, j = y.floor().long(), x.floor().long()
    a, b = y - i, x - j
    picture = torch.arange(len(values))[:, None, None]
    corners = [(i + di, j + dj, (a if di else 1 - a) * (b if dj else 1 - b)) for di in (0, 1) for dj in (0, 1)]
    found = sum(values[picture, p, q] * weight for p, q, weight in corners)
    own = [ids[picture, p, q] for p, q, _ in corners]
    return found, (own[0] == own[1]) & (own[0] == own[2]) & (own[0] == own[3])


def test_without_motion_everything_is_visible_and_nothing_moves():
    for dtype, bound in ((F64, 1e-9), (torch.float32, 2e-3)):
        scene = rich_scene(8, 2).to(dtype)
        motion, visible = flow(scene, scene, H, W)
        depth = render(scene, H, W, ("depth",))["depth"]
        plain = (depth < 30) | (depth == torch.inf)
        assert visible[plain].double().mean() > 0.999  # rays at silhouettes may miss by rounding
        assert motion.abs().amax(1)[plain].max() < bound

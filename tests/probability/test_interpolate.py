"""Paths: the identities of spherical interpolation, and where it is not defined."""

import pytest
import torch

from daedal.probability.interpolate import lerp, path, slerp


def ends(n=64, dim=128, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, n, dim, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("between", [lerp, slerp])
def test_ends_are_exact(between):
    a, b = ends()
    assert torch.equal(between(a, b, 0.0), a)
    assert torch.equal(between(a, b, 1.0), b)


@pytest.mark.parametrize("t", [0.0, 0.2, 0.5, 0.9])
def test_backwards_is_the_same_path(t):
    a, b = ends()
    torch.testing.assert_close(slerp(a, b, t), slerp(b, a, 1 - t), atol=1e-12, rtol=0)


def test_equal_lengths_are_kept_and_equal_the_published_formula():
    a, b = (z / z.norm(dim=1, keepdim=True) * 3 for z in ends())
    angle = torch.arccos((a * b).sum(1, keepdim=True) / 9)
    for t in (0.1, 0.5, 0.7):
        between = slerp(a, b, t)
        torch.testing.assert_close(between.norm(dim=1), torch.full((64,), 3.0, dtype=a.dtype))
        published = (torch.sin((1 - t) * angle) * a + torch.sin(t * angle) * b) / torch.sin(angle)
        torch.testing.assert_close(between, published)


def test_equal_steps_are_equal_angles():
    a, b = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    points = path(a, b, 4)[:, 0]
    angles = torch.rad2deg(torch.atan2(points[:, 1], points[:, 0]))
    torch.testing.assert_close(angles, torch.tensor([0.0, 30.0, 60.0, 90.0]))


def test_length_stays_between_the_ends_even_where_the_angle_is_obtuse():
    a, b = ends(n=500, dim=2)
    low, high = (f(a.norm(dim=1), b.norm(dim=1)) for f in (torch.minimum, torch.maximum))
    for t in (0.25, 0.5, 0.75):
        length = slerp(a, b, t).norm(dim=1)
        parallel = (a * b).sum(1).abs() / (a.norm(dim=1) * b.norm(dim=1)) > 1 - 1e-9
        assert (((length >= low - 1e-9) & (length <= high + 1e-9)) | parallel).all()


def test_a_straight_line_leaves_the_shell_of_a_gaussian_and_an_arc_does_not():
    a, b = ends(n=2000, dim=128)
    length = (a.norm(dim=1) + b.norm(dim=1)) / 2
    assert (lerp(a, b, 0.5).norm(dim=1) / length).mean() == pytest.approx(2**-0.5, rel=0.02)
    assert (slerp(a, b, 0.5).norm(dim=1) / length).mean() == pytest.approx(1.0, rel=1e-9)


@pytest.mark.parametrize("scale", [1.0, 2.0, -1.0, 0.0])
def test_parallel_opposite_and_zero_ends_fall_back_to_the_line(scale):
    a = ends(n=3)[0]
    torch.testing.assert_close(slerp(a, scale * a, 0.25), lerp(a, scale * a, 0.25))


def test_items_of_any_shape_are_points():
    a, b = ends(n=5, dim=48)
    maps = slerp(a.view(5, 3, 4, 4), b.view(5, 3, 4, 4), 0.3)
    assert torch.equal(maps.flatten(1), slerp(a, b, 0.3))


def test_bad_requests_are_refused():
    a, b = ends(n=2, dim=4)
    with pytest.raises(ValueError, match="'steps' of a path"):
        path(a, b, 1)
    with pytest.raises(ValueError, match="one shape"):
        path(a, b[:1], 3)
    with pytest.raises(ValueError, match="slerp or lerp"):
        path(a, b, 3, "circle")  # type: ignore[arg-type]

import numpy as np
import pytest
import torch
from scipy.fft import dctn
from scipy.ndimage import gaussian_filter

from daedal.evaluate.degradations import BLOCK, DEGRADATIONS, Places, degraded

N, SIDE = 6, 64


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def pictures(low=-1.0, high=1.0, side=SIDE):
    levels = torch.randint(0, 256, (N, 3, side, side), generator=generator(9))
    return levels / 127.5 - 1 if (low, high) == (-1, 1) else low + (high - low) * levels / 255


def classes(side=SIDE):
    return torch.randint(0, 4, (N, side, side), generator=generator(8))


def places(side=SIDE):
    return Places(classes(side), 10 + (side - 20) * torch.rand(N, 2, 2, generator=generator(7)))


def damage(name, x, strength=1.0, seed=0, of=None):
    of = places(x.shape[-1]) if of is None else of
    return DEGRADATIONS[name](x, of, torch.full((N,), strength), generator(seed))


@pytest.mark.parametrize("side", [16, 32, 64])
@pytest.mark.parametrize("name", DEGRADATIONS)
def test_damage_keeps_the_range_and_the_argument_and_grows_from_nothing(name, side):
    x, of = pictures(side=side), places(side)
    before = x.clone()
    found, moved = damage(name, x, 1.0, of=of)
    assert found.shape == x.shape
    assert moved.classes.shape == of.classes.shape
    assert found.abs().max() <= 1
    assert torch.equal(x, before)
    assert (found - x).abs().mean() > 0.01
    none, same = damage(name, x, 0.0, of=of)
    torch.testing.assert_close(none, x, atol=2e-6, rtol=0)
    for found, kept in ((same, of), (moved, of))[: 1 if name == "shift" else 2]:
        assert torch.equal(found.classes, kept.classes)
        assert torch.equal(found.points, kept.points)


def test_mixed_damage_is_seeded_and_leaves_some_pictures_alone():
    x = torch.cat([pictures()] * 20)
    of = Places(torch.cat([places().classes] * 20), torch.cat([places().points] * 20))
    before = of.classes.clone(), of.points.clone()
    first, again, other = (degraded(x, of, generator(seed))[0] for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert all(torch.equal(*pair) for pair in zip(before, (of.classes, of.points), strict=True))
    same = (first == x).flatten(1).all(1).double().mean().item()
    share = 0.9**8
    assert abs(same - share) < 4 * (share * (1 - share) / len(x)) ** 0.5


def test_blur_is_a_gaussian():
    x = pictures()
    expected = gaussian_filter(x.double().numpy(), (0, 0, 1.2, 1.2), truncate=9)
    inner = (..., slice(12, -12), slice(12, -12))
    np.testing.assert_allclose(damage("blur", x)[0].numpy()[inner], expected[inner], atol=1e-5)


def test_noise_has_its_deviation():
    drawn = damage("noise", torch.zeros(N, 3, SIDE, SIDE))[0].double()
    expected = 0.25**2  # what is cut off beyond four deviations is less than 1e-4 of it
    standard_error = expected * (2 / drawn.numel()) ** 0.5
    assert abs(drawn.square().mean().item() - expected) < 4 * standard_error + 1e-4 * expected


def test_resampling_keeps_what_is_smooth_and_loses_what_is_finer_than_its_pixels():
    flat = torch.full((N, 3, SIDE, SIDE), 0.3)
    torch.testing.assert_close(damage("resampling", flat)[0], flat)
    stripes = torch.tensor([1.0, -1.0]).repeat(SIDE // 2).expand(N, 3, SIDE, SIDE).contiguous()
    assert damage("resampling", stripes)[0][..., 4:-4].abs().max() < 0.3
    ramp = torch.linspace(-1, 1, SIDE).expand(N, 3, SIDE, SIDE).contiguous()
    torch.testing.assert_close(damage("resampling", ramp)[0][..., 4:-4], ramp[..., 4:-4])


def test_blocks_round_cosine_coefficients():
    found = damage("blocks", pictures(-0.2, 0.2))[0].double().numpy()
    for row, column in ((0, 0), (3, 5)):
        block = found[0, 1, row * BLOCK : (row + 1) * BLOCK, column * BLOCK : (column + 1) * BLOCK]
        order = np.add.outer(np.arange(BLOCK), np.arange(BLOCK)) / (2 * BLOCK - 2)
        multiples = dctn(block, norm="ortho") / (0.8 * (0.25 + 0.75 * order))
        np.testing.assert_allclose(multiples, multiples.round(), atol=1e-4)


def test_levels_are_few():
    assert damage("levels", pictures())[0].unique().tolist() == pytest.approx([-1, -0.6, -0.2, 0.2, 0.6, 1])


def test_contrast_is_one_line_for_all_channels():
    x = pictures(-0.5, 0.5)
    found = damage("contrast", x)[0].double()
    for before, after in zip(x.double().flatten(1), found.flatten(1), strict=True):
        slope, offset = np.polyfit(before.numpy(), after.numpy(), 1)
        np.testing.assert_allclose(after, slope * before + offset, atol=1e-6)
        assert abs(slope - 1) <= 0.2
        assert abs(offset) <= 0.15


def test_cutout_is_a_grey_square():
    changed = damage("cutout", torch.ones(N, 3, SIDE, SIDE))[0] == 0
    assert torch.equal(changed.any(1), changed.all(1))
    assert changed[:, 0].any(1).sum(1).tolist() == changed[:, 0].any(2).sum(1).tolist() == [26] * N
    assert changed[:, 0].sum((1, 2)).tolist() == [26 * 26] * N


def test_shift_moves_pictures_classes_and_landmarks_alike():
    of = places()
    x = (of.classes.float() / 2 - 1)[:, None].expand(N, 3, SIDE, SIDE).contiguous()
    found, moved = damage("shift", x, of=of)
    assert torch.equal(found[:, 2], moved.classes.float() / 2 - 1)
    inner = of.classes[:, 10:-10, 10:-10]
    far = moved.points - of.points
    for before, after, (right, down) in zip(inner, moved.classes, far[:, 0].round().int().tolist(), strict=True):
        ways = [(r, c) for r in range(-3, 4) for c in range(-3, 4)]
        same = [(r, c) for r, c in ways if torch.equal(before, after[10 + r : 54 + r, 10 + c : 54 + c])]
        assert same == [(down, right)]
    torch.testing.assert_close(far[:, 0], far[:, 1])

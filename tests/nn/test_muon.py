import pytest
import torch
from torch import nn

from daedal.nn.muon import Muon, orthogonal


@pytest.mark.parametrize("shape", [(8, 8), (5, 40), (40, 5)])
def test_orthogonal_keeps_singular_vectors_and_brings_values_near_one(shape):
    matrix = torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    u, s, v = torch.linalg.svd(matrix, full_matrices=False)
    assert s[0] / s[-1] < 1000  # else the least would not have come near one
    values = u.T @ orthogonal(matrix) @ v.T
    torch.testing.assert_close(values, torch.diag(values.diag()), atol=1e-9, rtol=0)
    assert values.diag().min() > 0.6
    assert values.diag().max() < 1.3


def test_orthogonal_of_nothing_is_nothing():
    assert not orthogonal(torch.zeros(3, 4)).any()


@pytest.mark.parametrize("shape", [(6, 20), (20, 6)])
def test_steps_of_a_matrix_are_those_of_torch(shape):
    """Which rounds to bfloat16: 1/256."""
    generator = torch.Generator().manual_seed(0)
    ours, theirs = (nn.Parameter(torch.ones(shape)) for _ in range(2))
    a = Muon([ours], lr=0.1, momentum=0.9, weight_decay=0.3)
    b = torch.optim.Muon([theirs], lr=0.1, momentum=0.9, weight_decay=0.3, adjust_lr_fn="match_rms_adamw")
    for _ in range(4):
        ours.grad = torch.randn(shape, generator=generator)
        theirs.grad = ours.grad.clone()
        a.step()
        b.step()
    moved = (ours - 1).norm()
    assert moved > 0.1
    assert (ours - theirs).norm() < 0.03 * moved


def test_a_convolution_is_a_matrix_in_any_memory_format():
    generator = torch.Generator().manual_seed(0)
    weight, gradient = (torch.randn(4, 3, 3, 3, generator=generator) for _ in range(2))
    flat, plain = nn.Parameter(weight.flatten(1).clone()), nn.Parameter(weight.clone())
    last = nn.Parameter(weight.clone().to(memory_format=torch.channels_last))
    for parameter in (flat, plain, last):
        parameter.grad = gradient.view_as(parameter).clone()
        Muon([parameter], lr=0.1).step()
    torch.testing.assert_close(plain.flatten(1), flat)
    torch.testing.assert_close(last, plain)
    assert last.is_contiguous(memory_format=torch.channels_last)


def test_a_weight_without_a_gradient_stays():
    weight = nn.Parameter(torch.ones(2, 2))
    Muon([weight], lr=0.1, weight_decay=0.5).step()
    assert (weight == 1).all()

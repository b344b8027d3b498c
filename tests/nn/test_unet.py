"""The U-Net and its parts, and the residual perceptron, against known values and torch's own layers."""

import math

import pytest
import torch
from torch import nn

from daedal.nn.attention import PixelAttention
from daedal.nn.embed import sinusoid
from daedal.nn.norm import group_norm, groups_for
from daedal.nn.residual import TimedMLP
from daedal.nn.unet import ResidualBlock, Stage, UNet


def shaken(module, deviation=0.1):
    """The module with noise on its parameters, so that no layer is zero."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(deviation * torch.randn(parameter.shape, generator=generator))
    return module


def test_parameters_of_the_papers_cifar_network():
    with torch.device("meta"):
        net = UNet(3, 3, (32, 32), width=128, multipliers=(1, 2, 2, 2), blocks=2, attention=(16,), dropout=0.1)
    assert sum(p.numel() for p in net.parameters()) == pytest.approx(35.7e6, abs=0.1e6)


@pytest.mark.parametrize("heads", [1, 4])
def test_attention_is_torchs_multihead_attention(heads):
    channels = 16
    block = shaken(PixelAttention(channels, heads)).double()
    reference = nn.MultiheadAttention(channels, heads, batch_first=True).double()
    with torch.no_grad():
        reference.in_proj_weight.copy_(block.qkv.weight[:, :, 0, 0])
        reference.in_proj_bias.copy_(block.qkv.bias)
        reference.out_proj.weight.copy_(block.project.weight[:, :, 0, 0])
        reference.out_proj.bias.copy_(block.project.bias)
    x = torch.randn(2, channels, 3, 5, dtype=torch.float64)
    tokens = block.norm(x).flatten(2).mT
    expected = x + reference(tokens, tokens, tokens)[0].mT.reshape(x.shape)
    torch.testing.assert_close(block(x), expected, rtol=1e-10, atol=1e-10)


def test_attention_needs_heads_that_divide_the_channels():
    with pytest.raises(ValueError, match="'heads' of PixelAttention must divide 6 channels; got 4"):
        PixelAttention(6, 4)


def test_sinusoid_of_zero_is_zeros_then_ones():
    assert sinusoid(torch.zeros(1), 6).tolist() == [[0, 0, 0, 1, 1, 1]]


def test_sinusoid_has_the_papers_frequencies():
    t, dim = 37.5, 8
    frequencies = [10_000 ** (-i / 3) for i in range(4)]
    expected = [math.sin(t * f) for f in frequencies] + [math.cos(t * f) for f in frequencies]
    got = sinusoid(torch.tensor([t], dtype=torch.float64), dim)[0]
    torch.testing.assert_close(got, torch.tensor(expected, dtype=torch.float64), rtol=1e-5, atol=1e-5)
    assert sinusoid(torch.zeros(1), 5)[0, -1] == 0


def test_time_is_seen_by_every_block():
    block = shaken(ResidualBlock(4, 8, 6))
    x = torch.randn(1, 4, 5, 5)
    assert not torch.allclose(block(x, torch.zeros(1, 6)), block(x, torch.ones(1, 6)))


@pytest.mark.parametrize("channels", [1, 3, 6, 31, 48, 64, 96, 128, 512])
def test_groups_divide_the_channels(channels):
    groups = groups_for(channels)
    assert channels % groups == 0
    assert groups <= 32
    group_norm(channels)(torch.randn(2, channels, 3, 3))


def test_group_norm_of_the_paper_has_32_groups():
    assert [groups_for(c) for c in (128, 256, 512)] == [32, 32, 32]


def test_the_network_starts_at_zero():
    net = UNet(2, 3, (8, 8), width=8, multipliers=(1, 2), blocks=1, attention=(8,))
    assert net(torch.randn(2, 2, 8, 8), torch.tensor([0.0, 500.0])).abs().max() == 0


def test_there_is_one_skip_for_each_block_on_the_way_up():
    net = UNet(1, 1, (16, 16), width=4, multipliers=(1, 2, 3), blocks=2)
    blocks_up = sum(isinstance(layer, Stage) for layer in net.up)
    assert blocks_up == 1 + len(net.down) == 9
    channels = [layer.block.conv1.in_channels for layer in net.up if isinstance(layer, Stage)]
    # what comes from below plus the skip, last made first taken
    assert channels == [12 + 12, 12 + 12, 12 + 8, 12 + 8, 8 + 8, 8 + 4, 8 + 4, 4 + 4, 4 + 4]


def test_each_skip_reaches_the_output():
    net = shaken(UNet(1, 1, (8, 8), width=4, multipliers=(1, 2), blocks=1))
    outputs = []
    for layer in [net.first, *net.down]:
        layer.register_forward_hook(lambda module, inputs, output: outputs.append(output))
    for layer in [*net.down, net.middle1]:  # cut the way down, so that a map's only way to the result is its skip
        layer.register_forward_pre_hook(lambda module, inputs: (inputs[0].detach(), *inputs[1:]))
    result = net(torch.randn(1, 1, 8, 8), torch.zeros(1))
    assert all(gradient.abs().max() > 0 for gradient in torch.autograd.grad(result.sum(), outputs))


@pytest.mark.parametrize("size", [(8, 8), (9, 7), (5, 13), (28, 28), (1, 1), (2, 3)])
def test_any_size_will_do(size):
    net = shaken(UNet(1, 1, size, width=4, multipliers=(1, 2, 2), blocks=1, attention=(4,)))
    x = torch.randn(2, 1, *size)
    assert net(x, torch.zeros(2)).shape == x.shape


def test_attention_stands_where_it_is_asked_for_and_in_the_middle():
    net = UNet(1, 1, (16, 16), width=8, multipliers=(1, 1, 1), blocks=1, attention=(8,))
    stages = [layer for layer in [*net.down, *net.up] if isinstance(layer, Stage)]
    assert [isinstance(s.attention, PixelAttention) for s in stages] == [
        *(False, True, False),  # down: 16, 8, 4
        *(False, False, True, True, False, False),  # up: 4, 8, 16
    ]
    assert isinstance(net.middle1.attention, PixelAttention)


@pytest.mark.parametrize("size", [(8, 144), (144, 8)], ids=str)
def test_a_pattern_that_moves_by_8_pixels_moves_its_output(size):
    """Far from the borders: two levels see 30 pixels each way, and so far do the borders change the empty ground."""
    net = shaken(UNet(1, 1, size, width=4, multipliers=(1, 2), blocks=1, attention=(4,))).double()
    along = size.index(144)
    pattern = torch.randn(8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    ground = torch.zeros(1, 1, *size, dtype=torch.float64)
    one, two = ground.clone(), ground.clone()
    one.narrow(2 + along, 64, 8).copy_(pattern)
    two.narrow(2 + along, 72, 8).copy_(pattern)
    with torch.no_grad():
        empty, here, there = (net(x, torch.full((1,), 300.0, dtype=torch.float64)) for x in (ground, one, two))
    inside = here.narrow(2 + along, 36, 64)
    assert (there.narrow(2 + along, 44, 64) - inside).abs().max() < 1e-8
    assert (inside - empty.narrow(2 + along, 36, 64)).abs().max() > 1e-3  # there is something to move


def test_items_of_a_batch_do_not_see_each_other():
    net = shaken(UNet(1, 1, (8, 8), width=4, multipliers=(1, 2), blocks=1, attention=(4,))).double()
    x, t = torch.randn(3, 1, 8, 8, dtype=torch.float64), torch.tensor([1.0, 20.0, 900.0], dtype=torch.float64)
    alone = torch.cat([net(x[i : i + 1], t[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(net(x, t), alone, rtol=1e-9, atol=1e-9)


def test_perceptron_sees_time_and_vector():
    net = shaken(TimedMLP(3, 2, width=8, blocks=2))
    x, t = torch.randn(4, 3), torch.full((4,), 10.0)
    base = net(x, t)
    assert base.shape == (4, 2)
    assert not torch.allclose(base, net(x, t + 100))
    assert not torch.allclose(base, net(x, t, torch.ones(4, net.embedding_dim)))

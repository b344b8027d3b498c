"""DCGAN's networks: any size, the published parameter counts, where they normalise, what conditions them."""

import pytest
import torch
from scipy.stats import truncnorm
from torch import nn

from daedal.nn.dcgan import make_discriminator, make_synthesiser
from daedal.spaces import Images, Labels, Vectors
from daedal.systems.gans.wgan_gp import WGANGP


def _count(module):
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize(
    "shape",
    [
        *((1, 1, 1), (1, 1, 64), (3, 40, 1), (1, 2, 2), (1, 3, 5), (1, 8, 8)),
        *((3, 7, 12), (1, 28, 28), (3, 33, 20), (3, 64, 64), (4, 16, 40)),
    ],
)
def test_any_size_goes_in_and_comes_out(shape):
    space = Images(*shape)
    synthesiser = make_synthesiser(space, {}, latent=5, width=2)
    x = synthesiser(synthesiser.noise(3), {})
    space.check(x)
    for norm in ("batch", "none"):
        assert make_discriminator(space, {}, width=2, norm=norm)(x, {}).shape == (3,)


def test_every_pixel_counts():
    for shape in ((1, 7, 12), (1, 8, 8), (1, 33, 21), (2, 1, 9), (1, 9, 1)):
        x = torch.zeros(1, *shape, requires_grad=True)
        critic = make_discriminator(Images(*shape), {}, width=4, norm="none")
        (gradient,) = torch.autograd.grad(critic(x, {}).sum(), x)
        assert (gradient != 0).all()


def test_images_one_pixel_wide_go_through_one_plain_convolution():
    """By hand: 3x3 kernels from 2 channels to 4, and 9x1 of them to one logit; back from twice as many."""
    space = Images(2, 9, 1)
    assert _count(make_discriminator(space, {}, width=4, norm="none")) == (2 * 9 + 1) * 4 + 9 * 4 + 1
    batch_norm, synthesiser = 2 * 8, make_synthesiser(space, {}, latent=5, width=4)
    assert _count(synthesiser) == (5 + 1) * 9 * 8 + batch_norm + (8 * 9 + 1) * 2
    narrow = {"image": Images(1, 9, 1)}
    x = make_synthesiser(space, narrow, latent=5, width=4)(torch.randn(3, 5), {"image": torch.rand(3, 1, 9, 1)})
    assert make_discriminator(space, narrow, width=4)(x, {"image": torch.rand(3, 1, 9, 1)}).shape == (3,)


def test_at_64_pixels_it_has_the_published_size():
    # The widely used port of DCGAN at 64x64x3 has 2,765,568 parameters in its discriminator of 64 channels, none
    # of them biases beside its first and last layers, as ours are (64 and 1).
    space = Images(3, 64, 64)
    assert _count(make_discriminator(space, {}, width=64)) == 2_765_568 + 65
    # The paper's synthesiser: 100 -> 4x4x1024 -> 512 -> 256 -> 128 -> 3, with 4x4 kernels; BN has two a channel.
    kernels = 16 * (1024 * 512 + 512 * 256 + 256 * 128 + 128 * 3)
    assert _count(make_synthesiser(space, {}, latent=100, width=64)) == 101 * 16 * 1024 + kernels + 3 + 2 * 1920


def test_the_critic_of_wgan_gps_paper_is_its_codes_baseline_and_the_synthesiser_twice_as_wide():
    """The authors' gan_64x64.py: a critic 64-128-256-512; theirs starts from 512 channels, as ours says from 1,024."""
    with torch.device("meta"):
        system = WGANGP(Images(3, 64, 64), **WGANGP.paper.options)
    assert [stage[0].out_channels for stage in system.critic.encoder.stages] == [64, 128, 256, 512]
    assert not [m for m in system.critic.modules() if isinstance(m, nn.GroupNorm | nn.BatchNorm2d)]
    assert [stage.conv.in_channels for stage in system.synthesiser.decoder.stages] == [1024, 512, 256, 128]
    assert system.synthesiser.project.in_features == 128


def test_no_batch_statistics_at_the_synthesisers_output_and_the_discriminators_input():
    space = Images(3, 32, 32)
    stages = make_synthesiser(space, {}, latent=8, width=4).decoder.stages
    assert not isinstance(stages[-1].norm, nn.BatchNorm2d)
    assert all(isinstance(stage.norm, nn.BatchNorm2d) for stage in stages[:-1])
    first, *others = make_discriminator(space, {}, width=4).encoder.stages
    assert not any(isinstance(m, nn.BatchNorm2d) for m in first)
    assert others
    assert all(any(isinstance(m, nn.BatchNorm2d) for m in stage) for stage in others)


def test_a_critic_without_normalisation_scores_each_item_alone():
    critic = make_discriminator(Images(1, 8, 8), {}, width=4, norm="none").double()
    x = torch.rand(5, 1, 8, 8, dtype=torch.float64)
    torch.testing.assert_close(critic(x, {})[2:3], critic(x[2:3], {}))


GIVEN = {"label": (Labels(3), torch.tensor([0, 1])), "vector": (Vectors(2), torch.randn(2, 2))}
GIVEN["image"] = (Images(2, 10, 10), torch.rand(2, 2, 10, 10))
GIVEN["map"] = (Labels(3, (4, 4)), torch.randint(0, 3, (2, 4, 4)))


@pytest.mark.parametrize("name", list(GIVEN))
@pytest.mark.parametrize("space", [Images(1, 8, 8), Vectors(3)])
def test_both_networks_depend_on_what_is_given(space, name):
    kind, value = GIVEN[name]
    spaces, other = {name: kind}, value.flip(0)
    synthesiser = make_synthesiser(space, spaces, latent=4, width=4)
    discriminator = make_discriminator(space, spaces, width=4, norm="none")
    z = synthesiser.noise(2)
    x = synthesiser(z, {name: value})
    assert not torch.allclose(x, synthesiser(z, {name: other}), atol=1e-6)
    assert not torch.allclose(discriminator(x, {name: value}), discriminator(x, {name: other}), atol=1e-6)
    torch.testing.assert_close(
        synthesiser.eval()(z, {name: value[:1]}), synthesiser(z, {name: value[:1].expand_as(value)})
    )


def test_truncated_noise_is_a_truncated_normal():
    synthesiser = make_synthesiser(Vectors(2), {}, latent=50, width=4)
    z = synthesiser.noise(400, 0.7, torch.Generator().manual_seed(0)).flatten()
    expected = truncnorm(-0.7, 0.7)
    assert z.abs().max() <= 0.7
    fourth = expected.moment(4)
    standard_error = ((fourth - expected.var() ** 2) / len(z)) ** 0.5
    assert abs(z.square().mean().item() - expected.var()) < 4 * standard_error
    loose = synthesiser.noise(400, None, torch.Generator().manual_seed(0)).flatten()
    assert abs(loose.square().mean().item() - 1) < 4 * (2 / len(loose)) ** 0.5


def test_perceptrons_start_at_the_scale_of_standardised_data():
    for seed in range(3):
        torch.manual_seed(seed)
        synthesiser = make_synthesiser(Vectors(4), {}, latent=8, width=128)
        assert 0.3 < synthesiser(synthesiser.noise(500), {}).std() < 3

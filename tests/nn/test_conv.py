import pytest
import torch

from daedal.nn.conv import ConvDecoder, ConvEncoder, Double, count_halvings, halve, halvings, normalise
from daedal.nn.dropout import Dropout
from daedal.nn.mlp import MLP


@pytest.mark.parametrize("size", [(8, 8), (28, 28), (17, 31), (64, 48), (9, 64)])
def test_doubling_undoes_the_sizes_of_halving(size):
    count = count_halvings(size)
    assert min(halvings(size, count)[-1]) >= 4
    assert min(halvings(size, count)[-1]) < 8
    widths = tuple(4 + i for i in range(count))
    encoder, decoder = ConvEncoder(3, size, widths, norm="group"), ConvDecoder(widths[::-1], 3, size, norm="batch")
    features = encoder(torch.randn(2, 3, *size))
    assert features.shape == (2, widths[-1], *halvings(size, count)[-1])
    assert features[0].numel() == encoder.out_dim == decoder.in_dim
    assert decoder(features).shape == (2, 3, *size)


def test_too_many_halvings_are_refused():
    with pytest.raises(ValueError, match="4x4 cannot be halved 3 times"):
        halvings((4, 4), 3)


def test_halving_has_no_more_bias_than_its_norm():
    assert halve(1, 4, "batch")[0].bias is None
    assert halve(1, 4)[0].bias is not None
    assert Double(4, 2, (8, 8), "group").conv.bias is None


@pytest.mark.parametrize(
    ("norm", "channels", "groups"),
    [("group", 1, 1), ("group", 2, 1), ("group", 7, 1), ("group", 64, 32), ("layer", 4, 1)],
)
def test_a_group_holds_more_than_one_channel_unless_there_is_but_one(norm, channels, groups):
    assert normalise(norm, channels).num_groups == groups
    ConvDecoder((channels, 1), 1, (8, 8), norm="group")(torch.zeros(2, channels, 2, 2))


def test_planes_reach_every_pixel_of_the_output():
    decoder = ConvDecoder((8, 4), 1, (16, 16), planes=2).double()
    planes = torch.zeros(1, 2, 16, 16, dtype=torch.float64, requires_grad=True)
    image = decoder(torch.zeros(1, 8, 4, 4, dtype=torch.float64), planes)
    (gradient,) = torch.autograd.grad(image[0, 0, 5, 7], planes)
    assert gradient[0, :, 5, 7].abs().min() > 0
    decoder.copy.weight.data.zero_()
    assert (decoder(torch.zeros(1, 8, 4, 4, dtype=torch.float64), planes + 1) != image).all()


def test_a_perceptron_without_hidden_layers_is_affine():
    layers = MLP(3, (), 2).double()
    a, b = torch.randn(2, 5, 3, dtype=torch.float64)
    assert torch.allclose(layers(a) + layers(b), 2 * layers((a + b) / 2), atol=1e-12)
    assert sum(isinstance(layer, Dropout) for layer in MLP(3, (4, 5), 2, dropout=0.5)) == 2

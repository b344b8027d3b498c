"""The network against a second forward pass, which is written from a table of layers with functions only."""

import math

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch.nn import functional as F

from daedal.evaluate.inception import Inception, load_inception, prepare

# name: (inputs, outputs, kernel, stride, padding), as in the published file
STEM = {
    "Conv2d_1a_3x3": (3, 32, (3, 3), 2, (0, 0)),
    "Conv2d_2a_3x3": (32, 32, (3, 3), 1, (0, 0)),
    "Conv2d_2b_3x3": (32, 64, (3, 3), 1, (1, 1)),
    "Conv2d_3b_1x1": (64, 80, (1, 1), 1, (0, 0)),
    "Conv2d_4a_3x3": (80, 192, (3, 3), 1, (0, 0)),
}
POINT, ROW, COLUMN, SQUARE, WIDE = (
    ((1, 1), (0, 0)),
    ((1, 7), (0, 3)),
    ((7, 1), (3, 0)),
    ((3, 3), (1, 1)),
    ((5, 5), (2, 2)),
)
SMALL_ROW, SMALL_COLUMN, SHRINK = ((1, 3), (0, 1)), ((3, 1), (1, 0)), ((3, 3), (0, 0))


def chain(name, first, *layers):
    """Layers name_1, name_2, ...: {name: (inputs, outputs, kernel, stride, padding)}."""
    found, inputs = {}, first
    for i, (outputs, (kernel, padding)) in enumerate(layers, 1):
        found[f"{name}_{i}"] = (inputs, outputs, kernel, 2 if (kernel, padding) == SHRINK else 1, padding)
        inputs = outputs
    return found


def one(name, inputs, outputs):
    return {name: (inputs, outputs, (1, 1), 1, (0, 0))}


def block_a(n, pooled):
    return (
        one("branch1x1", n, 64)
        | chain("branch5x5", n, (48, POINT), (64, WIDE))
        | chain("branch3x3dbl", n, (64, POINT), (96, SQUARE), (96, SQUARE))
        | one("branch_pool", n, pooled)
    )


def block_c(n, m):
    return (
        one("branch1x1", n, 192)
        | chain("branch7x7", n, (m, POINT), (m, ROW), (192, COLUMN))
        | chain("branch7x7dbl", n, (m, POINT), (m, COLUMN), (m, ROW), (m, COLUMN), (192, ROW))
        | one("branch_pool", n, 192)
    )


def block_e(n):
    return (
        one("branch1x1", n, 320)
        | one("branch3x3_1", n, 384)
        | {f"branch3x3_2{k}": (384, 384, s, 1, p) for k, (s, p) in (("a", SMALL_ROW), ("b", SMALL_COLUMN))}
        | chain("branch3x3dbl", n, (448, POINT), (384, SQUARE))
        | {f"branch3x3dbl_3{k}": (384, 384, s, 1, p) for k, (s, p) in (("a", SMALL_ROW), ("b", SMALL_COLUMN))}
        | one("branch_pool", n, 192)
    )


BLOCKS = {
    "Mixed_5b": block_a(192, 32),
    "Mixed_5c": block_a(256, 64),
    "Mixed_5d": block_a(288, 64),
    "Mixed_6a": {"branch3x3": (288, 384, (3, 3), 2, (0, 0))}
    | chain("branch3x3dbl", 288, (64, POINT), (96, SQUARE), (96, SHRINK)),
    "Mixed_6b": block_c(768, 128),
    "Mixed_6c": block_c(768, 160),
    "Mixed_6d": block_c(768, 160),
    "Mixed_6e": block_c(768, 192),
    "Mixed_7a": chain("branch3x3", 768, (192, POINT), (320, SHRINK))
    | chain("branch7x7x3", 768, (192, POINT), (192, ROW), (192, COLUMN), (192, SHRINK)),
    "Mixed_7b": block_e(1280),
    "Mixed_7c": block_e(2048),
}
LAYERS = STEM | {f"{block}.{name}": layer for block, layers in BLOCKS.items() for name, layer in layers.items()}


def published_shapes():
    shapes = {"fc.weight": (1008, 2048), "fc.bias": (1008,)}
    for name, (inputs, outputs, kernel, _, _) in LAYERS.items():
        shapes[f"{name}.conv.weight"] = (outputs, inputs, *kernel)
        shapes |= {f"{name}.bn.{part}": (outputs,) for part in ("weight", "bias", "running_mean", "running_var")}
    return shapes


@pytest.fixture(scope="module")
def weights():
    generator = torch.Generator().manual_seed(0)

    def draw(name, shape):
        if name.endswith("conv.weight"):
            return torch.randn(shape, generator=generator) * math.sqrt(2 / math.prod(shape[1:]))
        if name.endswith(("running_var", "bn.weight")):
            return 0.5 + torch.rand(shape, generator=generator)
        return 0.1 * torch.randn(shape, generator=generator)

    return {name: draw(name, shape) for name, shape in published_shapes().items()}


@pytest.fixture(scope="module")
def file(weights, tmp_path_factory):
    path = tmp_path_factory.mktemp("inception") / "weights.safetensors"
    save_file(weights, path)
    return path


def by_table(w, x):
    """pool3 features, from the table above and functions."""

    def conv(name, x):
        _, _, _, stride, padding = LAYERS[name]
        x = F.conv2d(x, w[f"{name}.conv.weight"], stride=stride, padding=padding)
        norm = [w[f"{name}.bn.{part}"] for part in ("running_mean", "running_var", "weight", "bias")]
        return F.relu(F.batch_norm(x, *norm, eps=1e-3))

    def branch(block, name, x):
        for layer in [layer for layer in BLOCKS[block] if layer.rsplit("_", 1)[0] == name]:
            x = conv(f"{block}.{layer}", x)
        return x

    def average(x):
        inside = F.avg_pool2d(torch.ones_like(x[:1, :1]), 3, 1, 1)
        return F.avg_pool2d(x, 3, 1, 1) / inside  # the padding is left out of the mean

    def ends(block, name, x):
        return [conv(f"{block}.{name}a", x), conv(f"{block}.{name}b", x)]

    x = conv("Conv2d_2b_3x3", conv("Conv2d_2a_3x3", conv("Conv2d_1a_3x3", x)))
    x = conv("Conv2d_4a_3x3", conv("Conv2d_3b_1x1", F.max_pool2d(x, 3, 2)))
    x = F.max_pool2d(x, 3, 2)
    for block in BLOCKS:
        family = block[6] + ("s" if block in ("Mixed_6a", "Mixed_7a") else "")
        if family == "6s":
            parts = [conv(f"{block}.branch3x3", x), branch(block, "branch3x3dbl", x), F.max_pool2d(x, 3, 2)]
        elif family == "7s":
            parts = [branch(block, "branch3x3", x), branch(block, "branch7x7x3", x), F.max_pool2d(x, 3, 2)]
        elif family == "7":
            pooled = F.max_pool2d(x, 3, 1, 1) if block == "Mixed_7c" else average(x)
            first, second = (
                conv(f"{block}.branch3x3_1", x),
                conv(f"{block}.branch3x3dbl_2", conv(f"{block}.branch3x3dbl_1", x)),
            )
            parts = [conv(f"{block}.branch1x1", x), *ends(block, "branch3x3_2", first)]
            parts += [*ends(block, "branch3x3dbl_3", second), conv(f"{block}.branch_pool", pooled)]
        else:
            names = ("branch5x5", "branch3x3dbl") if family == "5" else ("branch7x7", "branch7x7dbl")
            parts = [conv(f"{block}.branch1x1", x), *(branch(block, name, x) for name in names)]
            parts += [conv(f"{block}.branch_pool", average(x))]
        x = torch.cat(parts, 1)
    return x.mean((2, 3))


def test_names_and_shapes_are_those_of_the_published_file():
    state = {n: tuple(w.shape) for n, w in Inception().state_dict().items() if not n.endswith("num_batches_tracked")}
    expected = published_shapes()
    del expected["fc.weight"], expected["fc.bias"]
    assert state == expected
    assert len(state) == 470


def test_features_equal_the_second_forward_pass(weights, file):
    x = torch.rand(2, 3, 99, 107, generator=torch.Generator().manual_seed(1)) * 2 - 1
    network = load_inception(file)
    found = network.pool3(x)
    assert found.shape == (2, 2048)
    assert found.std() > 0.01
    torch.testing.assert_close(found, by_table(weights, x), rtol=1e-4, atol=1e-4 * found.abs().max().item())


def resized(image, size):
    """Bilinear with source index = index * in / out, pixel by pixel: image (h, w) to (size, size)."""
    h, w = image.shape
    out = np.empty((size, size))
    for i in range(size):
        for j in range(size):
            y, x = i * h / size, j * w / size
            top, left = int(y), int(x)
            bottom, right = min(top + 1, h - 1), min(left + 1, w - 1)
            upper = image[top, left] * (1 - x + left) + image[top, right] * (x - left)
            lower = image[bottom, left] * (1 - x + left) + image[bottom, right] * (x - left)
            out[i, j] = upper * (1 - y + top) + lower * (y - top)
    return out


def test_images_are_resized_as_the_published_graph_does():
    x = torch.rand(1, 3, 8, 13, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 2 - 1
    found = prepare(x)
    assert found.shape == (1, 3, 299, 299)
    np.testing.assert_allclose(found[0, 1], (resized((x[0, 1].numpy() + 1) * 127.5, 299) - 128) / 128, atol=1e-12)


def test_large_images_keep_every_pixel_at_their_own_size():
    x = torch.rand(1, 3, 299, 299, generator=torch.Generator().manual_seed(0)) * 2 - 1
    torch.testing.assert_close(prepare(x), ((x + 1) * 127.5 - 128) / 128, rtol=0, atol=1e-5)


def test_grey_is_repeated_and_alpha_put_over_white():
    grey, clear = torch.full((1, 1, 8, 8), -1.0), torch.full((1, 4, 8, 8), -1.0)
    torch.testing.assert_close(prepare(grey), torch.full((1, 3, 299, 299), -1.0))
    torch.testing.assert_close(prepare(clear), torch.full((1, 3, 299, 299), 127 / 128))


def test_a_file_that_can_run_code_is_refused():
    with pytest.raises(ValueError, match=r"must be a .safetensors file.*convert it once"):
        load_inception("weights.pth")


def test_missing_and_damaged_files(file, tmp_path):
    with pytest.raises(FileNotFoundError, match="does not exist"):
        load_inception(tmp_path / "none.safetensors")
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(file.read_bytes()[:100_000])
    with pytest.raises(ValueError, match="is damaged"):
        load_inception(cut)


def test_other_networks_are_refused(weights, tmp_path):
    other = tmp_path / "other.safetensors"
    save_file({"fc.weight": torch.zeros(1000, 2048)}, other)
    with pytest.raises(ValueError, match=r"no FID Inception file: 'Conv2d_1a_3x3.conv.weight' must be \(32, 3, 3, 3\)"):
        load_inception(other)
    save_file(weights | {"fc.weight": torch.zeros(1000, 2048)}, other)
    with pytest.raises(ValueError, match="holds ImageNet weights"):
        load_inception(other)

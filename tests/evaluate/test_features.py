import hashlib

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from daedal.data import load_data
from daedal.data.base import Column, Data, Split
from daedal.data.build import build
from daedal.evaluate import convnet, features
from daedal.evaluate.features import digits_net, feature_space, label_field, space_name
from daedal.spaces import Images, Labels, Vectors


@pytest.fixture(scope="module")
def digits():
    return load_data("digits")


def images(n=60, shape=(1, 8, 8), classes=3, name="shapes", label=True, frames=None):
    """Noise whose brightness tells its class."""
    rng = np.random.default_rng(0)
    space = Images(*shape, levels=256, frames=frames)
    y = rng.integers(0, classes, n)
    values = (rng.integers(0, 60, (n, *space.shape)) + 60 * y.reshape(-1, *[1] * len(space.shape))).astype(np.uint8)
    columns = {"x": Column(values, space)} | ({"label": Column(y, Labels(classes))} if label else {})
    fields = {key: column.space for key, column in columns.items()}
    order = np.arange(n)
    return Data(
        name, fields, Split(columns, order[: n - 15]), Split(columns, order[n - 15 :]), f"{name}{n}{shape}{label}"
    )


@pytest.fixture
def _brief(monkeypatch):
    """Training short enough for tests of what surrounds it."""
    monkeypatch.setattr(convnet, "WORK", 0)


# -- the committed net


def test_the_committed_file_is_the_one_named_by_its_hash():
    assert hashlib.sha256(features.DIGITS.read_bytes()).hexdigest() == features.DIGITS_SHA256
    assert features.DIGITS.stat().st_size < 300_000


def test_a_changed_file_is_refused(tmp_path, monkeypatch):
    changed = tmp_path / "digits-features.safetensors"
    changed.write_bytes(features.DIGITS.read_bytes() + b" ")
    monkeypatch.setattr(features, "DIGITS", changed)
    digits_net.cache_clear()
    with pytest.raises(ValueError, match="has been changed"):
        digits_net()
    digits_net.cache_clear()


def test_the_committed_net_reads_digits(digits):
    test = digits.test.gather(range(500))
    space = feature_space(digits, "x")
    assert (space.name, space.label) == ("digits", "label")
    log_probs = space.log_probs(test["x"])
    torch.testing.assert_close(log_probs.exp().sum(1), torch.ones(500, dtype=torch.float64))
    assert (log_probs.argmax(1) == test["label"]).double().mean() >= 0.97


def test_no_feature_is_dead_and_training_items_are_white(digits):
    train = digits.train.gather(range(1297), ("x",))["x"]
    raw = digits_net().trunk(train)
    assert raw.std(0).min() > 0.1 * raw.std(0).max()
    found = feature_space(digits, "x").features(train)
    assert found.shape == (1297, 32)
    spread = torch.linalg.eigvalsh(torch.cov(found.T))
    assert 0.5 < spread.min() <= spread.max() < 1.01
    torch.testing.assert_close(found.mean(0), torch.zeros(32, dtype=torch.float64), atol=1e-4, rtol=0)


def test_its_classes_are_far_apart_and_noise_is_seen(digits):
    """What distances need: items of a class are nearest to each other, and noise moves an item."""
    space, test = feature_space(digits, "x"), digits.test.gather(range(500))
    found = space.features(test["x"])
    nearest = torch.cdist(found, found).fill_diagonal_(torch.inf).argmin(1)
    assert (test["label"][nearest] == test["label"]).double().mean() > 0.85
    noisy = space.features(digits.fields["x"].quantise(test["x"] + 0.2 * torch.randn_like(test["x"])))
    assert (noisy - found).norm(dim=1).median() > 0.3 * found.norm(dim=1).median()


# -- nets of other data


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 64, 64), (2, 28, 28), (4, 9, 33)])
@pytest.mark.usefixtures("_brief")
def test_nets_fit_every_size(shape):
    data, space = images(40, shape), Images(*shape)
    x = data.test.gather(range(7), ("x",))["x"]
    classifier = convnet.classifier(*convnet.shape_of(space), 3)
    denoiser = convnet.denoiser(*convnet.shape_of(space))
    assert classifier.features(x).shape == denoiser.features(x).shape == (7, 32)
    assert classifier(x).shape == (7, 3)
    assert denoiser(x).shape == x.shape


def test_a_classifier_learns_its_labels():
    data = images(150)
    space, test = feature_space(data, "x"), data.test.gather(range(15))
    assert (space.name, space.label) == ("shapes", "label")
    assert (space.log_probs(test["x"]).argmax(1) == test["label"]).double().mean() > 0.8


def test_a_denoiser_takes_noise_away(digits):
    space = digits.fields["x"]
    net = convnet.fit_denoiser(digits.train[:400], "x", space)
    clean = digits.test.gather(range(200), ("x",))["x"]
    noisy = clean + convnet.NOISE * torch.randn_like(clean)
    mean = clean.mean(0)
    assert (net(noisy) - clean).square().mean() < 0.5 * (noisy - clean).square().mean()
    assert (net(noisy) - clean).square().mean() < 0.5 * (mean - clean).square().mean()
    raw = net.trunk(clean)
    assert raw.std(0).min() > 0.1 * raw.std(0).max()


@pytest.mark.usefixtures("_brief")
def test_training_repeats_and_leaves_random_state_and_threads_alone():
    data = images()
    torch.set_num_threads(2)
    before = torch.get_rng_state()
    nets = [convnet.fit_classifier(data.train, "x", "label", data.fields["x"], 3, seed=4) for _ in range(2)]
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == 2
    for one, other in zip(*(net.state_dict().values() for net in nets), strict=True):
        assert torch.equal(one, other)
    other_seed = convnet.fit_classifier(data.train, "x", "label", data.fields["x"], 3, seed=5)
    assert not torch.equal(other_seed.trunk[0].weight, nets[0].trunk[0].weight)


@pytest.mark.usefixtures("_brief")
def test_few_items_do_not_blow_features_up():
    """With fewer items than features most directions are empty; unseen items must not be thousands of units away."""
    data = images(31, label=False)
    space = feature_space(data, "x")
    seen, unseen = (space.features(s.gather(range(15), ("x",))["x"]) for s in (data.train, data.test))
    assert unseen.norm(dim=1).max() < 10 * seen.norm(dim=1).max()


@pytest.mark.usefixtures("_brief")
def test_copies_of_one_image_have_finite_features():
    data = images(40, classes=2, label=False)
    data.train.columns["x"].values[:] = 7
    assert feature_space(data, "x").features(data.train.gather(range(9), ("x",))["x"]).isfinite().all()


@pytest.mark.usefixtures("_brief")
def test_clips_are_images_with_more_planes():
    data = images(40, (1, 8, 8), label=False, frames=3)
    assert feature_space(data, "x").features(data.test.gather(range(5), ("x",))["x"]).shape == (5, 32)


# -- the cache


@pytest.fixture
def _own_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("DAEDAL_CACHE", str(tmp_path))


def only_file(folder):
    (file,) = (folder / "features").glob("*.safetensors")
    return file


@pytest.mark.usefixtures("_brief", "_own_folder")
def test_a_net_is_trained_once_for_the_same_data(monkeypatch, tmp_path):
    x = images().test.gather(range(15), ("x",))["x"]
    first = feature_space(images(), "x").features(x)
    monkeypatch.setattr(convnet, "fit_classifier", lambda *_, **__: pytest.fail("trained again"))
    assert torch.equal(feature_space(images(), "x").features(x), first)
    assert set(load_file(only_file(tmp_path))) >= {"mean", "whitening", "trunk.0.weight"}
    with pytest.raises(pytest.fail.Exception, match="trained again"):
        feature_space(images(n=50), "x")


@pytest.mark.usefixtures("_brief", "_own_folder")
def test_a_damaged_net_is_trained_again(tmp_path):
    x = images().test.gather(range(15), ("x",))["x"]
    first = feature_space(images(), "x").features(x)
    whole = only_file(tmp_path).read_bytes()
    only_file(tmp_path).write_bytes(whole[: len(whole) // 2])
    assert torch.equal(feature_space(images(), "x").features(x), first)
    assert only_file(tmp_path).read_bytes() == whole


@pytest.mark.usefixtures("_brief")
def test_a_cache_that_cannot_be_written_costs_only_time(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DAEDAL_CACHE", str(tmp_path / "file" / "below"))
    assert feature_space(images(), "x").name == "shapes"


# -- names


def named(name, label=True, shape=(1, 8, 8), classes=3):
    return space_name(images(20, shape, classes, name, label), "x")


def test_names_of_spaces(digits):
    assert space_name(digits, "x") == "digits"
    assert named("My Photos!") == "my-photos"
    assert named("My Photos!", label=False) == "self"
    assert named("one class", classes=1) == "self"
    assert named("self") == "self-8x8"
    assert named("digits", shape=(1, 16, 16)) == "digits-16x16"
    assert space_name(load_data("toy:ring8", n=50), "x") == "raw"
    assert space_name(digits, "label") is None
    assert feature_space(digits, "label") is None


def test_the_label_is_the_field_of_that_name_else_the_first_of_classes():
    half = np.arange(6) % 2
    columns = {
        "x": Column(np.zeros((6, 1, 8, 8), np.uint8), Images(1, 8, 8)),
        "map": Column(np.zeros((6, 8, 8), np.int64), Labels(3, (8, 8))),
        "photograph": Column(half, Labels(2)),  # those that train are one, those that test the other
        "sort": Column(np.arange(6), Labels(6)),
        "label": Column(np.arange(6) // 3, Labels(2)),
        "v": Column(np.zeros((6, 2), np.float32), Vectors(2)),
    }
    for wanted in ("label", "sort", None):
        data = build("d", columns, np.flatnonzero(half == 0), np.flatnonzero(half == 1), source={})
        assert label_field(data, "x") == wanted
        columns.pop(wanted, None)


def test_vectors_are_their_own_features_in_standard_units():
    data = load_data("toy:gaussian", n=400)
    train = data.train.gather(range(len(data.train)), ("x",))["x"].double()
    found = feature_space(data, "x").features(train)
    torch.testing.assert_close(found, (train - train.mean(0)) / train.std(0, correction=0), rtol=1e-5, atol=1e-5)

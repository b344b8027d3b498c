import inspect
import math
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA as Projection

import daedal.evaluate
from daedal.capabilities import Bounds, Decodes, Encodes, Samples, Scores
from daedal.data import load_data
from daedal.data.base import Column, Data, Split
from daedal.errors import TrainingError
from daedal.evaluate.measure import Measures
from daedal.evaluate.protocol import evaluate
from daedal.play.system import System
from daedal.spaces import Images, Labels, Vectors

SPREAD = {"train-seconds", "parameters", "peak-memory-mb", "images-per-second"}


@pytest.fixture(scope="module")
def digits():
    return load_data("digits")


class Teller(System, Samples):
    """Retells items of a split, with noise; conditional on the label it retells items of that class."""

    def __init__(self, x, given=None, *, items, noise=0.0):
        super().__init__(x, given)
        self.items, self.noise, self.asked = items, noise, []

    def draw(self, n, given, generator):
        kept = self.items.gather(range(len(self.items)))
        index = torch.randint(len(self.items), (n,), generator=generator)
        if given:
            self.asked.append(given["label"])
            same = (kept["label"] == given["label"][:, None]).double()
            index = torch.multinomial(same, 1, generator=generator)[:, 0]
        x = kept["x"][index]
        return x + self.noise * torch.randn(x.shape, generator=generator)


class Fixed(System, Samples):
    """Draws the same tensor for all."""

    def __init__(self, x, value):
        super().__init__(x)
        self.value = value

    def draw(self, n, given, generator):
        return torch.full((n, *self.x.shape), self.value)


class Linear(System, Encodes, Decodes):
    """Projection on eight principal directions, by scikit-learn."""

    def __init__(self, x, items):
        super().__init__(x)
        self.fitted = Projection(8).fit(items.flatten(1).double().numpy())

    @property
    def latent_space(self):
        return Vectors(8)

    def encode(self, x, *, given=None):
        return torch.from_numpy(self.fitted.transform(x.flatten(1).double().numpy()))

    def decode(self, z, *, given=None):
        return torch.from_numpy(self.fitted.inverse_transform(z.numpy())).unflatten(1, self.x.shape)


def teller(digits, split="test", given=False, noise=0.0):
    spaces = {"label": digits.fields["label"]} if given else None
    return Teller(digits.fields["x"], spaces, items=getattr(digits, split), noise=noise)


def interleaved(digits):
    """Half of the training split, set aside: fresh real digits that no distance has seen."""
    return digits.train[::2]


# -- what real data, copies and noise get


def test_real_digits_are_at_the_floor(digits):
    found = evaluate(Teller(digits.fields["x"], items=interleaved(digits)), digits)
    for name in ("fd-digits", "kid-digits", "precision", "density", "coverage", "class-entropy"):
        m = found[name]
        # items are drawn with replacement, which costs coverage and adds to a Frechet distance
        assert abs(m.value - m.floor) < 8 * m.spread, name
        assert (m.kind, m.n) == ("measured", 500)
    assert 0.9 < found["fd-digits"].floor < 1.5
    assert found["class-entropy"].value == pytest.approx(math.log(10), abs=0.05)


def test_noise_raises_distances_and_lowers_precision(digits):
    names = ["fd-digits", "kid-digits", "precision"]
    found = [evaluate(teller(digits, noise=s), digits, metrics=names) for s in (0, 0.2, 0.5)]
    for name, sign in (("fd-digits", 1), ("kid-digits", 1), ("precision", -1)):
        values = [sign * m[name].value for m in found]
        assert values == sorted(values)
        assert values[2] - values[0] > 5 * found[2][name].spread


def test_one_digit_again_and_again_is_precise_and_not_diverse(digits):
    found = evaluate(Teller(digits.fields["x"], items=digits.test[:1]), digits)
    assert found["class-entropy"].value < 0.5
    assert found["coverage"].value < 0.05
    assert found["recall"].value == 0
    assert found["fd-digits"].value > 20


def test_a_memoriser_is_found_out(digits):
    found = evaluate(teller(digits, "train"), digits)
    assert found.material.exact_copies == 1
    copied = found["memorised"]
    # a copied item is among the 500 chosen of 1297 or is as near to others of both splits
    chosen = 500 / 1297
    assert copied.value == pytest.approx(chosen + (1 - chosen) / 2, abs=4 * copied.spread)
    assert (copied.value - copied.floor) / copied.spread > 4
    rows = digits.train.gather(found.material.nearest, ("x",))["x"]
    assert torch.equal(rows, found.material.samples[:256])


def test_one_who_knows_only_the_test_split_is_not_taken_for_a_memoriser(digits):
    found = evaluate(teller(digits, "test"), digits)
    assert found["memorised"].value == 0
    assert found.material.exact_copies == 0


def test_fresh_digits_are_memorised_by_half(digits):
    """Items of neither side: the reference and the floor are made of the other half of the training split."""
    other = Data("digits", digits.fields, digits.train[1::2], digits.test, "other half")
    found = evaluate(Teller(digits.fields["x"], items=interleaved(digits)), other, metrics=["memorised"])
    assert abs(found["memorised"].value - 0.5) < 4 * found["memorised"].spread
    assert found["memorised"].spread == pytest.approx(0.5 / math.sqrt(500))


# -- the protocol


def test_of_small_items_further_samples_tell_what_is_memorised(digits):
    """Four times n in all, for the conditions of every reference item alike; none of large items or unless asked."""
    system = teller(digits, "train", given=True)
    found = evaluate(system, digits, n=90, metrics=["memorised", "images-per-second"])
    labels = found.material.given["label"]
    assert torch.equal(torch.cat(system.asked[1:]), labels.repeat(4))
    assert found.material.further.shape == (270, 1, 8, 8)
    assert not torch.equal(found.material.further[:90], found.material.samples)
    assert evaluate(teller(digits), digits, n=90, metrics=["precision"]).material.further.shape == (0, 1, 8, 8)
    space = Images(1, 48, 48)
    columns = {"x": Column(np.zeros((200, 1, 48, 48), np.uint8), space)}
    large = Data("large", {"x": space}, Split(columns, np.arange(100)), Split(columns, np.arange(100, 200)), "large")
    assert len(evaluate(Fixed(space, 0.0), large, n=90, metrics=["memorised"]).material.further) == 0


def test_samples_are_rounded_to_the_grid(digits):
    found = evaluate(teller(digits, noise=0.05), digits, metrics=["memorised"]).material.samples
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, digits.fields["x"].quantise(found), rtol=0, atol=0)


def test_the_same_seed_gives_the_same_numbers_and_disturbs_nothing(digits):
    system = teller(digits, noise=0.1).train()
    state = torch.get_rng_state()
    first, again = (evaluate(system, digits, seed=3) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), state)
    assert system.training
    assert {k: v for k, v in first.items() if k not in SPREAD} == {k: v for k, v in again.items() if k not in SPREAD}
    other = evaluate(system, digits, seed=4)
    assert other["fd-digits"].value != first["fd-digits"].value
    assert not np.array_equal(other.material.training, first.material.training)
    assert np.array_equal(other.material.reference, first.material.reference)


def test_equally_many_of_everything(digits):
    found = evaluate(teller(digits), digits, n=100)
    assert {m.n for name, m in found.items() if name not in SPREAD} == {100}
    material = found.material
    assert len(material.samples) == len(set(material.reference)) == len(set(material.training)) == 100


@pytest.mark.parametrize("n", [0, 501, 2.0, True])
def test_sizes_out_of_range(digits, n):
    with pytest.raises(ValueError, match=r"'n' of evaluate must be an integer in \[1, 500\]"):
        evaluate(teller(digits), digits, n=n)


def test_a_seed_out_of_range(digits):
    with pytest.raises(ValueError, match=r"'seed' of evaluate must be an integer in \[0, 2\*\*63\)"):
        evaluate(teller(digits), digits, seed=2**63)


def test_a_single_item_has_the_numbers_that_it_can_have(digits):
    found = evaluate(teller(digits), digits, n=1)
    assert "memorised" in found
    assert not {"fd-digits", "kid-digits", "precision"} & set(found)


@pytest.mark.parametrize("n", [2, 3, 4])
def test_resamples_of_a_single_item_have_no_kernel_distance_and_are_left_out(digits, n):
    spread = evaluate(teller(digits), digits, n=n, metrics=["kid-digits"])["kid-digits"].spread
    assert spread is None if n == 2 else spread > 0


class Noisy(System, Bounds):
    """Keeps what it is asked about, and what its bound draws."""

    def elbo(self, x, *, given=None, generator=None):
        self.asked, self.drawn = x, torch.rand(x.shape, generator=generator)
        return -x.flatten(1).square().sum(1)


def test_a_bound_draws_apart_from_the_noise_of_dequantisation(digits):
    system = Noisy(digits.fields["x"])
    evaluate(system, digits, metrics=["bits-per-dim"])
    moved = (system.asked - system.x.quantise(system.asked)) / system.x.cell + 0.5
    assert abs(torch.corrcoef(torch.stack([moved.flatten(), system.drawn.flatten()]))[0, 1]) < 0.05


def test_a_net_is_trained_only_for_what_needs_it(digits, monkeypatch):
    monkeypatch.setattr("daedal.evaluate.metrics.feature_space", lambda *_: pytest.fail("made a feature space"))
    bare = {"x": digits.train.columns["x"]}
    unlabelled = Data("d", {"x": digits.fields["x"]}, Split(bare, np.arange(3)), Split(bare, np.arange(3, 5)), "few")
    system = Fixed(digits.fields["x"], 0.0)
    assert "memorised" in evaluate(system, unlabelled, n=1)
    assert list(evaluate(system, digits, metrics=["memorised", "class-accuracy"])) == ["memorised"]


def test_the_floor_has_no_mirrored_items(digits):
    columns = {"x": digits.train.columns["x"]}
    rows = np.concatenate([digits.train.rows[:50], digits.train.rows[:50] + 1797])
    data = Data("digits", {"x": digits.fields["x"]}, Split(columns, rows), digits.test, "mirrored")
    found = evaluate(Fixed(data.fields["x"], -1.0), data, metrics=["memorised"])
    assert len(found.material.samples) == 50
    assert set(found.material.training) == set(range(50))


# -- conditions


def test_samples_are_asked_for_the_labels_of_the_test_split(digits):
    system = teller(digits, given=True)
    found = evaluate(system, digits)
    labels = digits.test.gather(found.material.reference, ("label",))["label"]
    assert torch.equal(found.material.given["label"], labels)
    assert torch.equal(torch.cat(system.asked[1:]), labels.repeat(3))  # the first call warms up
    assert found["class-accuracy"].value > 0.95
    assert found["class-accuracy"].floor > 0.95


def test_wrong_classes_are_seen(digits):
    class Contrary(Teller):
        def draw(self, n, given, generator):
            return super().draw(n, {"label": (given["label"] + 1) % 10}, generator)

    system = Contrary(digits.fields["x"], {"label": digits.fields["label"]}, items=digits.test)
    assert evaluate(system, digits, metrics=["class-accuracy"])["class-accuracy"].value < 0.05


def test_no_accuracy_where_no_class_is_asked_for(digits):
    assert "class-accuracy" not in evaluate(teller(digits), digits)


# -- which metrics


def test_only_what_applies(digits):
    costs = ["parameters", "peak-memory-mb"]
    assert list(evaluate(System(digits.fields["x"]), digits)) == costs
    items = digits.train.gather(range(1297), ("x",))["x"]
    found = evaluate(Linear(digits.fields["x"], items), digits)
    assert list(found) == ["reconstruction-mse", *costs]
    assert found.material is None
    assert list(evaluate(teller(digits), digits)) == [
        "fd-digits", "kid-digits", "precision", "recall", "density", "coverage", "class-entropy", "memorised",
        "images-per-second", *costs,
    ]  # fmt: skip


def test_selection_keeps_the_order_of_the_table(digits):
    found = evaluate(teller(digits), digits, metrics=["recall", "bits-per-dim", "fd-digits"])
    assert list(found) == ["fd-digits", "recall"]


def test_unknown_names(digits):
    with pytest.raises(
        ValueError, match=r"'presicion' is no metric here; choose from fd-digits.*Did you mean 'precision'"
    ):
        evaluate(teller(digits), digits, metrics=["presicion"])
    with pytest.raises(ValueError, match="'fd-self' is no metric here"):
        evaluate(teller(digits), digits, metrics=["fd-self"])
    with pytest.raises(ValueError, match=r"needs the weights' path: 'fd-inception=FILE.safetensors'"):
        evaluate(teller(digits), digits, metrics=["fd-inception"])
    with pytest.raises(FileNotFoundError, match=r"no.safetensors' does not exist"):
        evaluate(teller(digits), digits, metrics=["fd-inception=no.safetensors"])
    with pytest.raises(ValueError, match="must name a metric; leave it out for all"):
        evaluate(teller(digits), digits, metrics=[])
    with pytest.raises(TypeError, match="must be a list of names"):
        evaluate(teller(digits), digits, metrics="fd-digits")


def test_data_that_the_system_was_not_made_for(digits):
    system = Fixed(Images(1, 8, 8, levels=256), 0.0)
    with pytest.raises(ValueError, match=r"needs a field 'x' Images\(.*levels=256.*'digits' has Images\(.*levels=17"):
        evaluate(system, digits)


def test_samples_that_are_not_finite(digits):
    with pytest.raises(TrainingError, match=r"500 of 500 samples of .* are not finite, so its training has diverged"):
        evaluate(Fixed(digits.fields["x"], math.nan), digits)


# -- values


def test_reconstruction_of_eight_principal_components(digits):
    """The catalogue's anchor for the digits in [0, 1]: .0244 of a variance of .0736."""
    items = digits.train.gather(range(1297), ("x",))["x"]
    found = evaluate(Linear(digits.fields["x"], items), digits)["reconstruction-mse"]
    test = digits.test.gather(range(500), ("x",))["x"].flatten(1).double().numpy()
    fitted = Projection(8).fit(items.flatten(1).double().numpy())
    expected = ((fitted.inverse_transform(fitted.transform(test)) - test) ** 2).mean() / 4
    assert found.value == pytest.approx(expected, rel=1e-6)
    assert found.value == pytest.approx(0.0244, abs=3e-4)


def test_reconstruction_is_of_the_first_items_of_the_reference(digits, monkeypatch):
    monkeypatch.setattr("daedal.evaluate.metrics.REBUILT", 20)
    system = Linear(digits.fields["x"], digits.train.gather(range(1297), ("x",))["x"])
    found = evaluate(system, digits, metrics=["reconstruction-mse"])["reconstruction-mse"]
    rows = np.random.default_rng(0).permutation(len(digits.test))[:20]
    x = digits.test.gather(rows, ("x",))["x"]
    expected = ((system.decode(system.encode(x)) - x) / 2).square().mean().item()
    assert found.value == pytest.approx(expected, rel=1e-6)
    assert found.n == 20


def test_vectors_are_compared_in_standard_units_and_bits_with_the_entropy():
    data = load_data("toy:ring8", n=2000)

    class Truth(System, Samples, Scores):
        def draw(self, n, given, generator):
            seed = int(torch.randint(2**31, (1,), generator=generator))
            return torch.from_numpy(data.density.sample(n, np.random.default_rng(seed)))

        def log_prob(self, x, *, given=None):
            return data.density.log_prob(x)

    found = evaluate(Truth(data.fields["x"]), data)
    assert list(found)[:6] == ["fd-raw", "kid-raw", "precision", "recall", "density", "coverage"]
    bits = found["bits-per-dim"]
    assert bits.kind == "exact"
    assert bits.floor == pytest.approx(data.density.entropy / (2 * math.log(2)))
    assert abs(bits.value - bits.floor) < 4 * bits.spread
    assert abs(found["kid-raw"].value) < 5 * found["kid-raw"].spread
    assert abs(found["memorised"].value - 0.5) < 4 * found["memorised"].spread


def test_units_of_vectors_do_not_matter():
    rng = np.random.default_rng(0)
    values = rng.standard_normal((300, 2)).astype(np.float32)

    def fd(scale):
        columns = {"x": Column(values * np.float32(scale), Vectors(2))}
        data = Data("v", {"x": Vectors(2)}, Split(columns, np.arange(200)), Split(columns, np.arange(200, 300)), "v")
        return evaluate(Teller(Vectors(2), items=data.train), data, metrics=["fd-raw", "memorised"])

    small, large = fd(1), fd(1024)
    assert large["fd-raw"].value == pytest.approx(small["fd-raw"].value, rel=1e-6)
    assert large["memorised"].value == small["memorised"].value


def test_labels_have_likelihood_and_memory_but_no_distance():
    rng = np.random.default_rng(0)
    space = Labels(4, (3, 3))
    columns = {"x": Column(rng.integers(0, 4, (60, 3, 3)), space)}
    data = Data("maps", {"x": space}, Split(columns, np.arange(40)), Split(columns, np.arange(40, 60)), "maps")

    class Uniform(System, Samples, Scores):
        measure, accepts = "counting", (Labels,)

        def draw(self, n, given, generator):
            return torch.randint(4, (n, 3, 3), generator=generator)

        def log_prob(self, x, *, given=None):
            return torch.full((len(x),), -9 * math.log(4))

    found = evaluate(Uniform(space), data)
    assert found["bits-per-dim"].value == pytest.approx(2)
    assert list(found)[:2] == ["bits-per-dim", "memorised"]


def test_costs(digits):
    system = teller(digits)
    system.weight = torch.nn.Linear(3, 4)
    system.train_seconds = 12.5
    found = evaluate(system, digits)
    assert found["parameters"].value == 16
    assert found["train-seconds"].value == 12.5
    assert found["images-per-second"].value > 0
    assert 50 < found["peak-memory-mb"].value < 1e6


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's own count of peak memory is Linux's")
def test_a_megabyte_is_a_million_bytes(digits):
    measured = evaluate(teller(digits), digits, n=1, metrics=["peak-memory-mb"])["peak-memory-mb"].value
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    assert measured == pytest.approx(int(lines["VmHWM"].split()[0]) * 1024 / 1e6, rel=0.02)


def test_what_has_no_parameters_counts_its_state(digits):
    system = System(digits.fields["x"])
    system.register_buffer("mean", torch.zeros(7))
    assert evaluate(system, digits)["parameters"].value == 7


def test_inception_features_by_path(digits, tmp_path, monkeypatch):
    class Brightness(torch.nn.Module):
        def forward(self, x):
            return torch.stack([x.mean((1, 2, 3)), x.std((1, 2, 3))], 1)

    monkeypatch.setattr("daedal.evaluate.inception.load_inception", lambda path: Brightness())
    found = evaluate(teller(digits), digits, metrics=["fd-inception=weights.safetensors", "precision"])
    assert list(found) == ["fd-inception", "precision"]
    assert found["fd-inception"].value < 0.01
    monkeypatch.setenv("DAEDAL_INCEPTION", "weights.safetensors")
    assert {"fd-digits", "fd-inception", "kid-inception"} <= set(evaluate(teller(digits), digits))


# -- the door


def test_the_package_can_be_called_and_entered(digits):
    assert inspect.ismodule(daedal.evaluate)
    assert isinstance(daedal.evaluate(System(digits.fields["x"]), digits, metrics=["parameters"]), Measures)
    assert daedal.evaluate.frechet.__name__ == "daedal.evaluate.frechet"
    assert daedal.evaluate.Measures is Measures
    assert daedal.evaluate.evaluate is evaluate
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = daedal.evaluate.nothing
    signature = inspect.signature(daedal.evaluate)
    assert str(signature) == str(inspect.signature(evaluate))

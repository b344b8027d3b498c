"""The doctor: each illness is found where it was put, and a healthy run has none."""

import json
import math
import re
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from daedal.capabilities import Bounds, Denoises, Encodes, Samples
from daedal.data import load_data
from daedal.errors import RunError, TrainingError
from daedal.evaluate import checkup
from daedal.evaluate.doctor import diagnose, examine, spikes
from daedal.play.system import System
from daedal.play.turn import Batch
from daedal.spaces import Images, Vectors
from daedal.systems.catalogue import entries
from daedal.systems.factory import create
from daedal.systems.training import train

VAE = {"system": "vae", "options": {"latent": 16, "beta": 1.0}, "recipe": {"rate": 1e-3}}
GAN = {"system": "gan", "options": {"discriminator_steps": 3}, "recipe": {"rate": 2e-4}}
WGAN = {"system": "wgan-gp", "options": {"critic_steps": 5}, "recipe": {"rate": 5e-4}}


def noise(n=200, seed=0):
    return np.random.default_rng(seed).normal(size=n)


def falling(n=200, seed=0):
    """A loss that goes from 200 to 100, with noise."""
    return 100 + 100 * np.exp(-np.arange(n) / 20) + noise(n, seed)


def log(**columns):
    """Lines of a log, one for each value of `player__term` columns."""
    n = len(next(iter(columns.values())))
    names = {name: name.replace("__", "/").replace("_", "-") for name in columns}
    return [{"step": 10 * (i + 1), **{names[c]: float(v[i]) for c, v in columns.items()}} for i in range(n)]


def game(n=200, loss=1.3, accuracy=0.6, gradient=1.0):
    """An even game between a discriminator and a synthesiser, or what is asked of its end."""
    late = np.linspace(0, 1, n) > 0.5
    return log(
        discriminator__loss=np.where(late, loss, 1.3) + 0.02 * noise(n, 1),
        discriminator__accuracy=np.where(late, accuracy, 0.6),
        synthesiser__loss=1.0 + 0.1 * noise(n, 2),
        synthesiser__gradient_norm=np.where(late, gradient, 1.0) * np.exp(0.1 * noise(n, 3)),
    )


def codes(history, description):
    return [finding.code for finding in diagnose(history, description)]


@pytest.mark.parametrize("seed", range(5))
def test_healthy_runs_have_no_finding(seed):
    healthy = log(
        model__loss=falling(seed=seed), model__kl=10 + noise(seed=seed + 9), model__gradient_norm=np.exp(noise())
    )
    assert diagnose(healthy, VAE) == []
    assert diagnose(game(), GAN) == []
    assert diagnose(log(model__loss=noise(seed=seed) + 1e6), VAE) == []
    assert diagnose([], VAE) == []


# -- what the log says


def test_what_was_not_finite_is_named_with_its_last_value():
    history = [*log(model__loss=falling(30)), {"step": 301, "error": {"player": "model", "term": "loss", "step": 301}}]
    (finding,) = diagnose(history, VAE)
    assert finding.code == "not-finite"
    assert "loss of player 'model'" in finding.message
    assert "at step 301" in finding.message
    assert f"{history[29]['model/loss']:.4g}, after 300 steps" in finding.message
    assert finding.knob == "--rate 0.00033 (it was 0.001)"


def test_a_spike_is_found_where_it_is():
    losses = falling()
    losses[120] = 400
    (finding,) = diagnose(log(model__loss=losses), VAE)
    assert finding.code == "loss-spikes"
    assert "jumped once" in finding.message
    assert "'model' at step 1210" in finding.message
    assert finding.knob == "--rate 0.0005 (it was 0.001)"


def test_small_jumps_falls_and_the_start_are_no_spikes():
    small = falling()
    small[120] += 15  # 15 deviations, but a seventh of what training has gained
    down = falling()
    down[120] -= 90
    start = falling()
    start[3] = 1000
    for losses in (small, down, start):
        assert spikes(list(enumerate(losses))) == []


def test_a_discriminator_that_wins_is_found():
    (finding,) = diagnose(game(loss=0.05, accuracy=0.999), GAN)
    assert finding.code == "discriminator-wins"
    assert finding.knob == "--discriminator-steps 1"
    (finding,) = diagnose(game(loss=0.05, accuracy=0.999), {**GAN, "options": {"discriminator_steps": 1}})
    assert "--rate 0.0001" in finding.knob
    assert "wgan-gp" in finding.knob


def test_a_low_loss_with_wrong_verdicts_is_no_win_nor_is_a_critics():
    assert codes(game(loss=0.05, accuracy=0.7), GAN) == []
    critic = log(
        critic__loss=0.01 * noise(), synthesiser__loss=noise(seed=1), synthesiser__gradient_norm=1 + 0.1 * noise(seed=2)
    )
    assert codes(critic, WGAN) == []


def test_a_synthesisers_dead_gradient_is_found():
    assert codes(game(gradient=1e-5), GAN) == ["vanishing-gradient"]
    assert codes(game(gradient=0.01), GAN) == []
    alone = [{k: v for k, v in line.items() if not k.startswith("discriminator")} for line in game(gradient=1e-5)]
    assert codes(alone, GAN) == []


def test_a_posterior_that_says_nothing_is_found():
    history = log(model__loss=falling(), model__kl=0.01 * np.ones(200))
    (finding,) = diagnose(history, VAE)
    assert finding.code == "posterior-collapse"
    assert finding.knob == "--beta 0.25 (it is 1), or more --steps"
    assert codes(log(model__loss=falling(), model__kl=0.5 * np.ones(200)), VAE) == []
    (finding,) = diagnose(history, {**VAE, "options": {"latent": 16, "beta": 100.0}})
    assert finding.knob == "--beta 1 (it is 100), or more --steps"


def test_lines_without_numbers_do_no_harm():
    history = [{"step": i, "model/loss": value} for i, value in enumerate([None, math.nan, math.inf, *falling(60)])]
    assert diagnose(history, {}) == []


# -- what only the system says


class Stub(System, Samples, Bounds, Encodes):
    """Draws and encodes what it is told to; its loss is the distance of its weight from 0."""

    toy: ClassVar = {}

    def __init__(self, x, given=None, draw=None, encode=None):
        super().__init__(x, given)
        self.weight = nn.Parameter(torch.zeros(1))
        self.drawn, self.encoded = draw, encode

    def draw(self, n, given, generator):
        return self.drawn(n)

    def elbo(self, x, *, given=None, generator=None):
        raise NotImplementedError

    @property
    def latent_space(self):
        return Vectors(8)

    def encode(self, x, *, given=None):
        return self.encoded(x)

    def loss(self, batch: Batch) -> Tensor:
        return self.weight.abs().sum() + torch.randn(())  # noise that is the same for both


@pytest.fixture(scope="module")
def moons():
    return load_data("toy:moons", n=600)


def stub(data, draw=None, encode=None):
    return Stub(data.fields["x"], draw=draw, encode=encode)


def test_samples_that_are_alike_or_copies_of_a_few_are_found(moons):
    real = moons.train.gather(range(64))["x"]
    assert checkup.collapse(stub(moons, lambda n: real[:n]), moons, {}) is None
    alike = checkup.collapse(stub(moons, lambda n: real.mean(0) + 0.1 * (real[:n] - real.mean(0))), moons, WGAN)
    assert alike is not None
    assert "mean distance is 10%" in alike.message or "mean distance is 9%" in alike.message or "11%" in alike.message
    assert "--critic-steps 6 (it is 5)" in alike.knob
    twins = checkup.collapse(stub(moons, lambda n: real[:4].repeat(n // 4, 1)), moons, GAN)
    assert twins is not None
    assert "copies of a few" in twins.message
    diverged = checkup.collapse(stub(moons, lambda n: real[:n] * math.nan), moons, GAN)
    assert diverged is not None
    assert diverged.code == "not-finite"


def test_distances_of_known_points():
    square = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    mean, nearest = checkup.distances(square)
    assert mean == pytest.approx((4 * 1 + 2 * 2**0.5) / 6)
    assert nearest == 1.0
    assert checkup.distances(square[:1]) == (0.0, 0.0)


def test_codes_that_are_the_same_for_all_items_are_found(moons):
    def encode(active):
        return lambda x: torch.cat([x[:, :1].repeat(1, active), 0.01 * x[:, :1].repeat(1, 8 - active)], 1)

    assert checkup.unused_codes(stub(moons, encode=encode(8)), moons, VAE) is None
    assert checkup.unused_codes(stub(moons, encode=encode(2)), moons, VAE) is None  # three quarters may be spare
    found = checkup.unused_codes(stub(moons, encode=encode(1)), moons, VAE)
    assert found is not None
    assert "7 of 8 code dimensions" in found.message


def test_codes_of_diffusion_are_coordinates_and_cannot_collapse(moons):
    """A pixel that is the same in all items has the same noise in all their codes."""

    class Diffuses(Stub, Denoises):
        def denoise(self, x, sigma, *, given=None):
            return x

    model = Diffuses(moons.fields["x"], encode=lambda x: torch.zeros(len(x), 8))
    assert checkup.unused_codes(model, moons, VAE) is None


def test_the_weight_of_the_first_half_is_what_decay_leaves_of_it():
    assert checkup.weight_of_first_half(lambda t: 0.99, 100) == pytest.approx(0.99**50)
    assert checkup.weight_of_first_half(lambda t: (1 + t) / (10 + t), 1000) == pytest.approx(0.5**9, rel=0.05)


class Averaged(Stub):
    """A stub whose player averages by a function of the turn."""

    decay = 0.9999

    def players(self):
        players = super().players()
        players["model"].average = SimpleNamespace(at=lambda turn: self.decay)
        return players


def test_an_average_that_still_holds_the_start_is_found(moons):
    raw = Averaged(moons.fields["x"])
    history = log(model__loss=falling(20))  # 200 steps
    found = checkup.slow_average(raw, raw, moons, history)
    assert found is not None
    assert "99% of it is from their first half" in found.message
    raw.decay = 0.9
    assert checkup.slow_average(raw, raw, moons, history) is None


def test_an_average_that_is_behind_the_last_weights_is_found(moons):
    raw, average = Averaged(moons.fields["x"]), Averaged(moons.fields["x"])
    raw.decay = average.decay = 0.9
    history = [{"step": i + 1, "model/loss": 10.0 - 0.1 * i} for i in range(51)]  # all progress: 4.5 from the tenth
    with torch.no_grad():
        average.weight.fill_(0.1)
    assert checkup.slow_average(average, raw, moons, history) is None
    with torch.no_grad():
        average.weight.fill_(0.9)
    found = checkup.slow_average(average, raw, moons, history)
    assert found is not None
    assert "by 20% of all progress" in found.message


@pytest.mark.parametrize("name", [n for n, entry in entries().items() if entry.variant_of is None])
def test_the_knob_of_an_average_is_the_one_that_sets_it(name):
    """Where an option holds the decay of a player's average; where none does, no flag is named."""
    space = Images(1, 8, 8, 17)
    system = create(name, {"x": space})
    decays = {player.average.decay for player in system.players().values() if player.average is not None}
    if not decays:
        return
    flags = re.findall(r"--([a-z-]+) lower than (\S+),", checkup._average_knob(system))
    options = [flag.replace("-", "_") for flag, _ in flags]
    assert {float(value) for _, value in flags} <= decays
    lower = create(name, {"x": space}, **dict.fromkeys(options, 0.5))
    moved = {player.average.decay for player in lower.players().values() if player.average is not None}
    assert moved == ({0.5} if options else decays)
    assert bool(options) == any("average" in option for option in system.options)


# -- whole runs


def test_a_good_run_has_no_finding(moons, tmp_path):
    train("pca", moons, out=tmp_path / "run", tensorboard=False)
    assert examine(tmp_path / "run") == []


def test_a_run_whose_codes_say_nothing_is_told_so(moons, tmp_path):
    train("vae", moons, steps=60, beta=1e4, out=tmp_path / "run", tensorboard=False)
    assert [finding.code for finding in examine(tmp_path / "run")] == ["posterior-collapse"]


def test_a_run_that_broke_says_where(moons, tmp_path):
    with pytest.raises(TrainingError):
        train("vae", moons, steps=200, rate=1e18, out=tmp_path / "run", tensorboard=False)
    found = examine(tmp_path / "run")
    error = json.loads((tmp_path / "run" / "log.jsonl").read_text().splitlines()[-1])["error"]
    assert [finding.code for finding in found] == ["not-finite"]
    assert f"'{error['player']}'" in found[0].message
    assert f"at step {error['step']}" in found[0].message
    assert found[0].knob == "--rate 3.3e+17 (it was 1e+18)"


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(RunError, match=r"is no run"):
        examine(tmp_path)

import hashlib
import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, jaccard_score, r2_score

from daedal.data.worlds.simulator import Simulator
from daedal.data.worlds.world import Factor
from daedal.errors import UsageError
from daedal.evaluate import oraclefit, oraclenet, oracles
from daedal.evaluate.degradations import DEGRADATIONS
from daedal.evaluate.oraclefit import Budget, class_loss, in_units, point_loss, standardised
from daedal.evaluate.oraclescore import Shown, of_samples
from daedal.evaluate.scores import accuracy, iou, r2
from tests.data.worlds.tiny import Tiny

BRIEF = Budget(pictures=200, looks=3600)


def make_brief(patch):
    """Training short enough for tests."""
    patch.setattr(oracles, "BUDGETS", {oracles.PICTURES: BRIEF, oracles.ACTIONS: BRIEF})
    patch.setattr(oraclenet, "WIDTHS", {16: 16, 8: 24, 4: 32})


@pytest.fixture
def _brief(monkeypatch):
    make_brief(monkeypatch)


@pytest.fixture(scope="module")
def judge():
    """Trained for some seconds on a world of two bodies."""
    with pytest.MonkeyPatch.context() as patch:
        torch.set_num_threads(1)
        make_brief(patch)
        return oracles.oracle(Tiny(), 16)


@pytest.fixture(scope="module")
def unseen():
    """Pictures of another seed, their classes and values."""
    of = Simulator(Tiny(), (16, 16), seed=5, fields=("stencil",))
    items = of.gather(range(200), ("x", "stencil"))
    return items["x"], items["stencil"], of.values(range(200))


@pytest.fixture(scope="module")
def landmarks():
    """Where the landmarks of the same pictures are, in pixels."""
    of = Simulator(Tiny(), (16, 16), seed=5, fields=("points",))
    return of.gather(range(200), ("points",))["points"].unflatten(1, (2, 2))


def test_all_weights_are_trained_once_and_last_layers_not_by_muon():
    net = oraclenet.OracleNet(64, numbers=5, choices=(3,), classes=4, landmarks=2, thin=True)
    inside, others = net.weights()
    assert sorted(map(id, [*inside, *others])) == sorted(map(id, net.parameters()))
    assert all(weight.dim() > 1 for weight in inside)
    of_others = {name for name, weight in net.named_parameters() if any(weight is other for other in others)}
    matrices = {name for name in of_others if net.get_parameter(name).dim() > 1}
    assert matrices == {"classes.maps.2.weight", "heat.weight", "factors.weight"}


# -- what it says


def test_it_reads_what_it_has_not_seen(judge, unseen):
    x, classes, values = unseen
    said = judge.factors(x)
    assert r2_score(values["size"], said["size"]) > 0.5
    assert r2_score(values["shift"], said["shift"]) > 0.8
    assert accuracy_score(values["tint"], judge.log_probs(x)["tint"].argmax(1)) > 0.7
    assert jaccard_score(classes.flatten(), judge.stencil(x).flatten(), labels=[0, 1], average="macro") > 0.6


def test_it_finds_the_landmarks(judge, unseen, landmarks):
    assert judge.landmarks == ("centre", "top")
    far = (judge.points(unseen[0]) - landmarks).norm(dim=2).mean(0)
    assert (far < 1.5).all()  # of 16 pixels; the middle of the picture is 2.7 and 4.8 away
    assert abs(judge.accuracy["points"]["centre"] - far[0]) < 0.4


def test_a_crop_is_the_picture_seen_upright_around_its_landmarks():
    """A picture that is linear in place has, at every place of a crop, the value of where that lies."""
    side = 32
    at = (2 * torch.arange(side) + 1) / side - 1
    x = torch.stack([at.expand(side, side), at[:, None].expand(side, side)])[None]
    places = torch.tensor([[[-0.1, 0.1], [0.3, -0.2], [0.2, 0.2]]])
    found = oraclenet.cropped(x, places, oraclenet.Crop((0, 1, 2), (0, 1)), 16)[0]
    across = torch.tensor([0.4, -0.3]) / 0.5 * oraclenet.CLOSE  # from the one to the other, for a half of the crop
    down = torch.stack([-across[1], across[0]])
    along = (2 * torch.arange(16) + 1) / 16 - 1
    expected = places[0].mean(0)[:, None, None] + across[:, None, None] * along + down[:, None, None] * along[:, None]
    torch.testing.assert_close(found, expected)


def test_landmarks_are_learned_where_they_are_in_the_picture():
    true = torch.tensor([[[3.0, 4.0], [-9.0, 4.0]], [[60.0, 63.0], [5.0, 99.0]]])
    said = (true + torch.tensor([1.0, -2.0])).requires_grad_()
    loss = point_loss(said, true, 64)
    assert loss.item() == pytest.approx(3)
    loss.backward()
    assert (said.grad[:, 0] != 0).all()
    assert (said.grad[:, 1] == 0).all()


def test_its_stated_accuracy_is_that_of_pictures_it_has_not_seen(judge, unseen):
    x, classes, values = unseen
    stated = judge.accuracy
    assert stated["items"] == 20  # a tenth of what was rendered
    assert abs(stated["numbers"]["size"]["r2"] - r2_score(values["size"], judge.factors(x)["size"])) < 0.2
    assert stated["degraded"].keys() == DEGRADATIONS.keys()
    found = iou(judge.stencil(x), classes, 3)
    assert abs(stated["mean_iou"] - found.mean().item()) < 0.15


def test_answers_are_in_units_and_ranges_and_log_probabilities(judge, unseen):
    noise = torch.rand(40, 3, 16, 16) * 2 - 1
    for factor in Tiny.factors:
        if factor.choices:
            found = judge.log_probs(noise)[factor.name]
            torch.testing.assert_close(found.exp().sum(1), torch.ones(40))
            assert found.shape == (40, len(factor.choices))
        else:
            found = judge.factors(noise)[factor.name]
            assert factor.low <= found.min() <= found.max() <= factor.high
            assert found.shape == ((40,) if factor.size == 1 else (40, factor.size))


def test_an_answer_is_the_same_whatever_stands_beside_it(judge, unseen):
    x = unseen[0]
    torch.testing.assert_close(judge.factors(x)["shift"][7], judge.factors(x[7:8])["shift"][0], atol=1e-5, rtol=0)
    assert torch.equal(judge.stencil(x)[7], judge.stencil(x[7:8])[0])


class Copying:
    """A net that says what it sees: how bright, the class of each pixel, and the middle of what is bright."""

    def __init__(self, size):
        self.size = size

    def __call__(self, x):
        bright = (x[:, 0] > 0).float()
        along = torch.arange(x.shape[-1], dtype=x.dtype)
        sums = torch.stack([(bright * along).sum((1, 2)), (bright * along[:, None]).sum((1, 2))], 1)
        logits = torch.stack([-bright, bright], 1) * 9
        points = (sums / bright.sum((1, 2))[:, None])[:, None]
        return oraclenet.Said(x.mean((1, 2, 3))[:, None], (logits.mean((2, 3)),), logits, points)


@pytest.mark.parametrize("size", [16, 32])
def test_views_are_moved_back(size):
    x = -torch.ones(2, 3, size, size)
    x[0, :, 3:6, 9:11] = 1
    x[1, :, 7, 2:9] = 1
    said = oraclenet.viewed(Copying(size), x)
    assert torch.equal(said.classes.argmax(1), (x[:, 0] > 0).long())
    torch.testing.assert_close(said.points[:, 0], torch.tensor([[9.5, 4.0], [5.0, 7.0]]))
    torch.testing.assert_close(said.classes.exp().sum(1), torch.ones(2, size, size))
    torch.testing.assert_close(said.choices[0].exp().sum(1), torch.ones(2))


def test_a_view_repeats_the_border():
    x = -torch.ones(1, 3, 32, 32)
    x[:, :, 0] = 1  # which views from above see twice, and those from below not at all
    said = oraclenet.viewed(Copying(32), x)
    assert said.numbers.item() == pytest.approx(-1 + 2 * (3 * 1 + 3 * 2 + 3 * 0) / 9 / 32, abs=1e-6)


def test_no_gradient_flows(judge):
    x = torch.zeros(2, 3, 16, 16, requires_grad=True)
    answers = [*judge.factors(x).values(), *judge.log_probs(x).values(), judge.stencil(x)]
    assert not any(answer.requires_grad for answer in answers)
    assert not any(p.requires_grad for p in judge.net.parameters())
    assert not judge.net.training


def test_pictures_of_another_size_are_refused(judge):
    with pytest.raises(UsageError, match=r"reads pictures \(n, 3, 16, 16\); got \(2, 3, 32, 32\)"):
        judge.factors(torch.zeros(2, 3, 32, 32))


# -- the cache


@pytest.mark.usefixtures("_brief")
def test_it_is_trained_once(judge, monkeypatch):
    monkeypatch.setattr(oracles, "fit", lambda *_, **__: pytest.fail("trained again"))
    again = oracles.oracle(Tiny(), 16)
    x = torch.linspace(-1, 1, 768).view(1, 3, 16, 16)
    assert torch.equal(again.factors(x)["size"], judge.factors(x)["size"])
    assert again.accuracy == json.loads(json.dumps(judge.accuracy))
    monkeypatch.setattr(oracles, "VERSION", -1)
    with pytest.raises(pytest.fail.Exception, match="trained again"):
        oracles.oracle(Tiny(), 16)


@pytest.mark.usefixtures("_brief")
def test_a_world_that_looks_otherwise_has_another(judge, monkeypatch):
    class Other(Tiny):
        def scene(self, values, moment=None):
            return super().scene({**values, "shade": 0.5 * values["shade"]}, moment)

    monkeypatch.setattr(oracles, "fit", lambda *_, **__: pytest.fail("trained again"))
    with pytest.raises(pytest.fail.Exception, match="trained again"):
        oracles.oracle(Other(), 16)


@pytest.mark.usefixtures("_brief")
def test_training_is_seeded_and_leaves_the_global_state_alone(unseen):
    of = Simulator(Tiny(), (16, 16), seed=5, fields=("stencil", "points"))
    renders = oracles.Renders.of(of, np.arange(40))
    before = torch.get_rng_state()
    nets = [oracles.fit(Tiny(), renders, 16, 128, seed=seed).state_dict() for seed in (0, 0, 1)]
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(nets[0][name], nets[1][name]) for name in nets[0])
    assert not torch.equal(nets[0]["factors.weight"], nets[2]["factors.weight"])
    assert all(torch.equal(v, v.half().float()) for v in nets[0].values() if v.is_floating_point())


# -- the command


@pytest.mark.usefixtures("_brief")
def test_the_command_prints_and_keeps_the_record(judge, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(oracles, "find_world", lambda name: Tiny())
    assert oracles.main(["tiny", "--size", "16", "--out", str(tmp_path)]) == 0
    kept = json.loads((tmp_path / "tiny-16.json").read_text())
    assert kept["command"] == "python -m daedal.evaluate.oracles tiny --size 16"
    assert kept["numbers"]["size"]["r2"] == judge.accuracy["numbers"]["size"]["r2"]
    assert {"seed", "training", "degraded"} <= kept.keys()
    assert {"seconds", "threads", "machine", "versions"} <= kept["training"].keys()
    assert f"| size, R2 | {kept['numbers']['size']['r2']:.3f} |" in capsys.readouterr().out


def test_mistakes_are_one_sentence(capsys):
    assert oracles.main(["portrait"]) == 2
    assert "'portrait' is no world" in capsys.readouterr().err
    with pytest.raises(UsageError, match="'size' of an oracle must be one of 16, 32, 64; got 20"):
        oracles.oracle(Tiny(), 20)


# -- scores


def test_scores_are_those_of_scikit_learn():
    true, said = torch.randn(50, 3, dtype=torch.float64), torch.randn(50, 3, dtype=torch.float64)
    np.testing.assert_allclose(r2(said, true), r2_score(true, said, multioutput="raw_values"), rtol=1e-12)
    assert r2(said, torch.ones(50, 3)).isnan().all()
    classes, logits = torch.randint(0, 4, (50,)), torch.randn(50, 4)
    assert accuracy(logits, classes) == accuracy_score(classes, logits.argmax(1))
    pixels, found = torch.randint(0, 4, (5, 6, 6)), torch.randint(0, 4, (5, 6, 6))
    expected = jaccard_score(pixels.flatten(), found.flatten(), average=None)
    np.testing.assert_allclose(iou(found, pixels, 5)[:4], expected, rtol=1e-12)
    assert iou(found, pixels, 5)[4].isnan()


def test_numbers_are_standardised_over_their_range_and_come_back():
    world = Tiny()
    values = world.draw(torch.arange(20_000))
    z = standardised(world, values).double()
    assert (z.mean(0).abs() < 4 / 20_000**0.5).all()
    assert ((z.var(0) - 1).abs() < 4 * 0.8**0.5 / 20_000**0.5).all()  # a uniform's fourth moment is 1.8
    for name, value in in_units(world, standardised(world, values)).items():
        torch.testing.assert_close(value, values[name])


def test_what_the_samples_of_colour_tell_of_classes():
    """Counted pixel by pixel."""
    of, index = Simulator(Tiny(), (12, 12)), np.arange(5)
    found = of_samples(of, index)
    values = of.values(index)
    true, fine = (s.raw("stencil", values) for s in (of, Simulator(Tiny(), (24, 24))))
    guessed, right = np.zeros(3), np.zeros(3)
    for k, i, j in itertools.product(range(5), range(12), range(12)):
        votes = np.bincount(fine[k, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2].flatten(), minlength=3)
        share = (votes == votes.max()) / (votes == votes.max()).sum()
        guessed += share
        right[true[k, i, j]] += share[true[k, i, j]]
    expected = right / (guessed + np.bincount(true.flatten(), minlength=3) - right)
    np.testing.assert_allclose(list(found["classes"].values()), expected)
    assert 0.5 < found["mean_iou"] < 1


def test_where_a_factor_is_shown():
    values = {"size": torch.tensor([0.3, 0.6, 0.9]), "hat": torch.tensor([1, 1, 0])}
    classes = torch.zeros(3, 2, 2, dtype=torch.int64)
    classes[1, 0] = 2
    rule = Shown({"size": (0.5, 0.9)}, ("ball", "hat"), 0.25)
    assert rule.rows(Tiny(), values, classes).tolist() == [False, True, False]
    assert str(rule) == "0.5 <= size <= 0.9, ball and hat on at least 25 % of the picture"


def test_class_loss_is_cross_entropy_and_of_certain_answers_one_minus_iou():
    true, said = torch.randint(0, 4, (3, 8, 8)), torch.randint(0, 4, (3, 8, 8))
    logits = 200.0 * torch.nn.functional.one_hot(said, 4).permute(0, 3, 1, 2).double()
    expected = 1 - jaccard_score(true.flatten(), said.flatten(), average="macro")
    entropy = torch.nn.functional.cross_entropy(logits, true).item()
    assert class_loss(logits, true).item() - entropy == pytest.approx(expected, abs=1e-12)


# -- actions


class Driven(Tiny):
    """The ball goes to the left, to the right, or nowhere."""

    factors = (*Tiny.factors, Factor("way", "where it goes", choices=("left", "stay", "right"), shown=False))
    actions = ("left", "stay", "right")
    action_seconds = 1.0

    def scene(self, values, moment=None):
        gone = (values["way"] - 1).float() * (0 if moment is None else 0.5 * moment)
        return super().scene({**values, "shift": torch.stack([values["shift"][:, 0] + gone, values["shift"][:, 1]], 1)})

    def action(self, values, moment):
        return values["way"]


def test_it_reads_actions_between_frames_it_has_not_seen(monkeypatch):
    make_brief(monkeypatch)
    judge = oracles.Oracle(Driven(), 16, oraclefit.untrained(Driven(), 16), {})
    of = Simulator(Driven(), (16, 16), seed=5, frames=2, frame_rate=1.0)
    x, values = of.gather(range(200), ("x",))["x"], of.values(range(200))
    said = judge.actions(x[:, 0], x[:, 1])
    torch.testing.assert_close(said.exp().sum(1), torch.ones(200))
    assert not said.requires_grad
    right = accuracy_score(values["way"], said.argmax(1))
    assert right > 0.8
    assert abs(judge.motion[1]["accuracy"] - right) < 0.25  # of 20 pairs
    assert judge.motion[1]["degraded"].keys() == {"clean", *DEGRADATIONS} - {"shift"}
    assert oracles.record(judge, "")["actions"] == judge.motion[1]


def test_where_nothing_is_done_there_is_nothing_to_read(judge, unseen):
    with pytest.raises(UsageError, match="Nothing is done in tiny"):
        judge.actions(unseen[0], unseen[0])


# -- what is committed


@pytest.mark.parametrize("name", oracles.COMMITTED)
def test_the_committed_file_is_the_one_named_by_its_hash_and_small(name):
    content = oracles._asset(name).read_bytes()
    assert hashlib.sha256(content).hexdigest() == oracles.COMMITTED[name]
    assert len(content) < 1_000_000


PICTURED = [name.rsplit("-", 1) for name in oracles.COMMITTED if not name.endswith(oracles.ACTIONS)]


@pytest.mark.parametrize(("name", "size"), [(name, int(size)) for name, size in PICTURED])
def test_the_committed_oracle_knows_the_world_as_it_looks_now(name, size):
    """Fails where the world has been changed so much that its oracle must be trained and committed anew."""
    judge = oracles.oracle(name, size)
    of = Simulator(judge.world, (size, size), seed=77, fields=("stencil",))
    items, values = of.gather(range(24), ("x", "stencil")), of.observed(of.values(range(24)))
    said = judge.factors(items["x"])
    for factor, entry in judge.accuracy["numbers"].items():
        if entry["r2"] > 0.9:
            assert r2_score(values[factor], said[factor]) > 0.75, factor
    for factor, entry in judge.accuracy["choices"].items():
        found = accuracy_score(values[factor], judge.log_probs(items["x"])[factor].argmax(1))
        assert found > entry["accuracy"] - 0.15, factor
    assert iou(judge.stencil(items["x"]), items["stencil"], len(judge.world.stencil))[:3].mean() > 0.8


def test_the_committed_oracle_reads_a_drive_as_it_is_now():
    of = Simulator(oracles.find_world("streets"), (64, 64), seed=77, frames=2, frame_rate=4.0)
    x, values = of.gather(range(24), ("x",))["x"], of.values(range(24))
    said = oracles.oracle("streets", 64).actions(x[:, 0], x[:, 1]).argmax(1)
    assert accuracy_score(values["actions"][:, 0], said) > 0.8


@pytest.mark.parametrize(("name", "size"), [(name, int(size)) for name, size in PICTURED])
def test_the_page_and_the_results_state_its_accuracy(name, size):
    root = Path(__file__).parents[2]
    judge = oracles.oracle(name, size)
    kept = json.loads((root / "results" / "oracles" / f"{name}-{size}.json").read_text())
    assert all(kept[key] == value for key, value in oracles.record(judge, kept["command"]).items())
    assert oracles.table(kept) in (root / "docs" / "oracles.md").read_text()


def test_some_numbers_count_for_more_than_others():
    world = Tiny()
    numbers = oraclefit.numbers(world)
    plain = oraclefit.Weights().of(numbers)
    heavy = oraclefit.Weights(factors={numbers[0].name: 4.0}).of(numbers)
    assert plain.tolist() == [1.0] * sum(factor.size for factor in numbers)
    assert heavy.tolist() == [4.0] * numbers[0].size + [1.0] * (len(plain) - numbers[0].size)


def test_training_goes_through_two_cycles_of_as_many_looks_as_asked(monkeypatch):
    rates = []

    class Recorded(oraclefit.Muon):
        def step(self, closure=None):
            rates.append(self.param_groups[0]["lr"])
            super().step(closure)

    monkeypatch.setattr(oraclefit, "Muon", Recorded)
    monkeypatch.setattr(oraclenet, "WIDTHS", {16: 8, 8: 8, 4: 8})
    x = torch.randn(64, 3, 16, 16, generator=torch.Generator().manual_seed(0))

    def loss(net, rows, generator):
        return net(x[rows]).numbers.square().mean()

    oraclefit.trained(
        lambda: oraclenet.OracleNet(16, numbers=2, choices=()), 64, loss, 100 * oraclefit.BATCH, "", 0, None
    )
    first, second = rates[:80], rates[80:]
    assert len(second) == 20
    assert max(first) == pytest.approx(1.2e-2, rel=0.05)
    assert max(second) == pytest.approx(4e-3, rel=0.05)
    assert first[-1] < 1e-5
    assert second[-1] < 1e-5

"""Claims: what holds and what does not, which source they depend on, and that the page of results is current."""

import json
import math
import threading
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from benchmarks.__main__ import page
from daedal.claims import reproduce
from daedal.claims.claim import Claim, Measured, verdict
from daedal.claims.closure import closure, source_hash
from daedal.claims.gan import jensen_shannon
from daedal.claims.setting import markov_bits, pixel_table_bits
from daedal.data.load import load_data
from daedal.errors import UsageError

ROOT = Path(__file__).parents[2]


def claim(better="higher", bar=0.5, measure=None):
    return Claim("x.y", "says", "measures", "baseline", bar, better, 1, measure)


def test_a_claim_passes_its_bar_and_two_standard_errors():
    # differences 0.9, 1.0, 1.1: mean 1, standard deviation 0.1, standard error 0.1 / sqrt(3)
    measured = [Measured(value, 1.0) for value in (1.9, 2.0, 2.1)]
    held = verdict(claim(), measured)
    assert held["holds"]
    assert held["difference"] == pytest.approx(1.0)
    assert held["se"] == pytest.approx(0.1 / 3**0.5)
    assert not verdict(claim(bar=1.5), measured)["holds"]
    assert not verdict(claim(better="lower"), measured)["holds"]
    noisy = [Measured(value, 0.0) for value in (-3.0, 0.0, 6.0)]  # mean 1, standard error 2.6
    assert not verdict(claim(), noisy)["holds"]
    assert not verdict(claim(), [Measured(float("nan"), 0.0)])["holds"]


def test_a_claim_about_every_seed_passes_its_bar_on_each():
    mostly = [Measured(value, 0.0) for value in (0.7, 0.7, 0.4)]
    each = Claim("x.y", "says", "measures", "baseline", 0.5, "higher", 1, None, every_seed=True)
    assert verdict(claim(), mostly)["holds"]
    assert not verdict(each, mostly)["holds"]
    assert verdict(each, mostly)["least"] == 0.4
    assert verdict(each, mostly[:2])["holds"]
    assert all(c.every_seed for c in reproduce.claims_of("compare-digits"))


def test_the_divergence_of_gaussians_is_that_of_the_literature():
    """Zero at no distance, log 2 far apart, and delta^2 / 8 for a small one (half the Fisher information's)."""
    assert jensen_shannon(0.0) == pytest.approx(0, abs=1e-9)
    assert jensen_shannon(12.0) == pytest.approx(math.log(2), abs=1e-6)
    assert jensen_shannon(0.1) == pytest.approx(0.01 / 8, rel=0.01)


def test_lower_is_better_counts_the_other_way():
    assert verdict(claim(better="lower", bar=0.0), [Measured(1e-12, 1e-10)])["holds"]
    assert not verdict(claim(better="lower", bar=0.0), [Measured(1e-9, 1e-10)])["holds"]


def test_the_closure_follows_imports_and_the_hash_follows_the_source(tmp_path, monkeypatch):
    package = tmp_path / "pack"
    package.mkdir()
    sources = {"__init__": "", "a": "from pack.b import f", "b": "if True:\n    import pack.c", "c": "", "d": ""}
    sources["c"] = "def f():\n    import pack.d"
    for name, text in sources.items():
        (package / f"{name}.py").write_text(text)
    monkeypatch.setattr("daedal.claims.closure.PACKAGE", package)
    modules = closure("pack.a")
    assert modules == ["pack.a", "pack.b", "pack.c"]  # what a function imports is asked for by some only
    before = source_hash(modules)
    (package / "d.py").write_text("x = 1")
    assert source_hash(modules) == before
    (package / "c.py").write_text(f'"""Words that measure nothing."""  # nor these\n{sources["c"]}')
    assert source_hash(modules) == before
    (package / "c.py").write_text("x = 1")
    assert source_hash(modules) != before
    (package / "b.py").unlink()
    assert source_hash(modules) != before


def test_what_a_claim_depends_on_are_the_systems_and_the_modules_that_it_used():
    load_data("digits")
    mine, compared = reproduce.modules_of("pca"), reproduce.modules_of("conditional-digits")
    assert {"daedal.claims.pca", "daedal.systems.classical.pca", "daedal.data.digits"} <= set(mine)
    assert "daedal.systems.gans.gan" not in closure("daedal.claims.pca", "daedal.systems.classical.pca")
    assert {"daedal.systems.gans.gan", "daedal.evaluate.trial"} <= set(compared)
    assert not any(name.startswith("daedal.cli") for name in mine)


def test_every_claim_is_complete_and_every_system_of_the_foundation_has_some():
    names = reproduce.names()
    assert {"pca", "gmm", "vae", "pixelcnn", "realnvp", "gan", "wgan-gp", "ddpm", "compare-digits"} <= set(names)
    claims = [c for name in names for c in reproduce.claims_of(name)]
    assert len({c.id for c in claims}) == len(claims)
    assert all(c.says and c.measures and c.baseline and c.bar >= 0 for c in claims)
    with pytest.raises(UsageError, match="Did you mean 'vae'"):
        reproduce.module_of("vaee")


@pytest.mark.parametrize("name", ["vae", "pixelcnn", "realnvp", "gan", "wgan-gp", "ddpm"])
def test_the_code_of_claims_runs(name):
    """With a tenth of the budget, which shows nothing about the claims."""
    record = reproduce.reproduce(name, seeds=[0], quick=True)
    assert [claim["id"] for claim in record["claims"]] == [claim.id for claim in reproduce.claims_of(name)]
    numbers = [number for claim in record["claims"] for number in claim["per_seed"][0].values()]
    assert all(math.isfinite(number) for number in numbers if isinstance(number, float))


@pytest.mark.parametrize("name", ["pca", "gmm"])
def test_closed_form_claims_hold(name, tmp_path):
    record = reproduce.reproduce(name, seeds=[3], out=tmp_path)
    assert all(c["holds"] for c in record["claims"]), record["claims"]
    assert json.loads((tmp_path / f"{name}.json").read_text())["claims"][0]["per_seed"]
    assert name not in reproduce.stale(tmp_path)


@pytest.fixture
def counted(monkeypatch):
    """Claims of 'pca' that measure the seed itself, against nothing; which seeds were measured."""
    asked = []

    def measure(seed, quick):
        asked.append(seed)
        if seed == 9:
            raise KeyboardInterrupt
        return Measured(float(seed), 0.0, {"twice": 2 * seed})

    both = tuple(Claim(f"pca.{name}", "says", "measures", "b", 0.5, "higher", 1, measure) for name in "ab")
    monkeypatch.setattr(reproduce, "claims_of", lambda name: both)
    return asked


def test_seeds_measured_before_on_the_same_source_are_joined(counted, tmp_path, monkeypatch):
    reproduce.reproduce("pca", [2], out=tmp_path)
    record = reproduce.reproduce("pca", [0, 1], out=tmp_path)
    assert counted == [2, 2, 0, 0, 1, 1]
    assert record == json.loads((tmp_path / "pca.json").read_text())
    assert record["command"] == "daedal reproduce pca --seeds 0,1,2"
    for claim in record["claims"]:
        assert claim["seeds"] == [0, 1, 2]
        assert [seed["value"] for seed in claim["per_seed"]] == [0.0, 1.0, 2.0]
        assert [seed["twice"] for seed in claim["per_seed"]] == [0, 2, 4]
        assert claim["difference"] == pytest.approx(1.0)
    monkeypatch.setattr(reproduce, "processor", lambda: "another")
    assert reproduce.reproduce("pca", [3], out=tmp_path)["claims"][0]["seeds"] == [3]


def test_other_source_measures_anew_and_a_broken_record_is_none(counted, tmp_path, monkeypatch):
    reproduce.reproduce("pca", [0], out=tmp_path)
    monkeypatch.setattr(reproduce, "source_hash", lambda modules: "changed")
    assert "pca" in reproduce.stale(tmp_path)
    assert reproduce.reproduce("pca", [1], out=tmp_path)["claims"][0]["seeds"] == [1]
    (tmp_path / "pca.json").write_text('{"modules": [')
    assert "pca" in reproduce.stale(tmp_path)
    assert "## pca" not in reproduce.render(tmp_path)
    assert reproduce.reproduce("pca", [2], out=tmp_path)["claims"][0]["seeds"] == [2]


def test_source_that_was_written_meanwhile_is_not_what_was_measured(counted, tmp_path, monkeypatch):
    monkeypatch.setattr(reproduce.time, "time", lambda: 0.0)
    with pytest.raises(UsageError, match=r"daedal\.claims\.pca.* changed while 'pca' was measured; measure it again"):
        reproduce.reproduce("pca", [0], out=tmp_path)
    assert not list(tmp_path.glob("*.json"))


def test_what_was_measured_before_a_stop_is_kept_and_so_is_the_record_of_other_source(counted, tmp_path):
    other = {"modules": ["daedal.claims.pca"], "source": "of another day"}
    (tmp_path / "pca.json").write_text(json.dumps(other))
    with pytest.raises(KeyboardInterrupt):
        reproduce.reproduce("pca", [0, 9], out=tmp_path)
    assert json.loads((tmp_path / "pca.json").read_text()) == other
    assert json.loads((tmp_path / "pca.part.json").read_text())["claims"][0]["seeds"] == [0]
    assert reproduce.reproduce("pca", [1], out=tmp_path)["claims"][0]["seeds"] == [0, 1]
    assert not (tmp_path / "pca.part.json").exists()
    with pytest.raises(KeyboardInterrupt):  # what can be joined to the record goes there at once
        reproduce.reproduce("pca", [2, 9], out=tmp_path)
    assert json.loads((tmp_path / "pca.json").read_text())["claims"][0]["seeds"] == [0, 1, 2]


def test_records_of_processes_that_end_together_are_joined(counted, tmp_path):
    """Reading, joining and writing are one step under a lock, which another process may hold."""
    reproduce.reproduce("pca", [0], out=tmp_path)
    started, freed = threading.Event(), threading.Event()

    def late():
        with FileLock(tmp_path / ".pca.lock"):
            started.set()
            freed.wait()
            record = json.loads((tmp_path / "pca.json").read_text())
            for claim in record["claims"]:
                claim["seeds"].append(5)
                claim["per_seed"].append({"value": 5.0, "baseline": 0.0})
            (tmp_path / "pca.json").write_text(json.dumps(record))

    thread = threading.Thread(target=late)
    thread.start()
    started.wait()
    threading.Timer(0.05, freed.set).start()
    record = reproduce.reproduce("pca", [1], out=tmp_path)
    thread.join()
    assert record["claims"][0]["seeds"] == [0, 1, 5]


def test_a_quick_record_says_so(counted):
    assert reproduce.reproduce("pca", [0], quick=True)["command"] == "daedal reproduce pca --seeds 0 --quick"


def test_a_place_that_cannot_be_is_refused_before_anything_is_measured(counted, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError):
        reproduce.reproduce("pca", [0], out=tmp_path / "file")
    assert not counted
    reproduce.reproduce("pca", [0], quick=True, out=tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_simple_baselines_are_those_of_the_catalogue():
    """2.43 bits for independent pixels and about 2.32 for a chain (section 0), here counted anew with NumPy."""
    data = load_data("digits")
    space = data.fields["x"]
    sides = (part.gather(range(len(part)), ("x",))["x"] for part in (data.train, data.test))
    train, test = (space.to_levels(x).flatten(1).numpy() for x in sides)

    def bits(before, now, before_test, now_test):
        counts = np.ones((17, 17))
        np.add.at(counts, (before, now), 1)
        return -np.log2(counts / counts.sum(1, keepdims=True))[before_test, now_test].mean()

    start = np.zeros(len(train), int), np.zeros(len(test), int)
    table = np.mean([bits(start[0], train[:, i], start[1], test[:, i]) for i in range(64)])
    chain = np.mean([
        bits(train[:, i - 1] if i else start[0], train[:, i], test[:, i - 1] if i else start[1], test[:, i])
        for i in range(64)
    ])  # fmt: skip
    assert pixel_table_bits(data) == pytest.approx(table, abs=1e-6)
    assert markov_bits(data) == pytest.approx(chain, abs=1e-6)
    assert table == pytest.approx(2.43, abs=0.005)
    assert chain == pytest.approx(2.32, abs=0.015)


def test_the_page_of_benchmarks_says_what_the_results_say():
    assert (ROOT / "docs" / "benchmarks.md").read_text() == page()


def test_the_gaussian_bound_is_exact():
    claims = {c.id: c for c in reproduce.claims_of("ddpm")}
    assert verdict(claims["ddpm.gaussian"], [claims["ddpm.gaussian"].measure(0, False)])["holds"]


def test_the_page_of_results_says_what_the_results_say():
    assert (ROOT / "docs" / "results.md").read_text() == reproduce.render(ROOT / "results")

"""The examples run, and the one that shows how to write a system does what it says."""

import itertools
import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import daedal
from daedal.spaces import Images

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"


@pytest.fixture(scope="module")
def fvsbn():
    return runpy.run_path(str(EXAMPLES / "fvsbn.py"))["FVSBN"]


def test_the_worked_example_is_a_likelihood_model(fvsbn):
    system = fvsbn(Images(1, 2, 2, 3)).double()
    torch.nn.init.normal_(system.weight)
    grids = torch.tensor(list(itertools.product(range(3), repeat=4))).reshape(-1, 1, 2, 2)
    total = system.log_prob(system.x.from_levels(grids, torch.float64)).logsumexp(0).exp()
    assert total.item() == pytest.approx(1, abs=1e-12)


def test_the_worked_example_learns_the_digits(fvsbn, tmp_path):
    digits = daedal.load_data("digits")
    run = daedal.train(fvsbn, digits, steps=300, out=tmp_path / "run")
    bits = daedal.evaluate(run.system, digits, metrics=["bits-per-dim"])["bits-per-dim"]
    assert bits.kind == "exact"
    assert bits.value < 2.43  # what a table of independent pixels has
    samples = run.system.sample(4, generator=torch.Generator().manual_seed(0))
    assert torch.equal(samples, digits.fields["x"].quantise(samples))


def test_the_worked_example_is_about_forty_lines():
    lines = (EXAMPLES / "fvsbn.py").read_text().split("class FVSBN")[1].splitlines()
    assert len([line for line in lines if line.strip()]) <= 45


def test_the_worked_example_put_into_the_package_passes_what_every_system_does(tmp_path):
    """As docs/write-a-system.md says: a copy of the package with the file in it, under the package's own tests."""
    for folder in ("daedal", "tests"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(EXAMPLES / "fvsbn.py", tmp_path / "daedal/systems/autoregressive")
    (tmp_path / "pyproject.toml").write_text('[tool.pytest.ini_options]\naddopts = "--import-mode=importlib"\n')
    files = ["tests/test_layers.py", "tests/test_contracts.py", "tests/systems/test_catalogue.py"]
    chosen = "(fvsbn or downwards or by_name) and not the_page"  # which is of the systems that are committed
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *files, "-k", chosen]
    done = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(tmp_path)}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) >= 15


def test_a_gan_without_a_trainer():
    samples = runpy.run_path(str(EXAMPLES / "gan_by_hand.py"))["main"](steps=3)
    assert samples.shape == (16, 1, 8, 8)
    assert samples.std() > 0


@pytest.fixture
def script(monkeypatch):
    """Run an example without its main part; what it defines."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    return lambda name: runpy.run_path(str(EXAMPLES / f"{name}.py"))


def test_the_pictures_of_portraits_and_dancers_are_drawn(script):
    people = script("portraits")
    glasses = next(factor for factor in people["WORLD"].factors if factor.name == "glasses")
    row = people["swept"](glasses, 0, 1)
    assert row.shape == (7, 3, 64, 64)
    assert (row[3:] == 1).all()
    assert (row[0] != row[1]).any()
    portraits, dancers = script("world_outputs"), script("dances")
    assert portraits["outputs"]((1, 20), 8).shape == (10, 3, 8, 8)
    assert portraits["clip"]((1,), 8, 2).shape == (1, 2, 3, 8, 8)
    assert dancers["dances"](8).shape == (8 * 2 * 8, 3, 8, 8)
    clips = dancers["transfers"](16, 2)
    assert clips.shape == (2 + 3, 2, 3, 16, 16)
    assert (clips[1, 0] != clips[1, 1]).any()  # the pose moves
    strip = script("worlds")["pictures"]("dancers", [(2, "photo"), (2, "pose")])
    assert (strip[0] != strip[1]).any()


def test_the_pictures_of_streets_are_drawn(script):
    streets = script("streets")
    for sheet in (
        streets["some"](range(8)),
        streets["events"](moments=(1,)),
        streets["domains"]((3,)),
        streets["painting"]((3,), 32),
        streets["truth"](18, 64),
    ):
        assert min(sheet.size) > 32
        assert len(sheet.getcolors(maxcolors=1 << 20)) > 50
    assert streets["clip"](frames=2)[8:12] == b"WEBP"

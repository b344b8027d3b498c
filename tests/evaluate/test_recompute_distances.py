"""The independent script finds what `evaluate` found, and notices numbers that are not those of the samples."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from daedal.capabilities import Samples
from daedal.data import load_data
from daedal.evaluate.protocol import evaluate
from daedal.play.system import System

SCRIPT = Path(__file__).parent.parent / "recompute_distances.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("recompute_distances", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Noisy(System, Samples):
    def draw(self, n, given, generator):
        index = torch.randint(len(self.items), (n,), generator=generator)
        return self.items[index] + 0.2 * torch.randn(n, *self.x.shape, generator=generator)


@pytest.fixture
def folder(tmp_path):
    """What a comparison of one system leaves, as far as the script reads it."""
    data = load_data("digits")
    system = Noisy(data.fields["x"])
    system.items = data.train.gather(range(1297), ("x",))["x"]
    measures = evaluate(system, data, seed=5)
    home, material = tmp_path / "noisy" / "0", measures.material
    home.mkdir(parents=True)
    np.save(home / "samples.npy", material.samples.numpy())
    np.save(home / "further.npy", material.further.numpy())
    np.savez(home / "material.npz", training=material.training, reference=material.reference)
    run = {"status": "ok", "seed": 5, "folder": "noisy/0", "metrics": measures.to_json()}
    failed = {"status": "failed", "seed": 6, "folder": "noisy/1", "metrics": {}}
    record = {"data": {"name": "digits"}, "rows": [{"system": "noisy", "runs": [run, failed]}]}
    (tmp_path / "rows.json").write_text(json.dumps(record))
    return tmp_path


def test_it_uses_no_code_of_the_package():
    assert "import daedal" not in SCRIPT.read_text()
    assert "from daedal" not in SCRIPT.read_text()


def test_it_agrees_with_evaluate(script, folder, capsys):
    assert script.main(folder) == 0
    lines = script.check(folder)
    assert {line[1] for line in lines} == {
        "fd-digits", "kid-digits", "precision", "recall", "density", "coverage", "class-entropy", "memorised",
    }  # fmt: skip
    assert "16 of 16 agree" in capsys.readouterr().out


def test_it_notices_other_samples_and_missing_numbers(script, folder, capsys):
    samples = np.load(folder / "noisy" / "0" / "samples.npy")
    samples[:20] = -1
    np.save(folder / "noisy" / "0" / "samples.npy", samples)
    assert script.main(folder) == 1
    assert "DIFFERS" in capsys.readouterr().out
    record = json.loads((folder / "rows.json").read_text())
    del record["rows"][0]["runs"][0]["metrics"]["recall"]
    (folder / "rows.json").write_text(json.dumps(record))
    assert ("noisy/5", "recall", "value", None) in [line[:4] for line in script.check(folder)]
    assert script.main(folder) == 1


def test_it_notices_other_further_samples(script, folder):
    further = np.load(folder / "noisy" / "0" / "further.npy")
    assert len(further) == 1000
    np.save(folder / "noisy" / "0" / "further.npy", further[:900])
    assert [line[1] for line in script.check(folder) if not line[-1]] == ["memorised"]


def test_it_knows_the_digits_only(script, folder, capsys):
    record = json.loads((folder / "rows.json").read_text())
    (folder / "rows.json").write_text(json.dumps(record | {"data": {"name": "photos"}}))
    assert script.main(folder) == 2
    assert "knows the digits only" in capsys.readouterr().err

"""The names that other programs call: their signatures, and that they are enough for a whole tour."""

import inspect
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import torch
from PIL import Image

import daedal
from daedal.errors import UsageError
from daedal.play.settings import Run
from daedal.play.system import System

SIGNATURES = {
    "load_data": "(source, *, size=None, channels=None, n=None, seed=0, skip_bad=False, **source_options)",
    "create": "(name, data, *, x='x', given=(), config=None, seed=0, **options)",
    "train": "(system_or_name, data, *, steps=None, seconds=None, out=None, seed=0, batch_size=None, device='auto', "
    "resume=False, overwrite=False, **trainer_and_system_options)",
    "load": "(path, *, average=True, system=None, device='cpu')",
    "compare": "(names_or_systems, data, *, seconds=20, repeats=1, seed=0, out=None, **terms)",
    "show": "(x)",
}
EVALUATE = "(system, data, *, n=None, seed=0, metrics=None)"
HEAVY = {"torch", "numpy", "PIL", "pydantic", "cyclopts", "matplotlib", "sklearn"}


def plain(function):
    """The signature without types."""
    signature = inspect.signature(function)
    bare = [p.replace(annotation=p.empty) for p in signature.parameters.values()]
    return str(signature.replace(parameters=bare, return_annotation=signature.empty))


@pytest.mark.parametrize("name", list(SIGNATURES))
def test_signatures_are_those_of_the_design(name):
    assert plain(getattr(daedal, name)) == SIGNATURES[name]


def run_alone(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_importing_it_imports_nothing_heavy():
    code = f"import sys, daedal; print(sorted({{m.split('.')[0] for m in sys.modules}} & {HEAVY}))"
    assert run_alone(code) == "[]"


def test_evaluate_can_be_called_whatever_was_imported_before():
    code = f"""
import inspect, daedal
from tests.test_front_door import plain
assert plain(daedal.evaluate) == {EVALUATE!r}, plain(daedal.evaluate)
import daedal.evaluate.measure
assert plain(daedal.evaluate) == {EVALUATE!r}, plain(daedal.evaluate)
from daedal.evaluate import Measure
print(callable(daedal.evaluate))
"""
    assert run_alone(code) == "True"


def test_the_version_is_the_packages():
    project = tomllib.loads((Path(daedal.__file__).parents[1] / "pyproject.toml").read_text())["project"]
    assert daedal.__version__ == project["version"]


def test_a_tour_through_the_front_door(tmp_path):
    data = daedal.load_data("digits", n=60)
    system = daedal.create("vae", data, latent=2, hidden=(16,))
    run = daedal.train(system, data, steps=3, out=tmp_path / "vae")
    assert isinstance(run, Run)
    assert (run.path, run.system, run.step) == (tmp_path / "vae", system, 3)
    assert run.history[-1]["step"] == 3
    assert isinstance(daedal.load(run.path), System)
    images = system.sample(16)
    assert images.shape == (16, 1, 8, 8)
    assert isinstance(daedal.show(images), Image.Image)
    measures = daedal.evaluate(system, data, metrics=["bits-per-dim"])
    assert measures["bits-per-dim"].kind == "bound"


@pytest.mark.parametrize("given", ["digits", Path("digits"), torch.zeros(20, 2), None])
@pytest.mark.parametrize("verb", ["create", "train", "compare", "evaluate"])
def test_what_is_not_loaded_is_refused_in_a_sentence(tmp_path, monkeypatch, verb, given):
    monkeypatch.chdir(tmp_path)
    loaded = re.escape("load_data('digits')" if isinstance(given, (str, Path)) else "load_data(...)")
    subject = ["vae"] if verb == "compare" else "vae"
    with pytest.raises(UsageError, match=rf"^'data' of {verb} must be what load_data returns; give {loaded}\.$"):
        getattr(daedal, verb)(subject, given)
    assert not list(tmp_path.iterdir())


def test_a_name_is_enough_to_train(tmp_path):
    data = daedal.load_data("toy:ring8", n=100)
    run = daedal.train("vae", data, steps=2, out=tmp_path / "vae", latent=2, hidden=(8,))
    assert run.system.options["latent"] == 2
    assert run.system.sample(3).shape == (3, 2)
    assert torch.is_tensor(run.system.sample(1))

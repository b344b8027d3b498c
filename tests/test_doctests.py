"""Every example in a docstring gives what it says."""

import doctest
import importlib
import pkgutil

import pytest

import daedal

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
MODULES = ["daedal", *(m.name for m in pkgutil.walk_packages(daedal.__path__, "daedal.") if "__main__" not in m.name)]


def examples(name):
    finder = doctest.DocTestFinder(exclude_empty=True)
    return [test for test in finder.find(importlib.import_module(name), name) if test.examples]


@pytest.mark.parametrize("name", MODULES)
def test_examples_give_what_they_say(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    told = []
    for test in examples(name):
        runner.run(test, out=told.append)
    assert runner.failures == 0, "".join(told)


def test_examples_are_found():
    assert examples("daedal.spaces")
    assert examples("daedal.evaluate.plots")

"""In CI a skipped test fails the session unless it is listed by name."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import skips

IN_TEST = "test_one.py::test_that_skips"
FILES = {
    "test_one.py": "import pytest\n\ndef test_that_runs(): pass\n\ndef test_that_skips(): pytest.skip('no')\n",
    "test_two.py": "import pytest\npytest.skip('no', allow_module_level=True)\n",
    "pytest.ini": "[pytest]\n",
}


def session(folder, *listed, ci="true", options=()):
    for name, text in FILES.items():
        (folder / name).write_text(text)
    (folder / "conftest.py").write_text(f"from tests import skips\nskips.SKIPS_ALLOWED.update(dict.fromkeys({listed}))")
    command = [sys.executable, "-m", "pytest", "-p", "tests.skips", "-p", "no:cacheprovider", *options, str(folder)]
    environment = {**os.environ, "CI": ci, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run(
        command, cwd=Path(__file__).parents[1], env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("options", [(), ("-p", "xdist", "-n", "1")], ids=["alone", "distributed"])
def test_a_skipped_test_and_a_skipped_module_fail_and_are_named(tmp_path, options):
    done = session(tmp_path, options=options)
    assert done.returncode == 1
    assert f"not in SKIPS_ALLOWED of tests/skips.py: {IN_TEST}, test_two.py" in done.stdout


def test_what_is_listed_may_be_skipped(tmp_path):
    done = session(tmp_path, IN_TEST, "test_two.py")
    assert (done.returncode, "1 passed, 2 skipped" in done.stdout) == (0, True)


def test_elsewhere_tests_may_be_skipped(tmp_path):
    assert session(tmp_path, ci="").returncode == 0


def test_the_rule_holds_in_this_session_and_ci_says_that_it_is(request):
    for name in ("pytest_runtest_logreport", "pytest_collectreport", "pytest_sessionfinish"):
        implementations = getattr(request.config.hook, name).get_hookimpls()
        assert getattr(skips, name) in [each.function for each in implementations]
    assert "\nexport CI=true" in (Path(__file__).parents[1] / ".ci" / "run").read_text()

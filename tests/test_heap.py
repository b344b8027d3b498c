"""Freed memory is kept: what is freed and asked for again costs the kernel nothing."""

import platform
import subprocess
import sys

import pytest

from daedal import __main__ as program
from daedal.evaluate import worker
from daedal.heap import SETTINGS, keep_freed_memory

LIBRARY, VERSION = platform.libc_ver()
LARGE = LIBRARY == "glibc" and tuple(map(int, VERSION.split(".")[:2])) >= (2, 35)
AGAIN = """
import resource, sys
import torch
from daedal.heap import keep_freed_memory

kept = keep_freed_memory() if "keep" in sys.argv else None

for _ in range(30):  # aligned blocks need some room more than they take, which takes a while to be there
    torch.ones(10_000_000)  # 40 MB: 10,000 pages, or 20 large ones
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    torch.ones(10_000_000)
print(kept, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.fixture
def silent(monkeypatch):
    """Without the variables that say how it should be."""
    for name in (*SETTINGS, "GLIBC_TUNABLES"):
        monkeypatch.delenv(name, raising=False)


def again(*words):
    """What `keep_freed_memory` said, and how many pages the kernel had to make for 20 blocks, one after another."""
    command = [sys.executable, "-c", AGAIN, *words]
    said, faults = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return said, int(faults)


@pytest.mark.skipif(not LARGE, reason="needs a glibc that lets large blocks be kept")
def test_what_was_freed_is_used_again(silent):
    said, faults = again("keep")
    assert said == "True"
    assert faults < 20
    assert again()[1] >= 20 * 10  # otherwise every time


@pytest.mark.parametrize(
    ("name", "value"), [("MALLOC_TRIM_THRESHOLD_", "1000000"), ("GLIBC_TUNABLES", "a.b=1:glibc.malloc.top_pad=1")]
)
def test_what_the_environment_says_stays(silent, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    monkeypatch.setattr("ctypes.CDLL", lambda name: pytest.fail("looked for the library"))
    assert keep_freed_memory() is False


def test_without_such_a_library_nothing_happens(silent, monkeypatch):
    monkeypatch.setattr("ctypes.CDLL", lambda name: object())
    assert keep_freed_memory() is False


def test_the_command_and_a_comparisons_workers_keep_it(monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr("daedal.heap.keep_freed_memory", lambda: asked.append("command"))
    monkeypatch.setattr(worker, "keep_freed_memory", lambda: asked.append("worker"))
    monkeypatch.setattr(worker, "_speaker", lambda: lambda **event: None)
    monkeypatch.setattr("gc.freeze", lambda: None)
    monkeypatch.setattr(sys, "argv", ["daedal", "--version"])
    with pytest.raises(SystemExit):
        program.main()
    worker.main(str(tmp_path / "no-job.json"))
    assert asked == ["command", "worker"]

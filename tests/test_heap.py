"""Freed memory is kept: a block that is freed and asked for again costs the kernel nothing."""

import os
import platform
import subprocess
import sys

import pytest

from daedal.heap import SETTINGS

AGAIN = """
import resource, sys
import torch
from daedal.heap import keep_freed_memory

kept = keep_freed_memory() if "keep" in sys.argv else None
for _ in range(30):  # aligned blocks need some room more than they take, which takes a while to be there
    torch.ones(10_000_000)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    torch.ones(10_000_000)  # 40 MB: 10,000 pages, or 20 large ones
print(kept, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def again(*words, **variables):
    """What `keep_freed_memory` said, and how many pages the kernel had to make for 20 blocks, one after another."""
    environment = {name: value for name, value in os.environ.items() if name not in SETTINGS} | variables
    command = [sys.executable, "-c", AGAIN, *words]
    said, faults = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.split()
    return said, int(faults)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")
def test_a_block_that_was_freed_is_used_again():
    said, faults = again("keep")
    assert said == "True"
    assert faults < 20
    assert again()[1] >= 20 * 10  # otherwise every time


def test_what_the_environment_says_stays():
    assert again("keep", MALLOC_TRIM_THRESHOLD_="1000000")[0] == "False"


def test_without_such_a_library_nothing_happens(monkeypatch):
    from daedal.heap import keep_freed_memory

    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("ctypes.CDLL", lambda name: object())
    assert keep_freed_memory() is False

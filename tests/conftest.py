"""Every test runs on one thread with a seeded global generator, and with a cache folder of its own session."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import torch

from tests.skips import pytest_collectreport, pytest_runtest_logreport, pytest_sessionfinish  # noqa: F401


@pytest.fixture(autouse=True)
def _deterministic():
    torch.set_num_threads(1)
    torch.manual_seed(0)


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory):
    os.environ["DAEDAL_CACHE"] = str(tmp_path_factory.mktemp("cache"))

"""Two ranks under torchrun, on gloo: one session for all systems, compared with one rank here."""

import os
import signal
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file

from tests.contracts import systems
from tests.ranks_session import averaged_in_float64


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ranks")
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    command = [*launcher, "-m", "tests.ranks_session", str(folder)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:]
    return folder


def is_statistic(name: str) -> bool:
    """Batch statistics, which only eval mode reads, are each rank's own."""
    return name.endswith(("running_mean", "running_var", "num_batches_tracked"))


@pytest.mark.parametrize("name", systems())
def test_two_ranks_with_two_micro_batches_equal_one_rank_with_four(session, name):
    ranks = [load_file(session / f"{name}-{rank}.safetensors") for rank in range(2)]
    alone = averaged_in_float64(name, 4).system.state_dict()
    for key, value in alone.items():
        if not is_statistic(key):
            assert torch.equal(ranks[0][key], ranks[1][key]), key
            torch.testing.assert_close(ranks[0][key], value, rtol=0, atol=1e-10, msg=key)


@pytest.mark.parametrize("name", systems())
def test_two_ranks_resume_bit_for_bit(session, name):
    for rank in range(2):
        unbroken = load_file(session / f"{name}-whole-{rank}.safetensors")
        again = load_file(session / f"{name}-resumed-{rank}.safetensors")
        assert all(torch.equal(unbroken[k], again[k]) for k in unbroken)


def test_a_signal_to_one_rank_stops_both_and_they_resume_bit_for_bit(session):
    for rank in range(2):
        said = (session / f"said-{rank}.txt").read_text().splitlines()[0]
        assert said.startswith(f"{signal.SIGTERM.value}: Stopped at step 2; the state is saved")
        unstopped = load_file(session / f"unstopped-{rank}.safetensors")
        again = load_file(session / f"stopped-{rank}.safetensors")
        assert all(torch.equal(unstopped[k], again[k]) for k in unstopped)


def test_a_signal_to_one_rank_ends_the_rehearsal_of_both(session):
    for rank in range(2):
        said = (session / f"said-{rank}.txt").read_text().splitlines()[1]
        assert said == f"{signal.SIGTERM.value}: Stopped before the first step; nothing was kept."


def test_ranks_that_take_different_turns_say_so_instead_of_waiting_for_ever(session):
    for rank in range(2):
        said = (session / f"said-{rank}.txt").read_text().splitlines()[2]
        assert said.startswith("Ranks took different turns")

"""What stops a command from outside: signals, a full disk, a reader that has gone, a bug."""

import os
import re
import resource
import signal
import subprocess
import sys

import pytest
import torch

from daedal.spaces import Vectors
from daedal.systems.factory import create, save

TRAIN = ["train", "vae", "digits", "--steps", "1000000", "--hidden", "8", "--latent", "2", "--limit", "60"]


def start(*tokens, cwd, **options):
    command = [sys.executable, "-m", "daedal", *tokens]
    return subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_saves_and_stops(tmp_path, number, status):
    process = start(*TRAIN, "--out", "run", "--json", cwd=tmp_path)
    log = tmp_path / "run" / "log.jsonl"
    while not (log.exists() and log.stat().st_size) and process.poll() is None:
        os.sched_yield()
    process.send_signal(number)
    out, err = process.communicate(timeout=120)
    assert process.returncode == status
    assert err.startswith("daedal: Stopped at step ")
    assert "go on with: daedal train --resume run" in err
    assert out.startswith('{"error": {"type": "Interrupted", "message": "Stopped at step ')
    names = [path.name for path in (tmp_path / "run" / "training").glob("step-*.safetensors")]
    assert max(names) > "step-0000000000"


def test_a_reader_that_has_gone_is_no_error(tmp_path):
    process = start("list", cwd=tmp_path)
    process.stdout.close()
    err = process.stderr.read()
    assert (process.wait(timeout=60), err) == (0, "")


def test_a_full_disk_is_one_sentence_and_leaves_no_run(daedal, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        answer = daedal("train", "vae", "digits", "--limit", 60, "--steps", 2, "--out", "run")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert answer.status == 1
    assert answer.err == "daedal: File too large ('run'); free some space and try again, or choose another place.\n"
    assert not (tmp_path / "run").exists()


def test_a_full_disk_names_the_file_of_samples(daedal, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save(create("vae", {"x": Vectors(2)}, hidden=(8,), latent=2), "run")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        answer = daedal("sample", "run", "--n", 1000, "--out", "big.npy")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert answer.status == 1
    assert answer.err == "daedal: File too large ('big.npy'); free some space and try again, or choose another place.\n"
    assert not (tmp_path / "big.npy").exists()


def test_a_place_under_a_file_cannot_be_used(daedal, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    answer = daedal("train", "vae", "digits", "--limit", 60, "--steps", 1, "--out", "file/run")
    assert answer.status == 2
    assert answer.err == "daedal: Not a directory ('file/run'); give another path, or make this one usable.\n"


def test_training_that_goes_wrong_is_status_1_and_names_the_player(daedal, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "breaker.py").write_text(BREAKER)
    typed = ["train", "breaker", "toy:ring8", "--plugin", "breaker", "--limit", 60, "--steps", 9, "--out", "run"]
    answer = daedal(*typed, "--json")
    assert answer.status == 1
    assert answer.json.keys() == {"error"}
    assert "model" in answer.json["error"]["message"]
    assert "Traceback" not in answer.err
    assert (tmp_path / "run" / "system.json").exists()


BREAKER = """
import torch
from daedal.declare import Paper
from daedal.play.system import System


class Breaker(System):
    paper = Paper(title="Breaks", authors="Doe, J.", year=2000)

    def __init__(self, x, given=None):
        super().__init__(x, given)
        self.level = torch.nn.Parameter(torch.zeros(x.shape))
        self.register_buffer("rounds", torch.zeros(()))

    def loss(self, batch):
        self.rounds += 1
        return ((batch.x - self.level) ** 2).mean() * (float("nan") if self.rounds > 4 else 1.0)
"""


def test_a_bug_is_status_1_and_debug_shows_where(daedal, monkeypatch):
    def broken(**options):
        raise RuntimeError("a wheel\ncame off")

    monkeypatch.setattr("daedal.systems.catalogue.entries", broken)
    answer = daedal("list", "--json")
    assert answer.status == 1
    assert answer.json == {
        "error": {"type": "RuntimeError", "message": "RuntimeError: a wheel came off (--debug shows where)"}
    }
    assert "Traceback" in daedal("list", "--debug").err


def test_what_libraries_print_does_not_mix_with_the_answer(tmp_path):
    code = """
import os, subprocess, sys
from daedal.cli import browse, main
def loud(*, can: str = None):
    print("from python"); os.write(1, b"from c\\n"); subprocess.run(["echo", "from a child"])
    return real(can=can)
real = browse.list_systems
from daedal.cli import app
app.COMMANDS["list"] = (loud, (), "")
sys.exit(main.run(["list", "--json"]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith('{"systems": [')
    assert done.stdout.count("\n") == 1
    assert sorted(done.stderr.splitlines()) == ["from a child", "from c", "from python"]


@pytest.mark.parametrize("tool", [int, torch.bmm, torch.distributions.Bernoulli])
def test_what_another_library_raises_while_training_is_status_1(daedal, tmp_path, monkeypatch, tool):
    """Errors from C, whose last Python frame is ours, and one of torch's Python code."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("daedal.systems.autoencoders.vae.VAE._loss", tool)
    answer = daedal("train", "vae", "digits", "--limit", 60, "--steps", 1, "--out", "run")
    assert answer.status == 1
    assert re.fullmatch(r"daedal: (Type|Runtime|Value)Error: .*\(--debug shows where\)\n", answer.err)


def test_the_process_ends_without_going_through_all_that_it_made(monkeypatch):
    import gc

    from daedal.__main__ import main

    monkeypatch.setattr("daedal.heap.keep_freed_memory", lambda: None)  # it would last
    monkeypatch.setattr(sys, "argv", ["daedal", "--version"])
    try:
        with pytest.raises(SystemExit) as exit:
            main()
        assert (exit.value.code, gc.get_freeze_count() > 10_000) == (0, True)
    finally:
        gc.unfreeze()

"""stdout and stderr that are closed, full, read by nobody, or of a narrow encoding: no traceback, the right status."""

import json
import os
import subprocess
import sys

import pytest


def shell(line, **environment):
    """What `sh` makes of a line, in which $DAEDAL is the command."""
    command = {"DAEDAL": f"{sys.executable} -m daedal", **environment}
    return subprocess.run(["sh", "-c", line], env=os.environ | command, capture_output=True, text=True, check=False)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="the system has no /dev/full")
@pytest.mark.parametrize("typed", ["list", "list --json", "list --help"])
def test_a_full_disk_behind_stdout_is_one_sentence(typed):
    answer = shell(f"$DAEDAL {typed} > /dev/full")
    assert answer.returncode == 1
    assert answer.stderr.startswith("daedal: No space left on device")
    assert answer.stderr.count("\n") == 1


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="the system has no /dev/full")
def test_a_mistake_keeps_its_status_where_nothing_can_be_said():
    assert shell("$DAEDAL nothing --json > /dev/full 2> /dev/full").returncode == 2


@pytest.mark.parametrize("typed", ["list", "list --json"])
def test_a_closed_stdout_swallows_the_answer(typed):
    answer = shell(f"$DAEDAL {typed} >&-")
    assert (answer.returncode, answer.stderr) == (0, "")


def test_what_is_closed_does_not_end_up_in_a_file(tmp_path):
    sheet = tmp_path / "sheet.png"
    answer = shell(f"$DAEDAL data toy:ring8 --limit 20 --out {sheet} <&- >&- 2>&-")
    assert answer.returncode == 0
    assert sheet.read_bytes().startswith(b"\x89PNG")
    assert sheet.read_bytes().endswith(b"IEND\xaeB`\x82")


@pytest.mark.parametrize("typed", ["list", "list --json", "list --help"])
def test_a_reader_that_has_gone_is_no_error(typed):
    answer = shell(f"($DAEDAL {typed}; echo $? >&2) | true")
    assert answer.stderr == "0\n"


def test_what_an_encoding_lacks_is_written_as_an_escape():
    answer = shell("$DAEDAL data ./caf\u00e9", PYTHONIOENCODING="ascii")
    assert answer.returncode == 2
    assert "'caf\\xe9' does not exist" in answer.stderr
    answer = shell("$DAEDAL data ./caf\u00e9 --json", PYTHONIOENCODING="ascii")
    assert json.loads(answer.stdout)["error"]["message"].startswith("'caf\u00e9' does not exist")

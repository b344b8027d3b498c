"""`daedal render`: what it answers, what it refuses, and that nothing half-written is left."""

import json
import resource
import signal
import subprocess
import sys

import pytest

from daedal.cli import worlds_page
from daedal.cli.render import render
from daedal.data.worlds import catalogue
from daedal.data.worlds.layouts import LAYOUTS, TRUTHS
from tests.data.worlds.blobs import Blobs

PLACE = "tests.data.worlds.blobs:Blobs"


@pytest.fixture(autouse=True)
def _blobs_in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.setitem(catalogue.WORLDS, "blobs", PLACE)
    monkeypatch.chdir(tmp_path)


def test_the_answer_for_programs_and_for_people(daedal, tmp_path):
    answer = daedal("render", "blobs", "--n", 2, "--size", "8x16", "--out", "out", "--also", "masks,factors", "--json")
    assert answer.status == 0, answer.err
    files = ["classes.txt", "factors.csv", "images/0000.png", "images/0001.png", "masks/0000.png", "masks/0001.png"]
    assert answer.json == {"out": "out", "n": 2, "pictures": 2, "files": [*files, "render.json"]}
    inside = [str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.*")]
    assert sorted(inside) == answer.json["files"]
    answer = daedal("render", "blobs", "--n", 2, "--size", 8, "--out", "out", "--overwrite", "--seed", 5)
    assert answer.status == 0
    assert answer.out == "out: 3 files of 2 rendered pictures\n"
    record = json.loads((tmp_path / "out" / "render.json").read_text())
    assert (record["world"], record["n"], record["size"], record["seed"]) == ("blobs", 2, [8, 8], 5)


WRONG = {
    "render": "'WORLD' is missing its value",
    "render blobs": "Say where to, such as --out blobs.",
    "render blob --out out": "'blob' is no world; the worlds are portraits, streets, dancers, blobs. Did you mean ",
    "render blobs --out out --layout class": "'class' is no layout; there are images, classes, ",
    "render blobs --out out --also mask": "'mask' is no truth; there are masks, instances, ",
    "render blobs --out out --size 7": "'size' of a world must be at least 8 pixels; got '7'.",
    "render blobs --out out --size 8.5": "'size' must be an integer in [1, 8192], or height x width",
    "render blobs --out out --n 0": "'n' of render must be an integer in [1, inf); got 0.",
    "render blobs --out out --first -1": "'first' of render must be an integer in [0, inf); got -1.",
    "render blobs --out out --set hut=tall": "'hut' is no factor of blobs; its factors are width, hat, skin, "
    "saturation. Did you mean 'hat'?",
    "render blobs --out out --set hat=tal": "'hat' of blobs must be one of none, flat, tall; got 'tal'. "
    "Did you mean 'tall'?",
    "render blobs --out out --set width=3": "'width' of blobs must be a number in [0.5, 0.9], or a range such as "
    "0.5..0.9; got '3'.",
    "render blobs --out out --set width=nan": "'width' of blobs must be a number in [0.5, 0.9]",
    "render blobs --out out --set skin=1:2": "'skin' of blobs must be 3 numbers with ':' between, each in [0, 1]",
    "render blobs --out out --set hat": "'hat' sets nothing; write a factor and its value, such as 'width=...'.",
    "render blobs --out out --set width=0.8..0.6": "'width=0.8..0.6' must count upwards; write width=0.6..0.8.",
    "render blobs --out out --set skin=.1:.5:.9..1:.4:1": "'skin=.1:.5:.9..1:.4:1' must count upwards; "
    "write skin=0.1:0.4:0.9..1:0.5:1.",
    "render blobs --out out --set skin=.5..1:.4:1": "'skin=.5..1:.4:1' must count upwards; "
    "write skin=0.5:0.4:0.5..1:0.5:1.",
    "render blobs --out out --set=": "'set' of render is empty; give it a value, or leave out --set.",
    "render blobs --out=": "'out' of render is empty; give it a value, or leave out --out.",
    "render blobs --out out --test 3": "--layout images has no test split, which --test is for; leave it out.",
    "render blobs --out out --layout clips --test-correlation 0.5": "--layout clips has no test split, which "
    "--test-correlation is for; leave it out.",
    "render blobs --out out --n 2 --n 3": "--n was given already; give it once.",
    "render blobs --out out --correlation width,hat": "'correlation' must be two factors and a number in [-1, 1]",
    "render blobs --out out --correlation width,hut,1": "'hut' is no factor of blobs",
    "render blobs --out out --layout classes --by width": "'width' is not one choice, and classes are; --by takes",
    "render blobs --out out --by hat": "--by names the classes of --layout classes; leave it out of images.",
    "render blobs --out out --layout paired": "--layout paired takes two --domains, such as rgb,stencil; got 0.",
    "render blobs --out out --layout sides --domains rgb,stensil": "'stensil' is no domain of blobs; a "
    "domain is factor=value, or an output (rgb, stencil, depth, normal, painting). Did you mean 'stencil'?",
    "render blobs --out out --domains hat=tall": "--layout images takes no --domains; got 1.",
    "render blobs --out out --also flow": "'flow' is between the frames of clips; choose --layout clips for it.",
    "render blobs --out out --layout classes --by hat --also masks": "'masks' goes with --layout images or clips only",
    "render blobs --out out --layout clips --also boxes": "'boxes' names the picture of each frame; choose --format",
    "render blobs --out out --layout clips --frames 1": "'frames' of render must be an integer in [2, inf); got 1.",
    "render blobs --out out --frames 8": "--frames is for --layout clips; leave it out with --layout images.",
    "render blobs --out out --layout classes --frame-rate 8": "--frame-rate is for --layout clips; leave it out",
    "render blobs --out out --format webp": "--format is for --layout clips; leave it out with --layout images.",
    "render blobs --out out --layout clips --format mp4": "'format' of render must be one of 'webp', 'gif', 'frames'",
    "render blobs --out file": "file is a file; choose another --out.",
    "render blobs --out full": "full is not empty; choose another --out, or --overwrite what was rendered there.",
    "render blobs --out full --overwrite": "full holds what 'daedal render' did not write, and is not overwritten.",
    "render blobs --out file/out": "Not a directory ('file/out'); give another path, or make this one usable.",
}


@pytest.mark.parametrize("line", list(WRONG))
def test_a_mistake_is_one_sentence(daedal, tmp_path, line):
    (tmp_path / "file").write_text("")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("")
    answer = daedal(*line.split())
    assert answer.err.startswith("daedal: " + WRONG[line])
    assert (answer.status, answer.out, answer.err.count("\n")) == (2, "", 1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "full"]
    assert (tmp_path / "full" / "mine").exists()


def test_one_factor_with_choices_needs_no_by(daedal, tmp_path):
    answer = daedal("render", "blobs", "--out", "out", "--n", 9, "--size", 8, "--layout", "classes")
    assert answer.status == 0
    assert {path.name for path in (tmp_path / "out" / "train").iterdir()} <= {"none", "flat", "tall"}


def test_a_full_disk_is_one_sentence_and_leaves_nothing(daedal, tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        answer = daedal("render", "blobs", "--n", 3, "--out", "out", "--also", "depth")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert answer.status == 1
    assert answer.err == "daedal: File too large ('out'); free some space and try again, or choose another place.\n"
    assert not list(tmp_path.iterdir())


def test_a_full_disk_keeps_what_was_to_be_overwritten(daedal, tmp_path):
    assert daedal("render", "blobs", "--n", 1, "--size", 8, "--out", "out").status == 0
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        assert daedal("render", "blobs", "--n", 1, "--also", "depth", "--out", "out", "--overwrite").status == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["images", "render.json"]


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_leaves_nothing(daedal, tmp_path, monkeypatch, number, status):
    drawn = []

    def caption(self, values):
        drawn.append(list(tmp_path.glob(".out.building-*/images/*.png")))
        if len(drawn) == 2:
            signal.raise_signal(number)
        return [""] * len(values["width"])

    monkeypatch.setattr(Blobs, "caption", caption)
    answer = daedal("render", "blobs", "--n", 200, "--size", 8, "--also", "captions", "--out", "out")
    assert (answer.status, answer.err) == (status, "daedal: Stopped.\n")
    assert len(drawn[0]) == 64  # it was under way
    assert not list(tmp_path.iterdir())


def test_what_a_killed_process_left_is_removed(daedal, tmp_path):
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    (tmp_path / f".out.building-{process.pid}" / "images").mkdir(parents=True)
    assert daedal("render", "blobs", "--n", 1, "--size", 8, "--out", "out").status == 0
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_the_help_names_every_layout_and_truth(daedal):
    shown = daedal("render", "--help").out
    assert all(name in shown for name in (*LAYOUTS, *TRUTHS))
    assert all(f"{name}" in (render.__doc__ or "") for name in catalogue.WORLDS if name != "blobs")


def test_help_and_mistakes_need_no_torch():
    code = """
import sys
from daedal.cli.main import run
run(["render", "portraits", "--help"])
run(["render", "portrait", "--out", "x", "--layout", "clas"])
print(sorted({"torch", "numpy", "PIL"} & set(sys.modules)), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "[]"


def test_the_page_has_the_factors_layouts_and_truths_that_there_are(monkeypatch):
    monkeypatch.delitem(catalogue.WORLDS, "blobs")
    page = worlds_page.PAGE.read_text()
    assert worlds_page.updated(page) == page, "write it anew: python -m daedal.cli.worlds_page"
    for name in catalogue.WORLDS:
        section = page.split(f"<!-- factors of {name} -->")[1].split("<!-- end -->")[0]
        for factor in catalogue.find_world(name).factors:
            (row,) = [line for line in section.splitlines() if line.startswith(f"| `{factor.name}` |")]
            assert all(choice in row for choice in factor.choices)
            assert factor.meaning in row

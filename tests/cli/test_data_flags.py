"""The flags of data, fields and devices, each seen in what it changes."""

import json

import numpy as np
import pytest
from PIL import Image

COLOURS = {"red": (255, 0, 0), "blue": (0, 0, 255)}
TINY = ("--hidden", "8", "--latent", "2", "--batch-size", "16", "--steps", "1")


@pytest.fixture(autouse=True)
def _photos(tmp_path, monkeypatch):
    """Twelve images, 8 wide and 4 high: the first column red, the others blue, the last row transparent."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    for i in range(12):
        levels = np.zeros((4, 8, 4), np.uint8)
        levels[:, :1, :3], levels[:, 1:, :3], levels[..., 3] = COLOURS["red"], COLOURS["blue"], 255
        levels[3, :, 3], levels[0, 0, 0] = 0, 200 + i  # items differ
        Image.fromarray(levels).save(tmp_path / "photos" / f"{i:02d}.png")


def described(daedal, *typed):
    """The description of the photos, read with these flags."""
    answer = daedal("data", "photos", *typed, "--json")
    assert answer.status == 0, answer.err
    return answer.json


def first_item(daedal, tmp_path, *typed):
    """Levels (h, w, c) of the first training item of a run that these flags made."""
    from daedal import load_data

    assert daedal("train", "vae", "photos", *TINY, *typed, "--out", "run").status == 0
    source = json.loads((tmp_path / "run" / "training" / "run.json").read_text())["source"]
    x = load_data(**source).train[0]["x"]
    return ((x + 1) * 127.5).round().int().movedim(0, -1)


def test_fit_chooses_what_is_seen_of_an_oblong_image(daedal, tmp_path):
    seen = {}
    for fit in ("crop", "pad", "stretch"):
        x = first_item(daedal, tmp_path, "--size", "8", "--fit", fit, "--overwrite")
        assert x.shape == (8, 8, 3)
        seen[fit] = bool((x[0, 4] == 255).all()), int(x[3, 0, 0]) > 128  # a margin above; red at the left edge
    assert seen == {"crop": (False, False), "pad": (True, True), "stretch": (False, True)}


def test_channels_make_images_grey_or_keep_alpha(daedal):
    wanted = {None: 3, "1": 1, "4": 4}
    for typed, channels in wanted.items():
        flags = [] if typed is None else ["--channels", typed]
        assert described(daedal, *flags)["fields"]["x"]["channels"] == channels


def test_background_is_under_what_is_transparent(daedal, tmp_path):
    assert first_item(daedal, tmp_path, "--background", "#00ff00")[3, 0].tolist() == [0, 255, 0]


def test_mirror_doubles_the_training_items(daedal):
    plain, mirrored = described(daedal), described(daedal, "--mirror")
    assert mirrored["train"] == 2 * plain["train"]
    assert mirrored["test"] == plain["test"]


def test_x_names_the_field_that_is_modelled(daedal, tmp_path):
    np.savez("two.npz", x=np.zeros((60, 2), np.float32), z=np.arange(180, dtype=np.float32).reshape(60, 3))
    assert daedal("train", "pca", "two.npz", "--x", "z", "--components", "1", "--out", "run").status == 0
    kept = json.loads((tmp_path / "run" / "system.json").read_text())
    assert (kept["roles"]["x"], kept["spaces"]["x"]["dim"]) == ("z", 3)


def test_device_is_where_training_runs(daedal, monkeypatch):
    typed = ["train", "vae", "toy:ring8", *TINY, "--limit", "60"]
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)  # so that auto would take what is not there
    assert daedal(*typed, "--device", "cpu").status == 0
    refused = daedal(*typed, "--device", "abacus")
    assert (refused.status, "abacus" in refused.err) == (2, True)

"""What is written and said of streets agrees: boxes with ids and captions, lamps with their light, pairs of domains."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image

from daedal.data.worlds import rendering
from daedal.data.worlds.dancers import Dancers
from daedal.data.worlds.domains import parse_domain
from daedal.data.worlds.simulator import Simulator
from daedal.data.worlds.streets import Streets
from daedal.data.worlds.streets.site import CARS, LAMPS, LIGHT, PEOPLE, SORT
from daedal.data.worlds.streets.words import parse
from daedal.data.worlds.write import write
from tests.data.worlds.test_write import lines

WORLD = Streets()
FIRST = {"car": CARS, "person": PEOPLE}


def mask_of(runs, height, width):
    """COCO's run lengths, down the columns, from zeros on."""
    flat = np.repeat(np.arange(len(runs)) % 2, runs)
    return flat.reshape(width, height).T.astype(bool)


def test_written_boxes_bound_the_ids_that_captions_count(tmp_path):
    """Every car and person of at least 0.3 % of the picture has one box, around its id; nothing else has."""
    options = {"n": 8, "first": 20, "size": 64, "truths": ["boxes", "instances", "captions"]}
    out = write("streets", tmp_path / "out", settings=["traffic=0.4..1", "people=0.4..1"], **options).out
    coco = json.loads((out / "annotations.json").read_text())
    names = {kind["id"]: kind["name"] for kind in coco["categories"]}
    assert sorted(names.values()) == ["car", "person"]
    assert [box["id"] for box in coco["annotations"]] == list(range(1, len(coco["annotations"]) + 1))
    for image, line in zip(coco["images"], lines(out / "captions.jsonl"), strict=True):
        assert image["file_name"] == line["file_name"]
        ids = np.asarray(Image.open(out / "instances" / image["file_name"].partition("/")[2]))
        boxes = {box["instance"]: box for box in coco["annotations"] if box["image_id"] == image["id"]}
        found, sizes = np.unique(ids, return_counts=True)
        large = {k: n for k, n in zip(found.tolist(), sizes.tolist(), strict=True) if n >= 0.003 * 64 * 64}
        assert set(boxes) == {k for k in large if k // SORT * SORT in FIRST.values()}
        for k, box in boxes.items():
            rows, columns = np.nonzero(ids == k)
            left, top = columns.min(), rows.min()
            assert box["bbox"] == [left, top, columns.max() - left + 1, rows.max() - top + 1]
            assert box["area"] == large[k]
            assert np.array_equal(mask_of(box["segmentation"]["counts"], 64, 64), ids == k)
            assert k // SORT * SORT == FIRST[names[box["category_id"]]]
        counted = [names[box["category_id"]] for box in boxes.values()]
        assert {name: counted.count(name) for name in FIRST} == {name: parse(line["text"])[name] for name in FIRST}
    assert len(coco["annotations"]) > 16


@pytest.mark.parametrize("seconds", [0.0, 6.0])
def test_the_light_of_lamps_comes_from_their_heads(seconds):
    """The lights are at heads of lamps, on each side the next ones ahead."""
    values = WORLD.draw(torch.arange(5))
    scene = WORLD.scene(values, torch.full((5,), seconds))
    bodies = scene.bodies
    heads = (bodies.stencil == LIGHT) & (bodies.instance // SORT * SORT == LAMPS) & (bodies.kind != 0)
    for k in range(5):
        places, lights, z = bodies.origin[k][heads[k]], scene.light.lamp[k], scene.camera.position[k, 2]
        assert torch.cdist(lights, places).amin(1).max() < 1e-4
        for side in (-1, 1):
            ahead = places[(places[:, 0] * side > 0) & (places[:, 2] < z + 5)]
            nearest = ahead[(z - ahead[:, 2]).argsort()[:2]]
            assert torch.cdist(nearest, lights).amin(1).max() < 1e-4


def test_domains_of_weather_and_hour_set_no_geometry():
    """With which factors leave depth, classes and ids alone (test_streets.py), their pairs have the same."""
    for name in ("day", "dusk", "night", "clear", "rain", "snow", "fog"):
        settings = parse_domain(WORLD, name).settings.values()
        assert settings
        assert not any(setting.factor.geometry for setting in settings), name
    assert {factor.name for factor in WORLD.factors if not factor.geometry} == {"weather", "intensity", "hour"}


@pytest.mark.parametrize("world", [WORLD, Dancers()], ids=lambda world: world.name)
@pytest.mark.parametrize("name", ["x", "after", "flow", "b", "caption", "instruction"])
def test_fields_do_not_depend_on_chunks(world, name, monkeypatch):
    of = Simulator(world, (12, 12), frames=2, domains=("photo", "brightness=0.4" if world.name == "dancers" else "low"))
    values = of.values(range(30, 34))
    whole = of.raw(name, values)
    monkeypatch.setattr(Simulator, "step", 3)
    assert np.array_equal(of.raw(name, values), whole)


@pytest.mark.parametrize("world", [WORLD, Dancers()], ids=lambda world: world.name)
def test_another_process_makes_the_same_pixels(world, tmp_path):
    of, index = Simulator(world, (16, 16), seed=2), np.arange(40, 44)
    here = of.raw("x", of.values(index))
    job = rendering.Job(of, "x", str(tmp_path / "values"), here[0].nbytes)
    (tmp_path / "values").touch()
    with rendering._helper(job) as share:
        share((0, index))
    assert np.array_equal(np.fromfile(job.path, np.uint8).reshape(here.shape), here)

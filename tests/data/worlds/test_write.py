"""Folders of worlds, read back by independent means: Pillow, NumPy, json, csv, and Daedal's own folder reader."""

import csv
import json

import numpy as np
import pytest
import torch
from PIL import Image

from daedal import load_data
from daedal.data.worlds.render import flow, render
from daedal.data.worlds.simulator import Simulator
from daedal.data.worlds.write import write
from daedal.errors import UsageError
from tests.data.worlds.blobs import Blobs

SIZE = 24
DENSE = ("masks", "instances", "boxes", "parts", "depth", "depth-png", "normals", "normals-png", "landmarks")
OUTPUTS = ("rgb", "depth", "stencil", "instance", "normal")


def truth_of(index, seed=0, **changes):
    """What the renderer says of items, changed as told; moment None."""
    values = Simulator(Blobs(), (SIZE, SIZE), seed).values(index)
    values |= {name: torch.full_like(values[name], value) for name, value in changes.items()}
    return values, render(Blobs().scene(values), SIZE, outputs=OUTPUTS)


def pixels(path):
    return np.asarray(Image.open(path))


def colours(rgb):
    return (rgb.double().numpy() * 255).round().astype(np.uint8).transpose(1, 2, 0)


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    out = tmp_path_factory.mktemp("worlds") / "images"
    truths = (*DENSE, "captions", "metadata", "factors")
    return write(Blobs(), out, n=5, size=SIZE, truths=truths, first=40).out


@pytest.fixture(scope="module")
def expected():
    return truth_of(range(40, 45))


def test_pictures_and_truths_of_every_pixel(images, expected):
    _, truth = expected
    for k in range(5):
        stem = f"000{k}"
        assert np.array_equal(pixels(images / f"images/{stem}.png"), colours(truth["rgb"][k]))
        assert np.array_equal(pixels(images / f"masks/{stem}.png"), truth["stencil"][k].numpy())
        assert np.array_equal(pixels(images / f"instances/{stem}.png"), truth["instance"][k].numpy())
        assert np.array_equal(np.load(images / f"depth/{stem}.npy"), truth["depth"][k].numpy())
        assert np.array_equal(np.load(images / f"normals/{stem}.npy"), truth["normal"][k].numpy())
        assert np.load(images / f"depth/{stem}.npy").dtype == np.float32


def test_masks_have_a_palette_and_names(images):
    mask = Image.open(images / "masks/0000.png")
    assert mask.mode == "P"
    assert mask.getpalette()[:9] == [0, 0, 0, 128, 0, 0, 0, 128, 0]  # PASCAL VOC's first three
    assert (images / "classes.txt").read_text() == "behind\nhead\nhat\nball\n"


def test_depth_in_millimetres(images):
    metres, millimetres = np.load(images / "depth/0000.npy"), pixels(images / "depth-png/0000.png")
    seen = np.isfinite(metres)
    assert 0 < seen.mean() < 1
    assert np.array_equal(seen, millimetres > 0)
    assert np.abs(millimetres[seen] / 1000 - metres[seen]).max() <= 0.0005 + 1e-6


def test_normals_as_colours(images):
    normal = np.load(images / "normals/0000.npy").transpose(1, 2, 0)
    assert np.abs(pixels(images / "normals-png/0000.png") / 255 * 2 - 1 - normal).max() <= 1 / 255 + 1e-6


def test_boxes_bound_exactly_the_pixels_of_their_thing(images):
    coco = json.loads((images / "annotations.json").read_text())
    assert coco["categories"] == [{"id": k, "name": name} for k, name in ((1, "head"), (2, "hat"), (3, "ball"))]
    names = {image["id"]: image["file_name"] for image in coco["images"]}
    seen = 0
    for thing in coco["annotations"]:
        ids = pixels(images / names[thing["image_id"]].replace("images/", "instances/"))
        x, y, width, height = thing["bbox"]
        rows, columns = np.nonzero(ids == thing["instance"])
        assert (x, y, x + width - 1, y + height - 1) == (columns.min(), rows.min(), columns.max(), rows.max())
        assert thing["area"] == len(rows)
        assert thing["iscrowd"] == 0
        assert np.array_equal(decoded(thing["segmentation"]), ids == thing["instance"])
        assert coco["categories"][thing["category_id"] - 1]["name"] == {1: "head", 2: "ball"}[thing["instance"]]
        seen += 1
    assert seen == sum(len(np.unique(pixels(path))) - 1 for path in (images / "instances").iterdir())


def test_parts_are_the_classes_of_a_thing(images):
    coco = json.loads((images / "parts.json").read_text())
    names = {image["id"]: image["file_name"] for image in coco["images"]}
    found = set()
    for part in coco["annotations"]:
        name = names[part["image_id"]]
        ids, classes = (pixels(images / name.replace("images/", f"{folder}/")) for folder in ("instances", "masks"))
        mask = (ids == part["instance"]) & (classes == part["category_id"])
        assert np.array_equal(decoded(part["segmentation"]), mask)
        found.add((name, part["instance"], part["category_id"]))
    assert {key[1:] for key in found} == {(1, 1), (1, 2), (2, 3)}
    assert len(found) == len(coco["annotations"])


def decoded(rle):
    """COCO's run lengths, which begin with zeros and run down the columns."""
    values = np.repeat(np.arange(len(rle["counts"])) % 2, rle["counts"])
    return values.reshape(rle["size"], order="F").astype(bool)


def test_landmarks_are_where_a_pinhole_puts_them(images):
    for line in lines(images / "landmarks.jsonl"):
        # The camera is 6 m from the origin and looks at it; the nose is 0.7 m before the origin.
        assert line["points"] == {"nose": pytest.approx([(SIZE - 1) / 2, (SIZE - 1) / 2, 5.3], abs=1e-5)}


def test_captions_and_factors(images, expected):
    values, _ = expected
    captions, table = lines(images / "captions.jsonl"), list(csv.DictReader((images / "factors.csv").open()))
    assert [row["text"] for row in captions] == Blobs().caption(values)
    for k, (caption, row) in enumerate(zip(captions, table, strict=True)):
        assert caption["file_name"] == row["file_name"] == f"images/000{k}.png"
        assert row["index"] == str(40 + k)
        hat = Blobs().factor("hat").choices[values["hat"][k]]
        assert caption["factors"]["hat"] == row["hat"] == hat
        assert np.float32(caption["factors"]["width"]) == np.float32(row["width"]) == values["width"][k].numpy()
        assert np.array_equal(np.float32(caption["factors"]["skin"]), values["skin"][k].numpy())
        assert np.float32(row["skin_2"]) == values["skin"][k, 2].numpy()


def test_metadata_lies_beside_the_pictures(images):
    rows = lines(images / "images/metadata.jsonl")
    assert all((images / "images" / row["file_name"]).is_file() for row in rows)
    assert [row["text"] for row in rows] == [row["text"] for row in lines(images / "captions.jsonl")]


def test_class_folders_are_read_as_classes(tmp_path):
    write(Blobs(), tmp_path / "out", n=30, test=10, size=16, layout="classes", by="hat", truths=["factors"])
    data = load_data(tmp_path / "out")
    assert data.fields["label"].names == ("flat", "none", "tall")
    assert (len(data.train), len(data.test)) == (30, 10)
    table = list(csv.DictReader((tmp_path / "out" / "factors.csv").open()))
    assert all(row["file_name"].split("/")[1] == row["hat"] for row in table)
    of = Simulator(Blobs())
    for split, index in (("train", of.training_index(range(30))), ("test", of.test_index(range(10)))):
        rows = [row for row in table if row["file_name"].startswith(split)]
        assert [int(row["index"]) for row in rows] == index.tolist()


def test_unpaired_domains_share_no_item(tmp_path):
    settings = {"n": 6, "test": 2, "size": 16, "layout": "unpaired", "truths": ["factors"]}
    write(Blobs(), tmp_path / "out", domains=["hat=none", "hat=tall"], **settings)
    table = list(csv.DictReader((tmp_path / "out" / "factors.csv").open()))
    folders = {name: [row for row in table if row["file_name"].startswith(name)] for name in SIDES}
    assert [len(rows) for rows in folders.values()] == [6, 6, 2, 2]
    assert len({row["index"] for row in table}) == 16
    for name, rows in folders.items():
        assert {row["hat"] for row in rows} == {"none" if name.endswith("A") else "tall"}
        assert sorted(f"{name}/{path.name}" for path in (tmp_path / "out" / name).iterdir()) == [
            row["file_name"] for row in rows
        ]


SIDES = ("trainA", "trainB", "testA", "testB")


def test_paired_domains_are_the_same_items(tmp_path):
    settings = {"n": 3, "test": 1, "size": SIZE, "layout": "paired"}
    write(Blobs(), tmp_path / "out", domains=["saturation=0", "hat=tall, saturation=1"], **settings)
    index = Simulator(Blobs()).training_index(range(3))
    for folder, changes in (("trainA", {"saturation": 0}), ("trainB", {"hat": 2, "saturation": 1})):
        _, truth = truth_of(index, **changes)
        for k in range(3):
            assert np.array_equal(pixels(tmp_path / "out" / folder / f"000{k}.png"), colours(truth["rgb"][k]))


def test_halves_of_a_pair_are_its_domains(tmp_path):
    write(Blobs(), tmp_path / "out", n=3, test=1, size=SIZE, layout="sides", domains=["stencil", "hat=flat"])
    index = Simulator(Blobs()).test_index([0])
    whole = pixels(tmp_path / "out" / "test" / "0000.png")
    assert whole.shape == (SIZE, 2 * SIZE, 3)
    voc = np.array([(0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0)], np.uint8)
    assert np.array_equal(whole[:, :SIZE], voc[truth_of(index)[1]["stencil"][0].numpy()])
    assert np.array_equal(whole[:, SIZE:], colours(truth_of(index, hat=1)[1]["rgb"][0]))


def moments(n, rate, index):
    values = Simulator(Blobs(), (SIZE, SIZE)).values(index)
    return [Blobs().scene(values, torch.full((len(index),), t / rate)) for t in range(n)]


def test_clips_keep_their_pixels_and_their_time(tmp_path):
    settings = {"n": 2, "size": SIZE, "layout": "clips", "frames": 4}
    write(Blobs(), tmp_path / "webp", frame_rate=10, **settings)
    write(Blobs(), tmp_path / "frames", frame_rate=10, format="frames", **settings)
    scenes = moments(4, 10, range(2))
    for k in range(2):
        clip = Image.open(tmp_path / f"webp/clips/000{k}.webp")
        assert clip.n_frames == 4
        for t, scene in enumerate(scenes):
            clip.seek(t)
            clip.load()
            expected = colours(render(scene, SIZE)["rgb"][k])
            assert clip.info["duration"] == 100
            assert np.array_equal(np.asarray(clip.convert("RGB")), expected)
            assert np.array_equal(pixels(tmp_path / f"frames/images/000{k}/0{t}.png"), expected)


def test_flow_of_clips(tmp_path):
    write(Blobs(), tmp_path / "out", n=2, size=SIZE, layout="clips", frames=3, frame_rate=5, truths=["flow", "visible"])
    scenes = moments(3, 5, range(2))
    for t in range(2):
        motion, visible = flow(scenes[t], scenes[t + 1], SIZE)
        for k in range(2):
            written = np.load(tmp_path / f"out/flow/000{k}/0{t}.npy")
            assert written.shape == (2, SIZE, SIZE)
            assert np.array_equal(written, motion[k].numpy())
            assert np.array_equal(pixels(tmp_path / f"out/visible/000{k}/0{t}.png") == 255, visible[k].numpy())
    assert not (tmp_path / "out/flow/0000/02.npy").exists()


def test_settings_hold_and_narrow_factors(tmp_path):
    settings = ["width=0.6..0.7", "skin=.1:.2:.3, hat=flat"]
    write(Blobs(), tmp_path / "out", n=8, size=8, settings=settings, truths=["captions"])
    rows = [row["factors"] for row in lines(tmp_path / "out/captions.jsonl")]
    drawn = Simulator(Blobs()).values(range(8))["width"].double().numpy()
    assert {row["hat"] for row in rows} == {"flat"}
    assert all(row["skin"] == pytest.approx([0.1, 0.2, 0.3], abs=1e-7) for row in rows)
    assert [row["width"] for row in rows] == pytest.approx((0.6 + (drawn - 0.5) / 0.4 * 0.1).tolist(), abs=1e-6)


def test_a_correlation_holds_for_all_items_where_there_is_no_split(tmp_path):
    options = {"n": 100, "size": 8, "shadows": False, "correlation": "saturation,width,-1", "truths": ["factors"]}
    write(Blobs(), tmp_path / "out", **options)
    table = list(csv.DictReader((tmp_path / "out/factors.csv").open()))
    x, y = (np.array([float(row[name]) for row in table]) for name in ("saturation", "width"))
    assert np.abs(x + (y - 0.5) / 0.4 - 1).max() < 1e-6


def test_writing_again_gives_the_same_bytes(tmp_path):
    options = {"n": 3, "size": 16, "truths": ["masks", "factors", "boxes"]}
    for name in ("a", "b"):
        write(Blobs(), tmp_path / name, **options)
    for path in (tmp_path / "a").rglob("*.*"):
        assert path.read_bytes() == (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes()


def test_a_folder_that_holds_more_than_was_written_is_kept(tmp_path):
    out = tmp_path / "out"
    write(Blobs(), out, n=2, size=8)
    (out / "images" / "mine.png").write_bytes(b"mine")
    with pytest.raises(UsageError, match=r"also holds 'images/mine.png'"):
        write(Blobs(), out, n=1, size=8, overwrite=True)
    (out / "images" / "mine.png").unlink()
    write(Blobs(), out, n=1, size=8, overwrite=True)
    assert sorted(path.name for path in (out / "images").iterdir()) == ["0000.png"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_link_to_a_folder_stays_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real", target_is_directory=True)
    write(Blobs(), tmp_path / "link", n=1, size=8)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "images" / "0000.png").is_file()


def test_what_fails_midway_leaves_nothing(tmp_path):
    def stop(done, total):
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(Blobs(), tmp_path / "out", n=200, size=8, watch=stop)
    assert not list(tmp_path.iterdir())


def test_progress_counts_every_picture(tmp_path):
    told = []
    options = {"n": 5, "test": 3, "size": 8, "layout": "sides", "domains": ["rgb", "depth"]}
    written = write(Blobs(), tmp_path / "out", watch=lambda *args: told.append(args), **options)
    assert told[0] == (0, 16)
    assert told[-1] == (16, 16)
    assert written.pictures == 16

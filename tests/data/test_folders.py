"""Folders and zips of images: what is found, classes, splits, layouts, bad items, and that names cannot harm."""

import os
import threading
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image

from daedal.data import decoded, helpers
from daedal.data.describe import describe
from daedal.data.fingerprint import item_digests
from daedal.data.folders import arrange, load_image, load_images
from daedal.data.shares import Work
from daedal.data.splits import hashed_split
from daedal.errors import DataError, UsageError
from daedal.spaces import Images, Labels


@pytest.fixture(autouse=True)
def _fresh_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("DAEDAL_CACHE", str(tmp_path / "cache"))


def pixels(seed, shape=(6, 8, 3)):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def put(root, name, array):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)
    return path


@pytest.fixture
def photos(tmp_path):
    """Thirty colour images, 6x8, in one folder."""
    for k in range(30):
        put(tmp_path / "photos", f"{k:02d}.png", pixels(k))
    return tmp_path / "photos"


def values(data):
    return data.train.columns["x"].values


def test_a_flat_folder(photos):
    data = load_images(photos)
    assert data.name == "photos"
    assert data.fields == {"x": Images(3, 6, 8)}
    np.testing.assert_array_equal(values(data), np.stack([pixels(k).transpose(2, 0, 1) for k in range(30)]))
    item = data.test[0]["x"]
    k = int(data.test.rows[0])
    torch.testing.assert_close(item, torch.from_numpy(pixels(k).transpose(2, 0, 1) / 127.5 - 1).float())


def test_the_split_is_by_content_and_keeps_duplicates_together(photos):
    for k in range(30):
        put(photos, f"again/{k:02d}.png", pixels(k))
    data = load_images(photos)
    train, test = hashed_split(item_digests(values(data)))
    assert data.train.rows.tolist() == train.tolist()
    assert data.test.rows.tolist() == test.tolist()
    content = {side: {values(data)[i].tobytes() for i in rows} for side, rows in (("a", train), ("b", test))}
    assert not content["a"] & content["b"]


@pytest.mark.parametrize("other", [pixels(99), np.arange(48, dtype=np.uint16).reshape(6, 8)])
def test_a_file_that_widens_all_others_moves_none_of_them(tmp_path, other):
    for k in range(60):
        put(tmp_path / "grey", f"{k:02d}.png", pixels(k, (6, 8)))
    before = load_images(tmp_path / "grey")
    put(tmp_path / "grey", "zz.png", other)
    after = load_images(tmp_path / "grey")
    assert values(after)[0].nbytes > values(before)[0].nbytes
    assert [row for row in after.test.rows if row < 60] == before.test.rows.tolist()


def test_equal_images_of_8_and_16_bits_are_on_one_side(tmp_path):
    for k in range(20):
        put(tmp_path / "grey", f"{k:02d}a.png", pixels(k, (6, 8)))
        put(tmp_path / "grey", f"{k:02d}b.png", pixels(k, (6, 8)).astype(np.uint16) * 257)
    data = load_images(tmp_path / "grey")
    assert {row // 2 for row in data.train.rows}.isdisjoint(row // 2 for row in data.test.rows)


def test_class_folders_become_labels_in_order_of_names(tmp_path):
    for k, name in enumerate(["zebra/1.png", "ant/deep/er/1.png", "zebra/x/2.png", "bee/1.png"]):
        put(tmp_path / "zoo", name, pixels(k))
    data = load_images(tmp_path / "zoo")
    assert data.fields["label"] == Labels(3, names=("ant", "bee", "zebra"))
    assert data.train.columns["label"].values.tolist() == [0, 1, 2, 2]  # ant/deep, bee, zebra/1, zebra/x
    np.testing.assert_array_equal(values(data)[0], pixels(1).transpose(2, 0, 1))


def test_classes_are_those_of_the_whole_folder_however_few_items_are_taken(tmp_path):
    for k in range(12):
        put(tmp_path / "zoo", f"class{k:02d}/1.png", pixels(k))
    data = load_images(tmp_path / "zoo", n=3, seed=1)
    assert data.fields["label"].classes == 12
    assert len(values(data)) == 3
    assert load_images(tmp_path / "zoo", n=3, seed=1).fingerprint == data.fingerprint
    assert load_images(tmp_path / "zoo", n=3, seed=2).fingerprint != data.fingerprint


@pytest.mark.parametrize(
    ("names", "labels", "splits"),
    [
        (["a/1.png", "b/1.png"], ["a", "b"], None),
        (["a/1.png", "a/2.png"], None, None),
        (["a/1.png", "b/1.png", "stray.png"], None, None),
        (["all/a/1.png", "all/b/1.png"], ["a", "b"], None),
        (["train/1.png", "test/1.png"], None, ["train", "test"]),
        (["Train/cat/1.png", "Val/dog/1.png"], ["cat", "dog"], ["train", "test"]),
        (["train/1.png", "val/1.png", "test/1.png"], None, ["train", "unused", "test"]),
        (["train/a/1.png", "train/b/1.png"], ["a", "b"], None),
        (["train/1.png", "plane/1.png"], ["train", "plane"], None),
        (["val/1.png", "test/1.png"], ["val", "test"], None),
        (["train/a/1.png", "train/b/1.png", "test/1.png"], None, ["train", "train", "test"]),
        (["train/images/a/1.png", "test/images/b/1.png"], ["a", "b"], ["train", "test"]),
        (["AC\\DC/1.png", "AC\\ME/1.png"], ["AC\\DC", "AC\\ME"], None),
    ],
)
def test_what_folders_say(names, labels, splits):
    places = arrange(names)
    assert places.labels == labels
    assert places.splits == splits


def test_a_published_split_is_used(tmp_path):
    root = tmp_path / "set"
    for k, name in enumerate(["test/a/1.png", "train/a/1.png", "train/b/1.png", "train/b/2.png", "val/a/9.png"]):
        put(root, name, pixels(k))
    data = load_images(root)
    assert data.test.gather([0])["label"].tolist() == [0]
    assert values(data)[data.test.rows].tobytes() == pixels(0).transpose(2, 0, 1).tobytes()
    assert data.train.gather(range(3))["label"].tolist() == [0, 1, 1]
    assert data.notes["unused"] == 1
    assert len(values(data)) == 4


def test_grey_folders_have_one_channel_and_one_coloured_image_makes_three(photos, tmp_path):
    for k in range(40):
        put(tmp_path / "grey", f"{k:02d}.png", np.repeat(pixels(k, (6, 8, 1)), 3, axis=2))
    grey = load_images(tmp_path / "grey")
    assert grey.fields["x"] == Images(1, 6, 8)
    np.testing.assert_array_equal(values(grey)[7, 0], pixels(7, (6, 8, 1))[..., 0])
    put(tmp_path / "grey", "38.png", pixels(1))
    mixed = load_images(tmp_path / "grey")
    assert mixed.fields["x"] == Images(3, 6, 8)
    np.testing.assert_array_equal(values(mixed)[7], np.repeat(pixels(7, (6, 8, 1)), 3, axis=2).transpose(2, 0, 1))
    assert load_images(tmp_path / "grey", channels=1).fields["x"].channels == 1
    assert load_images(tmp_path / "grey", channels=4).fields["x"].channels == 4


def test_a_layout_that_the_sample_did_not_show_is_widened(tmp_path, monkeypatch):
    monkeypatch.setattr(decoded, "SAMPLE", 1)
    monkeypatch.setattr(helpers, "SHARE_FILES", 4)
    for k in range(11):
        put(tmp_path / "mixed", f"{k:02d}.png", pixels(k, (6, 8)))
    deep = np.arange(48, dtype=np.uint16).reshape(6, 8) * 1000
    put(tmp_path / "mixed", "07.png", deep)
    put(tmp_path / "mixed", "09.png", pixels(9))
    data = load_images(tmp_path / "mixed")
    assert data.fields["x"] == Images(3, 6, 8, 65536)
    assert values(data).dtype == np.uint16
    np.testing.assert_array_equal(values(data)[7], np.stack([deep] * 3))
    np.testing.assert_array_equal(values(data)[9], pixels(9).transpose(2, 0, 1).astype(int) * 257)
    np.testing.assert_array_equal(values(data)[0, 2], pixels(0, (6, 8)).astype(int) * 257)
    assert data.train.gather([0])["x"].abs().max() <= 1


def test_mirrored_copies_are_in_the_training_split_only(photos):
    plain, data = load_images(photos), load_images(photos, mirror=True)
    n = len(plain.train)
    assert len(data.train) == 2 * n
    assert len(data.test) == len(plain.test)
    x = data.train.gather(range(2 * n))["x"]
    torch.testing.assert_close(x[n:], x[:n].flip(-1))
    torch.testing.assert_close(x[:n], plain.train.gather(range(n))["x"])
    assert data.fingerprint != plain.fingerprint


def test_sizes_that_differ_need_a_size_and_the_message_says_so(photos):
    for k in range(3):
        put(photos, f"wide{k}.png", pixels(k, (6, 20, 3)))
    with pytest.raises(DataError, match=r"2 sizes, height x width: 6x8 \(30\), 6x20 \(3\); .* --size 64"):
        load_images(photos)
    assert load_images(photos, size="4x5").fields["x"] == Images(3, 4, 5)
    assert load_images(photos, size=4, fit="pad").fields["x"] == Images(3, 4, 4)


def test_helpers_decode_the_same(photos, monkeypatch):
    alone = values(load_images(photos)).copy()
    monkeypatch.setattr(helpers, "SHARE_FILES", 2)
    monkeypatch.setattr(helpers, "_count_helpers", lambda files, encoded: 1)
    begin, main = Work._all, threading.main_thread()

    def late(work, do):
        if threading.current_thread() is not main or len(work.left) <= 12:
            begin(work, do)

    monkeypatch.setattr(Work, "_all", late)
    here = []
    monkeypatch.setattr(helpers, "decode_share", lambda *args: here.append(args) or pytest.fail("decoded here"))
    (photos / "00.png").touch()  # another entry
    np.testing.assert_array_equal(values(load_images(photos)), alone)
    assert not here


def test_a_helper_that_does_not_start_is_done_without(photos, monkeypatch):
    monkeypatch.setattr(helpers, "_count_helpers", lambda files, encoded: 2)
    monkeypatch.setattr(helpers, "_PROGRAM", "raise SystemExit(1)")
    assert len(values(load_images(photos))) == 30


def test_a_full_disk_in_a_helper_is_the_callers_error(photos, monkeypatch, tmp_path):
    monkeypatch.setattr(helpers, "_count_helpers", lambda files, encoded: 1)
    begin, main = Work._all, threading.main_thread()
    monkeypatch.setattr(Work, "_all", lambda work, do: threading.current_thread() is main or begin(work, do))
    monkeypatch.setattr(helpers, "_PROGRAM", 'input(); print(\'{"errno": 28, "message": "No space left on device"}\')')
    with pytest.raises(DataError, match=r"is full .*DAEDAL_CACHE"):
        load_images(photos)
    assert not [p for p in (tmp_path / "cache" / "images").iterdir() if p.suffix != ".lock"]


def bad_folder(root):
    for k in range(4):
        put(root, f"good{k}.png", pixels(k))
    (root / "empty.jpg").touch()
    (root / "text.png").write_text("no image")
    whole = put(root, "cut.jpg", pixels(9, (60, 80, 3))).read_bytes()
    (root / "cut.jpg").write_bytes(whole[:1000])
    return root


def test_bad_images_stop_with_their_list(tmp_path):
    root = bad_folder(tmp_path / "bad")
    with pytest.raises(DataError) as caught:
        load_images(root)
    assert str(caught.value).startswith(f"3 of 7 images in '{root}' cannot be used; ")
    assert "--skip-bad" in str(caught.value)
    problems = caught.value.problems
    assert [problem.split(":")[0] for problem in problems] == ["cut.jpg", "empty.jpg", "text.png"]
    assert "truncated" in problems[0]
    assert str(caught.value).endswith(f"{problems[0]};\n  {problems[1]};\n  {problems[2]}.")
    assert not list((tmp_path / "cache").glob("images/*/entry.json"))


def test_skipped_images_are_counted_and_the_rest_is_in_order(tmp_path):
    root = bad_folder(tmp_path / "bad")
    data = load_images(root, skip_bad=True)
    np.testing.assert_array_equal(values(data), np.stack([pixels(k).transpose(2, 0, 1) for k in range(4)]))
    assert data.notes["skipped"] == 3
    assert len(data.notes["problems"]) == 3
    with pytest.raises(DataError):  # what is cached without them does not hide them
        load_images(root)


def test_a_mended_image_is_seen_although_size_and_time_are_the_same(tmp_path, photos):
    path = photos / "03.png"
    state = path.stat()
    whole = path.read_bytes()
    path.write_bytes(bytes(len(whole)))
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert load_images(photos, skip_bad=True).notes["skipped"] == 1
    path.write_bytes(whole)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert load_images(photos).notes["skipped"] == 0


def test_heic_is_named_as_what_it_is(photos):
    (photos / "phone.HEIC").write_bytes(b"\0\0\0\x18ftypheic")
    with pytest.raises(DataError, match=r"phone.HEIC: HEIC, which is not read; convert it to JPEG"):
        load_images(photos)


def test_many_problems_are_all_kept_and_twenty_shown(tmp_path):
    for k in range(25):
        (tmp_path / f"{k:02d}.png").write_text("x")
    put(tmp_path, "good.png", pixels(0))
    with pytest.raises(DataError, match="and 5 more") as caught:
        load_images(tmp_path)
    assert len(caught.value.problems) == 25


@pytest.mark.parametrize("skip_bad", [False, True])
def test_nothing_but_bad_images(tmp_path, skip_bad):
    root = tmp_path / "bad"
    root.mkdir()
    for k in range(40):
        (root / f"{k}.png").write_text("x")
    with pytest.raises(DataError, match="None of the 40 images") as caught:
        load_images(root, skip_bad=skip_bad)
    assert len(caught.value.problems) == 40


@pytest.mark.parametrize("side", ["train", "test"])
def test_a_published_split_of_which_one_side_is_all_bad(tmp_path, side):
    for k in range(2):
        put(tmp_path / "set", f"train/{k}.png", pixels(k))
        put(tmp_path / "set", f"test/{k}.png", pixels(k + 5))
        (tmp_path / "set" / side / f"{k}.png").write_text("x")
    with pytest.raises(DataError, match=r"No (training|test) image"):
        load_images(tmp_path / "set", skip_bad=True)


def test_folders_without_images(tmp_path):
    root = tmp_path / "void"
    root.mkdir()
    with pytest.raises(DataError, match="holds no images; "):
        load_images(root)
    (root / "notes.txt").write_text("hello")
    (root / ".hidden.png").write_text("x")
    with pytest.raises(DataError, match=r"holds no images \(but other files, such as 'notes.txt'\)"):
        load_images(root)
    with pytest.raises(FileNotFoundError, match="does not exist"):
        load_images(tmp_path / "nowhere")


def test_what_is_no_image_or_hidden_is_passed_over(photos):
    (photos / "notes.txt").write_text("hello")
    (photos / ".DS_Store").write_bytes(b"\0")
    put(photos, ".thumbnails/1.png", pixels(1, (3, 3)))
    put(photos, "__MACOSX/2.png", pixels(1, (3, 3)))
    assert len(values(load_images(photos))) == 30


def test_runs_that_training_wrote_among_the_images_are_passed_over_and_counted(photos):
    before = load_images(photos)
    for name, file in (("runs/vae", "training/run.json"), ("cats/saved", "weights.safetensors")):
        put(photos, f"{name}/samples/1.png", pixels(1, (3, 3)))
        (photos / name / file).parent.mkdir(exist_ok=True)
        (photos / name / file).write_text("")
        (photos / name / "system.json").write_text("{}")
    data = load_images(photos)
    assert data.fingerprint == before.fingerprint
    assert list(data.fields) == ["x"]
    assert (before.notes["runs"], data.notes["runs"]) == (0, 2)
    assert "2 folders that training wrote" in str(describe(data))


def test_a_folder_that_only_looks_like_a_run_is_read(photos):
    put(photos, "cats/1.png", pixels(99))
    (photos / "cats" / "system.json").write_text("{}")
    assert len(values(load_images(photos))) == 31


def test_a_run_that_is_named_itself_is_read(photos):
    (photos / "system.json").write_text("{}")
    (photos / "training").mkdir()
    assert len(values(load_images(photos))) == 30


def test_links_to_folders_are_not_followed_and_pipes_not_opened(photos, tmp_path):
    elsewhere = put(tmp_path / "elsewhere", "1.png", pixels(99)).parent
    (photos / "linked").symlink_to(elsewhere)
    (photos / "loop").symlink_to(photos)
    (photos / "folder.png").symlink_to(elsewhere)
    (photos / "one.png").symlink_to(elsewhere / "1.png")
    assert len(values(load_images(photos))) == 31
    (photos / "gone.png").symlink_to(tmp_path / "gone")
    os.mkfifo(photos / "pipe.png")
    with pytest.raises(DataError) as caught:
        load_images(photos)
    assert [problem.split(":")[0] for problem in caught.value.problems] == ["gone.png", "pipe.png"]


def test_names_are_escaped_in_messages_and_classes(tmp_path):
    root = tmp_path / "photos"
    for k, name in enumerate(["a\x1b[31m/1.png", "b\nc/1.png"]):
        put(root, name, pixels(k))
    (root / "b\nc" / "\u202egnp.png").write_text("x")
    (root / "b\nc").joinpath(os.fsdecode(b"\xff.png")).write_text("x")
    with pytest.raises(DataError) as caught:
        load_images(root)
    assert all(problem.isprintable() for problem in caught.value.problems)
    assert "\x1b" not in str(caught.value)
    data = load_images(root, skip_bad=True)
    assert data.fields["label"].names == ("a\\x1b[31m", "b\\nc")


def test_a_bomb_in_a_folder(photos, monkeypatch):
    put(photos, "bomb.png", pixels(0, (10, 12, 3)))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(DataError, match=r"bomb.png: more pixels than the limit of 100"):
        load_images(photos)


def test_a_zip_is_read_like_the_folder_and_not_unpacked(tmp_path, monkeypatch):
    for k, name in enumerate(["top/ant/1.png", "top/bee/1.png", "top/bee/2.png"]):
        put(tmp_path / "zoo", name, pixels(k))
    with zipfile.ZipFile(tmp_path / "zoo.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted((tmp_path / "zoo").rglob("*")):
            archive.write(path, path.relative_to(tmp_path / "zoo"))
        archive.writestr("__MACOSX/top/ant/._1.png", b"\0")
        archive.writestr("top/readme.txt", "hello")
    for name in ("extract", "extractall"):
        monkeypatch.setattr(zipfile.ZipFile, name, lambda *args: pytest.fail("unpacked"))
    folder, zipped = load_images(tmp_path / "zoo"), load_images(tmp_path / "zoo.zip")
    assert zipped.fields["label"].names == ("ant", "bee")
    assert zipped.fingerprint == folder.fingerprint
    np.testing.assert_array_equal(values(zipped), values(folder))


def test_a_damaged_member_of_a_zip_is_a_bad_image(tmp_path):
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        for k in range(3):
            archive.write(put(tmp_path, f"{k}.png", pixels(k)), f"{k}.png")
    raw = bytearray((tmp_path / "z.zip").read_bytes())
    raw[100] ^= 0xFF  # in the first member
    (tmp_path / "z.zip").write_bytes(raw)
    with pytest.raises(DataError) as caught:
        load_images(tmp_path / "z.zip")
    assert caught.value.problems == ["0.png: damaged (Bad CRC-32 for file '0.png')"]
    assert len(values(load_images(tmp_path / "z.zip", skip_bad=True))) == 2


@pytest.mark.parametrize(
    "options",
    [
        {"size": "8 by 8"},
        {"size": 0},
        {"channels": 2},
        {"fit": "fill"},
        {"background": "#12"},
        {"n": 0},
        {"mirror": "y"},
    ],
)
def test_options_that_cannot_be_used(photos, options):
    with pytest.raises(UsageError, match=f"'{next(iter(options))}' must be"):
        load_images(photos, **options)


def test_one_image_for_a_space(tmp_path):
    path = put(tmp_path, "x.png", pixels(0, (8, 8, 3)))
    exact = load_image(path, Images(3, 8, 8))
    torch.testing.assert_close(exact[0], torch.from_numpy(pixels(0, (8, 8, 3)).transpose(2, 0, 1) / 127.5 - 1).float())
    coarse = load_image(path, Images(1, 4, 4, levels=17))
    assert coarse.shape == (1, 1, 4, 4)
    torch.testing.assert_close((coarse + 1) * 8, ((coarse + 1) * 8).round())
    (tmp_path / "no.png").write_text("x")
    with pytest.raises(DataError, match="not an image"):
        load_image(tmp_path / "no.png", Images(1, 4, 4))
    with pytest.raises(FileNotFoundError):
        load_image(tmp_path / "gone.png", Images(1, 4, 4))

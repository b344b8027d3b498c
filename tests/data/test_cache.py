"""The cache: whole entries or none, whatever happens to the process, the disk or the files."""

import os
import resource
import signal
import threading

import numpy as np
import pytest
from PIL import Image

from daedal.data.cache import RECORD, Draft, cache_folder, cached, require_space
from daedal.data.fingerprint import item_digests
from daedal.data.folders import load_images
from daedal.errors import DataError

ITEMS = np.arange(60, dtype=np.uint8).reshape(5, 3, 2, 2)


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("DAEDAL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "images"


class Builder:
    """Fills a draft and counts how often."""

    def __init__(self, items=ITEMS):
        self.items, self.times = items, 0

    def __call__(self, draft: Draft):
        self.times += 1
        draft.put("values", self.items)
        draft.put("digests", np.frombuffer(b"".join(item_digests(self.items)), np.uint8).reshape(-1, 32))
        return {"note": "kept"}


def entries(place):
    return [path for path in place.iterdir() if path.suffix != ".lock"] if place.exists() else []


def in_child(work):
    """What `work` returns, as text, run in a forked process."""
    read, write = os.pipe()
    if (child := os.fork()) == 0:
        try:
            os.write(write, str(work()).encode())
        finally:
            os._exit(0)
    os.close(write)
    os.waitpid(child, 0)
    with open(read, "rb") as answer:
        return answer.read().decode()


def test_an_entry_is_built_once_and_read_only():
    builder = Builder()
    for _ in range(3):
        entry = cached("images", {"a": 1}, builder)
    np.testing.assert_array_equal(entry.arrays["values"], ITEMS)
    assert entry.notes == {"note": "kept"}
    assert builder.times == 1
    assert not entry.arrays["values"].flags.writeable
    cached("images", {"a": 2}, builder)
    assert builder.times == 2


def test_where_it_lies(monkeypatch, tmp_path):
    assert cache_folder() == tmp_path / "cache"
    monkeypatch.setenv("DAEDAL_CACHE", "")
    assert cache_folder().name == "daedal"


def test_a_build_that_fails_leaves_nothing(place):
    def fail(draft):
        Builder()(draft)
        raise DataError("bad images")

    with pytest.raises(DataError, match="bad images"):
        cached("images", 1, fail)
    assert entries(place) == []


def damage_cut(entry):
    os.truncate(entry / "values.raw", 30)


def damage_half_record(entry):
    os.truncate(entry / RECORD, (entry / RECORD).stat().st_size // 2)


def damage_no_record(entry):
    (entry / RECORD).unlink()


def damage_record_of_another(entry):
    text = (entry / RECORD).read_text()
    (entry / RECORD).write_text(text.replace("[5, 3, 2, 2]", "[5, 2, 3, 2]"))


def damage_missing(entry):
    (entry / "digests.raw").unlink()


def damage_bit(entry):
    values = bytearray((entry / "values.raw").read_bytes())
    values[17] ^= 1
    (entry / "values.raw").write_bytes(values)


def damage_small(entry):
    digests = bytearray((entry / "digests.raw").read_bytes())
    digests[3] ^= 1
    (entry / "digests.raw").write_bytes(digests)


def damage_empty(entry):
    for path in entry.iterdir():
        path.write_bytes(b"")


DAMAGES = [damage for name, damage in dict(globals()).items() if name.startswith("damage_")]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_entry_is_built_anew(place, damage):
    builder = Builder()
    cached("images", 1, builder)
    damage(entries(place)[0])
    np.testing.assert_array_equal(cached("images", 1, builder).arrays["values"], ITEMS)
    assert builder.times == 2
    cached("images", 1, builder)
    assert builder.times == 2


def test_a_copied_entry_is_checked_and_used(place):
    builder = Builder()
    cached("images", 1, builder)
    os.utime(entries(place)[0] / "values.raw", (1, 1))
    cached("images", 1, builder)
    assert builder.times == 1


def test_of_threads_and_processes_one_builds(place, tmp_path):
    log = tmp_path / "log"

    def build(draft):
        with open(log, "a") as file:
            file.write("built\n")
        return Builder()(draft)

    children = []
    for _ in range(4):
        if (child := os.fork()) == 0:
            try:
                cached("images", 1, build)
            finally:
                os._exit(0)
        children.append(child)
    threads = [threading.Thread(target=cached, args=("images", 1, build)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for child in children:
        os.waitpid(child, 0)
    assert log.read_text() == "built\n"
    assert len(entries(place)) == 1


def test_what_a_killed_process_leaves_is_built_anew(place):
    def die(draft):
        draft.put("values", ITEMS)
        os.kill(os.getpid(), signal.SIGKILL)

    in_child(lambda: cached("images", 1, die))
    assert [path.suffix for path in entries(place)] == [".building"]
    builder = Builder()
    cached("images", 1, builder)
    assert builder.times == 1
    assert [path.suffix for path in entries(place)] == [""]


def test_a_cache_that_cannot_be_written(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DAEDAL_CACHE", str(tmp_path / "file" / "below"))  # as root, permissions refuse nothing
    with pytest.raises(DataError, match=r"cannot be written .*; set DAEDAL_CACHE to a folder"):
        cached("images", 1, Builder())


def test_an_entry_is_used_where_nothing_can_be_written(place, monkeypatch):
    cached("images", 1, Builder())
    import filelock

    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(filelock, "FileLock", refuse)
    cached("images", 1, Builder())
    with pytest.raises(DataError, match="Permission denied"):
        cached("images", 2, Builder())


def test_a_full_disk_is_one_sentence_and_leaves_nothing(place, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (40, 64, 64, 3), dtype=np.uint8)
    for k, pixels in enumerate(noise):
        Image.fromarray(pixels).save(folder / f"{k}.png")

    def work():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        try:
            return load_images(folder)
        except DataError as error:
            return error

    message = in_child(work)
    assert "is full" in message
    assert "set DAEDAL_CACHE" in message
    assert "\n" not in message
    assert entries(place) == []
    assert len(load_images(folder).train.columns["x"].values) == 40


def test_room_is_asked_for_before_decoding(place):
    place.mkdir(parents=True)
    require_space(1)
    with pytest.raises(DataError, match=r"take 1048576.0 GiB .*--size .*DAEDAL_CACHE"):
        require_space(1 << 50)


def test_loading_again_decodes_nothing_until_a_file_changes(tmp_path, monkeypatch):
    from daedal.data import decoding

    folder = tmp_path / "photos"
    folder.mkdir()
    for k in range(5):
        Image.new("RGB", (4, 4), (k, 9 * k, 7)).save(folder / f"{k}.png")
    decoded = []
    decode = decoding.decode
    monkeypatch.setattr(decoding, "decode", lambda data, how: decoded.append(how) or decode(data, how))
    first = load_images(folder)
    seen = len(decoded)
    assert load_images(folder).fingerprint == first.fingerprint
    assert load_images(folder, mirror=True, skip_bad=True).notes == first.notes
    assert len(decoded) == seen
    for options in ({"size": 2}, {"channels": 4}, {"size": 2, "fit": "pad"}, {"background": "red"}):
        load_images(folder, **options)
        assert len(decoded) > seen
        seen = len(decoded)
    Image.new("RGB", (4, 4), (200, 1, 1)).save(folder / "0.png")
    os.utime(folder / "0.png", ns=(1, 1))
    assert load_images(folder).fingerprint != first.fingerprint

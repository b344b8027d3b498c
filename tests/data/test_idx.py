"""MNIST's IDX files: bytes laid out as published are read back, whatever their names; damage is named."""

import gzip
import struct

import numpy as np
import pytest

from daedal.data import load_data
from daedal.errors import DataError
from daedal.spaces import Images, Labels

RANDOM = np.random.default_rng(0)
IMAGES = {side: RANDOM.integers(0, 256, (n, 28, 28), np.uint8) for side, n in (("train", 12), ("t10k", 5))}
LABELS = {side: RANDOM.integers(0, 10, len(images)).astype(np.uint8) for side, images in IMAGES.items()}


def idx(values, code=8):
    head = struct.pack(f">BBBB{values.ndim}I", 0, 0, code, values.ndim, *values.shape)
    return head + values.tobytes()


def write(folder, mark="-", gzipped=False, **replaced):
    for side in IMAGES:
        for kind, values, dims in (("images", IMAGES[side], 3), ("labels", LABELS[side], 1)):
            data = replaced.get(f"{side}_{kind}", idx(values))
            name = f"{side}-{kind}{mark}idx{dims}-ubyte" + (".gz" if gzipped else "")
            if data is not None:
                (folder / name).write_bytes(gzip.compress(data) if gzipped else data)
    return f"mnist:{folder}"


@pytest.mark.parametrize("mark", ["-", "."])
@pytest.mark.parametrize("gzipped", [False, True])
def test_the_files_are_read_as_published(tmp_path, mark, gzipped):
    data = load_data(write(tmp_path, mark, gzipped))
    assert data.fields == {"x": Images(1, 28, 28, 256), "label": Labels(10)}
    for split, side in ((data.train, "train"), (data.test, "t10k")):
        items = split.gather(range(len(split)))
        assert (data.fields["x"].to_levels(items["x"])[:, 0].numpy() == IMAGES[side]).all()
        assert (items["label"].numpy() == LABELS[side]).all()
    assert data.name == "mnist"


def test_size_channels_and_number(tmp_path):
    data = load_data(write(tmp_path), size=32, channels=3, n=10)
    assert data.fields["x"] == Images(3, 32, 32)
    assert (len(data.train), len(data.test)) == (7, 3)


def test_it_can_be_loaded_again_from_elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path)
    data = load_data("mnist:.", n=9)
    monkeypatch.chdir("/")
    assert load_data(**data.source).fingerprint == data.fingerprint


def test_relatives_may_have_more_classes(tmp_path):
    data = load_data(write(tmp_path, t10k_labels=idx(np.array([26, 1, 1, 1, 1], np.uint8))))
    assert data.fields["label"] == Labels(27)


GOOD = idx(IMAGES["train"])


@pytest.mark.parametrize(
    ("replaced", "message"),
    [
        ({"train_images": b"\x00\x00\x08\x01" + GOOD[4:]}, "begins with 00000801 where .* begins with 00000803"),
        ({"train_images": idx(IMAGES["train"], code=9)}, "begins with 00000903"),
        ({"train_labels": b""}, "begins with nothing"),
        ({"train_images": GOOD[:10]}, "cut short: 6 bytes are missing"),
        ({"train_images": GOOD[:-3]}, "cut short: 3 bytes are missing"),
        ({"train_images": GOOD[:4] + b"\xff" * 12 + GOOD[16:]}, "cut short"),
        ({"train_images": GOOD + b"x"}, "goes on after the 12 items"),
        ({"train_labels": idx(LABELS["train"][:-1])}, "12 images in .* and 11 labels in"),
        ({"t10k_images": idx(IMAGES["t10k"][:, 1:])}, "differ in size"),
        ({"t10k_images": idx(IMAGES["t10k"][:0]), "t10k_labels": idx(LABELS["t10k"][:0])}, "holds no images"),
    ],
)
@pytest.mark.parametrize("gzipped", [False, True])
def test_damage_is_named(tmp_path, replaced, message, gzipped):
    with pytest.raises(DataError, match=message):
        load_data(write(tmp_path, gzipped=gzipped, **replaced))


def test_damaged_gzip_is_named(tmp_path):
    source = write(tmp_path, gzipped=True)
    path = tmp_path / "train-images-idx3-ubyte.gz"
    whole = path.read_bytes()
    for data, message in ((whole[:-100], "cut short"), (b"plain" + whole, "no gzip"), (whole[:99] + whole[:99], "")):
        path.write_bytes(data)
        with pytest.raises(DataError, match=rf"'train-images-idx3-ubyte\.gz'.*{message}.*get the file again"):
            load_data(source)


def test_missing_files_are_named(tmp_path):
    source = write(tmp_path, t10k_labels=None)
    with pytest.raises(FileNotFoundError, match=r"lacks t10k-labels-idx1-ubyte \(or t10k-labels-idx1-ubyte\.gz\)"):
        load_data(source)
    with pytest.raises(FileNotFoundError, match="is no folder; write mnist:DIR"):
        load_data(f"mnist:{tmp_path}/nowhere")

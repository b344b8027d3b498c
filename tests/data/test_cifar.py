"""CIFAR-10 in both published forms; a pickle that names anything but arrays is refused, and nothing in it runs."""

import pickle
import struct

import numpy as np
import pytest

from daedal.data import load_data
from daedal.data.cifar import NAMES, restricted_loads
from daedal.errors import DataError
from daedal.spaces import Images, Labels

RANDOM = np.random.default_rng(0)
BATCHES = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
PIXELS = {name: RANDOM.integers(0, 256, (3, 3072), np.uint8) for name in BATCHES}
CLASSES = {name: RANDOM.integers(0, 10, 3).tolist() for name in BATCHES}


def python2_pickle(pixels, classes):
    """The opcodes of a published batch: protocol 2 as Python 2 and numpy 1 wrote it, all strings of bytes."""

    def text(data):
        return b"T" + struct.pack("<I", len(data)) + data if len(data) > 255 else b"U" + bytes([len(data)]) + data

    rows, columns = pixels.shape
    integer = [b"K" + bytes([n]) if n < 256 else b"M" + struct.pack("<H", n) for n in (rows, columns, *classes)]
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85" + text(b"b") + b"\x87R"
        b"(K\x01" + integer[0] + integer[1] + b"\x86"
        b"cnumpy\ndtype\n" + text(b"u1") + b"K\x00K\x01\x87R(K\x03" + text(b"|") + b"NNN"
        b"J\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89" + text(pixels.tobytes()) + b"tb"
    )
    labels = b"](" + b"".join(integer[2:]) + b"e"
    return b"\x80\x02}(" + text(b"data") + array + text(b"labels") + labels + b"u."


def write_python(folder, protocol=None, meta=True, **replaced):
    for name in BATCHES:
        if protocol is None:
            data = python2_pickle(PIXELS[name], CLASSES[name])
        else:
            data = pickle.dumps({"data": PIXELS[name], "labels": CLASSES[name]}, protocol=protocol)
        data = replaced.get(name, data)
        if data is not None:
            (folder / name).write_bytes(data)
    if meta:
        (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": [n.upper() for n in NAMES]}, protocol=2))
    return f"cifar10:{folder}"


def write_binary(folder, **replaced):
    for name in BATCHES:
        records = np.concatenate([np.array(CLASSES[name], np.uint8)[:, None], PIXELS[name]], axis=1)
        (folder / f"{name}.bin").write_bytes(replaced.get(name, records.tobytes()))
    (folder / "batches.meta.txt").write_text("\n".join(n.upper() for n in NAMES) + "\n\n")
    return f"cifar10:{folder}"


def check(data):
    assert data.fields == {"x": Images(3, 32, 32, 256), "label": Labels(10, names=tuple(n.upper() for n in NAMES))}
    for split, names in ((data.train, BATCHES[:5]), (data.test, BATCHES[5:])):
        items = split.gather(range(len(split)))
        pixels = np.concatenate([PIXELS[name] for name in names]).reshape(-1, 3, 32, 32)
        assert (data.fields["x"].to_levels(items["x"]).numpy() == pixels).all()
        assert items["label"].tolist() == [k for name in names for k in CLASSES[name]]


def test_binary_batches(tmp_path):
    check(load_data(write_binary(tmp_path)))


@pytest.mark.parametrize("protocol", [None, 0, 1, 2, 3, 4, 5])
def test_python_batches(tmp_path, protocol):
    check(load_data(write_python(tmp_path, protocol)))


def test_what_was_written_by_hand_is_what_pickle_reads():
    """Guards the test itself: Python's own unpickler reads the bytes made above as a published batch."""
    batch = pickle.loads(python2_pickle(PIXELS["test_batch"], CLASSES["test_batch"]), encoding="bytes")
    assert (batch[b"data"] == PIXELS["test_batch"]).all()
    assert batch[b"labels"] == CLASSES["test_batch"]


def test_both_forms_have_one_fingerprint(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    marks = {load_data(write_binary(tmp_path / "a")).fingerprint, load_data(write_python(tmp_path / "b")).fingerprint}
    assert len(marks) == 1


def test_without_a_file_of_names_the_published_ones_hold(tmp_path):
    assert load_data(write_python(tmp_path, meta=False)).fields["label"].names == NAMES


class Runs:
    """Unpickled by Python, it would make a file."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return open, (self.path, "w")


def dangerous(path):
    """Pickles that do something when read by Python, in many guises."""
    yield from (pickle.dumps(Runs(path), protocol=p) for p in range(6))
    yield pickle.dumps({"data": [Runs(path)], "labels": [0]})
    yield pickle.dumps(np.array([Runs(path)], dtype=object))
    yield b'c__builtin__\neval\n(S\'open("%s", "w")\'\ntR.' % str(path).encode()
    yield b"cbuiltins\ngetattr\n(cnumpy\ndtype\nS'__class__'\ntR."
    yield b"(S'true'\nios\nsystem\n."  # INST
    yield b"(cos\nsystem\nS'true'\no."  # OBJ
    yield b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R."  # STACK_GLOBAL
    yield b"\x80\x02cposix\nsystem\nU\x04true\x85\x81."  # NEWOBJ
    yield b"\x80\x02ccopy_reg\n_reconstructor\n(cos\nPathLike\nc__builtin__\nobject\nNtR."
    yield b"\x80\x04\x8c\x0bnumpy.dtype\x8c\x08__call__\x93."
    yield b"cnumpy\ncore.multiarray.os.system\n(S'true'\ntR."
    yield b"Popen\n."  # a persistent id


def test_nothing_in_a_pickle_runs(tmp_path):
    for data in dangerous(tmp_path / "made"):
        with pytest.raises(DataError):
            restricted_loads(data)
    assert not (tmp_path / "made").exists()


def test_a_key_nested_without_end_does_not_overflow_the_stack():
    nested = b")" + b"\x85" * 200_000
    for data in (b"}" + nested + b"K\x01s.", b"}(" + nested + b"K\x01u.", b"(" + nested + b"K\x01d."):
        with pytest.raises(DataError, match="key that is no text or number"):
            restricted_loads(b"\x80\x02" + data)
    for data in (b"\x8f(" + nested + b"\x90.", b"(" + nested + b"\x91."):  # sets
        with pytest.raises(DataError, match="key that is no text or number"):
            restricted_loads(b"\x80\x04" + data)


def test_a_text_is_encoded_once_however_often_a_pickle_asks():
    name = b"c_codecs\nencode\nq\x00X" + struct.pack("<I", 1 << 16) + b"a" * (1 << 16) + b"q\x01\x85R"
    first, *others = restricted_loads(b"\x80\x02](" + name + b"h\x00h\x01\x85R" * 50 + b"e.")
    assert first == b"a" * (1 << 16)
    assert all(other is first for other in others)


def test_a_few_bytes_cannot_reserve_gigabytes():
    for data in (
        b"Nr\xff\xff\xff\x7f.",
        b"Np2147483647\n.",
        b"\x8e" + b"\xff" * 7 + b"\x00.",
        b"\x96" + b"\xff" * 7 + b"\x00.",
    ):
        with pytest.raises(DataError, match="damaged"):
            restricted_loads(b"\x80\x05" + data)


def test_the_state_of_a_maker_cannot_be_set():
    for state in (b"}S'_make'\nNs", b"N}S'_make'\nNs\x86"):
        with pytest.raises(DataError, match="sets the state of a function"):
            restricted_loads(b"\x80\x02cnumpy\ndtype\n" + state + b"b.")
    assert restricted_loads(pickle.dumps({"data": np.arange(3)}))["data"].tolist() == [0, 1, 2]


def test_a_class_in_a_batch_is_named(tmp_path):
    source = write_python(tmp_path, test_batch=pickle.dumps(Runs(tmp_path / "made"), protocol=2))
    with pytest.raises(DataError, match=r"'test_batch' cannot be used: it names \w+\.open, which no batch"):
        load_data(source)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("dtype", ["datetime64[s]", "S4", [("a", "u1")], "c16", "O"])
def test_arrays_of_anything_but_numbers_are_refused(dtype):
    with pytest.raises(DataError, match="something other than numbers"):
        restricted_loads(pickle.dumps(np.zeros(2, dtype=dtype)))


@pytest.mark.parametrize("dtype", ["u1", ">i2", "<f8", "?", "u8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_of_numbers_come_through(dtype, order):
    values = np.array(RANDOM.integers(0, 2, (3, 4)), dtype=dtype, order=order)
    for protocol in range(6):
        again = restricted_loads(pickle.dumps(values, protocol=protocol))
        assert again.dtype == values.dtype
        assert (again == values).all()


def batch(data, labels):
    return pickle.dumps({"data": data, "labels": labels}, protocol=2)


@pytest.mark.parametrize(
    ("replaced", "message"),
    [
        (python2_pickle(PIXELS["test_batch"], [1, 2, 3])[:-50], "damaged or no pickle"),
        (b"", "damaged or no pickle"),
        (b"no pickle", "damaged or no pickle"),
        (pickle.dumps([1]), "must hold a dict"),
        (pickle.dumps({"labels": [1]}), "must hold 'data'"),
        (batch(np.zeros((3, 9), np.uint8), [0, 0, 0]), "must hold 'data'"),
        (batch(np.zeros((3, 3072), np.float32), [0, 0, 0]), "must hold 'data'"),
        (batch(PIXELS["test_batch"], [0, 1]), "one whole number of 'labels' an image"),
        (batch(PIXELS["test_batch"], [0, 1, "2"]), "one whole number of 'labels' an image"),
        (batch(PIXELS["test_batch"], [0, 1, 10]), r"labels in \[0, 10\], not \[0, 9\]"),
    ],
)
def test_damage_is_named(tmp_path, replaced, message):
    with pytest.raises(DataError, match=rf"'test_batch'.*{message}"):
        load_data(write_python(tmp_path, test_batch=replaced))


def test_damaged_binary_batches_are_named(tmp_path):
    with pytest.raises(DataError, match=r"'data_batch_2\.bin' has 3072 bytes, not a multiple of 3073"):
        load_data(write_binary(tmp_path, data_batch_2=bytes(3072)))
    with pytest.raises(DataError, match=r"labels in \[77, 77\]"):
        load_data(write_binary(tmp_path, data_batch_2=bytes([77] * 3073)))


def test_missing_batches_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="lacks data_batch_3"):
        load_data(write_python(tmp_path, data_batch_3=None))
    with pytest.raises(FileNotFoundError, match="is no folder"):
        load_data(f"cifar10:{tmp_path / 'none'}")


def test_bad_names_are_named(tmp_path):
    source = write_binary(tmp_path)
    (tmp_path / "batches.meta.txt").write_text("cat\n" * 10)
    with pytest.raises(DataError, match="must name 10 classes; got 1"):
        load_data(source)


@pytest.mark.filterwarnings("ignore:invalid escape sequence")
def test_any_damage_is_a_data_error():
    whole = batch(np.zeros((3, 4), np.uint8), [1, 2, 3])
    for seed in range(400):
        rng = np.random.default_rng(seed)
        data = bytearray(whole)
        for place in rng.integers(0, len(data), 1 + seed % 3):
            data[place] = rng.integers(256)
        try:
            restricted_loads(bytes(data[: rng.integers(len(data) // 2, 2 * len(data))]))
        except DataError:
            continue

"""Arrays: shapes and dtypes become the spaces that the rules say, values come through exactly, bad ones are named."""

import io
import zipfile

import numpy as np
import pytest
import torch

from daedal.data import load_data
from daedal.data.arrays import as_columns, images
from daedal.errors import DataError, UsageError
from daedal.spaces import Images, Labels, Vectors

RANDOM = np.random.default_rng(0)


def everything(data, field="x"):
    """All items in the order of the array."""
    column = data.train.columns[field]
    return column.gather(np.arange(len(column.values)))


def random_levels(*shape, dtype=np.uint8):
    return RANDOM.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


@pytest.mark.parametrize(
    ("shape", "space"),
    [
        ((4, 6, 5), Images(1, 6, 5)),
        ((4, 6, 5, 1), Images(1, 6, 5)),
        ((4, 1, 6, 5), Images(1, 6, 5)),
        ((4, 6, 5, 3), Images(3, 6, 5)),
        ((4, 3, 6, 5), Images(3, 6, 5)),
        ((4, 3, 6, 3), Images(3, 3, 6)),  # both fit: channels last
        ((4, 7), Vectors(7)),
        ((4,), Vectors(1)),
    ],
)
def test_shapes(shape, space, tmp_path):
    values = random_levels(*shape)
    np.save(tmp_path / "a.npy", values)
    for source in (values, tmp_path / "a.npy", str(tmp_path / "a.npy")):
        data = load_data(source)
        assert data.fields == {"x": space}
        assert len(data.train) + len(data.test) == 4


def test_levels_come_through_exactly():
    for dtype in (np.uint8, np.uint16):
        values = random_levels(5, 6, 7, 3, dtype=dtype)
        data = load_data(values)
        space = data.fields["x"]
        assert space.levels == np.iinfo(dtype).max + 1
        assert (space.to_levels(everything(data)).numpy() == values.transpose(0, 3, 1, 2)).all()
    binary = RANDOM.integers(0, 2, (5, 4, 4)).astype(bool)
    assert (everything(load_data(binary))[:, 0].numpy() == 2.0 * binary - 1).all()


def test_vectors_come_through_exactly():
    values = RANDOM.normal(size=(9, 3)).astype(np.float32)
    assert (everything(load_data(values)).numpy() == values).all()
    assert (everything(load_data(torch.from_numpy(values))).numpy() == values).all()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_float_images_are_stored_to_half_a_level(dtype):
    unit = RANDOM.uniform(0, 1, (4, 5, 5)).astype(dtype)
    for values, border in ((unit, 2 * unit.astype(np.float64) - 1), (2 * unit - 1, (2 * unit - 1).astype(np.float64))):
        data = load_data(values)
        assert data.fields["x"].levels == 65536
        assert np.abs(everything(data)[:, 0].numpy() - border).max() <= 0.5 * data.fields["x"].cell + 1e-6


def test_a_tensor_has_channels_first():
    x = torch.rand(4, 3, 6, 3) * 2 - 1
    data = load_data(x)
    assert data.fields["x"] == Images(3, 6, 3, 65536)
    assert (everything(data) - x).abs().max() < data.fields["x"].cell
    assert load_data(x.bfloat16()).fields == data.fields


def test_what_samples_of_a_run_are_saved_as_is_data(tmp_path):
    space = load_data("digits").fields["x"]
    x = load_data("digits").test.gather(range(30))["x"]
    np.save(tmp_path / "samples.npy", x.numpy())
    again = everything(load_data(tmp_path / "samples.npy"))
    assert (space.to_levels(again) == space.to_levels(x)).all()


def test_all_grey_colour_is_one_channel_unless_asked_for():
    grey = np.repeat(random_levels(4, 5, 5, 1), 3, axis=3)
    assert load_data(grey).fields["x"].channels == 1
    assert load_data(grey, channels=3).fields["x"].channels == 3
    coloured = grey.copy()
    coloured[3, 4, 4, 2] ^= 1
    assert load_data(coloured).fields["x"].channels == 3


def test_alpha_lies_on_the_background():
    rgba = np.zeros((3, 2, 2, 4), np.uint8)
    rgba[..., 0], rgba[..., 3] = 200, 102  # red at 40 %
    kept = load_data(rgba, channels=4)
    assert (kept.fields["x"].to_levels(everything(kept))[:, 3] == 102).all()
    data = load_data(rgba, background="#0000ff")
    levels = data.fields["x"].to_levels(everything(data))
    assert levels[0, :, 0, 0].tolist() == [80, 0, 153]
    white = load_data(rgba)
    assert white.fields["x"].to_levels(everything(white))[0, :, 0, 0].tolist() == [233, 153, 153]


def test_grey_is_pillows():
    from PIL import Image

    values = random_levels(3, 8, 8, 3)
    data = load_data(values, channels=1)
    expected = np.stack([np.asarray(Image.fromarray(image).convert("L")) for image in values])
    assert (data.fields["x"].to_levels(everything(data))[:, 0].numpy() == expected).all()


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
@pytest.mark.parametrize("channels", [1, 3])
def test_resizing_is_that_of_image_files(fit, channels, tmp_path):
    from PIL import Image

    from daedal.data.images import How, decode

    values = 90 + np.kron(random_levels(2, 5, 8, channels) // 4, np.ones((1, 3, 3, 1), np.uint8))  # no overshoot
    data = load_data(values, size=(7, 9), fit=fit, channels=channels, background="black")
    ours = data.fields["x"].to_levels(everything(data)).numpy()
    for image, mine in zip(values, ours, strict=True):
        buffer = io.BytesIO()
        Image.fromarray(image.squeeze()).save(buffer, "PNG")
        how = How((7, 9), channels, fit, (0, 0, 0))
        assert np.abs(decode(buffer.getvalue(), how).levels.astype(int) - mine).max() <= 1  # Pillow's is fixed-point


def test_resizing_keeps_16_bits_and_constants():
    flat = np.full((3, 9, 12), 54321, np.uint16)
    data = load_data(flat, size=5)
    assert data.fields["x"] == Images(1, 5, 5, 65536)
    assert (data.train.columns["x"].values == 54321).all()


def test_transparent_pixels_lend_no_colour_when_resized():
    rgba = np.zeros((2, 8, 8, 4), np.uint8)
    rgba[:, :, :4] = (255, 0, 0, 255)  # the other half is transparent black
    data = load_data(rgba, size=2, channels=4)
    values = data.train.columns["x"].values
    assert (values[:, 0][values[:, 3] > 0] == 255).all()


def test_mirror_doubles_the_training_split_only():
    values = random_levels(40, 4, 4)
    data, plain = load_data(values, mirror=True), load_data(values)
    n = len(plain.train)
    assert (len(data.train), len(data.test)) == (2 * n, len(plain.test))
    x = data.train.gather(range(2 * n))["x"]
    assert (x[n:] == x[:n].flip(-1)).all()
    assert (x[:n] == plain.train.gather(range(n))["x"]).all()
    with pytest.raises(UsageError, match="'mirror' is for images"):
        load_data(values.reshape(40, 16), mirror=True)


def test_duplicates_stay_on_one_side():
    values = np.repeat(random_levels(40, 4, 4), 3, axis=0)
    data = load_data(values)
    train = {v.tobytes() for v in values[data.train.rows]}
    test = {v.tobytes() for v in values[data.test.rows]}
    assert len(train) + len(test) == 40


def test_named_arrays(tmp_path):
    arrays = {
        "images": random_levels(6, 5, 5),
        "y": np.array([2, 0, 1, 1, 0, 2]),
        "names": np.array(["ant", "bee", "cow"]),
        "edges": random_levels(6, 5, 5),
        "pose": RANDOM.normal(size=(6, 2)),
        "age": np.array([0, 1, 1, 0, 1, 0]),
    }
    np.savez(tmp_path / "a.npz", **arrays)
    data = load_data(tmp_path / "a.npz", size=4)
    assert data.fields == {
        "x": Images(1, 4, 4),
        "label": Labels(3, names=("ant", "bee", "cow")),
        "edges": Images(1, 4, 4),
        "pose": Vectors(2),
        "age": Labels(2),
    }
    assert everything(data, "label").tolist() == arrays["y"].tolist()
    assert load_data(arrays, size=4).fingerprint == data.fingerprint


@pytest.mark.parametrize(
    ("label", "names", "index"),
    [
        ([0, 1, 1, 2], None, [0, 1, 1, 2]),
        ([5, 3, 3, 9], ("3", "5", "9"), [1, 0, 0, 2]),
        ([0.0, 1.0, 1.0, 0.0], None, [0, 1, 1, 0]),
        ([True, False, True, True], None, [1, 0, 1, 1]),
        (["dog", "cat", "dog", "eel"], ("cat", "dog", "eel"), [1, 0, 1, 2]),
        ([b"b", b"a", b"a", b"b"], ("a", "b"), [1, 0, 0, 1]),
        ([[1], [0], [1], [1]], None, [1, 0, 1, 1]),
    ],
)
def test_labels(label, names, index):
    data = load_data({"x": np.arange(8.0).reshape(4, 2), "label": np.array(label)})
    assert data.fields["label"] == Labels(max(index) + 1, names=names)
    assert everything(data, "label").tolist() == index


def test_a_published_split_is_kept():
    arrays = {f"x_{side}": random_levels(n, 3, 3) for side, n in (("train", 7), ("test", 4))}
    arrays |= {"y_train": np.arange(7) % 3, "y_test": np.arange(4) % 3}
    data = load_data(arrays)
    assert (len(data.train), len(data.test)) == (7, 4)
    levels = data.fields["x"].to_levels(data.test.gather(range(4))["x"])[:, 0]
    assert (levels.numpy() == arrays["x_test"]).all()
    assert data.test.gather(range(4))["label"].tolist() == [0, 1, 2, 0]
    with pytest.raises(DataError, match="the test split is empty"):
        load_data(arrays | {"x_test": arrays["x_test"][:0], "y_test": arrays["y_test"][:0]})


def test_items_that_are_not_finite_are_counted_and_named():
    values = RANDOM.normal(size=(8, 3))
    values[2, 1], values[5, :2] = np.nan, np.inf
    with pytest.raises(DataError, match="2 of 8 items of the array cannot be used") as caught:
        load_data(values)
    assert caught.value.problems == [
        "item 2: 1 values of 'x' are NaN, infinite or over 3.4e38",
        "item 5: 2 values of 'x' are NaN, infinite or over 3.4e38",
    ]
    with pytest.warns(UserWarning, match="left out 2 items of 'array'"):
        data = load_data(values, skip_bad=True)
    assert (everything(data).numpy() == np.delete(values, [2, 5], 0).astype(np.float32)).all()
    assert (data.notes["skipped"], len(data.notes["problems"])) == (2, 2)
    with pytest.raises(DataError, match="none of the 1 items"):
        load_data(values[2:3], skip_bad=True)


def test_labels_of_items_left_out_are_left_out():
    x = np.array([[0.0], [1.0], [np.nan], [3.0]])
    with pytest.warns(UserWarning, match="left out 1"):
        data = load_data({"x": x, "y": np.array(["a", "b", "only", "a"])}, skip_bad=True)
    assert data.fields["label"].names == ("a", "b")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (np.zeros((3, 4, 4)) + 2, r"must be in \[0, 1\] or \[-1, 1\] as floats; got \[2, 2\]"),
        (np.zeros((3, 4, 4), np.int32), "must hold images of uint8, uint16 or float; got int32"),
        (np.zeros((3, 5, 4, 5), np.uint8), r"must have shape \(n, h, w\).*got \(3, 5, 4, 5\)"),
        (np.zeros((3, 2, 4, 4, 3), np.uint8), "must have shape"),
        (np.zeros((0, 4)), "holds no items"),
        (np.zeros((3, 0)), "holds no items"),
        (np.zeros(()), "holds no items"),
        (np.zeros((3, 2), complex), "must hold real numbers; got complex128"),
        (np.array([["a", "b"]]), "must hold real numbers"),
        (np.array([{}, {}]), "must hold real numbers; got object"),
        ({"x": np.zeros((3, 2)), "y": np.zeros(4, int)}, "'label' has 4 items and 'x' has 3"),
        ({"x": np.zeros((3, 2)), "y": np.array([0.5, 1, 2])}, "has 0.5, which is no class"),
        ({"x": np.zeros((3, 2)), "y": np.eye(3)}, "one class an item"),
        ({"x": np.zeros((3, 2)), "y": np.array([0, 1, 2]), "names": np.array(["a"])}, r"must be in \[0, 0\]"),
        ({"x": np.zeros((3, 2)), "data": np.zeros((3, 2))}, "two arrays for 'x', one of them 'data'"),
        ({"a": np.zeros((3, 2)), "b": np.zeros((3, 2))}, "named x, images or data; it has a, b"),
        ({"y": np.zeros(3)}, "named x, images or data; it has y"),
        ({}, "it has nothing"),
        ({"x": [[1, 2], [3]]}, "an array cannot be made"),
    ],
)
def test_what_has_no_place(arrays, message):
    with pytest.raises(DataError, match=message):
        load_data(arrays)


def damaged(tmp_path, name, data):
    (tmp_path / name).write_bytes(data)
    return tmp_path / name


def saved(**arrays):
    buffer = io.BytesIO()
    np.savez(buffer, **arrays) if len(arrays) > 1 else np.save(buffer, arrays["x"])
    return buffer.getvalue()


def test_damaged_files_are_named(tmp_path):
    whole = saved(x=random_levels(100, 5))
    lying = whole[:80].replace(b"(100, 5)", b"(10**15, 5)") + whole[80:]
    huge = whole.replace(b"(100, 5), ", b"(99999999999, 5), ")
    cases = [whole[:-7], whole[:20], b"", b"no array", lying, huge]
    for i, data in enumerate(cases):
        with pytest.raises(DataError, match=rf"'a{i}\.npy' cannot be read: it is damaged or no array"):
            load_data(damaged(tmp_path, f"a{i}.npy", data))
    packed = saved(x=random_levels(100, 5), y=np.arange(100))
    for i, data in enumerate([packed[: len(packed) // 2], b"", packed[:30] + bytes(200) + packed[230:]]):
        with pytest.raises(DataError, match=rf"'b{i}\.npz' cannot be read"):
            load_data(damaged(tmp_path, f"b{i}.npz", data))


@pytest.mark.parametrize("name", ["a.npy", "a.npz"])
def test_a_file_of_text_is_no_array_and_no_unsafe_way_is_advised(tmp_path, name):
    (tmp_path / name).write_text("1 2 3\n4 5 6\n" * 20)
    with pytest.raises(DataError) as refusal:
        load_data(tmp_path / name)
    assert str(refusal.value) == (
        f"'{name}' cannot be read: it is damaged or no array; save it again with numpy.save or numpy.savez."
    )


def test_pickled_objects_are_never_loaded(tmp_path):
    class Touch:
        def __reduce__(self):
            return (open, (str(tmp_path / "touched"), "w"))

    objects = np.array([Touch(), Touch()], dtype=object)
    np.save(tmp_path / "a.npy", objects, allow_pickle=True)
    np.savez(tmp_path / "a.npz", x=objects)
    for name in ("a.npy", "a.npz"):
        with pytest.raises(DataError, match="it holds Python objects, which only pickle could load"):
            load_data(tmp_path / name)
    assert not (tmp_path / "touched").exists()


def test_a_member_that_is_no_array_is_named(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x", b"text")
    with pytest.raises(DataError, match=r"a\.npz"):
        load_data(tmp_path / "a.npz")


def test_three_items_are_enough_to_load():
    data = load_data(random_levels(3, 4, 4))
    assert len(data.train) + len(data.test) == 3
    assert len(data.train) >= 1 <= len(data.test)


@pytest.mark.filterwarnings("ignore:invalid escape sequence")
def test_any_damage_is_a_data_error(tmp_path):
    whole, rng = saved(x=random_levels(5, 4)), np.random.default_rng(0)
    marks = b"()[]{},:'\" \\\n0123456789"
    for _ in range(60):
        damaged_file = bytearray(whole)
        for place in rng.integers(0, 100, 3):
            damaged_file[place] = marks[rng.integers(len(marks))]
        path = damaged(tmp_path, "a.npy", bytes(damaged_file))
        try:
            load_data(path)
        except DataError:
            continue


def test_a_negative_rounding_error_does_not_change_the_range():
    pixels = np.random.default_rng(0).random((20, 8, 8))
    pixels[0] = -1e-8
    assert images(pixels, "x").values[0].max() == 0


def test_one_side_of_published_labels_is_not_dropped():
    arrays = {"x_train": np.zeros((4, 2)), "x_test": np.zeros((2, 2)), "y_train": np.zeros(4, int)}
    with pytest.raises(DataError, match="'y_train' and 'y_test' one is missing"):
        load_data(arrays)


def test_two_classes_of_one_name():
    with pytest.raises(DataError, match="names two classes alike"):
        as_columns({"x": np.zeros((4, 2)), "label": np.array([0, 1, 1, 0]), "names": np.array(["a", "a"])}, "table")

"""Arrays as data: `.npy` and `.npz` files, numpy arrays and torch tensors, or several of these by name.

What an array is follows from its shape and dtype, by these rules:

| array | becomes |
|---|---|
| (n,) or (n, dim), any real numbers | `Vectors` |
| (n, h, w) | `Images` of one channel |
| (n, h, w, c) or (n, c, h, w), c of 1, 3 or 4 | `Images`; where both fit, the channels are last (a tensor's: first) |
| images of uint8, uint16, bool | 256, 65,536 or 2 levels |
| images of float | 65,536 levels, from [-1, 1] if any value is negative (beyond rounding), else from [0, 1] |
| (n,) named `y`, `label`, `target` or `class`; beside `x` also other integers and texts | `Labels` |

In a file of several arrays `x`, `images` or `data` is the field `x`; every other array of the same length is a field
of its own name, so that it can be given as a condition. `names` holds the names of the classes. `x_train`, `y_train`,
`x_test`, `y_test` are a published split. Pickled objects are never loaded.

>>> columns = as_columns({"x": np.zeros((4, 2)), "label": np.array([0, 1, 2, 1])}, "table")
>>> columns["x"].space, columns["label"].space
(Vectors(dim=2), Labels(classes=3, shape=(), names=None))
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from daedal.data.base import Column
from daedal.data.names import printable
from daedal.errors import DataError
from daedal.spaces import Images, Labels, Space, Vectors

X_NAMES = ("x", "images", "data")
LABEL_NAMES = ("label", "labels", "y", "target", "targets", "class", "classes")
CLASS_NAMES = ("names", "label_names", "class_names")
PUBLISHED = ("x_train", "y_train", "x_test", "y_test")
CHANNELS = (1, 3, 4)
ROUNDING = 1e-6  # by which floats may miss the range that is meant
MOST_WHOLE = 1 << 53  # from where on floats are not all whole numbers

Columns = dict[str, Column]


def read(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a `.npy` (as `x`, memory-mapped) or `.npz` file. Raises DataError in one sentence."""
    try:
        loaded = np.load(path, mmap_mode="r" if path.suffix.lower() == ".npy" else None, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return {"x": loaded}
        with loaded:
            return {name: loaded[name] for name in loaded.files}
    except Exception as error:  # a damaged file can make the parsers of numpy and zipfile raise anything
        raise DataError(f"'{printable(path.name)}' cannot be read: {_reason(error)}.") from None


def _reason(error: Exception) -> str:
    if "Object arrays" in str(error) or "Python objects" in str(error):
        return "it holds Python objects, which only pickle could load; save an array of numbers"
    if "pickle" in str(error):  # numpy's words, which tell how to load such a file all the same, for a file of text
        return "it is damaged or no array; save it again with numpy.save or numpy.savez"
    reason = " ".join((str(error) or type(error).__name__).split())[:120].rstrip(".")
    return f"it is damaged or no array ({reason}); save it again with numpy.save or numpy.savez"


def tensors_as_arrays(arrays: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Torch tensors as arrays with channels last; arrays and nested lists of numbers as they are."""
    return {str(name): _as_array(value) for name, value in arrays.items()}


def _as_array(value: Any) -> np.ndarray:
    if not isinstance(value, torch.Tensor):
        return _native(value)
    value = value.detach().cpu()
    array = (value.float() if value.dtype == torch.bfloat16 else value).numpy()
    return np.moveaxis(array, 1, -1) if array.ndim == 4 and array.shape[1] in CHANNELS else array


def _native(value: Any) -> np.ndarray:
    try:
        return np.asarray(value)
    except ValueError as error:  # lists of unequal length
        raise DataError(
            f"an array cannot be made of a {type(value).__name__} ({error}); make its rows equal."
        ) from None


def published(arrays: Mapping[str, np.ndarray]) -> tuple[dict[str, np.ndarray], int | None]:
    """The arrays with the parts of a published split joined, and how many of them are for training (None: no split)."""
    if not {"x_train", "x_test"} <= set(arrays):
        return dict(arrays), None
    joined = {name: values for name, values in arrays.items() if name not in PUBLISHED}
    for field in ("x", "y"):
        parts = [arrays[f"{field}_{side}"] for side in ("train", "test") if f"{field}_{side}" in arrays]
        if len(parts) == 2 and parts[0].shape[1:] != parts[1].shape[1:]:
            raise DataError(f"'{field}_train' and '{field}_test' must hold items of one shape; make them equal.")
        if len(parts) == 2:
            joined[field] = np.concatenate(parts)
        elif parts:
            raise DataError(f"of '{field}_train' and '{field}_test' one is missing; give both, or neither.")
    return joined, len(arrays["x_train"])


def as_columns(arrays: Mapping[str, np.ndarray], source: str) -> Columns:
    """Columns of arrays that `named` has named. Raises DataError for what has no place in a data set."""
    arrays = dict(arrays)
    names = _class_names(arrays, source)
    return {field: _column(values, field, source, names) for field, values in arrays.items()}


def not_finite(arrays: Mapping[str, np.ndarray]) -> dict[int, str]:
    """The items that hold NaN, infinite values or values too large for float32: {item: reason}."""
    bad: dict[int, str] = {}
    for field, values in arrays.items():
        if values.dtype.kind != "f":
            continue
        with np.errstate(over="ignore"):
            finite = np.isfinite(values.astype(np.float32)).reshape(len(values), -1)
        for item in np.flatnonzero(~finite.all(1)).tolist():
            count = int((~finite[item]).sum())
            bad[item] = f"item {item}: {count} values of '{field}' are NaN, infinite or over 3.4e38"
    return bad


def without(arrays: Mapping[str, np.ndarray], bad: Mapping[int, str]) -> dict[str, np.ndarray]:
    """The arrays without their bad items (the names of the classes stay)."""
    n = len(arrays["x"])
    keep = np.setdiff1d(np.arange(n), list(bad))
    return {name: values if name in CLASS_NAMES else values[keep] for name, values in arrays.items()}


def named(arrays: Mapping[str, np.ndarray], source: str) -> dict[str, np.ndarray]:
    """The arrays under the names of their fields, `x` first, all of one length. Raises DataError."""
    arrays = _renamed(arrays, source)
    n = len(arrays["x"])
    for field, values in arrays.items():
        if field in CLASS_NAMES and values.dtype.kind in "US":
            continue
        if values.ndim == 0 or len(values) != n:
            count = len(values) if values.ndim else 1
            raise DataError(f"{source}: '{field}' has {count} items and 'x' has {n}; they must be equally many.")
        if values.dtype.kind not in "buif" and not (values.dtype.kind in "US" and values.ndim == 1 and field != "x"):
            raise DataError(f"{source}: '{field}' must hold real numbers; got {values.dtype}.")
    return arrays


def _renamed(arrays: Mapping[str, np.ndarray], source: str) -> dict[str, np.ndarray]:
    if len(arrays) == 1 and not set(arrays) & {*CLASS_NAMES, *LABEL_NAMES}:
        arrays = {"x": next(iter(arrays.values()))}
    renamed: dict[str, np.ndarray] = {}
    for name, values in arrays.items():
        field = "x" if name.lower() in X_NAMES else "label" if name.lower() in LABEL_NAMES else name
        if field in renamed:
            raise DataError(f"{source} has two arrays for '{field}', one of them '{name}'; keep one.")
        renamed[field] = values
    if "x" not in renamed:
        have = ", ".join(arrays) or "nothing"
        raise DataError(f"{source} must have an array named x, images or data; it has {have}.")
    if renamed["x"].ndim == 0 or 0 in renamed["x"].shape:
        raise DataError(f"{source} holds no items (its shape is {renamed['x'].shape}); give at least one.")
    return {"x": renamed.pop("x"), **renamed}


def _class_names(arrays: dict[str, np.ndarray], source: str) -> tuple[str, ...] | None:
    for name in CLASS_NAMES:
        if name in arrays and arrays[name].ndim == 1 and arrays[name].dtype.kind in "US":
            names = tuple(_text(value) for value in arrays.pop(name))
            if len(set(names)) < len(names):
                raise DataError(f"{source}: '{name}' names two classes alike; give each a name of its own.")
            return names
    return None


def _column(values: np.ndarray, field: str, source: str, names: tuple[str, ...] | None) -> Column:
    texts = values.dtype.kind in "US"
    whole = values.dtype.kind in "iub" and values.ndim == 1 and field != "x"
    if field == "label" or texts or whole:
        return labels(values, f"{source}: '{field}'", names if field == "label" else None)
    if values.ndim <= 2:
        return Column(values.reshape(len(values), -1).astype(np.float32), Vectors(values[0].size))
    return images(values, f"{source}: '{field}'")


def labels(values: np.ndarray, what: str, names: tuple[str, ...] | None = None) -> Column:
    """Classes of an array (n,) of integers, whole floats or texts.

    Texts, and integers that are not 0 .. k-1, become names, sorted; `names` names the integers 0 .. k-1.
    """
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1:
        raise DataError(f"{what} must have one class an item, shape (n,); got shape {values.shape}.")
    if values.dtype.kind == "f":
        if (bad := np.flatnonzero((values % 1 != 0) | (abs(values) >= MOST_WHOLE))).size:
            raise DataError(f"{what} has {values[bad[0]]}, which is no class; use integers, or name it otherwise.")
        values = values.astype(np.int64)
    found, index = np.unique(values, return_inverse=True)
    if names is not None:
        if values.dtype.kind not in "iub" or found[0] < 0 or found[-1] >= len(names):
            raise DataError(f"{what} must be in [0, {len(names) - 1}], as there are {len(names)} names of classes.")
        return Column(values.astype(np.int64), Labels(len(names), names=names))
    counted = values.dtype.kind in "iub" and found[0] == 0 and found[-1] == len(found) - 1
    space = Labels(len(found), names=None if counted else tuple(_text(value) for value in found))
    return Column(index.astype(np.int64), space)


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def images(values: np.ndarray, what: str) -> Column:
    """Images of an array (n, h, w), (n, h, w, c) or (n, c, h, w) of uint8, uint16, bool or float."""
    values = _channels_first(values, what)
    if values.dtype.kind == "f":
        values, levels = _levels(values, what), 1 << 16
    elif values.dtype.kind == "b":
        values, levels = values.astype(np.uint8), 2
    elif values.dtype.kind == "u" and values.dtype.itemsize <= 2:
        levels = 1 << (8 * values.dtype.itemsize)
    else:
        raise DataError(f"{what} must hold images of uint8, uint16 or float; got {values.dtype} (use .astype).")
    space: Space = Images(values.shape[1], values.shape[2], values.shape[3], levels)
    return Column(values, space)


def _channels_first(values: np.ndarray, what: str) -> np.ndarray:
    if values.ndim == 3:
        return values[:, None]
    if values.ndim == 4 and values.shape[3] in CHANNELS:
        return np.moveaxis(values, 3, 1)
    if values.ndim == 4 and values.shape[1] in CHANNELS:
        return values
    raise DataError(
        f"{what} must have shape (n, h, w), (n, h, w, c) or (n, c, h, w), c of 1, 3 or 4; got {values.shape}."
    )


def _levels(values: np.ndarray, what: str) -> np.ndarray:
    """uint16 levels of floats in [0, 1], or in [-1, 1] if any is negative."""
    low, high = float(values.min()), float(values.max())
    if low < -1 - ROUNDING or high > 1 + ROUNDING:
        raise DataError(f"{what} must be in [0, 1] or [-1, 1] as floats; got [{low:.4g}, {high:.4g}] (rescale it).")
    unit = values.astype(np.promote_types(values.dtype, np.float32))
    unit = (unit + 1) / 2 if low < -ROUNDING else unit
    return np.rint(unit.clip(0, 1) * 65535).astype(np.uint16)

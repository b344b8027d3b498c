r"""CIFAR-10 in both forms in which it is published, binary and Python batches.

A binary batch is records of one byte of label and 3072 of pixels (red, green, blue; rows). A Python batch is a pickle,
a program that could do anything; so it is read by an unpickler in which no name has a meaning but those that arrays
are made of, and each of these means a small maker of ours. It can build arrays of numbers, strings, bytes, numbers,
lists, tuples and dicts, and cannot import or call anything else. This is the one place in Daedal that reads a pickle.
It is Python's unpickler and not the one in C, of which a key that is nested deeply enough overflows the stack.

Source: A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009.

>>> restricted_loads(b"\x80\x02}U\x04dataK\x07s.")  # what pickle protocol 2 makes of {'data': 7}
{b'data': 7}
>>> restricted_loads(b"cos\nsystem\n(S'true'\ntR.")
Traceback (most recent call last):
    ...
daedal.errors.DataError: it names os.system, which no batch of CIFAR-10 needs; do not trust the file.
"""

from __future__ import annotations

import io
import pickle
import pickletools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from daedal.data.base import Column
from daedal.data.names import printable
from daedal.errors import DataError
from daedal.spaces import Images, Labels

TRAIN, TEST = [f"data_batch_{i}" for i in range(1, 6)], "test_batch"
NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
SHAPE = (3, 32, 32)
RECORD = 1 + 3 * 32 * 32
AGAIN = "get the file again"

Encode = Callable[..., bytes]


def read_cifar10(folder: Path) -> tuple[dict[str, Column], int]:
    """Columns `x`, Images(3, 32, 32, 256), and `label`, Labels(10) with names, first those for training; and how many.

    Raises FileNotFoundError for a missing batch, DataError for a damaged or dangerous one, in one sentence.
    """
    suffix = ".bin" if (folder / f"{TRAIN[0]}.bin").is_file() else ""
    names = [f"{name}{suffix}" for name in (*TRAIN, TEST)]
    if missing := [name for name in names if not (folder / name).is_file()]:
        where = printable(str(folder))
        raise FileNotFoundError(f"'{where}' lacks {missing[0]}; give the folder with the six batches of CIFAR-10.")
    batches = [_binary(folder / name) if suffix else _python(folder / name) for name in names]
    images = np.concatenate([images for images, _ in batches]).reshape(-1, *SHAPE)
    label = np.concatenate([label for _, label in batches]).astype(np.int64)
    space = Labels(len(NAMES), names=_class_names(folder, suffix))
    return {"x": Column(images, Images(*SHAPE)), "label": Column(label, space)}, len(images) - len(batches[-1][0])


def _binary(path: Path) -> tuple[np.ndarray, np.ndarray]:
    data = path.read_bytes()
    if not data or len(data) % RECORD:
        raise DataError(f"'{path.name}' has {len(data)} bytes, not a multiple of {RECORD}: it is cut short; {AGAIN}.")
    records = np.frombuffer(data, np.uint8).reshape(-1, RECORD)
    return records[:, 1:], _checked(records[:, 0], path)


def _python(path: Path) -> tuple[np.ndarray, np.ndarray]:
    batch = _unpickled(path)
    images, label = batch.get("data"), _whole_numbers(batch.get("labels"))
    if not isinstance(images, np.ndarray) or images.dtype != np.uint8 or images.shape[1:] != (RECORD - 1,):
        raise DataError(
            f"'{path.name}' must hold 'data', uint8 of shape (n, {RECORD - 1}); it is no batch of CIFAR-10."
        )
    if not len(images) or label.shape != (len(images),):
        raise DataError(f"'{path.name}' must hold one whole number of 'labels' an image; it is no batch of CIFAR-10.")
    return images, _checked(label, path)


def _whole_numbers(label: Any) -> np.ndarray:
    if isinstance(label, list) and all(type(number) is int and abs(number) < 1 << 31 for number in label):
        return np.array(label, np.int64)
    return label if isinstance(label, np.ndarray) and label.dtype.kind in "iu" else np.zeros(0, np.int64)


def _checked(label: np.ndarray, path: Path) -> np.ndarray:
    if label.min() < 0 or label.max() >= len(NAMES):
        raise DataError(f"'{path.name}' has labels in [{label.min()}, {label.max()}], not [0, 9]; {AGAIN}.")
    return label


def _class_names(folder: Path, suffix: str) -> tuple[str, ...]:
    """The names in batches.meta, or batches.meta.txt; those published where there is no such file."""
    path = folder / ("batches.meta.txt" if suffix else "batches.meta")
    if not path.is_file():
        return NAMES
    if suffix:
        names = [line.strip() for line in path.read_text("utf-8", "replace").splitlines() if line.strip()]
    else:
        found = _unpickled(path).get("label_names")
        names = [_text(name) for name in found] if isinstance(found, list) else []
    if len(set(names)) != len(NAMES):
        raise DataError(f"'{path.name}' must name {len(NAMES)} classes; got {len(set(names))} ({AGAIN}, or remove it).")
    return tuple(names)


def _unpickled(path: Path) -> dict[str, Any]:
    try:
        batch = restricted_loads(path.read_bytes())
    except DataError as error:
        raise DataError(f"'{path.name}' cannot be used: {error}") from None
    if not isinstance(batch, dict):
        raise DataError(f"'{path.name}' must hold a dict; it is no batch of CIFAR-10.")
    return {_text(key): value for key, value in batch.items()}


def _text(value: Any) -> str:
    """A text, or what Python 2 called one; of anything else nothing is read, since it may be nested without end."""
    return value.decode("latin-1") if isinstance(value, bytes) else value if isinstance(value, str) else "?"


def restricted_loads(data: bytes) -> Any:
    """What a pickle of a dict of arrays, strings, bytes, numbers and lists holds; strings of Python 2 as bytes.

    Raises DataError that names whatever else the pickle names, before anything of it is used.
    """
    try:
        _check_sizes(data)
        value = _Restricted(io.BytesIO(data), encoding="bytes").load()
        return {key: _finished(entry) for key, entry in value.items()} if type(value) is dict else _finished(value)
    except DataError:
        raise
    except RecursionError:
        raise DataError(f"it is nested too deeply; {AGAIN}.") from None
    except Exception as error:  # a damaged pickle can make the unpickler raise anything
        reason = printable(str(error) or type(error).__name__)[:80].rstrip(".")
        raise DataError(f"it is damaged or no pickle ({reason}); {AGAIN}.") from None


def _check_sizes(data: bytes) -> None:
    """Raise where a few bytes would make the unpickler reserve gigabytes; damaged files do."""
    for opcode, argument, _ in pickletools.genops(data):  # raises where an argument goes past the end
        if opcode.name in ("PUT", "BINPUT", "LONG_BINPUT") and isinstance(argument, int) and argument > len(data):
            raise DataError(f"it is damaged (it numbers an object {argument}); {AGAIN}.")


class _Maker:
    """What a name means in a pickle: a function that can be called, and nothing about it read or set."""

    __slots__ = ("_make",)

    def __init__(self, make: Callable[..., Any]):
        self._make = make

    def __call__(self, *args: Any) -> Any:
        return self._make(*args)

    def __setstate__(self, state: Any) -> None:
        raise DataError("it sets the state of a function, which no batch of CIFAR-10 needs; do not trust the file.")


class _Array:
    """An array in the making: the pickle gives it its state after it has made it."""

    __slots__ = ("_encoded", "value")

    def __init__(self, encoded: Encode) -> None:
        self._encoded = encoded
        self.value: np.ndarray | None = None

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, fortran, raw = state
        self.value = _array(self._encoded(raw) if isinstance(raw, str) else raw, dtype, shape, "F" if fortran else "C")


class _DType:
    """A dtype of plain numbers in the making: the pickle gives it its byte order afterwards."""

    __slots__ = ("order", "spec")

    def __init__(self, spec: Any, *_: Any):
        self.spec, self.order = _text(spec), "="
        if not re.fullmatch(r"[|<>=]?(b1|[iu][1248]|f[248])", self.spec):
            raise DataError("it holds an array of something other than numbers; do not trust the file.")

    def __setstate__(self, state: Any) -> None:
        order = _text(state[1])
        self.order = order if order in ("<", ">", "=", "|") else "="

    def dtype(self) -> np.dtype:
        return np.dtype(self.spec).newbyteorder(self.order)  # type: ignore[arg-type]


def _array(raw: Any, dtype: Any, shape: Any, order: Any) -> np.ndarray:
    if not isinstance(dtype, _DType) or not isinstance(raw, (bytes, bytearray)):
        raise DataError("it holds an array of something other than numbers; do not trust the file.")
    return np.frombuffer(raw, dtype.dtype()).reshape(shape, order="F" if _text(order) == "F" else "C")


def _encoder() -> Encode:
    """How Python 3 writes bytes in protocol 2: as a text to encode. Of a text asked for again there is no copy."""
    known: dict[str, bytes] = {}

    def encode(text: Any = "", *_: Any) -> bytes:
        if not isinstance(text, str):
            return text if isinstance(text, bytes) else b"?"
        if text not in known:
            known[text] = text.encode("latin-1")
        return known[text]

    return encode


def _makers() -> dict[str, Callable[..., Any]]:
    """What names mean in one pickle."""
    encoded = _encoder()

    def array(*_: Any) -> _Array:
        return _Array(encoded)

    return {
        **dict.fromkeys(("numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct"), array),
        **dict.fromkeys(("numpy.core.numeric._frombuffer", "numpy._core.numeric._frombuffer"), _array),
        "numpy.ndarray": array,
        "numpy.dtype": _DType,
        "_codecs.encode": encoded,
        "__builtin__.bytes": lambda *_: b"",
    }


class _Restricted(pickle._Unpickler):  # type: ignore[name-defined]
    dispatch: ClassVar[dict[int, Any]] = dict(pickle._Unpickler.dispatch)  # type: ignore[attr-defined]

    def __init__(self, file: io.BytesIO, **options: Any):
        super().__init__(file, **options)
        self._makers = _makers()

    def find_class(self, module: str, name: str) -> Any:
        full = f"{module}.{name}"
        if full not in self._makers:
            raise DataError(
                f"it names {printable(full)[:80]}, which no batch of CIFAR-10 needs; do not trust the file."
            )
        return _Maker(self._makers[full])


def _with_plain_keys(load: Callable[[Any], None], keys: Callable[[list[Any]], list[Any]]) -> Callable[[Any], None]:
    """A step of the unpickler that hashes, only of what is safe to hash: a tuple may be nested without end."""

    def checked(self: Any) -> None:
        if not all(isinstance(key, (str, bytes, int, float, type(None))) for key in keys(self.stack)):
            raise DataError("it has a key that is no text or number, which no batch of CIFAR-10 needs.")
        load(self)

    return checked


for _opcode, _keys in {
    pickle.SETITEM: lambda stack: stack[-2:-1],
    pickle.SETITEMS: lambda stack: stack[::2],  # the stack begins anew at each mark
    pickle.DICT: lambda stack: stack[::2],
    pickle.ADDITEMS: lambda stack: stack,
    pickle.FROZENSET: lambda stack: stack,
}.items():
    _Restricted.dispatch[_opcode[0]] = _with_plain_keys(_Restricted.dispatch[_opcode[0]], _keys)


def _finished(value: Any) -> Any:
    """The value, or the array that one in the making has become."""
    if isinstance(value, (_Array, _DType, _Maker)):
        array = getattr(value, "value", None)
        if array is None:
            raise DataError(f"it holds an array without content; {AGAIN}.")
        return array
    return value

"""What a system is conditioned on, from the command line: `--given label=cat`, `--given image=FILE`.

| text | means |
|---|---|
| `label=cat`, `label=3` | a class by its name, or by its index where classes have no names |
| `label=cat,dog`, `label=0..9` | several, one after the other and then from the start again |
| `image=FILE` | an image file, brought to the size and channels of the space |
| `vector=.1,.2` | the numbers of one vector |
| `@FILE.npz` | arrays by name: class indices, vectors, images in border form [-1, 1] or as uint8 or uint16 levels |

>>> spaces = {"label": Labels(10), "size": Vectors(2)}
>>> given = parse_given(["label=7..9", "size=.5,2"], spaces, n=4)
>>> given["label"].tolist(), given["size"].tolist()
([7, 8, 9, 7], [[0.5, 2.0]])
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from daedal.data.names import expanded, printable
from daedal.errors import DataError, UsageError, did_you_mean
from daedal.spaces import Images, Labels, Space, Vectors


def parse_given(texts: Sequence[str], spaces: Mapping[str, Space], n: int) -> dict[str, Tensor]:
    """Named tensors in border form, each of leading size n or 1, for a system conditioned on `spaces`.

    Several values are repeated in turn up to n, and those beyond n are left out. That nothing is missing is checked
    where the tensors are used (`daedal.spaces.check_given`). Raises UsageError that lists what exists,
    FileNotFoundError, or DataError for a file that cannot be used.
    """
    given: dict[str, Tensor] = {}
    for text in texts:
        for name, value in _parse(text, spaces).items():
            if name in given:
                example = printable(example_of(name, spaces[name]))
                raise UsageError(f"'{name}' is given twice; say it once, such as {example}.")
            given[name] = _cycled(value, n)
    return given


def example_of(name: str, space: Space) -> str:
    """What can be typed for a space, such as `label=0..9`.

    >>> example_of("label", Labels(3, names=("cat", "dog", "fox"))), example_of("size", Vectors(2))
    ('label=cat,dog', 'size=.1,.2')
    """
    if isinstance(space, Labels) and not space.shape:
        return f"{name}={_some_classes(space)}"
    if isinstance(space, Vectors) and space.dim <= 9:
        return f"{name}={','.join(f'.{i + 1}' for i in range(space.dim))}"
    if isinstance(space, Images) and space.frames is None:
        return f"{name}=FILE.png"
    return "@FILE.npz"


def _some_classes(space: Labels) -> str:
    if space.names is None:
        return f"0..{space.classes - 1}"
    plain = [name for name in space.names if "," not in name and ".." not in name]
    return ",".join(plain[:2]) or space.names[0]


def _cycled(value: Tensor, n: int) -> Tensor:
    return value if len(value) == 1 else value[torch.arange(n) % len(value)]


def _parse(text: str, spaces: Mapping[str, Space]) -> dict[str, Tensor]:
    if text.startswith("@"):
        return _from_npz(expanded(text[1:]), spaces)
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"'{printable(text)}' must be NAME=VALUE or @FILE.npz; {_expected(spaces)}.")
    space = _space(name, spaces)
    if isinstance(space, Labels):
        return {name: _labels(value, space, name)}
    return {name: _vector(value, space, name) if isinstance(space, Vectors) else _image(value, space, name)}


def _space(name: str, spaces: Mapping[str, Space]) -> Space:
    if name not in spaces:
        near = did_you_mean(name, list(spaces))
        raise UsageError(f"'given' has no place for '{printable(name)}'; {_expected(spaces)}.{near}")
    return spaces[name]


def _expected(spaces: Mapping[str, Space]) -> str:
    return "expected: " + (", ".join(f"{name} ({_words(space)})" for name, space in spaces.items()) or "nothing")


def _words(space: Space) -> str:
    if isinstance(space, Vectors):
        return f"{space.dim} numbers"
    if isinstance(space, Images):
        return f"an image file, brought to {space.height}x{space.width}"
    return printable(", ".join(space.names)) if space.names else f"classes 0 to {space.classes - 1}"


def _labels(text: str, space: Labels, name: str) -> Tensor:
    """Classes of 'cat', 'cat,dog', '0..9'; a class whose name holds such a mark is found by its whole name first."""
    if space.shape:
        raise UsageError(f"'{name}' has a class at each place of {space.shape}; give it as @FILE.npz.")
    if space.names and text in space.names:
        return torch.tensor([space.index(text)])
    classes: list[int] = []
    for part in text.split(","):
        first, dots, last = part.strip().partition("..")
        low = _index(first, space, name)
        high = _index(last, space, name) if dots else low
        if high < low:
            raise UsageError(f"'{name}={printable(text)}' must count upwards; write {name}={last}..{first}.")
        classes.extend(range(low, high + 1))
    return torch.tensor(classes)


def _index(text: str, space: Labels, name: str) -> int:
    try:
        return space.index(text.strip())
    except ValueError:
        near = did_you_mean(text, space.names or ())
        classes = _words(space).removeprefix("classes ")
        raise UsageError(f"'{printable(text)}' is no class of '{name}'; the classes are {classes}.{near}") from None


def _vector(text: str, space: Vectors, name: str) -> Tensor:
    try:
        numbers = [float(part) for part in re.split(r"[,\s]+", text.strip(" ,[]()"))]
    except ValueError:
        numbers = []
    vector = torch.tensor([numbers])
    if len(numbers) != space.dim or not torch.isfinite(vector).all():
        raise UsageError(f"'{name}' must be {space.dim} finite numbers, such as .1,.2; got '{printable(text)}'.")
    return vector


def _image(text: str, space: Images, name: str) -> Tensor:
    from daedal.data.folders import load_image

    if space.frames is not None:
        raise UsageError(f"'{name}' has {space.frames} frames; give it as @FILE.npz.")
    return load_image(text, space)


def _border(values: np.ndarray, levels: int) -> Tensor:
    """Levels as float32 in [-1, 1]."""
    return torch.from_numpy(values.astype(np.float32)).mul_(2.0 / (levels - 1)).sub_(1.0)


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise FileNotFoundError(f"'{printable(str(path))}' does not exist; give the path of a file.")
    return path


def _from_npz(path: Path, spaces: Mapping[str, Space]) -> dict[str, Tensor]:
    from daedal.data.arrays import read

    if path.suffix.lower() != ".npz":
        raise UsageError(f"'@{printable(str(path))}' must be a .npz file of arrays; {_expected(spaces)}.")
    return {name: _tensor(values, _space(name, spaces), name) for name, values in read(_existing(path)).items()}


def _tensor(values: np.ndarray, space: Space, name: str) -> Tensor:
    """An array in border form, checked."""
    if isinstance(space, Labels) and values.dtype.kind in "US":
        return torch.tensor([_index(str(text), space, name) for text in np.atleast_1d(values)])
    if values.dtype.kind not in "buif":
        raise DataError(f"'{name}' must hold numbers; got {values.dtype}.")
    if isinstance(space, Images) and values.dtype.kind in "bui":
        values = values.astype(np.int64)
        if values.size and (values.min() < 0 or values.max() >= space.levels):
            raise DataError(
                f"'{name}' must be levels in [0, {space.levels - 1}]; got {values.min()} to {values.max()}."
            )
        tensor = _border(values, space.levels)
    else:
        kind = np.int64 if isinstance(space, Labels) and values.dtype.kind in "bui" else np.float32
        tensor = torch.from_numpy(values.astype(kind))
    try:
        checked = space.check(tensor, name)
    except (TypeError, ValueError) as error:
        raise DataError(str(error)) from None
    if not len(checked):
        raise DataError(f"'{name}' holds no items; give at least one.")
    return checked

"""What the report shows of one trained system, as arrays in one file, so that the report needs no system.

| array | what | shape |
|---|---|---|
| `real` | items of the test split | (k, *x) |
| `samples` | as evaluated | (k, *x) |
| `nearest` | the training item nearest to each sample | (k, *x) |
| `inputs`, `rebuilt` | test items and what their codes give back | (r, *x) |
| `ways` | rows of items between two test items, or two samples where there is no encoder | (w, steps, *x) |
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from daedal.places import write_file

FILE = "exhibits.npz"


@dataclass(frozen=True)
class Exhibits:
    """Arrays that the report shows; None where the system lacks the capability or the data the place."""

    real: np.ndarray
    samples: np.ndarray
    nearest: np.ndarray | None = None
    inputs: np.ndarray | None = None
    rebuilt: np.ndarray | None = None
    ways: np.ndarray | None = None

    @property
    def images(self) -> bool:
        """Whether items are images or clips, not vectors."""
        return self.real.ndim >= 4

    @property
    def has_codes(self) -> bool:
        """Whether there are reconstructions or interpolations to show."""
        return self.images and (self.rebuilt is not None or self.ways is not None)

    def arrays(self) -> Mapping[str, np.ndarray]:
        """The arrays that there are, by name."""
        every = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: array for name, array in every.items() if array is not None}


def write_exhibits(folder: Path, shown: Exhibits) -> None:
    """Write the arrays into a folder."""
    write_numpy(folder / FILE, np.savez_compressed, **shown.arrays())


def write_numpy(path: Path, save: Callable[..., None], *arrays: np.ndarray, **named: np.ndarray) -> None:
    """Write what np.save, np.savez or np.savez_compressed makes, whole or not at all. Raises OSError."""
    buffer = io.BytesIO()  # into a file np.save itself writes from C, and does not say that the disk is full
    save(buffer, *arrays, allow_pickle=False, **named)
    write_file(path, buffer.getvalue())


def read_exhibits(folder: Path) -> Exhibits | None:
    """The arrays of a folder; None where they are missing or damaged (a report without pictures is still one)."""
    try:
        with np.load(folder / FILE, allow_pickle=False) as file:
            return Exhibits(**{name: file[name] for name in file.files})
    except (OSError, ValueError, TypeError, KeyError, zipfile.BadZipFile):
        return None

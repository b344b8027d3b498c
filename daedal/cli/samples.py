"""Draws samples and writes them: a grid, numbers, or one file each."""

from __future__ import annotations

import contextlib
import io
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch
from torch import Tensor

from daedal.data.folders import check_apart
from daedal.data.grid import image_grid, show
from daedal.errors import RunError, UsageError
from daedal.places import build_beside, naming, settle, write_file
from daedal.play.folder import read_settings
from daedal.play.guard import check_samples
from daedal.play.system import System
from daedal.spaces import Images, Labels, Space, Vectors

SUFFIXES = (".png", ".npy", ".csv")


def target_of(run: str | Path, out: str | None, x: Space, seed: int) -> Path:
    """Where samples go: `out`, or the first free name inside the run's samples/."""
    if out is not None:
        return Path(out)
    suffix = ".png" if isinstance(x, Images) else ".csv" if isinstance(x, Vectors) else ".npy"
    stem, number = f"sample-seed{seed}", 1
    target = Path(run) / "samples" / f"{stem}{suffix}"
    while target.exists():
        number += 1
        target = target.with_name(f"{stem}-{number}{suffix}")
    return target


def check_target(target: Path, x: Space, overwrite: bool) -> None:
    """Raise UsageError unless samples of the space can be written there."""
    suffix = target.suffix.lower()
    if target.is_dir() or not suffix:
        if target.exists() and not target.is_dir():
            raise UsageError(f"{target} is a file without a suffix; choose another --out.")
        if target.exists() and any(target.iterdir()) and not overwrite:
            raise UsageError(f"{target} is not empty; choose another --out, or --overwrite it.")
        return
    if suffix not in SUFFIXES:
        raise UsageError(f"'out' of sample must end in .png, .npy or .csv, or be a folder; got '{target}'.")
    if suffix == ".csv" and not isinstance(x, Vectors):
        raise UsageError(f"'{target}': a .csv holds vectors, and samples here are {x}; choose .png or .npy.")
    if suffix == ".png" and isinstance(x, Labels):
        raise UsageError(f"'{target}': a .png holds images, and samples here are {x}; choose .npy.")


def check_source(run: str, target: Path) -> None:
    """Raise UsageError where samples would become a part of what the run is trained on, as far as it says that."""
    if target.suffix.lower() in (".npy", ".csv"):
        return  # no image of a folder
    with contextlib.suppress(RunError):  # a system that was saved alone
        check_apart(target, read_settings(Path(run)).get("source") or {})


def check_memory(n: int, spaces: Iterable[Space]) -> None:
    """Raise UsageError where n items of these spaces, once in parts and once joined, exceed the memory there is."""
    each = sum(space.dim * (8 if isinstance(space, Labels) else 4) for space in spaces)  # int64 or float32
    needed, free = 2 * n * each, psutil.virtual_memory().available
    if needed > free:
        raise UsageError(
            f"{n} samples need {needed / 2**30:,.1f} GiB of memory and {free / 2**30:,.1f} GiB is free; "
            "choose a smaller --n."
        )


def draw(
    system: System, n: int, given: Mapping[str, Tensor], seed: int, options: Mapping[str, Any], chunk: int
) -> Tensor:
    """n samples from `seed`, at most `chunk` at a time: (n, *x), on the CPU. Raises TrainingError if not finite."""
    generator = torch.Generator(system.device).manual_seed(seed)
    parts = []
    for start in range(0, n, chunk):
        size = min(chunk, n - start)
        part = {name: v if len(v) == 1 else v[start : start + size] for name, v in given.items()}
        parts.append(system.sample(size, given=part, generator=generator, **options).cpu())  # type: ignore[operator]
    x = torch.cat(parts)
    check_samples(x, system.name)
    return x


def write(x: Tensor, space: Space, target: Path) -> list[Path]:
    """Write samples (n, *x) as the target's suffix says, all of them or none; returns the files."""
    target.parent.mkdir(parents=True, exist_ok=True)
    suffix = target.suffix.lower()
    if suffix not in SUFFIXES or target.is_dir():
        return _write_folder(x, space, target)
    if suffix == ".png":
        write_file(target, _png(image_grid(x) if isinstance(space, Images) else show(x)))
    elif suffix == ".npy":
        write_file(target, _npy(x))
    else:
        write_file(target, _csv(x))
    return [target]


def _write_folder(x: Tensor, space: Space, folder: Path) -> list[Path]:
    """One file each, in a folder that is new; in one that there is, beside what it holds."""
    building = build_beside(folder / "samples" if folder.exists() else folder)  # files are moved within one disk
    try:
        with naming(folder):
            names = [file.name for file in _write_each(x, space, building)]
            if folder.exists():
                for name in names:
                    (building / name).replace(folder / name)
            else:
                settle(building, folder)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return [folder / name for name in names]


def _write_each(x: Tensor, space: Space, folder: Path) -> list[Path]:
    digits = len(str(len(x) - 1))
    files = []
    for i, item in enumerate(x):
        stem = f"{i:0{digits}}"
        if isinstance(space, Images) and space.frames is None and space.channels in (1, 3, 4):
            name, content = f"{stem}.png", _png(_picture(item, space.levels))
        elif isinstance(space, Vectors):
            name, content = f"{stem}.csv", _csv(item[None])
        else:
            name, content = f"{stem}.npy", _npy(item)
        write_file(folder / name, content)
        files.append(folder / name)
    return files


def _picture(item: Tensor, levels: int) -> Any:
    """One image (c, h, w), as large as it is; 16 bits deep where grey has more than 256 levels."""
    if levels <= 256 or len(item) > 1:
        return image_grid(item[None], scale=1, padding=0)
    from PIL import Image

    grey = ((item[0].double().clamp(-1, 1) + 1) * (65535 / 2)).round()
    return Image.fromarray(grey.numpy().astype(np.uint16))


def _png(image: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def _npy(x: Tensor) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, x.numpy(), allow_pickle=False)
    return buffer.getvalue()


def _csv(x: Tensor) -> bytes:
    buffer = io.StringIO()
    np.savetxt(buffer, x.double().numpy(), delimiter=",", fmt="%.9g")
    return buffer.getvalue().encode()

"""A system on disk: system.json says what it is, weights.safetensors holds its tensors; loading needs these two only.

A folder from somebody else is data, and nothing in it is executed: the system's name resolves only inside
`daedal.systems` or to a class handed in, options are checked as `create` checks them, and the system is first built
without memory for its weights and compared with the header of the weights file before it is made.

Keys of the weights: `raw/NAME` for the whole `state_dict`, `average/NAME` for the parameters that are averaged.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import platform
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import safetensors
import torch
from safetensors.torch import save as to_bytes
from torch import Tensor

from daedal.capabilities import capabilities
from daedal.declare import PositiveFloat, PositiveInt, Recipe
from daedal.errors import RunError, UsageError
from daedal.options import Option, check_options, kind_of
from daedal.places import DESCRIPTION, WEIGHTS, write_file
from daedal.play.settings import pick_device
from daedal.play.system import System
from daedal.spaces import Space, from_json
from daedal.systems.description import FORMAT, not_ours, read_description
from daedal.systems.inspection import resolve
from daedal.systems.weightless import weightless
from daedal.version import VERSION

RAW, AVERAGE = "raw/", "average/"
PARTS_PER_TENSOR = 100  # a description that asks for more modules and parameters than this is not believed,
NUMBERS_PER_BYTE = 16  # nor one with a tensor of more numbers than this, a byte of the weights file,
NUMBERS = 2**24  # or than this
RECIPE = (
    Option("batch_size", kind_of(PositiveInt), Recipe.batch_size),
    Option("steps", kind_of(PositiveInt), Recipe.steps),
    Option("rate", kind_of(PositiveFloat), Recipe.rate),
    Option("epochs", kind_of(PositiveInt | None), Recipe.epochs),
)


# -- writing


def save(
    system: System,
    folder: str | Path,
    *,
    averages: Mapping[str, Tensor] | None = None,
    fingerprint: str | None = None,
) -> None:
    """Write system.json and weights.safetensors, each whole or not at all (a full disk leaves the old file).

    `averages` are the averaged parameters by name; they lie beside the raw ones. Raises OSError.
    """
    tensors = {RAW + name: tensor for name, tensor in system.state_dict().items()}
    tensors |= {AVERAGE + name: tensor for name, tensor in (averages or {}).items()}
    ready = {name: t.detach().cpu().contiguous().clone() for name, t in tensors.items()}
    Path(folder).mkdir(parents=True, exist_ok=True)
    write_file(Path(folder) / WEIGHTS, to_bytes(ready))
    write_description(system, folder, fingerprint=fingerprint)


def write_description(system: System, folder: str | Path, *, fingerprint: str | None = None) -> None:
    """Write system.json alone: what a system is, as data."""
    record = {
        "format": FORMAT,
        "system": system.name,
        "options": system.options,
        "spaces": {"x": system.x.to_json(), "given": {name: space.to_json() for name, space in system.given.items()}},
        "roles": system.roles,
        "config": system.config,
        "recipe": dataclasses.asdict(system.recipe),
        "capabilities": list(capabilities(system)),
        "fingerprint": fingerprint,
        "train_seconds": None if math.isnan(system.train_seconds) else round(system.train_seconds, 3),
        "versions": versions(),
    }
    write_file(Path(folder) / DESCRIPTION, json.dumps(record, indent=1, allow_nan=False).encode())


def versions() -> dict[str, str]:
    """Versions of what a run depends on."""
    return {"daedal": VERSION, "torch": torch.__version__, "python": platform.python_version()}


# -- reading


def load(
    path: str | Path, *, average: bool = True, system: type[System] | None = None, device: str | torch.device = "cpu"
) -> System:
    """The system of a run folder, in eval mode; with `average`, averaged parameters take the place of the raw ones.

    `system` is the class, for one that is not Daedal's own. Raises RunError where the folder cannot be used.
    """
    path = Path(path)
    record = read_description(path)
    kind = _class_of(record, system, path)
    with _weights(path / WEIGHTS) as file:
        most = max(NUMBERS, NUMBERS_PER_BYTE * (path / WEIGHTS).stat().st_size)
        with weightless(numbers=most, parts=PARTS_PER_TENSOR * (1 + len(file.keys()))):
            shell = _build(kind, record, path)
        _check_header(file, shell.state_dict(), path / WEIGHTS)
        made = _build(kind, record, path)
        if _is_double(file):
            made.double()
        made.load_state_dict(_tensors(file, made.state_dict(), average))
    return made.eval().to(pick_device(device))


def rebuild(path: str | Path, system: type[System] | None = None) -> System:
    """A new system like the one of a run folder, without its weights. Raises RunError.

    Damaged weights are no hindrance; whole ones say whether it is in float64.
    """
    path = Path(path)
    record = read_description(path)
    made = _build(_class_of(record, system, path), record, path)
    with contextlib.suppress(RunError), _weights(path / WEIGHTS) as file:
        if _is_double(file):
            made.double()
    return made


def _class_of(record: Mapping[str, Any], system: type[System] | None, path: Path) -> type[System]:
    name = record.get("system")
    try:
        entry, kind = resolve(str(name) if system is None else system)
    except UsageError:
        raise not_ours(path, name) from None
    if (entry.variant_of or entry.name) != name:
        raise RunError(f"{path} holds the system {name!r}, not '{entry.name}'; hand in its own class.")
    return kind


def _build(kind: type[System], record: Mapping[str, Any], path: Path) -> System:
    """The system that a description means. Raises RunError for whatever its constructor refuses."""
    try:
        entry, _ = resolve(kind)
        options = check_options(entry.options, record["options"], kind.__name__)
        spaces = record["spaces"]
        x, given = from_json(spaces["x"]), {name: from_json(space) for name, space in spaces["given"].items()}
        with torch.random.fork_rng(devices=[]):
            made = kind(x, given, **options)
        made.roles, made.config = _roles(record["roles"], given), record.get("config")
        made.recipe = Recipe(**check_options(RECIPE, record["recipe"], "Recipe"))
        made.train_seconds = float(record.get("train_seconds") or math.nan)
    except (ValueError, TypeError, LookupError, AttributeError, RuntimeError, MemoryError, ArithmeticError) as error:
        reason = f"it lacks {error}" if isinstance(error, KeyError) else str(error).rstrip(".")
        raise RunError(f"{path / DESCRIPTION} describes no system that can be made: {reason}.") from error
    return made


def _roles(record: Mapping[str, Any], given: Mapping[str, Space]) -> dict[str, Any]:
    if not isinstance(record["x"], str) or record["given"] != list(given):
        raise ValueError(f"its roles must name x and {list(given)} as given; got {record!r}")
    return {"x": record["x"], "given": list(given)}


@contextlib.contextmanager
def _weights(path: Path) -> Iterator[Any]:
    """The weights file, of which only the header is read yet. Raises RunError."""
    if not path.is_file():
        raise RunError(f"{path} is missing; a run needs it beside {DESCRIPTION}.")
    try:
        file = safetensors.safe_open(path, framework="pt")
    except (safetensors.SafetensorError, OSError, ValueError) as error:
        raise RunError(f"{path} is damaged ({error}); resume the run to write it anew, or take a copy.") from None
    with file:
        yield file


def _check_header(file: Any, expected: Mapping[str, Tensor], path: Path) -> None:
    """Compare names, shapes and kinds of number with the system's. Raises RunError, naming the tensor."""
    keys = set(file.keys())
    wanted = {prefix + name: t for prefix in (RAW, AVERAGE) for name, t in expected.items()}
    if missing := sorted(RAW + name for name in expected if RAW + name not in keys):
        raise RunError(f"{path} lacks the tensor '{missing[0]}' of the system in {DESCRIPTION}.")
    if unknown := sorted(keys - set(wanted)):
        raise RunError(f"{path} has a tensor '{unknown[0]}' that the system in {DESCRIPTION} has not.")
    for key in sorted(keys):
        found = file.get_slice(key)
        shape, right = tuple(found.get_shape()), tuple(wanted[key].shape)
        if shape != right:
            raise RunError(f"{path}: '{key}' has shape {shape}, the system in {DESCRIPTION} has {right}.")
        if _is_float(found.get_dtype()) != wanted[key].is_floating_point():
            raise RunError(f"{path}: '{key}' holds {found.get_dtype()}, the system has {wanted[key].dtype}.")


def _is_float(name: str) -> bool:
    return name in ("F16", "BF16", "F32", "F64")


def _is_double(file: Any) -> bool:
    """Whether the system was saved in float64, as a whole."""
    names = {file.get_slice(key).get_dtype() for key in file.keys()}  # noqa: SIM118
    return {name for name in names if _is_float(name)} == {"F64"}


def _tensors(file: Any, names: Mapping[str, Tensor], average: bool) -> dict[str, Tensor]:
    keys = set(file.keys())
    chosen = {name: AVERAGE + name if average and AVERAGE + name in keys else RAW + name for name in names}
    return {name: file.get_tensor(key) for name, key in chosen.items()}

"""Checkpoints: one safetensors file a rank, written beside, synced and renamed; a checksum finds what is damaged.

The JSON of a checkpoint lies under one metadata key, since safetensors writes several in random order.
"""

from __future__ import annotations

import hashlib
import json
import re
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import safetensors
import torch
from safetensors.torch import save as to_bytes
from torch import Tensor, nn

from daedal.errors import RunError
from daedal.places import parse_json, write_file

KEY = "daedal"
FORMAT = 1


class Damaged(Exception):
    """A checkpoint file that cannot be used; the message says why."""


def checksum(tensors: Mapping[str, Tensor]) -> str:
    """blake2b over names, shapes, dtypes and bytes, in order of name."""
    digest = hashlib.blake2b(digest_size=16)
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name}:{tuple(tensor.shape)}:{tensor.dtype};".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def save(path: Path, tensors: Mapping[str, Tensor], record: Mapping[str, Any]) -> None:
    """Write tensors and a JSON record as one file. Raises OSError where the disk is full."""
    ready = {name: t.detach().cpu().contiguous().clone() for name, t in tensors.items()}
    content = {"format": FORMAT, "checksum": checksum(ready), **record}
    write_file(path, to_bytes(ready, metadata={KEY: json.dumps(content)}))


def load(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and record of a file that `save` wrote. Raises Damaged."""
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            record = parse_json((file.metadata() or {})[KEY])
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
    except (OSError, safetensors.SafetensorError, KeyError, ValueError) as error:
        raise Damaged(f"{path.name} cannot be read ({error})") from None
    if record.get("format") != FORMAT:
        raise Damaged(f"{path.name} has format {record.get('format')}; this version reads {FORMAT}")
    if checksum(tensors) != record["checksum"]:
        raise Damaged(f"{path.name} does not match its checksum")
    return tensors, record


def restore(system: nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Put a system in the state that its tensors in a checkpoint of the run `path` have. Raises RunError.

    Another dtype is refused: copying would round, and go on otherwise than the run would have.
    """
    saved = {name.removeprefix("system/"): t for name, t in tensors.items() if name.startswith("system/")}
    for name, tensor in system.state_dict().items():
        if name in saved and saved[name].dtype != tensor.dtype:
            raise RunError(
                f"'{name}' is {saved[name].dtype} in {path}, and {tensor.dtype} in the system that is to go on; "
                "hand in one of the same dtype, such as system.double()."
            )
    system.load_state_dict(saved)


def file_name(step: int, rank: int) -> str:
    """The file of a checkpoint: step-0000000100-rank0.safetensors."""
    return f"step-{step:010d}-rank{rank}.safetensors"


def steps_in(folder: Path) -> list[int]:
    """Steps that rank 0 has a checkpoint of, newest first."""
    pattern = re.compile(r"step-(\d{10})-rank0\.safetensors")
    found = [pattern.fullmatch(p.name) for p in folder.iterdir()] if folder.is_dir() else []
    return sorted((int(m[1]) for m in found if m), reverse=True)


def newest(folder: Path, rank: int, agree: Callable[[int], bool]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The newest checkpoint that is whole on every rank; a warning names the damaged ones before it.

    `agree(stage)` says whether every rank has the same: the end of a stage and the start of the next have one file
    name, and a kill may fall between two ranks' writing. -1 stands for a bad one. Raises RunError where none is whole.
    """
    damaged: list[str] = []
    for step in steps_in(folder):
        found = None
        try:
            found = load(folder / file_name(step, rank))
        except Damaged as error:
            damaged.append(str(error))
        stage = -1 if found is None else found[1]["place"]["stage"]
        if agree(stage) and found is not None:
            if damaged:
                warnings.warn(f"{'; '.join(damaged)}; going on from the one before, of step {step}.", stacklevel=2)
            return found
    reason = "; ".join(damaged) or "there is none"
    raise RunError(f"{folder.parent} has no whole checkpoint ({reason}); it cannot be resumed, train it anew.")


def prune(folder: Path, rank: int, keep: int | None) -> None:
    """Leave this rank's newest two checkpoints; with `keep`, every keep-th save of a run is left too."""
    own = sorted(folder.glob(f"step-*-rank{rank}.safetensors"), reverse=True)
    for path in own[2:]:
        if keep is None or _saves(path) % keep:
            path.unlink(missing_ok=True)


def _saves(path: Path) -> int:
    """Which save of its run a checkpoint was, 1 the first; 1 for one that cannot be read."""
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            return parse_json((file.metadata() or {})[KEY])["saves"]
    except (OSError, safetensors.SafetensorError, KeyError, ValueError):
        return 1

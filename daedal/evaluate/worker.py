"""One system of a comparison in a process of its own: `python -m daedal.evaluate.worker JOB.json`.

Trains and evaluates, and leaves in the job's folder: `run/` (the run folder), `samples.npy` (as evaluated, border
form), `further.npy` (those that `memorised` is of besides), `material.npz` (`reference`, `training`: rows of the test
and the training split; `nearest`: the training row nearest to each of the first samples), `exhibits.npz` (what the
report shows) and `measures.json`.

What happens is told on stdout, one JSON object a line (see `daedal.evaluate.progress`); the last is `done` or `failed`.
"""

from __future__ import annotations

import json
import math
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from daedal.capabilities import Bounds, Decodes, Encodes, Scores
from daedal.data.base import Data
from daedal.errors import FULL
from daedal.evaluate.codes import between, rebuilt, ways
from daedal.evaluate.exhibits import Exhibits, write_exhibits, write_numpy
from daedal.evaluate.handover import take_class, take_data, take_system
from daedal.evaluate.measure import Material
from daedal.evaluate.process import TRACE
from daedal.evaluate.protocol import evaluate
from daedal.evaluate.trial import CODES
from daedal.heap import keep_freed_memory
from daedal.nn.modes import evaluating
from daedal.places import write_file
from daedal.play.seeds import address
from daedal.play.system import System
from daedal.spaces import Labels, Vectors
from daedal.systems.training import train

Emit = Callable[..., None]

IMAGES_SHOWN, POINTS_SHOWN = 64, 2000
REBUILT, WAYS, WAY_STEPS = 20, 5, 10


def main(job_file: str) -> int:
    """Do the job of a file; returns the exit status."""
    emit = _speaker()
    keep_freed_memory()
    try:
        perform(json.loads(Path(job_file).read_text(encoding="utf-8")), emit)
    except BaseException as error:
        trace = traceback.format_exc()[-TRACE:]
        emit(event="failed", kind=type(error).__name__, reason=one_line(error), trace=trace)
        return 1
    emit(event="done")
    return 0


def perform(job: Mapping[str, Any], emit: Emit) -> None:
    """Train, evaluate, and write what was found."""
    folder, data = Path(job["folder"]), take_data(job["data"])
    made = {"x": job["x"], "given": tuple(job["given"]), **job["options"]} if "name" in job else {}
    system = _contender(job)

    def watch(line: Mapping[str, Any], steps: int) -> None:
        loss = {name.removesuffix("/loss"): value for name, value in line.items() if name.endswith("/loss")}
        emit(event="training", step=line["step"], steps=steps, seconds=line["seconds"], loss=loss)

    budget = {"seconds": job["seconds"], "seed": job["seed"], "threads": job["threads"], "device": job["device"]}
    run = train(system, data, out=folder / "run", watch=watch, tensorboard=False, **budget, **made)
    emit(event="evaluating")
    measures = evaluate(run.system, data, seed=job["seed"])
    if measures.material is not None:
        write_material(folder, measures.material)
        write_exhibits(folder, exhibits(run.system, data, measures.material, job["seed"]))
    found = {
        "steps": run.step,
        "seconds": round(run.seconds, 3),
        "metrics": measures.to_json(),
        "exact_copies": None if measures.material is None else measures.material.exact_copies,
        "density_gap": density_gap(run.system, data, measures.material, job["seed"]),
    }
    write_file(folder / "measures.json", json.dumps(found, allow_nan=False).encode())


def _contender(job: Mapping[str, Any]) -> str | System | type[System]:
    """What is trained: a system by name, one that was made, or a new one of a class that is not Daedal's."""
    if "system" in job:
        return take_system(job["system"])
    return take_class(*job["class"]) if job.get("class") else job["name"]


def _speaker() -> Emit:
    """Says events on the real stdout, and sends all that others print there to stderr."""
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def emit(**event: Any) -> None:
        try:
            print(json.dumps(_finite(event)), file=channel, flush=True)
        except BrokenPipeError:
            os._exit(1)  # nobody compares any more

    return emit


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def one_line(error: BaseException) -> str:
    """An error's message in one line; where it has none, its kind."""
    text = " ".join(str(error).split())
    if not text:
        return f"{type(error).__name__} without a message."
    if isinstance(error, OSError) and error.errno in FULL:
        return f"{error.strerror} ('{error.filename or 'its folder'}'); free some space and compare again."
    # Our own errors are sentences; of others the kind helps to look them up, and they may be of any length.
    ours = type(error).__module__.startswith("daedal.")
    return text if ours else f"{type(error).__name__}: {text[:500]}"


# -- what the report shows


def write_material(folder: Path, material: Material) -> None:
    """Write the samples, and which items they were measured against."""
    write_numpy(folder / "samples.npy", np.save, material.samples.numpy())
    write_numpy(folder / "further.npy", np.save, material.further.numpy())
    rows = {name: getattr(material, name) for name in ("reference", "training", "nearest")}
    write_numpy(folder / "material.npz", np.savez, **rows)


def exhibits(system: System, data: Data, material: Material, seed: int = 0) -> Exhibits:
    """The pictures of a trained system, as arrays; `seed` draws codes where items have none."""
    x, vectors = system.roles["x"], isinstance(system.x, Vectors)
    shown = min(POINTS_SHOWN if vectors else IMAGES_SHOWN, len(material.samples))
    items = data.test.gather(material.reference[:shown], (x, *system.given))
    near = data.train.gather(material.nearest[:shown], (x,))[x]
    given = {name: items[name] for name in system.given}
    inputs, again = _rebuild(system, items[x], given)
    return Exhibits(
        real=items[x].numpy(),
        samples=material.samples[:shown].numpy(),
        nearest=None if vectors else near.numpy(),
        inputs=inputs,
        rebuilt=again,
        ways=None if vectors else _ways(system, items[x], given, seed),
    )


def _rebuild(system: System, x: Tensor, given: Mapping[str, Tensor]) -> tuple[np.ndarray | None, np.ndarray | None]:
    if not (isinstance(system, Encodes) and isinstance(system, Decodes)):
        return None, None
    x, given = x[:REBUILT], {name: value[:REBUILT] for name, value in given.items()}
    return x.numpy(), rebuilt(system, x, given).cpu().numpy()


def _ways(system: System, x: Tensor, given: Mapping[str, Tensor], seed: int) -> np.ndarray | None:
    """Rows of items between pairs that are given the same; None without codes or such pairs.

    Between test items where the system encodes, else between samples, whose codes are normal noise.
    """
    if not isinstance(system, Decodes):
        return None
    space: Any = getattr(system, "latent_space", None)
    encodes = isinstance(system, Encodes)
    if isinstance(space, Labels) or not (encodes or isinstance(space, Vectors)):
        return None
    pairs = equal_pairs(given, len(x))[:WAYS]
    if not pairs:
        return None
    firsts, seconds = (torch.tensor(side) for side in zip(*pairs, strict=True))
    common = {name: value[firsts] for name, value in given.items()}
    if encodes:
        return ways(system, x[firsts], x[seconds], WAY_STEPS, given=common).cpu().numpy()
    generator = torch.Generator().manual_seed(address(seed, CODES))
    start, end = torch.randn(2, len(pairs), space.dim, generator=generator).to(system.device, system.dtype)
    return between(system, start, end, WAY_STEPS, given=common).cpu().numpy()


def equal_pairs(given: Mapping[str, Tensor], n: int) -> list[tuple[int, int]]:
    """Disjoint pairs of n items that are given the same, in order: [(0, 1), (2, 3), ...] where nothing is given."""
    waiting: dict[bytes, int] = {}
    pairs = []
    for i in range(n):
        key = b"".join(value[i].numpy().tobytes() for value in given.values())
        if (other := waiting.pop(key, None)) is None:
            waiting[key] = i
        else:
            pairs.append((other, i))
    return pairs


# -- toys


def density_gap(system: System, data: Data, material: Material | None, seed: int) -> dict[str, Any] | None:
    """Mean of log p_data(x) - log p_system(x) over test items, nats; for data whose density is known.

    In expectation it is the Kullback-Leibler divergence of the system from the data, zero at best. None where the
    data's density or the system's is not known, the system is conditional, or there is but one item.
    """
    if data.density is None or material is None or system.given or not isinstance(system, (Scores, Bounds)):
        return None
    x = data.test.gather(material.reference, (system.roles["x"],))[system.roles["x"]]
    generator = torch.Generator(system.device).manual_seed(seed)
    with evaluating(system):
        own = x.to(system.device, system.dtype)
        nats = system.log_prob(own) if isinstance(system, Scores) else system.elbo(own, generator=generator)
    gaps = data.density.log_prob(x.double()) - nats.cpu().double()
    if len(gaps) < 2 or not bool(torch.isfinite(gaps).all()):
        return None
    kind = system.kind if isinstance(system, Scores) else "bound"
    return {
        "value": float(gaps.mean()),
        "spread": float(gaps.std() / math.sqrt(len(gaps))),
        "n": len(gaps),
        "kind": kind,
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

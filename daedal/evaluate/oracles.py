"""Oracles: judges that read from a picture of a world what it shows, trained once and never used to train anything.

    judge = daedal.evaluate.oracles.oracle("portraits", size=64)
    judge.factors(x)["yaw"]  # degrees, (n,), of pictures x (n, 3, 64, 64) in [-1, 1]
    judge.log_probs(x)["glasses"]  # (n, 3)
    judge.stencil(x)  # class of each pixel, (n, 64, 64)
    judge.points(x)  # column and row of each landmark, (n, k, 2)
    judge.actions(before, after)  # log-probabilities (n, 4) of what is done between two frames, of a world with actions
    judge.accuracy["numbers"]["yaw"]  # {'r2': ...}, on renders it has not seen: see daedal.evaluate.oraclescore

No gradient flows through them: a judge that a system was trained to please would judge nothing.

An oracle is trained when it is first asked for, which takes minutes, and kept in the cache under the look of its world,
so that a world that looks otherwise gets a judge of its own; those at 64 pixels are committed, by their hashes.
`python -m daedal.evaluate.oracles portraits --size 64` prints how accurate one is, and keeps the record in
results/oracles.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from daedal.data.worlds.catalogue import find_world
from daedal.data.worlds.simulator import Simulator
from daedal.data.worlds.world import Values, World
from daedal.errors import UsageError
from daedal.evaluate import oracleaction
from daedal.evaluate.keep import kept_with_notes, key_of, notes_of, read, store
from daedal.evaluate.oraclefit import FIELDS, Budget, Renders, Watch, choices, fit, in_units, training_facts, untrained
from daedal.evaluate.oraclenet import SIZES, OracleNet, Said, viewed
from daedal.evaluate.oraclescore import CHUNK, of_samples, score
from daedal.evaluate.oracletable import table

VERSION = 7  # of the net's shape and training: another version trains anew
WORLD_SEED = 20_003  # of the items that oracles learn from: not the 0 of data sets
LOOK = 8  # items that say how a world looks
SAMPLED = 256  # items that say what could be read of classes
PICTURES, ACTIONS = "", "-actions"  # kinds of nets, as names end
BUDGETS = {  # of kinds, and of nets by name
    PICTURES: Budget(16_000, 160_000),
    ACTIONS: Budget(3_000, 40_000),
    "portraits-64": Budget(96_000, 450_000),
    "streets-64": Budget(16_000, 190_000),
    "dancers-64": Budget(16_000, 120_000),
}
ASSETS = Path(__file__).parent / "assets"
COMMITTED = {  # hashes of files in `ASSETS`
    "portraits-64": "31bc50598426581134a2580c3aecca62496d12b93e91cf218d9113bfd99baf14",
    "streets-64": "4b6ee3de65a3718704d5d828cbd8b7693a94d54d787bfcf10185fe95cdd8f7c0",
    "streets-64-actions": "6049f066cdf946aa9bbb295a69f09d8915b200a4a42c1de4b28ab1405bb60250",
    "dancers-64": "506b7f92934c90578af5b259e61d4759d4d7ffd143e2b2957312edd9b7e47e36",
}
Train = Callable[[Simulator, Budget, Watch | None], tuple[OracleNet, Mapping[str, Any]]]


@dataclass(frozen=True, eq=False)
class Oracle:
    """Reads pictures of `world`, (n, 3, size, size) in [-1, 1]."""

    world: World
    size: int
    net: OracleNet
    accuracy: Mapping[str, Any]
    watch: Watch | None = None  # is told how far training is
    anew: bool = False  # whether it is that of the cache even where one is committed

    @torch.no_grad()
    def factors(self, x: Tensor) -> Values:
        """Everything observable that is a number, in its unit and within its range: (n,), or (n, size)."""
        return in_units(self.world, torch.cat([said.numbers for said in self._said(x)]))

    @torch.no_grad()
    def log_probs(self, x: Tensor) -> dict[str, Tensor]:
        """Log-probabilities (n, k) of the values of everything observable that is a choice."""
        logits = zip(*(said.choices for said in self._said(x)), strict=True)
        pairs = zip(choices(self.world), logits, strict=True)
        return {factor.name: torch.cat(parts).log_softmax(1) for factor, parts in pairs}

    @torch.no_grad()
    def stencil(self, x: Tensor) -> Tensor:
        """The likeliest class of each pixel, int64 (n, size, size)."""
        return torch.cat([said.classes.argmax(1) for said in self._said(x)])

    @torch.no_grad()
    def points(self, x: Tensor) -> Tensor:
        """Column and row of each of `landmarks`, in pixels: (n, k, 2)."""
        return torch.cat([said.points for said in self._said(x)])

    def actions(self, before: Tensor, after: Tensor) -> Tensor:
        """Log-probabilities (n, k) of the world's actions between frames (n, 3, size, size) that follow each other."""
        net = self.motion[0].to(before.device)  # which may be trained now
        pairs = zip(self._parts(before), self._parts(after), strict=True)
        with torch.no_grad():
            return torch.cat([net(torch.cat(pair, 1)).choices[0] for pair in pairs]).log_softmax(1)

    @functools.cached_property
    def motion(self) -> tuple[OracleNet, Mapping[str, Any]]:
        """The net that reads actions, and how accurate it is. Raises UsageError for a world without any."""
        if not self.world.actions:
            raise UsageError(f"Nothing is done in {self.world.name}, so there are no actions to read.")
        of = Simulator(
            self.world, (self.size, self.size), WORLD_SEED, frames=2, frame_rate=1 / self.world.action_seconds
        )
        empty = oracleaction.untrained(self.world, self.size)
        return _net(of, ACTIONS, empty, oracleaction.trained, self.watch, self.anew)

    @property
    def landmarks(self) -> tuple[str, ...]:
        """Names of the world's landmarks."""
        return Simulator(self.world).landmarks

    def _said(self, x: Tensor) -> list[Said]:
        net = self.net.to(x.device)
        return [viewed(net, part) for part in self._parts(x)]

    def _parts(self, x: Tensor) -> tuple[Tensor, ...]:
        if x.ndim != 4 or tuple(x.shape[1:]) != (3, self.size, self.size):
            raise UsageError(
                f"This oracle of {self.world.name} reads pictures (n, 3, {self.size}, {self.size}); "
                f"got {tuple(x.shape)}."
            )
        return x.detach().float().split(CHUNK)


def oracle(world: str | World, size: int = 64) -> Oracle:
    """The oracle of a world at a size; trains it where it is neither committed nor in the cache. Raises UsageError."""
    return _by_name(world, size) if isinstance(world, str) else _found(world, size)


@functools.cache
def _by_name(name: str, size: int) -> Oracle:
    return _found(find_world(name), size)


def _found(world: World, size: int, watch: Watch | None = None, *, anew: bool = False) -> Oracle:
    """The oracle; `anew`, not the committed one, but that of the cache. Tells `watch` how far training is."""
    if size not in SIZES:
        raise UsageError(f"'size' of an oracle must be one of {', '.join(map(str, SIZES))}; got {size}.")
    of = Simulator(world, (size, size), WORLD_SEED, fields=FIELDS[1:])
    net, accuracy = _net(of, PICTURES, untrained(world, size), _trained, watch, anew)
    return Oracle(world, size, net, accuracy, watch, anew)


def _net(
    of: Simulator, kind: str, empty: OracleNet, train: Train, watch: Watch | None, anew: bool
) -> tuple[OracleNet, Mapping[str, Any]]:
    """The net of a kind, and how accurate it is: committed, or in the cache, or trained now."""
    name = _name(of.world, of.size[0], kind)
    if name in COMMITTED and not anew:
        return _committed(name, empty)
    budget = BUDGETS.get(name, BUDGETS[kind])
    key = key_of([VERSION, name, budget.pictures, budget.looks, _look(of)])
    return kept_with_notes("oracles", key, empty, lambda: train(of, budget, watch))


def _name(world: World, size: int, kind: str) -> str:
    return f"{world.name}-{size}{kind}"


def _committed(name: str, empty: OracleNet) -> tuple[OracleNet, Mapping[str, Any]]:
    content = _asset(name).read_bytes()
    if hashlib.sha256(content).hexdigest() != COMMITTED[name]:
        raise ValueError(
            f"'{_asset(name).name}' has been changed; install daedal again to get judgements that compare."
        )
    return read(empty, content), notes_of(content)


def _asset(name: str) -> Path:
    return ASSETS / f"oracle-{name}.safetensors"


def _trained(of: Simulator, budget: Budget, watch: Watch | None) -> tuple[OracleNet, Mapping[str, Any]]:
    """A net, and how accurate it is on items that it has not seen."""
    index = np.arange(budget.pictures)
    test = of.sides.is_test(index)
    renders, start = Renders.of(of, index), time.perf_counter()
    rows = [np.flatnonzero(side) for side in (~test, test)]
    if watch is not None:
        watch(f"rendered {len(index)} pictures; training, {budget.looks} looks")
    net = fit(of.world, renders.only(rows[0]), of.size[0], budget.looks, watch=watch)
    facts = training_facts(len(rows[0]), budget.looks, start)
    return net, {"training": facts, **score(net, of.world, renders.only(rows[1]), of.landmarks)}


def _look(of: Simulator) -> str:
    """A hash of a few items: another where the world looks otherwise (or another processor rounds otherwise)."""
    values = of.values(range(LOOK))
    factors = [(f.name, f.low, f.high, f.size, f.choices, f.shares) for f in of.world.factors]
    state = hashlib.sha256(repr(factors).encode())
    for name in ("x", "stencil"):
        state.update(of.raw(name, values).tobytes())
    return state.hexdigest()


# -- the command


def record(of: Oracle, command: str) -> dict[str, Any]:
    """What results/oracles keeps of an oracle."""
    facts = {"command": command, "world": of.world.name, "size": of.size, "seed": WORLD_SEED, **of.accuracy}
    return facts | ({"actions": of.motion[1]} if of.world.actions else {})


def main(arguments: list[str] | None = None) -> int:
    """Print how accurate an oracle is and keep it in a results file; train the oracle where there is none."""
    parser = argparse.ArgumentParser("python -m daedal.evaluate.oracles", description=main.__doc__)
    parser.add_argument("world")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--out", type=Path, default=Path("results/oracles"))
    parser.add_argument(
        "--commit", action="store_true", help="train it anew if need be, and write it where the package keeps it"
    )
    given = parser.parse_args(arguments)
    try:
        world = find_world(given.world)
        found = _found(world, given.size, _say, anew=given.commit)
    except UsageError as error:
        print(error, file=sys.stderr)
        return 2
    of = Simulator(world, (given.size, given.size), WORLD_SEED)
    command = f"python -m daedal.evaluate.oracles {given.world} --size {given.size}"
    kept = {**record(found, command), "samples": of_samples(of, of.test_index(np.arange(SAMPLED)))}
    print(table(kept))
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / f"{given.world}-{given.size}.json").write_text(json.dumps(kept, indent=1) + "\n")
    if given.commit:
        _commit(found)
    return 0


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


def _commit(of: Oracle) -> None:
    """Write the files, and print the hashes that belong into `COMMITTED`."""
    nets = {PICTURES: (of.net, of.accuracy)} | ({ACTIONS: of.motion} if of.world.actions else {})
    for kind, (net, notes) in nets.items():
        file = _asset(name := _name(of.world, of.size, kind))
        state = {key: value.half() if value.is_floating_point() else value for key, value in net.state_dict().items()}
        store(file, state, notes)
        print(f'    "{name}": "{hashlib.sha256(file.read_bytes()).hexdigest()}",')


if __name__ == "__main__":
    sys.exit(main())

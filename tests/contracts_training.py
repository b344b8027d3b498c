"""Contracts of training: whose turn moves what, what is saved, that losses fall and runs resume; and of options."""

from __future__ import annotations

import itertools
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from daedal.play.folder import read_settings
from daedal.play.seeds import untouched_generators
from daedal.play.settings import Settings
from daedal.play.table import Mover, Table
from daedal.play.trainer import Trainer
from tests.contracts_case import BATCH, CPU, Case, broken, table_of, train
from tests.small import same


def turn_moves_only_its_player(case: Case) -> None:
    """A turn changes the parameters of its player, and no others; between turns, while a round runs, none changes."""
    system = case.create().train()
    names = {id(p): name for name, p in system.named_parameters()}
    moved: set[str] = set()
    move, advance = Mover.move, Table._advance

    def watched_move(self: Mover, gradient: Any, progress: float, want_norm: bool) -> Any:
        before = _values(system)
        result = move(self, gradient, 0.5, want_norm)  # away from a warm-up's first rate, which may be 0
        changed = _changed(system, before)
        own = {names[id(p)] for p in self.params}
        assert changed <= own, f"{self.name} changed {sorted(changed - own)}"
        assert changed, f"{self.name} changed nothing"
        moved.add(self.name)
        return result

    def watched_advance(*args: Any) -> Any:
        before = _values(system)
        result = advance(*args)
        assert not (changed := _changed(system, before)), f"the round itself changed {sorted(changed)}"
        return result

    with pytest.MonkeyPatch.context() as patch, untouched_generators(CPU):
        patch.setattr(Mover, "move", watched_move)
        patch.setattr(Table, "_advance", watched_advance)
        table = table_of(system, case)
        table.play(0, 0.5)
    assert moved == set(table.movers)


def _values(system: nn.Module) -> dict[str, Tensor]:
    return {name: p.detach().clone() for name, p in system.named_parameters()}


def _changed(system: nn.Module, before: dict[str, Tensor]) -> set[str]:
    return {name for name, p in system.named_parameters() if not torch.equal(before[name], p)}


def what_changes_is_saved(case: Case) -> None:
    """Nothing that training changes lies outside `state_dict`."""
    system = case.create().train()
    before = _plain_state(system)
    with untouched_generators(CPU):
        table = table_of(system, case)
        for step in range(3):
            if table.play(step, 0.5):
                break
    after = _plain_state(system)
    assert before.keys() == after.keys(), f"new attributes: {sorted(after.keys() ^ before.keys())}"
    changed = [name for name in before if before[name] != after[name]]
    assert not changed, f"changed, but are not saved: {changed}"


def _plain_state(system: nn.Module) -> dict[str, str]:
    """Every attribute of every module that is not a parameter, saved buffer or module, as text."""
    own = set(vars(nn.Module())) | {"training"}
    found = {}
    for path, module in system.named_modules():
        plain = {name: value for name, value in vars(module).items() if name not in own}
        plain.update((name, module._buffers[name]) for name in module._non_persistent_buffers_set)
        for name, value in plain.items():
            found[f"{path}.{name}"] = repr(value.tolist() if isinstance(value, Tensor) else value)
    return found


def losses_fall(case: Case) -> None:
    """Each player's loss falls at fixed data and noise, with the others frozen."""
    with untouched_generators(CPU):
        names = list(table_of(case.create(), case).movers)
        for name in names:
            losses = _losses_of(name, case)
            assert min(losses[-3:]) < losses[0], f"the loss of {name} went {losses[0]:.4g} -> {losses[-1]:.4g}"


def _losses_of(name: str, case: Case, rounds: int = 12, **kwargs: Any) -> list[float]:
    class Frozen(Table):
        """Only one player moves, and every round sees the same data and noise."""

        def _move(self, yielded: Any, gradients: Any, progress: float) -> None:
            turns = yielded[0] if isinstance(yielded[0], list) else yielded
            if any(turn.player == name for turn in turns):
                taken = [turn for turn in turns if turn.player == name]
                losses.setdefault(self.streams[0].draws, []).append(float(taken[0].loss.detach()))
                if len(turns) == 1:
                    super()._move(yielded, gradients, 0.5)
                else:
                    i = next(i for i, turn in enumerate(turns) if turn.player == name)
                    super()._move([taken[0]], [gradients[i]], 0.5)

    losses: dict[int, list[float]] = {}
    system = case.create().train()
    table = table_of(system, case, Frozen, **kwargs)
    for _ in range(rounds):
        table.streams[0].draws = 0
        table.play(0, 0.5)
    return losses[min(losses)]


def likelihood_never_falls(case: Case) -> None:
    """A system that logs its log-likelihood (EM) never lowers it."""
    system = case.create().double()
    run = train(case, system, steps=15)
    values = [line["system/log-likelihood"] for line in run.history if "system/log-likelihood" in line]
    assert len(values) > 1
    assert all(b >= a - 1e-9 for a, b in itertools.pairwise(values)), values


def resume_is_exact(case: Case) -> None:
    """An exception at any turn, then fresh objects from disk, ends bit for bit where an unbroken run ends."""
    with counted() as turns:
        whole = train(case, case.create(), steps=8)
    chosen = case.seed()
    broken_at, turn = chosen % min(whole.step, 7), 1 + chosen % max(turns)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        settings = Settings(steps=8, batch_size=BATCH, save_every=3, tensorboard=False)
        trainer = Trainer(case.create(), case.data(), settings, out=out)
        with broken(broken_at, turn):
            try:
                trainer.run()
            except ZeroDivisionError:
                pass
            else:
                raise AssertionError("the run was not broken")
        assert read_settings(out)["stage_steps"]
        resumed = Trainer.reopen(out, case.create(seed=7), case.data()).resume()
    assert resumed.step == whole.step
    assert same(whole.system, resumed.system)


@contextmanager
def counted() -> Iterator[set[int]]:
    """The numbers of the turns at which rounds go on, while they are played: {0, 1} where a round has one turn."""
    seen: set[int] = set()
    original = Table._advance

    def advance(table: Table, playing: Any, step: int, turn: int, micro: int) -> Any:
        seen.add(turn)
        return original(table, playing, step, turn, micro)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Table, "_advance", advance)
        yield seen


def bf16_trains(case: Case) -> str | None:
    """Under bf16 autocast losses fall and are finite; parameters stay float32, and optimizers step outside of it."""
    system = case.create()
    original = Mover.move

    def move(*args: Any) -> Any:
        assert not torch.is_autocast_enabled("cpu"), "the optimizer steps under autocast"
        return original(*args)

    with pytest.MonkeyPatch.context() as patch, untouched_generators(CPU):
        patch.setattr(Mover, "move", move)
        Trainer(system, case.data(), Settings(steps=2, batch_size=BATCH, precision="bf16")).run()
        players = list(system.players())
        for name in players:
            losses = _losses_of(name, case, 6, autocast=partial(torch.autocast, "cpu", dtype=torch.bfloat16))
            assert min(losses[-3:]) < losses[0], f"the loss of {name} went {losses[0]:.4g} -> {losses[-1]:.4g}"
    assert all(torch.isfinite(p).all() and p.dtype == torch.float32 for p in system.parameters())
    return None if players else "no players"


def compiles_what_has_a_forward(case: Case) -> str | None:
    """What `--compile` compiles exists and has a forward of its own."""
    system = case.create()
    for name in system.compiles:
        module = system.get_submodule(name)
        assert type(module).forward not in (nn.Sequential.forward, nn.Module.forward), name
    return None if system.compiles else "nothing to compile"


# -- files


def options_rebuild_the_system(case: Case) -> None:
    """`options`, through JSON, make a system of the same shapes."""
    system = case.create()
    options = json.loads(json.dumps(system.options))
    again = case.system_class(system.x, system.given, **options)
    assert again.options == {k: tuple(v) if isinstance(v, list) else v for k, v in system.options.items()} or (
        json.dumps(again.options) == json.dumps(system.options)
    )
    shapes = {k: v.shape for k, v in system.state_dict().items()}
    assert shapes == {k: v.shape for k, v in again.state_dict().items()}

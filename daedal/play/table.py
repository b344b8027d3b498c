"""The rules of play: how a round's turns become gradients and steps. One `Table` is one stage being played.

Each micro-batch is a seat with a run of the round function of its own; the seats advance in lockstep, and each loss
is differentiated as it is yielded, so that one graph lives at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor

from daedal.play.player import Player, Stage
from daedal.play.ranks import Ranks
from daedal.play.seeds import address, digest
from daedal.play.stream import Domains, Stream
from daedal.play.turn import Done, Tell, Turn

Record = Callable[[str, Tensor | float], None]


class Mover:
    """A player at the table: with an optimizer, and the running average of the parameters."""

    def __init__(self, name: str, player: Player):
        if not player.params:
            raise ValueError(f"Player {name!r} has no parameters that require a gradient.")
        self.name, self.player, self.params = name, player, player.params
        self.optimizer = player.optimizer(player.params)
        self.turns = 0
        self.averages = [p.detach().clone() for p in self.params] if player.average else []

    def differentiate(self, loss: Tensor, keep: bool) -> list[Tensor | None]:
        """The gradient of a loss for this player's parameters only."""
        try:
            gradient = torch.autograd.grad(loss, self.params, retain_graph=keep, allow_unused=True)
            return [
                g if g is None or g.stride() == p.stride() else _laid_out(g, p)
                for g, p in zip(gradient, self.params, strict=True)
            ]
        except RuntimeError as error:
            if "modified by an inplace operation" not in str(error):
                raise
            raise RuntimeError(
                f"The loss of player {self.name!r} was built before another player's step and played after it; "
                "build it after that player's turn, or yield both turns in one list."
            ) from error

    def _clipped(self, gradient: Sequence[Tensor | None], norm: Tensor, limit: float) -> Sequence[Tensor | None]:
        """The gradient, shrunk to the norm `limit` where its norm is greater."""
        if norm.device.type == "cpu":  # a look waits for no device here
            size = norm.item()
            if size <= limit:
                return gradient
            shrink = limit / size
        else:
            shrink = (limit / norm).clamp(max=1.0)
        present = [g for g in gradient if g is not None]
        if len({g.data_ptr() for g in present}) < len(present):
            return [None if g is None else g * shrink for g in gradient]  # one tensor of two must not shrink twice
        torch._foreach_mul_(present, shrink)
        return gradient

    @torch.no_grad()
    def move(self, gradient: Sequence[Tensor | None], progress: float, want_norm: bool) -> Tensor | None:
        """Step along a gradient, then update the average. Returns the gradient's norm where it is known."""
        norm = None
        if self.player.clip is not None or want_norm:
            norm = _norm([g for g in gradient if g is not None])
        if self.player.clip is not None and norm is not None:
            gradient = self._clipped(gradient, norm, self.player.clip)
        for parameter, g in zip(self.params, gradient, strict=True):
            parameter.grad = g
        rate = self.player.rate(progress)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        for parameter in self.params:
            parameter.grad = None
        # Fused optimizers change parameters without telling autograd; a stale loss must not pass unseen.
        torch.autograd.graph.increment_version(self.params)
        if self.player.average:
            weight = 1 - self.player.average.at(self.turns)
            torch._foreach_lerp_(self.averages, self.params, weight)  # pyright: ignore[reportCallIssue, reportArgumentType]
        self.turns += 1
        return norm


class Table:
    """One stage being played: its movers, and the rounds. `record(name, value)` receives what is logged."""

    def __init__(
        self,
        stage: Stage,
        index: int,
        streams: Sequence[Stream | Domains],
        ranks: Ranks,
        *,
        seed: int,
        generators: Sequence[torch.Generator],
        autocast: Callable[[], Any] = nullcontext,
        record: Record = lambda name, value: None,
    ):
        self.stage, self.index, self.streams, self.ranks = stage, index, streams, ranks
        self.movers = {name: Mover(name, player) for name, player in stage.players.items()}
        self.seed, self.generators, self.autocast, self.record = seed, generators, autocast, record
        self.want_norms = False
        self.compared = ranks.world == 1  # whether a whole round has been seen to go the same way on every rank

    def play(self, step: int, progress: float) -> bool:
        """Play round number `step`. Returns whether the stage says that it has converged."""
        rounds = [self.stage.turns(stream) for stream in self.streams]
        turn = 0
        while True:
            if len(rounds) == 1 and self.ranks.world == 1:
                yielded = [self._advance(rounds[0], step, turn, 0)]
                gradients = self._differentiate(yielded[0], None)
            else:
                yielded, gradients = self._advance_in_lockstep(rounds, step, turn)
            first = yielded[0]
            if not self.compared:
                self._compare_ranks(first)
            if first is None:
                return False
            if isinstance(first, Done):
                return True
            if isinstance(first, Tell):
                self._tell(yielded)
            elif gradients is not None:
                self._move(yielded, gradients, progress)
            turn += 1

    # -- advancing

    def _advance(self, playing: Iterator[Any], step: int, turn: int, micro: int) -> Any:
        seat = self.streams[micro].seat
        seed = address(self.seed, self.index, step, turn, seat)
        for generator in self.generators:
            generator.manual_seed(seed)
        with self.autocast():
            return next(playing, None)

    def _advance_in_lockstep(self, rounds: Sequence[Iterator[Any]], step: int, turn: int):
        yielded, total = [], None
        for micro, playing in enumerate(rounds):
            item = self._advance(playing, step, turn, micro)
            if yielded and _kind(item) != _kind(yielded[0]):
                raise RuntimeError(
                    "Micro-batches took different turns; a round's control flow must not depend on data."
                )
            total = self._differentiate(item, total)
            yielded.append(item)
        return yielded, total

    def _compare_ranks(self, item: Any) -> None:
        """Ranks that took different turns would wait for each other for ever, or average what is not the same."""
        if not self.ranks.agree(digest(repr(_kind(item)))):
            raise RuntimeError(
                "Ranks took different turns; a round's control flow must depend only on what is equal on every rank."
            )
        self.compared = item is None

    # -- turns

    def _differentiate(self, item: Any, total: list | None) -> list | None:
        """Gradients of the turns of one seat (one list a loss), added to those of the seats before it."""
        if item is None or isinstance(item, (Tell, Done)):
            return None
        turns = _turns(item)
        names = [turn.player for turn in turns]
        if len(set(names)) != len(names):
            raise ValueError(f"A player moves twice in one simultaneous turn: {', '.join(names)}.")
        losses = [(self._mover(turn), loss) for turn in turns for loss in _losses(turn)]
        gradients = [mover.differentiate(loss, keep=i < len(losses) - 1) for i, (mover, loss) in enumerate(losses)]
        return gradients if total is None else [_add(a, b) for a, b in zip(total, gradients, strict=True)]

    def _mover(self, turn: Turn) -> Mover:
        if turn.player not in self.movers:
            known = ", ".join(self.movers)
            raise ValueError(f"Stage {self.stage.name!r} has no player {turn.player!r}; its players: {known}.")
        return self.movers[turn.player]

    def _move(self, yielded: Sequence[Any], gradients: list, progress: float) -> None:
        taken = iter(self._average(gradients))
        for i, turn in enumerate(_turns(yielded[0])):
            mover = self._mover(turn)
            mine = [next(taken) for _ in _losses(turn)]
            gradient = mine[0] if turn.combine is None else turn.combine(*mine)
            if all(g is None for g in gradient):
                raise RuntimeError(f"The loss of player {turn.player!r} depends on none of its parameters.")
            norm = mover.move(gradient, progress, self.want_norms)
            self._record(turn.player, [_turns(item)[i] for item in yielded], norm)

    def _average(self, gradients: list) -> list:
        """The mean over seats and ranks. Never in place: gradients of two parameters may be one tensor."""
        seats = len(self.streams)
        if seats > 1:
            gradients = [[None if g is None else g / seats for g in one] for one in gradients]
        return [self.ranks.mean(one) for one in gradients]

    def _record(self, name: str, turns: Sequence[Turn], norm: Tensor | None) -> None:
        self.record(f"{name}/loss", _mean([_total(turn) for turn in turns]))
        for key in turns[0].scalars:
            self.record(f"{name}/{key}", _mean([t.scalars[key] for t in turns]))
        if norm is not None:
            self.record(f"{name}/gradient-norm", norm)

    @torch.no_grad()
    def _tell(self, yielded: Sequence[Tell]) -> None:
        told: dict[str, Any] = {}
        for key in yielded[0].statistics:
            values = [torch.as_tensor(item.statistics[key]).detach() for item in yielded]
            told[key] = torch.stack(values).mean(0) if len(values) > 1 else values[0].clone()
        yielded[0].call(**dict(zip(told, self.ranks.mean(list(told.values())), strict=True)))

    # -- what must be saved

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Optimizers, averages and counters: tensors by name, and the rest as JSON."""
        tensors: dict[str, Tensor] = {}
        record: dict[str, Any] = {"draws": self.streams[0].draws, "players": {}}
        for name, mover in self.movers.items():
            for i, average in enumerate(mover.averages):
                tensors[f"average/{name}/{i}"] = average
            plain: dict[str, Any] = {}
            for i, slots in mover.optimizer.state_dict()["state"].items():
                for key, value in slots.items():
                    if isinstance(value, Tensor):
                        tensors[f"optimizer/{name}/{i}/{key}"] = value
                    else:
                        plain[f"{i}/{key}"] = value
            record["players"][name] = {"turns": mover.turns, "plain": plain}
        return tensors, record

    def restore(self, tensors: Mapping[str, Tensor], record: Mapping[str, Any]) -> None:
        """Put back what `state` gave."""
        for stream in self.streams:
            stream.draws = record["draws"]
        for name, mover in self.movers.items():
            saved = record["players"][name]
            mover.turns = saved["turns"]
            for i, average in enumerate(mover.averages):
                average.copy_(tensors[f"average/{name}/{i}"])
            _restore_optimizer(mover.optimizer, name, tensors, saved["plain"])

    def averages(self) -> dict[int, Tensor]:
        """The running average of each averaged parameter, by the parameter's id."""
        return {id(p): a for m in self.movers.values() for p, a in zip(m.params, m.averages, strict=False)}


def _restore_optimizer(
    optimizer: torch.optim.Optimizer, name: str, tensors: Mapping[str, Tensor], plain: Mapping[str, Any]
) -> None:
    slots: dict[int, dict[str, Any]] = {}
    prefix = f"optimizer/{name}/"
    for full, tensor in tensors.items():
        if full.startswith(prefix):
            i, key = full[len(prefix) :].split("/", 1)
            slots.setdefault(int(i), {})[key] = tensor.clone()  # load_state_dict aliases what it is given
    for full, value in plain.items():
        i, key = full.split("/", 1)
        slots.setdefault(int(i), {})[key] = value
    optimizer.load_state_dict({"state": slots, "param_groups": optimizer.state_dict()["param_groups"]})


def _laid_out(gradient: Tensor, parameter: Tensor) -> Tensor:
    """A gradient in the layout of its parameter: fused optimizers ask for it, and autograd may hand out a view."""
    return torch.empty_like(parameter).copy_(gradient)


def _norm(gradient: list[Tensor]) -> Tensor:
    """The 2-norm of all numbers together."""
    return torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradient)))


def _turns(item: Any) -> Sequence[Turn]:
    return (item,) if isinstance(item, Turn) else item


def _losses(turn: Turn) -> tuple[Tensor, ...]:
    return turn.loss if isinstance(turn.loss, tuple) else (turn.loss,)


def _total(turn: Turn) -> Tensor:
    return sum((loss.detach() for loss in _losses(turn)[1:]), start=_losses(turn)[0].detach())


def _kind(item: Any) -> Any:
    if item is None or isinstance(item, (Tell, Done)):
        return type(item)
    return tuple(turn.player for turn in _turns(item))


def _add(a: list, b: list) -> list:
    return [y if x is None else x if y is None else x + y for x, y in zip(a, b, strict=True)]


def _mean(values: Sequence[Tensor | float]) -> Tensor | float:
    return values[0] if len(values) == 1 else sum(values) / len(values)

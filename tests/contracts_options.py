"""The contract of options: none is there without an effect that somebody could see."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache, cached_property
from typing import Any

import torch
from torch import Tensor, nn

from daedal.options import Kind, Option, options_of
from daedal.play.seeds import untouched_generators
from daedal.play.system import System
from daedal.spaces import Vectors
from daedal.systems import factory
from tests.contracts_capabilities import verbs_of
from tests.contracts_case import CPU, Case, table_of

ROUNDS = 2  # EM may find in its second that it has converged


def options_have_an_effect(case: Case) -> None:
    """Each option, changed from its toy value, changes shapes, players, what rounds lead to, or what a verb gives."""
    found = options_of(case.system_class.__init__, case.system_class.__doc__)
    for option in (o for o in found if any(values(o.kind, o.default))):
        beside = [{o.name: v} for o in found for v in o.kind.choices if o is not option and str(v) in option.help]
        seen = any(shows(one, option, {}) for one in homes(case))
        seen = seen or any(shows(case, option, companion) for companion in beside)  # what acts beside another says so
        assert seen, f"{option.name} has no effect"
    for option in options_of(case.system_class.draw):
        assert any(draws(one, option) for one in homes(case)), f"{option.name} of sample has no effect"


def homes(case: Case) -> Iterator[Case]:
    """The system on its first kind of data; given a label; on vectors."""
    yield case
    if case.system_class.conditional:
        yield replace(case, given=("label",))
    if case.kind != "vectors" and Vectors in case.system_class.accepts:
        yield replace(case, kind="vectors")


def values(kind: Kind, value: Any) -> Iterator[Any]:
    """Some values of an option other than `value`."""
    if kind.many:
        yield from [one for one in ((8,), (4, 4)) if one != value]
    elif kind.choices:
        yield from [one for one in kind.choices if one != value]
    elif kind.type is bool:
        yield not value
    elif kind.type is int:
        yield from [(value or 0) + 1, *([1] if value and value > 1 else [])]
    else:
        yield (0.5 if value != 0.5 else 0.25) if kind.high == 1 else 2 * (value or 0.0) + 1


def shows(case: Case, option: Option, companion: Mapping[str, Any]) -> bool:
    """Whether some other value of an option makes a system that differs, both beside the same companion."""
    try:
        base = look(case, **companion)
    except ValueError:  # the companion does not suit the space
        return False
    for value in values(option.kind, base[option.name]):
        try:
            if base.differs(Look(case, {**companion, option.name: value})):
                return True
        except ValueError:
            continue
    return False


def draws(case: Case, option: Option) -> bool:
    """Whether some other value of an option of `sample` changes the samples, or at least the work done for them."""
    may_be_left_out = any(o.name == "given_dropout" for o in options_of(case.system_class.__init__))
    base = look(case, **({"given_dropout": 0.5} if case.given and may_be_left_out else {}))
    plain = base.drawn()
    for value in values(option.kind, option.default):
        try:
            other = base.drawn(**{option.name: value})
        except ValueError:
            continue
        if other[1] != plain[1] or not torch.equal(other[0], plain[0]):
            return True
    return False


@cache
def look(case: Case, **options: Any) -> Look:
    """A system to compare others with."""
    return Look(case, options)


class Look:
    """What can be seen of a system with some options: its shapes, its players, and what a few rounds lead to."""

    def __init__(self, case: Case, options: Mapping[str, Any]):
        self.case = case
        toy = {**case.system_class.toy, **options}
        self.system: System = factory.create(case.name, case.data(), given=case.given, seed=0, **toy)
        self.start = {name: value.clone() for name, value in self.system.state_dict().items()}

    def __getitem__(self, name: str) -> Any:
        return self.system.options[name]

    @property
    def shapes(self) -> dict[str, torch.Size]:
        return {name: value.shape for name, value in self.start.items()}

    @property
    def players(self) -> list[Any]:
        progress = (0.0, 0.01, 0.05, 0.5, 1.0)
        return [
            (name, p.clip, p.average, p.optimizer(p.params).defaults, [p.rate(at) for at in progress])
            for name, p in self.system.players().items()
        ]

    @cached_property
    def trained(self) -> list[Tensor]:
        """The state after some rounds, and when they were done."""
        table = table_of(self.system.train(), self.case)
        with untouched_generators(CPU):
            done = [table.play(step, 0.5) for step in range(ROUNDS)]
        return [torch.tensor(done), *[value.clone() for value in self.system.eval().state_dict().values()]]

    def said(self) -> Iterator[Tensor]:
        """What each verb gives after those rounds."""
        assert self.trained
        x, given = self.case.test_items(2)
        return (verb(self.system, given) for _, verb in verbs_of(self.system, x))

    def differs(self, other: Look) -> bool:
        """Whether anything is seen to differ, the other starting from the same numbers where the shapes allow."""
        if self.shapes != other.shapes or self.players != other.players:
            return True
        other.system.load_state_dict(self.start)
        return _differ(self.trained, other.trained) or _differ(self.said(), other.said())

    def drawn(self, **options: Any) -> tuple[Tensor, int]:
        """Samples after those rounds, and how many calls of modules they took."""
        assert self.trained
        _, given = self.case.test_items(2)
        calls = []
        hook = nn.modules.module.register_module_forward_hook(lambda *_: calls.append(1))
        try:
            x = self.system.sample(2, given=given, generator=torch.Generator().manual_seed(0), **options)
        finally:
            hook.remove()
        return x, len(calls)


def _differ(one: Iterable[Tensor], two: Iterable[Tensor]) -> bool:
    return any(not torch.equal(a, b) for a, b in zip(one, two, strict=True))

"""What every system promises: checks yielded by capability, run on every system that the package finds.

Adding a system needs no edit here. A system is made small by its own `toy` options; a check is skipped only for a
reason named in its class's `exempt`, and shown in the table: `python -m tests.contracts` prints it, and with `--save`
writes docs/contracts.md.
"""

from __future__ import annotations

import copy
import itertools
import json
import math
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from daedal.capabilities import Bounds, Decodes, Denoises, Encodes, ExactInverse, Samples, Scores
from daedal.data.base import Data
from daedal.play.folder import read_settings
from daedal.play.ranks import Ranks
from daedal.play.seeds import untouched_generators
from daedal.play.settings import Settings
from daedal.play.stream import Source, Stream
from daedal.play.system import System
from daedal.play.table import Mover, Table
from daedal.play.trainer import Trainer
from daedal.spaces import Images, Vectors
from daedal.systems import factory
from daedal.systems.catalogue import entries
from tests.small import images, same, vectors

CPU = torch.device("cpu")
BATCH, STEPS = 16, 40
PAGE = Path(__file__).parent.parent / "docs" / "contracts.md"


@dataclass(frozen=True)
class Case:
    """A system at toy size on one kind of data."""

    name: str
    kind: str = "images"
    given: tuple[str, ...] = ()

    def data(self) -> Data:
        return _data(self.kind)

    def create(self, seed: int = 0) -> System:
        return factory.create(self.name, self.data(), given=self.given, seed=seed, **self.system_class.toy)

    @property
    def system_class(self) -> type[System]:
        return factory.resolve(self.name)[1]

    def trained(self) -> System:
        """After the toy run, in eval mode; a copy."""
        return copy.deepcopy(_trained(self))

    def test_items(self, n: int = 6, dtype: torch.dtype = torch.float32) -> tuple[Tensor, dict[str, Tensor]]:
        items = self.data().test.gather(range(n))
        return items["x"].to(dtype), {k: items[k] for k in self.given}


@cache
def _data(kind: str) -> Data:
    return {"images": images, "vectors": vectors, "plane": lambda: vectors(dim=2), "tiny": tiny}[kind]()


def tiny() -> Data:
    """2x2 images of 3 levels: all 81 can be enumerated."""
    return images(n=200, size=2, levels=3)


@cache
def _trained(case: Case) -> System:
    return train(case, case.create()).system


def train(case: Case, system: System, steps: int = STEPS, **kwargs: Any):
    return Trainer(system, case.data(), Settings(steps=steps, batch_size=BATCH, tensorboard=False), **kwargs).run()


def table_of(system: System, case: Case, kind: type[Table] = Table, **kwargs: Any) -> Table:
    """One stage of a system, ready to be played by hand."""
    source = Source(case.data().train, system.roles, CPU, system.dtype)
    stream = Stream(source, BATCH, 0, 1, 0, 0)
    stage = system.stages(STEPS)[0]
    return kind(stage, 0, [stream], Ranks(), seed=0, generators=[torch.default_generator], **kwargs)


# -- training


def turn_moves_only_its_player(case: Case) -> None:
    """A turn changes the parameters of its player, and no others."""
    system = case.create().train()
    names = {id(p): name for name, p in system.named_parameters()}
    moved: set[str] = set()
    original = Mover.move

    def move(self: Mover, gradient: Any, progress: float, want_norm: bool) -> Any:
        before = {name: p.detach().clone() for name, p in system.named_parameters()}
        result = original(self, gradient, 0.5, want_norm)  # away from a warm-up's first rate, which may be 0
        changed = {name for name, p in system.named_parameters() if not torch.equal(before[name], p)}
        own = {names[id(p)] for p in self.params}
        assert changed <= own, f"{self.name} changed {sorted(changed - own)}"
        assert changed, f"{self.name} changed nothing"
        moved.add(self.name)
        return result

    Mover.move = move  # type: ignore[method-assign]
    try:
        with untouched_generators(CPU):
            table = table_of(system, case)
            table.play(0, 0.5)
    finally:
        Mover.move = original  # type: ignore[method-assign]
    assert moved == set(table.movers)


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
    """Every attribute of every module that is not a parameter, buffer or module, as text."""
    own = set(vars(nn.Module())) | {"training"}
    found = {}
    for path, module in system.named_modules():
        for name, value in vars(module).items():
            if name not in own:
                found[f"{path}.{name}"] = repr(value.tolist() if isinstance(value, Tensor) else value)
    return found


def losses_fall(case: Case) -> None:
    """Each player's loss falls at fixed data and noise, with the others frozen."""
    with untouched_generators(CPU):
        names = list(table_of(case.create(), case).movers)
        for name in names:
            losses = _losses_of(name, case)
            assert min(losses[-3:]) < losses[0], f"the loss of {name} went {losses[0]:.4g} -> {losses[-1]:.4g}"


def _losses_of(name: str, case: Case, rounds: int = 12) -> list[float]:
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
    table = table_of(system, case, Frozen)
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
    whole = train(case, case.create(), steps=12)
    broken_at = sum(case.name.encode()) % min(whole.step, 10)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        settings = Settings(steps=12, batch_size=BATCH, save_every=4, tensorboard=False)
        trainer = Trainer(case.create(), case.data(), settings, out=out)
        with broken(broken_at):
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


class broken:
    """Raises in the middle of a round: at the first turn's resumption in round `step`, on every rank."""

    def __init__(self, step: int):
        self.step, self.original = step, Table._advance

    def __enter__(self) -> None:
        def advance(table: Table, playing: Any, step: int, turn: int, micro: int) -> Any:
            if step == self.step and turn == 1:
                raise ZeroDivisionError
            return self.original(table, playing, step, turn, micro)

        Table._advance = advance  # type: ignore[method-assign]

    def __exit__(self, *_: Any) -> None:
        Table._advance = self.original  # type: ignore[method-assign]


def bf16_trains(case: Case) -> None:
    """A round under bf16 autocast is finite and leaves parameters in float32."""
    system = case.create()
    Trainer(system, case.data(), Settings(steps=2, batch_size=BATCH, precision="bf16")).run()
    assert all(torch.isfinite(p).all() and p.dtype == torch.float32 for p in system.parameters())


def compiles_what_has_a_forward(case: Case) -> None:
    """What `--compile` compiles exists and has a forward of its own."""
    system = case.create()
    for name in system.compiles:
        module = system.get_submodule(name)
        assert type(module).forward not in (nn.Sequential.forward, nn.Module.forward), name


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


def save_and_load(case: Case) -> None:
    """A system from disk has the same state and gives the same outputs."""
    system = case.trained()
    with tempfile.TemporaryDirectory() as folder:
        factory.save(system, Path(folder))
        loaded = factory.load(Path(folder))
    assert not loaded.training
    assert same(system, loaded)
    x, given = case.test_items()
    for output in _outputs(system, x, given):
        torch.testing.assert_close(output(system), output(loaded), rtol=0, atol=0)


def _outputs(system: System, x: Tensor, given: dict[str, Tensor]) -> Iterator[Callable[[Any], Tensor]]:
    def seeded() -> torch.Generator:
        return torch.Generator().manual_seed(1)

    if isinstance(system, Samples):
        yield lambda s: s.sample(len(x), given=given, generator=seeded())
    if isinstance(system, Scores):
        yield lambda s: s.log_prob(x, given=given).detach()
    if isinstance(system, Bounds):
        yield lambda s: s.elbo(x, given=given, generator=seeded()).detach()
    if isinstance(system, Encodes):
        yield lambda s: s.encode(x, given=given).detach()


# -- sampling


def sampling_repeats(case: Case) -> None:
    """A generator is the only source of randomness: same seed, same samples, and the global one is not touched."""
    system = case.trained().train()
    _, given = case.test_items(5)
    torch.manual_seed(3)
    state = torch.get_rng_state()
    one = system.sample(5, given=given, generator=torch.Generator().manual_seed(1))
    assert torch.equal(torch.get_rng_state(), state), "the global generator was used"
    torch.manual_seed(4)
    two = system.sample(5, given=given, generator=torch.Generator().manual_seed(1))
    other = system.sample(5, given=given, generator=torch.Generator().manual_seed(2))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)
    assert system.training, "train mode was not restored"


def samples_lie_in_the_space(case: Case) -> None:
    """Samples have the space's shape and range, may enter a graph, and are spread over a tenth of the data's."""
    system = case.trained()
    n = 48
    items = case.data().train.gather(range(n))
    given = {k: items[k] for k in case.given}
    samples = system.sample(n, given=given, generator=torch.Generator().manual_seed(0))
    system.x.check(samples, "sample")
    assert samples.dtype == torch.float32
    assert not samples.is_inference()
    spread = samples.std(0).mean() / items["x"].std(0).mean()
    assert spread > 0.1, f"the spread of samples is {spread:.3f} of the data's"


# -- conditioning


def given_is_checked(case: Case) -> None:
    """Missing, unknown, out-of-range and mis-sized `given` raise ValueError that says what is expected."""
    system = case.create().eval()
    label = torch.zeros(3, dtype=torch.long)
    bad: list[dict[str, Tensor]] = [
        {},
        {"label": label, "colour": label},
        {"label": label + 2},
        {"label": label[:2]},
    ]
    for given in bad:
        with pytest.raises(ValueError, match=r"expected|must"):
            system.sample(3, given=given)
    system.sample(3, given={"label": label[:1]})


def given_changes_the_samples(case: Case) -> None:
    """A trained conditional system depends on what it is given."""
    system = case.trained()
    draws = [
        system.sample(8, given={"label": torch.tensor([k])}, generator=torch.Generator().manual_seed(0)) for k in (0, 1)
    ]
    assert not torch.equal(*draws)


# -- likelihood


def scores_sum_to_one(case: Case) -> None:
    """All probability is there: by enumeration of 81 images, or by quadrature over the plane."""
    system = _trained(case).double() if case.kind == "tiny" else case.trained().double()
    with torch.no_grad():
        if case.kind == "tiny":
            grid = torch.cartesian_prod(*[torch.arange(3)] * 4).reshape(81, 1, 2, 2)
            total = system.log_prob(system.x.from_levels(grid, torch.float64)).logsumexp(0).exp()
            assert abs(total - 1) < 1e-10, total
        else:
            axis = torch.linspace(-12, 12, 481, dtype=torch.float64)
            plane = torch.cartesian_prod(axis, axis)
            log_mass = torch.cat([system.log_prob(part) for part in plane.split(40_000)]).logsumexp(0)
            total = math.exp(log_mass) * (axis[1] - axis[0]) ** 2
            assert abs(total - 1) < 5e-3, total


def log_det_is_autograds(case: Case) -> None:
    """log p(x) is the latent's normal density plus log |d encode / dx|, by autograd."""
    system = case.trained().double()
    x = case.data().test.gather(range(2))["x"].double()
    if isinstance(system.x, Images):
        x = system.x.dequantise(x, torch.Generator().manual_seed(0))
    for item in x:
        jacobian = torch.autograd.functional.jacobian(lambda v: system.encode(v[None]).flatten(), item)
        z = system.encode(item[None]).flatten()
        normal = torch.distributions.Normal(0.0, 1.0).log_prob(z).sum()
        expected = normal + torch.linalg.slogdet(jacobian.reshape(len(z), -1))[1]
        torch.testing.assert_close(system.log_prob(item[None])[0], expected, rtol=1e-8, atol=1e-8)


def encode_and_decode_invert(case: Case) -> None:
    """decode(encode(x)) is x, in float64 to 1e-9 and in float32 to 1e-3."""
    for dtype, tolerance in ((torch.float64, 1e-9), (torch.float32, 1e-3)):
        system = case.trained().to(dtype)
        x, given = case.test_items(dtype=dtype)
        with torch.no_grad():
            again = system.decode(system.encode(x, given=given), given=given)
        torch.testing.assert_close(again, x, rtol=0, atol=tolerance)


def codes_have_their_space(case: Case) -> None:
    """`encode` is deterministic and lies in `latent_space`; `decode` lies in x's shape; one by one is as a batch."""
    system = case.trained().double()
    x, given = case.test_items(dtype=torch.float64)
    with torch.no_grad():
        z = system.encode(x, given=given)
        assert tuple(z.shape[1:]) == system.latent_space.shape
        assert torch.equal(z, system.encode(x, given=given))
        alone = torch.cat(
            [system.encode(x[i : i + 1], given={k: v[i : i + 1] for k, v in given.items()}) for i in range(3)]
        )
        torch.testing.assert_close(z[:3], alone, rtol=1e-9, atol=1e-9)
        assert system.decode(z, given=given).shape == x.shape


def bound_is_below(case: Case) -> None:
    """The bound stays under an importance-weighted estimate, which is itself under log p."""
    system = case.trained().double()
    x, given = case.test_items(12, torch.float64)
    with torch.no_grad():
        draws = torch.stack([system.elbo(x, given=given, generator=torch.Generator().manual_seed(i)) for i in range(8)])
        tighter = system.importance_bound(x, 64, given=given, generator=torch.Generator().manual_seed(99))
    assert draws.mean() < tighter.mean()


def bound_repeats(case: Case) -> None:
    """With a generator the bound is a function: finite, (n,), the same twice, and differentiable."""
    system = case.trained()
    x, given = case.test_items()
    one, two = (system.elbo(x, given=given, generator=torch.Generator().manual_seed(0)) for _ in range(2))
    assert one.shape == (len(x),)
    assert torch.isfinite(one).all()
    assert torch.equal(one, two)
    assert one.requires_grad


def denoising_keeps_clean_items(case: Case) -> None:
    """At vanishing noise there is nothing to remove; at any noise the result has x's shape."""
    system = case.trained()
    x, given = case.test_items()
    scale = x.std()
    with torch.no_grad():
        clean = system.denoise(x, torch.tensor(1e-3), given=given)
        assert (clean - x).abs().mean() < 0.1 * scale
        assert system.denoise(x, torch.full((len(x),), 2.0), given=given).shape == x.shape


# -- which checks apply


Check = Callable[[Case], None]


def checks(name: str) -> Iterator[tuple[str, Case, Check]]:
    """Every check that applies to a system by its capabilities: (label, case, check)."""
    kind = factory.resolve(name)[1]
    homes = [k for k, space in (("images", Images), ("vectors", Vectors)) if space in kind.accepts]
    home = Case(name, homes[0])
    for check in _general(kind):
        yield check.__name__, home, check
    for other in homes[1:]:
        for check in (resume_is_exact, samples_lie_in_the_space, save_and_load):
            yield f"{check.__name__}-{other}", Case(name, other), check
    if kind.conditional:
        conditional = Case(name, homes[0], ("label",))
        for check in (given_is_checked, given_changes_the_samples, resume_is_exact):
            yield f"{check.__name__}-given", conditional, check
    yield from _likelihood(name, kind, home)


def _general(kind: type[System]) -> Iterator[Check]:
    yield turn_moves_only_its_player
    yield what_changes_is_saved
    yield losses_fall
    yield resume_is_exact
    yield bf16_trains
    yield compiles_what_has_a_forward
    yield options_rebuild_the_system
    yield save_and_load
    if issubclass(kind, Samples):
        yield sampling_repeats
        yield samples_lie_in_the_space
    if "losses_fall" in kind.exempt and kind.progress_scalars is not System.progress_scalars:
        yield likelihood_never_falls


def _likelihood(name: str, kind: type[System], home: Case) -> Iterator[tuple[str, Case, Check]]:
    if issubclass(kind, Scores):
        case = Case(name, "plane") if Vectors in kind.accepts else Case(name, "tiny")
        yield "scores_sum_to_one", case, scores_sum_to_one
    if issubclass(kind, ExactInverse):
        yield "encode_and_decode_invert", home, encode_and_decode_invert
        if issubclass(kind, Scores):
            yield "log_det_is_autograds", home, log_det_is_autograds
    if issubclass(kind, Encodes) and issubclass(kind, Decodes):
        yield "codes_have_their_space", home, codes_have_their_space
    if issubclass(kind, Bounds):
        yield "bound_repeats", home, bound_repeats
        yield "bound_is_below", home, bound_is_below
    if issubclass(kind, Denoises):
        yield "denoising_keeps_clean_items", home, denoising_keeps_clean_items


def exemption(name: str, label: str) -> str | None:
    """Why a system's class skips a check, if it does."""
    return factory.resolve(name)[1].exempt.get(label.split("-")[0])


def systems() -> list[str]:
    """Every system that the package finds, without its variants."""
    return [name for name, entry in entries().items() if entry.variant_of is None]


def table() -> str:
    """Systems by checks, run now, as Markdown."""
    results: dict[str, dict[str, str]] = {}
    notes: list[str] = []
    for name in systems():
        for label, case, check in checks(name):
            if reason := exemption(name, label):
                notes.append(f"- `{name}`, {label}: {reason}")
                results.setdefault(label, {})[name] = f"exempt ({len(notes)})"
                continue
            try:
                check(case)
                results.setdefault(label, {})[name] = "holds"
            except Exception as error:
                results.setdefault(label, {})[name] = f"FAILS: {type(error).__name__}"
    lines = [heading(), "|" + "---|" * (len(systems()) + 1)]
    for label, row in results.items():
        lines.append(f"| {label.replace('_', ' ')} | " + " | ".join(row.get(n, "") for n in systems()) + " |")
    numbered = [f"{i}. {note[2:]}" for i, note in enumerate(notes, 1)]
    return "\n".join([*lines, "", "Exempt, by number:", "", *numbered])


def heading() -> str:
    """The first row of the table."""
    return "| check | " + " | ".join(systems()) + " |"


def page() -> str:
    """docs/contracts.md: what each check says, and the table."""
    found = {check.__name__: check for name in systems() for _, _, check in checks(name)}
    words = [f"- **{name.replace('_', ' ')}**: {(check.__doc__ or '').strip()}" for name, check in found.items()]
    return "\n".join(
        [
            "# Contracts",
            "",
            "What every system promises, checked by capability on every system that the package finds, at toy size. "
            "`make test` runs each check; this page is written by `python -m tests.contracts --save`. A suffix says on "
            "what a check runs besides images: vectors, or given a label. Two ranks with two micro-batches equal one "
            "rank with four for every system (`tests/test_ranks.py`), and runs killed by SIGKILL resume bit for bit "
            "(`tests/test_kill.py`, `make soak`).",
            "",
            *words,
            "",
            table(),
            "",
        ]
    )


if __name__ == "__main__":
    torch.set_num_threads(1)
    if "--save" in sys.argv:
        PAGE.write_text(page())
    else:
        print(table())

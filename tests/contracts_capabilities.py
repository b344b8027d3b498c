"""Contracts of the verbs: what a system can do is the same from disk, repeatable, conditioned and normalised."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from daedal.capabilities import Bounds, Decodes, Denoises, Encodes, Samples, Scores, capabilities
from daedal.play.system import System
from daedal.spaces import Images
from daedal.systems import factory
from tests.contracts_case import Case
from tests.small import same


def save_and_load(case: Case) -> None:
    """A system from disk has the same state and gives the same outputs."""
    system = case.trained()
    with tempfile.TemporaryDirectory() as folder:
        factory.save(system, Path(folder))
        loaded = factory.load(Path(folder))
    assert not loaded.training
    assert same(system, loaded)
    x, given = case.test_items()
    for name, verb in verbs_of(system, x):
        one, two = verb(system, given), verb(loaded, given)
        torch.testing.assert_close(one, two, rtol=0, atol=0, msg=lambda text, name=name: f"{name}: {text}")


Verb = Callable[[Any, dict[str, Tensor]], Tensor]


def verbs_of(system: System, x: Tensor) -> Iterator[tuple[str, Verb]]:
    """What a system can do, by name: on items x where it takes items, seeded, without gradients."""

    def seeded() -> torch.Generator:
        return torch.Generator().manual_seed(1)

    if isinstance(system, Samples):
        yield "sample", lambda s, given: s.sample(len(x), given=given, generator=seeded())
    if isinstance(system, Scores):
        yield "log_prob", lambda s, given: s.log_prob(x, given=given).detach()
    if isinstance(system, Bounds):
        yield "elbo", lambda s, given: s.elbo(x, given=given, generator=seeded()).detach()
    if isinstance(system, Encodes):
        yield "encode", lambda s, given: s.encode(x, given=given).detach()
    if isinstance(system, Decodes):
        codes = torch.randn(len(x), *system.latent_space.shape, generator=seeded(), dtype=x.dtype)
        yield "decode", lambda s, given: s.decode(codes, given=given).detach()
    if isinstance(system, Denoises):
        yield "denoise", lambda s, given: s.denoise(x, torch.tensor(0.5), given=given).detach()


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
    """Missing, unknown, out-of-range and mis-sized `given` raise ValueError in every verb, as does any for p(x)."""
    system = case.trained()
    label = torch.zeros(3, dtype=torch.long)
    bad: list[dict[str, Tensor]] = [{"label": label}]
    if case.given:
        bad = [{}, {"label": label, "colour": label}, {"label": label + 2}, {"label": label[:2]}]
    x, _ = case.test_items(3)
    verbs = dict(verbs_of(system, x))
    assert verbs.keys() == set(capabilities(system)), "a verb that no contract calls"
    for verb in verbs.values():
        for given in bad:
            with pytest.raises(ValueError, match=r"expected|must"):
                verb(system, given)
        verb(system, {"label": label[:1]} if case.given else {})


def given_changes_the_samples(case: Case) -> None:
    """A trained conditional system depends on what it is given."""
    system = case.trained()
    draws = [
        system.sample(8, given={"label": torch.tensor([k])}, generator=torch.Generator().manual_seed(0)) for k in (0, 1)
    ]
    assert not torch.equal(*draws)


# -- likelihood


def scores_sum_to_one(case: Case) -> None:
    """All probability is there, under each label too: of all 81 images, or by quadrature over the plane."""
    system = case.trained().double()
    for given in [{"label": torch.tensor([k])} for k in range(2)] if case.given else [{}]:
        with torch.no_grad():
            if case.kind == "tiny":
                grid = torch.cartesian_prod(*[torch.arange(3)] * 4).reshape(81, 1, 2, 2)
                total = system.log_prob(system.x.from_levels(grid, torch.float64), given=given).logsumexp(0).exp()
                assert abs(total - 1) < 1e-10, total
            else:
                axis = torch.linspace(-12, 12, 481, dtype=torch.float64)
                parts = torch.cartesian_prod(axis, axis).split(40_000)
                log_mass = torch.cat([system.log_prob(part, given=given) for part in parts]).logsumexp(0)
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

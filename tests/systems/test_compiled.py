"""Systems compiled: graphs are made, and a compiled round ends where a plain one ends."""

import pytest
import torch

from daedal.play import compiling
from daedal.play.compiling import graphs_run
from daedal.play.settings import Settings
from daedal.play.trainer import Trainer
from daedal.systems.inspection import resolve
from tests.contracts import systems
from tests.contracts_case import Case

COMPILED = [name for name in systems() if resolve(name)[1].compiles]


@pytest.mark.parametrize("name", COMPILED)
def test_a_compiled_system_trains_and_samples_as_a_plain_one(name, monkeypatch):
    """Traced by dynamo and run by PyTorch itself ("eager"), since compiling for a machine takes a minute."""
    torch._dynamo.reset()
    monkeypatch.setattr(compiling, "BACKEND", "eager")
    case, ends, before = Case(name), [], graphs_run()
    for compiled in (False, True):
        settings = Settings(steps=3, batch_size=16, tensorboard=False, compile=compiled)
        system = Trainer(case.create(), case.data(), settings).run().system
        ends.append([*system.parameters(), system.sample(2, generator=torch.Generator().manual_seed(0))])
        assert compiled is (graphs_run() > before)
    for one, two in zip(*ends, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-5, atol=1e-6)

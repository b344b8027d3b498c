"""The tiny worlds as sources of their own, in a cache of their own."""

from functools import partial

import pytest

from daedal.data import sources
from daedal.data.worlds import dataset
from tests.data.worlds.busy import Busy
from tests.data.worlds.tiny import Tiny


@pytest.fixture(autouse=True)
def _tiny(monkeypatch, tmp_path):
    monkeypatch.setenv("DAEDAL_CACHE", str(tmp_path / "cache"))
    for world in (Tiny, Busy):
        load = partial(_load, world())
        monkeypatch.setattr(dataset, world.name, load, raising=False)
        source = sources._named(sources._world, f"daedal.data.worlds.dataset:{world.name}", "A ball.")
        monkeypatch.setitem(sources.NAMED, world.name, source)


def _load(world, options, **own):
    return dataset.load_world(world, options, **own)

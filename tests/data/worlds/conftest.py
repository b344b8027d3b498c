"""The tiny world as a source of its own, in a cache of its own."""

import pytest

from daedal.data import sources
from daedal.data.worlds import dataset
from tests.data.worlds.tiny import Tiny


@pytest.fixture(autouse=True)
def _tiny(monkeypatch, tmp_path):
    monkeypatch.setenv("DAEDAL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(
        dataset, "tiny", lambda options, **own: dataset.load_world(Tiny(), options, **own), raising=False
    )
    source = sources._named(sources._world, "daedal.data.worlds.dataset:tiny", "A ball.")
    monkeypatch.setitem(sources.NAMED, "tiny", source)

from types import SimpleNamespace

import psutil

from daedal.evaluate.machine import machine


def test_memory_is_said_in_its_unit(monkeypatch):
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(total=8 * 2**30))
    assert machine()["memory"] == "8 GiB memory"

"""Runs the command line in this process: what it returned, and what it wrote."""

import json
from types import SimpleNamespace

import pytest

from daedal.cli.main import run


@pytest.fixture
def daedal(capsys):
    def call(*tokens):
        capsys.readouterr()
        status = run([str(token) for token in tokens])
        out, err = capsys.readouterr()
        record = json.loads(out) if "--json" in tokens and out else None
        return SimpleNamespace(status=status, out=out, err=err, json=record)

    return call

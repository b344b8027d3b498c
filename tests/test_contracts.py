"""Runs `tests/contracts.py` on every system."""

import pytest
import torch

from tests import contracts

CASES = [
    pytest.param(name, label, case, check, id=f"{name}-{label}", marks=pytest.mark.xdist_group(name))
    for name in contracts.systems()
    for label, case, check in contracts.checks(name)
]


@pytest.mark.parametrize(("name", "label", "case", "check"), CASES)
def test_contract(name, label, case, check):
    reason = contracts.exemption(name, label)
    if reason is not None:
        assert len(reason.split()) >= 4, "an exemption gives its reason in a sentence"
        return
    torch.manual_seed(0)
    check(case)

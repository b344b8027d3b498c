"""In CI a skipped test fails the session unless `SKIPS_ALLOWED` lists it: the rule, as hooks for conftest.py."""

import os

SKIPS_ALLOWED: dict[str, str] = {}  # id of a test, or path of a module -> why it may be skipped in CI
_skipped: set[str] = set()


def pytest_runtest_logreport(report):
    if report.skipped:
        _skipped.add(report.nodeid)


def pytest_collectreport(report):
    """A module that skips itself has no tests to report."""
    if report.skipped:
        _skipped.add(report.nodeid)


def pytest_sessionfinish(session):
    unlisted = sorted(_skipped - set(SKIPS_ALLOWED))
    if os.environ.get("CI") and unlisted:
        print(f"\nskipped, and not in SKIPS_ALLOWED of tests/skips.py: {', '.join(unlisted)}")
        session.exitstatus = 1

"""A node to break, the seed of a long run, and what each parser was put through."""

import os
import secrets
from types import SimpleNamespace

import pytest

from alm_tests.fuzz.node import Node


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> Node:
    """A node that is asked again at once where a client would wait."""
    monkeypatch.setattr("tenacity.nap.time", SimpleNamespace(sleep=lambda _seconds: None))
    return Node()


def pytest_configure() -> None:
    """Let a long run see other bodies than the last one; its workers inherit the seed."""
    if "ALM_FUZZ_CASES" in os.environ:
        os.environ.setdefault("ALM_FUZZ_SEED", str(secrets.randbits(32)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the seed, and cases, verdicts and cases per second of CPU of every parser."""
    lines = [
        f"{report.nodeid.rpartition('::')[2]}: {verdicts}"
        for report in (*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed"))
        for name, verdicts in report.user_properties
        if name == "fuzz"
    ]
    if lines:
        seed = os.environ.get("ALM_FUZZ_SEED", "0")
        terminalreporter.write_line("\n".join([f"fuzz: ALM_FUZZ_SEED={seed}", *lines]))

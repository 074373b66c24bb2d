"""What the lives cost: mean gas of each action by deployment, printed after the tests."""

from collections import defaultdict
from statistics import fmean

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print gas in thousands."""
    spent: defaultdict[str, defaultdict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            if name == "gas":
                deployment, by_action = value
                for action, gas in by_action.items():
                    spent[deployment][action].append(gas)
    for deployment, by_action in sorted(spent.items()):
        told = ", ".join(f"{action} {fmean(gas) / 1000:.0f}" for action, gas in by_action.items())
        lives = len(by_action["open"])
        terminalreporter.write_line(f"{deployment}: {lives} lives; thousand gas: {told}")

"""Counts per topic, printed at the end of the run."""

from collections.abc import Callable, Iterator

import pytest
from _pytest.terminal import TerminalReporter

from alm_tests.golden.vectors import UNCLAIMED, folder, paths_of

PROPERTY = "golden"
Tally = Callable[..., None]


@pytest.fixture
def tally(record_property: Callable[[str, object], None]) -> Tally:
    """Counts the cases of a topic that equal the reference; fails with the first that do not."""

    def counted(topic: str, cases: int, failed: list[str], note: str = "") -> None:
        record_property(PROPERTY, [topic, cases - len(failed), cases, note])
        assert cases > 0, f"{topic} holds no cases"
        assert not failed, f"{topic}: {len(failed)} of {cases} differ, first: {failed[:3]}"

    return counted


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    rows = sorted(_counted(terminalreporter))
    if not rows:
        return
    terminalreporter.section(f"golden vectors of {folder()}")
    terminalreporter.write_line(f"{'topic':<18}{'equal/total':>12}")
    for topic, equal, total, note in rows:
        terminalreporter.write_line(f"{topic:<18}{f'{equal}/{total}':>12}  {note}".rstrip())
    for topic in UNCLAIMED:
        if paths_of(topic):
            terminalreporter.write_line(f"{topic:<18}{'-':>12}  not claimed here")


def _counted(terminalreporter: TerminalReporter) -> Iterator[tuple[str, int, int, str]]:
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, value in getattr(report, "user_properties", ()):
                if name == PROPERTY and report.when == "call":
                    yield tuple(value)

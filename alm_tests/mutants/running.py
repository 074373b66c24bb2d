"""Runs tests against faults, each in a process forked off one that has collected the tests already.

A fault inside a function is put in by swapping its code, so nothing is imported again; any other (constants, defaults)
is loaded by a new import in a fork that has only libraries. A run without a fault tells which tests come by which line:
those run, quick ones first. A line that no test comes by meets all tests of the list.
"""

import contextlib
import json
import os
import shutil
import signal
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import coverage
import pytest

from alm_tests.mutants.loading import ROOT, load_with, swap_in
from alm_tests.mutants.operators import Mutant, is_in_function

LEAST_LIMIT_S = 15.0
LEAST_TEST_LIMIT_S = 8.0
TIMED_OUT = 99
"""Exit code of a process in which one test took far longer than it does without a fault."""
OPTIONS = (
    *("-x", "-q", "-s", "--no-header", "-p", "no:cacheprovider", "-p", "no:xdist", "--strict-markers"),
    *("-W", "ignore::pytest.PytestAssertRewriteWarning"),  # hypothesis is loaded before the fork
    *("-o", "addopts=", "--disable-socket", "--allow-hosts=127.0.0.1,localhost", "--allow-unix-socket"),
)
TOO_SLOW = "not postgres and not crash_at_any_boundary"
"""Tests of the lists that cost minutes and see what quicker ones beside them see too."""
KILLED, SURVIVED, SLOW = "killed", "survived", "killed by time"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the tests made of a fault."""

    mutant: Mutant
    outcome: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Right:
    """A run without a fault: seconds of each test, and the tests that come by a line of a module."""

    seconds: Mapping[str, float]
    by_line: Mapping[str, Mapping[str, Sequence[str]]]

    def tests_of(self, mutant: Mutant) -> list[str]:
        found = self.by_line.get(mutant.module, {}).get(str(mutant.line), ())
        return sorted((one for one in found if one in self.seconds), key=lambda one: self.seconds[one])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    mutant: Mutant
    tests: tuple[str, ...]
    pid: int
    began: float
    limit_s: float
    folder: Path


def verdicts(mutants: Sequence[Mutant], tests: Sequence[str], folder: Path, jobs: int) -> list[Verdict]:
    """Return what a list of tests makes of each fault, several at a time.

    Raises
    ------
    RuntimeError
        If the tests fail without a fault: then nothing can be learnt from them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    swapped = [one for one in mutants if is_in_function(one, (ROOT / one.module).read_text())]
    pid = _forked(lambda: _run_pytest(tests, folder, [_Trials(swapped, mutants, folder, jobs)]), folder / "output")
    _, status = os.waitpid(pid, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        raise RuntimeError(f"{' '.join(tests)} fail without a fault:\n{(folder / 'output').read_text()[-3000:]}")
    told = [
        Verdict(mutant=Mutant(**one["mutant"]), outcome=one["outcome"], seconds=one["seconds"])
        for one in (json.loads(line) for line in (folder / "told").read_text().splitlines())
    ]
    right = _Right(**json.loads((folder / "right").read_text()))
    others = [(one, tuple(right.seconds)) for one in mutants if one not in swapped]

    def start(mutant: Mutant, _: Sequence[str], own: Path) -> int:
        def run() -> int:
            load_with(mutant)
            return _run_pytest(tests, own, [])

        return _forked(run, own / "output")

    return told + _tried(others, right, folder / "imported", jobs, start)


class _Trials:
    """Plugin of the process that collects: instead of running the tests once it runs them against each fault."""

    def __init__(self, swapped: Sequence[Mutant], mutants: Sequence[Mutant], folder: Path, jobs: int) -> None:
        self._swapped = swapped
        self._modules = tuple(dict.fromkeys(one.module for one in mutants))
        self._folder = folder
        self._jobs = jobs

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        items = {item.nodeid: item for item in session.items}
        pid = _forked(lambda: self._learn(session), self._folder / "right-output")
        _, status = os.waitpid(pid, 0)
        if os.waitstatus_to_exitcode(status) != 0:
            raise RuntimeError((self._folder / "right-output").read_text()[-3000:])
        right = _Right(**json.loads((self._folder / "right").read_text()))

        def start(mutant: Mutant, tests: Sequence[str], own: Path) -> int:
            def run() -> int:
                swap_in(mutant)
                return _run_items(session, [items[one] for one in tests], right.seconds, own)

            return _forked(run, own / "output")

        first = {one: tuple(right.tests_of(one)) for one in self._swapped}
        told = _tried([*first.items()], right, self._folder / "first", self._jobs, start)
        every = sorted(right.seconds, key=lambda one: right.seconds[one])
        # Nothing is seen to come by such a line here: it may run in processes that tests start, or in a shared fixture.
        unseen = {one.mutant for one in told if one.outcome == SURVIVED and not first[one.mutant]}
        again = [(mutant, tuple(every)) for mutant in unseen]
        told = [one for one in told if one.mutant not in unseen]
        told += _tried(again, right, self._folder / "again", self._jobs, start)
        (self._folder / "told").write_text("".join(json.dumps(asdict(one)) + "\n" for one in told))
        return True

    def _learn(self, session: pytest.Session) -> int:
        measured = coverage.Coverage(
            data_file=None, config_file=False, include=[str(ROOT / module) for module in self._modules]
        )
        seconds: dict[str, float] = {}
        measured.start()
        for item, following in _in_order(session.items):
            began = time.monotonic()
            measured.switch_context(item.nodeid)
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            seconds[item.nodeid] = time.monotonic() - began
        measured.stop()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # tests that come by no line of the modules are an answer too
            data = measured.get_data()
        by_line = {module: data.contexts_by_lineno(str(ROOT / module)) for module in self._modules}
        (self._folder / "right").write_text(json.dumps({"seconds": seconds, "by_line": by_line}))
        return int(bool(session.testsfailed))


def _tried(
    waiting: Sequence[tuple[Mutant, tuple[str, ...]]],
    right: _Right,
    folder: Path,
    jobs: int,
    start: Callable[[Mutant, Sequence[str], Path], int],
) -> list[Verdict]:
    left, running, told = list(reversed(waiting)), list[_Run](), list[Verdict]()
    while left or running:
        while left and len(running) < jobs:
            mutant, tests = left.pop()
            own = folder / str(len(left))
            own.mkdir(parents=True)
            limit_s = LEAST_LIMIT_S + 4 * sum(right.seconds[one] for one in tests)
            pid = start(mutant, tests, own)
            running.append(
                _Run(mutant=mutant, tests=tests, pid=pid, began=time.monotonic(), limit_s=limit_s, folder=own)
            )
        for run in tuple(running):
            outcome = _outcome(run)
            if outcome is not None:
                running.remove(run)
                shutil.rmtree(run.folder, ignore_errors=True)
                told.append(Verdict(mutant=run.mutant, outcome=outcome, seconds=time.monotonic() - run.began))
        time.sleep(0.01)
    return told


def _forked(run: Callable[[], int], output: Path) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        os.setsid()
        descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
        code = run()
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _run_pytest(tests: Sequence[str], folder: Path, plugins: list[Any]) -> int:
    paths = [str(ROOT / test) for test in tests]
    options = [*OPTIONS, "-k", TOO_SLOW, f"--rootdir={ROOT}", f"--basetemp={folder / 'tmp'}"]
    return int(pytest.main([*options, *paths], plugins=plugins))


def _run_items(
    session: pytest.Session, items: Sequence[pytest.Item], seconds: Mapping[str, float], folder: Path
) -> int:
    (folder / "tmp").mkdir()
    session.config._tmp_path_factory._basetemp = folder / "tmp"  # type: ignore[attr-defined]
    limit = threading.Timer(0.0, lambda: None)
    for item, following in _in_order(items):
        limit.cancel()
        limit = threading.Timer(LEAST_TEST_LIMIT_S + 6 * seconds[item.nodeid], os._exit, (TIMED_OUT,))
        limit.daemon = True
        limit.start()
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.testsfailed:
            return 1
    return 0


def _in_order(items: Sequence[pytest.Item]) -> Iterator[tuple[pytest.Item, pytest.Item | None]]:
    yield from zip(items, [*items[1:], None], strict=False)  # of no items there is no next one


def _outcome(run: _Run) -> str | None:
    pid, status = os.waitpid(run.pid, os.WNOHANG)
    if pid == 0 and time.monotonic() - run.began < run.limit_s:
        return None
    # Its session is its own: whatever it started goes with it.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(run.pid, signal.SIGKILL)
    if pid == 0:
        os.waitpid(run.pid, 0)
        return SLOW
    return {0: SURVIVED, TIMED_OUT: SLOW}.get(os.waitstatus_to_exitcode(status), KILLED)

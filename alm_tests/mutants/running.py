"""Runs the tests of a module against each of its faults, each in a forked process that has only libraries loaded."""

import contextlib
import os
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from alm_tests.mutants.loading import ROOT, load_with
from alm_tests.mutants.operators import Mutant

LEAST_LIMIT_S = 20.0
OPTIONS = (
    *("-x", "-q", "--no-header", "-p", "no:cacheprovider", "-p", "no:xdist", "--strict-markers"),
    *("-W", "ignore::pytest.PytestAssertRewriteWarning"),  # hypothesis is loaded before the fork
    *("-o", "addopts=", "--disable-socket", "--allow-hosts=127.0.0.1,localhost", "--allow-unix-socket"),
)
KILLED, SURVIVED, SLOW = "killed", "survived", "killed by time"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the tests made of a fault."""

    mutant: Mutant
    outcome: str
    seconds: float


@dataclass
class _Run:
    mutant: Mutant | None
    pid: int
    began: float
    limit_s: float
    folder: Path


def time_of(tests: Sequence[str], folder: Path) -> float:
    """Seconds that the tests take without any fault.

    Raises
    ------
    RuntimeError
        If they fail: then nothing can be learnt from them.
    """
    run = _start(None, tests, 600.0, folder / "right")
    _, status = os.waitpid(run.pid, 0)
    output = (run.folder / "output").read_text()
    shutil.rmtree(run.folder, ignore_errors=True)
    if os.waitstatus_to_exitcode(status) != 0:
        raise RuntimeError(f"{' '.join(tests)} fail without a fault:\n{output[-3000:]}")
    return time.monotonic() - run.began


def verdicts(mutants: Sequence[Mutant], tests: Sequence[str], right_s: float, folder: Path, jobs: int) -> list[Verdict]:
    """Run the tests against each fault, several at a time."""
    waiting, running, told = list(reversed(mutants)), list[_Run](), list[Verdict]()
    limit_s = max(LEAST_LIMIT_S, 4.0 * right_s)
    while waiting or running:
        while waiting and len(running) < jobs:
            running.append(_start(waiting.pop(), tests, limit_s, folder / str(len(waiting))))
        for run in tuple(running):
            outcome = _outcome(run)
            if outcome is not None and run.mutant is not None:
                running.remove(run)
                shutil.rmtree(run.folder, ignore_errors=True)
                told.append(Verdict(mutant=run.mutant, outcome=outcome, seconds=time.monotonic() - run.began))
        time.sleep(0.01)
    return told


def _start(mutant: Mutant | None, tests: Sequence[str], limit_s: float, folder: Path) -> _Run:
    folder.mkdir(parents=True, exist_ok=True)
    pid = os.fork()
    if pid == 0:
        os._exit(_run_tests(mutant, tests, folder))
    return _Run(mutant=mutant, pid=pid, began=time.monotonic(), limit_s=limit_s, folder=folder)


def _run_tests(mutant: Mutant | None, tests: Sequence[str], folder: Path) -> int:
    try:
        os.setsid()
        output = os.open(folder / "output", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(output, 1)
        os.dup2(output, 2)
        if mutant is not None:
            load_with(mutant)
        import pytest

        paths = [str(ROOT / test) for test in tests]
        return int(pytest.main([*OPTIONS, f"--rootdir={ROOT}", f"--basetemp={folder / 'tmp'}", *paths]))
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


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
    return SURVIVED if os.waitstatus_to_exitcode(status) == 0 else KILLED

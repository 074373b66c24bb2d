"""Runs a parser over broken bodies, thousands to the second, and says which body broke it."""

import os
import random
import resource
import signal
import time
import traceback
from collections import Counter
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from types import FrameType
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from alm_core.model.errors import AlmError, SourceError

CASES_IN_CI = 10_000
CASES = int(os.environ.get("ALM_FUZZ_CASES", str(CASES_IN_CI)))
SEED = int(os.environ.get("ALM_FUZZ_SEED", "0"))
ONE_CASE = os.environ.get("ALM_FUZZ_CASE")
BATCH = 100
MAX_CPU_S = 5.0
MAX_GROWTH_KB = 400_000
SHOWN_CHARS = 6000

MakeBody = Callable[[random.Random], bytes]
Check = Callable[[bytes], bool]
Build = Callable[[Path], tuple[MakeBody, Check]]


_current: Any = None
"""Number of the case that is being checked, in memory that another process sees; ``None`` if none looks."""


class Broken(AssertionError):
    """A body that a parser did not survive, or let in."""


class _TookTooLong(BaseException):
    """No handler of the code under test may swallow it."""


def fuzz(name: str, make_body: MakeBody, check: Check) -> Counter[str]:
    """Check bodies made from as many case numbers as this run asks for.

    Parameters
    ----------
    make_body
        Body of a case, from its own generator of random numbers.
    check
        Feeds a body to the parser: true if it was accepted and its value is sound, false if it was refused with an
        error of the house. Everything it raises is a finding.
    """
    verdicts: Counter[str] = Counter()
    rng = random.Random()
    started_s = time.process_time()
    examples = max(1, CASES // BATCH)

    @seed(SEED)
    @settings(
        max_examples=1 if ONE_CASE else examples,
        database=None,
        deadline=None,
        # A batch is named by its number: a smaller number is no simpler a body.
        phases=(Phase.generate,),
        suppress_health_check=tuple(HealthCheck),
    )
    @given(batch=st.just(int(ONE_CASE) // BATCH) if ONE_CASE else st.integers(0, 2**48))
    def run_batch(batch: int) -> None:
        for case in [int(ONE_CASE)] if ONE_CASE else range(batch * BATCH, (batch + 1) * BATCH):
            rng.seed(case)
            body = make_body(rng)
            verdicts["accepted" if _survives(name, case, body, check) else "refused"] += 1

    run_batch()
    verdicts["per_cpu_s"] = round(verdicts.total() / (time.process_time() - started_s))
    return verdicts


def fuzz_apart(name: str, build: Build, root: Path) -> Counter[str]:
    """Do as :func:`fuzz` does in a process of its own, for parsers that may end theirs.

    Parameters
    ----------
    build
        Function of a module; makes body maker and check in that process, given ``root``.
    """
    spawn = get_context("spawn")
    at = spawn.Value("q", -1, lock=False)
    mine, theirs = spawn.Pipe(duplex=False)
    process = spawn.Process(target=_run_apart, args=(name, build, root, at, theirs))
    process.start()
    theirs.close()
    try:
        answer = mine.recv()
    except EOFError:
        answer = None
    process.join()
    if answer is None:
        # Not where the body that killed the process lies.
        body = build(root / "again")[0](random.Random(at.value))
        raise _broken(name, at.value, body, f"the process died, exit code {process.exitcode}")
    if isinstance(answer, str):
        raise Broken(answer)
    return answer


def _run_apart(name: str, build: Build, root: Path, at: Any, theirs: Connection) -> None:
    global _current
    _current = at
    try:
        theirs.send(fuzz(name, *build(root)))
    except BaseException as error:
        theirs.send(f"{type(error).__name__}: {error}")


def refused(error: SourceError, source: str) -> bool:
    """Verdict on a body that was refused: the error names its source, and its text can be written down anywhere."""
    assert error.source.startswith(source)
    assert_storable(str(error))
    return False


def named(error: AlmError, *places: str) -> bool:
    """Verdict on a file that was refused: the error names it, or another one that contradicts it."""
    assert any(place in str(error) for place in places), str(error)
    return False


def assert_storable(text: str) -> None:
    """Neither PostgreSQL nor UTF-8 takes every text that JSON can hold."""
    assert "\x00" not in text, f"NUL in a message: {text!r}"
    assert text.isascii() or text.encode("utf-8", errors="ignore").decode() == text, f"surrogate in {text!r}"


def assert_told_apart(verdicts: Counter[str]) -> None:
    """Both verdicts were given, often: a check that lets nearly everything through, or nothing, has seen little."""
    if ONE_CASE is None:
        cases = verdicts["accepted"] + verdicts["refused"]
        assert min(verdicts["accepted"], verdicts["refused"]) >= cases / 100, verdicts


def _survives(name: str, case: int, body: bytes, check: Check) -> bool:
    if _current is not None:
        _current.value = case
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    previous = signal.signal(signal.SIGVTALRM, _interrupt)
    signal.setitimer(signal.ITIMER_VIRTUAL, MAX_CPU_S)
    try:
        accepted = check(body)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        # The cause as text: half of a surrogate pair in it would keep a worker from reporting the failure at all.
        told = f"{type(error).__module__}.{type(error).__name__}: {error!s:.500}"
        raise _broken(name, case, body, told, "".join(traceback.format_tb(error.__traceback__)[-6:])) from None
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0.0)
        signal.signal(signal.SIGVTALRM, previous)
    grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb
    if grown_kb > MAX_GROWTH_KB:
        raise _broken(name, case, body, f"took {grown_kb // 1024} MB")
    return accepted


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise _TookTooLong(f"more than {MAX_CPU_S:g} s of CPU")


def _broken(name: str, case: int, body: bytes, what: str, where: str = "") -> Broken:
    shown = repr(body) if len(body) <= SHOWN_CHARS else f"{body[:SHOWN_CHARS]!r}... ({len(body)} bytes)"
    text = f"{name}, case {case} (ALM_FUZZ_CASE={case} runs it again): {what}\nbody: {shown}\n{where}"
    return Broken(text.encode("ascii", errors="backslashreplace").decode())

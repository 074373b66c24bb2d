"""Local engine: worker processes with one pipe each, so that the cell of a worker that dies is known.

``concurrent.futures`` gives up the whole pool when a worker is killed, and does not tell whose task it was.
"""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import connection, resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Any, cast

from alm_core.model.sweeps import CellOutcome
from alm_resources.sweeps.compute import CellTask, computed, died

STOPPING_S = 5.0


@dataclass(slots=True, kw_only=True)
class _Worker:
    """A process, the pipe to it, and what it computes."""

    process: SpawnProcess
    pipe: Any
    task: CellTask | None = None


class LocalEngine:
    """Computes cells in processes of this machine. An :class:`alm_resources.sweeps.compute.Engine`.

    Parameters
    ----------
    workers
        How many processes; each computes one cell at a time.
    """

    name = "local"

    def __init__(self, workers: int) -> None:
        self._workers = workers

    def outcomes(self, tasks: Sequence[CellTask]) -> Generator[CellOutcome]:
        """Yield outcomes as they come. A worker that dies fails its cell only; another takes its place."""
        waiting, crew = deque(tasks), list[_Worker]()
        try:
            while waiting or crew:
                while waiting and len(crew) < self._workers:
                    crew.append(_started())
                    _give(crew[-1], waiting.popleft())
                for ready in connection.wait([worker.pipe for worker in crew]):
                    worker = next(one for one in crew if one.pipe is ready)
                    yield _outcome(worker)
                    if waiting and worker.process.is_alive():
                        _give(worker, waiting.popleft())
                    else:
                        crew.remove(worker)
                        _stop([worker])
        finally:
            _stop(crew)


def _give(worker: _Worker, task: CellTask) -> None:
    worker.task = task
    # Nobody reads the pipe of a worker that is gone; waiting for its answer finds that out.
    with suppress(OSError):
        worker.pipe.send(task)


def _outcome(worker: _Worker) -> CellOutcome:
    task = cast(CellTask, worker.task)
    try:
        return cast(CellOutcome, worker.pipe.recv())
    except (EOFError, OSError):
        worker.process.join(STOPPING_S)
        code = worker.process.exitcode
        how = f"was killed by signal {-code}" if code is not None and code < 0 else f"ended with exit code {code}"
        return died(task, f"the worker that computed it {how}")


def _started() -> _Worker:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs,), daemon=True)
    with _without_interrupts():
        process.start()
    theirs.close()
    return _Worker(process=process, pipe=ours)


@contextmanager
def _without_interrupts() -> Generator[None]:
    """Ctrl-C goes to every process of the terminal, and workers inherit what is blocked: this process alone decides."""
    # Starting the tracker unblocks the signal again, so it is started before.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _stop(crew: Sequence[_Worker]) -> None:
    for worker in crew:
        worker.process.terminate()
    for worker in crew:
        worker.process.join(STOPPING_S)
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()
        worker.pipe.close()


def _work(pipe: Connection) -> None:
    """Compute what comes through the pipe until it closes."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    while True:
        try:
            task = cast(CellTask, pipe.recv())
        except EOFError:
            return
        pipe.send(computed(task))


def _end_with_parent() -> None:
    """Leave at once when the sweep is killed: nobody would take the result."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)

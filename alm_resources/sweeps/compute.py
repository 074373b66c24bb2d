"""A cell computed over recorded history: what every engine runs, in whatever process. What fails is an outcome too."""

import os
import socket
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Protocol

from alm_core.model.errors import AlmError
from alm_core.model.sweeps import CellOutcome, SweepCell
from alm_core.sweeps.cells import cell_summary
from alm_resources.history import HistoryStore
from alm_resources.history.market import RecordedMarket
from alm_resources.history.payload import payload_of
from alm_resources.sweeps.identity import cell_identity

EngineName = Literal["inline", "local", "ray"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CellTask:
    """A cell to compute, its identity where the sweep was planned, and the recorded history to read."""

    cell_id: str
    cell: SweepCell
    history_dir: Path


class Engine(Protocol):
    """Who computes the cells."""

    @property
    def name(self) -> str:
        """Name on the command line."""
        ...

    def outcomes(self, tasks: Sequence[CellTask]) -> Generator[CellOutcome]:
        """Yield the outcome of every task as it comes, in any order; closing it stops the work."""
        ...


class InlineEngine:
    """Computes one cell after the other in this process. An :class:`Engine`."""

    name = "inline"

    def outcomes(self, tasks: Sequence[CellTask]) -> Generator[CellOutcome]:
        """Yield the outcomes in order."""
        yield from map(computed, tasks)


def computed(task: CellTask) -> CellOutcome:
    """Return what comes of a cell. A cell that cannot be computed is ``failed``, with the reason in words.

    Where this process has other code or other recorded history than the sweep was planned with, the result would be of
    another cell: nothing is computed, and it may be tried again.
    """
    try:
        if cell_identity(task.cell, task.history_dir) != task.cell_id:
            return died(task, "the worker has other code or other recorded history than the sweep was planned with")
        began = time.process_time()
        history = HistoryStore(task.history_dir)
        market = RecordedMarket(history, task.cell.pair)
        others = {pair: RecordedMarket(history, pair) for pair in task.cell.config.other_pairs}
        summary = replace(cell_summary(task.cell, market, others), seconds=time.process_time() - began)
        outcome = CellOutcome(cell_id=task.cell_id, status="ok", summary=summary, worker=_worker())
        payload_of(outcome)
    except MemoryError:
        return died(task, "the worker had not enough memory")
    except AlmError as error:
        return _failed(task, str(error))
    # One cell's parameters may break code that no other cell comes by; the others go on.
    except Exception as error:
        return _failed(task, f"{type(error).__name__}: {error}")
    return outcome


def died(task: CellTask, reason: str) -> CellOutcome:
    """Return the outcome of a cell whose worker is gone; the next run tries it again."""
    return CellOutcome(cell_id=task.cell_id, status="died", reason=reason)


def _failed(task: CellTask, reason: str) -> CellOutcome:
    return CellOutcome(cell_id=task.cell_id, status="failed", reason=reason, worker=_worker())


def _worker() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"

"""A sweep from its grid to its Parquet: finished cells are kept, the others computed, whatever stops it in between."""

from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from alm_core.model.errors import ConfigError, InvalidInput
from alm_core.model.sweeps import CellOutcome, SweepGrid, SweepResult
from alm_core.sweeps.cells import cells_of
from alm_resources.history import HistoryStore
from alm_resources.history.store import CANDLES
from alm_resources.sweeps.compute import CellTask, Engine
from alm_resources.sweeps.finished import FinishedCells
from alm_resources.sweeps.identity import cell_identity
from alm_resources.sweeps.table import write_results


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepRequest:
    """A grid, the recorded history it goes over, and the Parquet it ends in."""

    grid: SweepGrid
    history_dir: Path
    out: Path

    @property
    def finished(self) -> Path:
        """Finished cells, beside the Parquet."""
        return self.out.with_name(f"{self.out.name}.cells")


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepRun:
    """What a sweep came to.

    Parameters
    ----------
    results
        Every finished cell, in the order of the grid.
    cells
        How many the grid has.
    reused
        How many of the results an earlier run had computed.
    workers
        How many processes computed the others.
    """

    results: tuple[SweepResult, ...]
    cells: int
    reused: int
    workers: int


Told = Callable[[int, int, SweepResult | None], None]
"""Called with cells done, cells in all and the one just done; once without one before the first."""


def run_sweep(request: SweepRequest, engine: Engine, told: Told) -> SweepRun:
    """Compute the cells that are not finished, and write the Parquet.

    The Parquet is written however the run ends, short of SIGKILL or loss of power; the finished cells survive that too,
    and the same request goes on from them. Cells whose worker died are computed again.

    Raises
    ------
    ConfigError
        If nothing is recorded of a pair.
    InvalidInput
        If the Parquet exists and is no sweep's, another sweep is writing it, or it cannot be written.
    """
    refuse_unrecorded(request)
    if request.out.exists() and not request.finished.exists():
        raise InvalidInput(f"{request.out}: exists and no sweep made it; name another file with --out")
    with ExitStack() as opened:
        with _written(request.finished):
            finished = opened.enter_context(FinishedCells(request.finished))
            known = finished.read()
        return _run(request, engine, told, finished, known)


def refuse_unrecorded(request: SweepRequest) -> None:
    """Refuse a grid with a pair of which nothing is recorded.

    Raises
    ------
    ConfigError
        Naming the pair, where was looked, and what is recorded there.
    """
    history = HistoryStore(request.history_dir)
    for pair in request.grid.pairs:
        if not history.stored_days(CANDLES, pair):
            folders = (request.history_dir / CANDLES).glob("*")
            known = sorted(one.name for one in folders if history.stored_days(CANDLES, one.name))
            there = f"recorded are {', '.join(known)}" if known else "nothing is recorded there"
            raise ConfigError(f"pairs: no candle of {pair!r} is recorded under {request.history_dir}; {there}")


@contextmanager
def _written(path: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise InvalidInput(f"{path}: cannot be written: {error}") from error


def _run(
    request: SweepRequest, engine: Engine, told: Told, finished: FinishedCells, known: Mapping[str, CellOutcome]
) -> SweepRun:
    tasks = {
        cell_id: CellTask(cell_id=cell_id, cell=cell, history_dir=request.history_dir)
        for cell in cells_of(request.grid)
        for cell_id in (cell_identity(cell, request.history_dir),)
    }
    done = {one for one in tasks if one in known and known[one].status != "died"}
    reused, workers = len(done), set[str]()
    told(reused, len(tasks), None)
    try:
        with closing(engine.outcomes([task for one, task in tasks.items() if one not in done])) as outcomes:
            for outcome in outcomes:
                with _written(request.finished):
                    finished.add(outcome)
                done.add(outcome.cell_id)
                workers |= {outcome.worker} - {""}
                told(len(done), len(tasks), _result(tasks, outcome))
    finally:
        # As they are on disk: an interrupt may come between a line and its being counted.
        known = finished.read()
        results = tuple(_result(tasks, known[one]) for one in tasks if one in known)
        with _written(request.out):
            write_results(request.out, results)
    return SweepRun(results=results, cells=len(tasks), reused=reused, workers=len(workers))


def _result(tasks: dict[str, CellTask], outcome: CellOutcome) -> SweepResult:
    return SweepResult(cell=tasks[outcome.cell_id].cell, outcome=outcome)

"""Sweeps over a recorded history: the same rows whoever computes them, and nothing computed twice or lost."""

import signal
from collections.abc import Generator, Sequence
from dataclasses import fields, replace
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from alm_core.model.config import LimitsConfig, StrategyConfig
from alm_core.model.errors import ConfigError, InvalidInput
from alm_core.model.signals import RangeParams
from alm_core.model.sweeps import CellOutcome, SweepResult
from alm_core.sweeps.cells import cells_of
from alm_resources.sweeps.compute import CellTask, Engine, InlineEngine, computed
from alm_resources.sweeps.engines import engine_named
from alm_resources.sweeps.finished import FinishedCells
from alm_resources.sweeps.grid import grid_from_text
from alm_resources.sweeps.identity import cell_identity
from alm_resources.sweeps.local import LocalEngine
from alm_resources.sweeps.run import SweepRequest, SweepRun, run_sweep
from alm_resources.sweeps.table import SECONDS, results_frame
from alm_tests.core.backtest.tape_snapshot import PAIR
from alm_tests.resources.sweeps.history import record

GRID = """
pairs = "WETH-USDC"
policies = ["hodl", "tau_reset"]
[windows]
first = 2026-01-01
last = 2026-01-02
length_days = 1
[venue]
gas_multiple = [1.0, 50.0]
"""


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record(tmp_path_factory.mktemp("sweeps") / "history", 2)


def request_of(history: Path, out: Path, text: str = GRID) -> SweepRequest:
    grid = grid_from_text(text, "grid", StrategyConfig(optimize=False), LimitsConfig())
    return SweepRequest(grid=grid, history_dir=history, out=out)


def swept(request: SweepRequest, engine: Engine | None = None) -> SweepRun:
    return run_sweep(request, engine or InlineEngine(), lambda *_: None)


def rows(out: Path) -> pl.DataFrame:
    """The rows without the column that tells of the run and not of the result."""
    return pl.read_parquet(out.read_bytes()).drop(SECONDS)


class Reversed(InlineEngine):
    """Computes the last cell first."""

    def outcomes(self, tasks: Sequence[CellTask]) -> Generator[CellOutcome]:
        yield from super().outcomes(tasks[::-1])


class Interrupted(InlineEngine):
    """Is interrupted from the keyboard after some cells, and counts what it was asked for."""

    def __init__(self, cells: int) -> None:
        self.cells = cells
        self.asked = 0

    def outcomes(self, tasks: Sequence[CellTask]) -> Generator[CellOutcome]:
        self.asked = len(tasks)
        yield from super().outcomes(tasks[: self.cells])
        if len(tasks) > self.cells:
            raise KeyboardInterrupt


def test_rows_depend_on_no_order_and_no_number_of_workers(history: Path, tmp_path: Path) -> None:
    engines: dict[str, Engine] = {"inline": InlineEngine(), "reversed": Reversed(), "two": LocalEngine(2)}
    runs = {name: swept(request_of(history, tmp_path / f"{name}.parquet"), engine) for name, engine in engines.items()}
    assert {run.cells for run in runs.values()} == {8}
    assert runs["two"].workers == 2
    expected = rows(tmp_path / "inline.parquet")
    for name in engines:
        assert_frame_equal(rows(tmp_path / f"{name}.parquet"), expected, check_exact=True)
    assert expected["status"].to_list() == ["ok"] * 8
    assert expected["pair"].unique().to_list() == [PAIR]
    scores = expected["nav_over_hodl"].to_list()
    assert [score for score, policy in zip(scores, expected["policy"], strict=True) if policy == "hodl"] == [1.0] * 4
    placed = expected.filter(pl.col("policy") == "tau_reset")
    assert (placed["fees_usd"] > 0).all()
    cheap, dear = (placed.filter(pl.col("venue_gas_multiple") == multiple)["gas_usd"] for multiple in (1.0, 50.0))
    assert (dear > 10 * cheap).all()


def test_a_row_is_the_backtest_of_its_cell(history: Path, tmp_path: Path) -> None:
    from alm_core.backtest.run import run_backtest, summary_of
    from alm_resources.history import HistoryStore
    from alm_resources.history.market import RecordedMarket

    run = swept(request_of(history, tmp_path / "out.parquet"))
    result = run.results[2]
    cell, market = result.cell, RecordedMarket(HistoryStore(history), PAIR)
    window = cell.window
    epochs = run_backtest(market, window.first_at, window.end_at, cell.config, cell.strategy, cell.limits)
    summary = result.outcome.summary
    assert summary is not None
    assert replace(summary, seconds=0.0) == summary_of(epochs, 0.0)
    row = pl.read_parquet((tmp_path / "out.parquet").read_bytes()).row(2, named=True)
    for name in ("nav_start", "nav_end", "fees_usd", "lvr_usd", "gas_usd", "hodl_usd", "rebalances", "epochs"):
        assert row[name] == getattr(summary, name)
    assert row["strategy_min_hold_s"] == 43_200.0
    assert row["strategy_optimize"] is False


def test_what_is_interrupted_goes_on_without_computing_anything_again(history: Path, tmp_path: Path) -> None:
    request = request_of(history, tmp_path / "out.parquet")
    with pytest.raises(KeyboardInterrupt):
        swept(request, Interrupted(3))
    assert rows(request.out).height == 3, "what is finished is in the Parquet"
    rest = Interrupted(8)
    run = swept(request, rest)
    assert (run.reused, rest.asked, len(run.results)) == (3, 5, 8)
    idle = Interrupted(0)
    assert swept(request, idle).reused == 8
    assert idle.asked == 0
    whole = request_of(history, tmp_path / "whole.parquet")
    swept(whole)
    assert_frame_equal(rows(request.out), rows(whole.out), check_exact=True)


def test_a_larger_grid_computes_what_is_new(history: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    swept(request_of(history, out))
    larger = swept(request_of(history, out, GRID.replace("50.0]", "50.0, 2.0]")))
    assert (larger.cells, larger.reused) == (12, 8)
    smaller = swept(request_of(history, out, GRID.replace(", 50.0]", "]")))
    assert (smaller.cells, smaller.reused) == (4, 4)
    assert rows(out).height == 4


def test_torn_and_false_lines_are_computed_again_and_no_other(history: Path, tmp_path: Path) -> None:
    request = request_of(history, tmp_path / "out.parquet")
    swept(request)
    expected = rows(request.out)
    lines = request.finished.read_bytes().split(b"\n")
    kept = [line for line in lines if line]
    assert len(kept) == 8
    false = kept[1].replace(b'"fees_usd":', b'"fees_usd":1')
    request.finished.write_bytes(b"\n".join([kept[0], false, b"\x00" * 40, *kept[2:7], kept[7][:90]]))
    run = swept(request)
    assert (run.reused, run.cells) == (6, 8)
    assert_frame_equal(rows(request.out), expected, check_exact=True)


def test_other_history_is_another_cell(tmp_path: Path) -> None:
    root = record(tmp_path / "history", 2)
    (first, *_), (*_, second) = (cells_of(request_of(root, tmp_path / "a").grid) for _ in range(2))
    before = [cell_identity(cell, root) for cell in (first, second)]
    day = next((root / "pool_snapshots" / PAIR).glob("*-02.parquet"))
    day.write_bytes(day.read_bytes() + b" ")
    after = [cell_identity(cell, root) for cell in (first, second)]
    assert after[0] == before[0], "the first window ends before that day"
    assert after[1] != before[1]
    stale = computed(CellTask(cell_id=before[1], cell=second, history_dir=root))
    assert (stale.status, stale.summary) == ("died", None)
    assert "other code or other recorded history" in stale.reason


class Deadly(CellTask):
    """A task that kills the worker which receives it."""

    def __reduce__(self) -> tuple[object, ...]:
        return signal.raise_signal, (signal.SIGKILL,)


def tasks_of(request: SweepRequest) -> list[CellTask]:
    return [
        CellTask(cell_id=cell_identity(cell, request.history_dir), cell=cell, history_dir=request.history_dir)
        for cell in cells_of(request.grid)
    ]


def test_a_worker_that_dies_fails_its_cell_only(history: Path, tmp_path: Path) -> None:
    tasks = tasks_of(request_of(history, tmp_path / "out.parquet"))
    deadly = Deadly(cell_id=tasks[1].cell_id, cell=tasks[1].cell, history_dir=history)
    found = {one.cell_id: one for one in LocalEngine(2).outcomes([tasks[0], deadly, *tasks[2:5]])}
    assert len(found) == 5
    gone = found.pop(tasks[1].cell_id)
    assert (gone.status, gone.reason) == ("died", "the worker that computed it was killed by signal 9")
    assert {one.status for one in found.values()} == {"ok"}


def test_a_cell_whose_worker_died_is_tried_again(history: Path, tmp_path: Path) -> None:
    request = request_of(history, tmp_path / "out.parquet")
    (first, *_) = tasks_of(request)
    with FinishedCells(request.finished) as finished:
        finished.add(CellOutcome(cell_id=first.cell_id, status="died", reason="the worker was killed"))
    run = swept(request)
    assert (run.reused, {one.outcome.status for one in run.results}) == (0, {"ok"})
    assert swept(request).reused == 8


def test_a_window_without_recorded_market_fails_alone_and_stays_failed(history: Path, tmp_path: Path) -> None:
    request = request_of(history, tmp_path / "out.parquet", GRID.replace("last = 2026-01-02", "last = 2026-01-03"))
    run = swept(request)
    failed = [one for one in run.results if one.outcome.status == "failed"]
    assert [one.cell.window.name for one in failed] == ["2026-01-03..2026-01-03"] * 4
    assert {one.outcome.reason for one in failed} == {"no epoch of the backtest has a recorded market"}
    assert rows(request.out)["nav_end"].null_count() == 4
    assert swept(request).reused == 12


def test_an_error_that_nobody_foresaw_fails_its_cell_in_words(
    history: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from alm_resources.sweeps import compute

    def broken(*_: object) -> object:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(compute, "cell_summary", broken)
    run = swept(request_of(history, tmp_path / "out.parquet"))
    assert {(one.outcome.status, one.outcome.reason) for one in run.results} == {
        ("failed", "ZeroDivisionError: division by zero")
    }


def test_range_parameters_are_those_the_run_begins_with(history: Path, tmp_path: Path) -> None:
    text = GRID.replace('["hodl", "tau_reset"]', '"default"').replace("[1.0, 50.0]", "1.0")
    run = swept(request_of(history, tmp_path / "a.parquet", text))
    params = _initial()
    wide = replace(params, base_min_frac=params.base_min_frac * 2, base_max_frac=params.base_max_frac * 2)
    same, wider = (
        swept(request_of(history, tmp_path / f"{name}.parquet", text + _section(one)))
        for name, one in (("b", params), ("c", wide))
    )
    assert [_plain(one) for one in same.results] == [_plain(one) for one in run.results]
    assert [_plain(one) for one in wider.results] != [_plain(one) for one in run.results]


def _section(params: RangeParams) -> str:
    return "[range]\n" + "\n".join(f"{field.name} = {getattr(params, field.name)}" for field in fields(params))


def _initial() -> RangeParams:
    from alm_core.ranges.search import SEARCH_SPACES

    return SEARCH_SPACES["volatile"].initial


def _plain(result: SweepResult) -> object:
    summary = result.outcome.summary
    return None if summary is None else replace(summary, seconds=0.0)


def test_a_pair_of_which_nothing_is_recorded_is_named_before_anything_runs(history: Path, tmp_path: Path) -> None:
    idle = Interrupted(0)
    for pair in ("USDC-USDT", "../etc"):
        with pytest.raises(InvalidInput, match=pair.replace(".", r"\.")):
            swept(request_of(history, tmp_path / "out.parquet", GRID.replace("WETH-USDC", pair)), idle)
    with pytest.raises(ConfigError, match="nothing is recorded there"):
        swept(request_of(tmp_path / "nowhere", tmp_path / "out.parquet"), idle)
    assert idle.asked == 0
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_somebody_else_is_never_replaced(history: Path, tmp_path: Path) -> None:
    out = tmp_path / "mine.parquet"
    out.write_bytes(b"mine")
    with pytest.raises(InvalidInput, match="no sweep made it; name another file with --out"):
        swept(request_of(history, out))
    assert out.read_bytes() == b"mine"


def test_two_sweeps_do_not_write_the_same_file(history: Path, tmp_path: Path) -> None:
    request = request_of(history, tmp_path / "out.parquet")
    with FinishedCells(request.finished), pytest.raises(InvalidInput, match="another sweep is writing there"):
        swept(request)


def test_a_place_that_cannot_be_written_is_named(history: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InvalidInput, match=r"file/out\.parquet\.cells: cannot be written"):
        swept(request_of(history, tmp_path / "file" / "out.parquet"))


def test_columns_are_the_same_whatever_is_in_them(history: Path, tmp_path: Path) -> None:
    run = swept(request_of(history, tmp_path / "out.parquet"))
    assert results_frame(()).schema == results_frame(run.results).schema
    assert results_frame(()).height == 0


def test_engines_are_known_by_name() -> None:
    assert engine_named("inline").name == "inline"
    assert engine_named("local", 3).name == "local"
    with pytest.raises(ConfigError, match="engine 'dask' is not known; there are: inline, local, ray"):
        engine_named("dask")
    with pytest.raises(ConfigError, match="workers = 0: must be at least 1"):
        engine_named("local", 0)

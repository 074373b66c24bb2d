"""Sweeps over what archive nodes told afterwards: USD prices that no block tells come from the grid, or from closes."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from alm_core.model.backtest import BacktestSummary, NativeFrom
from alm_core.model.config import LimitsConfig, StrategyConfig
from alm_core.sweeps.cells import cells_of
from alm_resources.history import HistoryStore
from alm_resources.registry import load_registry
from alm_resources.registry.natives import native_sources
from alm_resources.sweeps.compute import InlineEngine
from alm_resources.sweeps.grid import grid_from_text
from alm_resources.sweeps.identity import cell_identity
from alm_resources.sweeps.run import SweepRequest, run_sweep
from alm_tests.core.backtest.tape_snapshot import CHAIN_ID, NATIVE_USD, PAIR
from alm_tests.resources.history.tape_history import read_afterwards
from alm_tests.resources.sweeps.history import START, record

GRID = """
pairs = "WETH-USDC"
policies = "tau_reset"
windows = {first = 2026-01-01, last = 2026-01-01}
"""
TOLD = f"quote_usd = 1.0\nnative_usd = {{{CHAIN_ID} = {NATIVE_USD}}}\n"
OTHER = "POL-USDC"


@pytest.fixture(scope="module")
def afterwards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    history = record(tmp_path_factory.mktemp("afterwards") / "history", 1)
    read_afterwards(HistoryStore(history), START.date())
    return history


def request_of(history: Path, text: str, *natives: NativeFrom) -> SweepRequest:
    grid = grid_from_text(text, "grid", StrategyConfig(optimize=False), LimitsConfig())
    return SweepRequest(
        grid=replace(grid, native_from={PAIR: natives}), history_dir=history, out=history.parent / "out.parquet"
    )


def outcome(request: SweepRequest) -> tuple[str, str, BacktestSummary | None]:
    (result,) = run_sweep(request, InlineEngine(), lambda *_: None).results
    summary = result.outcome.summary
    return result.outcome.status, result.outcome.reason, summary and replace(summary, seconds=0.0)


def test_without_prices_a_cell_has_no_result(afterwards: Path) -> None:
    status, reason, _ = outcome(request_of(afterwards, GRID))
    assert status == "failed"
    assert "no epoch" in reason


def test_prices_of_the_grid_are_as_good_as_recorded_ones(afterwards: Path, tmp_path: Path) -> None:
    status, reason, told = outcome(request_of(afterwards, GRID + TOLD))
    assert (status, reason) == ("ok", "")
    assert told is not None
    _, _, recorded = outcome(request_of(record(tmp_path / "history", 1), GRID))
    assert recorded is not None
    assert f"USD per native coin of chain {CHAIN_ID} assumed: 0.5 (95x)" in told.assumptions
    assert replace(told, assumptions=()) == recorded
    assert told.gas_usd > 0


def test_native_coins_follow_from_closes_of_another_pair_and_their_file_is_part_of_the_cell(
    afterwards: Path, tmp_path: Path
) -> None:
    history = tmp_path / "history"
    shutil.copytree(afterwards, history)
    source = NativeFrom(chain_id=CHAIN_ID, pair=OTHER, side="base", against="quote")
    request = request_of(history, GRID + "quote_usd = 1.0\n", source)
    (cell,) = cells_of(request.grid)
    alone = cell_identity(cell, history)
    assert outcome(request)[0] == "failed", "nothing is recorded of the other pair"
    record(history, 1, pair=OTHER)
    assert cell_identity(cell, history) != alone
    status, reason, found = outcome(request)
    assert (status, reason) == ("ok", "")
    assert found is not None
    _, _, told = outcome(request_of(history, GRID + TOLD))
    assert told is not None
    assert found.gas_usd > 100 * told.gas_usd, "the generated pair costs thousands, the coin half a dollar"


def test_the_registry_tells_which_closes_a_pair_looks_at() -> None:
    registry = load_registry(None)
    grid = grid_from_text(GRID, "grid", StrategyConfig(), LimitsConfig(), registry)
    assert grid.native_from == {PAIR: native_sources(registry, PAIR)}
    assert {one.native_from for one in cells_of(grid)} == {native_sources(registry, PAIR)}
    assert grid.native_from[PAIR]

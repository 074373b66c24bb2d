"""Backtests on disk: day by day as in one go, over holes, after a kill, and never on days that are out of date."""

import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from alm_core.model.backtest import BacktestConfig, BacktestEpoch, NativeFrom, VenueConfig
from alm_core.model.config import LimitsConfig, StrategyConfig
from alm_core.model.decisions import AllocationPlan
from alm_core.model.epochs import EPOCH_LENGTH
from alm_core.model.errors import ConfigError, HistoryCorrupted, InvalidInput
from alm_core.model.signals import ForceSignals, OptimizedRange
from alm_core.model.transactions import ExecutionReport, IntentState
from alm_resources.history import HistoryStore
from alm_resources.history.backtests import EPOCHS, BacktestRun, RunSetup
from alm_resources.history.days import stream_days
from alm_tests.core.backtest.tape_snapshot import CHAIN_ID, NATIVE_USD, PAIR
from alm_tests.resources.history.tape_history import DAYS, FIRST_DAY, ONE_DAY, at, read_afterwards, recorded_tape

HOLES = [
    at(DAYS[0]),
    *(at(DAYS[0], 9) + number * EPOCH_LENGTH for number in range(7)),
    at(DAYS[1]),
    at(DAYS[1], 23, 45),
]
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> HistoryStore:
    return recorded_tape(tmp_path_factory.mktemp("recorded"))


@pytest.fixture(scope="module")
def with_holes(tmp_path_factory: pytest.TempPathFactory) -> HistoryStore:
    return recorded_tape(tmp_path_factory.mktemp("holes"), holes=HOLES)


def setup(policy: str = "hodl", **venue: object) -> RunSetup:
    config = BacktestConfig(pair=PAIR, policy=policy, venue=replace(VenueConfig(), **venue))
    strategy = StrategyConfig(optimize=False, max_pool_share=1.0)
    return RunSetup(config=config, strategy=strategy, limits=LimitsConfig(), code_version="1")


def epochs_of(run: BacktestRun) -> list[BacktestEpoch]:
    return list(run.epochs(DAYS[0], DAYS[-1]))


@pytest.mark.parametrize("policy", ["hodl", "default"])
def test_days_run_one_by_one_are_one_run_over_holes_to_the_last_bit(
    policy: str, with_holes: HistoryStore, tmp_path: Path
) -> None:
    whole = BacktestRun(with_holes, tmp_path / "whole", setup(policy), FIRST_DAY)
    assert [done.computed for done in whole.days(DAYS[-1])] == [True] * 3
    daily = BacktestRun(with_holes, tmp_path / "daily", setup(policy), FIRST_DAY)
    for number, day in enumerate(DAYS):
        assert [done.computed for done in daily.days(day)] == [*[False] * number, True]
    assert epochs_of(daily) == epochs_of(whole)
    first, second = (replace(run.summary(DAYS[-1]), seconds=0.0) for run in (daily, whole))
    assert first == second
    assert first.epochs == 3 * 96 - 1, "nothing is there before the first snapshot"
    assert first.epochs_missing == len(HOLES) - 1
    if policy == "default":
        assert first.rebalances > 1


def told(policy: str, **assumed: object) -> RunSetup:
    made = setup(policy)
    return replace(made, config=replace(made.config, **assumed))


def test_days_read_afterwards_are_to_the_last_bit_what_live_ones_of_the_same_prices_are(
    recorded: HistoryStore, tmp_path: Path
) -> None:
    live = BacktestRun(recorded, tmp_path / "live", setup("default"), FIRST_DAY)
    list(live.days(DAYS[-1]))
    past = recorded_tape(tmp_path / "past")
    for day in (FIRST_DAY - ONE_DAY, *DAYS):
        read_afterwards(past, day)
    assumed = told("default", assumed_quote_usd=1.0, assumed_native_usd=((CHAIN_ID, NATIVE_USD),))
    # Day by day, so that every day goes on from what is stored of the one before.
    for day in DAYS:
        daily = BacktestRun(past, tmp_path / "daily", assumed, FIRST_DAY)
        daily.day(day)
    assert [replace(one, assumptions=()) for one in epochs_of(daily)] == epochs_of(live)
    assert daily.summary(DAYS[-1]).assumptions[1] == f"USD per USDC assumed: 1 ({3 * 96}x)"
    assert daily.folder.name != live.folder.name
    described = json.loads((daily.folder / "config.json").read_text())["config"]
    assert (described["assumed_quote_usd"], described["assumed_native_usd"]) == (1.0, [[CHAIN_ID, NATIVE_USD]])


def test_a_day_read_afterwards_is_held_through_and_says_what_would_let_it_be_used(tmp_path: Path) -> None:
    store = recorded_tape(tmp_path / "mixed")
    read_afterwards(store, DAYS[1])
    run = BacktestRun(store, tmp_path / "runs", setup("hodl"), FIRST_DAY)
    list(run.days(DAYS[1]))
    summary = run.summary(DAYS[1])
    assert summary.epochs_missing == 96
    options = f"--quote-usd USD --native-usd {CHAIN_ID}=USD"
    problem = f"history backfill: USD prices of that time are not known: {options} lets a backtest use it (96x)"
    assert summary.problems == (problem,)
    assert summary.assumptions == ()


def test_what_was_held_then_is_not_known_and_never_a_beginning_of_nothing(tmp_path: Path) -> None:
    store = recorded_tape(tmp_path / "past")
    read_afterwards(store, FIRST_DAY)
    assumed = told("hodl", assumed_quote_usd=1.0, assumed_native_usd=((CHAIN_ID, NATIVE_USD),), capital_usd=None)
    run = BacktestRun(store, tmp_path / "runs", assumed, FIRST_DAY)
    assert run.day(FIRST_DAY).epochs == 0
    assert not run.begun_by(FIRST_DAY)


def test_a_day_is_computed_again_when_closes_that_value_native_coins_have_changed(tmp_path: Path) -> None:
    store = recorded_tape(tmp_path / "past")
    for day in DAYS:
        read_afterwards(store, day)
    coin = NativeFrom(chain_id=CHAIN_ID, pair="COIN-USDC", side="base", against="quote")
    assumed = told("wide", assumed_quote_usd=1.0, assumed_native_usd=((CHAIN_ID, NATIVE_USD),), native_from=(coin,))
    run = BacktestRun(store, tmp_path / "runs", assumed, FIRST_DAY)
    run.day(FIRST_DAY)
    before = run.summary(FIRST_DAY)
    assert not run.day(FIRST_DAY).computed
    closes = store.read_candles(PAIR, at(FIRST_DAY), at(DAYS[1]))
    prices = {name: getattr(closes, name) * 0 + 5.0 for name in ("open", "high", "low", "close")}
    store.write_candles("COIN-USDC", replace(closes, **prices, quality=None))
    assert run.day(FIRST_DAY).computed
    after = run.summary(FIRST_DAY)
    # The first minute of that pair closes after the first epoch.
    assert [text.rsplit("(", 1)[1] for text in after.assumptions if "COIN-USDC" in text] == ["95x)"]
    assert after.gas_usd == pytest.approx(before.gas_usd * 5.0 / NATIVE_USD, rel=1e-9)


KILLED = """
import os, signal, sys
from datetime import date
from pathlib import Path
import alm_resources.history.backtests as backtests
from alm_resources.history import HistoryStore
from alm_tests.resources.history.test_backtests import setup
name, left = sys.argv[3], int(sys.argv[4])
plain = getattr(backtests, name)
def counted(*arguments):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return plain(*arguments)
def epochs(*arguments):
    for number, epoch in enumerate(plain(*arguments)):
        if number == left:
            os.kill(os.getpid(), signal.SIGKILL)
        yield epoch
setattr(backtests, name, epochs if name == "run_backtest" else counted)
run = backtests.BacktestRun(HistoryStore(Path(sys.argv[1])), Path(sys.argv[2]), setup(), date(2026, 1, 31))
list(run.days(date(2026, 2, 2)))
"""


@pytest.mark.parametrize(("where", "after"), [("run_backtest", 96 + 40), ("write_day", 5 + 3)])
def test_a_run_killed_in_the_middle_of_a_day_goes_on_after_the_last_whole_day(
    where: str, after: int, recorded: HistoryStore, tmp_path: Path
) -> None:
    arguments = [sys.executable, "-c", KILLED, str(recorded.root), str(tmp_path / "runs"), where, str(after)]
    assert subprocess.run(arguments, cwd=ROOT, check=False).returncode == -signal.SIGKILL
    resumed = BacktestRun(recorded, tmp_path / "runs", setup(), FIRST_DAY)
    assert [done.computed for done in resumed.days(DAYS[-1])] == [False, True, True]
    whole = BacktestRun(recorded, tmp_path / "whole", setup(), FIRST_DAY)
    list(whole.days(DAYS[-1]))
    assert epochs_of(resumed) == epochs_of(whole)


def test_a_stored_day_is_not_computed_again_unless_told(recorded: HistoryStore, tmp_path: Path) -> None:
    run = BacktestRun(recorded, tmp_path, setup(), FIRST_DAY)
    first = list(run.days(DAYS[1]))
    assert [replace(done, computed=False) for done in first] == list(run.days(DAYS[1]))
    assert [done.computed for done in run.days(DAYS[1], anew_from=DAYS[1])] == [False, True]
    assert [done.computed for done in run.days(DAYS[1], anew_from=FIRST_DAY)] == [True, True]
    assert run.day(DAYS[0], anew=True).computed
    assert run.summary(DAYS[1]).seconds > 0


def test_a_day_whose_record_has_changed_is_computed_again_with_all_after_it(tmp_path: Path) -> None:
    recorded = recorded_tape(tmp_path / "history", holes=[at(DAYS[1], 5)])
    run = BacktestRun(recorded, tmp_path / "runs", setup(), FIRST_DAY)
    list(run.days(DAYS[-1]))
    assert run.summary(DAYS[-1]).epochs_missing == 1
    recorded_tape(tmp_path / "history")
    assert [done.computed for done in run.days(DAYS[-1])] == [False, True, True]
    assert run.summary(DAYS[-1]).epochs_missing == 0


def test_runs_of_other_policies_capitals_venues_and_first_days_have_folders_of_their_own(
    recorded: HistoryStore, tmp_path: Path
) -> None:
    plain = setup()
    setups = [
        plain,
        setup("wide"),
        replace(plain, config=replace(plain.config, capital_usd=20_000.0)),
        setup(latency_epochs=0),
        setup(failure_frac=0.5),
        replace(plain, strategy=StrategyConfig()),
        replace(plain, limits=LimitsConfig(max_day_gas_usd=1.0)),
        replace(plain, code_version="2"),
    ]
    names = [BacktestRun(recorded, tmp_path, one, FIRST_DAY).name for one in setups]
    names.append(BacktestRun(recorded, tmp_path, plain, DAYS[1]).name)
    assert len(set(names)) == len(names)
    run = BacktestRun(recorded, tmp_path, plain, FIRST_DAY)
    list(run.days(FIRST_DAY))
    told = json.loads((run.folder / "config.json").read_text())
    assert (told["first_day"], told["config"]["capital_usd"], told["code_version"]) == ("2026-01-31", 10_000.0, "1")


def test_what_was_decided_and_done_is_stored_by_epoch(recorded: HistoryStore, tmp_path: Path) -> None:
    run = BacktestRun(recorded, tmp_path, setup("default"), FIRST_DAY)
    list(run.days(FIRST_DAY))
    epochs = list(run.epochs(FIRST_DAY, FIRST_DAY))
    kinds = {
        "force_signals": ForceSignals,
        "optimized_ranges": OptimizedRange,
        "allocations": AllocationPlan,
        "executed_transactions": ExecutionReport,
    }
    stored = {
        name: list(stream_days(run.history, name, kind, PAIR, FIRST_DAY, FIRST_DAY)) for name, kind in kinds.items()
    }
    assert stored["force_signals"] == [one.signals for one in epochs]
    assert stored["optimized_ranges"] == [one.book.optimized for one in epochs]
    assert stored["allocations"] == [one.plan for one in epochs]
    done = [one for one in stored["executed_transactions"] if isinstance(one, ExecutionReport)]
    acted = [one for one in epochs[:-1] if one.plan is not None and one.plan.opens]
    assert [one.epoch_at for one in done if one.transactions] == [one.epoch_at + EPOCH_LENGTH for one in acted]
    assert {tx.state for one in done for tx in one.transactions} == {IntentState.FINAL_OK}


def test_what_failed_is_stored_as_failed(recorded: HistoryStore, tmp_path: Path) -> None:
    run = BacktestRun(recorded, tmp_path, setup("default", failure_frac=1.0, latency_epochs=0), FIRST_DAY)
    list(run.days(FIRST_DAY))
    done = list(stream_days(run.history, "executed_transactions", ExecutionReport, PAIR, FIRST_DAY, FIRST_DAY))
    assert {tx.state for one in done for tx in one.transactions} == {IntentState.FINAL_REVERTED}
    assert run.summary(FIRST_DAY).failures > 0
    assert run.summary(FIRST_DAY).rebalances == 0


def test_days_before_anything_is_recorded_are_empty_and_the_run_begins_where_the_records_do(
    recorded: HistoryStore, tmp_path: Path
) -> None:
    early = FIRST_DAY.replace(day=28)
    run = BacktestRun(recorded, tmp_path, setup(), early)
    assert [done.epochs for done in run.days(FIRST_DAY)] == [0, 0, 96, 96]
    assert next(run.epochs(early, FIRST_DAY)).epoch_at == at(FIRST_DAY.replace(day=30))
    with pytest.raises(InvalidInput, match="no epoch of the backtest has a recorded market"):
        run.summary(early)


def test_an_unknown_policy_and_a_broken_record_are_named(recorded: HistoryStore, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="'nobody' is not known; there are: default"):
        BacktestRun(recorded, tmp_path, setup("nobody"), FIRST_DAY)
    run = BacktestRun(recorded, tmp_path, setup(), FIRST_DAY)
    list(run.days(FIRST_DAY))
    (run.folder / "days" / "2026-01-31.json").write_text("{")
    with pytest.raises(HistoryCorrupted, match=r"2026-01-31.json.*move it away"):
        list(run.days(FIRST_DAY))


def test_books_carry_their_recent_epochs_over_midnight_and_nowhere_else(recorded: HistoryStore, tmp_path: Path) -> None:
    run = BacktestRun(recorded, tmp_path, setup(), FIRST_DAY)
    list(run.days(FIRST_DAY))
    kept = [len(one.book.recent) for one in stream_days(run.history, EPOCHS, BacktestEpoch, PAIR, FIRST_DAY, FIRST_DAY)]
    assert kept == [0] * 95 + [96]

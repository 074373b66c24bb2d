"""Short cuts of backtests: none of them changes a decision, a book or a bit of a figure."""

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest

from alm_core.backtest.minutes import SlidingMinutes
from alm_core.backtest.run import run_backtest
from alm_core.forces.signals import compute_force_signals
from alm_core.model.backtest import BacktestConfig, BacktestEpoch, MarketHistory
from alm_core.model.candles import COLUMNS, CandleSeries
from alm_core.model.config import LimitsConfig, StrategyConfig
from alm_core.model.decisions import DecisionKind
from alm_core.model.epochs import EPOCH_LENGTH, Epoch
from alm_core.model.errors import InvalidInput
from alm_core.model.inputs import LOOK_BACK
from alm_core.model.market import MarketSnapshot
from alm_tests.bench.backtest import Recorded
from alm_tests.bench.backtest_market import SeededDays, midnight
from alm_tests.bench.backtest_script import epochs_of
from alm_tests.bench.scoreboard.tapes import polygon
from alm_tests.bench.scoreboard.world import first_epoch
from alm_tests.core.backtest.tape_snapshot import PAIR
from alm_tests.core.backtest.year import FIRST_AT, Life, YearMarket
from alm_tests.core.portfolio.scene import pool
from alm_tests.core.simulation.recorded_pool import FOLDER, RECORDED

HOLES = YearMarket(days=3, warm_days=2, minute_holes=((0.6, 0.3), (1.501, 0.01)), snapshot_holes=((2.0, 0.1),))


def told(epoch: BacktestEpoch) -> BacktestEpoch:
    """An epoch without what only explains its plan."""
    waiting = tuple(replace(one, plan=replace(one.plan, inputs_hash="")) for one in epoch.book.waiting)
    plan = epoch.plan and replace(
        epoch.plan, inputs_hash="", decision=replace(epoch.plan.decision, counterfactual=None)
    )
    return replace(epoch, plan=plan, book=replace(epoch.book, waiting=waiting))


@pytest.mark.parametrize(("seed", "retuned", "days"), [(3, False, 1.5), (4, False, 1.5), (5, True, 0.125)])
def test_a_backtest_that_explains_nothing_decides_the_same(seed: int, retuned: bool, days: float) -> None:
    fast = list(epochs_of(days, retuned=retuned, seed=seed))
    whole = list(epochs_of(days, retuned=retuned, seed=seed, explains=True))
    assert fast == [told(epoch) for epoch in whole]
    held = [one.plan for one in whole if one.plan is not None and one.kind is DecisionKind.HOLD]
    assert len({one.inputs_hash for one in held}) == len(held) > 0
    assert all(one.plan is not None and one.plan.inputs_hash == "" for one in fast)
    assert len({epoch.kind for epoch in fast}) > 1


@pytest.mark.skipif(not RECORDED.exists(), reason="the recorded pool is not here")
def test_on_a_recorded_pool_a_backtest_that_explains_nothing_decides_the_same() -> None:
    tape = polygon(FOLDER)
    first_at = first_epoch(tape, 20)
    config, strategy = BacktestConfig(pair=PAIR), StrategyConfig(max_pool_share=1.0, optimize=False)

    def run(*, explains: bool) -> list[BacktestEpoch]:
        market, ends = Recorded(tape, first_at), first_at + timedelta(days=1)
        return list(run_backtest(market, first_at, ends, config, strategy, LimitsConfig(), explains=explains))

    fast = run(explains=False)
    assert fast == [told(epoch) for epoch in run(explains=True)]
    assert len({epoch.kind for epoch in fast}) > 1


def test_a_backtest_sees_at_every_epoch_the_minutes_that_were_recorded_before_it() -> None:
    minutes, ends = SlidingMinutes(HOLES), FIRST_AT + timedelta(days=HOLES.days)
    at, seen = FIRST_AT, list[tuple[CandleSeries, CandleSeries]]()
    while at <= ends:
        seen.append((minutes.before(at), HOLES.candles(at - LOOK_BACK, at)))
        at += EPOCH_LENGTH
    # Compared at the end: a series that was kept is not overwritten.
    for ours, recorded in seen:
        assert all(np.array_equal(getattr(ours, name), getattr(recorded, name)) for name in COLUMNS)
        CandleSeries(**{name: getattr(ours, name) for name in COLUMNS})


def test_memory_of_minutes_is_two_look_backs_however_long_the_history() -> None:
    market, first_at = SeededDays(1, midnight(2025)), midnight(2025) + LOOK_BACK
    minutes = SlidingMinutes(market)
    sizes: list[int] = []
    for day in range(70):
        series = minutes.before(first_at + timedelta(days=day))
        base = series.close.base
        assert base is not None
        assert len(series) == 30 * 1440
        sizes.append(base.nbytes // 8)
    assert max(sizes) <= 2 * 31 * 1440


class _Logged:
    """A history whose answers are logged."""

    def __init__(self, of: MarketHistory) -> None:
        self.of = of
        self.asked: list[tuple[datetime, datetime]] = []

    def candles(self, start_at: datetime, end_at: datetime) -> CandleSeries:
        self.asked.append((start_at, end_at))
        return self.of.candles(start_at, end_at)

    def snapshot(self, epoch_at: datetime) -> MarketSnapshot | None:
        return self.of.snapshot(epoch_at)


def test_no_minute_is_read_twice_and_none_of_the_future() -> None:
    market = _Logged(HOLES)
    ends = FIRST_AT + timedelta(hours=2)
    config = BacktestConfig(pair=PAIR, policy="hodl")
    epochs = list(run_backtest(market, FIRST_AT, ends, config, StrategyConfig(), LimitsConfig()))
    assert [end for _, end in market.asked] == [epoch.epoch_at for epoch in epochs]
    assert [start for start, _ in market.asked] == [FIRST_AT - LOOK_BACK, *(end for _, end in market.asked[:-1])]


def test_a_history_that_gives_a_minute_twice_is_refused() -> None:
    class Twice(_Logged):
        def candles(self, start_at: datetime, end_at: datetime) -> CandleSeries:
            return self.of.candles(end_at - timedelta(hours=1), end_at)

    minutes = SlidingMinutes(Twice(HOLES))
    minutes.before(FIRST_AT)
    with pytest.raises(InvalidInput, match="twice"):
        minutes.before(FIRST_AT + EPOCH_LENGTH)


def test_forces_of_sliding_minutes_are_those_of_a_live_epoch_to_the_last_bit() -> None:
    minutes = SlidingMinutes(HOLES)
    for number in range(0, 288, 7):
        at = FIRST_AT + number * EPOCH_LENGTH
        epoch = Epoch(pair=PAIR, epoch_at=at)
        assert compute_force_signals(epoch, minutes.before(at)) == compute_force_signals(
            epoch, HOLES.candles(at - LOOK_BACK, at)
        )


def test_two_pools_decide_the_same_without_explaining() -> None:
    lives = (Life(of=pool(500, 10)), Life(of=pool(3000, 60), listed_day=0.3, fees_usd_day=35_000.0))
    market = YearMarket(days=1, warm_days=4, lives=lives, minute_holes=((0.5, 0.05),))
    ends = FIRST_AT + timedelta(days=0.75)
    config, strategy = BacktestConfig(pair=PAIR), StrategyConfig(optimize=False)
    fast = list(run_backtest(market, FIRST_AT, ends, config, strategy, LimitsConfig()))
    whole = list(run_backtest(market, FIRST_AT, ends, config, strategy, LimitsConfig(), explains=True))
    assert fast == [told(epoch) for epoch in whole]
    assert {one.pool_id for epoch in fast for one in epoch.placed} == {life.of.pool_id for life in lives}

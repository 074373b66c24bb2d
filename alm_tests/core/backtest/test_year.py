"""A year as it is recorded in real life: holes, a listing in the middle, a pool that dies. Each effect is stated."""

import math
from collections import Counter
from datetime import timedelta

import pytest

from alm_core.backtest.run import run_backtest, summary_of
from alm_core.model.backtest import BacktestConfig, BacktestEpoch, BacktestSummary
from alm_core.model.config import LimitsConfig, StrategyConfig
from alm_core.model.epochs import EPOCHS_PER_DAY
from alm_tests.core.backtest.tape_snapshot import PAIR
from alm_tests.core.backtest.year import FIRST_AT, Life, YearMarket
from alm_tests.core.portfolio.scene import pool

CHEAP, DEAR = pool(500, 10), pool(3000, 60)
DAY = EPOCHS_PER_DAY


def run(market: YearMarket, policy: str) -> tuple[list[BacktestEpoch], BacktestSummary]:
    end_at = FIRST_AT + timedelta(days=market.days)
    config = BacktestConfig(pair=PAIR, policy=policy)
    epochs = list(run_backtest(market, FIRST_AT, end_at, config, StrategyConfig(optimize=False), LimitsConfig()))
    return epochs, summary_of(epochs, 0.0)


def adds_up(epochs: list[BacktestEpoch], found: BacktestSummary) -> None:
    """The value changes by the parts of profit and loss and by nothing else, also over what was not recorded."""
    parts = math.fsum(one.parts.change_usd for one in epochs)
    assert found.nav_end - found.nav_start == pytest.approx(parts, abs=1e-6)


def test_a_year_with_holes_is_run_through_and_says_what_was_missing() -> None:
    market = YearMarket(
        days=365,
        lives=(Life(of=CHEAP, dead_day=250, gone_day=260), Life(of=DEAR, listed_day=120)),
        minute_holes=((10.0, 0.25), (200.0, 3.0)),
        snapshot_holes=((50.0, 2.0), (300.0, 0.125)),
    )
    epochs, found = run(market, "tau_reset")
    assert len(epochs) == found.epochs == 365 * DAY
    # The epoch at the beginning of a hole of minutes still knows the quarter hour before it, that at its end does not.
    assert found.epochs_missing == (0.25 + 3.0 + 2.0 + 0.125) * DAY
    assert Counter(text for one in epochs for text in one.problems) == {
        "no minute of the quarter hour is recorded": 3.25 * DAY,
        "no snapshot is recorded": 2.125 * DAY,
    }
    assert all(one.kind.value == "HOLD" and one.nav_usd is None for one in epochs if one.problems)
    assert any("no snapshot is recorded" in text for text in found.problems)
    adds_up(epochs, found)


def test_a_pool_listed_in_the_middle_is_used_from_then_on() -> None:
    late = Life(of=DEAR, listed_day=20, fees_usd_day=35_000.0)
    market = YearMarket(days=40, lives=(Life(of=CHEAP), late))
    epochs, found = run(market, "tau_reset")
    used = {one.pool_id for epoch in epochs[: 20 * DAY] for one in epoch.placed}
    later = {one.pool_id for epoch in epochs[20 * DAY :] for one in epoch.placed}
    assert used == {CHEAP.pool_id}
    assert DEAR.pool_id in later
    adds_up(epochs, found)


def test_a_position_in_a_pool_that_dies_stays_what_it_was_and_earns_no_more() -> None:
    market = YearMarket(days=30, lives=(Life(of=CHEAP, dead_day=10, gone_day=15), Life(of=DEAR, fees_usd_day=100.0)))
    epochs, found = run(market, "wide")
    earned = [one.parts.fees_usd for one in epochs]
    assert sum(earned[2 : 10 * DAY]) > 0
    assert sum(earned[10 * DAY + 1 :]) == 0.0
    assert found.epochs_missing == 0
    last = epochs[-1]
    assert [one.pool_id for one in last.placed] == [CHEAP.pool_id]
    assert last.problems == (f"{CHEAP.pool_id} is not read any more: its position stays as it was",)
    amounts = {
        (position.amount0, position.amount1)
        for one in epochs[15 * DAY :]
        for held in one.book.holdings
        for position in held.positions
    }
    assert len(amounts) == 1
    adds_up(epochs, found)


def test_a_market_that_begins_later_begins_the_run_later() -> None:
    market = YearMarket(days=6, snapshot_holes=((0.0, 2.0),))
    epochs, found = run(market, "hodl")
    assert epochs[0].epoch_at == FIRST_AT + timedelta(days=2)
    assert found.nav_end == pytest.approx(found.hodl_usd)

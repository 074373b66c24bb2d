"""Breakers over marks: against holding, against the peak, and off the peg; at the bound and beyond."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from alm_core.model.books import Mark
from alm_core.model.config import LimitsConfig
from alm_core.portfolio.breakers import Pegged, depeg_freeze, holding_usd, loss_frac, share_values, trips, within

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
LIMITS = LimitsConfig()
QUARTER = timedelta(minutes=15)
CIRCLE = Pegged(side="quote", issuers=("circle",))


def mark(nav: float, back: timedelta = timedelta(0), **changes: float) -> Mark:
    """All in quote unless said otherwise; what is not held is lost."""
    made = Mark(
        pair="P",
        wallet="0x",
        epoch_at=AT - back,
        nav_usd=nav,
        base_usd=2000.0,
        quote_usd=1.0,
        base_amount=0.0,
        quote_amount=nav,
        base_flow=0.0,
        quote_flow=0.0,
    )
    return replace(made, **changes)


def tripped(*earlier: Mark, now: Mark, stable: bool = False, pegged: tuple[Pegged, ...] = ()) -> set[str]:
    return {trip.control for trip in trips(earlier, now, pegged, LIMITS, stable=stable)}


@pytest.mark.control("max_hour_loss_frac", "fires")
@pytest.mark.control("max_hour_loss_frac", "passes")
def test_two_percent_below_holding_within_an_hour_is_too_much() -> None:
    start = mark(1000.0, timedelta(hours=1))
    assert tripped(start, now=mark(980.0)) == set()
    assert tripped(start, now=mark(979.9)) == {"max_hour_loss_frac"}
    assert tripped(mark(1000.0, timedelta(hours=1, minutes=15)), now=mark(979.9)) == set(), "longer ago"


@pytest.mark.control("max_hour_loss_stable_frac", "fires")
@pytest.mark.control("max_hour_loss_stable_frac", "passes")
def test_stables_may_lose_one_percent_within_an_hour() -> None:
    start = mark(1000.0, timedelta(hours=1))
    assert tripped(start, now=mark(990.0), stable=True) == set()
    assert tripped(start, now=mark(989.9), stable=True) == {"max_hour_loss_stable_frac"}


@pytest.mark.control("max_day_loss_frac", "fires")
@pytest.mark.control("max_day_loss_frac", "passes")
def test_five_percent_below_holding_within_a_day_is_too_much() -> None:
    start = mark(1000.0, timedelta(hours=24))
    assert tripped(start, now=mark(950.0)) == set()
    assert tripped(start, now=mark(949.9)) == {"max_day_loss_frac"}
    assert tripped(mark(1000.0, timedelta(hours=24, minutes=15)), now=mark(949.9)) == set(), "it has rolled over"


@pytest.mark.control("max_day_loss_stable_frac", "fires")
@pytest.mark.control("max_day_loss_stable_frac", "passes")
def test_stables_may_lose_two_percent_within_a_day() -> None:
    start = mark(1000.0, timedelta(hours=24))
    assert tripped(start, now=mark(980.0), stable=True) == set()
    assert tripped(start, now=mark(979.9), stable=True) == {"max_day_loss_stable_frac"}


@pytest.mark.control("max_drawdown_frac", "fires")
@pytest.mark.control("max_drawdown_frac", "passes")
def test_thirty_percent_below_the_peak_of_thirty_days_is_too_much() -> None:
    peak = mark(1000.0, timedelta(days=20))
    assert tripped(peak, now=mark(700.0)) == set()
    assert tripped(peak, now=mark(699.0)) == {"max_drawdown_frac"}
    assert tripped(mark(1000.0, timedelta(days=31)), now=mark(699.0)) == set()


@pytest.mark.control("max_drawdown_stable_frac", "fires")
@pytest.mark.control("max_drawdown_stable_frac", "passes")
def test_stables_may_fall_five_percent_from_their_peak() -> None:
    peak = mark(1000.0, timedelta(days=20))
    assert tripped(peak, now=mark(950.0), stable=True) == set()
    assert tripped(peak, now=mark(949.0), stable=True) == {"max_drawdown_stable_frac"}


@pytest.mark.control("depeg_leave_frac", "fires")
@pytest.mark.control("depeg_leave_frac", "passes")
def test_a_stable_at_0_98_is_held_and_below_only_leaves() -> None:
    assert tripped(now=mark(1.0, quote_usd=0.98), pegged=(CIRCLE,)) == set()
    assert tripped(now=mark(1.0, quote_usd=0.9799), pegged=(CIRCLE,)) == {"depeg_leave_frac"}
    tether = Pegged(side="base", issuers=("tether",))
    assert tripped(now=mark(1.0, base_usd=0.95), pegged=(CIRCLE, tether)) == {"depeg_leave_frac"}


@pytest.mark.parametrize(("quote_usd", "base_usd"), [(0.97, 2000.0), (1.0, 0.95)])
def test_a_depeg_of_usdc_to_0_97_and_of_usdt_to_0_95_names_its_issuer(quote_usd: float, base_usd: float) -> None:
    tether = Pegged(side="base", issuers=("tether",))
    pegged = (CIRCLE,) if base_usd > 1 else (tether,)
    (trip,) = trips((), mark(1.0, quote_usd=quote_usd, base_usd=base_usd), pegged, LIMITS, stable=False)
    assert ("circle" if quote_usd < 1 else "tether") in trip.reason


def looks(*prices: float) -> tuple[tuple[Mark, ...], Mark]:
    marks = [mark(1.0, QUARTER * back, quote_usd=price) for back, price in enumerate(reversed(prices))][::-1]
    return tuple(marks[:-1]), marks[-1]


@pytest.mark.control("depeg_freeze_frac", "fires")
@pytest.mark.control("depeg_freeze_frac", "passes")
def test_three_quarter_hours_off_the_peg_freeze_and_two_do_not() -> None:
    def frozen(*prices: float) -> bool:
        return bool(depeg_freeze(*looks(*prices), (CIRCLE,), LIMITS))

    assert frozen(0.994, 0.994, 0.994)
    assert frozen(1.006, 0.994, 1.006), "above counts as below does"
    assert not frozen(0.994, 0.994)
    assert not frozen(1.0, 0.994, 0.994)
    assert not frozen(0.994, 0.995, 0.994), "at the bound is on the peg"
    assert not frozen(0.994, 0.994, 1.0), "back on it"


def test_of_no_quarter_hours_the_present_one_still_counts() -> None:
    """0 is stricter than 1 and must not switch the freeze off."""
    earlier, now = looks(1.0, 0.994)
    assert depeg_freeze(earlier, now, (CIRCLE,), replace(LIMITS, depeg_candles=0))
    assert not depeg_freeze((), mark(1.0), (CIRCLE,), replace(LIMITS, depeg_candles=0))


def test_a_look_that_is_missing_starts_the_count_anew() -> None:
    earlier, now = looks(0.99, 0.99, 0.99)
    assert not depeg_freeze(earlier[1:], now, (CIRCLE,), LIMITS)


def test_what_came_and_left_is_no_profit_and_no_loss() -> None:
    start = mark(1000.0, QUARTER)
    deposited = mark(1500.0, quote_flow=500.0)
    assert loss_frac(start, deposited) == 0.0
    assert tripped(start, now=mark(500.0, quote_flow=-500.0)) == set()
    in_base = mark(1000.0 + 2000.0, base_flow=1.0)
    assert holding_usd(start, in_base) == 3000.0
    assert tripped(start, now=replace(in_base, nav_usd=2900.0)) == {"max_hour_loss_frac"}


def test_a_fall_of_the_market_is_no_loss_against_holding() -> None:
    start = mark(3000.0, QUARTER, base_amount=1.0, quote_amount=1000.0)
    fallen = mark(2400.0, base_usd=1400.0, base_amount=1.0, quote_amount=1000.0)
    assert tripped(start, now=fallen) == set()


def test_a_flash_crash_and_back_costs_what_was_sold_low() -> None:
    start = mark(3000.0, timedelta(minutes=30), base_amount=1.0, quote_amount=1000.0)
    low = mark(2400.0, QUARTER, base_usd=1400.0, base_amount=0.0, quote_amount=2400.0)
    back = mark(2400.0, base_usd=2000.0, base_amount=0.0, quote_amount=2400.0)
    assert "max_hour_loss_frac" in tripped(start, low, now=back)


def test_shares_do_not_see_deposits() -> None:
    values = share_values(
        (mark(100.0, 2 * QUARTER), mark(300.0, QUARTER, quote_flow=200.0), mark(150.0, quote_flow=200.0))
    )
    assert values == (1.0, 1.0, 0.5)
    assert share_values((mark(0.0, QUARTER), mark(100.0, quote_flow=100.0))) == (1.0, 1.0)
    assert share_values((mark(0.0, QUARTER), mark(50.0, quote_flow=100.0))) == (1.0, 1.0), "nobody held a share"
    assert share_values((mark(100.0, QUARTER), mark(0.0, quote_flow=-100.0))) == (1.0, 1.0), "all was withdrawn"


def test_shares_lose_what_each_step_lost_however_little_is_held() -> None:
    assert share_values((mark(0.5, 3 * QUARTER), mark(0.25, 2 * QUARTER), mark(0.125, QUARTER))) == (1.0, 0.5, 0.25)


def test_with_nothing_held_or_seen_before_nothing_trips() -> None:
    assert tripped(now=mark(5.0)) == set()
    assert tripped(mark(0.0, QUARTER), now=mark(0.0)) == set()
    assert within((mark(1.0), mark(1.0, QUARTER)), AT, QUARTER) == (mark(1.0, QUARTER),), "this moment is not before"


def test_holding_counts_both_tokens_and_what_came_and_went_of_each() -> None:
    start = mark(1000.0, base_amount=0.25, quote_amount=500.0, base_flow=0.1, quote_flow=20.0)
    now = mark(0.0, base_usd=1600.5, quote_usd=0.5, base_flow=0.35, quote_flow=-30.0)
    assert holding_usd(start, now) == pytest.approx((0.25 + 0.25) * 1600.5 + (500.0 - 50.0) * 0.5, rel=1e-15)
    assert loss_frac(start, replace(now, nav_usd=holding_usd(start, now) * 0.75)) == pytest.approx(0.25)
    assert loss_frac(start, replace(now, nav_usd=holding_usd(start, now) * 1.25)) == 0.0
    assert loss_frac(mark(0.0), mark(0.0)) == 0.0, "there was nothing"

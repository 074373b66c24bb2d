"""Returns against hand-computed examples, and what must hold for any."""

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from alm_core.accounting.returns import (
    Valuation,
    annual_frac,
    drawdown_frac,
    growth_of,
    money_weighted_frac,
    time_weighted_frac,
)
from alm_core.model.accounts import CashFlow
from alm_core.model.errors import InvalidInput

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
YEAR = timedelta(days=365.25)
rates = st.floats(-0.5, 1.0)


def day(number: float) -> datetime:
    return FIRST + timedelta(days=number)


def test_the_time_weighted_return_is_that_of_the_textbook_whatever_was_paid_in() -> None:
    seen = [
        Valuation(at=day(0), nav_usd=1_000.0),
        Valuation(at=day(1), nav_usd=1_600.0, flow_usd=500.0),
        Valuation(at=day(2), nav_usd=1_320.0, flow_usd=-100.0),
        Valuation(at=day(3), nav_usd=1_386.0),
    ]
    # 1.1, then (1320 + 100) / 1600 = 0.8875, then 1.05.
    assert time_weighted_frac(seen) == pytest.approx(1.1 * 0.8875 * 1.05 - 1.0, rel=1e-15)


def test_the_money_weighted_return_solves_a_square_by_hand() -> None:
    # 100 at the start, 100 more in the middle, 230 at the end: 100 g + 100 sqrt(g) = 230 in s = sqrt(g).
    root = (-100.0 + math.sqrt(100.0**2 + 4 * 100.0 * 230.0)) / 200.0
    found = money_weighted_frac(100.0, 230.0, [CashFlow(at=day(5), usd=100.0)], day(0), day(10))
    assert found == pytest.approx(root**2 - 1.0, rel=1e-12)


def test_without_flows_both_returns_are_the_growth() -> None:
    assert money_weighted_frac(80.0, 100.0, (), day(0), day(9)) == pytest.approx(0.25, rel=1e-12)
    assert growth_of(80.0, 100.0, 0.0) == 1.25


def test_money_that_came_before_a_loss_makes_the_money_weighted_return_the_worse_one() -> None:
    flows = [CashFlow(at=day(1), usd=900.0)]
    # 100 doubles to 200, 900 come, 1,100 lose half.
    seen = [
        Valuation(at=day(0), nav_usd=100.0),
        Valuation(at=day(1), nav_usd=1_100.0, flow_usd=900.0),
        Valuation(at=day(2), nav_usd=550.0),
    ]
    assert time_weighted_frac(seen) == pytest.approx(0.0, abs=1e-15)
    worse = money_weighted_frac(100.0, 550.0, flows, day(0), day(2))
    assert worse is not None
    assert worse < -0.6


def test_where_nothing_was_invested_or_all_is_lost_no_return_is_told() -> None:
    assert money_weighted_frac(0.0, 0.0, (), day(0), day(1)) is None
    assert money_weighted_frac(100.0, -5.0, (), day(0), day(1)) is None
    assert money_weighted_frac(100.0, 100.0, (), day(1), day(1)) is None
    assert growth_of(0.0, 10.0, 10.0) is None
    assert (
        time_weighted_frac([Valuation(at=day(0), nav_usd=0.0), Valuation(at=day(1), nav_usd=5.0, flow_usd=5.0)]) is None
    )
    with pytest.raises(InvalidInput, match="outside"):
        money_weighted_frac(1.0, 1.0, [CashFlow(at=day(3), usd=1.0)], day(0), day(2))
    with pytest.raises(InvalidInput, match="finite"):
        money_weighted_frac(math.nan, 1.0, (), day(0), day(2))


def test_of_several_right_growths_the_one_nearest_to_none_is_taken() -> None:
    # s^2 - 2.3 s + 1.32 = 0 has the roots 1.1 and 1.2 in s = sqrt(g).
    flows = [CashFlow(at=day(5), usd=-2.3)]
    assert money_weighted_frac(1.0, -1.32, flows, day(0), day(10)) == pytest.approx(1.1**2 - 1.0, rel=1e-9)


def test_a_return_of_less_than_a_day_is_not_told_per_year() -> None:
    assert annual_frac(0.001, day(0), day(0.5)) is None
    assert annual_frac(0.1, FIRST, FIRST + YEAR) == pytest.approx(0.1, rel=1e-12)
    assert annual_frac(0.21, FIRST, FIRST + 2 * YEAR) == pytest.approx(0.1, rel=1e-12)
    assert annual_frac(-1.0, day(0), day(100)) is None
    assert annual_frac(None, day(0), day(100)) is None
    assert annual_frac(1e6, day(0), day(1)) is None


def test_the_drawdown_is_the_deepest_fall_from_a_peak() -> None:
    assert drawdown_frac([1.0, 1.2, 0.9, 1.3, 1.04, 1.5]) == pytest.approx(0.25, rel=1e-12)
    assert drawdown_frac([]) == drawdown_frac([2.0, 3.0]) == 0.0


@given(
    start=st.floats(1.0, 1e6),
    rate=rates,
    flows=st.lists(st.tuples(st.floats(0.0, 10.0), st.floats(0.0, 1e6)), max_size=6),
)
def test_deposits_that_all_grow_at_one_rate_have_that_rate(
    start: float, rate: float, flows: list[tuple[float, float]]
) -> None:
    growth = 1.0 + rate
    paid = [CashFlow(at=day(at), usd=usd) for at, usd in flows]
    end = start * growth + math.fsum(usd * growth ** ((10.0 - at) / 10.0) for at, usd in flows)
    assert money_weighted_frac(start, end, paid, day(0), day(10)) == pytest.approx(rate, rel=1e-7, abs=1e-7)


@given(
    growths=st.lists(st.floats(0.5, 1.5), min_size=1, max_size=8),
    flows=st.lists(st.floats(0.0, 1e4), min_size=8, max_size=8),
)
def test_deposits_do_not_move_the_time_weighted_return(growths: list[float], flows: list[float]) -> None:
    nav, seen, whole = 1_000.0, [Valuation(at=day(0), nav_usd=1_000.0)], 1.0
    for number, growth in enumerate(growths):
        nav = nav * growth + flows[number]
        whole *= growth
        seen.append(Valuation(at=day(number + 1), nav_usd=nav, flow_usd=flows[number]))
    assert time_weighted_frac(seen) == pytest.approx(whole - 1.0, rel=1e-9, abs=1e-9)


@given(levels=st.lists(st.floats(0.1, 10.0), min_size=2, max_size=20), factor=st.floats(0.1, 10.0))
def test_the_drawdown_has_no_unit_and_is_that_of_the_worst_pair(levels: list[float], factor: float) -> None:
    worst = max(1.0 - later / earlier for at, earlier in enumerate(levels) for later in levels[at:])
    assume(worst >= 0.0)
    assert drawdown_frac(levels) == pytest.approx(worst, abs=1e-12)
    assert drawdown_frac([level * factor for level in levels]) == pytest.approx(worst, abs=1e-9)

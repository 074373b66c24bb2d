"""What positions earn in the simulated venue between two snapshots, and what prices do to them."""

from dataclasses import replace
from datetime import timedelta

import pytest

from alm_core.backtest.venue import Carried, carried, value_usd
from alm_core.math.orientation import price_at_tick, sqrt_price_x96_from_price
from alm_core.model.epochs import SECONDS_PER_YEAR
from alm_core.model.market import Holdings
from alm_core.portfolio.flows import fee_growths
from alm_core.portfolio.valuation import Prices, full_range_usd
from alm_tests.core.backtest.venue_market import (
    BINS,
    NATIVE_USDC,
    OTHER,
    Market,
    book_of,
    later,
    minutes_between,
    placed,
)

ONE_QUOTE = (NATIVE_USDC, BINS, OTHER)
MARKET = Market(pools=ONE_QUOTE)


def quarter(
    market: Market, holdings: tuple[Holdings, ...], price: float = 2000.0, now: Market | None = None
) -> Carried:
    now = now or later(market, price)
    book = book_of(market, holdings)
    return carried(book, market.snapshot(), now.snapshot(), minutes_between(market, now), now.prices)


def test_fees_of_a_range_that_holds_the_price_are_its_share_of_all() -> None:
    holdings = placed(MARKET)
    (position,) = holdings[0].positions
    found = quarter(MARKET, holdings)
    others = MARKET.state(NATIVE_USDC).liquidity
    share = position.liquidity / (others + position.liquidity)
    assert found.parts.fees_usd == pytest.approx(1_000.0 * share, rel=1e-6)
    assert found.parts.lvr_usd == pytest.approx(0.0, abs=1e-6)


def test_rewards_are_the_recorded_rate_shared_by_all_liquidity_in_range() -> None:
    market = replace(MARKET, rewards_apr=0.4)
    holdings = placed(market)
    (position,) = holdings[0].positions
    state = market.state(NATIVE_USDC)
    found = quarter(market, holdings)
    share = position.liquidity / (state.liquidity + position.liquidity)
    paid = 0.4 * full_range_usd(state, state.liquidity, market.prices) * 900.0 / SECONDS_PER_YEAR
    assert found.parts.rewards_usd == pytest.approx(paid * share, rel=1e-6)
    assert found.parts.fees_usd > 0.0


def test_rewards_are_by_time() -> None:
    market = replace(MARKET, rewards_apr=0.4)
    holdings = placed(market)
    once = quarter(market, holdings).parts.rewards_usd
    now = later(market, 2000.0)
    twice = quarter(market, holdings, now=replace(now, at=now.at + timedelta(minutes=15)))
    assert twice.parts.rewards_usd == pytest.approx(2 * once)


def test_staked_positions_earn_rewards_in_place_of_fees() -> None:
    market = replace(MARKET, rewards_apr=0.4, rewards_replace_fees=True)
    found = quarter(market, placed(market))
    assert found.parts.rewards_usd > 0.0
    assert found.parts.fees_usd == 0.0
    assert found.holdings[0].positions[0].fees0 == 0


def test_rewards_that_nobody_knows_are_named() -> None:
    market = replace(MARKET, rewards_apr=None, rewards_replace_fees=True)
    found = quarter(market, placed(market))
    assert found.parts.rewards_usd == found.parts.fees_usd == 0.0
    assert "are not known" in found.problems[0]


def test_fees_of_bins_that_were_not_recorded_come_from_the_volume_and_stay_in_the_bins() -> None:
    holdings = placed(MARKET, BINS)
    (position,) = holdings[0].positions
    found = quarter(MARKET, holdings)
    (grown,) = found.holdings[0].positions
    share = position.liquidity / (MARKET.state(BINS).liquidity + position.liquidity)
    assert found.parts.fees_usd == pytest.approx(1e6 * 0.0015 / 96 * share, rel=1e-4)
    assert (grown.fees0, grown.fees1) == (0, 0)
    assert grown.amount0 > position.amount0
    assert grown.amount1 > position.amount1
    assert found.problems == (
        f"fees of {BINS.pool_id} are estimated from its volume of 24 hours: its bins were not recorded",
    )


def test_a_pool_that_all_liquidity_has_left_pays_nothing_for_a_volume_of_before() -> None:
    holdings = placed(MARKET, BINS)
    market = replace(MARKET, rewards_apr=0.4)
    now = later(market, 2000.0)
    left = replace(now.snapshot(), pools=tuple(replace(one, liquidity=0) for one in now.snapshot().pools))
    found = carried(book_of(market, holdings), market.snapshot(), left, minutes_between(market, now), now.prices)
    assert found.parts.fees_usd == found.parts.rewards_usd == 0.0


def test_fees_of_bins_whose_volume_nobody_knows_are_named() -> None:
    market = replace(MARKET, volume_usd=None)
    found = quarter(market, placed(market, BINS))
    assert found.parts.fees_usd == 0.0
    assert found.problems == (
        f"fees of {BINS.pool_id} are not counted: its bins were not recorded, its volume is not known",
    )


def test_a_price_that_leaves_a_range_on_the_way_stops_its_fees_there() -> None:
    holdings = placed(MARKET, lower=-0.01, upper=0.01)
    whole, half = (quarter(MARKET, holdings, price).parts.fees_usd for price in (2001.0, 2000.0 * 1.0001**200))
    assert half == pytest.approx(whole / 2, rel=0.1)


def test_positions_that_were_really_there_make_room_for_the_simulated_ones() -> None:
    """The same position, once recorded and once not: it earns what it really earned in the first world."""
    holdings = placed(MARKET)
    (position,) = holdings[0].positions
    really = replace(MARKET, holdings=holdings)
    state = MARKET.state(NATIVE_USDC)
    share = position.liquidity / state.liquidity
    found = quarter(really, holdings, now=replace(later(MARKET, 2000.0), holdings=holdings))
    assert found.parts.fees_usd == pytest.approx(1_000.0 * share, rel=1e-6)


def test_the_same_way_pays_more_where_recorded_liquidity_was_more() -> None:
    """A recorded position as large as all others was in range on half of the way, and doubled what was paid there."""
    tick, state = MARKET.state(NATIVE_USDC).tick, MARKET.state(NATIVE_USDC)
    holdings = placed(replace(MARKET, active_usd=5e9), lower=-0.3, upper=0.3)
    (position,) = holdings[0].positions
    huge = replace(position, tick_lower=tick - 600, tick_upper=tick + 100, liquidity=state.liquidity)
    end = replace(
        later(MARKET, price_at_tick(NATIVE_USDC, tick + 200)), holdings=(replace(holdings[0], positions=(huge,)),)
    )
    start = replace(MARKET, price=price_at_tick(NATIVE_USDC, tick), holdings=())
    found = quarter(start, holdings, now=end)
    growth = fee_growths(start.state(NATIVE_USDC), end.state(NATIVE_USDC))
    assert growth is not None
    fees = found.holdings[0].positions[0].fees0, found.holdings[0].positions[0].fees1
    mean = (state.liquidity + end.state(NATIVE_USDC).liquidity) // 2
    share = position.liquidity * (0.5 * (mean + state.liquidity) + 0.5 * mean) / (mean + position.liquidity)
    for got, grew in zip(fees, growth, strict=True):
        assert got == pytest.approx(grew / 2**128 * share, rel=1e-3)


def test_a_node_that_lags_gives_no_fees() -> None:
    holdings = placed(MARKET)
    earlier = replace(later(MARKET, 2000.0, fees_usd=-100.0), at=MARKET.at - timedelta(minutes=1))
    start = replace(MARKET, fees_usd=500.0)
    found = quarter(start, holdings, now=replace(earlier, fees_usd=400.0))
    assert found.parts.fees_usd == 0.0


def test_prices_change_what_was_held_before_at_the_old_amounts() -> None:
    holdings = placed(MARKET)
    now = replace(later(MARKET, 2100.0, 0.0), quote_usd=0.99)
    found = quarter(MARKET, holdings, now=now)
    old = Prices(base_usd=2000.0, quote_usd=1.0)
    at_new = value_usd(holdings, (), MARKET.snapshot(), now.prices)
    assert found.parts.price_usd == pytest.approx(at_new - value_usd(holdings, (), MARKET.snapshot(), old), rel=1e-12)
    assert found.parts.lvr_usd > 0.0


def test_the_pools_root_is_that_of_its_price() -> None:
    """The market of these tests has the prices that it says."""
    assert MARKET.state(OTHER).sqrt_price_x96 == sqrt_price_x96_from_price(OTHER, 2000.0)

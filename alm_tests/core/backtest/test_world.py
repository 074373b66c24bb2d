"""The market as it would have been: our simulated positions in it, those that were really there taken out."""

from dataclasses import replace

import pytest

from alm_core.backtest.world import begun_growths, gone_pools, grown, simulated_snapshot, with_gone
from alm_core.model.backtest import PoolGrowth, SeenWorld
from alm_core.model.errors import InvalidInput
from alm_core.model.market import Holdings, Position
from alm_tests.core.backtest.venue_market import (
    BASE,
    BINS,
    BRIDGED_USDC,
    NATIVE_USDC,
    OTHER,
    POLYGON,
    Market,
    book_of,
    later,
    wallet_on,
)

MARKET = Market(fees_usd=100.0)


def with_position(market: Market, liquidity: int, *, in_range: bool = True, pool_id: str = OTHER.pool_id) -> Holdings:
    tick = market.state(OTHER).tick
    low, high = (tick - 100, tick + 100) if in_range else (tick + 100, tick + 200)
    position = Position(
        pool_id=pool_id,
        token_id=1,
        tick_lower=low,
        tick_upper=high,
        liquidity=liquidity,
        amount0=0,
        amount1=0,
        fees0=0,
        fees1=0,
    )
    return replace(wallet_on(market, BASE, 0.0, 0.0), positions=(position,))


def seen(holdings: tuple[Holdings, ...], growths: tuple[PoolGrowth, ...] = ()) -> SeenWorld:
    return SeenWorld(holdings=holdings, growths=growths, in_transit=())


def test_simulated_liquidity_stands_in_the_place_of_the_recorded_one() -> None:
    recorded = replace(MARKET, holdings=(with_position(MARKET, 10**10),)).snapshot()
    liquidity = recorded.pool_state(OTHER.pool_id).liquidity
    for held, own in (
        ((with_position(MARKET, 3 * 10**10),), 3 * 10**10),
        ((with_position(MARKET, 3 * 10**10, in_range=False),), 0),
        ((), 0),
    ):
        found = simulated_snapshot(recorded, seen(held))
        assert found.pool_state(OTHER.pool_id).liquidity == liquidity - 10**10 + own
        assert found.pool_state(BINS.pool_id) == recorded.pool_state(BINS.pool_id)
        assert found.holdings == held


def test_pools_have_the_simulated_growth_where_one_is_kept() -> None:
    recorded = MARKET.snapshot()
    growth = PoolGrowth(pool_id=OTHER.pool_id, growth0_x128=7, growth1_x128=8)
    found = simulated_snapshot(recorded, seen((), (growth,)))
    state = found.pool_state(OTHER.pool_id)
    assert (state.fee_growth_global0_x128, state.fee_growth_global1_x128) == (7, 8)
    assert found.pool_state(NATIVE_USDC.pool_id) == recorded.pool_state(NATIVE_USDC.pool_id)


def test_growth_begins_with_what_was_recorded_and_wraps_as_the_contracts_does() -> None:
    started = begun_growths(MARKET.snapshot())
    assert [one.pool_id for one in started] == sorted(one.pool_id for one in (NATIVE_USDC, BRIDGED_USDC, OTHER))
    few = tuple(one for one in started if one.pool_id != OTHER.pool_id)
    now = later(MARKET, 2000.0).snapshot()
    found = {
        one.pool_id: one for one in grown(few, now, {NATIVE_USDC.pool_id: (5, (1 << 256) - 1), OTHER.pool_id: (9, 9)})
    }
    first = {one.pool_id: one for one in started}
    assert found[NATIVE_USDC.pool_id].growth0_x128 == first[NATIVE_USDC.pool_id].growth0_x128 + 5
    assert found[NATIVE_USDC.pool_id].growth1_x128 == first[NATIVE_USDC.pool_id].growth1_x128 - 1
    assert found[BRIDGED_USDC.pool_id] == first[BRIDGED_USDC.pool_id]
    # A pool that is new begins with what was recorded now, not with what it grew before we looked.
    assert found[OTHER.pool_id].growth0_x128 == now.pool_state(OTHER.pool_id).fee_growth_global0_x128
    assert BINS.pool_id not in found


def test_a_pool_is_gone_only_where_something_is_held_of_it() -> None:
    now = replace(later(MARKET, 2000.0), pools=(NATIVE_USDC,)).snapshot()
    placed = book_of(MARKET, (with_position(MARKET, 10**10),))
    assert [one.pool for one in gone_pools(placed, MARKET.snapshot(), now)] == [OTHER]
    idle = book_of(MARKET, (wallet_on(MARKET, POLYGON, 1.0, 1.0, 5.0),))
    assert [one.pool for one in gone_pools(idle, MARKET.snapshot(), now)] == [BRIDGED_USDC]
    assert gone_pools(book_of(MARKET, ()), MARKET.snapshot(), now) == ()


def test_a_pool_that_is_gone_is_what_it_was() -> None:
    before = MARKET.snapshot().pool_state(OTHER.pool_id)
    now = replace(later(MARKET, 2100.0), pools=(NATIVE_USDC, BINS)).snapshot()
    found = with_gone(now, (before,)).pool_state(OTHER.pool_id)
    assert found == replace(before, block=now.chain(BASE).block)
    read = later(MARKET, 2100.0).snapshot()
    assert with_gone(read, (before,)) is read


def test_a_chain_that_is_gone_leaves_its_pools_without_a_value() -> None:
    before = MARKET.snapshot().pool_state(OTHER.pool_id)
    now = replace(later(MARKET, 2000.0), pools=(NATIVE_USDC,)).snapshot()
    with pytest.raises(InvalidInput, match=r"chain 8453 of .* is not read any more"):
        with_gone(now, (before,))

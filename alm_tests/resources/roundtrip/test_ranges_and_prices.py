"""Where a round trip places what a wallet has, and what it takes for a dollar."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from alm_core.math.bin_ranges import places_of_range
from alm_core.math.tick import sqrt_price_x96_at_tick
from alm_core.model.errors import InvalidInput
from alm_core.model.market import Block, PoolState
from alm_core.model.pools import Pool, Token
from alm_resources.roundtrip.prices import quote_usd
from alm_resources.roundtrip.ranges import shifted_widths, ticks_at

BLOCK = Block(chain_id=1, number=1, block_hash="0x" + "1" * 64, block_at=datetime(2026, 11, 1, tzinfo=UTC))


def token(number: int, symbol: str, asset_class: str = "volatile") -> Token:
    return Token(
        chain_id=1,
        address="0x" + f"{number:02x}" * 20,
        symbol=symbol,
        decimals=18,
        asset_class=asset_class,  # type: ignore[arg-type]
        issuer="-",
    )


def pool_of(token0: Token, token1: Token, spacing: int = 10, bin_step: int | None = None) -> Pool:
    return Pool(
        chain_id=1,
        address="0x" + "aa" * 20,
        dex="test",
        family="test",
        factory="0x" + "bb" * 20,
        position_manager="0x" + "cc" * 20,
        token0=token0,
        token1=token1,
        fee_pips=500,
        tick_spacing=spacing,
        base_is_token0=True,
        bin_step=bin_step,
    )


def state_at(tick: int, pool: Pool, above: int = 0) -> PoolState:
    return PoolState(
        pool=pool,
        block=BLOCK,
        sqrt_price_x96=sqrt_price_x96_at_tick(tick) + above,
        tick=tick,
        liquidity=1,
        fee_pips=500,
        fee_growth_global0_x128=0,
        fee_growth_global1_x128=0,
    )


ETHER, GOLD, DOLLAR = token(1, "ETH"), token(2, "GOLD"), token(3, "USD", "stable")
CENT = token(4, "CENT", "stable")
VOLATILE, STABLE = pool_of(ETHER, GOLD), pool_of(DOLLAR, CENT)
BINS = pool_of(ETHER, GOLD, spacing=1, bin_step=20)


@pytest.mark.parametrize("tick", [-887_00, -10, -1, 0, 1, 9, 10, 11, 50_000])
@pytest.mark.parametrize("pool", [VOLATILE, STABLE, BINS, pool_of(ETHER, GOLD, spacing=200)])
def test_a_range_holds_the_price_or_lies_wholly_beside_it(pool: Pool, tick: int) -> None:
    state = state_at(tick, pool)
    around, above, below = (ticks_at(state, side, None) for side in ("around", "above", "below"))
    assert around[0] < tick < around[1]
    assert above[1] > above[0] > tick
    assert below[0] < below[1] <= tick
    for lower, upper in (around, above, below):
        if pool.bin_step is not None:
            assert places_of_range(pool.bin_step, lower, upper)
        else:
            assert lower % pool.tick_spacing == upper % pool.tick_spacing == 0


def test_a_range_between_stables_is_narrower_and_a_width_that_is_given_counts() -> None:
    assert ticks_at(state_at(0, VOLATILE), "around", None) == (-200, 200)
    assert ticks_at(state_at(0, STABLE), "around", None) == (-20, 30)
    assert ticks_at(state_at(0, STABLE), "around", 0.02) == ticks_at(state_at(0, VOLATILE), "around", None)


@pytest.mark.parametrize("pool", [VOLATILE, STABLE, BINS, pool_of(ETHER, GOLD, spacing=200)])
def test_the_second_range_has_other_ticks_than_the_first(pool: Pool) -> None:
    for tick in range(-450, 450, 7):
        state = state_at(tick, pool)
        for side in ("around", "above", "below"):
            first = ticks_at(state, side, None)  # type: ignore[arg-type]
            assert first != ticks_at(state, side, None, shifted_widths(pool))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("pool", "given", "usd"),
    [
        (pool_of(ETHER, DOLLAR), {}, 1.0),
        (pool_of(DOLLAR, ETHER), {}, 0.5),
        (pool_of(ETHER, GOLD), {"GOLD": 7.0}, 7.0),
        (pool_of(ETHER, GOLD), {"ETH": 8.0}, 4.0),
        (pool_of(DOLLAR, CENT), {"CENT": 0.97}, 0.97),
        (replace(pool_of(ETHER, DOLLAR), base_is_token0=False), {}, 0.5),
    ],
)
def test_a_stable_is_a_dollar_unless_told_otherwise(pool: Pool, given: dict[str, float], usd: float) -> None:
    assert quote_usd(pool, 2.0, given) == usd


def test_two_tokens_without_a_price_are_named() -> None:
    with pytest.raises(InvalidInput, match="neither ETH nor GOLD is a stable: give the USD price of one, --price GOLD"):
        quote_usd(VOLATILE, 2.0, {"USD": 1.0})

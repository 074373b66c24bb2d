"""Seeding arithmetic in both token orders and with 6, 8 and 18 decimals."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alm_localnet.deployments import deployment
from alm_localnet.pairs import USDC_USDT, WETH_USDC
from alm_localnet.pools import LocalPool, seeded_ranges
from alm_localnet.presets import TokenPreset, chain_presets

LOW, HIGH = "0x" + "11" * 20, "0x" + "ee" * 20


def pool(base_decimals: int, quote_decimals: int, base_first: bool) -> LocalPool:
    base, quote = (LOW, HIGH) if base_first else (HIGH, LOW)
    return LocalPool(
        chain_id=1,
        pair=WETH_USDC,
        preset=WETH_USDC.pools[0],
        deployment=deployment("uni-v3", chain_presets()[1]),
        address="",
        base=TokenPreset(address=base, decimals=base_decimals, issuer=""),
        quote=TokenPreset(address=quote, decimals=quote_decimals, issuer=""),
        tvl_usd=1_000_000.0,
        daily_volume_usd=1.0,
    )


@given(
    price=st.floats(1e-3, 1e5),
    base_decimals=st.sampled_from([6, 8, 18]),
    quote_decimals=st.sampled_from([6, 18]),
    base_first=st.booleans(),
)
def test_prices_survive_the_round_trip_through_the_raw_square_root(
    price: float, base_decimals: int, quote_decimals: int, base_first: bool
) -> None:
    tested = pool(base_decimals, quote_decimals, base_first)
    assert tested.price(tested.sqrt_price_x96(price)) == pytest.approx(price, rel=1e-6)


@given(price=st.floats(1.0, 1e5), base_first=st.booleans())
def test_seeded_ranges_hold_the_price_and_nest(price: float, base_first: bool) -> None:
    tested = pool(18, 6, base_first)
    ranges = seeded_ranges(tested, price, 1.0)
    seeded = replace(tested, ranges=ranges)
    assert len(ranges) == len(WETH_USDC.ranges)
    assert seeded.liquidity_at(price) == sum(liquidity for _, _, liquidity in ranges)
    assert seeded.liquidity_at(price * 1.2) < seeded.liquidity_at(price)
    assert all(lower % 10 == 0 and upper % 10 == 0 for lower, upper, _ in ranges)


def test_token_order_is_the_one_of_the_real_addresses() -> None:
    presets = chain_presets()

    def ordered(chain_id: int, a: str, b: str) -> bool:
        tokens = presets[chain_id].tokens
        return int(tokens[a].address, 16) < int(tokens[b].address, 16)

    assert ordered(43114, "USDT", "USDC")
    assert ordered(1, "USDC", "USDT")
    assert ordered(1, "USDC", "WETH")
    assert ordered(8453, "WETH", "USDC")
    assert presets[43114].tokens["WETH"].address != presets[43114].wrapped_native
    assert presets[56].tokens["USDC"].decimals == 18


def test_shares_of_the_background_liquidity_add_up() -> None:
    for pair in (WETH_USDC, USDC_USDT):
        assert sum(share for _, share in pair.ranges) == pytest.approx(1.0)

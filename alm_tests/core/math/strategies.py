"""Hypothesis strategies for prices, ranges and pools that a chain could hold."""

from hypothesis import strategies as st

from alm_core.math.tick import MAX_TICK, MIN_TICK, sqrt_price_x96_at_tick, usable_ticks
from alm_core.model.pools import Pool, Token

ticks = st.integers(MIN_TICK, MAX_TICK)
market_ticks = st.integers(-330_000, 330_000)
"""Where pools of real tokens live: up to 18 decimals apart."""
liquidities = st.integers(0, 10**30)
raw_amounts = st.integers(0, 10**27)


@st.composite
def sqrt_prices(draw: st.DrawFn, within: st.SearchStrategy[int] = market_ticks) -> int:
    tick = draw(within)
    low, high = sqrt_price_x96_at_tick(tick), sqrt_price_x96_at_tick(min(tick + 1, MAX_TICK))
    return draw(st.integers(low, max(high - 1, low)))


@st.composite
def tick_ranges(draw: st.DrawFn, within: st.SearchStrategy[int] = market_ticks) -> tuple[int, int]:
    spacing = draw(st.sampled_from([1, 10, 60, 200]))
    lowest, highest = usable_ticks(spacing)
    lower = max(draw(within) // spacing * spacing, lowest)
    upper = min(lower + draw(st.integers(1, 2000)) * spacing, highest)
    return (lower, upper) if lower < upper else (highest - spacing, highest)


@st.composite
def pools(draw: st.DrawFn) -> Pool:
    decimals0, decimals1 = draw(st.sampled_from([(6, 6), (6, 18), (18, 6), (8, 6), (6, 8), (18, 18), (8, 18)]))
    return make_pool(decimals0, decimals1, draw(st.booleans()), draw(st.sampled_from([1, 10, 60, 200])))


def make_pool(decimals0: int, decimals1: int, base_is_token0: bool, tick_spacing: int = 10) -> Pool:
    def token(address: str, decimals: int) -> Token:
        return Token(
            chain_id=1, address=address, symbol=f"T{decimals}", decimals=decimals, asset_class="volatile", issuer="x"
        )

    return Pool(
        chain_id=1,
        address="0x" + "aa" * 20,
        dex="uni-v3",
        family="uniswap_v3",
        factory="0x" + "bb" * 20,
        position_manager="0x" + "cc" * 20,
        token0=token("0x" + "01" * 20, decimals0),
        token1=token("0x" + "02" * 20, decimals1),
        fee_pips=500,
        tick_spacing=tick_spacing,
        base_is_token0=base_is_token0,
    )

"""What a fixed mint takes over an interval, and fees of two kinds, against the contract's own arithmetic."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alm_core.math.liquidity import amounts_for_liquidity
from alm_core.math.settled_pools import mint_amounts, settled_fee
from alm_core.math.tick import MAX_SQRT_PRICE_X96, MIN_SQRT_PRICE_X96, sqrt_price_x96_at_tick
from alm_core.model.dex_ports import PriceInterval

roots = st.integers(MIN_SQRT_PRICE_X96, MAX_SQRT_PRICE_X96 - 1)
pips = st.integers(0, 1000)


@given(
    ends=st.tuples(roots, roots),
    ticks=st.tuples(st.integers(-887_000, 886_000), st.integers(1, 1000)),
    liquidity=st.integers(1, 2**120),
    at=st.floats(0, 1),
)
def test_no_price_of_the_interval_takes_more_or_less(
    ends: tuple[int, int], ticks: tuple[int, int], liquidity: int, at: float
) -> None:
    low, high = sorted(ends)
    bounds = sqrt_price_x96_at_tick(ticks[0]), sqrt_price_x96_at_tick(ticks[0] + ticks[1])
    found = mint_amounts(PriceInterval(sqrt_lower_x96=low, sqrt_upper_x96=high), *bounds, liquidity)
    price = min(max(low + int((high - low) * Fraction(at)), low), high)
    amount0, amount1 = amounts_for_liquidity(price, *bounds, liquidity, round_up=True)
    assert found.least0 <= amount0 <= found.most0
    assert found.least1 <= amount1 <= found.most1


@given(protocols=st.tuples(pips, pips), lp=st.integers(1, 100_000), amount=st.integers(10**15, 10**30))
def test_liquidity_gets_what_the_contract_leaves_it(protocols: tuple[int, int], lp: int, amount: int) -> None:
    fee = settled_fee(protocols[1] << 12 | protocols[0], lp)
    for protocol, frac in zip(protocols, (fee.protocol_frac0, fee.protocol_frac1), strict=True):
        whole = protocol + lp - protocol * lp // 10**6
        # Pool.swap: the protocol gets its pips of all that went in, liquidity the rest of the fee.
        kept = amount * whole // 10**6 - amount * protocol // 10**6
        assert amount * fee.fee_pips / 10**6 * (1 - frac) == pytest.approx(kept, rel=1e-6)
        assert fee.fee_pips >= whole


@pytest.mark.parametrize("lp", [0, 100, 3000, 1_000_000])
def test_without_a_protocol_fee_all_is_liquiditys(lp: int) -> None:
    fee = settled_fee(0, lp)
    assert (fee.fee_pips, fee.protocol_frac0, fee.protocol_frac1) == (lp, 0.0, 0.0)


def test_directions_may_differ_and_the_lower_bits_are_for_token0() -> None:
    fee = settled_fee(1000, 3000)
    assert fee.fee_pips == 3997
    assert fee.protocol_frac0 == pytest.approx(1000 / 3997)
    # Swaps the other way pay 3000, all of it to liquidity.
    assert fee.fee_pips * (1 - fee.protocol_frac1) == pytest.approx(3000)

"""What positions lose against holding: never negative, zero where nothing moved, right where a closed form is known."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alm_core.accounting.holding_loss import holding_loss_usd
from alm_core.math.liquidity import amounts_for_liquidity
from alm_core.math.orientation import price_at_sqrt_price_x96
from alm_core.math.tick import sqrt_price_x96_at_tick
from alm_core.model.market import Holdings, MarketSnapshot, Position
from alm_tests.core.portfolio.scene import PRICE, Scene


def snapshot(price: float, held: Position, *, base_is_token0: bool = True) -> MarketSnapshot:
    """The scene at a price, with one position revalued there."""
    scene = Scene(price=price, base_is_token0=base_is_token0)
    seen = scene.snapshot()
    state = seen.pool_state(held.pool_id)
    ends = (sqrt_price_x96_at_tick(held.tick_lower), sqrt_price_x96_at_tick(held.tick_upper))
    amount0, amount1 = amounts_for_liquidity(state.sqrt_price_x96, *ends, held.liquidity, round_up=False)
    return with_positions(seen, replace(held, amount0=amount0, amount1=amount1))


def with_positions(seen: MarketSnapshot, *positions: Position) -> MarketSnapshot:
    (wallet,) = seen.holdings
    holdings: tuple[Holdings, ...] = (replace(wallet, positions=positions),)
    return replace(seen, holdings=holdings)


def position(*, base_is_token0: bool = True, width: float = 0.05) -> Position:
    scene = Scene(base_is_token0=base_is_token0)
    return scene.position(7, 0, PRICE * (1 - width), PRICE * (1 + width), 10_000.0)


@settings(max_examples=60, deadline=None)
@given(
    first=st.floats(1_700.0, 2_300.0),
    second=st.floats(1_700.0, 2_300.0),
    base_is_token0=st.booleans(),
    width=st.floats(0.005, 0.3),
)
def test_a_position_never_gains_on_holding(first: float, second: float, base_is_token0: bool, width: float) -> None:
    held = position(base_is_token0=base_is_token0, width=width)
    before, now = (snapshot(price, held, base_is_token0=base_is_token0) for price in (first, second))
    lost = holding_loss_usd(before, now)
    assert lost is not None
    assert lost >= 0.0
    assert holding_loss_usd(now, now) == 0.0


@pytest.mark.parametrize("base_is_token0", [True, False])
def test_the_loss_is_that_of_the_closed_form(base_is_token0: bool) -> None:
    held = position(base_is_token0=base_is_token0)
    before, now = (snapshot(price, held, base_is_token0=base_is_token0) for price in (PRICE, PRICE * 1.02))
    state = now.pool_state(held.pool_id)
    first, last = (
        price_at_sqrt_price_x96(state.pool, seen.pool_state(held.pool_id).sqrt_price_x96) ** 0.5
        for seen in (before, now)
    )
    # Within the range: L (1/s0 - 1/s1) s1^2 + L (s0 - s1) = L (s1 - s0)^2 / s0, L in whole tokens.
    liquidity = held.liquidity / 10 ** ((18 + 6) / 2)
    assert holding_loss_usd(before, now) == pytest.approx(liquidity * (last - first) ** 2 / first, rel=1e-6)


def test_fees_deposits_and_changed_positions_are_no_loss() -> None:
    held = position()
    before, now = snapshot(PRICE, held), snapshot(PRICE * 1.02, held)
    plain = holding_loss_usd(before, now)
    (moved,) = now.holdings[0].positions
    paid = with_positions(now, replace(moved, fees0=10**18, fees1=10**9))
    assert holding_loss_usd(before, paid) == plain
    richer = replace(paid, holdings=(replace(paid.holdings[0], balances=()),))
    assert holding_loss_usd(before, richer) == plain
    for other in (replace(moved, liquidity=moved.liquidity + 1), replace(moved, token_id=8)):
        assert holding_loss_usd(before, with_positions(now, other)) == 0.0
    assert holding_loss_usd(before, with_positions(now)) == 0.0


def test_without_a_usd_price_the_loss_is_unknown() -> None:
    held = position()
    now = replace(snapshot(PRICE, held), quote_usd=None)
    assert holding_loss_usd(snapshot(PRICE, held), now) is None
    dearer = replace(snapshot(PRICE * 1.02, held), quote_usd=2.0)
    plain = holding_loss_usd(snapshot(PRICE, held), snapshot(PRICE * 1.02, held))
    assert plain is not None
    assert holding_loss_usd(snapshot(PRICE, held), dearer) == pytest.approx(2 * plain)

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alm_core.model.errors import InvalidInput
from alm_core.model.market import Holdings, MarketSnapshot
from alm_core.portfolio.valuation import chain_nav_usd, full_range_usd, nav_usd, prices_usd
from alm_tests.core.portfolio.scene import PRICE, Scene


def with_holdings(snapshot: MarketSnapshot, **changes: object) -> MarketSnapshot:
    return replace(snapshot, holdings=tuple(replace(held, **changes) for held in snapshot.holdings))


@settings(deadline=None)
@given(st.booleans(), st.floats(0, 1000), st.floats(0, 1e6), st.floats(0.5, 2))
def test_nav_of_balances_is_their_worth_in_either_token_order(
    base_is_token0: bool, base: float, quote: float, quote_usd: float
) -> None:
    scene = Scene(base_is_token0=base_is_token0, idle_base=base, idle_quote=quote)
    snapshot = replace(scene.snapshot(), quote_usd=quote_usd)
    expected = (base * PRICE + quote) * quote_usd
    assert nav_usd(snapshot, PRICE, scene.pools) == pytest.approx(expected, rel=1e-6, abs=1e-5)


@pytest.mark.parametrize("base_is_token0", [True, False])
def test_nav_counts_principal_and_uncollected_fees(base_is_token0: bool) -> None:
    scene = Scene(base_is_token0=base_is_token0, positions=((1, 0, 1800, 2200, 5000.0),))
    snapshot = scene.snapshot()
    assert nav_usd(snapshot, PRICE, scene.pools) == pytest.approx(45_000, rel=1e-6)
    position = snapshot.holdings[0].positions[0]
    base_fee, quote_fee = 10**17, 55 * 10**6
    fees = (base_fee, quote_fee) if base_is_token0 else (quote_fee, base_fee)
    earned = with_holdings(snapshot, positions=(replace(position, fees0=fees[0], fees1=fees[1]),))
    assert nav_usd(earned, PRICE, scene.pools) == pytest.approx(45_000 + 200 + 55, rel=1e-6)


def test_nav_of_all_chains_is_the_sum_of_each() -> None:
    first, second = Scene(chain_id=1), Scene(chain_id=8453, idle_base=1.0)
    snapshot = replace(
        first.snapshot(),
        pools=first.snapshot().pools + second.snapshot().pools,
        holdings=first.snapshot().holdings + second.snapshot().holdings,
    )
    pools = first.pools + second.pools
    parts = [chain_nav_usd(snapshot, chain_id, PRICE, pools) for chain_id in (1, 8453)]
    assert parts == [pytest.approx(40_000), pytest.approx(22_000)]
    assert nav_usd(snapshot, PRICE, pools) == sum(parts)


def test_an_unknown_quote_price_is_refused_not_counted_as_one_or_zero() -> None:
    scene = Scene()
    with pytest.raises(InvalidInput, match=r"WETH-USDC.*USD per quote"):
        nav_usd(replace(scene.snapshot(), quote_usd=None), PRICE, scene.pools)


@pytest.mark.parametrize("price", [0.0, -1.0, float("nan"), float("inf")])
def test_a_price_that_is_none_is_refused(price: float) -> None:
    with pytest.raises(InvalidInput, match="price"):
        prices_usd(Scene().snapshot(), price)


def test_a_balance_that_was_not_read_is_refused() -> None:
    scene = Scene()
    held: Holdings = scene.snapshot().holdings[0]
    with pytest.raises(InvalidInput, match="chain 8453: balance of"):
        nav_usd(with_holdings(scene.snapshot(), balances=held.balances[:1]), PRICE, scene.pools)


def test_a_position_in_an_unknown_pool_is_refused() -> None:
    scene = Scene(positions=((9, 1, 1800, 2200, 5000.0),))
    with pytest.raises(InvalidInput, match="position 9 lies in unknown pool"):
        nav_usd(scene.snapshot(), PRICE, scene.pools[:1])


@pytest.mark.parametrize("base_is_token0", [True, False])
def test_active_liquidity_is_worth_two_l_root_p(base_is_token0: bool) -> None:
    scene = Scene(base_is_token0=base_is_token0, active_usd=(7e6, 1e6))
    snapshot = scene.snapshot()
    state = snapshot.pools[0]
    found = full_range_usd(state, state.liquidity, prices_usd(snapshot, PRICE))
    assert found == pytest.approx(7e6, rel=1e-6)

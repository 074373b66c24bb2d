from dataclasses import replace

import pytest

from alm_core.model.errors import InvalidInput
from alm_core.portfolio.costs import NO_COST, gas_usd, move_cost, swap_cost_frac
from alm_core.portfolio.valuation import prices_usd
from alm_tests.core.portfolio.scene import PRICE, Scene

SNAPSHOT = Scene(base_fee_gwei=20).snapshot()
PRICES = prices_usd(SNAPSHOT, PRICE)
CHAIN = SNAPSHOT.chains[0]


def test_gas_is_priced_at_the_blocks_own_fees() -> None:
    assert gas_usd(CHAIN, 1_000_000) == pytest.approx(1e6 * (20e9 + 1e6) / 1e18 * PRICE)


@pytest.mark.parametrize("native_usd", [0.0, -1.0, float("nan")])
def test_gas_without_a_native_price_is_unknown_not_free(native_usd: float) -> None:
    with pytest.raises(InvalidInput, match="chain 8453: native_usd"):
        gas_usd(replace(CHAIN, native_usd=native_usd), 1)


def test_a_swap_pays_fee_and_impact_in_the_cheapest_pool() -> None:
    small, large = (swap_cost_frac(SNAPSHOT.pools, usd, PRICES) for usd in (1.0, 5e6))
    assert small == pytest.approx(0.0005, rel=1e-3)
    assert large == pytest.approx(0.003 + 2 * 5e6 / 30e6, rel=1e-3) or large == pytest.approx(0.0005 + 0.2, rel=1e-3)
    assert swap_cost_frac(SNAPSHOT.pools[1:], 1.0, PRICES) == pytest.approx(0.003, rel=1e-3)


def test_a_pool_without_liquidity_is_no_place_to_swap() -> None:
    empty = [replace(state, liquidity=0) for state in SNAPSHOT.pools]
    with pytest.raises(InvalidInput, match="liquidity"):
        swap_cost_frac(empty, 1.0, PRICES)


def test_every_action_adds_to_the_cost() -> None:
    def cost(closed: int, opened: int, swapped: float) -> float:
        found = move_cost(
            CHAIN,
            SNAPSHOT.pools,
            PRICES,
            closed=["uniswap_v3"] * closed,
            opened=["uniswap_v3"] * opened,
            swapped_usd=swapped,
        )
        return found.total_usd

    assert 0 < cost(1, 0, 0) < cost(1, 1, 0) < cost(1, 1, 1) < cost(1, 1, 1e4) < cost(2, 2, 1e4)


def test_no_action_costs_nothing() -> None:
    assert move_cost(CHAIN, SNAPSHOT.pools, PRICES, closed=[], opened=[], swapped_usd=0.0) == NO_COST


def test_gas_of_an_unmeasured_family_is_unknown_not_free() -> None:
    with pytest.raises(InvalidInput, match="'slipstream' was never measured"):
        move_cost(CHAIN, SNAPSHOT.pools, PRICES, closed=[], opened=["slipstream"], swapped_usd=0.0)

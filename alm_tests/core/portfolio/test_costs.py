from dataclasses import replace

import pytest

from alm_core.model.errors import InvalidInput
from alm_core.model.market import SwapCost
from alm_core.portfolio.costs import (
    NO_COST,
    Cost,
    bridge_cost,
    gas_lots,
    gas_name,
    gas_units,
    gas_usd,
    move_cost,
    swap_cost_frac,
)
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
    with pytest.raises(InvalidInput, match="'curve' was never measured"):
        move_cost(CHAIN, SNAPSHOT.pools, PRICES, closed=[], opened=["curve"], swapped_usd=0.0)


def test_collecting_and_adding_cost_gas_and_less_than_closing_and_opening() -> None:
    def gas(**families: list[str]) -> float:
        moves = {"closed": [], "opened": [], **families}
        return move_cost(CHAIN, SNAPSHOT.pools, PRICES, swapped_usd=0.0, **moves).gas_usd

    family = ["uniswap_v3"]
    assert 0 < gas(collected=family) < gas(added=family)
    assert gas(collected=family, added=family) < gas(closed=family, opened=family)
    assert gas(added=family) == pytest.approx(gas_usd(CHAIN, 218_000 + 4 * 48_000))


QUOTE = SwapCost(chain_id=8453, sold_usd=10_000.0, cost_frac=0.002, source="test")


def test_a_live_quote_stands_for_every_swap_up_to_its_size() -> None:
    for usd in (1.0, 10_000.0):
        assert swap_cost_frac(SNAPSHOT.pools, usd, PRICES, QUOTE) == 0.002
    empty = [replace(state, liquidity=0) for state in SNAPSHOT.pools]
    assert swap_cost_frac(empty, 5_000.0, PRICES, QUOTE) == 0.002


def test_beyond_the_size_of_its_quote_a_swap_costs_at_least_what_the_pools_take() -> None:
    assert swap_cost_frac(SNAPSHOT.pools, 10_001.0, PRICES, QUOTE) == 0.002
    assert swap_cost_frac(SNAPSHOT.pools, 5e6, PRICES, QUOTE) == swap_cost_frac(SNAPSHOT.pools, 5e6, PRICES)
    empty = [replace(state, liquidity=0) for state in SNAPSHOT.pools]
    with pytest.raises(InvalidInput, match="liquidity"):
        swap_cost_frac(empty, 10_001.0, PRICES, QUOTE)


def test_a_quote_better_than_the_independent_price_earns_nothing() -> None:
    assert swap_cost_frac(SNAPSHOT.pools, 1.0, PRICES, replace(QUOTE, cost_frac=-0.01)) == 0.0


def test_a_bridge_costs_its_fees_and_the_income_missed_on_the_way() -> None:
    found = bridge_cost(10_000.0, fee_usd=2.0, fee_frac=0.0005, transit_s=3_600.0, income_apr=0.8766)
    assert found.bridge_usd == pytest.approx(7.0)
    assert found.in_transit_usd == pytest.approx(1.0)
    assert found.total_usd == pytest.approx(8.0)


def test_capital_that_loses_where_it_is_misses_nothing_in_transit() -> None:
    found = bridge_cost(10_000.0, fee_usd=0.0, fee_frac=0.0, transit_s=3_600.0, income_apr=-0.5)
    assert found.total_usd == 0.0


@pytest.mark.parametrize("figure", ["moved_usd", "fee_usd", "fee_frac", "transit_s", "income_apr"])
def test_an_unknown_figure_of_a_bridge_is_not_free(figure: str) -> None:
    figures = {"moved_usd": 1.0, "fee_usd": 0.0, "fee_frac": 0.0, "transit_s": 0.0, "income_apr": 0.1}
    figures[figure] = float("nan")
    with pytest.raises(InvalidInput, match=f"bridge: {figure}"):
        bridge_cost(figures.pop("moved_usd"), **figures)


def test_every_part_of_a_cost_counts_and_adds_up() -> None:
    one = Cost(gas_usd=1.0, swap_usd=2.0, swapped_usd=1_000.0, bridge_usd=4.0, in_transit_usd=8.0)
    assert one.total_usd == 15.0
    assert (one + one).total_usd == 30.0
    assert (one + NO_COST) == one


@pytest.mark.parametrize("family", ["slipstream", "pancake_v3"])
def test_a_pool_that_stakes_costs_staking_and_taking_back_besides(family: str) -> None:
    pool = replace(SNAPSHOT.pools[0].pool, family=family)
    staking = replace(pool, stakes=True)
    plain, staked = (gas_units(gas_name(one)) for one in (pool, staking))
    assert staked.open > plain.open + 400_000
    assert staked.close > plain.close + 200_000
    assert staked.add - plain.add == staked.open - plain.open + staked.close - plain.close
    assert (staked.collect, staked.swap) == (plain.collect, plain.swap)
    assert gas_lots(staking, -10, 10) == (gas_name(staking),)
    with pytest.raises(InvalidInput, match="'uniswap_v3, staked' was never measured"):
        gas_units(gas_name(replace(staking, family="uniswap_v3")))

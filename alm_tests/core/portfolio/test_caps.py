from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alm_core.model.config import StrategyConfig
from alm_core.model.pools import Pool
from alm_core.portfolio.caps import ChainCapital, cap_of, groups_of
from alm_core.portfolio.costs import swap_cost_frac
from alm_core.portfolio.valuation import Prices, full_range_usd
from alm_tests.core.forces.tapes import END_AT
from alm_tests.core.portfolio.scene import PRICE, Scene, pool

CAPITALS = [ChainCapital(chain_id=1, capital_usd=30_000.0), ChainCapital(chain_id=8453, capital_usd=10_000.0)]


def issued(of: Pool, base: str, quote: str, family: str = "uniswap_v3") -> Pool:
    return replace(of, token0=replace(of.token0, issuer=base), token1=replace(of.token1, issuer=quote), family=family)


POOLS = [
    issued(pool(chain_id=1), "weth9", "circle"),
    issued(pool(3000, 60, chain_id=1), "weth9", "bridge", "algebra"),
    issued(pool(chain_id=8453), "bridge", "circle", "algebra"),
    issued(pool(3000, 60, chain_id=8453), "bridge", "bridge"),
]


def test_capital_stays_on_its_chain_and_shares_of_everything_never_bind_at_one() -> None:
    groups = groups_of(POOLS, CAPITALS, StrategyConfig(max_positions=2))
    assert [(one.name, one.rows, one.limit_usd, one.most) for one in groups] == [
        ("capital 1", (0, 1), 30_000.0, 2),
        ("capital 8453", (2, 3), 10_000.0, 2),
    ]


def test_shares_are_of_all_capital_and_a_pool_counts_against_both_issuers_once() -> None:
    config = StrategyConfig(max_chain_share=0.6, max_family_share=0.5, max_issuer_share=0.4)
    groups = {one.name: (one.rows, one.limit_usd) for one in groups_of(POOLS, CAPITALS, config)}
    assert groups["max_chain_share 1"] == ((0, 1), 24_000.0)
    assert groups["max_chain_share 8453"] == ((2, 3), 24_000.0)
    assert groups["max_family_share uniswap_v3"] == ((0, 3), 20_000.0)
    assert groups["max_family_share algebra"] == ((1, 2), 20_000.0)
    assert groups["max_issuer_share weth9"] == ((0, 1), 16_000.0)
    assert groups["max_issuer_share circle"] == ((0, 2), 16_000.0)
    assert groups["max_issuer_share bridge"] == ((1, 2, 3), 16_000.0)


@given(st.floats(1e4, 1e9), st.floats(0.001, 0.1))
def test_selling_all_that_a_pool_may_hold_moves_its_price_by_the_impact_allowed(active: float, impact: float) -> None:
    config = StrategyConfig(exit_impact_frac=impact, max_pool_share=1.0)
    cap, name = cap_of(pool(), 1e12, active, config)
    assert name == "exit_capacity"
    state = replace(Scene(active_usd=(active,)).state(0, END_AT), fee_pips=0)
    prices = Prices(base_usd=PRICE, quote_usd=1.0)
    depth = full_range_usd(state, state.liquidity, prices)
    assert swap_cost_frac([state], cap, prices) == pytest.approx(impact * active / depth)
    assert depth == pytest.approx(active, rel=1e-3)


def test_stables_have_an_impact_of_their_own_and_a_share_may_be_the_tighter_cap() -> None:
    stable = replace(pool(), token0=replace(pool().token0, asset_class="stable"))
    config = StrategyConfig(exit_impact_frac=0.02, exit_impact_stable_frac=0.005, max_pool_share=0.7)
    assert cap_of(pool(), 1e12, 1e6, config) == (pytest.approx(10_000.0), "exit_capacity")
    assert cap_of(stable, 1e12, 1e6, config) == (pytest.approx(2_500.0), "exit_capacity")
    assert cap_of(pool(), 10_000.0, 1e6, config) == (pytest.approx(7_000.0), "max_pool_share")
    assert cap_of(pool(), 10_000.0, 1e9, replace(config, max_pool_share=1.0))[1] == "exit_capacity"

from dataclasses import replace

import pytest

from alm_core.model.market import SwapCost
from alm_core.portfolio.costs import move_cost
from alm_core.portfolio.turnover import Mover
from alm_core.portfolio.valuation import BaseQuoteUsd, Prices
from alm_tests.core.forces.tapes import END_AT
from alm_tests.core.portfolio.scene import PRICE, Scene

SCENE = Scene()
STATES = [SCENE.state(number, END_AT) for number in range(2)]
PRICES = Prices(base_usd=PRICE, quote_usd=1.0)
CHAIN = SCENE.snapshot().chains[0]
FAMILY = "uniswap_v3"


def mover(base: float, quote: float) -> Mover:
    return Mover(chain=CHAIN, states=STATES, prices=PRICES, movable=BaseQuoteUsd(base=base, quote=quote))


def gas(*, opened: int = 0, closed: int = 0) -> float:
    cost = move_cost(CHAIN, STATES, PRICES, closed=[FAMILY] * closed, opened=[FAMILY] * opened, swapped_usd=0.0)
    return cost.total_usd


def test_capital_of_the_right_mixture_pays_only_gas() -> None:
    rates = mover(5_000.0, 5_000.0).rates((FAMILY,), 0.5, most_usd=7_000.0, held_usd=2_000.0, positions=2)
    assert rates.entry_frac == pytest.approx(gas(opened=1) / 7_000.0)
    assert rates.exit_frac == pytest.approx(gas(closed=2) / 2_000.0)


def test_what_is_lacking_of_one_token_is_swapped() -> None:
    whole = move_cost(CHAIN, STATES, PRICES, closed=(), opened=(FAMILY,), swapped_usd=3_500.0)
    for movable in (mover(0.0, 10_000.0), mover(10_000.0, 0.0)):
        rates = movable.rates((FAMILY,), 0.5, most_usd=7_000.0, held_usd=0.0, positions=0)
        assert rates.entry_frac == pytest.approx(whole.total_usd / 7_000.0)
        assert rates.exit_frac == 0.0


def test_a_live_quote_is_what_the_swap_costs() -> None:
    quote = SwapCost(chain_id=8453, sold_usd=1e6, cost_frac=0.01, source="test")
    quoted = replace(mover(0.0, 10_000.0), quote=quote).rates((FAMILY,), 0.5, most_usd=7e3, held_usd=0.0, positions=0)
    plain = mover(0.0, 10_000.0).rates((FAMILY,), 0.5, most_usd=7e3, held_usd=0.0, positions=0)
    assert quoted.entry_frac - plain.entry_frac == pytest.approx(0.5 * (0.01 - 0.0005 - 2 * 3_500 / 50e6), rel=1e-3)


def test_where_nothing_may_be_placed_or_nothing_can_be_swapped_no_cost_is_made_up() -> None:
    shut = mover(0.0, 10_000.0).rates((FAMILY,), 0.5, most_usd=0.0, held_usd=0.0, positions=0)
    assert (shut.entry_frac, shut.exit_frac) == (0.0, 0.0)
    dry = replace(mover(0.0, 10_000.0), states=[replace(state, liquidity=0) for state in STATES])
    assert dry.rates((FAMILY,), 0.5, most_usd=7e3, held_usd=0.0, positions=0).entry_frac == pytest.approx(
        gas(opened=1) / 7e3
    )

"""A wallet on paper: nothing is taken that is not there."""

from dataclasses import replace

import pytest

from alm_core.model.errors import InvalidInput, PositionChanged
from alm_core.simulation.paper_wallet import PaperWallet
from alm_tests.core.backtest.venue_market import NATIVE_USDC, POLYGON, Market, target, token, wallet_on

MARKET = Market()
WETH = token(POLYGON, "WETH", 18).address


def wallet(base: float = 1.0, quote: float = 2_000.0) -> PaperWallet:
    return PaperWallet(wallet_on(MARKET, POLYGON, base, quote), MARKET.snapshot(), MARKET.prices)


def test_the_last_unit_may_go_and_not_one_more() -> None:
    held = wallet()
    held.add(WETH, -(10**18))
    assert held.balance(WETH) == 0
    with pytest.raises(InvalidInput, match=r"1 of .* is wanted, 0 is there"):
        held.add(WETH, -1)


def test_a_mint_takes_what_the_contract_takes_and_the_position_holds_a_unit_less_at_most() -> None:
    held = wallet()
    before = {at: held.balance(at) for at in (NATIVE_USDC.token0.address, NATIVE_USDC.token1.address)}
    placed = held.place(target(MARKET, NATIVE_USDC, -0.05, 0.05, 1.0), *before.values())
    for at, amount in zip(before, (placed.amount0, placed.amount1), strict=True):
        assert 0 <= before[at] - held.balance(at) - amount <= 1


def test_what_is_not_held_is_neither_closed_nor_collected() -> None:
    held = wallet()
    for act in (held.close, held.collect):
        with pytest.raises(PositionChanged, match=r"position 3 in .* is gone"):
            act(NATIVE_USDC.pool_id, 3)


def test_amounts_that_buy_nothing_are_refused_and_stay() -> None:
    held = wallet()
    with pytest.raises(InvalidInput, match="buys no liquidity"):
        held.place(target(MARKET, NATIVE_USDC, -0.05, 0.05, 1.0), 0, 0)
    assert held.holdings() == replace(wallet_on(MARKET, POLYGON, 1.0, 2_000.0))


def test_a_pool_that_was_not_read_is_named() -> None:
    with pytest.raises(InvalidInput, match="pool nowhere was not read"):
        wallet().state("nowhere")

"""Costs of the ways between chains, from quotes of both assets."""

from dataclasses import replace

import pytest

from alm_core.model.market import BridgeCost
from alm_core.model.pools import Token
from alm_resources.dex.passages import Passages
from alm_tests.core.portfolio.scene import WALLET, Scene
from alm_tests.core.portfolio.test_crossing import HERE, THERE, joined, poor, rich


class Quotes:
    """Quotes every asset but those named, base dearer and slower than quote."""

    def __init__(self, *unquoted: str) -> None:
        self._unquoted = unquoted
        self.asked: list[tuple[int, str, int]] = []

    def bridge_cost(
        self, from_token: Token, to_token: Token, amount: int, owner: str, *, gas_usd: float
    ) -> BridgeCost | None:
        assert (from_token.symbol, owner) == (to_token.symbol, WALLET)
        self.asked.append((from_token.chain_id, from_token.symbol, amount))
        if from_token.symbol in self._unquoted:
            return None
        dear = from_token.symbol == "WETH"
        return BridgeCost(
            from_chain=from_token.chain_id,
            to_chain=to_token.chain_id,
            cost_frac=0.002 if dear else 0.0005,
            gas_usd=gas_usd,
            duration_s=60.0 if dear else 240.0,
            source="test",
        )


def test_a_way_costs_what_its_dearer_asset_does_and_takes_as_long_as_the_slower() -> None:
    quotes = Quotes()
    (cost,) = Passages(quotes).read_costs(joined((poor(), rich())), WALLET)
    assert (cost.from_chain, cost.to_chain) == (HERE, THERE)
    assert (cost.cost_frac, cost.duration_s) == (0.002, 240.0)
    assert cost.gas_usd == pytest.approx((2 * 48_000 + 288_000) * 1.1e7 / 1e18 * 2000.0)
    assert quotes.asked == [(HERE, "WETH", 10 * 10**18), (HERE, "USDC", 20_000 * 10**6)]


def test_what_positions_hold_is_asked_for_too() -> None:
    quotes = Quotes()
    held = Scene(idle_base=0.0, idle_quote=0.0, positions=((1, 0, 1900.0, 2100.0, 28_000.0),))
    Passages(quotes).read_costs(joined((held, rich())), WALLET)
    assert {symbol for _, symbol, amount in quotes.asked if amount > 0} == {"WETH", "USDC"}


def test_where_one_asset_is_not_quoted_there_is_no_way() -> None:
    assert Passages(Quotes("WETH")).read_costs(joined((poor(), rich())), WALLET) == ()


def test_an_asset_the_wallet_has_nothing_of_is_not_asked_for() -> None:
    quotes = Quotes("WETH")
    (cost,) = Passages(quotes).read_costs(joined((poor(idle_base=0.0), rich())), WALLET)
    assert cost.cost_frac == 0.0005


def test_a_chain_whose_gas_has_no_price_is_the_end_of_no_way() -> None:
    snapshot = joined((poor(), rich()))
    unpriced = replace(snapshot, chains=tuple(one for one in snapshot.chains if one.block.chain_id == HERE))
    assert Passages(Quotes()).read_costs(unpriced, WALLET) == ()

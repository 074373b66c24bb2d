"""The simulated venue, case by case: what a plan does on a chain, what may go wrong, and what positions earn."""

from dataclasses import replace
from datetime import timedelta

import pytest

from alm_core.backtest.venue import carried, carry_out, completed, delivered, value_usd
from alm_core.model.backtest import Travelling, VenueConfig
from alm_core.model.config import LimitsConfig
from alm_core.model.decisions import DecisionKind, Move, PositionClose
from alm_core.model.errors import InvalidInput
from alm_core.model.market import Holdings, InTransit, SwapCost, Twap
from alm_core.portfolio.costs import move_cost
from alm_core.portfolio.valuation import position_usd
from alm_tests.core.backtest.venue_market import (
    BASE,
    BINS,
    BRIDGED_USDC,
    NATIVE_USDC,
    OTHER,
    POLYGON,
    Market,
    book_of,
    close,
    done_in,
    later,
    minutes_between,
    placed,
    plan_of,
    target,
    token,
    wallet_on,
)

VENUE = VenueConfig()
ONE_QUOTE = (NATIVE_USDC, BINS, OTHER)
MARKET = Market(pools=ONE_QUOTE)


def worth(market: Market, holdings: tuple[Holdings, ...]) -> float:
    return value_usd(holdings, (), market.snapshot(), market.prices)


def test_a_target_gets_its_share_of_the_capital_and_no_more() -> None:
    (held,) = placed(MARKET, share=0.6)
    (position,) = held.positions
    assert position_usd(NATIVE_USDC, position, MARKET.prices).total == pytest.approx(0.6 * 8_000.0, rel=1e-3)


def test_targets_of_one_chain_share_its_capital_in_their_proportion() -> None:
    market = Market()
    wallet = wallet_on(market, BASE, 2.0, 4_000.0)
    opens = (target(market, OTHER, -0.05, 0.05, 0.3), target(market, BINS, -0.02, 0.02, 0.7))
    (held,) = done_in(market, (wallet,), opens=opens).holdings
    usd = {one.pool_id: position_usd(OTHER, one, market.prices).total for one in held.positions}
    assert usd[OTHER.pool_id] / 8_000.0 == pytest.approx(0.3, rel=5e-3)
    assert usd[BINS.pool_id] / 8_000.0 == pytest.approx(0.7, rel=5e-3)


def test_what_no_target_has_a_share_of_is_not_placed_with_the_last_one() -> None:
    wallet = wallet_on(MARKET, BASE, 2.0, 4_000.0)
    opens = (target(MARKET, OTHER, -0.05, 0.05, 0.3), target(MARKET, OTHER, -0.1, 0.1, 0.2))
    (held,) = done_in(MARKET, (wallet,), opens=opens).holdings
    usd = [position_usd(OTHER, one, MARKET.prices).total / 8_000.0 for one in held.positions]
    assert usd == [pytest.approx(0.3, rel=1e-3), pytest.approx(0.2, rel=1e-3)]


def test_a_swap_too_small_to_be_worth_its_gas_is_left_out() -> None:
    paid: list[float] = []
    for base in (2.0, 2.002, 2.1):
        wallet = wallet_on(MARKET, POLYGON, base, 4_000.0)
        opens = (target(MARKET, NATIVE_USDC, -0.05, 0.05, 1.0),)
        paid.append(done_in(MARKET, (wallet,), LimitsConfig(min_swap_nav_frac=0.005), opens=opens).parts.gas_usd)
    assert paid[0] == paid[1] < paid[2]


def test_tokens_that_no_target_uses_stay_and_count() -> None:
    market = Market()
    wallet = wallet_on(market, POLYGON, 1.0, 2_000.0, 3_000.0)
    done = done_in(market, (wallet,), opens=(target(market, NATIVE_USDC, -0.05, 0.05, 1.0),))
    (held,) = done.holdings
    assert held.balance(token(POLYGON, "USDC.e", 6).address) == 3_000 * 10**6
    assert worth(market, done.holdings) == pytest.approx(7_000.0 - done.parts.swap_usd, rel=1e-9)


def test_targets_of_two_quote_tokens_are_not_placed_together_and_what_was_closed_is_kept() -> None:
    market = Market()
    (held,) = placed(market, NATIVE_USDC)
    opens = (target(market, NATIVE_USDC, -0.05, 0.05, 0.5), target(market, BRIDGED_USDC, -0.05, 0.05, 0.5))
    done = done_in(market, (held,), closes=(close((held,), POLYGON, 1),), opens=opens)
    assert done.failures == 1
    assert "do not share one pair of tokens" in done.problems[0]
    assert done.holdings[0].positions == ()
    assert worth(market, done.holdings) == pytest.approx(worth(market, (held,)), rel=1e-9)
    assert done.parts.gas_usd > 0.0


def test_swaps_go_through_a_pool_of_the_same_tokens() -> None:
    """The cheapest pool of the chain has another quote token."""
    market = Market(prices_off={NATIVE_USDC.pool_id: 0.005})
    wallet = wallet_on(market, POLYGON, 1.0, 0.0, 0.0)
    done = done_in(market, (wallet,), opens=(target(market, BRIDGED_USDC, -0.05, 0.05, 1.0),))
    # The fee of 0.3 %, and an impact of 2 x 1,000 / 5,000,000.
    assert done.parts.swap_usd == pytest.approx(1_000.0 * 0.0034, rel=0.01)
    assert done.holdings[0].balance(token(POLYGON, "USDC", 6).address) == 0


def test_a_live_quote_is_what_a_swap_costs_as_far_as_it_goes() -> None:
    wallet = wallet_on(MARKET, POLYGON, 4.0, 0.0)
    plan = plan_of(MARKET, opens=(target(MARKET, NATIVE_USDC, -0.05, 0.05, 1.0),))
    costs: list[float] = []
    for sold_usd in (10_000.0, 10.0):
        quote = SwapCost(chain_id=POLYGON, sold_usd=sold_usd, cost_frac=0.01, source="test")
        world = replace(MARKET.snapshot(), holdings=(wallet,), swap_costs=(quote,))
        costs.append(carry_out(plan, (wallet,), (), world, MARKET.prices, VENUE).parts.swap_usd)
    assert costs[0] == pytest.approx(4_000.0 * 0.01, rel=0.02)
    assert costs[1] > costs[0], "beyond the quote nothing is cheaper than it"


def test_compounding_collects_and_adds_to_the_same_position() -> None:
    (held,) = placed(MARKET)
    position = replace(held.positions[0], fees0=10**16, fees1=20 * 10**6)
    held = replace(held, positions=(position,))
    onto = replace(target(MARKET, NATIVE_USDC, 0.0, 0.0, 0.01, token_id=1), tick_lower=position.tick_lower)
    onto = replace(onto, tick_upper=position.tick_upper)
    done = done_in(MARKET, (held,), collects=(close((held,), POLYGON, 1),), opens=(onto,), kind=DecisionKind.COMPOUND)
    (grown,) = done.holdings[0].positions
    assert (grown.token_id, grown.fees0, grown.fees1) == (1, 0, 0)
    assert grown.liquidity > position.liquidity
    chain, of = MARKET.snapshot().chain(POLYGON), ("uniswap_v3",)
    cost = move_cost(chain, (), MARKET.prices, closed=(), opened=(), collected=of, added=of, swapped_usd=0.0)
    assert done.parts.gas_usd == pytest.approx(cost.gas_usd)


def test_positions_of_one_id_in_two_pools_are_two() -> None:
    (held,) = placed(MARKET, OTHER, share=0.5)
    twin = replace(placed(MARKET, BINS, share=0.5)[0].positions[0], token_id=held.positions[0].token_id)
    held = replace(held, positions=(*held.positions, twin))
    leaving = PositionClose(pool_id=BINS.pool_id, chain_id=BASE, token_id=1)
    done = done_in(MARKET, (held,), closes=(leaving,), kind=DecisionKind.EXIT)
    assert [one.pool_id for one in done.holdings[0].positions] == [OTHER.pool_id]


def test_an_exit_closes_at_any_price() -> None:
    (held,) = placed(MARKET)
    far = replace(MARKET, prices_off={NATIVE_USDC.pool_id: 0.2})
    done = done_in(far, (held,), closes=(close((held,), POLYGON, 1),), kind=DecisionKind.EXIT)
    assert done.failures == 0
    assert done.holdings[0].positions == ()


def test_the_price_guard_refuses_before_anything_is_done() -> None:
    (held,) = placed(MARKET)
    plan = plan_of(MARKET, closes=(close((held,), POLYGON, 1),), opens=(target(MARKET, NATIVE_USDC, -0.05, 0.05, 1.0),))
    now = later(MARKET, MARKET.price * 1.02)
    done = carry_out(plan, (held,), (), now.snapshot(), now.prices, VENUE, LimitsConfig())
    assert done.holdings == (held,)
    assert done.failures == 1
    assert "2.0000% off the plan's price, more than 1.0000%" in done.problems[0]
    assert done.parts.gas_usd == 0.0


def test_a_pool_off_its_own_mean_is_refused_too() -> None:
    wallet = wallet_on(MARKET, POLYGON, 2.0, 4_000.0)
    plan = plan_of(MARKET, opens=(target(MARKET, NATIVE_USDC, -0.05, 0.05, 1.0),))
    world = MARKET.snapshot()
    away = replace(world.pools[0], twap=Twap(window_s=1800, tick=world.pools[0].tick + 300))
    world = replace(world, pools=(away, *world.pools[1:]))
    done = carry_out(plan, (wallet,), (), world, MARKET.prices, VENUE, LimitsConfig())
    assert "off its own mean, more than 1.0000%" in done.problems[0]
    assert done.holdings == (wallet,)


def test_a_range_that_the_price_left_within_the_guard_is_placed_in_one_token() -> None:
    wallet = wallet_on(MARKET, POLYGON, 2.0, 4_000.0)
    plan = plan_of(MARKET, opens=(target(MARKET, NATIVE_USDC, -0.002, 0.001, 1.0),))
    now = later(MARKET, MARKET.price * 1.008)
    done = carry_out(plan, (wallet,), (), now.snapshot(), now.prices, VENUE, LimitsConfig())
    assert done.problems == ()
    (position,) = done.holdings[0].positions
    amounts = (
        (position.amount0, position.amount1) if NATIVE_USDC.base_is_token0 else (position.amount1, position.amount0)
    )
    assert amounts[0] == 0
    assert amounts[1] > 7_900 * 10**6


def test_a_position_that_is_gone_is_named_and_the_rest_of_the_chain_waits() -> None:
    (held,) = placed(MARKET)
    gone = PositionClose(pool_id=NATIVE_USDC.pool_id, chain_id=POLYGON, token_id=99)
    done = done_in(MARKET, (held,), closes=(gone,), opens=(target(MARKET, NATIVE_USDC, -0.05, 0.05, 1.0),))
    assert done.problems == (f"chain {POLYGON}: position 99 in {NATIVE_USDC.pool_id} is gone",)
    assert (done.holdings, done.moved, done.parts.gas_usd) == ((held,), False, 0.0)


def test_an_addition_to_a_position_at_other_ticks_is_refused() -> None:
    (held,) = placed(MARKET)
    done = done_in(MARKET, (held,), opens=(target(MARKET, NATIVE_USDC, -0.2, 0.2, 0.5, token_id=1),))
    assert "the plan adds at" in done.problems[0]
    assert done.holdings == (held,)


def test_a_plan_for_a_chain_without_a_wallet_is_named() -> None:
    wallet = wallet_on(MARKET, BASE, 1.0, 0.0)
    done = done_in(MARKET, (wallet,), opens=(target(MARKET, NATIVE_USDC, -0.05, 0.05, 1.0),))
    assert done.problems == (f"chain {POLYGON}: no wallet is there",)


def test_chains_fail_and_succeed_by_themselves() -> None:
    wallets = (wallet_on(MARKET, BASE, 1.0, 2_000.0), wallet_on(MARKET, POLYGON, 1.0, 2_000.0))
    opens = (target(MARKET, NATIVE_USDC, -0.05, 0.05, 1.0), target(MARKET, OTHER, -0.05, 0.05, 1.0))
    outcomes: set[tuple[bool, ...]] = set()
    for seed in range(40):
        venue = VenueConfig(failure_frac=0.5, seed=seed)
        world = replace(MARKET.snapshot(), holdings=wallets)
        done = carry_out(plan_of(MARKET, opens=opens), wallets, (), world, MARKET.prices, venue)
        outcomes.add(tuple(bool(held.positions) for held in done.holdings))
        assert done.failures == sum(not held.positions for held in done.holdings) == len(done.problems)
    assert outcomes == {(False, False), (False, True), (True, False), (True, True)}


def test_gas_is_the_recorded_base_fee_times_the_multiple() -> None:
    wallet = wallet_on(MARKET, POLYGON, 1.0, 2_000.0)
    paid: list[float] = []
    for fee_gwei, multiple in ((1.0, 1.0), (3.0, 1.0), (1.0, 50.0)):
        market = replace(MARKET, base_fee_gwei=fee_gwei)
        world = replace(market.snapshot(), holdings=(wallet,))
        plan = plan_of(market, opens=(target(market, NATIVE_USDC, -0.05, 0.05, 1.0),))
        paid.append(
            carry_out(plan, (wallet,), (), world, market.prices, VenueConfig(gas_multiple=multiple)).parts.gas_usd
        )
    assert paid[1] == pytest.approx(3.0 * paid[0])
    assert paid[2] == pytest.approx(50.0 * paid[0])


def move(share: float) -> Move:
    return Move(from_chain=POLYGON, to_chain=BASE, share_frac=share, capital_usd=0.0)


def test_capital_leaves_in_the_proportion_of_the_wallet_after_the_closes_and_arrives_later() -> None:
    (held,) = placed(MARKET)
    wallets = (wallet_on(MARKET, BASE, 0.0, 0.0), held)
    closing = close(wallets, POLYGON, 1)
    done = done_in(MARKET, wallets, closes=(closing,), moves=(move(0.25),))
    assert done.problems == ()
    sent = {one.transit.token[8:]: one.transit.amount for one in done.travelling}
    base, quote = (sent[token(BASE, name, 0).address[8:]] for name in ("WETH", "USDC"))
    assert base / 1e18 * 2000.0 + quote / 1e6 == pytest.approx(0.25 * 8_000.0 * 0.999, rel=1e-3)
    left = done.holdings[1]
    assert base / left.balance(token(POLYGON, "WETH", 18).address) == pytest.approx(
        quote / left.balance(token(POLYGON, "USDC", 6).address), rel=1e-6
    )
    assert done.parts.bridge_usd == pytest.approx(2_000.0 * 0.001, rel=1e-3)
    assert value_usd(done.holdings, done.travelling, MARKET.snapshot(), MARKET.prices) == pytest.approx(
        worth(MARKET, wallets) - done.parts.bridge_usd - done.parts.swap_usd, rel=1e-12
    )
    early, on_the_way = delivered(done.holdings, done.travelling, MARKET.at + timedelta(seconds=1199))
    assert (early, on_the_way) == (done.holdings, done.travelling)
    there, on_the_way = delivered(done.holdings, done.travelling, MARKET.at + timedelta(seconds=1200))
    assert on_the_way == ()
    assert there[0].balance(token(BASE, "WETH", 18).address) == base


def test_a_share_is_of_all_capital_and_comes_from_what_is_idle() -> None:
    (held,) = placed(MARKET, share=0.5)
    wallets = (wallet_on(MARKET, BASE, 0.0, 0.0), held)
    done = done_in(MARKET, wallets, moves=(move(0.25),))
    amounts = [one.transit.amount for one in done.travelling]
    assert amounts[0] / 1e18 * 2000.0 + amounts[1] / 1e6 == pytest.approx(2_000.0 * 0.999, rel=1e-3)
    assert done.parts.gas_usd == pytest.approx(2 * 0.3), "each token is sent by itself"
    more = done_in(MARKET, wallets, moves=(move(0.9),))
    assert all(entry.amount <= 1 for entry in more.holdings[1].balances), "all that is idle, and no more"


def test_what_stays_is_placed_and_the_shares_are_of_the_capital_before_it_left() -> None:
    wallets = (wallet_on(MARKET, BASE, 0.0, 0.0), wallet_on(MARKET, POLYGON, 2.0, 4_000.0))
    done = done_in(MARKET, wallets, moves=(move(0.5),), opens=(target(MARKET, NATIVE_USDC, -0.05, 0.05, 0.5),))
    (position,) = done.holdings[1].positions
    assert position_usd(NATIVE_USDC, position, MARKET.prices).total == pytest.approx(4_000.0, rel=1e-3)
    assert sum(one.transit.amount > 0 for one in done.travelling) == 2


@pytest.mark.parametrize(
    ("market", "limits", "why"),
    [
        (replace(MARKET, bridges=False), LimitsConfig(), "no bridge is known"),
        (Market(), LimitsConfig(), "no single pair of tokens"),
        (MARKET, LimitsConfig(max_bridge_loss_frac=1e-4), "the bridge keeps 0.1000%, more than 0.0100%"),
    ],
)
def test_what_cannot_be_sent_stays_and_is_named(market: Market, limits: LimitsConfig, why: str) -> None:
    wallets = (wallet_on(market, BASE, 1.0, 0.0), wallet_on(market, POLYGON, 2.0, 4_000.0))
    done = done_in(market, wallets, limits, moves=(move(0.5),))
    assert done.holdings == wallets
    assert done.travelling == ()
    assert why in done.problems[0]
    assert done.failures == 1


def test_too_little_is_not_sent() -> None:
    wallets = (wallet_on(MARKET, BASE, 1.0, 0.0), wallet_on(MARKET, POLYGON, 2.0, 10.0))
    done = done_in(MARKET, wallets, moves=(move(0.5),))
    assert [one.transit.token for one in done.travelling] == [token(BASE, "WETH", 18).address]


def test_what_arrives_where_no_wallet_is_stays_on_its_way() -> None:
    transit = InTransit(
        from_chain=POLYGON, to_chain=BASE, token=token(BASE, "USDC", 6).address, amount=5, started_at=MARKET.at
    )
    going = (Travelling(transit=transit, due_at=MARKET.at),)
    wallets = (wallet_on(MARKET, POLYGON, 1.0, 0.0),)
    assert delivered(wallets, going, MARKET.at) == (wallets, going)


def test_pools_that_are_listed_later_get_wallet_and_balances() -> None:
    before = replace(MARKET, pools=(NATIVE_USDC,))
    wallets = (wallet_on(before, POLYGON, 1.0, 5.0),)
    wallets = (replace(wallets[0], balances=tuple(one for one in wallets[0].balances if one.amount)),)
    found = completed(wallets, Market().snapshot())
    assert [held.block.chain_id for held in found] == [POLYGON, BASE]
    assert {len(held.balances) for held in found} == {3, 2}
    assert worth(Market(), found) == worth(before, wallets)


def test_a_token_that_no_pool_has_any_more_has_no_known_value() -> None:
    wallet = wallet_on(Market(), POLYGON, 1.0, 0.0, 7.0)
    with pytest.raises(InvalidInput, match=r"7000000 of .* is held, which no pool read has"):
        worth(MARKET, (wallet,))


def test_a_pool_that_was_not_read_keeps_its_position_from_being_valued() -> None:
    holdings = placed(MARKET)
    now = replace(later(MARKET, 2010.0), pools=(BINS, OTHER))
    with pytest.raises(InvalidInput, match="was not read at both"):
        carried(book_of(MARKET, holdings), MARKET.snapshot(), now.snapshot(), minutes_between(MARKET, now), now.prices)

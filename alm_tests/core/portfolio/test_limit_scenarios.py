"""Each limit of a transaction at its bound, to the raw unit, and one step beyond; and what is said of the unknown."""

import math
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction

import pytest

from alm_core.execution.liquidity_calls import APPROVE_FOR_ALL_SELECTOR
from alm_core.model.books import Standstill
from alm_core.model.config import LimitsConfig
from alm_core.model.transactions import Action, BalanceBound, FeeBid, UnsignedTransaction
from alm_core.portfolio.limits import BridgeTerms, LimitsEngine, TransactionContext
from alm_core.portfolio.standing import leaves
from alm_core.portfolio.worth import exact, inflow_usd, outflow_usd
from alm_tests.core.execution.test_allow_list import ALLOWED, MANAGER, THIEF, WALLET, approve_data
from alm_tests.core.portfolio.test_limits import (
    ADDING,
    BASE,
    BID,
    CLOSING,
    CONTEXT,
    OURS,
    QUOTE,
    opening,
    spent,
    swapping,
)

LIMITS = LimitsConfig()
GWEI = 10**9
ANY = FeeBid(gas_limit=100_000, max_fee_per_gas_wei=1, max_priority_fee_per_gas_wei=0)
WEI = replace(opening(1), bounds=(BalanceBound(token=BASE, min_delta=-500_000_000_000_000_000, max_delta=0),))
"""Half a WETH: 1,000 USD at 2,000, all of the NAV."""


def broken(
    tx: UnsignedTransaction, context: TransactionContext = CONTEXT, bid: FeeBid = ANY, limits: LimitsConfig = LIMITS
) -> set[str]:
    return {violation.limit for violation in LimitsEngine(limits, ALLOWED).violations(tx, bid, context)}


def taking(wei: int) -> UnsignedTransaction:
    return replace(WEI, bounds=(BalanceBound(token=BASE, min_delta=-wei, max_delta=0),))


HALF = 500_000_000_000_000_000


@pytest.mark.control("max_transaction_nav_frac", "passes")
@pytest.mark.control("max_transaction_nav_frac", "fires")
def test_one_wei_more_than_the_cap_of_a_transaction_is_refused() -> None:
    assert broken(taking(HALF)) == set()
    assert broken(taking(HALF + 1)) == {"max_transaction_nav_frac"}
    assert broken(taking(HALF - 1)) == set()


@pytest.mark.control("max_epoch_turnover_frac", "passes")
@pytest.mark.control("max_epoch_turnover_frac", "fires")
def test_one_wei_more_than_the_cap_of_an_epoch_is_refused() -> None:
    others = replace(CONTEXT, spent=spent(epoch_usd=Fraction(2000)))
    assert broken(taking(HALF), others) == set()
    assert broken(taking(HALF), replace(others, spent=spent(epoch_usd=2000 + Fraction(1, 10**15)))) == {
        "max_epoch_turnover_frac"
    }


@pytest.mark.control("max_day_spend_frac", "passes")
@pytest.mark.control("max_day_spend_frac", "fires")
def test_one_wei_more_than_the_cap_of_a_day_is_refused() -> None:
    others = replace(CONTEXT, spent=spent(day_usd=Fraction(5000)))
    assert broken(taking(HALF), others) == set()
    assert broken(taking(HALF), replace(others, spent=spent(day_usd=5000 + Fraction(1, 10**15)))) == {
        "max_day_spend_frac"
    }


@pytest.mark.control("max_day_turnover_frac", "passes")
@pytest.mark.control("max_day_turnover_frac", "fires")
def test_the_turnover_of_a_day_counts_all_chains_against_the_whole_nav() -> None:
    others = replace(CONTEXT, pair_nav_usd=4000.0, spent=spent(pair_day_usd=Fraction(11_000)))
    assert broken(taking(HALF), others) == set()
    assert broken(taking(HALF + 1), replace(others, nav_usd=2000.0)) == {"max_day_turnover_frac"}
    assert broken(taking(1), replace(others, pair_nav_usd=None)) == {"max_day_turnover_frac"}
    assert broken(taking(1), replace(others, spent=spent(pair_day_usd=math.inf))) == {"max_day_turnover_frac"}


SENDING = replace(taking(HALF), action=Action.BRIDGE)
SENT = replace(CONTEXT, pair_nav_usd=5000.0, bridge=BridgeTerms(sent=Fraction(1, 2), least=Fraction(4975, 10_000)))


def of_bridge(context: TransactionContext, tx: UnsignedTransaction = SENDING) -> set[str]:
    return broken(tx, context) - {"allow_list"}


@pytest.mark.control("max_day_bridge_frac", "passes")
@pytest.mark.control("max_day_bridge_frac", "fires")
def test_transfers_of_a_day_are_a_share_of_the_whole_nav_to_the_wei() -> None:
    assert of_bridge(SENT) == set()
    assert of_bridge(replace(SENT, nav_usd=2000.0), replace(taking(HALF + 1), action=Action.BRIDGE)) == {
        "max_day_bridge_frac"
    }
    assert of_bridge(replace(SENT, spent=spent(bridged_usd=Fraction(1, 10**15)))) == {"max_day_bridge_frac"}
    assert of_bridge(replace(SENT, pair_nav_usd=None)) == {"max_day_bridge_frac", "max_day_turnover_frac"}


@pytest.mark.control("max_bridge_loss_frac", "passes")
@pytest.mark.control("max_bridge_loss_frac", "fires")
def test_what_must_arrive_is_compared_in_kind() -> None:
    assert of_bridge(SENT) == set()
    short = BridgeTerms(sent=Fraction(1, 2), least=Fraction(4975, 10_000) - Fraction(1, 10**18))
    assert of_bridge(replace(SENT, bridge=short)) == {"max_bridge_loss_frac"}
    assert of_bridge(replace(SENT, bridge=None)) == {"max_bridge_loss_frac"}
    assert of_bridge(replace(SENT, bridge=BridgeTerms(sent=Fraction(0), least=Fraction(0)))) == {"max_bridge_loss_frac"}


@pytest.mark.control("max_gas_usd", "passes")
@pytest.mark.control("max_gas_usd", "fires")
def test_the_fee_at_the_bid_counts_with_what_ethereum_gets_for_data() -> None:
    limits = replace(LIMITS, max_gas_usd=2.0, max_gas_value_frac=1.0)
    at_cap = FeeBid(gas_limit=500_000, max_fee_per_gas_wei=GWEI, max_priority_fee_per_gas_wei=0, l1_fee_wei=5 * 10**14)
    assert broken(opening(1), bid=at_cap, limits=limits) == set()
    assert broken(opening(1), bid=replace(at_cap, l1_fee_wei=at_cap.l1_fee_wei + 10**6), limits=limits) == {
        "max_gas_usd"
    }


@pytest.mark.control("max_gas_cheap_usd", "passes")
@pytest.mark.control("max_gas_cheap_usd", "fires")
def test_where_gas_is_cheap_the_cap_is_lower_but_for_exits() -> None:
    limits = replace(LIMITS, max_gas_value_frac=1.0)
    five = FeeBid(gas_limit=2_500_000, max_fee_per_gas_wei=GWEI, max_priority_fee_per_gas_wei=0)
    more = replace(five, gas_limit=2_500_001)
    assert broken(opening(1), bid=five, limits=limits) == set()
    assert broken(opening(1), bid=more, limits=limits) == {"max_gas_cheap_usd"}
    assert broken(replace(opening(1), chain_id=1), bid=more, limits=limits) == {"allow_list"}
    assert broken(CLOSING, replace(CONTEXT, exiting=True), more, limits) == set()
    assert broken(CLOSING, CONTEXT, more, limits) == {"max_gas_cheap_usd"}


@pytest.mark.control("max_gas_value_frac", "passes")
@pytest.mark.control("max_gas_value_frac", "fires")
def test_a_fee_is_held_against_the_value_it_serves() -> None:
    two = FeeBid(gas_limit=1_000_000, max_fee_per_gas_wei=GWEI, max_priority_fee_per_gas_wei=0)
    assert broken(opening(1), replace(CONTEXT, plan_usd=100.0), two) == set()
    assert broken(opening(1), replace(CONTEXT, plan_usd=99.9), two) == {"max_gas_value_frac"}
    assert broken(opening(100_000_000), replace(CONTEXT, plan_usd=0.0), two) == set()
    assert broken(opening(0), replace(CONTEXT, plan_usd=0.0), two) == {"max_gas_value_frac"}
    unpriced = replace(CONTEXT, plan_usd=100.0, token_usd={})
    assert broken(opening(1), unpriced, two) == {"max_transaction_nav_frac"}


@pytest.mark.control("max_gas_simulated_multiple", "passes")
@pytest.mark.control("max_gas_simulated_multiple", "fires")
def test_a_gas_limit_far_above_the_simulation_is_refused() -> None:
    assert broken(opening(1), replace(CONTEXT, simulated_gas=50_000)) == set()
    assert broken(opening(1), replace(CONTEXT, simulated_gas=49_999)) == {"max_gas_simulated_multiple"}
    assert broken(opening(1), replace(CONTEXT, simulated_gas=0)) == {"max_gas_simulated_multiple"}


@pytest.mark.control("max_day_gas_usd", "passes")
@pytest.mark.control("max_day_gas_usd", "fires")
def test_the_fees_of_a_day_are_capped_but_what_leaves_goes_on() -> None:
    bid = FeeBid(gas_limit=500_000, max_fee_per_gas_wei=GWEI, max_priority_fee_per_gas_wei=0)
    assert broken(opening(1), replace(CONTEXT, spent=spent(gas_usd=99.0)), bid) == set()
    full = replace(CONTEXT, spent=spent(gas_usd=99.001))
    assert broken(opening(1), full, bid) == {"max_day_gas_usd"}
    assert broken(CLOSING, full, bid) == set()


@pytest.mark.parametrize(
    ("stable", "name", "bound"),
    [
        pytest.param(
            False,
            "max_price_deviation_frac",
            0.01,
            marks=[
                pytest.mark.control("max_price_deviation_frac", "fires"),
                pytest.mark.control("max_price_deviation_frac", "passes"),
            ],
        ),
        pytest.param(
            True,
            "max_price_deviation_stable_frac",
            0.002,
            marks=[
                pytest.mark.control("max_price_deviation_stable_frac", "fires"),
                pytest.mark.control("max_price_deviation_stable_frac", "passes"),
            ],
        ),
        pytest.param(
            False,
            "max_twap_deviation_frac",
            0.01,
            marks=[
                pytest.mark.control("max_twap_deviation_frac", "fires"),
                pytest.mark.control("max_twap_deviation_frac", "passes"),
            ],
        ),
        pytest.param(
            True,
            "max_twap_deviation_stable_frac",
            0.001,
            marks=[
                pytest.mark.control("max_twap_deviation_stable_frac", "fires"),
                pytest.mark.control("max_twap_deviation_stable_frac", "passes"),
            ],
        ),
    ],
)
def test_a_pool_that_was_pushed_is_not_traded_in(stable: bool, name: str, bound: float) -> None:
    field = name.replace("max_", "").replace("_stable", "").replace("price_", "price_")
    at_bound = replace(CONTEXT, stable=stable, **{field: bound})
    assert broken(opening(1), at_bound) == set()
    assert broken(opening(1), replace(at_bound, **{field: math.nextafter(bound, 1)})) == {name}
    assert broken(CLOSING, replace(at_bound, exiting=True, **{field: 0.5})) == set()


def test_a_pool_that_keeps_no_mean_is_judged_by_the_exchanges_alone() -> None:
    assert broken(opening(1), replace(CONTEXT, twap_deviation_frac=None)) == set()


@pytest.mark.control("swap_slippage_frac", "passes")
@pytest.mark.control("swap_slippage_frac", "fires")
def test_a_swap_at_its_minimum_passes_and_below_it_does_not() -> None:
    fair = 10**18 * 400 // 2000
    assert broken(swapping(400_000_000, fair * 9951 // 10_000)) == set()
    assert broken(swapping(400_000_000, fair * 9949 // 10_000)) == {"swap_slippage_frac"}


@pytest.mark.control("swap_slippage_stable_frac", "passes")
@pytest.mark.control("swap_slippage_stable_frac", "fires")
def test_a_swap_of_stables_loses_less() -> None:
    fair, stable = 10**18 * 400 // 2000, replace(CONTEXT, stable=True)
    assert broken(swapping(400_000_000, fair * 99_901 // 100_000), stable) == set()
    assert broken(swapping(400_000_000, fair * 99_899 // 100_000), stable) == {"swap_slippage_stable_frac"}


@pytest.mark.control("quote_max_age_s", "passes")
@pytest.mark.control("quote_max_age_s", "fires")
def test_an_old_quote_is_not_signed() -> None:
    swap = swapping(400_000_000, 2 * 10**17)
    assert broken(swap, replace(CONTEXT, quote_age_s=15.0)) == set()
    assert broken(swap, replace(CONTEXT, quote_age_s=15.1)) == {"quote_max_age_s"}
    assert broken(swap, replace(CONTEXT, quote_age_s=None)) == {"quote_max_age_s"}
    assert broken(opening(1), replace(CONTEXT, quote_age_s=None)) == set()


@pytest.mark.control("close_value", "passes")
@pytest.mark.control("close_value", "fires")
def test_a_close_must_guarantee_what_the_position_holds() -> None:
    closing = replace(CLOSING, closes_token_id=7)
    at_least = replace(CONTEXT, least_close={QUOTE.lower(): 5, BASE.lower(): 0})
    assert broken(closing, at_least) == set()
    assert broken(closing, replace(at_least, least_close={QUOTE.lower(): 6})) == {"close_value"}
    assert broken(closing, replace(at_least, least_close={THIEF.lower(): 0})) == {"close_value"}
    assert broken(replace(closing, closes_token_id=None), replace(at_least, least_close={QUOTE.lower(): 6})) == set()


def standing(mode: str) -> TransactionContext:
    held = Standstill(mode=mode, reason="by hand", set_by="operator", set_at=datetime(2026, 11, 22, tzinfo=UTC))
    return replace(CONTEXT, standstill=held, bin_pools=frozenset({BASE.lower()}))


RESET = replace(opening(1), to=QUOTE, data=approve_data(MANAGER, 0), action=Action.APPROVE_RESET, bounds=())
NOOP = replace(opening(1), to=WALLET, data="0x", action=Action.NOOP, bounds=())


@pytest.mark.control("halt", "passes")
@pytest.mark.control("halt", "fires")
def test_halt_lets_nothing_through() -> None:
    for tx in (opening(1), CLOSING, RESET, NOOP):
        assert broken(tx, standing("halt")) == {"halt"}
        assert broken(tx) == set()


@pytest.mark.control("withdraw_only", "passes")
@pytest.mark.control("withdraw_only", "fires")
def test_withdraw_only_lets_what_leaves_through_and_nothing_else() -> None:
    for tx in (CLOSING, RESET, NOOP):
        assert broken(tx, standing("withdraw_only")) == set()
    approval = replace(RESET, action=Action.APPROVE, data=approve_data(MANAGER, 5))
    for tx in (opening(1), swapping(400_000_000, 2 * 10**17), approval, replace(approval, to=BASE)):
        assert broken(tx, standing("withdraw_only")) == {"withdraw_only"}


def test_the_right_to_burn_bins_is_the_one_approval_that_leaves() -> None:
    context = standing("withdraw_only")
    burning = replace(RESET, to=BASE, action=Action.APPROVE, data=APPROVE_FOR_ALL_SELECTOR + "00" * 64)
    assert leaves(burning, context)
    assert not leaves(replace(burning, to=QUOTE), context), "no pool of bins"
    assert not leaves(replace(burning, data="0xzz"), context), "no calldata"
    assert not leaves(replace(CLOSING, bounds=opening(1).bounds), context), "a close that takes is none"


@pytest.mark.control("pool", "passes")
@pytest.mark.control("pool", "fires")
def test_nothing_is_placed_in_a_pool_that_must_not_be_entered() -> None:
    barred = replace(OURS, entering=("too small",))
    for tx in (opening(1), ADDING):
        assert broken(tx, barred) == {"pool"}
        assert broken(tx, OURS) == set()
    assert broken(CLOSING, barred) == set(), "leaving it is free"


@pytest.mark.control("max_pool_reverts_hour", "passes")
@pytest.mark.control("max_pool_reverts_hour", "fires")
def test_after_two_reverts_within_the_hour_only_leaving_is_tried() -> None:
    assert broken(opening(1), replace(CONTEXT, spent=spent(reverts=1))) == set()
    twice = replace(CONTEXT, spent=spent(reverts=2))
    assert broken(opening(1), twice) == {"max_pool_reverts_hour"}
    assert broken(CLOSING, twice) == set()


@pytest.mark.parametrize("value", [0.1, 1e-18, 2000.0, 123456.789])
def test_exact_means_as_written(value: float) -> None:
    assert exact(value) == Fraction(str(value))


def test_what_has_no_bounds_and_moves_no_value_takes_nothing_out() -> None:
    assert outflow_usd(RESET, {}) == 0
    assert broken(opening(1), bid=BID) == set()


def test_what_moves_nothing_needs_no_nav_of_the_pair_and_what_moves_does() -> None:
    spent_up = replace(CONTEXT, spent=spent(pair_day_usd=10**6))
    for context in (replace(CONTEXT, pair_nav_usd=None), replace(CONTEXT, pair_nav_usd=0.0), spent_up):
        assert broken(CLOSING, context) == set()
        assert broken(opening(1), context) == {"max_day_turnover_frac"}


def test_without_a_nav_one_reason_is_given_and_not_one_per_cap() -> None:
    for nav in (None, 0.0, -1.0, math.nan, math.inf):
        (found,) = LimitsEngine(LIMITS, ALLOWED).violations(opening(1), ANY, replace(CONTEXT, nav_usd=nav))
        assert str(found).startswith("max_transaction_nav_frac: NAV unknown")


def test_a_swap_that_pays_nothing_has_no_price() -> None:
    (found,) = LimitsEngine(LIMITS, ALLOWED).violations(swapping(0, 5), ANY, CONTEXT)
    assert str(found).startswith("swap_slippage_frac: value of the swap unknown")


def test_the_minimum_of_a_swap_may_miss_its_bound_by_rounding_alone() -> None:
    fair = 10**18 * 400 // 2000
    for missing, refused in ((0, set()), (fair // 2 * 10**-9, set()), (fair * 2 * 10**-9, {"swap_slippage_frac"})):
        assert broken(swapping(400_000_000, fair * 995 // 1000 - int(missing))) == refused


def test_what_arrives_may_be_the_bound_as_a_float_is_and_no_less() -> None:
    """0.005 as a float is a little more than 0.005."""
    least = Fraction(1, 2) * (1 - Fraction(LIMITS.max_bridge_loss_frac))
    assert of_bridge(replace(SENT, bridge=BridgeTerms(sent=Fraction(1, 2), least=least))) == set()
    less = BridgeTerms(sent=Fraction(1, 2), least=least - Fraction(1, 10**30))
    assert of_bridge(replace(SENT, bridge=less)) == {"max_bridge_loss_frac"}


def test_what_comes_in_takes_nothing_out_and_what_goes_out_brings_nothing_in() -> None:
    coming, going = (
        replace(opening(1), bounds=(BalanceBound(token=QUOTE, min_delta=d, max_delta=9),)) for d in (5, -5)
    )
    assert outflow_usd(coming, CONTEXT.token_usd) == 0 == inflow_usd(going, CONTEXT.token_usd)
    assert outflow_usd(going, CONTEXT.token_usd) == Fraction(5, 10**6) == inflow_usd(coming, CONTEXT.token_usd)


def test_a_standstill_says_what_it_lets_through() -> None:
    at = datetime(2026, 11, 22, tzinfo=UTC)
    for mode, bound in (("halt", "not halted"), ("withdraw_only", "only what leaves")):
        standstill = Standstill(mode=mode, reason="drill", set_by="me", set_at=at)
        (found,) = LimitsEngine(LIMITS, ALLOWED).violations(opening(1), ANY, replace(CONTEXT, standstill=standstill))
        assert str(found) == f"{mode}: drill (set by me) (bound {bound}, chain 8453)"

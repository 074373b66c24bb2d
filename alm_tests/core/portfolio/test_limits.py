"""The choke point: each limit at its bound and one unit beyond, and nothing passes on missing data."""

import math
from dataclasses import fields, replace
from datetime import UTC, datetime

import pytest

from alm_core.execution.allow_list import allow_list_for
from alm_core.model.books import Standstill
from alm_core.model.config import LimitsConfig
from alm_core.model.decisions import AllocationPlan, Decision, DecisionKind, PositionClose, Target
from alm_core.model.errors import LimitExceeded
from alm_core.model.market import MarketSnapshot, SourceProblem
from alm_core.model.transactions import Action, BalanceBound, FeeBid, UnsignedTransaction
from alm_core.portfolio.limits import (
    NOTHING_SPENT,
    LimitsEngine,
    Spent,
    TransactionContext,
    check_plan,
    outflow_usd,
)
from alm_core.portfolio.worth import inflow_usd
from alm_tests.core.execution.test_allow_list import (
    ALLOWED,
    BURN,
    DECREASE,
    DIAMOND,
    MANAGER,
    POOL,
    THIEF,
    WALLET,
    approve_data,
    collect,
    increase,
    mint,
    multicall,
    swap,
)
from alm_tests.core.portfolio.scene import PRICE, Scene

BASE, QUOTE = POOL.base.address, POOL.quote.address
LIMITS = LimitsConfig(
    max_transaction_nav_frac=0.5, max_epoch_turnover_frac=2.0, max_gas_usd=10.0, max_gas_cheap_usd=10.0
)
BID = FeeBid(gas_limit=500_000, max_fee_per_gas_wei=10**9, max_priority_fee_per_gas_wei=1)
CONTEXT = TransactionContext(
    wallet=WALLET,
    nav_usd=1000.0,
    pair_nav_usd=1000.0,
    token_usd={BASE.lower(): PRICE / 10**18, QUOTE.lower(): 1 / 10**6},
    spent=NOTHING_SPENT,
    native_usd=PRICE,
    price_deviation_frac=0.001,
    twap_deviation_frac=None,
    stable=False,
    standstill=None,
    quote_age_s=1.0,
    plan_usd=1000.0,
)
HALT = Standstill(mode="halt", reason="by hand", set_by="operator", set_at=datetime(2026, 11, 22, tzinfo=UTC))


def spent(**changes: float) -> Spent:
    return replace(NOTHING_SPENT, **changes)


def opening(quote_raw: int) -> UnsignedTransaction:
    return UnsignedTransaction(
        chain_id=POOL.chain_id,
        sender=WALLET,
        to=MANAGER,
        data=mint(WALLET),
        value_wei=0,
        action=Action.OPEN,
        summary="open",
        bounds=(BalanceBound(token=QUOTE, min_delta=-quote_raw, max_delta=0),),
    )


def swapping(paid_quote: int, received_base: int) -> UnsignedTransaction:
    return replace(
        opening(paid_quote),
        to=DIAMOND,
        data=swap(WALLET),
        action=Action.SWAP,
        bounds=(
            BalanceBound(token=QUOTE, min_delta=-paid_quote, max_delta=0),
            BalanceBound(token=BASE, min_delta=received_base, max_delta=2**255),
        ),
    )


def broken(tx: UnsignedTransaction, context: TransactionContext = CONTEXT, bid: FeeBid = BID) -> set[str]:
    return {violation.limit for violation in LimitsEngine(LIMITS, ALLOWED).violations(tx, bid, context)}


def test_a_transaction_at_its_cap_passes_and_one_unit_more_does_not() -> None:
    assert broken(opening(500_000_000)) == set()
    assert broken(opening(500_000_001)) == {"max_transaction_nav_frac"}


def test_the_turnover_of_the_epoch_counts_what_others_have_moved() -> None:
    context = replace(CONTEXT, spent=spent(epoch_usd=1600.0))
    assert broken(opening(400_000_000), context) == set()
    assert broken(opening(400_000_010), context) == {"max_epoch_turnover_frac"}


def test_gas_is_capped_at_the_bid() -> None:
    at_cap = FeeBid(gas_limit=5_000_000, max_fee_per_gas_wei=10**9, max_priority_fee_per_gas_wei=1)
    assert broken(opening(1), bid=at_cap) == set()
    beyond = replace(at_cap, gas_limit=5_000_001)
    assert broken(opening(1), bid=beyond) == {"max_gas_usd", "max_gas_cheap_usd"}


@pytest.mark.parametrize(("stable", "bound"), [(False, 0.01), (True, 0.002)])
def test_price_deviation_is_bounded_more_tightly_for_stables(stable: bool, bound: float) -> None:
    at_bound = replace(CONTEXT, stable=stable, price_deviation_frac=bound)
    assert broken(opening(1), at_bound) == set()
    name = "max_price_deviation_stable_frac" if stable else "max_price_deviation_frac"
    assert broken(opening(1), replace(at_bound, price_deviation_frac=bound * 1.001)) == {name}


def test_a_swap_must_bring_what_the_independent_price_says_less_slippage() -> None:
    fair = 10**18 * 400 // 2000
    assert broken(swapping(400_000_000, math.ceil(fair * 0.9951))) == set()
    assert broken(swapping(400_000_000, int(fair * 0.9949))) == {"swap_slippage_frac"}
    assert broken(swapping(400_000_000, 0)) == {"swap_slippage_frac"}


ADDING = replace(opening(1), data=increase(7), action=Action.ADD)
OURS = replace(CONTEXT, held=frozenset({(MANAGER.lower(), 7)}))


@pytest.mark.control("held_positions", "fires")
@pytest.mark.control("held_positions", "passes")
def test_liquidity_is_added_to_nobodys_position_but_ours() -> None:
    """The contract would take it from us and give it to whoever owns the position."""
    assert broken(ADDING, OURS) == set()
    for stranger in (increase(8), multicall(collect(WALLET), increase(7), increase(8))):
        assert broken(replace(ADDING, data=stranger), OURS) == {"held_positions"}
    elsewhere = replace(OURS, held=frozenset({("0x" + "ab" * 20, 7)}))
    assert broken(ADDING, elsewhere) == {"held_positions"}
    assert broken(ADDING, CONTEXT) == {"held_positions"}, "what we hold is unknown"
    with pytest.raises(LimitExceeded, match="positions of the wallet unknown"):
        LimitsEngine(LIMITS, ALLOWED).check_transaction(ADDING, BID, CONTEXT)
    with pytest.raises(LimitExceeded, match="#8"):
        LimitsEngine(LIMITS, ALLOWED).check_transaction(replace(ADDING, data=increase(8)), BID, OURS)


def test_calling_an_add_by_another_name_does_not_hide_it() -> None:
    for action in Action:
        assert "held_positions" in broken(replace(ADDING, data=increase(8), action=action), OURS)


def test_an_add_counts_as_placing() -> None:
    assert broken(replace(ADDING, bounds=opening(500_000_001).bounds), OURS) == {"max_transaction_nav_frac"}
    assert broken(ADDING, replace(OURS, price_deviation_frac=0.02)) == {"max_price_deviation_frac"}


CLOSING = replace(
    opening(1),
    data=multicall(DECREASE, collect(WALLET), BURN),
    action=Action.CLOSE,
    bounds=(
        BalanceBound(token=QUOTE, min_delta=5, max_delta=2**128),
        BalanceBound(token=BASE, min_delta=0, max_delta=9),
    ),
)
OFF = replace(CONTEXT, price_deviation_frac=0.5)
LEAVING = replace(OFF, exiting=True)


def test_an_exit_may_close_at_any_price_and_nothing_else_may() -> None:
    assert broken(CLOSING, LEAVING) == set()
    assert broken(CLOSING, OFF) == {"max_price_deviation_frac"}
    assert broken(opening(1), LEAVING) == {"max_price_deviation_frac"}
    assert broken(replace(CLOSING, action=Action.COLLECT), LEAVING) == {"max_price_deviation_frac"}


def test_an_exit_needs_no_price_because_a_close_takes_nothing_out() -> None:
    blind = replace(LEAVING, price_deviation_frac=None, nav_usd=None, token_usd={}, spent=spent(epoch_usd=math.inf))
    assert broken(CLOSING, blind) == set()
    paying = replace(CLOSING, bounds=opening(1).bounds)
    assert broken(paying, blind) == {"max_transaction_nav_frac"}
    assert broken(replace(CLOSING, bounds=()), blind) == {"max_transaction_nav_frac"}


def test_every_other_limit_holds_for_an_exit() -> None:
    assert broken(CLOSING, replace(LEAVING, standstill=HALT)) == {"halt"}
    assert broken(CLOSING, replace(LEAVING, native_usd=None)) == {"max_gas_usd"}
    assert broken(CLOSING, LEAVING, replace(BID, gas_limit=10**8)) == {"max_gas_usd"}
    assert broken(replace(CLOSING, data=multicall(DECREASE, collect(THIEF), BURN)), LEAVING) == {"allow_list"}


def test_halted_means_nothing_at_all() -> None:
    assert broken(opening(1), replace(CONTEXT, standstill=HALT)) == {"halt"}


@pytest.mark.parametrize(
    ("missing", "limit"),
    [
        ({"nav_usd": None}, "max_transaction_nav_frac"),
        ({"nav_usd": 0.0}, "max_transaction_nav_frac"),
        ({"nav_usd": math.nan}, "max_transaction_nav_frac"),
        ({"token_usd": {}}, "max_transaction_nav_frac"),
        ({"native_usd": None}, "max_gas_usd"),
        ({"native_usd": math.nan}, "max_gas_usd"),
        ({"native_usd": 0.0}, "max_gas_usd"),
        ({"native_usd": -1.0}, "max_gas_usd"),
        ({"price_deviation_frac": None}, "max_price_deviation_frac"),
        ({"price_deviation_frac": math.nan}, "max_price_deviation_frac"),
        ({"spent": spent(epoch_usd=math.inf)}, "max_epoch_turnover_frac"),
    ],
)
def test_missing_data_is_a_violation(missing: dict[str, object], limit: str) -> None:
    assert limit in broken(opening(1), replace(CONTEXT, **missing))


def test_a_wallet_that_did_nothing_has_spent_nothing() -> None:
    assert Spent(**{field.name: 0 for field in fields(Spent)}) == NOTHING_SPENT


def test_a_value_moving_call_without_bounds_is_refused() -> None:
    unbounded = replace(opening(1), bounds=())
    assert outflow_usd(unbounded, CONTEXT.token_usd) is None
    assert "max_transaction_nav_frac" in broken(unbounded)


@pytest.mark.parametrize("price", [0.0, -1.0, math.nan, math.inf])
def test_what_costs_nothing_or_has_no_finite_price_is_not_worth_nothing_but_unknown(price: float) -> None:
    assert outflow_usd(opening(1), {QUOTE.lower(): price}) is None
    assert inflow_usd(opening(1), {QUOTE.lower(): price}) is None


GAUGE = "0x" + "b1" * 20
STAKING_POOL = replace(POOL, contracts=(("gauge", GAUGE), ("reward_token", THIEF)))
UNSTAKING = replace(
    opening(1),
    to=GAUGE,
    data="0x2e1a7d4d" + f"{7:064x}",
    action=Action.UNSTAKE,
    bounds=(BalanceBound(token=THIEF, min_delta=0, max_delta=2**128),),
)


@pytest.mark.control("takes_nothing", "passes")
@pytest.mark.parametrize("context", [CONTEXT, OFF, replace(CONTEXT, nav_usd=None, price_deviation_frac=None)])
def test_taking_a_position_back_needs_no_price_and_its_reward_none_either(context: TransactionContext) -> None:
    engine = LimitsEngine(LIMITS, allow_list_for([STAKING_POOL], {}))
    assert engine.violations(UNSTAKING, BID, context) == ()
    assert outflow_usd(UNSTAKING, CONTEXT.token_usd) == 0.0
    halted = engine.violations(UNSTAKING, BID, replace(context, standstill=HALT, native_usd=None))
    assert {violation.limit for violation in halted} == {"halt", "max_gas_usd"}


@pytest.mark.control("takes_nothing", "fires")
@pytest.mark.parametrize("action", [Action.STAKE, Action.UNSTAKE, Action.CLAIM])
def test_what_is_called_staking_or_claiming_takes_nothing(action: Action) -> None:
    engine = LimitsEngine(LIMITS, allow_list_for([STAKING_POOL], {}))
    taking = replace(UNSTAKING, action=action, bounds=(BalanceBound(token=QUOTE, min_delta=-1, max_delta=0),))
    assert {violation.limit for violation in engine.violations(taking, BID, CONTEXT)} == {"takes_nothing"}
    minting = replace(opening(1), action=action, bounds=())
    assert {violation.limit for violation in engine.violations(minting, BID, CONTEXT)} == {"takes_nothing"}


@pytest.mark.control("allow_list", "fires")
@pytest.mark.control("allow_list", "passes")
def test_an_approval_needs_neither_nav_nor_price_but_gas_and_the_list() -> None:
    approval = replace(opening(1), to=QUOTE, data=approve_data(MANAGER, 5), action=Action.APPROVE, bounds=())
    blind = replace(CONTEXT, nav_usd=None, price_deviation_frac=None, token_usd={})
    assert broken(approval, blind) == set()
    assert broken(replace(approval, data=approve_data(THIEF, 5)), blind) == {"allow_list"}


def test_the_message_names_limit_bound_and_value() -> None:
    with pytest.raises(LimitExceeded, match=r"max_transaction_nav_frac: 0\.6 \(bound 0\.5, chain 8453\)"):
        LimitsEngine(LIMITS, ALLOWED).check_transaction(opening(600_000_000), BID, CONTEXT)


SCENE = Scene(positions=((7, 0, 1900.0, 2100.0, 5_000.0),))
SNAPSHOT = SCENE.snapshot()


def plan(kind: DecisionKind = DecisionKind.PRA, **changes: object) -> AllocationPlan:
    opens = (target(0, 0.6), target(1, 0.4))
    made = AllocationPlan(
        pair="WETH-USDC",
        epoch_at=SNAPSHOT.epoch_at,
        policy="test",
        inputs_hash="",
        code_version="",
        config_version="",
        price=PRICE,
        nav_usd=45_000.0,
        targets=opens,
        decision=Decision(kind=kind, reason="", binding="", current_apr=0, optimal_apr=0, alternatives=()),
        closes=(PositionClose(pool_id=SCENE.pools[0].pool_id, chain_id=8453, token_id=7),),
        opens=opens,
    )
    return replace(made, **changes)


def target(number: int, share: float, **changes: object) -> Target:
    pool = SCENE.pools[number]
    made = Target(
        pool_id=pool.pool_id,
        chain_id=8453,
        share_frac=share,
        capital_usd=share * 45_000,
        expected_apr=0.1,
        tick_lower=-201_000,
        tick_upper=-199_800,
    )
    return replace(made, **changes)


def refused(of: AllocationPlan, snapshot: MarketSnapshot = SNAPSHOT) -> set[str]:
    return {violation.limit for violation in check_plan(of, snapshot, LimitsConfig())}


@pytest.mark.control("sources", "passes")
@pytest.mark.control("price", "passes")
@pytest.mark.control("nav_usd", "passes")
@pytest.mark.control("hold", "passes")
@pytest.mark.control("closes", "passes")
@pytest.mark.control("ticks", "passes")
@pytest.mark.control("share_frac", "passes")
def test_a_sound_plan_has_no_violation() -> None:
    assert refused(plan()) == set()
    assert refused(plan(DecisionKind.HOLD, closes=(), opens=())) == set()


@pytest.mark.control("hold", "fires")
def test_hold_that_moves_something_is_refused() -> None:
    assert refused(plan(DecisionKind.HOLD)) == {"hold"}


@pytest.mark.control("price", "fires")
@pytest.mark.control("nav_usd", "fires")
@pytest.mark.control("ticks", "fires")
@pytest.mark.control("share_frac", "fires")
@pytest.mark.control("closes", "fires")
@pytest.mark.parametrize(
    ("changes", "limit"),
    [
        ({"price": PRICE * 1.02}, "max_price_deviation_frac"),
        ({"price": math.nan}, "price"),
        ({"nav_usd": math.nan}, "nav_usd"),
        ({"nav_usd": 1000.0}, "max_epoch_turnover_frac x nav_usd"),
        ({"opens": (target(0, 0.6), target(1, 0.5))}, "share_frac"),
        ({"opens": (target(0, -0.1),)}, "share_frac"),
        ({"opens": (target(0, 0.5, tick_lower=-199_795),)}, "ticks"),
        ({"opens": (target(0, 0.5, tick_lower=-199_800),)}, "ticks"),
        ({"opens": (target(0, 0.5, pool_id="8453:0xunknown"),)}, "max_price_deviation_frac"),
        ({"closes": (PositionClose(pool_id=SCENE.pools[0].pool_id, chain_id=8453, token_id=8),)}, "closes"),
    ],
)
def test_each_unsound_plan_is_refused_by_name(changes: dict[str, object], limit: str) -> None:
    assert limit in refused(plan(**changes))


@pytest.mark.control("sources", "fires")
def test_a_plan_made_while_a_source_was_missing_is_refused() -> None:
    blind = replace(SNAPSHOT, problems=(SourceProblem(source="rpc:1", detail="down"),))
    assert refused(plan(), blind) == {"sources"}
    assert "nav_usd" in refused(plan(), replace(SNAPSHOT, quote_usd=None))

"""What runs from the beginning: totals, HODL, returns; doing nothing; promises against what came."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alm_core.accounting.pnl import Marked, epoch_pnl
from alm_core.accounting.pnl_decisions import calibration, decision_results
from alm_core.accounting.pnl_idle import do_nothing_usd
from alm_core.accounting.pnl_running import begun_accounts, hodl_usd, money_weighted_of, went_on, yearly
from alm_core.accounting.returns import Valuation, drawdown_frac, time_weighted_frac
from alm_core.math.fee_growth import growth_delta
from alm_core.math.tick import Q128
from alm_core.model.accounts import EpochPnl, NativeAmount
from alm_core.model.decisions import AllocationPlan, Alternative, Decision, DecisionKind, Target
from alm_core.model.errors import InvalidInput
from alm_core.model.market import SourceProblem
from alm_tests.core.accounting.ledgers import CHAINS, USDC, WETH, Wallet
from alm_tests.core.accounting.test_holding_loss import position, snapshot
from alm_tests.core.accounting.test_pnl import prices, steps, take
from alm_tests.core.forces.tapes import END_AT
from alm_tests.core.portfolio.scene import PRICE

BASE, POLYGON = CHAINS
QUARTER = timedelta(minutes=15)


@settings(max_examples=60, deadline=None)
@given(rounds=st.lists(st.tuples(st.lists(steps, max_size=5), prices), min_size=1, max_size=5))
def test_the_beginning_and_all_parts_are_the_value_after_any_number_of_epochs(
    rounds: list[tuple[list[tuple[object, ...]], tuple[float, float, float]]],
) -> None:
    wallet = Wallet()
    before = wallet.mark()
    running = begun_accounts(before)
    seen = [Valuation(at=before.snapshot.epoch_at, nav_usd=running.nav_usd)]
    for taken, at in rounds:
        wallet.begin_epoch()
        for step in taken:
            take(wallet, step)
        now = wallet.mark(*at)
        pnl = epoch_pnl(before, now, wallet.movements)
        running = went_on(running, pnl)
        seen.append(Valuation(at=pnl.to_at, nav_usd=pnl.nav_end_usd, flow_usd=pnl.parts.flow_usd))
        before = now
    assert running.gap_usd == pytest.approx(0.0, abs=1e-9 * running.nav_usd * len(rounds))
    assert running.growth - 1.0 == pytest.approx(time_weighted_frac(seen), abs=1e-12)
    levels = [1.0 + (time_weighted_frac(seen[: end + 1]) or 0.0) for end in range(1, len(seen))]
    assert running.drawdown_frac == pytest.approx(drawdown_frac([1.0, *levels]), abs=1e-12)


def test_hodl_keeps_the_tokens_and_coins_of_the_beginning_and_what_came_since() -> None:
    wallet = Wallet()
    wallet.open(BASE, WETH, 2_000 * USDC)
    wallet.send(BASE, POLYGON, 1_000 * USDC, 0)
    first = wallet.mark()
    begun = begun_accounts(first)
    assert (begun.hodl_base, begun.hodl_quote) == (pytest.approx(10.0), pytest.approx(20_000.0))
    assert begun.hodl_native == (NativeAmount(chain_id=137, amount=1.0), NativeAmount(chain_id=8453, amount=1.0))
    assert hodl_usd(begun, first) == pytest.approx(begun.nav_start_usd)
    wallet.begin_epoch()
    wallet.deposit(POLYGON, WETH, -500 * USDC, 10**17)
    wallet.swap(BASE, WETH, -2_500 * USDC)
    now = wallet.mark(price=3_000.0, native_usd=100.0)
    later = went_on(begun, epoch_pnl(first, now, wallet.movements))
    assert hodl_usd(later, now) == pytest.approx(11 * 3_000.0 + 19_500.0 + 2.1 * 100.0)


def test_without_flows_the_two_returns_agree_and_in_the_first_day_none_is_told_per_year() -> None:
    wallet = Wallet()
    first = wallet.mark()
    now = wallet.mark(price=2_200.0)
    running = went_on(begun_accounts(first), epoch_pnl(first, now, ()))
    assert money_weighted_of(running) == pytest.approx(running.growth - 1.0, rel=1e-9)
    assert yearly(running, running.growth - 1.0) is None


def test_accounts_go_on_only_from_where_they_stand_and_begin_only_where_all_is_seen() -> None:
    wallet = Wallet()
    first, second, third = wallet.mark(), wallet.mark(), wallet.mark()
    begun = begun_accounts(first)
    with pytest.raises(InvalidInput, match="accounts stand at"):
        went_on(begun, epoch_pnl(second, third, ()))
    blind = replace(first.snapshot, problems=(SourceProblem(source="rpc:137#2", detail="down"),))
    with pytest.raises(InvalidInput, match="down"):
        begun_accounts(Marked(snapshot=blind, price=2_000.0))


@settings(max_examples=40, deadline=None)
@given(at=prices, base=st.integers(-(10**9), 10**9))
def test_after_a_hold_doing_nothing_is_what_was_done(at: tuple[float, float, float], base: int) -> None:
    wallet = Wallet()
    wallet.open(BASE, WETH, 2_000 * USDC)
    wallet.earn(BASE, 1, 0, 3 * USDC)
    before = wallet.mark()
    wallet.begin_epoch()
    wallet.shift(BASE, 1, base, 0)
    wallet.earn(BASE, 1, 10**15, 5 * USDC)
    wallet.deposit(POLYGON, WETH, 0)
    now = wallet.mark(*at)
    pnl = epoch_pnl(before, now, wallet.movements)
    assert do_nothing_usd(before, now, pnl) == pytest.approx(pnl.nav_end_usd, rel=1e-12)


def test_what_actions_cost_is_what_doing_nothing_would_have_kept() -> None:
    wallet = Wallet()
    before = wallet.mark()
    wallet.swap(BASE, WETH, -2_100 * USDC)
    wallet.pay_gas(BASE, 10**16)
    now = wallet.mark(price=1_900.0)
    pnl = epoch_pnl(before, now, wallet.movements)
    nothing = do_nothing_usd(before, now, pnl)
    assert nothing is not None
    # 1 WETH bought for 2,100 is worth 1,900; gas of 20.
    assert nothing - pnl.nav_end_usd == pytest.approx(200.0 + 20.0)


def test_a_position_that_was_closed_would_have_moved_with_its_pool() -> None:
    held = position()
    first, later = snapshot(PRICE, held), snapshot(PRICE * 1.02, held)
    second = replace(later, epoch_at=first.epoch_at + QUARTER)
    before, now = Marked(snapshot=first, price=PRICE), Marked(snapshot=second, price=PRICE * 1.02)
    kept = epoch_pnl(before, now, ())
    gone = replace(second, holdings=(replace(second.holdings[0], positions=()),))
    closed = epoch_pnl(before, replace(now, snapshot=gone), ())
    would = do_nothing_usd(before, replace(now, snapshot=gone), closed)
    states = [seen.pool_state(held.pool_id) for seen in (first, second)]
    assert all(held.tick_lower <= state.tick < held.tick_upper for state in states)
    growths = [state.fee_growth_global1_x128 for state in states]
    fees = growth_delta(growths[1], growths[0]) * held.liquidity // Q128
    assert would == pytest.approx(kept.nav_end_usd + closed.parts.flow_usd + fees / USDC, rel=1e-9)
    nowhere = replace(gone, pools=gone.pools[1:])
    assert do_nothing_usd(before, replace(now, snapshot=nowhere), closed) is None


def plan(at: int, kind: DecisionKind, gain: float, cost: float, apr: float | None) -> AllocationPlan:
    told = Alternative(action=kind, gain_usd=gain, cost_usd=cost, net_usd=gain - cost, note="taken")
    target = Target(
        pool_id="8453:0x1",
        chain_id=8453,
        share_frac=1.0,
        capital_usd=1_000.0,
        expected_apr=apr or 0.0,
        tick_lower=0,
        tick_upper=1,
    )
    return AllocationPlan(
        pair="WETH-USDC",
        epoch_at=END_AT + at * QUARTER,
        policy="default",
        inputs_hash="",
        code_version="",
        config_version="",
        price=PRICE,
        nav_usd=1_000.0,
        targets=(target,) if apr is not None else (),
        decision=Decision(kind=kind, reason="", binding="", current_apr=0.0, optimal_apr=0.0, alternatives=(told,)),
        closes=(),
        opens=(),
    )


def intervals(count: int) -> list[EpochPnl]:
    """Each earns a cent of fees; swaps of 2 USD in the first and the third."""
    wallet = Wallet()
    wallet.open(BASE, WETH, 2_000 * USDC)
    found, before = [], wallet.mark()
    for number in range(count):
        wallet.begin_epoch()
        wallet.earn(BASE, 1, 0, USDC // 100)
        if number in (0, 2):
            wallet.swap(BASE, 0, -2 * USDC)
        now = wallet.mark()
        found.append(epoch_pnl(before, now, wallet.movements))
        before = now
    return found


def test_a_decision_has_the_costs_of_its_epoch_and_the_income_until_the_next() -> None:
    year = 365.25 * 96
    plans = [
        plan(0, DecisionKind.PRA, 5.0, 1.0, 0.01 * year / 1_000.0),
        plan(1, DecisionKind.HOLD, 0.0, 0.0, None),
        plan(2, DecisionKind.RS, 5.0, 4.0, 0.02 * year / 1_000.0),
    ]
    first, second = decision_results(plans, intervals(5))
    assert (first.cost_usd, second.cost_usd) == (pytest.approx(2.0), pytest.approx(2.0))
    assert (first.fees_usd, second.fees_usd) == (pytest.approx(0.02), pytest.approx(0.03))
    assert (first.expected_usd, second.expected_usd) == (pytest.approx(0.02), pytest.approx(0.06))
    assert first.until_at == second.epoch_at
    assert first.net_usd == pytest.approx(-1.98)
    told = calibration([first, second])
    assert (told.decisions, told.income_ratio) == (2, pytest.approx(0.05 / 0.08))
    assert told.cost_ratio == pytest.approx(4.0 / 5.0)


def test_where_nothing_was_promised_there_is_no_ratio() -> None:
    results = decision_results([plan(0, DecisionKind.EXIT, 3.0, 0.0, None)], intervals(2))
    assert [one.expected_usd for one in results] == [None]
    assert calibration(results).income_ratio is None
    assert calibration(results).cost_ratio is None
    assert calibration(()).decisions == 0

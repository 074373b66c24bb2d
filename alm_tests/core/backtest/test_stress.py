"""Bad weeks: what they may cost beyond holding the tokens, and that nothing is done of which nothing is known.

Budgets are of the value at the start, and each says why it is what it is. One that a policy should keep and does not is
an expected failure that names what was found.
"""

from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from itertools import pairwise

import pytest

from alm_core.backtest.run import run_backtest
from alm_core.model.backtest import BacktestConfig, BacktestEpoch
from alm_core.model.config import LimitsConfig, StrategyConfig
from alm_core.model.decisions import DecisionKind
from alm_core.model.epochs import EPOCH_LENGTH
from alm_tests.core.backtest import stress_tapes
from alm_tests.core.backtest.stress_tapes import END_AT, EVENT_AT, FIRST_AT, StressTape

TAPES = {
    "depeg": stress_tapes.depeg,
    "crash": stress_tapes.crash,
    "dear_gas": stress_tapes.dear_gas,
    "dead_volume": stress_tapes.dead_volume,
    "exchange_outage": stress_tapes.exchange_outage,
}
POLICIES = ("default", "fixed_5", "tau_reset", "mellow_like", "gamma_like", "auto_like")
MOVES = (DecisionKind.RS, DecisionKind.PRA, DecisionKind.WIDEN, DecisionKind.EXIT)


@cache
def tape(name: str) -> StressTape:
    return TAPES[name]()


@cache
def run(name: str, policy: str) -> tuple[BacktestEpoch, ...]:
    """Epochs of a policy on a tape; it searches no parameters: those it begins with are its class's."""
    config = BacktestConfig(pair=tape(name).pair, policy=policy)
    strategy = StrategyConfig(max_pool_share=1.0, optimize=False)
    return tuple(run_backtest(tape(name).market(), FIRST_AT, END_AT, config, strategy, LimitsConfig()))


def event(name: str, policy: str) -> list[BacktestEpoch]:
    return [one for one in run(name, policy) if EVENT_AT <= one.epoch_at < tape(name).until_at]


def behind_frac(one: BacktestEpoch) -> float:
    """Loss beyond what holding the tokens of the start would have lost; negative where it was less."""
    assert one.nav_usd is not None
    assert one.hodl_usd is not None
    return (one.hodl_usd - one.nav_usd) / one.book.nav_start_usd


def worst_behind_frac(name: str, policy: str) -> float:
    return max(behind_frac(one) for one in run(name, policy) if one.nav_usd is not None)


def moves_of(epochs: list[BacktestEpoch]) -> int:
    """Decisions that move capital; compounding apart."""
    return sum(one.kind in MOVES for one in epochs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What a tape may cost a policy: shares of the value at the start, moves in the event, gas of all days."""

    end_frac: float
    worst_frac: float
    moves: int
    gas_frac: float


ALL_IN_THE_FALLING = 0.06
"""A range in a stable pair is all in the coin that falls: at 0.88 half of twelve per cent behind holding both."""
BUDGETS: dict[tuple[str, str], Budget] = {
    # What is taken out at 2 % below par is worth par again in the end: what may stay is the swap of placing, and gas.
    ("depeg", "default"): Budget(end_frac=0.005, worst_frac=ALL_IN_THE_FALLING + 0.005, moves=2, gas_frac=0.001),
    # A range that stays has all back once the peg is.
    ("depeg", "fixed_5"): Budget(end_frac=0.0, worst_frac=ALL_IN_THE_FALLING, moves=0, gas_frac=0.001),
    # A range that follows sells what falls all the way down: the fall itself is the bound, twelve per cent.
    ("depeg", "tau_reset"): Budget(end_frac=0.12, worst_frac=0.12, moves=250, gas_frac=0.01),
    ("depeg", "mellow_like"): Budget(end_frac=0.12, worst_frac=0.12, moves=250, gas_frac=0.01),
    # A range of some 5 % that stays is all in WETH from -5 % on: half of the rest of the fall, and half of the 5 %.
    ("crash", "default"): Budget(end_frac=0.18, worst_frac=0.19, moves=4, gas_frac=0.001),
    ("crash", "fixed_5"): Budget(end_frac=0.18, worst_frac=0.19, moves=0, gas_frac=0.001),
    # One recentred at every 5 % loses a quarter of each on the way, ten times: not more than the range that stays.
    ("crash", "tau_reset"): Budget(end_frac=0.12, worst_frac=0.12, moves=20, gas_frac=0.001),
    ("crash", "auto_like"): Budget(end_frac=0.12, worst_frac=0.12, moves=20, gas_frac=0.01),
    ("crash", "mellow_like"): Budget(end_frac=0.18, worst_frac=0.19, moves=60, gas_frac=0.001),
    # Fees go on: nothing may be lost to gas that is not paid. A placement and moves before and after the event.
    ("dear_gas", "default"): Budget(end_frac=0.0, worst_frac=0.005, moves=0, gas_frac=0.005),
    ("dear_gas", "fixed_5"): Budget(end_frac=0.0, worst_frac=0.005, moves=0, gas_frac=0.005),
    ("dear_gas", "auto_like"): Budget(end_frac=0.0, worst_frac=0.005, moves=0, gas_frac=0.005),
    # No fees for a day at 60 % volatility: a range of 5 % loses 40 times sigma^2/8, half a per cent until it is left.
    ("dead_volume", "default"): Budget(end_frac=0.005, worst_frac=0.01, moves=3, gas_frac=0.001),
    ("dead_volume", "tau_reset"): Budget(end_frac=0.025, worst_frac=0.025, moves=5, gas_frac=0.001),
    # Seven blind hours in which the price falls by 6 % out of the range: half of that, less the fees of the other days.
    ("exchange_outage", "default"): Budget(end_frac=0.0, worst_frac=0.03, moves=0, gas_frac=0.002),
    ("exchange_outage", "tau_reset"): Budget(end_frac=0.0, worst_frac=0.03, moves=0, gas_frac=0.002),
    ("exchange_outage", "mellow_like"): Budget(end_frac=0.0, worst_frac=0.03, moves=0, gas_frac=0.002),
}


@pytest.mark.parametrize(("name", "policy"), BUDGETS)
def test_an_event_costs_no_more_than_its_budget(name: str, policy: str) -> None:
    budget, last = BUDGETS[name, policy], run(name, policy)[-1]
    assert behind_frac(last) <= budget.end_frac
    assert worst_behind_frac(name, policy) <= budget.worst_frac
    assert moves_of(event(name, policy)) <= budget.moves
    assert last.book.totals.gas_usd <= budget.gas_frac * last.book.nav_start_usd


@pytest.mark.xfail(
    strict=True,
    reason="found, not mended: SUPPRESS and STOP_ADDING hold the range that was left from -5 % to the exit at -30 %",
)
def test_a_crash_costs_the_default_no_more_than_twice_what_a_day_may_lose() -> None:
    assert behind_frac(run("crash", "default")[-1]) <= 2.0 * LimitsConfig().max_day_loss_frac


@pytest.mark.parametrize("name", TAPES)
@pytest.mark.parametrize("policy", POLICIES)
def test_value_changes_by_the_parts_of_profit_and_loss_and_nothing_else(name: str, policy: str) -> None:
    known = [one for one in run(name, policy) if one.nav_usd is not None]
    assert known[0].nav_usd is not None
    assert known[0].nav_usd - known[0].book.nav_start_usd == pytest.approx(known[0].parts.change_usd, abs=1e-6)
    for before, after in pairwise(known):
        assert before.nav_usd is not None
        assert after.nav_usd is not None
        assert after.nav_usd - before.nav_usd == pytest.approx(after.parts.change_usd, abs=1e-6)


@pytest.mark.parametrize("policy", POLICIES)
def test_nothing_is_decided_while_no_candles_are_told(policy: str) -> None:
    # The first epoch of the outage still sees the minutes before it, the first after it none.
    until_at = tape("exchange_outage").until_at
    blind = [one for one in run("exchange_outage", policy) if EVENT_AT < one.epoch_at <= until_at]
    assert len(blind) == 28
    assert {one.kind for one in blind} == {DecisionKind.HOLD}
    assert {one.plan for one in blind} == {None}
    assert {one.nav_usd for one in blind} == {None}
    assert {one.book.holdings for one in blind} == {blind[0].book.holdings}


@pytest.mark.parametrize("policy", ["default", "fixed_5"])
def test_what_a_pool_paid_while_no_candles_were_told_is_not_lost(policy: str) -> None:
    epochs = run("exchange_outage", policy)
    until_at = tape("exchange_outage").until_at
    (first_seen,) = [one for one in epochs if one.epoch_at == until_at + EPOCH_LENGTH]
    before = [one for one in epochs if one.epoch_at < EVENT_AT][-1]
    hours = (first_seen.epoch_at - before.epoch_at) / timedelta(hours=1)
    rate = before.book.totals.fees_usd / 24.0
    # Part of the time the price was below the range: more than a third of the usual fees, no more than all of them.
    assert rate * hours / 3.0 < first_seen.book.totals.fees_usd - before.book.totals.fees_usd < rate * hours * 1.2


def test_capital_leaves_a_pool_in_which_nobody_trades() -> None:
    left = [one for one in event("dead_volume", "default") if not one.placed]
    assert left
    assert left[0].epoch_at - EVENT_AT <= timedelta(days=1)
    assert left[-1].epoch_at == END_AT - EPOCH_LENGTH


def test_capital_leaves_a_stable_that_lost_its_peg_and_does_not_return_while_it_is_off() -> None:
    exits = [one for one in event("depeg", "default") if one.kind is DecisionKind.EXIT]
    assert len(exits) == 1
    assert exits[0].price is not None
    assert exits[0].price > 0.96
    later = [one for one in event("depeg", "default") if one.epoch_at > exits[0].epoch_at + EPOCH_LENGTH]
    assert all(not one.placed for one in later)


def test_the_tapes_are_what_they_say() -> None:
    closes = {name: tape(name).tape.candles for name in TAPES}
    peg = closes["depeg"].between(EVENT_AT, END_AT).close
    assert 0.875 < peg.min() < 0.885
    assert abs(peg[-1] - 1.0) < 0.002
    day = closes["crash"].between(EVENT_AT, EVENT_AT + timedelta(days=1)).close
    assert day[-1] / day[0] == pytest.approx(0.6, abs=0.01)
    gas = tape("dear_gas").gas_multiple
    assert (gas.max(), gas.min()) == (50.0, 1.0)
    market = tape("exchange_outage").market()
    assert len(market.candles(EVENT_AT, EVENT_AT + timedelta(hours=7))) == 0
    assert market.snapshot(EVENT_AT + timedelta(hours=3)) is not None

"""One epoch of a backtest after the other: when plans are carried out, what is told of it, and what holes do."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest

from alm_core.backtest.caps import too_much, with_plan
from alm_core.backtest.step import EpochMarket, next_epoch
from alm_core.backtest.venue import carry_out
from alm_core.model.backtest import BacktestConfig, BacktestEpoch, CarriedPlan, SimulatedBook, VenueConfig
from alm_core.model.config import LimitsConfig, StrategyConfig
from alm_core.model.decisions import AllocationPlan, DecisionKind, PositionClose
from alm_core.model.epochs import Epoch
from alm_core.model.errors import InvalidInput
from alm_core.model.market import Holdings, InTransit, SourceProblem, TokenBalance
from alm_core.shadow.rivals import Seen
from alm_core.simulation.fee_swaps import PoolEvents
from alm_tests.core.backtest.venue_market import (
    BASE,
    BINS,
    NATIVE_USDC,
    OTHER,
    PAIR,
    POLYGON,
    QUARTER,
    Market,
    later,
    minutes_between,
    plan_of,
    target,
    token,
    wallet_on,
)

MARKET = Market(pools=(NATIVE_USDC, BINS, OTHER), rewards_apr=0.1)
Decider = Callable[[Seen], AllocationPlan]


def at_seen(seen: Seen) -> Market:
    return replace(MARKET, at=seen.epoch.epoch_at, price=seen.price)


def places(seen: Seen) -> AllocationPlan:
    """Place everything on Polygon once."""
    market = at_seen(seen)
    if any(held.positions for held in seen.snapshot.holdings):
        return plan_of(market, kind=DecisionKind.HOLD)
    return plan_of(market, opens=(target(market, NATIVE_USDC, -0.1, 0.1, 1.0),))


def moves(seen: Seen) -> AllocationPlan:
    """Place everything anew at every epoch."""
    market = at_seen(seen)
    closes = tuple(
        PositionClose.of(position, held.block.chain_id)
        for held in seen.snapshot.holdings
        for position in held.positions
    )
    return plan_of(market, kind=DecisionKind.RS, closes=closes, opens=(target(market, NATIVE_USDC, -0.1, 0.1, 1.0),))


def holds(seen: Seen) -> AllocationPlan:
    return plan_of(at_seen(seen), kind=DecisionKind.HOLD)


def stumbles(seen: Seen) -> AllocationPlan:
    raise InvalidInput(f"no idea at {seen.epoch.epoch_at.isoformat()}")


class Run:
    """A backtest that is stepped by hand."""

    def __init__(
        self, venue: VenueConfig | None = None, capital_usd: float | None = 10_000.0, policy: str = "test"
    ) -> None:
        self.config = BacktestConfig(pair=PAIR, policy=policy, capital_usd=capital_usd, venue=venue or VenueConfig())
        self.market = MARKET
        self.before: Market | None = None
        self.book: SimulatedBook | None = None

    def step(
        self, decider: Decider, now: Market | None = None, events: dict[str, PoolEvents] | None = None
    ) -> BacktestEpoch:
        """The next epoch at ``now``; the market of the last epoch that was read is what is marked at."""
        market = now or (self.market if self.before is None else later(self.market, self.market.price))
        found = next_epoch(
            EpochMarket(
                epoch=Epoch(pair=PAIR, epoch_at=market.at),
                candles=minutes_between(replace(self.market, at=market.at - QUARTER), market),
                recorded=market.snapshot(),
                before=None if self.before is None else self.before.snapshot(),
                past=(),
                events=events or {},
            ),
            self.book,
            decider,
            self.config,
            StrategyConfig(),
            LimitsConfig(),
        )
        assert found is not None
        self.book, self.before, self.market = found.book, market, market
        return found


def value_of(epoch: BacktestEpoch) -> float:
    assert epoch.nav_usd is not None
    return epoch.nav_usd


def test_a_plan_is_carried_out_after_its_latency_and_not_before() -> None:
    for latency in (0, 1, 3):
        run = Run(VenueConfig(latency_epochs=latency))
        first = run.step(places)
        epochs = [first, *(run.step(holds) for _ in range(latency))]
        assert [bool(one.placed) for one in epochs] == [number == latency for number in range(latency + 1)]
        assert epochs[-1].book.last_moved_at == first.epoch_at
        assert epochs[-1].book.moves == 1
        assert [one.moved for one in epochs[-1].book.recent] == [True] + [False] * latency
        assert epochs[latency].parts.gas_usd > 0.0
        assert all(one.parts.gas_usd == 0.0 for one in epochs[:latency])


def test_the_net_asset_value_changes_by_the_parts_rewards_and_gas_among_them() -> None:
    run = Run(VenueConfig(latency_epochs=1, gas_multiple=10.0))
    epochs = [run.step(places)]
    epochs += [run.step(places, later(run.market, 2000.0 + 5.0 * number)) for number in range(1, 8)]
    for before, after in pairwise(epochs):
        change = value_of(after) - value_of(before)
        assert change == pytest.approx(after.parts.change_usd, rel=1e-9, abs=1e-9 * value_of(after))
    assert epochs[-1].book.totals.rewards_usd > 0.0
    assert epochs[-1].book.totals.gas_usd > 0.0
    begun = epochs[0].book.nav_start_usd
    assert value_of(epochs[-1]) - begun == pytest.approx(epochs[-1].book.totals.change_usd, rel=1e-9)


def test_a_decision_that_cannot_be_made_is_a_hold_that_earns() -> None:
    run = Run(VenueConfig(latency_epochs=0))
    run.step(places)
    found = run.step(stumbles)
    assert (found.kind, found.plan) == (DecisionKind.HOLD, None)
    assert found.reason == f"no idea at {found.epoch_at.isoformat()}"
    assert found.problems == (found.reason,)
    assert found.nav_usd is not None
    assert found.parts.fees_usd > 0.0
    assert found.book.recent[-1].kind is DecisionKind.HOLD


def test_a_plan_that_could_not_be_begun_in_time_is_dropped_and_named() -> None:
    for quarters, dropped in ((2, False), (3, True)):
        run = Run()
        first = run.step(places)
        found = run.step(holds, replace(later(run.market, 2000.0), at=run.market.at + quarters * QUARTER))
        assert bool(found.placed) is not dropped
        if dropped:
            assert found.problems == (f"the plan of {first.epoch_at.isoformat()} could not be begun in time",)
        assert found.book.failures == int(dropped)
        assert found.book.waiting == ()


def test_a_third_rebalance_within_the_hour_waits_as_it_does_live_and_rules_of_others_do_not() -> None:
    ours, rule = Run(VenueConfig(latency_epochs=0), policy="default"), Run(VenueConfig(latency_epochs=0))
    moved: list[bool] = []
    for number in range(8):
        found, other = ours.step(moves), rule.step(moves)
        moved.append(found.book.recent[-1].moved)
        assert other.book.recent[-1].moved
        if not moved[-1]:
            (problem,) = found.problems
            assert "is refused: max_rebalances_hour: 2 rebalances within the hour (bound 2)" in problem
        assert found.book.failures == moved.count(False), number
    # The first closes nothing. From an hour and a quarter after the second on, only one counts.
    assert moved == [True, True, True, False, False, False, True, True]


def test_what_a_day_may_turn_over_is_counted_with_what_was_swapped() -> None:
    plan = replace(plan_of(MARKET), nav_usd=10_000.0)
    placing = replace(plan, opens=(replace(target(MARKET, NATIVE_USDC, -0.1, 0.1, 1.0), capital_usd=9_000.0),))
    day = CarriedPlan(epoch_at=plan.epoch_at - timedelta(hours=24), rebalanced=False, moved_usd=21_000.0)
    assert too_much(placing, (day,), LimitsConfig()) == ""
    more = replace(day, moved_usd=21_000.01)
    expected = "max_day_turnover_frac: 21000.01 USD moved in 24 h, the plan places 9000.00 more (bound 30000.00)"
    assert too_much(placing, (more,), LimitsConfig()) == expected
    assert too_much(placing, (replace(more, epoch_at=day.epoch_at - QUARTER),), LimitsConfig()) == ""
    leaving = replace(placing, decision=replace(plan.decision, kind=DecisionKind.EXIT))
    assert too_much(leaving, (more,), LimitsConfig()) == ""
    done = carry_out(plan, (), (), MARKET.snapshot(), MARKET.prices, VenueConfig())
    kept = with_plan((more,), placing, replace(done, moved=True, sold_usd=500.0))
    assert [one.moved_usd for one in kept] == [21_000.01, 9_500.0]
    assert with_plan((more,), placing, done) == (more,)


def test_failed_transactions_are_counted_named_and_paid_for() -> None:
    run = Run(VenueConfig(latency_epochs=0, failure_frac=1.0))
    found = run.step(places)
    assert found.problems == (f"chain {POLYGON}: transactions failed",)
    assert (found.book.failures, found.book.moves, found.book.last_moved_at) == (1, 0, None)
    assert found.parts.gas_usd > 0.0
    assert found.book.recent[-1].moved is False


def test_what_the_price_guard_refuses_is_a_failure_with_a_name() -> None:
    run = Run()
    run.step(places)
    found = run.step(holds, later(run.market, 2050.0))
    assert len(found.problems) == 1
    assert "off the plan's price" in found.problems[0]
    assert (found.book.failures, found.placed) == (1, ())
    assert found.parts.gas_usd == 0.0


def test_a_position_may_be_gone_when_its_plan_is_carried_out() -> None:
    def leaves(seen: Seen) -> AllocationPlan:
        closes = tuple(
            PositionClose(pool_id=one.pool_id, chain_id=POLYGON, token_id=one.token_id)
            for held in seen.snapshot.holdings
            for one in held.positions
        )
        return plan_of(at_seen(seen), closes=closes, kind=DecisionKind.EXIT)

    run = Run(VenueConfig(latency_epochs=2))
    for decider in (places, holds, holds, leaves, leaves, holds):
        run.step(decider)
    last = run.step(holds)
    assert last.problems == (f"chain {POLYGON}: position 1 in {NATIVE_USDC.pool_id} is gone",)
    assert last.book.failures == 1


def test_events_that_do_not_lead_to_what_was_read_are_named_and_minutes_used() -> None:
    run = Run(VenueConfig(latency_epochs=0))
    run.step(places)
    found = run.step(holds, later(run.market, 2010.0), {NATIVE_USDC.pool_id: PoolEvents(events=())})
    assert found.problems[0].startswith("fees are estimated from minutes: events of pool")
    assert found.parts.fees_usd > 0.0


def test_of_a_chain_that_is_not_read_nothing_is_known() -> None:
    run = Run(VenueConfig(latency_epochs=0))
    first = run.step(places)
    missing = replace(later(run.market, 2000.0), pools=(BINS, OTHER))
    held = run.step(holds, missing)
    assert (held.nav_usd, held.book) == (None, first.book)
    assert held.problems == (f"chain {POLYGON} of {NATIVE_USDC.pool_id} is not read any more",)


def test_a_pool_of_a_chain_that_is_read_stays_in_the_books_without_its_registry_entry() -> None:
    run = Run(VenueConfig(latency_epochs=0))

    def onto_base(seen: Seen) -> AllocationPlan:
        market = at_seen(seen)
        return plan_of(market, opens=(target(market, OTHER, -0.1, 0.1, 1.0),))

    first = run.step(onto_base)
    gone = [run.step(holds, replace(later(run.market, 2000.0), pools=(NATIVE_USDC, BINS))) for _ in range(3)]
    text = f"{OTHER.pool_id} is not read any more: its position stays as it was"
    assert all(one.problems == (text,) for one in gone)
    assert all(one.parts.fees_usd == 0.0 for one in gone)
    assert value_of(gone[-1]) == pytest.approx(value_of(first), rel=1e-9)
    back = run.step(holds, replace(later(run.market, 2000.0), pools=MARKET.pools))
    assert back.problems == ()
    # Its own counters went on.
    assert back.parts.fees_usd == pytest.approx(4 * run.step(holds).parts.fees_usd, rel=1e-3)
    assert back.book.gone == ()


def test_a_chain_that_leaves_with_nothing_on_it_is_left_out() -> None:
    run = Run(VenueConfig(latency_epochs=0))
    run.step(holds)
    assert run.book is not None
    run.book = replace(run.book, holdings=tuple(_emptied(held, POLYGON) for held in run.book.holdings))
    found = run.step(holds, replace(later(run.market, 2000.0), pools=(BINS, OTHER)))
    assert [held.block.chain_id for held in found.book.holdings] == [BASE]
    assert (found.problems, value_of(found)) == ((), pytest.approx(5_000.0))


def _emptied(held: Holdings, chain_id: int) -> Holdings:
    if held.block.chain_id != chain_id:
        return held
    return replace(held, balances=tuple(replace(entry, amount=0) for entry in held.balances))


def test_sources_that_did_not_answer_hold_the_epoch() -> None:
    run = Run()
    run.step(holds)
    market = later(run.market, 2000.0)
    recorded = replace(market.snapshot(), problems=(SourceProblem(source="rpc", detail="no answer"),))
    epoch = EpochMarket(
        epoch=Epoch(pair=PAIR, epoch_at=market.at),
        candles=minutes_between(run.market, market),
        recorded=recorded,
        before=run.market.snapshot(),
        past=(),
    )
    held = next_epoch(epoch, run.book, holds, run.config, StrategyConfig(), LimitsConfig())
    assert held is not None
    assert (held.nav_usd, held.problems, held.book) == (None, ("rpc: no answer",), run.book)
    assert next_epoch(epoch, None, holds, run.config, StrategyConfig(), LimitsConfig()) is None


def test_capital_is_shared_evenly_by_chains_and_halved_by_tokens() -> None:
    found = Run().step(holds)
    worth = {
        held.block.chain_id: held.balance(token(held.block.chain_id, "WETH", 18).address) / 1e18 * 2000.0
        for held in found.book.holdings
    }
    assert worth == {POLYGON: pytest.approx(2_500.0), BASE: pytest.approx(2_500.0)}
    assert found.book.hodl_base * 2000.0 == pytest.approx(5_000.0)
    assert found.book.hodl_quote == pytest.approx(5_000.0)


def test_a_run_may_begin_with_what_was_held_and_was_on_its_way() -> None:
    run = Run(capital_usd=None)
    wallet = wallet_on(MARKET, BASE, 1.0, 500.0)
    stray = TokenBalance(address="0x" + "99" * 20, amount=10**30)
    going = InTransit(
        from_chain=POLYGON,
        to_chain=BASE,
        token=token(BASE, "USDC", 6).address.lower(),
        amount=250 * 10**6,
        started_at=MARKET.at - timedelta(minutes=10),
    )
    recorded = replace(
        MARKET.snapshot(),
        holdings=(replace(wallet, balances=(*wallet.balances, stray)),),
        in_transit=(going,),
    )
    epoch = EpochMarket(
        epoch=Epoch(pair=PAIR, epoch_at=MARKET.at),
        candles=minutes_between(replace(MARKET, at=MARKET.at - QUARTER), MARKET),
        recorded=recorded,
        before=None,
        past=(),
    )
    found = next_epoch(epoch, None, holds, run.config, StrategyConfig(), LimitsConfig())
    assert found is not None
    assert found.nav_usd == pytest.approx(2_000.0 + 500.0 + 250.0)
    run.book, run.before = found.book, MARKET
    after = run.step(holds)
    assert after.book.travelling == ()
    held = next(one for one in after.book.holdings if one.block.chain_id == BASE)
    assert held.balance(token(BASE, "USDC", 6).address) == 750 * 10**6
    assert after.nav_usd == found.nav_usd

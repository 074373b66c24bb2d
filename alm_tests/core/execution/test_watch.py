"""The look before an epoch's plan: marks, breakers that make the wallet leave only, and plans that are too much."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from alm_core.execution.intents import plan_hash
from alm_core.execution.marking import _own_sums, mark_of
from alm_core.execution.watch import EpochWatch, Verdict, pegged_sides
from alm_core.model.books import ANY_CHAIN, LedgerEntry, ReconciledPoint
from alm_core.model.config import LimitsConfig
from alm_core.model.decisions import AllocationPlan, DecisionKind, Move, PositionClose, Target
from alm_core.model.market import Holdings, InTransit, MarketSnapshot, Position, TokenBalance
from alm_core.model.transactions import Action, IntentState
from alm_core.model.transfers import TransferState
from alm_resources.journal import SqlJournal
from alm_tests.core.execution.fakes import OTHER_TOKEN, TOKEN, WALLET
from alm_tests.core.execution.guarded import AT, intent_of, plan_at, snapshot_at, spending_tx
from alm_tests.core.execution.test_guard import MINED, brought_to, transfer_of
from alm_tests.core.execution.v3_fakes import POOL, PRICE
from alm_tests.core.execution.v3_world import target

USD = 10**6
TRANSIT = InTransit(from_chain=8453, to_chain=8453, token=OTHER_TOKEN.lower(), amount=3_000 * USD, started_at=AT)


@pytest.fixture
def journal() -> Iterator[SqlJournal]:
    made = SqlJournal("sqlite:///:memory:")
    yield made
    made.close()


def seen(quarter: int = 0, quote_raw: int = 10_000 * USD, base_raw: int = 10**19, **changes: object) -> MarketSnapshot:
    snapshot = snapshot_at(AT + timedelta(minutes=15) * quarter)
    balances = (TokenBalance(address=TOKEN, amount=base_raw), TokenBalance(address=OTHER_TOKEN, amount=quote_raw))
    holdings = Holdings(
        block=replace(snapshot.pools[0].block, number=100 + quarter),
        wallet=WALLET,
        native_wei=0,
        balances=balances,
        positions=(),
    )
    return replace(snapshot, holdings=(holdings,), **changes)


def planned(quarter: int = 0, kind: DecisionKind = DecisionKind.PRA, **changes: object) -> AllocationPlan:
    return replace(plan_at(AT + timedelta(minutes=15) * quarter, kind), **changes)


def begin(journal: SqlJournal, snapshot: MarketSnapshot, plan: AllocationPlan) -> Verdict:
    return EpochWatch(journal, LimitsConfig(), WALLET).begin(plan, snapshot)


def book(journal: SqlJournal, token: str, delta: int, kind: str) -> None:
    entry = LedgerEntry(
        chain_id=POOL.chain_id,
        wallet=WALLET,
        token=token.lower(),
        delta=delta,
        kind=kind,
        tx_hash=f"0x{kind}{delta}",
        log_index=0,
        intent_key=None,
    )
    journal.add_ledger_entries([entry])


def test_the_mark_of_an_epoch_is_written_once(journal: SqlJournal) -> None:
    assert begin(journal, seen(), planned(kind=DecisionKind.HOLD)) == Verdict()
    begin(journal, seen(quote_raw=5), planned(kind=DecisionKind.HOLD))
    (mark,) = journal.read_marks("WETH-USDC", WALLET, AT)
    assert mark.nav_usd == pytest.approx(10_000.0 + 10 * PRICE)
    assert (mark.base_amount, mark.quote_amount) == (10.0, 10_000.0)


def test_a_loss_makes_the_wallet_leave_only_and_an_exit_goes_on(journal: SqlJournal) -> None:
    book(journal, OTHER_TOKEN, 0, "transfer")
    begin(journal, seen(), planned(kind=DecisionKind.HOLD))
    book(journal, OTHER_TOKEN, -4_000 * USD, "transfer")
    lost = seen(1, quote_raw=6_000 * USD)
    verdict = begin(journal, lost, planned(1, DecisionKind.HOLD))
    assert verdict.refusal is not None
    assert verdict.refusal.startswith("max_hour_loss_frac")
    standstill = journal.read_halt(POOL.chain_id, WALLET)
    assert standstill is not None
    assert (standstill.mode, standstill.set_by) == ("withdraw_only", "max_hour_loss_frac")
    assert [at for at, _, _ in journal.read_halts()] == [ANY_CHAIN]
    leaving = planned(1, DecisionKind.EXIT, closes=(PositionClose(pool_id=POOL.pool_id, chain_id=8453, token_id=1),))
    assert begin(journal, lost, leaving).on(POOL.chain_id) is None
    placing = planned(1, opens=(target(0.5, (-10, 10)),))
    assert "withdraw_only" in (begin(journal, lost, placing).by_chain[POOL.chain_id])


def test_what_keeps_a_pair_from_placing_keeps_each_chain_and_what_keeps_one_chain_keeps_it_alone() -> None:
    assert Verdict(refusal="drawdown", by_chain={1: "halted"}).on(1) == "drawdown"
    assert Verdict(by_chain={1: "halted"}).on(1) == "halted"
    assert Verdict(by_chain={1: "halted"}).on(8453) is None


def test_a_withdrawal_is_no_loss_booked_or_not(journal: SqlJournal) -> None:
    begin(journal, seen(), planned(kind=DecisionKind.HOLD))
    assert begin(journal, seen(1, quote_raw=5_000 * USD), planned(1, DecisionKind.HOLD)) == Verdict()
    book(journal, OTHER_TOKEN, -5_000 * USD, "withdrawal")
    assert begin(journal, seen(2, quote_raw=5_000 * USD), planned(2, DecisionKind.HOLD)) == Verdict()


def test_what_is_between_chains_counts_as_held(journal: SqlJournal) -> None:
    begin(journal, seen(), planned(kind=DecisionKind.HOLD))
    intent = intent_of(spending_tx(3_000 * USD, Action.BRIDGE), 1)
    journal.add_transfer(intent, transfer_of(intent, 2_990 * USD))
    brought_to(journal, intent, IntentState.FINAL_OK)
    book(journal, OTHER_TOKEN, -3_000 * USD, "transfer")
    on_the_way = seen(1, quote_raw=7_000 * USD, in_transit=(TRANSIT,))
    assert begin(journal, on_the_way, planned(1, DecisionKind.HOLD)) == Verdict()
    assert len(journal.read_marks("WETH-USDC", WALLET, AT)) == 2


@pytest.mark.parametrize(
    "changes", [{"quote_usd": None}, {"quote_usd": float("nan")}, {"holdings": ()}, {"price": 0.0}, {"balance": 1}]
)
def test_what_is_not_known_leaves_no_mark(journal: SqlJournal, changes: dict[str, object]) -> None:
    plan = planned(price=changes.pop("price", PRICE))
    snapshot = seen()
    if changes.pop("balance", None):
        (holdings,) = snapshot.holdings
        snapshot = replace(snapshot, holdings=(replace(holdings, balances=holdings.balances[:1]),))
    assert mark_of(journal, WALLET, plan, replace(snapshot, **changes)) is None


def test_while_something_is_in_flight_or_books_are_newer_there_is_no_mark(journal: SqlJournal) -> None:
    assert mark_of(journal, WALLET, planned(), seen()) is not None
    point = ReconciledPoint(chain_id=8453, wallet=WALLET, block_number=100, block_hash="0x", nonce=0)
    journal.record_reconciled(point, (), ())
    assert mark_of(journal, WALLET, planned(), seen()) is not None
    journal.record_reconciled(replace(point, block_number=101), (), ())
    assert mark_of(journal, WALLET, planned(), seen()) is None
    assert mark_of(journal, WALLET, planned(1), seen(1)) is not None
    brought_to(journal, intent_of(spending_tx(5), 1), IntentState.RESERVED)
    assert mark_of(journal, WALLET, planned(1), seen(1)) is None


def test_an_arrival_that_is_seen_but_not_booked_leaves_no_mark(journal: SqlJournal) -> None:
    intent = intent_of(spending_tx(3_000 * USD, Action.BRIDGE), 1)
    transfer = transfer_of(intent, 2_990 * USD)
    journal.add_transfer(intent, transfer)
    assert mark_of(journal, WALLET, planned(), seen()) is not None, "it was never sent"
    brought_to(journal, intent, IntentState.FINAL_OK)
    assert mark_of(journal, WALLET, planned(), seen()) is None
    assert mark_of(journal, WALLET, planned(), seen(in_transit=(TRANSIT,))) is not None


def test_an_arrival_that_is_booked_but_not_seen_leaves_no_mark(journal: SqlJournal) -> None:
    intent = intent_of(spending_tx(3_000 * USD, Action.BRIDGE), 1)
    transfer = transfer_of(intent, 2_990 * USD)
    journal.add_transfer(intent, transfer)
    brought_to(journal, intent, IntentState.FINAL_OK)
    assert mark_of(journal, WALLET, planned(), seen(in_transit=(TRANSIT,))) is not None
    journal.store_transfer(replace(transfer, state=TransferState.ARRIVED, received_amount=3_000 * USD))
    assert mark_of(journal, WALLET, planned(), seen(in_transit=(TRANSIT,))) is None


def test_what_was_settled_after_the_snapshot_and_never_reconciled_trips_no_breaker(journal: SqlJournal) -> None:
    """A process died while something of an earlier plan was in flight, the next one right after it had settled that."""
    earlier = intent_of(spending_tx(0, Action.CLOSE), 1)
    brought_to(journal, earlier, IntentState.BROADCAST)
    before = seen(0, quote_raw=4_000 * USD)  # at block 100; 6,000 are in the position that is being closed
    begin(journal, before, planned())
    assert journal.read_marks("WETH-USDC", WALLET, AT) == ()
    journal.advance(earlier.key, IntentState.MINED)
    journal.settle(earlier.key, IntentState.FINAL_OK, replace(MINED, tx_hash=earlier.key, block_number=101), ())
    book(journal, OTHER_TOKEN, 6_000 * USD, "transfer")
    begin(journal, before, planned())
    assert journal.read_marks("WETH-USDC", WALLET, AT) == ()
    assert begin(journal, seen(1), planned(1)).tripped == ()
    assert len(journal.read_marks("WETH-USDC", WALLET, AT)) == 1


CLOSING = (PositionClose(pool_id=POOL.pool_id, chain_id=8453, token_id=1),)


@pytest.mark.control("max_rebalances_hour", "fires")
@pytest.mark.control("max_rebalances_hour", "passes")
def test_a_third_rebalance_within_the_hour_waits(journal: SqlJournal) -> None:
    plan = planned(4, closes=CLOSING)
    for number, (digest, hours) in enumerate([("first", 0.5), ("second", 0.75), ("before", -0.5)]):
        at = AT + timedelta(hours=hours)
        for action, step in ((Action.CLOSE, 1), (Action.OPEN, 2)):
            tx = replace(spending_tx(number + step), action=action)
            brought_to(journal, intent_of(tx, 10 * number + step, at, plan=digest), IntentState.FINAL_OK)
        verdict = begin(journal, seen(4), plan)
        if number == 0:
            assert verdict.refusal is None
    assert verdict.refusal is not None
    assert verdict.refusal.startswith("max_rebalances_hour: 2")
    assert begin(journal, seen(4), planned(4)).refusal is None, "what closes nothing is none"


def placing(usd: float) -> AllocationPlan:
    wanted: Target = replace(target(0.5, (-10, 10)), capital_usd=usd)
    return planned(opens=(wanted,))


def test_a_plan_beyond_the_days_turnover_is_refused_before_anything_is_closed(journal: SqlJournal) -> None:
    assert begin(journal, seen(), placing(90_000.0)).refusal is None
    refused = begin(journal, seen(), placing(90_001.0)).refusal
    assert refused is not None
    assert refused.startswith("max_day_turnover_frac")
    brought_to(journal, intent_of(spending_tx(60_000 * USD), 1), IntentState.FINAL_OK)
    assert begin(journal, seen(), placing(30_000.0)).refusal is None
    assert begin(journal, seen(), placing(30_001.0)).refusal is not None


def test_off_its_peg_three_times_nothing_is_placed(journal: SqlJournal) -> None:
    for quarter in range(3):
        verdict = begin(journal, seen(quarter, quote_usd=0.99), planned(quarter))
    assert verdict.refusal is not None
    assert verdict.refusal.startswith("depeg_freeze_frac")
    assert verdict.tripped == ()
    assert begin(journal, seen(3, quote_usd=0.999), planned(3)).refusal is None


def test_only_sides_that_are_stables_everywhere_are_pegged() -> None:
    assert [side.side for side in pegged_sides([POOL])] == ["quote"]
    assert pegged_sides([]) == ()


@pytest.mark.parametrize(("token", "base", "quote"), [(OTHER_TOKEN, 10.0, 13_000.0), (TOKEN, 10.0 + 3e-9, 10_000.0)])
def test_a_mark_counts_what_is_between_chains_in_its_own_token_alone(
    journal: SqlJournal, token: str, base: float, quote: float
) -> None:
    intent = intent_of(spending_tx(3_000 * USD, Action.BRIDGE), 1)
    journal.add_transfer(intent, transfer_of(intent, 2_990 * USD, token))
    brought_to(journal, intent, IntentState.FINAL_OK)
    mark = mark_of(journal, WALLET, planned(), seen(in_transit=(replace(TRANSIT, token=token.lower()),)))
    assert mark is not None
    assert mark.base_amount == pytest.approx(base, rel=1e-15)
    assert mark.quote_amount == pytest.approx(quote, rel=1e-15)


def test_flows_are_what_is_held_beyond_our_own_entries_to_the_raw_unit(journal: SqlJournal) -> None:
    for kind, delta in (("transfer", -7), ("fees", 3), ("rewards", 2), ("bridge", 5), ("reorg", -1), ("deposit", 100)):
        book(journal, OTHER_TOKEN, delta, kind)
    book(journal, TOKEN, 1, "transfer")
    assert _own_sums(journal, POOL.chain_id, WALLET) == {OTHER_TOKEN.lower(): 2, TOKEN.lower(): 1}
    mark = mark_of(journal, WALLET, planned(), seen(quote_raw=10, base_raw=1))
    assert mark is not None
    assert (mark.base_flow, mark.quote_flow) == (0.0, 8 / USD)


def test_a_mark_counts_positions_with_their_fees_in_the_pairs_own_order(journal: SqlJournal) -> None:
    position = Position(
        pool_id=POOL.pool_id,
        token_id=1,
        tick_lower=-10,
        tick_upper=10,
        liquidity=1,
        amount0=10**18,
        amount1=2 * 10**9,
        fees0=10**17,
        fees1=3 * 10**8,
    )
    assert POOL.base_is_token0
    snapshot = seen()
    (holdings,) = snapshot.holdings
    mark = mark_of(journal, WALLET, planned(), replace(snapshot, holdings=(replace(holdings, positions=(position,)),)))
    assert mark is not None
    assert (mark.base_amount, mark.quote_amount) == (pytest.approx(11.1), pytest.approx(12_300.0))
    assert mark.nav_usd == pytest.approx(11.1 * PRICE + 12_300.0)
    assert mark.base_flow == pytest.approx(10.0), "a position is no deposit"
    part = replace(snapshot, quote_usd=0.999, holdings=(replace(holdings, positions=(position,)),))
    cheaper = mark_of(journal, WALLET, planned(), part)
    assert cheaper is not None
    assert cheaper.nav_usd == pytest.approx((11.1 * PRICE + 12_300.0) * 0.999)
    strange = replace(position, pool_id="8453:0xunknown")
    unknown = replace(snapshot, holdings=(replace(holdings, positions=(strange,)),))
    assert mark_of(journal, WALLET, planned(), unknown) is None


def test_a_plan_that_was_begun_is_finished_though_it_would_be_too_much_now(journal: SqlJournal) -> None:
    plan = placing(90_000.0)
    brought_to(journal, intent_of(spending_tx(60_000 * USD), 1, plan=plan_hash(plan)), IntentState.FINAL_OK)
    assert begin(journal, seen(), plan).refusal is None
    assert begin(journal, seen(), placing(89_999.0)).refusal is not None


def test_what_a_plan_sends_counts_with_what_it_opens(journal: SqlJournal) -> None:
    def both(usd: float) -> AllocationPlan:
        move = Move(from_chain=POOL.chain_id, to_chain=POOL.chain_id + 1, share_frac=0.1, capital_usd=usd)
        return replace(placing(80_000.0), moves=(move,))

    assert begin(journal, seen(), both(10_000.0)).refusal is None
    refused = begin(journal, seen(), both(10_001.0)).refusal
    assert refused is not None
    assert "places 90001.00 more" in refused

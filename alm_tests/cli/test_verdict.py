"""The verdict of a demo is counted from journal and chain, whatever the epochs said of themselves."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, cast

from alm_cli.demo import summary_of
from alm_cli.verdict import Verdict, verdict_of
from alm_core.model.decisions import DecisionKind
from alm_core.model.epochs import Epoch
from alm_core.model.market import Block, Holdings, MarketSnapshot, TokenBalance
from alm_core.model.reports import EpochReport
from alm_core.model.transactions import Action, Intent, IntentState, UnsignedTransaction
from alm_resources.world import World

AT = datetime(2026, 11, 22, 10, 30, tzinfo=UTC)
PAIR = "WETH-USDC"
WALLET = "0x" + "aa" * 20
TOKEN = "0x" + "0b" * 20
HELD = 123_456_789_012_345_678_901
REPORT = EpochReport(
    pair=PAIR,
    epoch_at=AT,
    price=2700.0,
    forces=None,
    price_range=None,
    decision=DecisionKind.PRA,
    reason="gain over cost",
    transactions_ok=1,
    transactions_failed=0,
    transactions_open=0,
    nav_usd=45_000.0,
    fees_uncollected_usd=1.0,
    fees_collected_usd=2.0,
    gas_usd=0.5,
    problems=(),
    reconciled=True,
)


def intent(state: IntentState) -> Intent:
    tx = UnsignedTransaction(
        chain_id=1, sender=WALLET, to=TOKEN, data="0x", value_wei=0, action=Action.OPEN, summary="open"
    )
    epoch_id = Epoch(pair=PAIR, epoch_at=AT).epoch_id
    return Intent(key="k", epoch_id=epoch_id, pair=PAIR, plan_hash="p", step_no=3, tx=tx, state=state, detail="why")


@dataclass
class Books:
    """Journal and chain of one wallet on one chain, in agreement unless a test says otherwise."""

    intents: tuple[Intent, ...] = (intent(IntentState.FINAL_OK),)
    booked: int = HELD
    positions: frozenset[tuple[str, int]] = field(default_factory=frozenset)
    rewards: dict[str, int] = field(default_factory=dict)

    def read_epoch_intents(self, epoch_id: str) -> tuple[Intent, ...]:
        return tuple(found for found in self.intents if found.epoch_id == epoch_id)

    def read_ledger_sums(self, chain_id: int, wallet: str, *, kind: str | None = None) -> dict[str, int]:
        return self.rewards if kind == "rewards" else {"native": 10**18, TOKEN: self.booked, **self.rewards}

    def read_positions(self, chain_id: int, wallet: str) -> frozenset[tuple[str, int]]:
        return self.positions

    def read_snapshot(self, epoch: Epoch, wallet: str) -> MarketSnapshot:
        holdings = Holdings(
            block=Block(chain_id=1, number=7, block_hash="0x07", block_at=AT),
            wallet=wallet,
            native_wei=10**18,
            balances=(TokenBalance(address=TOKEN, amount=HELD),),
            positions=(),
        )
        return MarketSnapshot(
            pair=epoch.pair,
            epoch_at=epoch.epoch_at,
            quote_usd=1.0,
            chains=(),
            pools=(),
            markets=(),
            holdings=(holdings,),
        )


@dataclass
class BookedWorld:
    """The three parts of a world that a verdict asks."""

    journal: Books
    snapshots: Books

    def wallet_of(self, pair_id: str) -> str:
        return WALLET


def judge(books: Books, *reports: EpochReport) -> Verdict:
    return verdict_of(cast(World, BookedWorld(books, books)), reports or (REPORT,))


def test_settled_intents_equal_books_and_a_moved_pair_are_good() -> None:
    verdict = judge(Books())
    assert verdict.good
    assert (verdict.sent, verdict.failed, verdict.reconciled) == (1, 0, True)


def test_an_unsettled_intent_is_named_with_step_epoch_and_chain() -> None:
    verdict = judge(Books(intents=(intent(IntentState.BROADCAST),)))
    assert verdict.faults == ("open step 3 of WETH-USDC@2026-11-22T10:30:00Z on chain 1 is BROADCAST",)
    assert not verdict.reconciled


def test_books_that_differ_by_one_wei_are_not_good() -> None:
    verdict = judge(Books(booked=HELD - 1))
    assert verdict.faults == (f"{PAIR} on chain 1: {TOKEN} booked {HELD - 1}, on chain {HELD}",)
    assert not verdict.reconciled


def test_a_reward_token_outside_the_pair_is_no_fault_and_one_of_the_pair_is_compared() -> None:
    assert judge(Books(rewards={"0x" + "e1" * 20: 7})).good
    assert judge(Books(rewards={TOKEN: HELD - 1})).faults


def test_a_position_that_only_the_books_know_is_not_good() -> None:
    verdict = judge(Books(positions=frozenset({("pool", 42)})))
    assert "positions booked [42], on chain []" in verdict.faults[0]


def test_a_reverted_transaction_counts_as_failed_with_its_reason() -> None:
    verdict = judge(Books(intents=(intent(IntentState.FINAL_REVERTED),)))
    assert (verdict.sent, verdict.failed) == (1, 1)
    assert verdict.faults[0].endswith("failed: why")


def test_an_intent_that_was_never_sent_is_not_counted_as_sent() -> None:
    assert judge(Books(intents=(intent(IntentState.EXPIRED_UNSENT),))).sent == 0


def test_a_pair_that_never_moved_is_named_although_all_books_agree() -> None:
    verdict = judge(Books(), replace(REPORT, decision=DecisionKind.HOLD))
    assert verdict.faults == ("WETH-USDC: neither reallocated nor shifted",)
    assert verdict.reconciled


def test_an_epoch_whose_run_failed_is_named_with_its_reason() -> None:
    failed = replace(REPORT, price=None, decision=DecisionKind.HOLD, reason="epoch failed: boom")
    assert any("epoch failed: boom" in fault for fault in judge(Books(), REPORT, failed).faults)


def test_the_json_of_a_demo_has_exactly_the_keys_of_its_contract() -> None:
    later = replace(REPORT, decision=DecisionKind.HOLD, nav_usd=45_010.0, gas_usd=None)
    reports = [REPORT, later]
    summary: dict[str, Any] = summary_of(reports, judge(Books(), *reports), 12.34)
    assert set(summary) == {"epochs", "pairs", "decisions", "transactions", "reconciled", "nav", "seconds"}
    assert summary["decisions"] == {"HOLD": 1, "RS": 0, "PRA": 1, "COMPOUND": 0, "WIDEN": 0, "EXIT": 0}
    assert summary["nav"] == {PAIR: 45_010.0}
    assert summary["pairs"][PAIR]["nav_start_usd"] == 45_000.0
    assert summary["pairs"][PAIR]["gas_usd"] == 0.5


def test_figures_nobody_knows_stay_unknown_in_the_json() -> None:
    unknown = replace(REPORT, price=None, nav_usd=None, fees_uncollected_usd=None)
    of_pair = summary_of([unknown], judge(Books(), unknown), 1.0)["pairs"][PAIR]
    assert (of_pair["nav_start_usd"], of_pair["nav_end_usd"], of_pair["fees_usd"]) == (None, None, None)

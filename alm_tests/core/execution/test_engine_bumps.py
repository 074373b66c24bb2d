"""A transaction that is not mined: sent again, outbid under its own nonce within limits, cancelled in the end."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from alm_core.execution.bidding import MORE_GAS, bid_for, gas_limit_for, higher_bid, is_outbid
from alm_core.execution.pursuit import MOST_ATTEMPTS
from alm_core.model.chain_ports import Fees
from alm_core.model.chains import ChainRules
from alm_core.model.errors import (
    GasReserveShort,
    LimitExceeded,
    NotLeading,
    OutcomeUnknown,
    SourceRejected,
)
from alm_core.model.market import Block
from alm_core.model.transactions import Action, FeeBid, IntentState, SignedTransaction, UnsignedTransaction
from alm_resources.journal import SqlJournal
from alm_tests.core.execution.engine_scene import NotingSigner, PriceCap, engine_of, rules_of, stored
from alm_tests.core.execution.fakes import GAS_PRICE, GAS_USED, WALLET, AllowAll, FakeChain, FakeSigner
from alm_tests.resources.journal.scene import blank_journal

LIMIT = GAS_USED * 6 // 5


@pytest.fixture
def chain() -> FakeChain:
    return FakeChain()


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[SqlJournal]:
    opened = blank_journal(tmp_path / "journal.db")
    yield opened
    opened.close()


def spike(chain: FakeChain, factor: int, *, after_waits: int = 1 << 30) -> None:
    """Let the base fee be higher from the first wait on; it falls back after some waits."""
    normal = chain.base_fee

    def on_wait() -> None:
        chain.base_fee = normal * factor if len(chain.waits) <= after_waits else normal

    chain.on_wait = on_wait


def test_a_base_fee_above_the_bid_is_outbid_with_the_same_payload_and_nonce(
    chain: FakeChain, journal: SqlJournal
) -> None:
    signer = NotingSigner()
    spike(chain, 3)
    done = engine_of(chain, journal, signer).run(stored(journal))
    assert done.state is IntentState.FINAL_OK
    assert chain.now.effects == ["P@1/0"]
    assert signer.actions == [Action.SWAP, Action.SWAP]
    first, second = signer.bids
    assert second.gas_limit == first.gas_limit == LIMIT
    assert second.max_fee_per_gas_wei >= 3 * GAS_PRICE
    assert [attempt.signed for attempt in journal.read_attempts(done.key)] == list(chain.received)
    assert journal.read_ledger_sums(chain.chain_id, WALLET)["native"] == -GAS_USED * 3 * GAS_PRICE


def test_every_bid_is_an_eighth_above_the_last_in_both_prices(chain: FakeChain, journal: SqlJournal) -> None:
    signer = NotingSigner()
    chain.mining = False
    with pytest.raises(OutcomeUnknown):
        engine_of(chain, journal, signer, timeout_s=39.0).run(stored(journal))
    assert len(signer.bids) == MOST_ATTEMPTS
    for last, bid in zip(signer.bids, signer.bids[1:], strict=False):
        assert 8 * bid.max_fee_per_gas_wei >= 9 * last.max_fee_per_gas_wei
        assert 8 * bid.max_priority_fee_per_gas_wei >= 9 * last.max_priority_fee_per_gas_wei
        assert bid.max_priority_fee_per_gas_wei > last.max_priority_fee_per_gas_wei


def test_after_eight_attempts_a_self_transfer_takes_the_place(chain: FakeChain, journal: SqlJournal) -> None:
    signer, chain.mining = NotingSigner(), False
    chain.on_wait = lambda: setattr(chain, "mining", Action.NOOP in signer.actions)
    done = engine_of(chain, journal, signer).run(stored(journal))
    assert done.state is IntentState.CANCELLED
    assert signer.actions == [Action.SWAP] * MOST_ATTEMPTS + [Action.NOOP]
    assert chain.now.effects == []
    assert chain.now.nonces_mined == [0]


def test_whichever_attempt_is_mined_decides_also_one_that_was_outbid(chain: FakeChain, journal: SqlJournal) -> None:
    signer, chain.mining = NotingSigner(), False

    def another_node_mines_the_first() -> None:
        if len(chain.received) == 3:
            chain.mine([chain.received[0].raw])

    chain.on_wait = another_node_mines_the_first
    done = engine_of(chain, journal, signer).run(stored(journal))
    assert done.state is IntentState.FINAL_OK
    assert done.tx_hash == chain.received[0].tx_hash
    assert chain.now.effects == ["P@1/0"]


def test_the_payload_that_was_mined_instead_of_its_cancellation_is_a_success(
    chain: FakeChain, journal: SqlJournal
) -> None:
    chain.mining = False
    intent = stored(journal)
    with pytest.raises(OutcomeUnknown):
        engine_of(chain, journal, timeout_s=1.0).run(intent)

    def another_node_mines_the_payload() -> None:
        if chain.received[-1].cancels:
            chain.mine([chain.received[0].raw])

    chain.on_wait = another_node_mines_the_payload
    done = engine_of(chain, journal).retire(journal.read_intent(intent.key))
    assert done.state is IntentState.FINAL_OK
    assert chain.now.effects == ["P@1/0"]


def test_no_bid_is_above_what_the_guard_lets_through_then_the_nonce_is_freed(
    chain: FakeChain, journal: SqlJournal
) -> None:
    signer, guard = NotingSigner(), PriceCap(LIMIT * (2 * GAS_PRICE + 1))
    chain.mining = False
    chain.on_wait = lambda: setattr(chain, "mining", Action.NOOP in signer.actions)
    chain_simulate = chain.simulate
    chain.simulate = lambda tx: 21_000 if tx.action is Action.NOOP else chain_simulate(tx)
    done = engine_of(chain, journal, signer, guard).run(stored(journal))
    assert done.state is IntentState.CANCELLED
    assert signer.actions == [Action.SWAP, Action.NOOP]
    assert guard.refused == 2 * 2, "a generous and a lean bid, two times; then nothing more is tried"
    assert all(bid.most_wei <= guard.most_wei for bid in signer.bids)


def test_a_bid_just_within_the_guard_is_taken_leanly_where_a_generous_one_is_not(
    chain: FakeChain, journal: SqlJournal
) -> None:
    spike(chain, 3)
    lean = -(-3 * GAS_PRICE * 9 // 8) + 1
    signer, guard = NotingSigner(), PriceCap(LIMIT * lean)
    assert engine_of(chain, journal, signer, guard).run(stored(journal)).state is IntentState.FINAL_OK
    assert signer.bids[1].max_fee_per_gas_wei == lean
    assert guard.refused == 1


def test_a_spike_that_passes_needs_no_bid_beyond_the_limit(chain: FakeChain, journal: SqlJournal) -> None:
    spike(chain, 3, after_waits=1)
    signer, guard = NotingSigner(), PriceCap(LIMIT * (2 * GAS_PRICE + 1))
    done = engine_of(chain, journal, signer, guard).run(stored(journal))
    assert done.state is IntentState.FINAL_OK
    assert signer.actions == [Action.SWAP]


def test_where_not_even_the_self_transfer_is_allowed_the_outcome_stays_unknown_and_says_why(
    chain: FakeChain, journal: SqlJournal
) -> None:
    signer, chain.mining = NotingSigner(), False
    intent = stored(journal)

    class Once(AllowAll):
        def check(self, tx: UnsignedTransaction, bid: FeeBid, simulated_gas: int | None = None) -> None:
            super().check(tx, bid)
            if len(self.checked) > 2:  # before the first signature it is asked twice
                raise LimitExceeded("halted: by hand")

    with pytest.raises(OutcomeUnknown, match="no more is bid: halted: by hand"):
        engine_of(chain, journal, signer, Once()).run(intent)
    assert signer.actions == [Action.SWAP]
    assert journal.read_intent(intent.key).state is IntentState.BROADCAST
    assert len({signed.raw for signed in chain.received}) == 1
    assert len(chain.received) > 3


def test_without_the_lead_nothing_more_is_signed_and_the_same_bytes_go_out_again(
    chain: FakeChain, journal: SqlJournal
) -> None:
    signer = NotingSigner()
    chain.send_mode = "drop"
    chain.on_wait = lambda: setattr(chain, "send_mode", "ok")

    class Lost(AllowAll):
        def check(self, tx: UnsignedTransaction, bid: FeeBid, simulated_gas: int | None = None) -> None:
            super().check(tx, bid)
            if len(self.checked) > 2:  # before the first signature it is asked twice
                raise NotLeading("the store of leases does not answer")

    assert engine_of(chain, journal, signer, Lost()).run(stored(journal)).state is IntentState.FINAL_OK
    assert len(signer.bids) == 1
    assert len({signed.raw for signed in chain.received}) == 1


def test_a_signer_that_refuses_a_higher_bid_is_waited_for_then_the_nonce_is_freed(
    chain: FakeChain, journal: SqlJournal
) -> None:
    signer, chain.mining = NotingSigner(), False

    def on_wait() -> None:
        signer.refuses = {Action.SWAP}
        chain.mining = Action.NOOP in signer.actions

    chain.on_wait = on_wait
    assert engine_of(chain, journal, signer).run(stored(journal)).state is IntentState.CANCELLED


def test_a_cancellation_is_outbid_too_and_at_most_eight_times(chain: FakeChain, journal: SqlJournal) -> None:
    signer, chain.mining = NotingSigner(), False
    intent = stored(journal)
    with pytest.raises(OutcomeUnknown):
        engine_of(chain, journal, signer, timeout_s=1.0).run(intent)
    with pytest.raises(OutcomeUnknown, match="9 attempts"):
        engine_of(chain, journal, signer).retire(journal.read_intent(intent.key))
    assert signer.actions == [Action.SWAP] + [Action.NOOP] * MOST_ATTEMPTS
    assert journal.read_signed(intent.key)[-1].cancels


def test_where_tips_are_of_no_use_only_a_base_fee_above_the_bid_is_answered(
    chain: FakeChain, journal: SqlJournal
) -> None:
    rules_of(chain, takes_tips=False)
    signer, chain.mining = NotingSigner(), False
    intent = stored(journal)
    with pytest.raises(OutcomeUnknown):
        engine_of(chain, journal, signer).run(intent)
    assert len(signer.bids) == 1
    assert signer.bids[0].max_priority_fee_per_gas_wei == 0
    chain.mining, chain.base_fee = True, 3 * GAS_PRICE
    assert engine_of(chain, journal, signer).run(journal.read_intent(intent.key)).state is IntentState.FINAL_OK
    assert len(signer.bids) == 2


def test_a_cancellation_where_tips_are_of_no_use_is_signed_once(chain: FakeChain, journal: SqlJournal) -> None:
    rules_of(chain, takes_tips=False)
    signer, chain.mining = NotingSigner(), False
    intent = stored(journal)
    for what in ("run", "retire"):
        with pytest.raises(OutcomeUnknown):
            getattr(engine_of(chain, journal, signer), what)(journal.read_intent(intent.key))
    assert signer.actions == [Action.SWAP, Action.NOOP]


def test_an_underpriced_replacement_is_waited_for_and_outbid_again(chain: FakeChain, journal: SqlJournal) -> None:
    # Another node's pool holds a dearer attempt than the journal's bid suggests: its rule is a tenth more in both.
    signer, chain.mining = NotingSigner(), False
    replaced: list[str] = []

    def on_send(signed: SignedTransaction) -> None:
        for held in chain.mempool.values():
            if len(chain.received) == 1:
                held["tip"] = 3
        replaced.append(signed.raw)

    chain.on_send = on_send
    chain.on_wait = lambda: setattr(chain, "mining", len(replaced) > 4)
    assert engine_of(chain, journal, signer).run(stored(journal)).state is IntentState.FINAL_OK
    assert chain.now.effects == ["P@1/0"]


def test_a_bumped_attempt_refused_for_good_leaves_the_first_in_the_pool_and_waits(
    chain: FakeChain, journal: SqlJournal
) -> None:
    signer, chain.mining = NotingSigner(), False

    def on_send(signed: SignedTransaction) -> None:
        chain.send_mode = "refuse" if len(signer.bids) == 2 else "ok"
        chain.mining = len(signer.bids) > 1

    chain.on_send = on_send
    assert engine_of(chain, journal, signer).run(stored(journal)).state is IntentState.FINAL_OK
    assert chain.now.effects == ["P@1/0"]


def test_a_resend_refused_for_its_price_is_answered_by_a_higher_bid(chain: FakeChain, journal: SqlJournal) -> None:
    signer, chain.mining, chain.send_mode = NotingSigner(), False, "drop"
    intent = stored(journal)
    with pytest.raises(OutcomeUnknown):
        engine_of(chain, journal, signer, timeout_s=1.0).run(intent)
    chain.base_fee, chain.mining = 5 * GAS_PRICE, True
    chain.on_send = lambda signed: setattr(chain, "send_mode", "refuse" if signed == chain.received[0] else "ok")
    assert engine_of(chain, journal, signer).run(journal.read_intent(intent.key)).state is IntentState.FINAL_OK
    assert signer.actions == [Action.SWAP, Action.SWAP]


def test_a_self_transfer_refused_too_leaves_the_outcome_unknown(chain: FakeChain, journal: SqlJournal) -> None:
    chain.mining, chain.send_mode = False, "drop"
    intent = stored(journal)
    with pytest.raises(OutcomeUnknown):
        engine_of(chain, journal, timeout_s=1.0).run(intent)
    chain.send_mode = "refuse"
    with pytest.raises(OutcomeUnknown, match="refuses payload and self-transfer"):
        engine_of(chain, journal).resume(journal.read_intent(intent.key))
    assert journal.read_intent(intent.key).state is IntentState.BROADCAST


def test_a_resend_refused_because_it_is_mined_already_is_settled(chain: FakeChain, journal: SqlJournal) -> None:
    chain.mining = False
    intent = stored(journal)
    with pytest.raises(OutcomeUnknown):
        engine_of(chain, journal, timeout_s=1.0).run(intent)

    def mined_meanwhile(signed: SignedTransaction) -> None:
        chain.mine()
        chain.send_mode = "refuse"

    chain.on_send = mined_meanwhile
    assert engine_of(chain, journal).resume(journal.read_intent(intent.key)).state is IntentState.FINAL_OK


def test_a_first_send_refused_below_a_later_nonce_is_cancelled(chain: FakeChain, journal: SqlJournal) -> None:
    intent = journal.reserve_nonce(stored(journal).key, 0)
    journal.add_intents([replace(stored(journal, 1), key="f" * 64, state=IntentState.FINAL_OK, nonce=1)])
    chain.on_send = lambda signed: setattr(chain, "send_mode", "ok" if signed.cancels else "refuse")
    assert engine_of(chain, journal).run(intent).state is IntentState.CANCELLED
    assert chain.now.effects == []


def test_what_was_given_up_unsent_never_leaves_though_its_cancellation_is_refused(
    chain: FakeChain, journal: SqlJournal
) -> None:
    intent = journal.reserve_nonce(stored(journal).key, 0)
    bid = bid_for(chain.read_fees(), chain.rules, LIMIT)
    intent = journal.record_signed(intent.key, FakeSigner().sign(intent.tx, 0, bid), bid)
    journal.add_intents([replace(stored(journal, 1), key="f" * 64, state=IntentState.FINAL_OK, nonce=1)])
    with pytest.raises(LimitExceeded):
        engine_of(chain, journal, guard=PriceCap(0)).retire(intent)
    assert chain.received == []
    assert journal.read_intent(intent.key).state is IntentState.SIGNED


@pytest.mark.control("gas_reserve", "fires")
def test_a_wallet_that_cannot_pay_the_bid_signs_nothing_and_goes_on_after_a_top_up(
    chain: FakeChain, journal: SqlJournal
) -> None:
    rules_of(chain, gas_reserve_wei=7)
    intent = stored(journal)
    chain.now.native = LIMIT * (2 * GAS_PRICE + 1) - 1
    with pytest.raises(GasReserveShort, match=r"gas_reserve: send native coin to 0x.*reserve 7 wei"):
        engine_of(chain, journal).run(intent)
    assert journal.read_intent(intent.key).state is IntentState.PLANNED
    assert chain.received == []
    chain.now.native += 1
    assert engine_of(chain, journal).run(intent).state is IntentState.FINAL_OK


@pytest.mark.control("gas_reserve", "passes")
def test_a_wallet_that_can_just_pay_the_bid_goes_on(chain: FakeChain, journal: SqlJournal) -> None:
    chain.l1_fee = 1000
    chain.now.native = LIMIT * (2 * GAS_PRICE + 1) + 1000
    assert engine_of(chain, journal).run(stored(journal)).state is IntentState.FINAL_OK


def test_insufficient_funds_said_by_the_node_hand_the_nonce_back_and_name_the_reserve(
    chain: FakeChain, journal: SqlJournal
) -> None:
    def refuse(signed: SignedTransaction, *, private: bool = False) -> None:
        raise SourceRejected("rpc:8453", "insufficient funds for gas * price + value")

    chain.send_raw = refuse
    intent = stored(journal)
    with pytest.raises(GasReserveShort, match=r"nothing was sent.*gas_reserve"):
        engine_of(chain, journal).run(intent)
    assert journal.read_intent(intent.key).state is IntentState.EXPIRED_UNSENT
    assert journal.read_next_nonce(chain.chain_id, WALLET) is None


@pytest.mark.control("transaction_gas_cap", "fires")
def test_a_payload_above_the_gas_its_chain_takes_is_not_signed(chain: FakeChain, journal: SqlJournal) -> None:
    rules_of(chain, transaction_gas_cap=GAS_USED - 1)
    signer, intent = NotingSigner(), stored(journal)
    with pytest.raises(LimitExceeded, match="transaction_gas_cap: swap needs 50000 gas, the chain takes at most 49999"):
        engine_of(chain, journal, signer).run(intent)
    assert signer.bids == []
    assert journal.read_intent(intent.key).state is IntentState.PLANNED


@pytest.mark.control("transaction_gas_cap", "passes")
def test_a_payload_just_within_the_gas_its_chain_takes_is_signed_with_all_of_it(
    chain: FakeChain, journal: SqlJournal
) -> None:
    rules_of(chain, transaction_gas_cap=GAS_USED)
    signer = NotingSigner()
    assert engine_of(chain, journal, signer).run(stored(journal)).state is IntentState.FINAL_OK
    assert signer.bids[0].gas_limit == GAS_USED


def test_the_l1_fee_is_part_of_what_the_guard_sees_and_of_the_books(chain: FakeChain, journal: SqlJournal) -> None:
    chain.l1_fee = 10**12
    bid_most = LIMIT * (2 * GAS_PRICE + 1) + 10**12
    with pytest.raises(LimitExceeded):
        engine_of(chain, journal, guard=PriceCap(bid_most - 1)).run(stored(journal))
    done = engine_of(chain, journal, guard=PriceCap(bid_most)).run(stored(journal))
    assert done.state is IntentState.FINAL_OK
    assert journal.read_ledger_sums(chain.chain_id, WALLET)["native"] == -GAS_USED * GAS_PRICE - 10**12


def test_a_payload_others_gain_from_goes_to_private_endpoints_only_until_it_expires(
    chain: FakeChain, journal: SqlJournal
) -> None:
    chain.sends_privately, chain.relaying, chain.mining = True, False, True
    rules_of(chain, private_for_s=12.0)
    done = engine_of(chain, journal).run(stored(journal))
    assert done.state is IntentState.FINAL_OK
    first, second, third = chain.received_privately
    assert first != second != third
    # After 12 s the identical bytes of the last private attempt; they are mined then.
    assert chain.received == [third]
    assert sum(chain.waits) <= 12.0 + 5.0 + 4 * 2.0


def test_a_payload_is_kept_from_public_endpoints_for_all_of_its_time_and_no_longer(
    chain: FakeChain, journal: SqlJournal
) -> None:
    chain.sends_privately, chain.relaying = True, False
    rules_of(chain, private_for_s=12.0)
    block = Block(chain_id=8453, number=1, block_hash="0x1", block_at=datetime(2020, 1, 1, tzinfo=UTC))
    chain.read_block = lambda: block  # a chain whose clock is behind ours: the payload is no older than new
    waited: list[float] = []
    chain.on_send = lambda signed: waited.append(sum(chain.waits))
    assert engine_of(chain, journal).run(stored(journal)).state is IntentState.FINAL_OK
    assert waited == [0.0, 5.0, 10.0, 12.0]
    assert len(chain.received) == 1


def test_a_wait_is_never_longer_than_what_is_left_of_all_patience(chain: FakeChain, journal: SqlJournal) -> None:
    rules_of(chain, takes_tips=False)
    chain.mining = False
    with pytest.raises(OutcomeUnknown, match=r"^swap step 0 of P@1 on chain 8453: no receipt of 0x\w+ after 12 s \(1 "):
        engine_of(chain, journal, timeout_s=12.0).run(stored(journal))
    assert chain.waits == [5.0, 5.0, 2.0]


def test_while_one_attempt_is_waited_for_the_others_are_glanced_at_every_two_seconds(
    chain: FakeChain, journal: SqlJournal
) -> None:
    chain.mining = False
    with pytest.raises(OutcomeUnknown, match=r"after 12 s \(3 attempts\)"):
        engine_of(chain, journal, timeout_s=12.0).run(stored(journal))
    assert chain.waits == [5.0, 2.0, 2.0, 1.0, 2.0]


def test_an_approval_is_public_at_once(chain: FakeChain, journal: SqlJournal) -> None:
    chain.sends_privately = True
    engine_of(chain, journal).run(stored(journal, action=Action.APPROVE))
    assert chain.received_privately == []
    assert len(chain.received) == 1


def test_what_a_private_endpoint_refuses_goes_out_in_public(chain: FakeChain, journal: SqlJournal) -> None:
    chain.sends_privately = True
    send = chain.send_raw

    def relay_refuses(signed: SignedTransaction, *, private: bool = False) -> None:
        if private:
            raise SourceRejected("relay", "no such method")
        send(signed)

    chain.send_raw = relay_refuses
    assert engine_of(chain, journal).run(stored(journal)).state is IntentState.FINAL_OK
    assert len(chain.received) == 1


def test_whoever_only_watches_sends_privately_until_the_chain_is_past_the_expiry(
    chain: FakeChain, journal: SqlJournal
) -> None:
    chain.sends_privately, chain.relaying, chain.mining = True, False, False
    intent = stored(journal)
    with pytest.raises(OutcomeUnknown):
        engine_of(chain, journal, timeout_s=1.0).run(intent)
    intent = journal.read_intent(intent.key)
    public = len(chain.received)
    engine_of(chain, journal).watch(intent)
    assert len(chain.received) == public
    head, signed_at = chain.read_block(), journal.read_attempts(intent.key)[0].signed_at
    chain.read_block = lambda: replace(head, block_at=signed_at.replace(year=signed_at.year + 1))
    engine_of(chain, journal).watch(intent)
    assert len(chain.received) == public + 1


def test_whoever_only_watches_says_that_a_resend_is_refused(chain: FakeChain, journal: SqlJournal) -> None:
    chain.mining = False
    intent = stored(journal)
    with pytest.raises(OutcomeUnknown):
        engine_of(chain, journal, timeout_s=1.0).run(intent)
    chain.send_mode = "refuse"
    with pytest.raises(OutcomeUnknown, match="resend refused"):
        engine_of(chain, journal).watch(journal.read_intent(intent.key))
    chain.mine()
    assert engine_of(chain, journal).watch(journal.read_intent(intent.key)).state is IntentState.FINAL_OK


def test_gas_and_tips_follow_the_rules_of_the_chain() -> None:
    polygon = ChainRules(min_priority_fee_wei=25 * 10**9)
    assert bid_for(Fees(base_fee_wei=10, priority_fee_wei=1), polygon, 9).max_priority_fee_per_gas_wei == 25 * 10**9
    arbitrum = ChainRules(takes_tips=False)
    bid = bid_for(Fees(base_fee_wei=10, priority_fee_wei=5), arbitrum, 9, 3)
    assert bid == FeeBid(gas_limit=9, max_fee_per_gas_wei=20, max_priority_fee_per_gas_wei=0, l1_fee_wei=3)
    assert not is_outbid(bid, Fees(base_fee_wei=20, priority_fee_wei=5), arbitrum)
    assert is_outbid(bid, Fees(base_fee_wei=21, priority_fee_wei=0), arbitrum)
    assert is_outbid(bid, Fees(base_fee_wei=1, priority_fee_wei=5), ChainRules())
    assert bid_for(Fees(base_fee_wei=10, priority_fee_wei=5), arbitrum, 9).l1_fee_wei == 0
    bsc = bid_for(Fees(base_fee_wei=0, priority_fee_wei=5 * 10**7), ChainRules(), 9)
    assert bsc.max_fee_per_gas_wei == bsc.max_priority_fee_per_gas_wei == 5 * 10**7
    higher = higher_bid(bsc, [bsc])
    assert higher.max_fee_per_gas_wei >= higher.max_priority_fee_per_gas_wei == 56_250_000
    free = FeeBid(gas_limit=9, max_fee_per_gas_wei=0, max_priority_fee_per_gas_wei=0)
    assert higher_bid(free, [free]) == replace(free, max_fee_per_gas_wei=1, max_priority_fee_per_gas_wei=1)
    assert gas_limit_for(100, Action.UNSTAKE, ChainRules()) == (100 + MORE_GAS[Action.UNSTAKE]) * 6 // 5


def test_the_age_of_an_attempt_is_told_by_the_chain_and_never_negative(chain: FakeChain, journal: SqlJournal) -> None:
    chain.sends_privately = True
    rules_of(chain, private_for_s=10.0)
    block = Block(chain_id=8453, number=1, block_hash="0x1", block_at=datetime(2020, 1, 1, tzinfo=UTC))
    chain.read_block = lambda: block
    chain.relaying = True
    assert engine_of(chain, journal).run(stored(journal)).state is IntentState.FINAL_OK
    assert chain.received == []

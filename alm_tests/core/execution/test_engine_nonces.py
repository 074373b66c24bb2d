"""Nonces of journal and chain: used by somebody else, lost by the chain, or never sent by anybody."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from alm_core.execution.bidding import bid_for
from alm_core.execution.nonces import FOREIGN_NONCE
from alm_core.model.books import ReconciledPoint
from alm_core.model.errors import NotReconciled, OutcomeUnknown
from alm_core.model.transactions import Action, IntentState
from alm_resources.journal import SqlJournal
from alm_tests.core.execution.engine_scene import NotingSigner, engine_of, stored
from alm_tests.core.execution.fakes import GAS_USED, WALLET, FakeChain, FakeSigner, transfer_intent
from alm_tests.resources.journal.scene import blank_journal

BURNED_BELOW, BURNED_ABOVE = 3, 4


@pytest.fixture
def chain() -> FakeChain:
    return FakeChain()


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[SqlJournal]:
    opened = blank_journal(tmp_path / "journal.db")
    yield opened
    opened.close()


def point(chain: FakeChain, nonce: int, *, block_hash: str | None = None) -> ReconciledPoint:
    head = chain.read_block()
    return ReconciledPoint(
        chain_id=chain.chain_id,
        wallet=WALLET,
        block_number=head.number,
        block_hash=block_hash or head.known_hash,
        nonce=nonce,
    )


def stuck(chain: FakeChain, journal: SqlJournal, nonce: int) -> str:
    """A signed intent with a nonce ahead of the chain, in the chain's pool: it waits for those below."""
    intent = journal.add_intents([replace(transfer_intent(9), state=IntentState.RESERVED, nonce=nonce)])[0]
    bid = bid_for(chain.read_fees(), chain.rules, GAS_USED)
    journal.record_signed(intent.key, FakeSigner().sign(intent.tx, nonce, bid), bid)
    journal.advance(intent.key, IntentState.BROADCAST)
    chain.send_raw(journal.read_signed(intent.key)[-1])
    return intent.key


def test_burned_nonces_below_are_filled_and_a_count_burned_above_is_taken_back(
    chain: FakeChain, journal: SqlJournal
) -> None:
    # After the incident in OpenZeppelin's relayer (tests/integration/tests/evm/nonce_drift_recovery.rs): the counter
    # ran ahead, 3 nonces below a transaction were never sent, 4 above it were counted and never used.
    engine = engine_of(chain, journal)
    assert engine.run(stored(journal)).nonce == 0
    key = stuck(chain, journal, 1 + BURNED_BELOW)
    journal.record_reconciled(point(chain, 1 + BURNED_BELOW + 1 + BURNED_ABOVE, block_hash="0xgone"), [], [])
    chain.mine()
    assert chain.now.nonce == 1
    filled = engine.recheck()
    assert [intent.nonce for intent in filled] == [1, 2, 3]
    assert {intent.state for intent in filled} == {IntentState.CANCELLED}
    assert engine.resume(journal.read_intent(key)).state is IntentState.FINAL_OK
    assert journal.read_next_nonce(chain.chain_id, WALLET) == 1 + BURNED_BELOW + 1
    assert engine.run(stored(journal, 1)).nonce == 1 + BURNED_BELOW + 1
    assert chain.now.nonces_mined == list(range(6))
    assert chain.now.effects == ["P@1/0", "P@1/9", "P@1/1"]
    assert journal.read_ledger_sums(chain.chain_id, WALLET)["native"] == chain.now.native - 10**18


def test_a_count_that_a_standing_block_proves_is_not_taken_back_for_a_node_that_lags(
    chain: FakeChain, journal: SqlJournal
) -> None:
    signer = NotingSigner()
    key = stuck(chain, journal, 4)
    journal.record_reconciled(point(chain, 4), [], [])
    assert engine_of(chain, journal, signer).recheck() == ()
    assert signer.bids == []
    assert journal.read_intent(key).state is IntentState.BROADCAST
    assert journal.read_next_nonce(chain.chain_id, WALLET) == 5


def test_without_the_lead_nothing_is_filled(chain: FakeChain, journal: SqlJournal) -> None:
    signer = NotingSigner()
    stuck(chain, journal, 3)
    assert engine_of(chain, journal, signer).recheck(leads=False) == ()
    assert signer.bids == []


def test_a_filler_killed_before_it_was_sent_is_brought_to_its_end(chain: FakeChain, journal: SqlJournal) -> None:
    key = stuck(chain, journal, 1)

    class Killed(FakeSigner):
        def sign(self, *args: object, **kwargs: object) -> object:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        engine_of(chain, journal, Killed()).recheck()
    engine = engine_of(chain, journal)
    assert engine.recheck() == ()
    (filler,) = [intent for intent in journal.read_open_intents(chain.chain_id, WALLET) if intent.key != key]
    assert engine.retire(filler).state is IntentState.CANCELLED
    assert engine.resume(journal.read_intent(key)).state is IntentState.FINAL_OK


@pytest.mark.control("foreign_nonce", "fires")
def test_a_nonce_used_by_somebody_else_halts_the_wallet_on_this_chain_alone(
    chain: FakeChain, journal: SqlJournal
) -> None:
    chain.send_mode, chain.mining = "drop", False
    intent = stored(journal)
    with pytest.raises(OutcomeUnknown):
        engine_of(chain, journal, timeout_s=1.0).run(intent)
    chain.use_key_elsewhere()
    with pytest.raises(NotReconciled, match="not ours"):
        engine_of(chain, journal).resume(journal.read_intent(intent.key))
    assert journal.read_intent(intent.key).state is IntentState.MANUAL
    held = journal.read_halt(chain.chain_id, WALLET)
    assert held is not None
    assert (held.mode, held.set_by) == ("halt", FOREIGN_NONCE)
    assert journal.read_halt(1, WALLET) is None


@pytest.mark.control("foreign_nonce", "passes")
def test_a_nonce_used_by_an_attempt_whose_receipt_comes_later_is_ours(chain: FakeChain, journal: SqlJournal) -> None:
    chain.mining = False
    intent = stored(journal)
    with pytest.raises(OutcomeUnknown):
        engine_of(chain, journal, timeout_s=1.0).run(intent)
    chain.mine()
    read, asked = chain.read_receipt, []

    def behind(tx_hash: str) -> object:
        asked.append(tx_hash)
        return read(tx_hash) if len(asked) > 2 else None

    chain.read_receipt = behind
    assert engine_of(chain, journal).resume(journal.read_intent(intent.key)).state is IntentState.FINAL_OK
    assert journal.read_halt(chain.chain_id, WALLET) is None


def test_a_foreign_use_found_while_waiting_signs_no_higher_bid(chain: FakeChain, journal: SqlJournal) -> None:
    signer, chain.mining, chain.send_mode = NotingSigner(), False, "drop"
    chain.on_wait = lambda: chain.use_key_elsewhere() if len(chain.waits) == 1 else None
    with pytest.raises(NotReconciled, match="not ours"):
        engine_of(chain, journal, signer).run(stored(journal))
    assert len(signer.bids) == 1


def test_a_count_beyond_the_journal_halts_before_anything_is_signed(chain: FakeChain, journal: SqlJournal) -> None:
    signer = NotingSigner()
    engine = engine_of(chain, journal, signer)
    engine.run(stored(journal))
    chain.use_key_elsewhere()
    for step in (engine.recheck, lambda: engine.run(stored(journal, 1))):
        with pytest.raises(NotReconciled, match="somebody else uses the key"):
            step()
    assert len(signer.bids) == 1
    held = journal.read_halt(chain.chain_id, WALLET)
    assert held is not None
    assert held.set_by == FOREIGN_NONCE


def test_a_reserved_nonce_that_was_used_meanwhile_is_not_signed_for(chain: FakeChain, journal: SqlJournal) -> None:
    # A backup restored: the nonce was reserved when it was taken, and used afterwards.
    intent = journal.reserve_nonce(stored(journal).key, 0)
    chain.use_key_elsewhere()
    signer = NotingSigner()
    with pytest.raises(NotReconciled, match="somebody else uses the key"):
        engine_of(chain, journal, signer).run(intent)
    assert signer.bids == []


def test_an_older_backup_halts_instead_of_trading_again(tmp_path: Path) -> None:
    chain = FakeChain()
    live, old = (blank_journal(tmp_path / f"{name}.db") for name in ("live", "old"))
    for journal in (live, old):
        journal.record_reconciled(point(chain, 0), [], [])
    first, second = (transfer_intent(number) for number in range(2))
    for journal in (live, old):
        journal.add_intents([first, second])
    for intent in (first, second):
        engine_of(chain, live).run(intent)
    signer = NotingSigner()
    for intent in (first, second):
        with pytest.raises(NotReconciled, match="somebody else uses the key"):
            engine_of(chain, old, signer).run(intent)
    with pytest.raises(NotReconciled, match="somebody else"):
        engine_of(chain, old, signer).recheck()
    assert signer.bids == []
    assert chain.now.effects == ["P@1/0", "P@1/1"]


def test_a_dropped_transaction_goes_out_again_byte_for_byte(chain: FakeChain, journal: SqlJournal) -> None:
    signer = NotingSigner()
    chain.on_wait = lambda: chain.mempool.clear() if len(chain.waits) == 1 else None
    intent = stored(journal)
    with pytest.raises(OutcomeUnknown):
        engine_of(chain, journal, signer, timeout_s=1.0).run(intent)
    assert engine_of(chain, journal, signer, timeout_s=1.0).resume(journal.read_intent(intent.key)).state is (
        IntentState.FINAL_OK
    )
    assert len(signer.bids) == 1
    assert len({signed.raw for signed in chain.received}) == 1


def test_a_node_that_lost_a_settled_transaction_gets_its_bytes_before_the_next_one_is_outbid(
    chain: FakeChain, journal: SqlJournal
) -> None:
    # An approval vanishes in a reorganisation while its swap waits: the swap's price is not the reason.
    signer = NotingSigner()
    engine = engine_of(chain, journal, signer)
    approval = engine.run(stored(journal, action=Action.APPROVE))
    chain.on_wait = lambda: chain.reorganise(9, keep=False) if len(chain.waits) == 2 else None
    swap = engine.run(stored(journal, 1))
    assert swap.state is IntentState.FINAL_OK
    assert signer.actions == [Action.APPROVE, Action.SWAP]
    assert chain.now.nonces_mined == [0, 1]
    (again,) = engine.recheck()
    assert again.key == approval.key
    assert again.state is IntentState.FINAL_OK
    assert journal.read_ledger_sums(chain.chain_id, WALLET)["native"] == chain.now.native - 10**18


def test_an_unsent_intent_whose_nonce_was_used_frees_nothing(chain: FakeChain, journal: SqlJournal) -> None:
    intent = journal.reserve_nonce(stored(journal).key, 0)
    journal.add_intents([replace(transfer_intent(1), state=IntentState.FINAL_OK, nonce=1)])
    chain.use_key_elsewhere()
    signer = NotingSigner()
    with pytest.raises(NotReconciled, match="not ours"):
        engine_of(chain, journal, signer).retire(intent)
    assert signer.bids == []
    assert journal.read_intent(intent.key).state is IntentState.RESERVED


@pytest.mark.parametrize("waiting", [1, 3])
def test_a_count_of_a_lost_block_that_our_own_intents_explain_stays(
    chain: FakeChain, journal: SqlJournal, waiting: int
) -> None:
    stuck(chain, journal, waiting)
    lost = point(chain, 2, block_hash="0xgone")
    journal.record_reconciled(lost, [], [])
    assert [filler.nonce for filler in engine_of(chain, journal).recheck()] == [*range(waiting)]
    assert journal.read_reconciled(chain.chain_id, WALLET) == lost


def test_a_filler_belongs_to_the_latest_that_waits_for_it(chain: FakeChain, journal: SqlJournal) -> None:
    bid = bid_for(chain.read_fees(), chain.rules, GAS_USED)
    for nonce, epoch in ((1, "P@1"), (3, "P@2")):
        one = replace(transfer_intent(nonce, epoch), state=IntentState.RESERVED, nonce=nonce)
        (intent,) = journal.add_intents([one])
        journal.record_signed(intent.key, FakeSigner().sign(intent.tx, nonce, bid), bid)
        journal.advance(intent.key, IntentState.BROADCAST)
    filled = engine_of(chain, journal).recheck()
    assert [(filler.nonce, filler.epoch_id) for filler in filled] == [(0, "P@2/nonce"), (2, "P@2/nonce")]


def test_a_planned_intent_is_taken_up_by_running_it(chain: FakeChain, journal: SqlJournal) -> None:
    assert engine_of(chain, journal).resume(stored(journal)).state is IntentState.FINAL_OK

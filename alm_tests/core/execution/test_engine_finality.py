"""Settled and not final: marked when final, taken back and settled anew when the block is gone."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from alm_core.model.errors import NotReconciled, OutcomeUnknown, SourceUnavailable
from alm_core.model.transactions import Action, Intent, IntentState, Receipt
from alm_resources.journal import SqlJournal
from alm_tests.core.execution.engine_scene import NotingSigner, engine_of, stored
from alm_tests.core.execution.fakes import GAS_PRICE, GAS_USED, OTHER_TOKEN, TOKEN, WALLET, FakeChain
from alm_tests.resources.journal.scene import blank_journal


@pytest.fixture
def chain() -> FakeChain:
    return FakeChain()


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[SqlJournal]:
    opened = blank_journal(tmp_path / "journal.db")
    yield opened
    opened.close()


def check_books(chain: FakeChain, journal: SqlJournal) -> None:
    sums = journal.read_ledger_sums(chain.chain_id, WALLET)
    for token in (TOKEN, OTHER_TOKEN):
        assert sums.get(token, 0) == chain.now.tokens[token] - 10**12
    assert sums.get("native", 0) == chain.now.native - 10**18


def settled(chain: FakeChain, journal: SqlJournal, count: int = 1) -> list[Intent]:
    engine = engine_of(chain, journal)
    return [engine.run(stored(journal, number)) for number in range(count)]


def test_a_receipt_is_final_when_the_chain_says_so(chain: FakeChain, journal: SqlJournal) -> None:
    chain.final_depth = 2
    (intent,) = settled(chain, journal)
    engine = engine_of(chain, journal)
    assert engine.recheck() == ()
    assert journal.read_unfinal(chain.chain_id, WALLET) == (intent,)
    chain.mine()
    chain.mine()
    assert engine.recheck() == ()
    assert journal.read_unfinal(chain.chain_id, WALLET) == ()


def test_a_receipt_that_is_final_at_once_is_never_looked_at_again(chain: FakeChain, journal: SqlJournal) -> None:
    chain.final_depth = 0
    settled(chain, journal)
    assert journal.read_unfinal(chain.chain_id, WALLET) == ()


@pytest.mark.parametrize("depth", [1, 2, 5, 20, 64])
@pytest.mark.parametrize("keep", [True, False])
def test_after_a_reorganisation_the_same_bytes_are_mined_again_and_the_books_are_exact(
    chain: FakeChain, journal: SqlJournal, depth: int, keep: bool
) -> None:
    signer = NotingSigner()
    settled(chain, journal, 3)
    for _ in range(depth - 1):
        chain.mine()
    sent = {signed.raw for signed in chain.received}
    chain.reorganise(depth + 2, keep=keep)
    chain.base_fee = 2 * GAS_PRICE  # mined again at another price
    again = engine_of(chain, journal, signer).recheck()
    assert [intent.state for intent in again] == [IntentState.FINAL_OK] * 3
    assert signer.bids == []
    assert {signed.raw for signed in chain.received} == sent
    assert chain.now.effects == ["P@1/0", "P@1/1", "P@1/2"]
    assert journal.read_ledger_sums(chain.chain_id, WALLET)["native"] == -3 * GAS_USED * 2 * GAS_PRICE
    check_books(chain, journal)


def test_mined_again_with_another_status_it_is_what_it_is_now(chain: FakeChain, journal: SqlJournal) -> None:
    settled(chain, journal)
    chain.reorganise(1, keep=True)
    chain.reverting.add("P@1/0")
    (again,) = engine_of(chain, journal).recheck()
    assert again.state is IntentState.FINAL_REVERTED
    assert chain.now.effects == []
    check_books(chain, journal)


def test_a_reverted_one_may_succeed_in_another_block(chain: FakeChain, journal: SqlJournal) -> None:
    chain.reverting.add("P@1/0")
    assert settled(chain, journal)[0].state is IntentState.FINAL_REVERTED
    chain.reverting.clear()
    chain.reorganise(1, keep=False)
    (again,) = engine_of(chain, journal).recheck()
    assert again.state is IntentState.FINAL_OK
    check_books(chain, journal)


def test_not_mined_again_it_stays_open_with_nothing_booked(chain: FakeChain, journal: SqlJournal) -> None:
    settled(chain, journal)
    chain.reorganise(1, keep=False)
    chain.mining = False
    with pytest.raises(OutcomeUnknown):
        engine_of(chain, journal, timeout_s=1.0).recheck()
    (intent,) = journal.read_open_intents(chain.chain_id, WALLET)
    assert intent.state is IntentState.BROADCAST
    assert set(journal.read_ledger_sums(chain.chain_id, WALLET).values()) == {0}
    chain.mining = True
    assert engine_of(chain, journal).retire(intent).state is IntentState.FINAL_OK
    check_books(chain, journal)


def test_its_own_cancellation_may_be_mined_in_its_place(chain: FakeChain, journal: SqlJournal) -> None:
    chain.mining = False
    intent = stored(journal)
    with pytest.raises(OutcomeUnknown):
        engine_of(chain, journal, timeout_s=1.0).run(intent)
    with pytest.raises(OutcomeUnknown):
        engine_of(chain, journal, timeout_s=9.0).retire(journal.read_intent(intent.key))
    payload, noop = journal.read_signed(intent.key)
    chain.mine([payload.raw])
    assert engine_of(chain, journal).resume(journal.read_intent(intent.key)).state is IntentState.FINAL_OK
    chain.reorganise(1, keep=False)
    chain.mine([noop.raw])
    chain.mining = True
    (again,) = engine_of(chain, journal).recheck()
    assert again.state is IntentState.CANCELLED
    assert chain.now.effects == []
    check_books(chain, journal)


def test_the_attempt_that_was_mined_goes_out_again_and_not_the_one_signed_last(
    chain: FakeChain, journal: SqlJournal
) -> None:
    chain.mining = False
    intent = stored(journal)
    with pytest.raises(OutcomeUnknown):
        engine_of(chain, journal, timeout_s=9.0).run(intent)
    first, _ = journal.read_signed(intent.key)
    chain.mine([first.raw])
    engine_of(chain, journal).resume(journal.read_intent(intent.key))
    chain.reorganise(1, keep=False)
    chain.received.clear()
    chain.mining = True
    (again,) = engine_of(chain, journal).recheck()
    assert {signed.raw for signed in chain.received} == {first.raw}
    assert again.tx_hash == first.tx_hash


def test_a_nonce_taken_by_somebody_else_in_the_other_branch_halts(chain: FakeChain, journal: SqlJournal) -> None:
    settled(chain, journal)
    chain.reorganise(1, keep=False)
    chain.use_key_elsewhere()
    with pytest.raises(NotReconciled, match="not ours"):
        engine_of(chain, journal).recheck()
    assert journal.read_halt(chain.chain_id, WALLET) is not None
    assert set(journal.read_ledger_sums(chain.chain_id, WALLET).values()) == {0}


def test_what_a_person_has_to_look_at_is_never_sent_again(chain: FakeChain, journal: SqlJournal) -> None:
    chain.send_mode, chain.mining = "drop", False
    intent = stored(journal)
    with pytest.raises(OutcomeUnknown):
        engine_of(chain, journal, timeout_s=1.0).run(intent)
    chain.use_key_elsewhere()
    with pytest.raises(NotReconciled):
        engine_of(chain, journal).resume(journal.read_intent(intent.key))
    chain.reorganise(1, keep=False)
    chain.received.clear()
    assert engine_of(chain, journal).recheck() == ()
    assert chain.received == []


def test_whoever_does_not_lead_takes_back_and_sends_again_and_signs_nothing(
    chain: FakeChain, journal: SqlJournal
) -> None:
    signer = NotingSigner()
    settled(chain, journal)
    chain.reorganise(1, keep=False)
    (again,) = engine_of(chain, journal, signer).recheck(leads=False)
    assert again.state is IntentState.BROADCAST
    assert len(chain.mempool) == 1
    chain.mine()
    (open_intent,) = journal.read_open_intents(chain.chain_id, WALLET)
    assert engine_of(chain, journal, signer).watch(open_intent).state is IntentState.FINAL_OK
    assert signer.bids == []
    check_books(chain, journal)


def test_a_chain_that_does_not_tell_changes_nothing(chain: FakeChain, journal: SqlJournal) -> None:
    (intent,) = settled(chain, journal)

    def silent(receipt: Receipt) -> object:
        raise SourceUnavailable("rpc:8453", "no answer")

    chain.read_inclusion = silent
    with pytest.raises(SourceUnavailable):
        engine_of(chain, journal).recheck()
    assert journal.read_intent(intent.key) == intent


def test_what_another_process_reopened_meanwhile_is_left_alone(chain: FakeChain, journal: SqlJournal) -> None:
    settled(chain, journal)
    journal.read_receipt = lambda key: None
    assert engine_of(chain, journal).recheck() == ()


def test_a_block_that_keeps_changing_while_it_is_read_is_unknown(chain: FakeChain, journal: SqlJournal) -> None:
    wait = chain.wait_for_receipt

    def always_gone(tx_hash: str, timeout_s: float) -> Receipt | None:
        receipt = wait(tx_hash, timeout_s)
        chain.reorganise(1, keep=True)
        return receipt

    chain.wait_for_receipt = always_gone
    intent = stored(journal)
    with pytest.raises(OutcomeUnknown, match="its block changed 3 times"):
        engine_of(chain, journal).run(intent)
    assert journal.read_intent(intent.key).state is IntentState.BROADCAST
    assert journal.read_ledger_sums(chain.chain_id, WALLET) == {}


def test_a_block_that_changes_three_times_is_followed_to_the_end(chain: FakeChain, journal: SqlJournal) -> None:
    wait, lost = chain.wait_for_receipt, []

    def gone_three_times(tx_hash: str, timeout_s: float) -> Receipt | None:
        receipt = wait(tx_hash, timeout_s)
        if len(lost) < 3:
            lost.append(tx_hash)
            chain.reorganise(1, keep=True)
        return receipt

    chain.wait_for_receipt = gone_three_times
    assert engine_of(chain, journal).run(stored(journal)).state is IntentState.FINAL_OK
    assert len(lost) == 3
    check_books(chain, journal)


@pytest.mark.parametrize("mined_meanwhile", [True, False])
def test_bytes_lost_with_their_block_and_refused_are_unknown_unless_mined(
    chain: FakeChain, journal: SqlJournal, mined_meanwhile: bool
) -> None:
    wait = chain.wait_for_receipt

    def gone_once(tx_hash: str, timeout_s: float) -> Receipt | None:
        receipt = wait(tx_hash, timeout_s)
        if receipt and chain.send_mode == "ok":
            chain.reorganise(1, keep=mined_meanwhile)
            chain.send_mode = "refuse"
            chain.on_send = _mine_if(chain, mined_meanwhile)
        return receipt

    chain.wait_for_receipt = gone_once
    intent = stored(journal)
    if mined_meanwhile:
        assert engine_of(chain, journal).run(intent).state is IntentState.FINAL_OK
        check_books(chain, journal)
    else:
        with pytest.raises(OutcomeUnknown, match="lost to a reorganisation, resend refused"):
            engine_of(chain, journal).run(intent)


def test_mined_and_its_block_gone_before_the_next_run_it_is_taken_up_as_sent(
    chain: FakeChain, journal: SqlJournal
) -> None:
    chain.mining = False
    intent = stored(journal, action=Action.APPROVE)
    with pytest.raises(OutcomeUnknown):
        engine_of(chain, journal, timeout_s=1.0).run(intent)
    intent = journal.advance(intent.key, IntentState.MINED, "as another process saw it")
    chain.mining = True
    assert engine_of(chain, journal).resume(intent).state is IntentState.FINAL_OK


def _mine_if(chain: FakeChain, wanted: bool) -> Callable[[object], None]:
    return lambda signed: chain.mine() if wanted else None

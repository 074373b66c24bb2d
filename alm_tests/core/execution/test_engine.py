"""One intent through its life: order of effects, refusals, lost answers, crashes at every boundary."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from alm_core.execution.bidding import bid_for
from alm_core.execution.engine import TransactionEngine
from alm_core.execution.erc20 import uint_word
from alm_core.execution.intents import LEGAL_STEPS, intent_key, predecessors
from alm_core.execution.position_logs import INCREASE_TOPIC
from alm_core.model.errors import (
    LimitExceeded,
    NotReconciled,
    OutcomeUnknown,
    SignerRefused,
    SourceRejected,
    TransactionWouldRevert,
)
from alm_core.model.transactions import (
    Action,
    BalanceBound,
    FeeBid,
    Intent,
    IntentState,
    Log,
    SignedTransaction,
    UnsignedTransaction,
)
from alm_resources.journal import SqlJournal
from alm_tests.core.execution.fakes import (
    GAS_PRICE,
    GAS_USED,
    OTHER_TOKEN,
    TOKEN,
    VENUE,
    WALLET,
    AllowAll,
    Crash,
    Crashing,
    CrashPoint,
    FakeChain,
    FakeSigner,
    transfer_intent,
    transfer_log,
)
from alm_tests.resources.journal.scene import blank_journal


@pytest.fixture
def chain() -> FakeChain:
    return FakeChain()


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[SqlJournal]:
    opened = blank_journal(tmp_path / "journal.db")
    yield opened
    opened.close()


@pytest.fixture
def engine(chain: FakeChain, journal: SqlJournal) -> TransactionEngine:
    return engine_of(chain, journal)


def engine_of(
    chain: object, journal: object, signer: object | None = None, guard: object | None = None
) -> TransactionEngine:
    return TransactionEngine(
        journal, chain, signer or FakeSigner(), guard or AllowAll(), receipt_timeout_s=1.0, fence=1
    )


def stored(journal: SqlJournal, number: int = 0, **changes: object) -> Intent:
    intent = transfer_intent(number)
    return journal.add_intents([replace(intent, tx=replace(intent.tx, **changes))])[0]


def test_an_intent_ends_final_with_its_transfers_and_gas_booked(
    chain: FakeChain, journal: SqlJournal, engine: TransactionEngine
) -> None:
    done = engine.run(stored(journal))
    assert done.state is IntentState.FINAL_OK
    assert chain.now.effects == ["P@1/0"]
    sums = journal.read_ledger_sums(chain.chain_id, WALLET)
    assert sums[TOKEN] == -5
    assert sums["native"] == -GAS_USED * GAS_PRICE


def test_nothing_is_sent_before_bytes_hash_and_broadcast_are_in_the_journal(
    chain: FakeChain, journal: SqlJournal, engine: TransactionEngine
) -> None:
    intent = stored(journal)

    def journalled_first(signed: object) -> None:
        assert journal.read_signed(intent.key) == (signed,)
        assert journal.read_intent(intent.key).state is IntentState.BROADCAST

    chain.on_send = journalled_first
    engine.run(intent)
    assert len(chain.received) == 1


def test_running_a_finished_intent_again_does_nothing(
    chain: FakeChain, journal: SqlJournal, engine: TransactionEngine
) -> None:
    done = engine.run(stored(journal))
    assert engine.run(done) == done
    assert len(chain.received) == 1


def test_a_refusal_of_the_limits_spends_no_nonce(chain: FakeChain, journal: SqlJournal) -> None:
    class Refuse:
        def check(self, tx: object, bid: object, simulated_gas: int | None = None) -> None:
            raise LimitExceeded("cap")

    intent = stored(journal)
    with pytest.raises(LimitExceeded, match="cap"):
        engine_of(chain, journal, guard=Refuse()).run(intent)
    assert journal.read_intent(intent.key).state is IntentState.PLANNED
    assert chain.received == []


def test_a_refusal_that_comes_once_the_nonce_is_reserved_hands_it_back(chain: FakeChain, journal: SqlJournal) -> None:
    class Overtaken(AllowAll):
        """Another intent reserved what was left of the day between the two questions."""

        def check(self, tx: UnsignedTransaction, bid: FeeBid, simulated_gas: int | None = None) -> None:
            super().check(tx, bid)
            if len(self.checked) == 2:
                raise LimitExceeded("cap of the day")

    first, second = (stored(journal, number) for number in range(2))
    with pytest.raises(LimitExceeded, match="cap of the day"):
        engine_of(chain, journal, guard=Overtaken()).run(first)
    given_up = journal.read_intent(first.key)
    assert (given_up.state, given_up.nonce) == (IntentState.EXPIRED_UNSENT, None)
    assert "limits refused it once reserved: cap of the day" in given_up.detail
    assert engine_of(chain, journal).run(second).nonce == 0


@pytest.mark.control("simulated_effects", "fires")
def test_a_payload_that_would_move_more_than_planned_is_not_signed(
    chain: FakeChain, journal: SqlJournal, engine: TransactionEngine
) -> None:
    chain.effects = (transfer_log(TOKEN, -6, 0), transfer_log(OTHER_TOKEN, 5, 1))
    intent = stored(journal)
    with pytest.raises(LimitExceeded, match=f"simulated_effects: .*{TOKEN} moved by -6, allowed is -5..0"):
        engine.run(intent)
    assert journal.read_intent(intent.key).state is IntentState.PLANNED
    assert journal.read_signed(intent.key) == ()


@pytest.mark.control("simulated_effects", "passes")
def test_a_payload_that_would_move_just_what_is_planned_is_sent(
    chain: FakeChain, journal: SqlJournal, engine: TransactionEngine
) -> None:
    chain.effects = (transfer_log(TOKEN, -5, 0), transfer_log(OTHER_TOKEN, 5, 1))
    assert engine.run(stored(journal)).state is IntentState.FINAL_OK


def test_what_would_revert_is_not_signed(chain: FakeChain, journal: SqlJournal, engine: TransactionEngine) -> None:
    chain.would_revert = True
    intent = stored(journal)
    with pytest.raises(TransactionWouldRevert):
        engine.run(intent)
    assert journal.read_signed(intent.key) == ()


def test_a_refusal_of_the_signer_hands_the_nonce_back(chain: FakeChain, journal: SqlJournal) -> None:
    class Refuse(FakeSigner):
        def sign(self, tx: object, nonce: int, bid: object, *, fence: int) -> object:
            raise SignerRefused("not on my list")

    first = stored(journal)
    with pytest.raises(SignerRefused):
        engine_of(chain, journal, signer=Refuse()).run(first)
    assert journal.read_intent(first.key).state is IntentState.EXPIRED_UNSENT
    assert engine_of(chain, journal).run(stored(journal, 1)).nonce == 0


def test_a_first_send_refused_for_good_hands_the_nonce_back(
    chain: FakeChain, journal: SqlJournal, engine: TransactionEngine
) -> None:
    chain.send_mode = "refuse"
    first = stored(journal)
    with pytest.raises(SourceRejected, match="intrinsic gas too low"):
        engine.run(first)
    assert journal.read_intent(first.key).state is IntentState.EXPIRED_UNSENT
    chain.send_mode = "ok"
    assert engine.run(stored(journal, 1)).nonce == 0
    assert chain.now.effects == ["P@1/1"]


@pytest.mark.parametrize("mode", ["lost", "answer lost", "drop"])
def test_an_unknown_outcome_is_resolved_by_the_same_bytes_and_one_effect(
    chain: FakeChain, journal: SqlJournal, engine: TransactionEngine, mode: str
) -> None:
    chain.send_mode, chain.mining = mode, False
    intent = stored(journal)
    with pytest.raises(OutcomeUnknown):
        engine.run(intent)
    unknown = journal.read_intent(intent.key)
    assert unknown.state is IntentState.BROADCAST
    with pytest.raises(OutcomeUnknown):
        engine.resume(unknown)
    chain.send_mode, chain.mining = "ok", True
    assert engine.resume(journal.read_intent(intent.key)).state is IntentState.FINAL_OK
    assert chain.now.effects == ["P@1/0"]
    assert len({signed.raw for signed in chain.received}) == 1


def test_an_answer_lost_after_acceptance_ends_well_at_once(
    chain: FakeChain, journal: SqlJournal, engine: TransactionEngine
) -> None:
    chain.send_mode = "answer lost"
    assert engine.run(stored(journal)).state is IntentState.FINAL_OK
    assert len(chain.received) == 1


def test_a_reverted_transaction_costs_gas_and_is_not_tried_again(
    chain: FakeChain, journal: SqlJournal, engine: TransactionEngine
) -> None:
    chain.reverting.add("P@1/0")
    done = engine.run(stored(journal))
    assert done.state is IntentState.FINAL_REVERTED
    assert journal.read_ledger_sums(chain.chain_id, WALLET) == {"native": -GAS_USED * GAS_PRICE}
    assert engine.run(done).state is IntentState.FINAL_REVERTED
    assert len(chain.received) == 1


def test_a_success_with_other_effects_than_planned_is_booked_and_left_to_a_person(
    chain: FakeChain, journal: SqlJournal, engine: TransactionEngine
) -> None:
    # The fake pays min_delta; a bound whose maximum lies below it cannot be met.
    done = engine.run(stored(journal, bounds=(BalanceBound(token=TOKEN, min_delta=-9, max_delta=-10),)))
    assert done.state is IntentState.MANUAL
    assert "moved by -9" in done.detail
    assert journal.read_ledger_sums(chain.chain_id, WALLET)[TOKEN] == -9


def test_an_open_without_a_minted_position_is_no_success(
    chain: FakeChain, journal: SqlJournal, engine: TransactionEngine
) -> None:
    done = engine.run(stored(journal, opens_position=True, action=Action.OPEN))
    assert done.state is IntentState.MANUAL
    assert "positions opened: [], planned: 1" in done.detail


@pytest.mark.parametrize(
    ("grown", "liquidity", "state"),
    [
        (7, 5, IntentState.FINAL_OK),
        (8, 5, IntentState.MANUAL),
        (7, 0, IntentState.MANUAL),
        (None, 0, IntentState.MANUAL),
    ],
)
def test_an_add_is_a_success_only_if_the_planned_position_grew(
    chain: FakeChain,
    journal: SqlJournal,
    engine: TransactionEngine,
    grown: int | None,
    liquidity: int,
    state: IntentState,
) -> None:
    wait = chain.wait_for_receipt
    event = Log(
        address=VENUE,
        topics=(INCREASE_TOPIC, "0x" + uint_word(grown or 0)),
        data="0x" + uint_word(liquidity) + uint_word(1) * 2,
        log_index=9,
    )

    def with_event(tx_hash: str, timeout_s: float) -> object:
        found = wait(tx_hash, timeout_s)
        if grown is not None:
            found = replace(found, logs=(*found.logs, event))
        return found

    chain.wait_for_receipt = with_event
    done = engine.run(stored(journal, adds_token_id=7, action=Action.ADD))
    assert done.state is state
    assert ("positions added to" in done.detail) == (state is IntentState.MANUAL)


@pytest.mark.parametrize(("action", "more"), [(Action.ADD, 60_000), (Action.COLLECT, 60_000), (Action.SWAP, 0)])
def test_gas_leaves_room_for_fees_that_accrue_before_a_position_is_touched(
    chain: FakeChain, journal: SqlJournal, action: Action, more: int
) -> None:
    bids: list[FeeBid] = []

    class Noting(FakeSigner):
        def sign(self, tx: UnsignedTransaction, nonce: int, bid: FeeBid, *, fence: int) -> SignedTransaction:
            bids.append(bid)
            return super().sign(tx, nonce, bid)

    engine_of(chain, journal, signer=Noting()).run(stored(journal, action=action))
    assert [bid.gas_limit for bid in bids] == [(GAS_USED + more) * 6 // 5]


def test_a_reorganisation_between_two_readings_sends_the_same_bytes_again(
    chain: FakeChain, journal: SqlJournal, engine: TransactionEngine
) -> None:
    intent = stored(journal)
    wait = chain.wait_for_receipt
    depths = [1]

    def mined_then_gone(tx_hash: str, timeout_s: float) -> object:
        receipt = wait(tx_hash, timeout_s)
        if depths:
            chain.reorganise(depths.pop(), keep=False)
        return receipt

    chain.wait_for_receipt = mined_then_gone
    assert engine.run(intent).state is IntentState.FINAL_OK
    assert chain.now.effects == ["P@1/0"]
    assert len(chain.received) == 2
    assert len({signed.raw for signed in chain.received}) == 1


def test_a_nonce_used_by_somebody_else_stops_the_key(
    chain: FakeChain, journal: SqlJournal, engine: TransactionEngine
) -> None:
    chain.send_mode, chain.mining = "drop", False
    intent = stored(journal)
    with pytest.raises(OutcomeUnknown):
        engine.run(intent)
    chain.use_key_elsewhere()
    with pytest.raises(NotReconciled, match="not ours"):
        engine.resume(journal.read_intent(intent.key))
    assert journal.read_intent(intent.key).state is IntentState.MANUAL


def test_a_payload_refused_on_rebroadcast_is_replaced_by_a_self_transfer(
    chain: FakeChain, journal: SqlJournal, engine: TransactionEngine
) -> None:
    chain.send_mode, chain.mining = "drop", False
    intent = stored(journal)
    with pytest.raises(OutcomeUnknown):
        engine.run(intent)
    chain.mining = True
    sent: list[str] = []

    def refuse_payload_only(signed: object) -> None:
        sent.append("cancel" if signed.cancels else "payload")
        chain.send_mode = "ok" if sent[-1] == "cancel" else "refuse"

    chain.on_send = refuse_payload_only
    assert engine.resume(journal.read_intent(intent.key)).state is IntentState.CANCELLED
    assert sent == ["payload", "cancel"]
    assert chain.now.effects == []
    assert chain.now.nonces_mined == [0]


@pytest.mark.parametrize("state", [IntentState.PLANNED, IntentState.RESERVED, IntentState.SIGNED])
def test_retiring_what_never_left_expires_it_and_hands_the_nonce_back(
    chain: FakeChain, journal: SqlJournal, engine: TransactionEngine, state: IntentState
) -> None:
    intent = stored(journal)
    if state is not IntentState.PLANNED:
        intent = journal.reserve_nonce(intent.key, 0)
    if state is IntentState.SIGNED:
        intent = _sign(journal, intent)
    assert engine.retire(intent).state is IntentState.EXPIRED_UNSENT
    assert engine.run(stored(journal, 1)).nonce == 0
    assert chain.now.effects == ["P@1/1"]


def test_the_same_payload_may_be_signed_again_for_a_nonce_that_was_handed_back(
    chain: FakeChain, journal: SqlJournal, engine: TransactionEngine
) -> None:
    first = journal.add_intents([transfer_intent(0)])[0]
    same = replace(transfer_intent(1), tx=first.tx)
    bid = bid_for(chain.read_fees(), chain.rules, GAS_USED)
    journal.reserve_nonce(first.key, 0)
    journal.record_signed(first.key, FakeSigner().sign(first.tx, 0, bid), bid)
    engine.retire(journal.read_intent(first.key))
    done = engine.run(journal.add_intents([same])[0])
    assert done.state is IntentState.FINAL_OK
    assert journal.read_signed(done.key) == journal.read_signed(first.key)
    assert chain.now.effects == ["P@1/0"]


def test_retiring_an_unsent_intent_below_a_later_nonce_frees_the_way_with_a_self_transfer(
    chain: FakeChain, journal: SqlJournal, engine: TransactionEngine
) -> None:
    intent = journal.reserve_nonce(stored(journal).key, 0)
    later = replace(transfer_intent(1), state=IntentState.FINAL_OK, nonce=1)
    journal.add_intents([later])  # a journal written by hand or by another version
    assert engine.retire(intent).state is IntentState.CANCELLED
    assert chain.now.nonces_mined == [0]
    assert chain.now.effects == []


def test_retiring_what_may_have_left_finishes_it(
    chain: FakeChain, journal: SqlJournal, engine: TransactionEngine
) -> None:
    chain.send_mode, chain.mining = "answer lost", False
    intent = stored(journal)
    with pytest.raises(OutcomeUnknown):
        engine.run(intent)
    chain.mining = True
    assert engine.retire(journal.read_intent(intent.key)).state is IntentState.FINAL_OK


def test_a_crash_at_every_boundary_leaves_one_effect_after_a_restart() -> None:
    boundaries = _count_boundaries()
    assert boundaries >= 20
    for at in range(1, boundaries + 1):
        chain, journal = FakeChain(), SqlJournal("sqlite:///:memory:")
        intent = stored(journal)
        with pytest.raises(Crash):
            _crashing_engine(chain, journal, CrashPoint(at)).run(intent)
        done = engine_of(chain, journal).run(journal.read_intent(intent.key))
        assert done.state is IntentState.FINAL_OK, at
        assert chain.now.effects == ["P@1/0"], at
        assert chain.now.nonces_mined == [0], at


def test_a_crash_at_every_boundary_then_a_new_epoch_leaves_at_most_one_effect() -> None:
    for at in range(1, _count_boundaries() + 1):
        chain, journal = FakeChain(), SqlJournal("sqlite:///:memory:")
        intent = stored(journal)
        with pytest.raises(Crash):
            _crashing_engine(chain, journal, CrashPoint(at)).run(intent)
        engine = engine_of(chain, journal)
        old = engine.retire(journal.read_intent(intent.key))
        new = engine.run(stored(journal, 1))
        assert old.state.terminal
        assert new.state is IntentState.FINAL_OK
        expected = ["P@1/0", "P@1/1"] if old.state is IntentState.FINAL_OK else ["P@1/1"]
        assert chain.now.effects == expected, at
        assert chain.now.nonces_mined == list(range(len(expected))), at


def test_every_state_is_in_the_table_and_terminal_states_lead_nowhere() -> None:
    assert set(LEGAL_STEPS) == set(IntentState)
    for state, steps in LEGAL_STEPS.items():
        assert state.terminal == (not steps), state


def test_no_step_leads_from_sent_back_to_a_state_that_could_be_signed_anew() -> None:
    for fresh in (IntentState.PLANNED, IntentState.RESERVED, IntentState.SIGNED):
        assert not predecessors(fresh) & {IntentState.BROADCAST, IntentState.MINED}


@pytest.mark.parametrize("position", range(6))
def test_every_part_of_an_intent_makes_its_key_another(position: int) -> None:
    parts: list[object] = ["P@E", 1, "1:0xa", Action.OPEN, 3, "h"]
    changed: list[object] = ["P@F", 2, "1:0xb", Action.CLOSE, 4, "i"]
    other = [*parts]
    other[position] = changed[position]
    assert intent_key(*parts) != intent_key(*other)


def _count_boundaries() -> int:
    point = CrashPoint()
    chain, journal = FakeChain(), SqlJournal("sqlite:///:memory:")
    _crashing_engine(chain, journal, point).run(stored(journal))
    return point.passed


def _crashing_engine(chain: FakeChain, journal: SqlJournal, point: CrashPoint) -> TransactionEngine:
    wrap: Callable[[object], object] = lambda port: Crashing(port, point)  # noqa: E731
    return engine_of(wrap(chain), wrap(journal), wrap(FakeSigner()), wrap(AllowAll()))


def _sign(journal: SqlJournal, intent: Intent) -> Intent:
    bid = FeeBid(gas_limit=1, max_fee_per_gas_wei=1, max_priority_fee_per_gas_wei=1)
    assert intent.nonce is not None
    return journal.record_signed(intent.key, FakeSigner().sign(intent.tx, intent.nonce, bid), bid)

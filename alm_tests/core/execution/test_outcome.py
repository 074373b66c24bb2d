"""What became of an intent by its receipt, position tokens included; its key, its order and its words."""

from dataclasses import replace

import pytest

from alm_core.execution.bidding import gas_limit_for
from alm_core.execution.erc20 import TRANSFER_TOPIC, address_word, uint_word
from alm_core.execution.intents import IN_FLIGHT, in_nonce_order, intent_key, nonce_of, plan_hash, planned_intent
from alm_core.execution.outcome import outcome_of, position_changes
from alm_core.model.chains import ChainRules
from alm_core.model.epochs import Epoch
from alm_core.model.errors import NotReconciled
from alm_core.model.transactions import Action, Intent, IntentState, Log, Receipt, SignedTransaction
from alm_tests.core.execution.fakes import OTHER_TOKEN, VENUE, WALLET, transfer_intent
from alm_tests.core.execution.guarded import plan_at, spending_tx
from alm_tests.core.execution.test_guard import MINED

OWN, NOBODY, OTHER = address_word(WALLET), "0" * 64, address_word("0x" + "99" * 20)
SENT = SignedTransaction(raw="0x1", tx_hash="0xh")


def token_log(source: str, to: str, token_id: int = 258, by: str = VENUE, *, topics: int = 4) -> Log:
    words = (TRANSFER_TOPIC, "0x" + source, "0x" + to.upper(), "0x" + uint_word(token_id))
    return Log(address=by, topics=words[:topics], data="0x", log_index=0)


def opening(**changes: object) -> Intent:
    intent = transfer_intent(0)
    tx = replace(intent.tx, to=VENUE, action=Action.OPEN, bounds=(), opens_position=True)
    return replace(intent, tx=replace(tx, **changes))


def mined(*logs: Log, **changes: object) -> Receipt:
    return replace(MINED, logs=logs, **changes)


def judged(intent: Intent, *logs: Log) -> tuple[IntentState, str]:
    outcome = outcome_of(intent, SENT, mined(*logs))
    return outcome.state, outcome.detail


def test_a_position_token_from_nobody_is_opened_and_to_nobody_closed() -> None:
    intent = opening()
    (opened,) = position_changes(intent, mined(token_log(NOBODY, OWN)))
    assert (opened.token_id, opened.opened, opened.manager) == (258, True, VENUE.lower())
    assert (opened.chain_id, opened.wallet, opened.intent_key) == (intent.tx.chain_id, WALLET, intent.key)
    (closed,) = position_changes(intent, mined(token_log(OWN, NOBODY)))
    assert (closed.token_id, closed.opened) == (258, False)


@pytest.mark.parametrize(
    "log",
    [
        token_log(NOBODY, OTHER),
        token_log(OTHER, NOBODY),
        token_log(OTHER, OWN),
        token_log(OWN, OTHER),
        token_log(NOBODY, OWN, by=OTHER_TOKEN),
        token_log(NOBODY, OWN, topics=3),
        replace(token_log(NOBODY, OWN), topics=("0x" + "11" * 32, *token_log(NOBODY, OWN).topics[1:])),
    ],
)
def test_tokens_of_others_moves_and_other_events_are_no_position_of_ours(log: Log) -> None:
    assert position_changes(opening(), mined(log)) == ()
    state, detail = judged(opening(), log)
    assert (state, "positions opened: [], planned: 1" in detail) == (IntentState.MANUAL, True)


def test_a_plan_opens_one_position_and_closes_the_one_it_names() -> None:
    assert judged(opening(), token_log(NOBODY, OWN)) == (IntentState.FINAL_OK, "")
    twice = judged(opening(), token_log(NOBODY, OWN), token_log(NOBODY, OWN, 259))
    assert twice[0] is IntentState.MANUAL
    assert "positions opened: [258, 259], planned: 1" in twice[1]
    closing = opening(action=Action.CLOSE, opens_position=False, closes_token_id=258)
    assert judged(closing, token_log(OWN, NOBODY)) == (IntentState.FINAL_OK, "")
    for logs in ((), (token_log(OWN, NOBODY, 259),), (token_log(OWN, NOBODY), token_log(OWN, NOBODY, 259))):
        assert judged(closing, *logs)[0] is IntentState.MANUAL
    neither = opening(action=Action.APPROVE, opens_position=False)
    assert judged(neither, token_log(OWN, NOBODY))[0] is IntentState.MANUAL
    assert judged(neither) == (IntentState.FINAL_OK, "")


def test_what_reverted_opens_nothing_and_what_cancels_is_no_success() -> None:
    reverted = outcome_of(opening(), SENT, mined(token_log(NOBODY, OWN), succeeded=False))
    assert (reverted.state, reverted.positions) == (IntentState.FINAL_REVERTED, ())
    assert reverted.detail == "reverted in block 1, 100000 gas spent"
    cancelled = outcome_of(opening(), replace(SENT, cancels=True), mined())
    assert (cancelled.state, cancelled.detail) == (IntentState.CANCELLED, "nonce freed by self-transfer 0xh")


def test_a_step_of_a_plan_becomes_an_intent_under_its_own_key() -> None:
    plan, tx = plan_at(), spending_tx(5)
    intent = planned_intent(plan, plan_hash(plan), "8453:0xpool", 3, tx)
    epoch_id = Epoch(pair=plan.pair, epoch_at=plan.epoch_at).epoch_id
    assert intent == Intent(
        key=intent_key(epoch_id, tx.chain_id, "8453:0xpool", tx.action, 3, plan_hash(plan)),
        epoch_id=epoch_id,
        pair=plan.pair,
        plan_hash=plan_hash(plan),
        step_no=3,
        tx=tx,
        state=IntentState.PLANNED,
    )
    assert len(plan_hash(plan)) == 64


def test_a_nonce_that_is_missing_is_said_and_worse_in_flight() -> None:
    intent = transfer_intent(0)
    assert nonce_of(replace(intent, nonce=0)) == 0
    for state in IntentState:
        with pytest.raises(NotReconciled, match="holds no nonce") as said:
            nonce_of(replace(intent, state=state, nonce=None))
        assert ("although it is in flight" in str(said.value)) is (state in IN_FLIGHT)


def test_intents_are_taken_lowest_nonce_first_and_those_without_one_last() -> None:
    of = [replace(transfer_intent(number), nonce=nonce) for number, nonce in enumerate((7, None, 0, None, 5))]
    assert [intent.step_no for intent in in_nonce_order(of)] == [of[at].step_no for at in (2, 4, 0, 1, 3)]


def test_gas_is_a_fifth_more_than_needed_and_never_more_than_the_chain_takes() -> None:
    for cap, limit in ((None, 120_000), (200_000, 120_000), (120_000, 120_000), (110_000, 110_000)):
        assert gas_limit_for(100_000, Action.SWAP, ChainRules(transaction_gas_cap=cap)) == limit

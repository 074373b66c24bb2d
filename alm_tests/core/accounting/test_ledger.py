"""Ledger entries of a receipt: every wei that moved, nothing twice."""

from dataclasses import replace

import hypothesis.strategies as st
import pytest
from hypothesis import given

from alm_core.accounting.ledger import FEES, NATIVE, REWARDS, entries_from_receipt, refuse_duplicates
from alm_core.execution.erc20 import address_word, uint_word
from alm_core.execution.position_logs import COLLECT_TOPIC, DECREASE_TOPIC, MODIFY_TOPIC
from alm_core.model.errors import InvalidInput
from alm_core.model.transactions import Action, BalanceBound, Intent, Log, Receipt
from alm_tests.core.execution.fakes import OTHER_TOKEN, TOKEN, VENUE, transfer_intent, transfer_log

INTENT = transfer_intent(0)
amounts = st.integers(1, 2**256 - 1)


def receipt(*logs: Log, succeeded: bool = True, l1_fee_wei: int = 0) -> Receipt:
    return Receipt(
        tx_hash="0x" + "ab" * 32,
        block_number=7,
        block_hash="0x" + "cd" * 32,
        succeeded=succeeded,
        gas_used=100,
        effective_gas_price_wei=3,
        l1_fee_wei=l1_fee_wei,
        logs=logs,
    )


def sums(intent: Intent, of: Receipt) -> dict[str, int]:
    totals: dict[str, int] = {}
    for entry in entries_from_receipt(intent, of):
        totals[entry.token] = totals.get(entry.token, 0) + entry.delta
    return totals


@given(paid=amounts, received=amounts, l1_fee=st.integers(0, 10**18))
def test_entries_add_up_to_transfers_and_the_whole_fee(paid: int, received: int, l1_fee: int) -> None:
    mined = receipt(transfer_log(TOKEN, -paid, 0), transfer_log(OTHER_TOKEN, received, 1), l1_fee_wei=l1_fee)
    assert sums(INTENT, mined) == {TOKEN: -paid, OTHER_TOKEN: received, NATIVE: -(300 + l1_fee)}


def test_transfers_of_others_are_not_ours() -> None:
    log = transfer_log(TOKEN, -5, 0)
    foreign = replace(log, topics=(log.topics[0], log.topics[2], log.topics[2]))
    assert sums(INTENT, receipt(foreign)) == {NATIVE: -300}


def test_a_transfer_to_ourselves_changes_nothing_but_is_booked() -> None:
    log = transfer_log(TOKEN, -5, 0)
    to_self = replace(log, topics=(log.topics[0], log.topics[1], log.topics[1]))
    assert sums(INTENT, receipt(to_self)) == {TOKEN: 0, NATIVE: -300}


def test_a_reverted_transaction_costs_gas_only() -> None:
    valued = replace(INTENT, tx=replace(INTENT.tx, value_wei=11))
    assert sums(valued, receipt(succeeded=False)) == {NATIVE: -300}


def test_native_value_leaves_with_a_success() -> None:
    valued = replace(INTENT, tx=replace(INTENT.tx, value_wei=11))
    assert sums(valued, receipt()) == {NATIVE: -311}


def test_the_self_transfer_that_frees_a_nonce_sends_no_value() -> None:
    valued = replace(INTENT, tx=replace(INTENT.tx, value_wei=11))
    (gas,) = entries_from_receipt(valued, receipt(), payload_sent=False)
    assert (gas.kind, gas.delta) == ("gas", -300)


def test_one_log_twice_is_refused() -> None:
    log = transfer_log(TOKEN, -5, 4)
    with pytest.raises(InvalidInput, match="booked twice"):
        entries_from_receipt(INTENT, receipt(log, log))


def test_the_same_log_index_of_two_tokens_is_two_changes() -> None:
    entries = entries_from_receipt(INTENT, receipt(transfer_log(TOKEN, -5, 4), transfer_log(VENUE, 5, 4)))
    assert len(refuse_duplicates(entries)) == 3


LOWER, HIGHER = sorted((TOKEN, OTHER_TOKEN))
BOUNDS = tuple(BalanceBound(token=token, min_delta=0, max_delta=2**128) for token in (HIGHER, LOWER))


def paying(action: Action) -> Intent:
    return replace(INTENT, tx=replace(INTENT.tx, action=action, bounds=BOUNDS))


def manager_log(topic: str, log_index: int, *words: int, token_id: int = 9, by: str = VENUE) -> Log:
    data = "0x" + "".join(uint_word(word) for word in words)
    return Log(address=by, topics=(topic, "0x" + uint_word(token_id)), data=data, log_index=log_index)


def kinds(intent: Intent, of: Receipt) -> dict[tuple[str, str], int]:
    booked: dict[tuple[str, str], int] = {}
    for entry in entries_from_receipt(intent, of):
        booked[(entry.kind, entry.token)] = booked.get((entry.kind, entry.token), 0) + entry.delta
    return booked


small = st.integers(0, 2**100)


@given(fees0=small, fees1=small)
def test_what_a_collect_pays_is_booked_as_fees(fees0: int, fees1: int) -> None:
    paid = [transfer_log(token, fees, at) for at, (token, fees) in enumerate(((LOWER, fees0), (HIGHER, fees1))) if fees]
    mined = receipt(*paid, manager_log(COLLECT_TOPIC, 5, 0xAA, fees0, fees1))
    expected = {(FEES, token): fees for token, fees in ((LOWER, fees0), (HIGHER, fees1)) if fees}
    assert kinds(paying(Action.COLLECT), mined) == {**expected, ("gas", NATIVE): -300}


@given(principal0=small, principal1=small, fees0=small, fees1=small)
def test_a_close_books_principal_and_fees_apart_and_loses_no_wei(
    principal0: int, principal1: int, fees0: int, fees1: int
) -> None:
    total0, total1 = principal0 + fees0, principal1 + fees1
    paid = [
        transfer_log(token, sum_, at) for at, (token, sum_) in enumerate(((LOWER, total0), (HIGHER, total1))) if sum_
    ]
    mined = receipt(
        manager_log(DECREASE_TOPIC, 7, 10**18, principal0, principal1),
        manager_log(DECREASE_TOPIC, 8, 10**18, 1, 1, token_id=8),
        *paid,
        manager_log(COLLECT_TOPIC, 9, 0xAA, total0, total1),
    )
    booked = kinds(paying(Action.CLOSE), mined)
    for token, principal, fees in ((LOWER, principal0, fees0), (HIGHER, principal1, fees1)):
        assert booked.get(("transfer", token), 0) == principal
        assert booked.get((FEES, token), 0) == fees
    assert len(refuse_duplicates(entries_from_receipt(paying(Action.CLOSE), mined))) == len(booked)


def liquidity_log(delta: int, log_index: int, position_manager: str) -> Log:
    words = (uint_word(word) for word in (0, 60, delta % 2**256, 9))
    topics = (MODIFY_TOPIC, "0x" + uint_word(77), "0x" + address_word(position_manager))
    return Log(address=VENUE, topics=topics, data="0x" + "".join(words), log_index=log_index)


@pytest.mark.parametrize(("action", "delta"), [(Action.ADD, 5), (Action.REMOVE, -5), (Action.CLOSE, -5)])
def test_where_liquidity_changes_in_the_pool_manager_what_is_paid_before_it_is_fees(action: Action, delta: int) -> None:
    intent = paying(action)
    intent = replace(intent, tx=replace(intent.tx, liquidity_events_from=VENUE))
    mined = receipt(
        liquidity_log(0, 0, intent.tx.to),
        transfer_log(LOWER, 7, 1),
        transfer_log(HIGHER, 8, 2),
        liquidity_log(delta, 3, intent.tx.to),
        transfer_log(HIGHER, 100, 4),
    )
    booked = {(FEES, LOWER): 7, (FEES, HIGHER): 8, ("transfer", HIGHER): 100, ("gas", NATIVE): -300}
    assert kinds(intent, mined) == booked


def test_a_unit_less_than_the_principal_is_no_negative_fee() -> None:
    """The pool pays no more than it owes the joint position, which may be a unit short."""
    mined = receipt(
        manager_log(DECREASE_TOPIC, 0, 10**18, 100, 0),
        transfer_log(LOWER, 99, 1),
        manager_log(COLLECT_TOPIC, 2, 0xAA, 99, 0),
    )
    assert kinds(paying(Action.CLOSE), mined) == {("transfer", LOWER): 99, ("gas", NATIVE): -300}


@pytest.mark.parametrize(
    ("action", "collect"),
    [
        (Action.CLOSE, None),
        (Action.SWAP, manager_log(COLLECT_TOPIC, 2, 0xAA, 99, 0)),
        (Action.COLLECT, manager_log(COLLECT_TOPIC, 2, 0xAA, 99, 0, by=TOKEN)),
        (Action.COLLECT, replace(manager_log(COLLECT_TOPIC, 2, 0xAA, 99, 0), data="0x")),
    ],
)
def test_without_the_managers_word_nothing_is_called_a_fee(action: Action, collect: Log | None) -> None:
    mined = receipt(transfer_log(LOWER, 99, 1), *([collect] if collect else []))
    assert kinds(paying(action), mined) == {("transfer", LOWER): 99, ("gas", NATIVE): -300}


@pytest.mark.parametrize(
    ("action", "kinds"),
    [
        (Action.UNSTAKE, [REWARDS, FEES]),
        (Action.CLAIM, [REWARDS, FEES]),
        (Action.STAKE, [REWARDS, FEES]),
        (Action.SWAP, ["transfer", "transfer"]),
    ],
)
def test_what_the_called_contract_pays_for_a_stake_is_reward_all_else_fees(action: Action, kinds: list[str]) -> None:
    # Of a token outside the pair as of any other.
    intent = replace(INTENT, tx=replace(INTENT.tx, action=action, to=VENUE, bounds=()))
    paid = transfer_log("0x" + "ee" * 20, 7, 0)
    from_pool = transfer_log(TOKEN, 5, 1)
    elsewhere = replace(from_pool, topics=(from_pool.topics[0], "0x" + address_word("0x" + "77" * 20), paid.topics[2]))
    entries = entries_from_receipt(intent, receipt(paid, elsewhere))
    assert [(entry.kind, entry.delta) for entry in entries[:-1]] == [(kinds[0], 7), (kinds[1], 5)]

"""Ledger entries of a receipt: every wei that moved, nothing twice."""

from dataclasses import replace

import hypothesis.strategies as st
import pytest
from hypothesis import given

from alm_core.accounting.ledger import NATIVE, entries_from_receipt, refuse_duplicates
from alm_core.model.errors import InvalidInput
from alm_core.model.transactions import Intent, Log, Receipt
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

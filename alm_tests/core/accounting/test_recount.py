"""A day rebuilt from logs and receipts: gas and value of every outcome, split fees, and rows that do not fit."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from alm_core.accounting.postings import stake_pair
from alm_core.accounting.recount import (
    ChainDay,
    SentTransaction,
    balance_differences,
    native_difference,
    recounted,
    stake_differences,
    strangers,
)
from alm_core.execution.erc20 import address_word, uint_word
from alm_core.execution.position_logs import (
    DECREASE_TOPIC,
    INCREASE_ALGEBRA_TOPIC,
    INCREASE_TOPIC,
    INCREASE_WITH_TICKS_TOPIC,
    MODIFY_TOPIC,
    TRANSFER_BATCH_TOPIC,
    TRANSFER_SINGLE_TOPIC,
)
from alm_core.execution.stake_logs import StakeSources, stake_moves
from alm_core.model.books import LedgerEntry
from alm_core.model.transactions import Log, Receipt

WALLET, TOKEN = "0x" + "aa" * 20, "0x" + "11" * 20
MANAGER, POOL_MANAGER, PAIR = "0x" + "33" * 20, "0x" + "44" * 20, "0x" + "55" * 20
OPENED, FAILED = "0x" + "01" * 32, "0x" + "02" * 32
SOURCES = StakeSources(owner=WALLET, keepers=frozenset({MANAGER, PAIR}), pool_managers=frozenset({POOL_MANAGER}))
ZERO = "0" * 64


def log(address: str, topics: tuple[str, ...], *words: int, index: int = 3) -> Log:
    data = "0x" + "".join(uint_word(word % 2**256) for word in words)
    return Log(address=address, topics=topics, data=data, log_index=index)


def word(value: int | str) -> str:
    return "0x" + (uint_word(value) if isinstance(value, int) else address_word(value))


EVENTS = {
    "increase": (log(MANAGER, (INCREASE_TOPIC, word(7)), 50, 1, 2), (MANAGER, 7), 50),
    "decrease": (log(MANAGER, (DECREASE_TOPIC, word(7)), 50, 1, 2), (MANAGER, 7), -50),
    "algebra": (log(MANAGER, (INCREASE_ALGEBRA_TOPIC, word(7)), 99, 50, 1, 2, 3), (MANAGER, 7), 50),
    "with ticks": (log(MANAGER, (INCREASE_WITH_TICKS_TOPIC, word(7)), 50, 1, 2, 3, 4), (MANAGER, 7), 50),
    "modify": (log(POOL_MANAGER, (MODIFY_TOPIC, word(1), word(MANAGER)), 0, 0, -50, 7), (MANAGER, 7), -50),
    "bins came": (
        log(PAIR, (TRANSFER_BATCH_TOPIC, word(WALLET), "0x" + ZERO, word(WALLET)), 64, 160, 2, 8, 9, 2, 20, 30),
        (PAIR, int(PAIR, 16)),
        50,
    ),
    "a bin left": (
        log(PAIR, (TRANSFER_SINGLE_TOPIC, word(PAIR), word(WALLET), word(PAIR)), 8, 50),
        (PAIR, int(PAIR, 16)),
        -50,
    ),
}


@pytest.mark.parametrize("name", EVENTS)
def test_an_event_of_each_kind_moves_a_stake(name: str) -> None:
    event, place, delta = EVENTS[name]
    assert [*stake_moves([event], SOURCES)] == [(event, place, delta)]


@pytest.mark.parametrize("name", EVENTS)
def test_the_same_event_of_another_contract_or_of_another_length_is_none(name: str) -> None:
    event, _, _ = EVENTS[name]
    assert not [*stake_moves([replace(event, address=TOKEN)], SOURCES)]
    assert not [*stake_moves([replace(event, data=event.data[:-64])], SOURCES)]
    assert not [*stake_moves([replace(event, data=event.data[:-2])], SOURCES)]


def test_bins_that_go_from_others_to_others_or_to_oneself_move_nothing() -> None:
    for sides in ((PAIR, TOKEN), (WALLET, WALLET)):
        event = log(PAIR, (TRANSFER_SINGLE_TOPIC, word(PAIR), word(sides[0]), word(sides[1])), 8, 50)
        assert not [*stake_moves([event], SOURCES)]


def receipt(tx_hash: str, *logs: Log, succeeded: bool = True) -> Receipt:
    return Receipt(
        tx_hash=tx_hash,
        block_number=12,
        block_hash="0xb",
        succeeded=succeeded,
        gas_used=10,
        effective_gas_price_wei=3,
        l1_fee_wei=2,
        logs=logs,
    )


def day() -> ChainDay:
    return ChainDay(
        chain_id=1,
        wallet=WALLET,
        first_block=10,
        last_block=20,
        native_before=1000,
        native_after=1000 - 32 - 7 - 32 + 5,
        transfers=((TOKEN, -40, OPENED, 1), (TOKEN, 30, OPENED, 5)),
        sent=(
            SentTransaction(nonce=0, to=MANAGER, value_wei=7, receipt=receipt(OPENED, EVENTS["increase"][0])),
            SentTransaction(nonce=1, to=MANAGER, value_wei=9, receipt=receipt(FAILED, succeeded=False)),
        ),
        events=(),
        sources=SOURCES,
    )


def entry(delta: int, index: int, *, token: str = TOKEN, kind: str = "transfer", tx_hash: str = OPENED) -> LedgerEntry:
    return LedgerEntry(
        chain_id=1,
        wallet=WALLET,
        token=token,
        delta=delta,
        kind=kind,
        tx_hash=tx_hash,
        log_index=index,
        intent_key="k",
    )


BOOKED = (
    entry(-40, 1),
    entry(20, 5),
    entry(10, 7, kind="fees"),
    entry(-7, -2, token="native"),
    entry(-32, -1, token="native", kind="gas"),
    entry(-32, -1, token="native", kind="gas", tx_hash=FAILED),
)


def test_a_day_that_was_booked_rightly_agrees_fees_split_off_and_all() -> None:
    found = recounted(day())
    assert balance_differences(found, BOOKED, day().hashes) == ()
    assert found.received_native == 5
    pair = stake_pair(chain_id=1, wallet=WALLET, place=(MANAGER, 7), delta=50, at=(OPENED, 3))
    assert stake_differences(found, pair, day().hashes) == ()


FAULTS: dict[str, Callable[[list[LedgerEntry]], list[LedgerEntry]]] = {
    "lost": lambda rows: rows[1:],
    "gas lost": lambda rows: rows[:-1],
    "fees lost": lambda rows: [*rows[:2], *rows[3:]],
    "doubled": lambda rows: [*rows, replace(rows[0], log_index=77)],
    "decimal": lambda rows: [replace(rows[0], delta=-400), *rows[1:]],
    "value of a failed one": lambda rows: [*rows, entry(-9, -2, token="native", tx_hash=FAILED)],
}


@pytest.mark.parametrize("fault", FAULTS)
def test_one_row_that_is_wrong_is_the_one_that_is_named(fault: str) -> None:
    (difference,) = balance_differences(recounted(day()), FAULTS[fault]([*BOOKED]), day().hashes)
    assert OPENED in difference or FAILED in difference


def test_rows_of_other_days_are_not_looked_at_and_are_told_apart() -> None:
    other = entry(-1, 0, tx_hash="0x" + "09" * 32)
    opening = entry(5, -3, tx_hash="opening:0xb")
    assert balance_differences(recounted(day()), (*BOOKED, other, opening), day().hashes) == ()
    assert strangers((*BOOKED, other, opening), day().hashes) == {other.tx_hash}


def test_liquidity_of_another_decimal_and_liquidity_nobody_added_are_named() -> None:
    found = recounted(day())
    wrong = stake_pair(chain_id=1, wallet=WALLET, place=(MANAGER, 7), delta=500, at=(OPENED, 3))
    assert stake_differences(found, wrong, day().hashes) == (
        f"stake of position {MANAGER}:7 in {OPENED}, log 3: 500 booked, 50 on chain",
    )
    assert len(stake_differences(found, (), day().hashes)) == 1
    invented = stake_pair(chain_id=1, wallet=WALLET, place=(MANAGER, 8), delta=1, at=(FAILED, 3))
    right = stake_pair(chain_id=1, wallet=WALLET, place=(MANAGER, 7), delta=50, at=(OPENED, 3))
    assert len(stake_differences(found, (*right, *invented), day().hashes)) == 1


@pytest.mark.parametrize(
    ("received", "booked", "after", "agrees"),
    [(5, 5, 0, True), (5, 2, 3, True), (5, 2, 2, False), (5, 6, 9, False), (-1, 0, 9, False)],
)
def test_native_coin_from_outside_agrees_or_was_booked_next(
    received: int, booked: int, after: int, agrees: bool
) -> None:
    assert (native_difference(received, booked, after) is None) is agrees

"""What the events of Liquidity Book pairs mean: positions opened, grown and closed, and fees that were paid apart."""

from dataclasses import replace

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from alm_core.accounting.ledger import FEES, entries_from_receipt
from alm_core.execution import position_logs as events
from alm_core.execution.erc20 import address_word
from alm_core.execution.outcome import position_changes
from alm_core.model.transactions import Action, BalanceBound, Intent, Log, Receipt
from alm_tests.core.execution.fakes import OTHER_TOKEN, TOKEN, VENUE, WALLET, transfer_intent, transfer_log

PAIR = "0x" + "1b" * 20
STRANGER = "0x" + "66" * 20
ZERO = "0x" + "00" * 20
POSITION = int(PAIR, 16)
SIGNATURES = {
    events.TRANSFER_BATCH_TOPIC: "TransferBatch(address,address,address,uint256[],uint256[])",
    events.TRANSFER_SINGLE_TOPIC: "TransferSingle(address,address,address,uint256,uint256)",
    events.FEES_COLLECTED_TOPIC: "FeesCollected(address,address,uint256,uint256)",
    events.MODIFY_TOPIC: "ModifyLiquidity(bytes32,address,int24,int24,int256,bytes32)",
    events.INCREASE_ALGEBRA_TOPIC: "IncreaseLiquidity(uint256,uint128,uint128,uint256,uint256,address)",
    events.INCREASE_WITH_TICKS_TOPIC: "IncreaseLiquidity(uint256,uint128,uint256,uint256,int24,int24)",
}


def log(topic: str, addresses: tuple[str, ...], data: bytes, by: str = PAIR, at: int = 0) -> Log:
    topics = (topic, *("0x" + address_word(address) for address in addresses))
    return Log(address=by, topics=topics, data="0x" + data.hex(), log_index=at)


def batch(source: str, to: str, by: str = PAIR) -> Log:
    return log(
        events.TRANSFER_BATCH_TOPIC, (VENUE, source, to), encode(("uint256[]", "uint256[]"), ([1, 2], [3, 4])), by
    )


def single(source: str, to: str, bin_id: int) -> Log:
    return log(events.TRANSFER_SINGLE_TOPIC, (VENUE, source, to), encode(("uint256", "uint256"), (bin_id, 5)))


def collected(recipient: str) -> Log:
    return log(events.FEES_COLLECTED_TOPIC, (WALLET, recipient), encode(("uint256", "uint256"), (7, 8)))


def intent_of(action: Action, to: str = VENUE, **planned: bool | int) -> Intent:
    intent = transfer_intent(0)
    bounds = tuple(BalanceBound(token=token, min_delta=0, max_delta=2**128) for token in (TOKEN, OTHER_TOKEN))
    tx = replace(intent.tx, action=action, to=to, bounds=bounds, liquidity_events_from=PAIR, **planned)
    return replace(intent, tx=tx)


def receipt(*logs: Log) -> Receipt:
    return Receipt(
        tx_hash="0x" + "ab" * 32,
        block_number=7,
        block_hash="0x" + "cd" * 32,
        succeeded=True,
        gas_used=100,
        effective_gas_price_wei=3,
        l1_fee_wei=0,
        logs=logs,
    )


def changes(intent: Intent, *logs: Log) -> list[tuple[str, int, bool]]:
    return [(one.manager, one.token_id, one.opened) for one in position_changes(intent, receipt(*logs))]


MINTS = {"2.1 and 2.2": (batch(ZERO, WALLET),), "2.0": (single(ZERO, WALLET, 1), single(ZERO, WALLET, 2))}
BURNS = {"2.1 and 2.2": batch(WALLET, ZERO), "2.0": batch(WALLET, PAIR)}


@pytest.mark.parametrize(("topic", "signature"), sorted(SIGNATURES.items()))
def test_topics_are_those_of_their_signatures(topic: str, signature: str) -> None:
    assert topic == "0x" + keccak(text=signature).hex()


@pytest.mark.parametrize("version", MINTS)
def test_bins_that_were_minted_are_one_position_of_the_pair(version: str) -> None:
    assert changes(intent_of(Action.OPEN, opens_position=True), *MINTS[version]) == [(PAIR, POSITION, True)]
    assert changes(intent_of(Action.ADD, adds_token_id=POSITION), *MINTS[version]) == []
    grown = events.grown_positions(MINTS[version], intent_of(Action.ADD, adds_token_id=POSITION).tx)
    assert grown == (POSITION,)


@pytest.mark.parametrize("version", BURNS)
def test_a_position_in_bins_is_closed_only_by_a_plan_that_burns_the_last_of_them(version: str) -> None:
    closing = intent_of(Action.CLOSE, closes_token_id=POSITION)
    assert changes(closing, BURNS[version]) == [(PAIR, POSITION, False)]
    assert changes(closing) == []
    assert changes(intent_of(Action.CLOSE), BURNS[version]) == []


@pytest.mark.parametrize("minted", [batch(ZERO, STRANGER), single(ZERO, STRANGER, 1), batch(ZERO, WALLET, by=STRANGER)])
def test_bins_of_others_and_of_other_pairs_are_not_ours(minted: Log) -> None:
    assert changes(intent_of(Action.OPEN, opens_position=True), minted) == []


def test_fees_beside_the_bins_are_booked_as_fees_and_the_last_of_them_closes_the_position() -> None:
    paid = transfer_log(TOKEN, 7, 1), transfer_log(OTHER_TOKEN, 8, 2)
    closing = intent_of(Action.CLOSE, to=PAIR, closes_token_id=POSITION)
    assert changes(closing, collected(WALLET), *paid) == [(PAIR, POSITION, False)]
    for action in (Action.COLLECT, Action.CLOSE):
        entries = entries_from_receipt(intent_of(action, to=PAIR), receipt(collected(WALLET), *paid))
        assert {entry.token: entry.delta for entry in entries if entry.kind == FEES} == {TOKEN: 7, OTHER_TOKEN: 8}
    for not_ours in (collected(STRANGER), replace(collected(WALLET), address=STRANGER)):
        assert changes(closing, not_ours) == []
        entries = entries_from_receipt(intent_of(Action.COLLECT, to=PAIR), receipt(not_ours, *paid))
        assert not [entry for entry in entries if entry.kind == FEES]


@pytest.mark.parametrize(
    ("topic", "words", "grown"),
    [
        (events.INCREASE_ALGEBRA_TOPIC, (9, 8, 1, 2, 3), (5,)),
        (events.INCREASE_ALGEBRA_TOPIC, (9, 0, 1, 2, 3), ()),
        (events.INCREASE_WITH_TICKS_TOPIC, (9, 0, 1, 2, 3), (5,)),
        (events.INCREASE_WITH_TICKS_TOPIC, (0, 8, 1, 2, 3), ()),
        (events.INCREASE_WITH_TICKS_TOPIC, (9, 8, 1), ()),
    ],
)
def test_additions_are_told_by_the_word_that_holds_them(
    topic: str, words: tuple[int, ...], grown: tuple[int, ...]
) -> None:
    data = encode(["uint256"] * len(words), words)
    told = Log(address=VENUE, topics=(topic, f"0x{5:064x}"), data="0x" + data.hex(), log_index=0)
    assert events.grown_positions((told,), intent_of(Action.ADD).tx) == grown
    assert events.grown_positions((replace(told, address=STRANGER),), intent_of(Action.ADD).tx) == ()

"""Receipts, waiting for them, and simulations that say why."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from alm_core.model.errors import BadAnswer, SourceRejected, SourceUnavailable, TransactionWouldRevert
from alm_core.model.transactions import Action, UnsignedTransaction
from alm_resources.chains import Web3Chain
from alm_tests.resources.chains.stub_node import Error, Http, stub_node

Connect = Callable[..., Web3Chain]
TX_HASH = "0x" + "5a" * 32
TX = UnsignedTransaction(
    chain_id=8453,
    sender="0x" + "11" * 20,
    to="0x" + "22" * 20,
    data="0x1234",
    value_wei=0,
    action=Action.SWAP,
    summary="swap 1 A for B",
)
RECEIPT: dict[str, Any] = {
    "transactionHash": TX_HASH,
    "blockNumber": "0x10",
    "blockHash": "0x" + "ab" * 32,
    "status": "0x1",
    "gasUsed": "0x5208",
    "effectiveGasPrice": "0x3b9aca00",
    "logs": [
        {"address": "0x" + "AA" * 20, "topics": ["0x" + "01" * 32], "data": "0x", "logIndex": "0x3"},
    ],
}


def always(answer: Any) -> Callable[[str, list[Any]], Any]:
    return lambda method, params: answer


def test_a_receipt_is_read_with_its_logs(connect: Connect) -> None:
    with stub_node(always(RECEIPT)) as node:
        receipt = connect(node).read_receipt(TX_HASH)
    assert receipt is not None
    assert (receipt.block_number, receipt.succeeded, receipt.gas_used, receipt.l1_fee_wei) == (16, True, 21000, 0)
    assert [(log.address, log.log_index) for log in receipt.logs] == [("0x" + "aa" * 20, 3)]


def test_the_l1_fee_of_a_rollup_is_part_of_the_receipt(connect: Connect) -> None:
    with stub_node(always(RECEIPT | {"l1Fee": "0x2710", "status": "0x0"})) as node:
        receipt = connect(node).read_receipt(TX_HASH)
    assert receipt is not None
    assert (receipt.l1_fee_wei, receipt.succeeded) == (10_000, False)


@pytest.mark.parametrize("answer", [None, RECEIPT | {"blockHash": None}, Error("transaction indexing is in progress")])
def test_not_in_a_block_yet_is_none(connect: Connect, answer: Any) -> None:
    with stub_node(always(answer)) as node:
        assert connect(node).read_receipt(TX_HASH) is None


@pytest.mark.parametrize(
    "change",
    [
        {"status": None},
        {"effectiveGasPrice": None},
        {"gasUsed": "many"},
        {"logs": None},
        {"transactionHash": "0x" + "77" * 32},
        {"l1Fee": 5},
        {"logs": [{"address": "0x12"}]},
    ],
)
def test_a_receipt_with_a_hole_is_a_bad_answer(connect: Connect, change: dict[str, Any]) -> None:
    with stub_node(always(RECEIPT | change)) as node, pytest.raises(BadAnswer):
        connect(node).read_receipt(TX_HASH)


def test_waiting_ends_with_the_receipt(connect: Connect) -> None:
    answers = iter([None, Http(500), None, RECEIPT])
    with stub_node(lambda method, params: next(answers)) as node:
        receipt = connect(node).wait_for_receipt(TX_HASH, 10.0)
    assert receipt is not None
    assert receipt.tx_hash == TX_HASH


@pytest.mark.parametrize("answer", [None, Http(500)])
def test_waiting_in_vain_ends_with_unknown_after_the_timeout(connect: Connect, answer: Any) -> None:
    started = time.monotonic()
    with stub_node(always(answer)) as node:
        assert connect(node).wait_for_receipt(TX_HASH, 0.2) is None
    assert 0.2 <= time.monotonic() - started < 5


def revert(text: str) -> str:
    payload = text.encode()
    padded = payload.ljust((len(payload) + 31) // 32 * 32, b"\0")
    return "0x08c379a0" + f"{32:064x}{len(payload):064x}" + padded.hex()


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (Error("execution reverted: STF", 3, revert("STF")), "STF"),
        (Error("VM Exception", -32015, "Reverted " + revert("Price slippage check")), "Price slippage check"),
        (Error("execution reverted", 3, {"data": revert("nested")}), "nested"),
        (Error("execution reverted", 3, "0x4e487b71" + f"{0x11:064x}"), "panic 0x11: arithmetic overflow"),
        (Error("execution reverted", 3, "0xdeadbeef" + "00" * 32), "custom error 0xdeadbeef"),
        (Error("execution reverted", 3, "0x"), "execution reverted"),
        (Error("execution reverted", -32000), "execution reverted"),
        (Error("insufficient funds for transfer", -32000), "insufficient funds"),
        (Error("gas required exceeds allowance (30000000)", -32000), "gas required"),
        (Error("execution reverted", 3, "0x08c379a0ffff"), "unreadable"),
    ],
)
def test_a_revert_in_simulation_says_what_and_why(connect: Connect, error: Error, told: str) -> None:
    with stub_node(always(error)) as node, pytest.raises(TransactionWouldRevert, match=told) as caught:
        connect(node).simulate(TX)
    assert "swap 1 A for B" in str(caught.value)
    assert "chain 8453" in str(caught.value)


def test_a_simulation_returns_the_gas_estimate(connect: Connect) -> None:
    with stub_node(always("0x1e240")) as node:
        assert connect(node).simulate(TX) == 123_456
        assert [method for method, _ in node.asked] == ["eth_chainId", "eth_call", "eth_estimateGas"]
        assert node.asked[1][1][0] == {"from": TX.sender, "to": TX.to, "data": TX.data, "value": "0x0"}


def test_a_node_that_cannot_simulate_is_not_a_revert(connect: Connect) -> None:
    with stub_node(always(Http(500))) as node, pytest.raises(SourceUnavailable):
        connect(node).simulate(TX)
    with stub_node(always(Error("method not allowed", -32601))) as node, pytest.raises(SourceRejected):
        connect(node).simulate(TX)

"""What nodes answer: headers, receipts, quantities, fees, logs, simulations and sends, from the body on."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from alm_core.execution.erc20 import TRANSFER_TOPIC, address_word
from alm_core.model.chain_ports import Fees
from alm_core.model.errors import AlmError, OutcomeUnknown, SourceError, TransactionWouldRevert
from alm_core.model.market import Block
from alm_core.model.transactions import Action, FoundLog, Receipt, SignedTransaction, UnsignedTransaction
from alm_tests.fuzz.harness import CASES, assert_storable, assert_told_apart, fuzz
from alm_tests.fuzz.mutation import Seed, broken_body
from alm_tests.fuzz.node import CHAIN_ID, HASH, HEADER, PARENT, Node, refusal

pytestmark = pytest.mark.timeout(300 + CASES // 500)

WALLET = "0x552008c0f6870c2f77e5cC1d2eb9bdff03e30Ea0"
TOKENS = ("0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48", "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2")
FIRST_BLOCK, LAST_BLOCK = 90, 110
UINT256 = 2**256
INT64 = 2**63
"""Numbers of blocks, positions of logs and amounts of gas are stored as database integers."""


def _log(number: int, sender: str = WALLET, **changes: Any) -> dict[str, Any]:
    return {
        "address": TOKENS[number % 2],
        "topics": [TRANSFER_TOPIC, "0x" + address_word(sender), "0x" + address_word("0x" + "11" * 20)],
        "data": f"0x{10**18 + number:064x}",
        "blockNumber": hex(FIRST_BLOCK + number),
        "transactionHash": HASH,
        "logIndex": hex(number),
        "removed": False,
        **changes,
    }


RECEIPT = {
    "transactionHash": HASH,
    "blockNumber": "0x64",
    "blockHash": PARENT,
    "status": "0x1",
    "gasUsed": "0x5208",
    "effectiveGasPrice": "0x3b9aca00",
    "l1Fee": "0x10",
    "logs": [_log(0), _log(1)],
}
TX = UnsignedTransaction(
    chain_id=CHAIN_ID, sender=WALLET, to=TOKENS[0], data="0x", value_wei=0, action=Action.SWAP, summary="swap"
)
SIGNED = SignedTransaction(raw="0x02", tx_hash=HASH)
REVERT = "0x08c379a0" + f"{32:064x}" + f"{3:064x}" + b"STF".hex().ljust(64, "0")
FEES = {"oldestBlock": "0x50", "baseFeePerGas": ["0x3b9aca00"] * 4, "reward": [["0x1"], ["0x0"], ["0x5f5e100"]]}


def _result(value: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "result": value}


def _is_block(block: Block) -> None:
    assert 0 <= block.number < INT64
    assert _is_hash(block.known_hash)
    assert block.parent_hash is None or _is_hash(block.parent_hash)
    assert block.block_at.tzinfo is not None


def _is_receipt(receipt: Receipt | None) -> None:
    if receipt is None:
        return
    assert receipt.tx_hash == HASH
    assert _is_hash(receipt.block_hash)
    assert isinstance(receipt.succeeded, bool)
    assert 0 <= receipt.block_number < INT64
    assert 0 <= receipt.gas_used < INT64
    assert 0 <= receipt.effective_gas_price_wei < UINT256
    assert 0 <= receipt.l1_fee_wei < UINT256
    for log in receipt.logs:
        assert 0 <= log.log_index < INT64
        assert _is_hex(log.address, 20)
        assert all(_is_hash(topic) for topic in log.topics)
        assert _is_hex(log.data)


def _is_amount(amount: object) -> None:
    assert type(amount) is int
    assert 0 <= amount < UINT256


def _is_nonce(nonce: object) -> None:
    assert type(nonce) is int
    assert 0 <= nonce < INT64


def _are_fees(fees: Fees) -> None:
    _is_amount(fees.base_fee_wei)
    _is_amount(fees.priority_fee_wei)


def _are_transfers(rows: tuple[tuple[str, int, str, int], ...]) -> None:
    for token, amount, tx_hash, log_index in rows:
        assert token in TOKENS, f"token {token} was not asked for"
        assert type(amount) is int
        assert abs(amount) < UINT256
        assert _is_hash(tx_hash)
        assert 0 <= log_index < INT64


def _are_events(found: tuple[FoundLog, ...]) -> None:
    for one in found:
        assert one.log.address in TOKENS, f"contract {one.log.address} was not asked for"
        assert FIRST_BLOCK <= one.block_number <= LAST_BLOCK
        assert _is_hash(one.tx_hash)
        assert 0 <= one.log.log_index < INT64


def _is_nothing(value: object) -> None:
    assert value is None


def _is_hash(text: str) -> bool:
    return _is_hex(text, 32)


def _is_hex(text: str, length: int | None = None) -> bool:
    digits = text[2:]
    right = length is None or len(digits) == 2 * length
    return text[:2] == "0x" and right and len(digits) % 2 == 0 and not set(digits) - set("0123456789abcdef")


@dataclass(frozen=True)
class Read:
    """A read of the chain, answered by one method, and what its value must be like."""

    method: str
    bodies: list[Any]
    read: Callable[[Node], Any]
    is_sound: Callable[[Any], None]
    refusals: tuple[type[AlmError], ...] = (SourceError,)


READS = {
    "block header": Read("eth_getBlockByNumber", [_result(HEADER)], lambda node: node.chain.read_block(), _is_block),
    "receipt": Read(
        "eth_getTransactionReceipt", [_result(RECEIPT)], lambda node: node.chain.read_receipt(HASH), _is_receipt
    ),
    "quantity": Read(
        "eth_getTransactionCount", [_result("0x2a")], lambda node: node.chain.read_nonce(WALLET), _is_nonce
    ),
    "fee history": Read(
        "eth_feeHistory",
        [_result(FEES), _result({**FEES, "reward": None}), refusal(-32601, "method not found")],
        lambda node: node.chain.read_fees(),
        _are_fees,
    ),
    "transfer logs": Read(
        "eth_getLogs",
        [_result([_log(number) for number in range(4)]), refusal(-32005, "query returned more than 10000 results")],
        lambda node: node.chain.read_transfers(TOKENS, WALLET, FIRST_BLOCK, LAST_BLOCK),
        _are_transfers,
    ),
    "events": Read(
        "eth_getLogs",
        [_result([_log(number) for number in range(4)]), refusal(-32005, "query returned more than 10000 results")],
        lambda node: node.chain.read_logs(TOKENS, (), FIRST_BLOCK, LAST_BLOCK),
        _are_events,
    ),
    "simulation": Read(
        "eth_call",
        [_result("0x"), refusal(3, "execution reverted: STF", REVERT), refusal(-32000, "insufficient funds")],
        lambda node: node.chain.simulate(TX),
        _is_amount,
        (SourceError, TransactionWouldRevert),
    ),
    "send": Read(
        "eth_sendRawTransaction",
        [_result(HASH), refusal(-32000, "already known"), refusal(-32000, "nonce too low")],
        lambda node: node.chain.send_raw(SIGNED),
        _is_nothing,
        (SourceError, OutcomeUnknown),
    ),
}


@pytest.mark.parametrize("name", READS)
def test_a_right_answer_is_read(name: str, node: Node) -> None:
    case = READS[name]
    node.answer(case.method, Seed(case.bodies[0]).body)
    case.is_sound(case.read(node))


@pytest.mark.parametrize("name", READS)
def test_a_broken_answer_is_refused_or_a_value_of_its_kind(name: str, node: Node, record_property: Any) -> None:
    case, seeds = READS[name], [Seed(body) for body in READS[name].bodies]

    def check(body: bytes) -> bool:
        node.answer(case.method, body)
        try:
            value = case.read(node)
        except case.refusals as error:
            assert_storable(str(error))
            return False
        case.is_sound(value)
        return True

    verdicts = fuzz(name, lambda rng: broken_body(rng, rng.choice(seeds)), check)
    record_property("fuzz", dict(verdicts))
    assert_told_apart(verdicts)

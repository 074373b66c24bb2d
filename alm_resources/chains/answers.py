"""JSON of a node as typed values. Whatever cannot be read is a :class:`BadAnswer`, never a default."""

import re
from datetime import UTC, datetime
from typing import Any, cast

from alm_core.model.errors import BadAnswer
from alm_core.model.market import Block
from alm_core.model.transactions import Log, Receipt

_QUANTITY = re.compile("0x[0-9a-fA-F]{1,64}")
_HEX = re.compile("0x(?:[0-9a-fA-F]{2})*")


def quantity(value: object, source: str, what: str) -> int:
    """Decode a hex quantity."""
    if not isinstance(value, str) or not _QUANTITY.fullmatch(value):
        raise BadAnswer(source, f"{what} is not a quantity: {str(value)[:80]!r}")
    return int(value, 16)


def counter(value: object, source: str, what: str) -> int:
    """Decode a hex quantity that counts something: what does not fit 63 bits is no block, nonce or amount of gas."""
    found = quantity(value, source, what)
    if found >= 2**63:
        raise BadAnswer(source, f"{what} is {found:#x}: too large")
    return found


def hex_text(value: object, source: str, what: str, length: int | None = None) -> str:
    """Check 0x-hex of whole bytes, of ``length`` bytes if given, and return it in lower case."""
    if not isinstance(value, str) or not _HEX.fullmatch(value) or (length and len(value) != 2 + 2 * length):
        raise BadAnswer(source, f"{what} is not hex of the expected length: {str(value)[:80]!r}")
    return value.lower()


def hex_bytes(value: object, source: str, what: str) -> bytes:
    """Decode 0x-hex."""
    return bytes.fromhex(hex_text(value, source, what)[2:])


def record(value: object, source: str, what: str) -> dict[str, Any]:
    """Check that a value is a JSON object."""
    if not isinstance(value, dict):
        raise BadAnswer(source, f"{what} is not an object: {str(value)[:80]!r}")
    return cast("dict[str, Any]", value)


def block_from(value: object, chain_id: int, source: str) -> Block:
    """Decode a block header; extra data of any length (proof of authority) is not looked at."""
    header = record(value, source, "block")
    at_s = quantity(header.get("timestamp"), source, "block timestamp")
    try:
        block_at = datetime.fromtimestamp(at_s, tz=UTC)
    except (OverflowError, ValueError, OSError) as error:
        raise BadAnswer(source, f"block timestamp {at_s} is not a time") from error
    parent = header.get("parentHash")
    return Block(
        chain_id=chain_id,
        number=counter(header.get("number"), source, "block number"),
        block_hash=hex_text(header.get("hash"), source, "block hash", 32),
        block_at=block_at,
        parent_hash=None if parent is None else hex_text(parent, source, "parent hash", 32),
    )


def receipt_from(value: object, source: str) -> Receipt:
    """Decode a receipt; the L1 fee of rollups that report one is included."""
    fields = record(value, source, "receipt")
    logs = fields.get("logs")
    if not isinstance(logs, list):
        raise BadAnswer(source, "receipt without logs")
    l1_fee = fields.get("l1Fee")
    return Receipt(
        tx_hash=hex_text(fields.get("transactionHash"), source, "transaction hash", 32),
        block_number=counter(fields.get("blockNumber"), source, "receipt block"),
        block_hash=hex_text(fields.get("blockHash"), source, "receipt block hash", 32),
        succeeded=quantity(fields.get("status"), source, "receipt status") == 1,
        gas_used=counter(fields.get("gasUsed"), source, "gas used"),
        effective_gas_price_wei=quantity(fields.get("effectiveGasPrice"), source, "effective gas price"),
        l1_fee_wei=0 if l1_fee is None else quantity(l1_fee, source, "l1 fee"),
        logs=tuple(log_from(log, source) for log in cast("list[object]", logs)),
    )


def log_from(value: object, source: str) -> Log:
    """Decode one event."""
    fields = record(value, source, "log")
    topics = fields.get("topics")
    if not isinstance(topics, list):
        raise BadAnswer(source, "log without topics")
    return Log(
        address=hex_text(fields.get("address"), source, "log address", 20),
        topics=tuple(hex_text(topic, source, "log topic", 32) for topic in cast("list[object]", topics)),
        data=hex_text(fields.get("data"), source, "log data"),
        log_index=counter(fields.get("logIndex"), source, "log index"),
    )

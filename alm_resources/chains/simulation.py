"""A payload run without being sent: its gas, or why it would revert."""

import re
from collections.abc import Callable
from typing import cast

from alm_core.model.errors import BadAnswer, TransactionWouldRevert
from alm_core.model.transactions import Log, UnsignedTransaction
from alm_resources.chains.answers import counter, log_from, record
from alm_resources.chains.calldata import revert_reason
from alm_resources.chains.endpoint import RpcError

_EXECUTION = re.compile(
    r"revert|insufficient funds|out of ?gas|gas required exceeds|invalid opcode|stack|evm error|exceeds block gas",
    re.IGNORECASE,
)


def simulated_gas(read: Callable[..., object], tx: UnsignedTransaction, source: str) -> int:
    """Run a payload at the head, and return the gas it needs.

    Parameters
    ----------
    read
        ``read(method, *params)`` of the chain.
    tx
        The payload.
    source
        Name for messages.

    Raises
    ------
    TransactionWouldRevert
        With the decoded reason.
    SourceUnavailable, SourceRejected
        If the node cannot tell.
    """
    payload = {"from": tx.sender, "to": tx.to, "data": tx.data, "value": hex(tx.value_wei)}
    _executed(read, tx, "eth_call", payload, "latest")
    return counter(_executed(read, tx, "eth_estimateGas", payload), source, "gas estimate")


def simulated_events(read: Callable[..., object], tx: UnsignedTransaction, source: str) -> tuple[Log, ...] | None:
    """Run a payload at the head with ``eth_simulateV1`` (execution-apis), and return its events.

    ``None`` where the node does not know the method.

    Raises
    ------
    TransactionWouldRevert
        If it fails.
    BadAnswer
        If the answer cannot be read.
    """
    call = {"from": tx.sender, "to": tx.to, "input": tx.data, "value": hex(tx.value_wei)}
    try:
        answer = read("eth_simulateV1", {"blockStateCalls": [{"calls": [call]}]}, "latest")
    except RpcError:
        return None
    (block,) = _list(answer, source, 1)
    (result,) = _list(record(block, source, "simulated block").get("calls"), source, 1)
    fields = record(result, source, "simulated call")
    if fields.get("status") != "0x1":
        raise TransactionWouldRevert(f"chain {tx.chain_id}: {tx.summary}: fails when it is run")
    return tuple(log_from(log, source) for log in _list(fields.get("logs"), source))


def _list(value: object, source: str, length: int | None = None) -> list[object]:
    found = cast("list[object]", value) if isinstance(value, list) else None
    if found is None or length not in (None, len(found)):
        raise BadAnswer(source, f"eth_simulateV1: {str(found)[:80]!r} is not what was asked for")
    return found


def revert_bytes(error: RpcError) -> bytes | None:
    """Return what a revert carried, often nothing; ``None`` where the error is not about the execution."""
    if error.code != 3 and not error.data and not _EXECUTION.search(error.message):
        return None
    return bytes.fromhex(error.data[2:]) if re.fullmatch("0x(?:[0-9a-fA-F]{2})+", error.data) else b""


def _executed(read: Callable[..., object], tx: UnsignedTransaction, method: str, *params: object) -> object:
    try:
        return read(method, *params)
    except RpcError as error:
        data = revert_bytes(error)
        if data is None:
            raise
        reason = revert_reason(data) if data else error.message
        raise TransactionWouldRevert(f"chain {tx.chain_id}: {tx.summary}: {reason}") from None

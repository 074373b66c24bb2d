"""A payload run without being sent: its gas, or why it would revert."""

import re
from collections.abc import Callable

from alm_core.model.errors import TransactionWouldRevert
from alm_core.model.transactions import UnsignedTransaction
from alm_resources.chains.answers import counter
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

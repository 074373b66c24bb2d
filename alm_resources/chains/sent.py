"""Transactions of an account in a span of blocks, found by its nonce: failed and cancelled ones, with no index."""

from collections.abc import Callable, Iterator
from typing import cast

from alm_core.accounting.recount import SentTransaction
from alm_core.model.errors import BadAnswer, SourceUnavailable
from alm_resources.chains.answers import counter, hex_text, quantity, receipt_from, record

Read = Callable[..., object]


def sent_transactions(
    read: Read, source: str, account: str, first_block: int, last_block: int
) -> tuple[SentTransaction, ...]:
    """Return every transaction of an account in blocks of a span, in the order of nonces; both ends count.

    Parameters
    ----------
    read
        ``read(method, *params)`` of a chain that keeps the state of these blocks.
    source
        Name for messages.
    account
        Whose.
    first_block, last_block
        The span.

    Raises
    ------
    BadAnswer
        If the blocks do not hold as many transactions as the nonce grew by.

    Notes
    -----
    The nonce at a block says how many were sent up to it: spans in which it does not grow are not looked into, those in
    which it does are halved.
    """

    def nonce_at(number: int) -> int:
        answer = read("eth_getTransactionCount", account, hex(number)) if number >= 0 else "0x0"
        return counter(answer, source, "nonce")

    before, after = nonce_at(first_block - 1), nonce_at(last_block)
    found: list[SentTransaction] = []
    for number in _growing(nonce_at, (first_block - 1, before), (last_block, after)):
        found += _sent_in(read, source, account.lower(), number)
    found.sort(key=lambda one: one.nonce)
    if [one.nonce for one in found] != [*range(before, after)]:
        raise BadAnswer(
            source, f"{account} has nonces {before}..{after}, its blocks hold {[one.nonce for one in found]}"
        )
    return tuple(found)


def _growing(nonce_at: Callable[[int], int], low: tuple[int, int], high: tuple[int, int]) -> Iterator[int]:
    """Yield numbers of blocks in which the nonce grew, within ``(low, high]``."""
    if low[1] == high[1]:
        return
    if high[0] - low[0] == 1:
        yield high[0]
        return
    middle = (low[0] + high[0]) // 2
    nonce = nonce_at(middle)
    yield from _growing(nonce_at, low, (middle, nonce))
    yield from _growing(nonce_at, (middle, nonce), high)


def _sent_in(read: Read, source: str, account: str, number: int) -> Iterator[SentTransaction]:
    block = record(read("eth_getBlockByNumber", hex(number), True), source, "block")
    transactions = block.get("transactions")
    if not isinstance(transactions, list):
        raise BadAnswer(source, f"block {number} without transactions")
    for raw in cast("list[object]", transactions):
        fields = record(raw, source, "transaction")
        if hex_text(fields.get("from"), source, "sender", 20) != account:
            continue
        tx_hash = hex_text(fields.get("hash"), source, "transaction hash", 32)
        answer = read("eth_getTransactionReceipt", tx_hash)
        if answer is None:
            raise SourceUnavailable(source, f"no receipt of {tx_hash} in block {number}")
        to = fields.get("to")
        yield SentTransaction(
            nonce=counter(fields.get("nonce"), source, "nonce"),
            to=None if to is None else hex_text(to, source, "recipient", 20),
            value_wei=quantity(fields.get("value"), source, "value"),
            receipt=receipt_from(answer, source),
        )

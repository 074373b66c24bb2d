"""Ledger entries of a receipt: one per ERC-20 transfer of the wallet, one for gas, one for native value sent."""

from collections.abc import Iterable

from alm_core.execution.erc20 import transfer_from_log
from alm_core.model.books import LedgerEntry
from alm_core.model.errors import InvalidInput
from alm_core.model.transactions import Intent, Receipt

NATIVE = "native"
GAS_INDEX = -1
VALUE_INDEX = -2


def entries_from_receipt(intent: Intent, receipt: Receipt, *, payload_sent: bool = True) -> tuple[LedgerEntry, ...]:
    """Return every change a mined transaction made to its sender's balances.

    Parameters
    ----------
    intent
        Whose transaction it is; ``intent.tx.sender`` is the wallet.
    receipt
        Of whichever attempt was mined.
    payload_sent
        False where the receipt is that of the self-transfer which freed the nonce: then no native value left.

    Raises
    ------
    InvalidInput
        If the receipt names one log index twice: a balance would be booked twice.

    Notes
    -----
    Gas is booked whether the transaction succeeded or not, the L1 data fee of rollups included. A reverted
    transaction moved neither tokens nor value.
    """
    moved: tuple[LedgerEntry, ...] = ()
    if receipt.succeeded:
        moved = _transfers(intent, receipt)
        if payload_sent and intent.tx.value_wei:
            moved += (_entry(intent, receipt, NATIVE, -intent.tx.value_wei, "transfer", VALUE_INDEX),)
    fee = receipt.gas_used * receipt.effective_gas_price_wei + receipt.l1_fee_wei
    return refuse_duplicates((*moved, _entry(intent, receipt, NATIVE, -fee, "gas", GAS_INDEX)))


def refuse_duplicates(entries: Iterable[LedgerEntry]) -> tuple[LedgerEntry, ...]:
    """Return the entries as they are.

    Raises
    ------
    InvalidInput
        If two of them are the same change (chain, wallet, transaction, log index, token).
    """
    seen: set[tuple[int, str, str, int, str]] = set()
    kept = tuple(entries)
    for entry in kept:
        identity = entry_identity(entry)
        if identity in seen:
            raise InvalidInput(f"ledger entry booked twice: {identity}")
        seen.add(identity)
    return kept


def entry_identity(entry: LedgerEntry) -> tuple[int, str, str, int, str]:
    """Return what makes an entry one change: chain, wallet, transaction, log index, token."""
    return (entry.chain_id, entry.wallet, entry.tx_hash, entry.log_index, entry.token)


def _transfers(intent: Intent, receipt: Receipt) -> tuple[LedgerEntry, ...]:
    wallet = intent.tx.sender.lower()
    entries: list[LedgerEntry] = []
    for log in receipt.logs:
        transfer = transfer_from_log(log)
        if transfer is None or wallet not in (transfer.sender, transfer.recipient):
            continue
        delta = (transfer.recipient == wallet) * transfer.amount - (transfer.sender == wallet) * transfer.amount
        entries.append(_entry(intent, receipt, transfer.token, delta, "transfer", transfer.log_index))
    return tuple(entries)


def _entry(intent: Intent, receipt: Receipt, token: str, delta: int, kind: str, log_index: int) -> LedgerEntry:
    return LedgerEntry(
        chain_id=intent.tx.chain_id,
        wallet=intent.tx.sender,
        token=token,
        delta=delta,
        kind=kind,
        tx_hash=receipt.tx_hash,
        log_index=log_index,
        intent_key=intent.key,
    )

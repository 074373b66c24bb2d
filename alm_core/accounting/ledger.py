"""Ledger entries of a receipt: one per ERC-20 transfer of the wallet, one for gas, one for native value sent.

What positions earned is booked apart from what was put into them (kind ``fees``): a collect pays nothing else, and of
what a close pays, the events of the position manager tell the principal. Uniswap V4 and Infinity tell no amounts: there
a plan takes the fees first, and what is paid before liquidity goes is fees. Adding pays them out there too, before
liquidity grows. Fees of bins stay in the bins and cannot be told from what was put into them; those of Liquidity Book
2.0 lie beside them, and a call of their own pays them.

What a gauge, a farm or a distributor pays itself when a position is taken back or something claimed has the kind
``rewards``; all else that comes then are fees, which staking in a gauge pays out.
"""

from collections.abc import Iterable

from alm_core.accounting.postings import NATIVE, account_of, place_in
from alm_core.execution.erc20 import Transfer, transfer_from_log
from alm_core.execution.position_logs import (
    COLLECT_TOPIC,
    DECREASE_TOPIC,
    PositionLog,
    collected_from_bins,
    modified,
    position_logs,
)
from alm_core.model.books import LedgerEntry
from alm_core.model.errors import InvalidInput
from alm_core.model.transactions import Action, Intent, Receipt

FEES = "fees"
"""Kind of what a position earned and paid out."""
REWARDS = "rewards"
"""Kind of what a gauge, a farm or a distributor paid."""
_PAY_REWARDS = (Action.STAKE, Action.UNSTAKE, Action.CLAIM)
_PAY_FEES = (Action.COLLECT, Action.REMOVE, Action.CLOSE, Action.ADD)
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
        entries += _booked(intent, receipt, transfer, delta)
    return tuple(entries)


def _booked(intent: Intent, receipt: Receipt, transfer: Transfer, delta: int) -> list[LedgerEntry]:
    """Return one entry, or two where a close paid principal and fees in one transfer.

    One transfer has one log: the part that is fees is booked under the log of the collect that paid it.
    """
    if intent.tx.action in _PAY_REWARDS and delta > 0:
        kind = REWARDS if transfer.sender == intent.tx.to.lower() else FEES
        return [_entry(intent, receipt, transfer.token, delta, kind, transfer.log_index)]
    fees, collected_at = _fees(intent, receipt, transfer, delta)
    entries: list[LedgerEntry] = []
    if delta != fees or not fees:
        entries.append(_entry(intent, receipt, transfer.token, delta - fees, "transfer", transfer.log_index))
    if fees:
        at = collected_at if entries else transfer.log_index
        entries.append(_entry(intent, receipt, transfer.token, fees, FEES, at))
    return entries


def _fees(intent: Intent, receipt: Receipt, transfer: Transfer, delta: int) -> tuple[int, int]:
    """Return the part of a transfer that is fees, and the log index of the collect that paid them."""
    pays_fees = intent.tx.action in _PAY_FEES and delta > 0
    changes = [(log.log_index, change) for log, change, _ in modified(receipt.logs, intent.tx)]
    if pays_fees and changes:
        changed_at = min((index for index, change in changes if change), default=None)
        return (delta if changed_at is None or transfer.log_index < changed_at else 0), transfer.log_index
    if pays_fees and collected_from_bins(receipt.logs, intent.tx):
        return delta, transfer.log_index
    manager = intent.tx.to
    collects = position_logs(receipt.logs, manager, COLLECT_TOPIC)
    if not pays_fees or len(collects) != 1 or len(intent.tx.bounds) != 2:
        return 0, 0
    token_id = collects[0].token_id
    taken_out = [log for log in position_logs(receipt.logs, manager, DECREASE_TOPIC) if log.token_id == token_id]
    principal = sum(_amount_of(intent, log, transfer.token) for log in taken_out)
    # The pool rounds joint positions down: it may pay a unit less than principal and fees together.
    return max(delta - principal, 0), collects[0].log_index


def _amount_of(intent: Intent, log: PositionLog, token: str) -> int:
    # The lower address is token0 in every pool of this kind (UniswapV3Factory.createPool).
    tokens = sorted(bound.token.lower() for bound in intent.tx.bounds)
    return dict(zip(tokens, (log.amount0, log.amount1), strict=True)).get(token, 0)


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
        account=account_of(intent, kind, token, place_in(receipt, intent.tx)),
    )

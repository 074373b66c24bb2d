"""A day counted again from the chain's logs and receipts alone, and compared with what was booked.

Rebuilt are transfers of the wallet, gas and value of its own transactions, liquidity and shares of its positions, and
native coin that came from outside: what the balance did beyond that. No row of the ledger is looked at for it.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from alm_core.accounting.postings import NATIVE, STAKE, STAKES, Place, place_of
from alm_core.execution.stake_logs import StakeSources, stake_moves
from alm_core.model.books import LedgerEntry, Posting
from alm_core.model.transactions import FoundLog, Receipt

_TX = re.compile("0x[0-9a-f]{64}")
_FEES = "fees"


@dataclass(frozen=True, slots=True, kw_only=True)
class SentTransaction:
    """A transaction that the wallet's key signed, as its block has it."""

    nonce: int
    to: str | None
    value_wei: int
    receipt: Receipt


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainDay:
    """What a chain tells of a wallet's day.

    Parameters
    ----------
    first_block, last_block
        Of the day.
    native_before, native_after
        Native coin at the end of the block before the day, and of its last.
    transfers
        ``(token, signed amount, tx hash, log index)`` of every transfer of a booked token.
    sent
        All transactions of the wallet.
    events
        Of position managers and pairs; those of the wallet's own transactions may be among them.
    sources
        Whose events of liquidity are believed.
    """

    chain_id: int
    wallet: str
    first_block: int
    last_block: int
    native_before: int
    native_after: int
    transfers: tuple[tuple[str, int, str, int], ...]
    sent: tuple[SentTransaction, ...]
    events: tuple[FoundLog, ...]
    sources: StakeSources

    @property
    def hashes(self) -> frozenset[str]:
        """Hashes of all transactions that did something to the wallet."""
        own = {one.receipt.tx_hash for one in self.sent}
        return frozenset(own | {one[2] for one in self.transfers} | {one.tx_hash for one in self.events})


@dataclass(frozen=True, slots=True, kw_only=True)
class Recounted:
    """A change by its name: ``(tx hash, token or position)``, and by log index where that is told apart."""

    balances: Mapping[tuple[str, str, int], int]
    stakes: Mapping[tuple[str, Place, int], int]
    received_native: int


def recounted(day: ChainDay) -> Recounted:
    """Rebuild a day.

    Notes
    -----
    ``received_native`` is what the native balance grew by beyond the wallet's own transactions; native coin carries no
    logs, so which transaction brought it is not known.
    """
    balances = {(tx_hash, token, index): amount for token, amount, tx_hash, index in day.transfers if amount}
    stakes: dict[tuple[str, Place, int], int] = {}
    own_native = 0
    for one in day.sent:
        receipt = one.receipt
        gas = receipt.gas_used * receipt.effective_gas_price_wei + receipt.l1_fee_wei
        value = one.value_wei if receipt.succeeded and (one.to or "").lower() != day.wallet.lower() else 0
        balances[receipt.tx_hash, NATIVE, -1] = -gas
        if value:
            balances[receipt.tx_hash, NATIVE, -2] = -value
        own_native -= gas + value
        for log, place, delta in stake_moves(receipt.logs, day.sources):
            stakes[receipt.tx_hash, place, log.log_index] = delta
    for found in day.events:
        for log, place, delta in stake_moves([found.log], day.sources):
            stakes[found.tx_hash, place, log.log_index] = delta
    return Recounted(
        balances=balances, stakes=stakes, received_native=day.native_after - day.native_before - own_native
    )


def balance_differences(found: Recounted, entries: Iterable[LedgerEntry], hashes: frozenset[str]) -> tuple[str, ...]:
    """Compare a recount with ledger entries, row by row.

    Parameters
    ----------
    found
        The recount.
    entries
        Of the wallet on the chain, of any day.
    hashes
        Transactions of the day; entries of others are not looked at.

    Notes
    -----
    A transfer that paid principal and fees together is booked in two rows, the fees under the log of the collect: they
    are put together again.
    """
    booked: dict[tuple[str, str, int], int] = defaultdict(int)
    logs: dict[tuple[str, str], list[int]] = {(tx_hash, token): [] for tx_hash, token, _ in found.balances}
    for tx_hash, token, index in found.balances:
        logs[tx_hash, token].append(index)
    for entry in entries:
        if entry.tx_hash not in hashes or _is_renamed(entry):
            continue
        known = logs.get((entry.tx_hash, entry.token), [])
        index = entry.log_index
        if entry.kind == _FEES and index not in known:
            # The collect's log comes after the transfers that it pays by; the nearest before it is its own.
            index = min(known, key=partial(_distance, index), default=index)
        booked[entry.tx_hash, entry.token, index] += entry.delta
    return tuple(
        f"{token} in {tx_hash}, log {index}: {booked.get((tx_hash, token, index), 0)} booked, "
        f"{found.balances.get((tx_hash, token, index), 0)} on chain"
        for tx_hash, token, index in sorted(found.balances.keys() | {key for key, delta in booked.items() if delta})
        if booked.get((tx_hash, token, index), 0) != found.balances.get((tx_hash, token, index), 0)
    )


def stake_differences(found: Recounted, postings: Iterable[Posting], hashes: frozenset[str]) -> tuple[str, ...]:
    """Compare liquidity and shares of a recount with what is booked of them, row by row."""
    booked = {
        (one.tx_hash, place_of(one.account), one.log_index): one.delta
        for one in postings
        if one.token == STAKE and one.account.startswith(STAKES) and one.tx_hash in hashes
    }
    return tuple(
        f"stake of position {key[1][0]}:{key[1][1]} in {key[0]}, log {key[2]}: {booked.get(key, 0)} booked, "
        f"{found.stakes.get(key, 0)} on chain"
        for key in sorted(found.stakes.keys() | booked.keys())
        if booked.get(key, 0) != found.stakes.get(key, 0)
    )


def strangers(rows: Sequence[LedgerEntry | Posting], hashes: frozenset[str]) -> frozenset[str]:
    """Return hashes of booked transactions that are none of the day's: of another day, or of none."""
    return frozenset(one.tx_hash for one in rows if _TX.fullmatch(one.tx_hash)) - hashes


def native_difference(received: int, booked: int, booked_next: int) -> str | None:
    """Compare native coin that came with what is booked as come; ``None`` where they agree.

    Parameters
    ----------
    received
        On the day, by the recount.
    booked
        By entries proven at blocks of the day.
    booked_next
        By the first such entry after the day: what came before midnight may have been booked after it.

    Examples
    --------
    >>> native_difference(7, 7, 0), native_difference(7, 5, 2)
    (None, None)
    >>> native_difference(7, 5, 0)
    'native coin received: 5 booked, 7 on chain'
    """
    if received == booked or 0 < received - booked <= booked_next:
        return None
    return f"native coin received: {booked} booked, {received} on chain"


def _distance(index: int, other: int) -> int:
    return abs(index - other)


def _is_renamed(entry: LedgerEntry) -> bool:
    """Whether an entry moves a deposit to the transfer it was: it and its counterpart sum to nothing."""
    return entry.log_index <= -1_000

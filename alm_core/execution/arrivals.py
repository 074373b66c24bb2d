"""What has come in of a transfer between chains: the one transfer log to the wallet that explains it.

A bridge's status tells where to look and nothing more. What it says has arrived counts as far as a receipt has it, and
what has arrived counts although it says otherwise.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from alm_core.accounting.postings import EXTERNAL, transit_account
from alm_core.execution.erc20 import transfer_from_log
from alm_core.model.books import Journal, LedgerEntry
from alm_core.model.chain_ports import ChainClient
from alm_core.model.transactions import Receipt
from alm_core.model.transfers import BridgeStatus, BridgeTransfer, BridgeVerdict

BRIDGE = "bridge"
"""Kind of what arrived from another chain, or came back."""
MOST_OVER = Fraction(102, 100)
"""More than this times what was expected is not what was sent."""
LEAST_BACK = Fraction(9, 10)
"""A refund is at least this part of what was sent; less is only believed where it is not booked as something else."""
_MOVED_INDEX = -1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Credit:
    """One token transfer to the wallet."""

    token: str
    amount: int
    log_index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A transaction that paid the wallet; ``entries`` are what its credits of the pair's tokens need in the books."""

    chain_id: int
    tx_hash: str
    credits: tuple[Credit, ...]
    entries: tuple[LedgerEntry, ...]

    def amount_of(self, token: str) -> int:
        """Raw amount of one token in it."""
        return sum(credit.amount for credit in self.credits if credit.token == token.lower())


class ArrivalFinder:
    """Looks for what came in of transfers.

    Parameters
    ----------
    chains
        Chain clients by id.
    journal
        Where the books are.
    tokens
        Lower-case addresses of the pair's tokens by chain id: what is booked.
    """

    def __init__(
        self, chains: Mapping[int, ChainClient], journal: Journal, tokens: Mapping[int, frozenset[str]]
    ) -> None:
        self._chains = chains
        self._journal = journal
        self._tokens = tokens

    def find(self, transfer: BridgeTransfer, status: BridgeStatus | None, heads: Mapping[int, int]) -> Arrival | None:
        """Return what came in of a transfer up to the given blocks, or ``None``.

        Parameters
        ----------
        transfer
            Of which nothing had arrived so far.
        status
            What the bridge says; ``None`` if it does not.
        heads
            Block number by chain id up to which is looked.

        Raises
        ------
        SourceUnavailable
            If a chain does not answer.
        """
        named = self._named(transfer, status, heads) if status is not None else None
        return named or self._matching(transfer, heads)

    def _named(self, transfer: BridgeTransfer, status: BridgeStatus, heads: Mapping[int, int]) -> Arrival | None:
        """Return what the transaction that the bridge names has paid, unless it pays for something else."""
        back = status.verdict is BridgeVerdict.REFUNDED
        chain_id = status.chain_id or (transfer.from_chain if back else transfer.to_chain)
        if status.tx_hash is None or chain_id not in (transfer.from_chain, transfer.to_chain) or chain_id not in heads:
            return None
        if status.tx_hash.lower() == (transfer.tx_hash or "").lower():
            return None
        receipt = self._chains[chain_id].read_receipt(status.tx_hash)
        if receipt is None or not receipt.succeeded or receipt.block_number > heads[chain_id]:
            return None
        others = self._journal.read_transfers(transfer.pair, transfer.wallet)
        paid = [one for one in _credits(receipt, transfer.wallet) if not _is_anothers(transfer, others, chain_id, one)]
        entries = self._entries(transfer, chain_id, receipt.tx_hash, paid)
        unbooked = {entry.log_index for entry in self._journal.read_unbooked(entries)}
        fresh = [credit for credit in paid if credit.log_index in unbooked]
        strange = [credit for credit in paid if credit.token not in self._tokens.get(chain_id, ())]
        if (fresh or strange) and not self._proven(transfer, chain_id, receipt.block_number):
            booked = tuple(entry for entry in entries if entry.log_index in unbooked)
            return Arrival(chain_id=chain_id, tx_hash=receipt.tx_hash, credits=(*fresh, *strange), entries=booked)
        return self._booked_before(transfer, chain_id, receipt, entries)

    def _booked_before(
        self, transfer: BridgeTransfer, chain_id: int, receipt: Receipt, entries: Sequence[LedgerEntry]
    ) -> Arrival | None:
        """Return what reconciliation took for a deposit, with entries that call it by its name.

        Only what is as much as was sent, and was not named by another transfer: a status must not turn any old deposit
        into an arrival.
        """
        others = self._journal.read_transfers(transfer.pair, transfer.wallet, open_only=False)
        if any(other.arrival_tx == receipt.tx_hash for other in others):
            return None
        fits = [c for c in _credits(receipt, transfer.wallet) if _fits(transfer, chain_id, c)]
        if len(fits) != 1:
            return None
        booked = [entry for entry in entries if entry.log_index == fits[0].log_index]
        renamed = () if self._journal.read_unbooked(booked) else tuple(_renamed(entry) for entry in booked)
        return Arrival(
            chain_id=chain_id,
            tx_hash=receipt.tx_hash,
            credits=tuple(fits),
            entries=tuple(entry for pair in renamed for entry in pair),
        )

    def _proven(self, transfer: BridgeTransfer, chain_id: int, block_number: int) -> bool:
        """Whether a block is one up to which the books are proven already."""
        point = self._journal.read_reconciled(chain_id, transfer.wallet)
        return point is not None and block_number <= point.block_number

    def _matching(self, transfer: BridgeTransfer, heads: Mapping[int, int]) -> Arrival | None:
        """Return the first payment on the destination that nothing explains yet and that is what was sent."""
        chain_id = transfer.to_chain
        point = self._journal.read_reconciled(chain_id, transfer.wallet)
        if point is None or chain_id not in heads or heads[chain_id] <= point.block_number:
            return None
        logs = self._chains[chain_id].read_transfers(
            [transfer.buy_token], transfer.wallet, point.block_number + 1, heads[chain_id]
        )
        for token, amount, tx_hash, log_index in logs:
            credit = Credit(token=token.lower(), amount=amount, log_index=log_index)
            entries = self._entries(transfer, chain_id, tx_hash, (credit,))
            if _fits(transfer, chain_id, credit) and self._journal.read_unbooked(entries):
                return Arrival(chain_id=chain_id, tx_hash=tx_hash, credits=(credit,), entries=entries)
        return None

    def _entries(
        self, transfer: BridgeTransfer, chain_id: int, tx_hash: str, credited: Iterable[Credit]
    ) -> tuple[LedgerEntry, ...]:
        return tuple(
            LedgerEntry(
                chain_id=chain_id,
                wallet=transfer.wallet,
                token=credit.token,
                delta=credit.amount,
                kind=BRIDGE,
                tx_hash=tx_hash,
                log_index=credit.log_index,
                intent_key=None,  # of no intent: were the sending transaction to vanish, this would still be here
                account=transit_account(transfer.intent_key),
            )
            for credit in credited
            if credit.token in self._tokens.get(chain_id, ())
        )


def _credits(receipt: Receipt, wallet: str) -> tuple[Credit, ...]:
    found = [transfer_from_log(log) for log in receipt.logs]
    return tuple(
        Credit(token=one.token, amount=one.amount, log_index=one.log_index)
        for one in found
        if one is not None and one.recipient == wallet.lower() and one.sender != wallet.lower() and one.amount > 0
    )


def _is_anothers(transfer: BridgeTransfer, others: Iterable[BridgeTransfer], chain_id: int, credit: Credit) -> bool:
    """Whether a payment is what another transfer waits for, and not what this one does."""
    waiting = [one for one in others if one.intent_key != transfer.intent_key]
    return not _fits(transfer, chain_id, credit) and any(_fits(one, chain_id, credit) for one in waiting)


def _fits(transfer: BridgeTransfer, chain_id: int, credit: Credit) -> bool:
    if chain_id == transfer.to_chain and credit.token == transfer.buy_token:
        return transfer.min_amount <= credit.amount <= transfer.expected_amount * MOST_OVER
    back = chain_id == transfer.from_chain and credit.token == transfer.sell_token
    return back and transfer.sent_amount * LEAST_BACK <= credit.amount <= transfer.sent_amount


def _renamed(entry: LedgerEntry) -> tuple[LedgerEntry, LedgerEntry]:
    """Return entries that take a deposit out of the books and put the same in as what it is; they sum to nothing."""
    index = _MOVED_INDEX - 2 * entry.log_index
    deposit = replace(entry, delta=-entry.delta, kind="deposit", log_index=index, account=EXTERNAL)
    return deposit, replace(entry, log_index=index - 1)

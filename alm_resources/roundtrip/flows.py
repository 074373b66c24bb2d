"""What a round trip moved, from the books: amounts by phase and kind, gas, what was planned and not used."""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from alm_core.accounting.ledger import FEES, NATIVE
from alm_core.execution.calldata import approved_amount
from alm_core.model.books import LedgerEntry
from alm_core.model.pools import Pool
from alm_core.model.transactions import Action, Intent, Receipt
from alm_resources.journal import SqlJournal
from alm_resources.journal.tables import ledger

OPEN, COLLECT, SHIFT, CLOSE = "open", "collect", "shift", "close"
"""Phases of a round trip."""

_PLACES = frozenset({Action.OPEN, Action.ADD})
_TAKES_OUT = frozenset({Action.CLOSE, Action.REMOVE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Amounts:
    """Raw amounts of token0 and token1."""

    amount0: int
    amount1: int

    def __add__(self, other: "Amounts") -> "Amounts":
        return Amounts(amount0=self.amount0 + other.amount0, amount1=self.amount1 + other.amount1)

    def __sub__(self, other: "Amounts") -> "Amounts":
        return Amounts(amount0=self.amount0 - other.amount0, amount1=self.amount1 - other.amount1)

    def __bool__(self) -> bool:
        return bool(self.amount0 or self.amount1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """One transaction of a round trip, with what it changed in the wallet."""

    phase: str
    intent: Intent
    receipt: Receipt | None
    entries: tuple[LedgerEntry, ...]


class Flows:
    """Sums over transactions of one pool."""

    def __init__(self, pool: Pool, moved: Sequence[Moved]) -> None:
        self._tokens = pool.token0.address.lower(), pool.token1.address.lower()
        self._moved = tuple(moved)

    @property
    def mined(self) -> int:
        """Count of transactions."""
        return sum(one.receipt is not None for one in self._moved)

    @property
    def gas_used(self) -> int:
        """Units of gas of all that was mined."""
        return sum(one.receipt.gas_used for one in self._moved if one.receipt)

    @property
    def gas_wei(self) -> int:
        """What that cost, data fees of rollups included."""
        receipts = [one.receipt for one in self._moved if one.receipt]
        return sum(paid.gas_used * paid.effective_gas_price_wei + paid.l1_fee_wei for paid in receipts)

    def placed(self, phase: str) -> Amounts:
        """Return what went into positions in a phase."""
        return Amounts(amount0=0, amount1=0) - self._sum(phase, _PLACES, fees=False)

    def taken_out(self, phase: str) -> Amounts:
        """Return what came out of positions in a phase, without fees."""
        return self._sum(phase, _TAKES_OUT, fees=False)

    def fees(self, phase: str | None = None) -> Amounts:
        """Return fees that came to the wallet, in one phase or in all."""
        return self._sum(phase, frozenset(Action), fees=True)

    def change(self) -> Amounts:
        """Return what all transactions together changed in the wallet."""
        return self._sum(None, frozenset(Action), fees=False) + self.fees()

    def native_change(self) -> int:
        """Return what all transactions together changed in the native balance."""
        return sum(entry.delta for one in self._moved for entry in one.entries if entry.token == NATIVE)

    def unused(self, phase: str) -> Amounts:
        """Return what was approved for opening in a phase and stayed in the wallet."""
        return self._approved(phase) - self.placed(phase)

    def _approved(self, phase: str) -> Amounts:
        approvals = [
            one.intent.tx for one in self._moved if one.phase == phase and one.intent.tx.action is Action.APPROVE
        ]
        amount0, amount1 = (
            sum(approved_amount(tx.data) for tx in approvals if tx.to.lower() == token) for token in self._tokens
        )
        return Amounts(amount0=amount0, amount1=amount1)

    def _sum(self, phase: str | None, actions: frozenset[Action], *, fees: bool) -> Amounts:
        entries = [
            entry
            for one in self._moved
            if phase in (None, one.phase) and one.intent.tx.action in actions
            for entry in one.entries
            if (entry.kind == FEES) is fees
        ]
        amount0, amount1 = (sum(entry.delta for entry in entries if entry.token == token) for token in self._tokens)
        return Amounts(amount0=amount0, amount1=amount1)


def read_moved(journal: SqlJournal, phases: Sequence[tuple[str, str]]) -> tuple[Moved, ...]:
    """Read all transactions of phases, given as ``(name, epoch id)``, from the journal."""
    return tuple(
        Moved(
            phase=name,
            intent=intent,
            receipt=journal.read_receipt(intent.key),
            entries=_entries(journal, intent.key),
        )
        for name, epoch_id in phases
        for intent in journal.read_epoch_intents(epoch_id)
    )


def _entries(journal: SqlJournal, intent_key: str) -> tuple[LedgerEntry, ...]:
    wanted = sa.select(ledger).where(ledger.c.intent_key == intent_key).order_by(ledger.c.seq)
    with journal.reading() as connection:
        rows = [dict(row) for row in connection.execute(wanted).mappings()]
    return tuple(
        LedgerEntry(
            chain_id=int(row["chain_id"]),
            wallet=str(row["wallet"]),
            token=str(row["token"]),
            delta=int(row["delta"]),
            kind=str(row["kind"]),
            tx_hash=str(row["tx_hash"]),
            log_index=int(row["log_index"]),
            intent_key=intent_key,
        )
        for row in rows
    )

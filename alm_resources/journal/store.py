"""The journal itself: intents with their attempts and every step they take."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime

import sqlalchemy as sa

from alm_core.execution.intents import IN_FLIGHT, LEGAL_STEPS, SETTLED, nonce_of, predecessors
from alm_core.model.books import LedgerEntry, PositionChange, Posting
from alm_core.model.epochs import Epoch, floor_to_epoch
from alm_core.model.errors import IllegalStep, NotReconciled
from alm_core.model.transactions import (
    Attempt,
    FeeBid,
    Intent,
    IntentState,
    Receipt,
    SignedTransaction,
    UnsignedTransaction,
)
from alm_core.model.transfers import BridgeTransfer
from alm_resources.journal.books import Books, insert_entries, of_wallet, record_positions
from alm_resources.journal.marks import Marks
from alm_resources.journal.postings import insert_postings, reverse_changes
from alm_resources.journal.rows import (
    attempt_from,
    attempt_row,
    intent_from,
    intent_row,
    receipt_from,
    receipt_row,
    signed_from,
    tx_text,
)
from alm_resources.journal.standstills import Standstills
from alm_resources.journal.tables import attempts, positions, receipts, reconciled, transitions
from alm_resources.journal.tables import intents as intent_table
from alm_resources.journal.transfers import Transfers, insert_transfer

_OPEN = tuple(state.value for state in IntentState if not state.terminal)
_HOLDS_NONCE = tuple(state.value for state in IN_FLIGHT)


class SqlJournal(Transfers, Books, Standstills, Marks):
    """Satisfies the ``Journal`` port over SQLite or Postgres. Every method commits before it returns.

    Parameters
    ----------
    url
        SQLAlchemy URL, for example ``sqlite:////var/lib/alm/journal.db``. The database is migrated when opened;
        several processes may open it at once.

    Notes
    -----
    A step is one ``UPDATE ... WHERE state IN (legal predecessors)``: an illegal step, or one that a second process has
    already taken, changes no row and is refused.
    """

    def add_intents(self, intents: Sequence[Intent]) -> tuple[Intent, ...]:
        """Insert intents that are not there yet; return the stored ones, in the same order."""
        with self.writing() as connection:
            for intent in intents:
                self._insert(connection, intent)
            return tuple(_read(connection, intent.key) for intent in intents)

    def add_transfer(self, intent: Intent, transfer: BridgeTransfer) -> Intent:
        """Insert a transfer and the intent that sends it, unless they are there."""
        with self.writing() as connection:
            self._insert(connection, intent)
            insert_transfer(connection, transfer)
            return _read(connection, intent.key)

    def _insert(self, connection: sa.Connection, intent: Intent) -> None:
        if _find(connection, intent.key) is None:
            self.refuse_fenced(connection, {(intent.tx.chain_id, intent.tx.sender)})
            connection.execute(sa.insert(intent_table).values(intent_row(intent)))
            _remember(connection, intent.key, intent.state, "")

    def replan(self, key: str, tx: UnsignedTransaction) -> Intent:
        """Replace the payload of an intent of which nothing was signed; a nonce that it holds stays its own."""
        with self.writing() as connection:
            intent = _read(connection, key)
            if (tx.chain_id, tx.sender, tx.action) != (intent.tx.chain_id, intent.tx.sender, intent.tx.action):
                raise IllegalStep(f"intent {key}: a new payload must keep chain, sender and action")
            unsigned = (IntentState.PLANNED, IntentState.RESERVED)
            self._step(connection, intent, unsigned, {"tx": tx_text(tx)}, "planned again")
            return _read(connection, key)

    def read_intent(self, key: str) -> Intent:
        """Read an intent; ``KeyError`` if there is none."""
        with self.reading() as connection:
            return _read(connection, key)

    def find_intent(self, key: str) -> Intent | None:
        """Read an intent that may not exist yet."""
        with self.reading() as connection:
            return _find(connection, key)

    def read_open_intents(self, chain_id: int, wallet: str) -> tuple[Intent, ...]:
        """Intents of a wallet that are not terminal, oldest first."""
        return self._select(
            intent_table.c.chain_id == chain_id,
            intent_table.c.wallet == wallet.lower(),
            intent_table.c.state.in_(_OPEN),
        )

    def read_plan_intents(self, plan_hash: str) -> tuple[Intent, ...]:
        """All intents of a plan, oldest first."""
        return self._select(intent_table.c.plan_hash == plan_hash)

    def read_epoch_intents(self, epoch_id: str) -> tuple[Intent, ...]:
        """All intents of an epoch, oldest first."""
        return self._select(intent_table.c.epoch_id == epoch_id)

    def read_intents_since(self, pair: str, since_at: datetime) -> tuple[Intent, ...]:
        """All intents of a pair's epochs from a moment on, oldest first."""
        first = Epoch(pair=pair, epoch_at=floor_to_epoch(since_at)).epoch_id
        return self._select(intent_table.c.pair == pair, intent_table.c.epoch_id >= first)

    def reserve_nonce(self, key: str, chain_nonce: int) -> Intent:
        """Give the intent the next nonce of its wallet: PLANNED to RESERVED."""
        with self.writing() as connection:
            intent = _read(connection, key)
            busy = _same_wallet(intent) & intent_table.c.state.in_(_HOLDS_NONCE)
            other = connection.execute(sa.select(intent_table.c.key).where(busy)).scalar()
            if other is not None and other != key:
                raise NotReconciled(f"intent {other} of wallet {intent.tx.sender} is still in flight")
            expected = _next_nonce(connection, intent.tx.chain_id, intent.tx.sender)
            if expected is not None and chain_nonce > expected:
                raise NotReconciled(
                    f"chain {intent.tx.chain_id} counts {chain_nonce} transactions of {intent.tx.sender}, "
                    f"the journal knows {expected}: somebody else uses the key"
                )
            nonce = chain_nonce if expected is None else expected
            step = {"nonce": nonce, "state": IntentState.RESERVED.value}
            self._step(connection, intent, predecessors(IntentState.RESERVED), step, f"nonce {nonce}")
            return _read(connection, key)

    def release_nonce(self, key: str, detail: str) -> bool:
        """Give up an intent that never left; ``False`` where a later nonce is already taken."""
        with self.writing() as connection:
            intent = _read(connection, key)
            if intent.nonce is not None:
                later = _same_wallet(intent) & (intent_table.c.nonce > intent.nonce)
                if connection.execute(sa.select(intent_table.c.key).where(later)).first():
                    return False
            step = {"nonce": None, "state": IntentState.EXPIRED_UNSENT.value, "detail": detail}
            self._step(connection, intent, predecessors(IntentState.EXPIRED_UNSENT), step, detail)
            return True

    def read_next_nonce(self, chain_id: int, wallet: str) -> int | None:
        """Nonce after the last one the journal knows to be taken."""
        self.refuse_unwritable()
        with self.reading() as connection:
            return _next_nonce(connection, chain_id, wallet)

    def read_from_nonce(self, chain_id: int, wallet: str, nonce: int) -> tuple[Intent, ...]:
        """Intents of a wallet that hold this nonce or a later one, lowest nonce first."""
        found = self._select(
            intent_table.c.chain_id == chain_id,
            intent_table.c.wallet == wallet.lower(),
            intent_table.c.nonce >= nonce,
        )
        return tuple(sorted(found, key=nonce_of))

    def record_signed(self, key: str, signed: SignedTransaction, bid: FeeBid) -> Intent:
        """Store raw bytes and hash; durable when this returns."""
        with self.writing() as connection:
            intent = _read(connection, key)
            again = intent.state is IntentState.BROADCAST or (signed.cancels and intent.state is IntentState.SIGNED)
            state = intent.state if again else IntentState.SIGNED
            allowed = (intent.state,) if again else predecessors(IntentState.SIGNED)
            _refuse_known_hash(connection, key, signed.tx_hash)
            _refuse_after_cancel(connection, key, signed)
            counted = sa.select(sa.func.count()).select_from(attempts).where(attempts.c.intent_key == key)
            connection.execute(
                sa.insert(attempts).values(
                    attempt_row(key, int(connection.execute(counted).scalar_one()) + 1, signed, bid, datetime.now(UTC))
                )
            )
            step = {"state": state.value, "tx_hash": signed.tx_hash}
            self._step(connection, intent, allowed, step, signed.tx_hash)
            return _read(connection, key)

    def read_signed(self, key: str) -> tuple[SignedTransaction, ...]:
        """All attempts of an intent, oldest first."""
        wanted = sa.select(attempts).where(attempts.c.intent_key == key).order_by(attempts.c.attempt_no)
        with self.reading() as connection:
            return tuple(signed_from(dict(row)) for row in connection.execute(wanted).mappings())

    def read_attempts(self, key: str) -> tuple[Attempt, ...]:
        """All attempts of an intent with their bids, oldest first."""
        self.refuse_unwritable()
        wanted = sa.select(attempts).where(attempts.c.intent_key == key).order_by(attempts.c.attempt_no)
        with self.reading() as connection:
            return tuple(attempt_from(dict(row)) for row in connection.execute(wanted).mappings())

    def advance(self, key: str, state: IntentState, detail: str = "") -> Intent:
        """Move an intent along the state machine; an illegal step is refused."""
        with self.writing() as connection:
            intent = _read(connection, key)
            self._step(connection, intent, predecessors(state), {"state": state.value, "detail": detail}, detail)
            return _read(connection, key)

    def settle(
        self,
        key: str,
        state: IntentState,
        receipt: Receipt,
        entries: Sequence[LedgerEntry],
        positions: Sequence[PositionChange] = (),
        detail: str = "",
        *,
        postings: Sequence[Posting] = (),
    ) -> Intent:
        """Finish a mined intent and book all it did, in one transaction."""
        if not state.terminal:
            raise IllegalStep(f"intent {key} cannot be settled as {state}: it is not terminal")
        with self.writing() as connection:
            intent = _read(connection, key)
            step = {"state": state.value, "tx_hash": receipt.tx_hash, "detail": detail}
            self._step(connection, intent, (IntentState.MINED,), step, detail)
            connection.execute(sa.insert(receipts).values(receipt_row(key, receipt)))
            insert_entries(connection, entries)
            insert_postings(connection, postings)
            record_positions(connection, positions)
            return _read(connection, key)

    def read_unfinal(self, chain_id: int, wallet: str) -> tuple[Intent, ...]:
        """Settled intents whose blocks were not final yet when they were last looked at, oldest first."""
        unfinal = sa.select(receipts.c.intent_key).where(receipts.c.is_final.is_(False))
        return self._select(
            intent_table.c.chain_id == chain_id,
            intent_table.c.wallet == wallet.lower(),
            intent_table.c.key.in_(unfinal),
        )

    def mark_final(self, key: str) -> None:
        """Note that the block of a settled intent is final."""
        with self.writing() as connection:
            intent = _read(connection, key)
            self.refuse_fenced(connection, {(intent.tx.chain_id, intent.tx.sender)})
            connection.execute(sa.update(receipts).where(receipts.c.intent_key == key).values(is_final=True))

    def unsettle(self, key: str, detail: str) -> Intent:
        """Take back the end of an intent whose block is gone, in one transaction."""
        with self.writing() as connection:
            intent = _read(connection, key)
            unfinal = (receipts.c.intent_key == key) & receipts.c.is_final.is_(False)
            if connection.execute(sa.delete(receipts).where(unfinal)).rowcount != 1:
                raise IllegalStep(f"intent {key} is {intent.state} for good: its block was final")
            step = {"state": IntentState.BROADCAST.value, "detail": detail}
            self._step(connection, intent, SETTLED, step, detail)
            _reverse(connection, key)
            return _read(connection, key)

    def read_receipt(self, key: str) -> Receipt | None:
        """Receipt an intent was settled with, without its logs."""
        with self.reading() as connection:
            row = connection.execute(sa.select(receipts).where(receipts.c.intent_key == key)).mappings().first()
        return receipt_from(dict(row)) if row else None

    def read_own(self, tx_hashes: Sequence[str]) -> frozenset[str]:
        """Those of some transactions that intents are settled with."""
        asked = sa.select(receipts.c.tx_hash).where(receipts.c.tx_hash.in_([*tx_hashes]))
        with self.reading() as connection:
            return frozenset(connection.execute(asked).scalars())

    def read_last_settled(self, chain_id: int, wallet: str) -> int | None:
        """Highest block of a receipt that an intent of the wallet is settled with."""
        own = sa.select(sa.func.max(receipts.c.block_number)).join(intent_table)
        with self.reading() as connection:
            return connection.execute(own.where(of_wallet(intent_table, chain_id, wallet))).scalar()

    def _select(self, *where: sa.ColumnElement[bool]) -> tuple[Intent, ...]:
        with self.reading() as connection:
            rows = connection.execute(sa.select(intent_table).where(*where).order_by(intent_table.c.seq)).mappings()
            return tuple(intent_from(dict(row)) for row in rows)

    def _step(
        self,
        connection: sa.Connection,
        intent: Intent,
        allowed: Collection[IntentState],
        values: Mapping[str, object],
        detail: str,
    ) -> None:
        self.refuse_fenced(connection, {(intent.tx.chain_id, intent.tx.sender)})
        legal = (intent_table.c.key == intent.key) & intent_table.c.state.in_([state.value for state in allowed])
        if connection.execute(sa.update(intent_table).where(legal).values(values)).rowcount != 1:
            wanted = values.get("state", intent.state.value)
            legal_next = ", ".join(sorted(LEGAL_STEPS[intent.state])) or "none"
            raise IllegalStep(f"intent {intent.key} is {intent.state}: no step to {wanted} (legal: {legal_next})")
        _remember(connection, intent.key, IntentState(values.get("state", intent.state.value)), detail)


def _reverse(connection: sa.Connection, key: str) -> None:
    """Undo what an intent had booked, and what it did to positions."""
    reverse_changes(connection, key)
    undo_opened = positions.c.opened_by == key
    connection.execute(sa.update(positions).where(undo_opened).values(is_open=False, opened_by=None))
    connection.execute(sa.update(positions).where(positions.c.closed_by == key).values(is_open=True, closed_by=None))


def _find(connection: sa.Connection, key: str) -> Intent | None:
    row = connection.execute(sa.select(intent_table).where(intent_table.c.key == key)).mappings().first()
    return intent_from(dict(row)) if row else None


def _read(connection: sa.Connection, key: str) -> Intent:
    intent = _find(connection, key)
    if intent is None:
        raise KeyError(f"no intent {key} in the journal")
    return intent


def _same_wallet(intent: Intent) -> sa.ColumnElement[bool]:
    return (intent_table.c.chain_id == intent.tx.chain_id) & (intent_table.c.wallet == intent.tx.sender.lower())


def _refuse_known_hash(connection: sa.Connection, key: str, tx_hash: str) -> None:
    # An expired intent never left, and its nonce went back: the same payload with the same nonce has the same hash.
    owner = (
        sa.select(intent_table.c.key)
        .join(attempts, attempts.c.intent_key == intent_table.c.key)
        .where(attempts.c.tx_hash == tx_hash, intent_table.c.state != IntentState.EXPIRED_UNSENT.value)
    )
    known = connection.execute(owner).scalar()
    if known is not None:
        raise IllegalStep(f"intent {key}: transaction {tx_hash} is already an attempt of intent {known}")


def _refuse_after_cancel(connection: sa.Connection, key: str, signed: SignedTransaction) -> None:
    cancelled = sa.select(attempts.c.tx_hash).where(attempts.c.intent_key == key, attempts.c.cancels.is_(True))
    if not signed.cancels and connection.execute(cancelled).first() is not None:
        raise IllegalStep(f"intent {key} is being cancelled: its payload is not signed again")


def _next_nonce(connection: sa.Connection, chain_id: int, wallet: str) -> int | None:
    used = sa.select(sa.func.max(intent_table.c.nonce)).where(
        intent_table.c.chain_id == chain_id, intent_table.c.wallet == wallet.lower()
    )
    proven = sa.select(reconciled.c.nonce).where(
        reconciled.c.chain_id == chain_id, reconciled.c.wallet == wallet.lower()
    )
    last, floor = connection.execute(used).scalar(), connection.execute(proven).scalar()
    known = [*([] if last is None else [last + 1]), *([] if floor is None else [floor])]
    return max(known) if known else None


def _remember(connection: sa.Connection, key: str, state: IntentState, detail: str) -> None:
    stamp = datetime.now(UTC).isoformat(timespec="milliseconds")
    row = {"intent_key": key, "state": state.value, "detail": detail, "recorded_at": stamp}
    connection.execute(sa.insert(transitions).values(row))

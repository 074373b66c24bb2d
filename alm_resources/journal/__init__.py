"""The journal: intents, attempts, receipts and the ledger, durable in SQLite or Postgres."""

from alm_resources.journal.store import SqlJournal

__all__ = ["SqlJournal"]

"""Alembic environment: migrates over the connection and inside the transaction that opened the journal."""

from alembic import context

from alm_resources.journal.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()

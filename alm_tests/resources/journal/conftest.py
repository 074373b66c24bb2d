"""Journals on SQLite and, where the machine has it, on Postgres."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from alm_resources.journal import SqlJournal
from alm_resources.journal.tables import metadata
from alm_tests.resources.journal.scene import blank_journal


@pytest.fixture(params=["sqlite", "postgres"])
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlJournal]:
    if request.param == "postgres":
        url = request.getfixturevalue("postgres_url")
        engine = sa.create_engine(url)
        with engine.begin() as connection:
            metadata.drop_all(connection)
            connection.execute(sa.text("DROP TABLE IF EXISTS alembic_version"))
        engine.dispose()
        opened = SqlJournal(url)
    else:
        opened = blank_journal(tmp_path / "journal.db")
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A throw-away server where the machine has Postgres."""
    programs = [shutil.which(name) for name in ("initdb", "postgres", "pg_isready")]
    if not all(programs):
        pytest.skip("no Postgres on this machine")
    initdb, postgres, ready = (str(program) for program in programs)
    # Postgres refuses to run as root: there it runs as nobody, in a folder that nobody owns.
    account: dict[str, object] = {"user": "nobody", "extra_groups": []} if os.geteuid() == 0 else {}
    with tempfile.TemporaryDirectory(prefix="alm-postgres-") as folder:
        if account:
            shutil.chown(folder, "nobody")
        data = f"{folder}/data"
        made = subprocess.run(
            [initdb, "-D", data, "-U", "alm", "--auth=trust", "--no-sync"],
            capture_output=True,
            cwd=folder,
            check=False,
            **account,
        )
        if made.returncode:
            pytest.skip(f"initdb does not run here: {made.stderr.decode()[:200]}")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = str(probe.getsockname()[1])
        server = subprocess.Popen(
            [postgres, "-D", data, "-p", port, "-c", "listen_addresses=127.0.0.1", "-k", folder, "-F"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            **account,
        )
        while subprocess.run([ready, "-h", "127.0.0.1", "-p", port], capture_output=True, check=False).returncode:
            assert server.poll() is None
        yield f"postgresql+psycopg2://alm@127.0.0.1:{port}/postgres"
        server.terminate()
        server.wait()

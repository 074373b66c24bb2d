"""The journal of an older version: brought up with all it held, and back, also when killed in the middle."""

import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy import event

from alm_core.execution.engine import TransactionEngine
from alm_core.model.errors import ConfigError
from alm_core.model.transactions import IntentState
from alm_resources.journal import SqlJournal
from alm_resources.journal.rows import intent_row
from alm_resources.journal.tables import HEAD_REVISION, metadata
from alm_tests.chaos.killing import run_killed
from alm_tests.core.execution.fakes import TOKEN, WALLET, AllowAll, FakeChain, FakeSigner, transfer_intent
from alm_tests.resources.journal.scene import BID, CHAIN

ATTEMPT = (
    "INSERT INTO attempts (intent_key, attempt_no, raw, tx_hash, cancels, gas_limit, max_fee_per_gas_wei, "
    "max_priority_fee_per_gas_wei) VALUES (:key, 1, :raw, :tx_hash, false, '9', '9', '9')"
)


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'journal.db'}"
        return
    url = request.getfixturevalue("postgres_url")
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        metadata.drop_all(connection)
        connection.execute(sa.text("DROP TABLE IF EXISTS halts, alembic_version"))
    engine.dispose()
    yield url


def migrate(url: str, revision: str, *, kill_at: int | None = None) -> int:
    """Bring a database to a revision, up or down, in one transaction; the number of statements it took."""
    engine = sa.create_engine(url)
    counted = 0

    def count(*_: object) -> None:
        nonlocal counted
        counted += 1
        if counted == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", lambda raw, _: setattr(raw, "isolation_level", None))
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    config = Config()
    config.set_main_option("script_location", "alm_resources.journal:migrations")
    config.set_main_option("path_separator", "os")
    with engine.begin() as connection:
        event.listen(engine, "before_cursor_execute", count)
        config.attributes["connection"] = connection
        current = (
            sa.inspect(connection).has_table("alembic_version")
            and connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
        )
        (command.downgrade if current and (revision == "base" or str(current) > revision) else command.upgrade)(
            config, revision
        )
    engine.dispose()
    return counted


def fill_old(url: str) -> str:
    """A database of the first version with a halt, a signed intent that never left and a settled one."""
    migrate(url, "0001")
    signed, settled = transfer_intent(0), transfer_intent(1)
    attempt = FakeSigner().sign(signed.tx, 5, BID)
    engine = sa.create_engine(url)
    intents = sa.Table("intents", sa.MetaData(), autoload_with=engine)
    with engine.begin() as connection:
        connection.execute(
            sa.insert(intents).values({**intent_row(signed), "state": "SIGNED", "nonce": 5, "tx_hash": attempt.tx_hash})
        )
        connection.execute(sa.insert(intents).values({**intent_row(settled), "state": "FINAL_OK", "nonce": 4}))
        connection.execute(sa.text(ATTEMPT), {"key": signed.key, "raw": attempt.raw, "tx_hash": attempt.tx_hash})
        connection.execute(
            sa.text("INSERT INTO receipts VALUES (:key, '0x1', 1, '0x2', true, '1', '1', '0')"), {"key": settled.key}
        )
        connection.execute(sa.text(f"INSERT INTO halts VALUES ({CHAIN}, '{WALLET}', 'by hand')"))
        connection.execute(sa.text(f"INSERT INTO leaders VALUES ({CHAIN}, '{WALLET}', 3)"))
    engine.dispose()
    return signed.key


def check_new(url: str, signed: str) -> SqlJournal:
    journal = SqlJournal(url)
    held = journal.read_halt(CHAIN, WALLET)
    assert held is not None
    assert (held.mode, held.reason) == ("halt", "by hand")
    assert journal.read_intent(signed).state is IntentState.SIGNED
    (attempt,) = journal.read_attempts(signed)
    assert attempt.bid.gas_limit == 9
    assert journal.read_unfinal(CHAIN, WALLET) == ()
    assert journal.take_lead(CHAIN, WALLET) == 4
    return journal


def test_an_intent_signed_by_the_older_version_is_sent_as_it_was_signed(url: str) -> None:
    signed = fill_old(url)
    journal = check_new(url, signed)
    chain = FakeChain()
    chain.base_fee = 1
    chain.now.nonce = 5
    chain.now.nonces_mined = [*range(5)]
    engine = TransactionEngine(journal, chain, FakeSigner(), AllowAll(), receipt_timeout_s=1.0, fence=4)
    done = engine.run(journal.read_intent(signed))
    assert done.state is IntentState.FINAL_OK
    assert [sent.raw for sent in chain.received] == [FakeSigner().sign(done.tx, 5, BID).raw]
    journal.close()


def test_down_and_up_again_keeps_rows_and_standstills(url: str) -> None:
    signed = fill_old(url)
    journal = check_new(url, signed)
    journal.halt(1, "0x" + "cc" * 20, "own", mode="withdraw_only")
    journal.halt(0, "*", "everything")
    journal.close()
    migrate(url, "0001")
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        halts = {(row[0], row[1], row[2]) for row in connection.execute(sa.text("SELECT * FROM halts"))}
    engine.dispose()
    # The older version asks for one wallet on one chain: a standstill of all is written out for each that was led.
    assert (CHAIN, WALLET, "by hand") in halts
    assert (1, "0x" + "cc" * 20, "own") in halts
    assert (0, "*", "everything") in halts
    check = SqlJournal(url)
    assert check.read_intent(signed).state is IntentState.SIGNED
    held = check.read_halt(CHAIN, WALLET)
    assert held is not None
    assert held.mode == "halt"
    check.close()


def test_a_standstill_of_all_wallets_holds_for_each_that_was_led_after_going_back(url: str) -> None:
    journal = SqlJournal(url)
    journal.take_lead(CHAIN, WALLET)
    journal.halt(0, "*", "everything")
    journal.close()
    migrate(url, "0001")
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        found = connection.execute(sa.text(f"SELECT reason FROM halts WHERE chain_id = {CHAIN}")).scalar()
    engine.dispose()
    assert found == "everything"


@pytest.mark.parametrize("way", ["up", "down"])
def test_a_migration_killed_at_any_statement_is_done_by_the_next_start(tmp_path: Path, way: str) -> None:
    count_file, before = tmp_path / "statements", tmp_path / "before.db"
    signed = fill_old(f"sqlite:///{before}")
    if way == "down":
        migrate(f"sqlite:///{before}", HEAD_REVISION)
    target = HEAD_REVISION if way == "up" else "0001"

    def copied(name: str) -> str:
        return f"sqlite:///{shutil.copy(before, tmp_path / name)}"

    assert not run_killed(lambda: count_file.write_text(str(migrate(copied("counted"), target))))
    statements = int(count_file.read_text())
    assert statements > 10
    for at in range(1, statements + 1):
        url = copied(f"killed-{at}")
        assert run_killed(lambda url=url, at=at: migrate(url, target, kill_at=at))
        check_new(url, signed).close()


ENTRIES = (
    # kind, action, token, delta, log index -> account
    ("opening", None, TOKEN, "1000", -3, "external"),
    ("transfer", "swap", TOKEN, "-7", 1, "swap:0xto"),
    ("transfer", "close", TOKEN, "9", 2, "position:0xto:77"),
    ("fees", "close", TOKEN, "1", 3, "fees:0xto:77"),
    ("transfer", "open", TOKEN, "-3", 6, "position:0xkeeper:12"),
    ("rewards", "claim", TOKEN, "4", 4, "rewards:0xto"),
    ("transfer", "bridge", TOKEN, f"-{2**200}", 5, "transit:{key}"),
    ("gas", "swap", "native", "-5", -1, "gas"),
    ("adjustment", None, "native", "5", -5, "adjustment"),
)


def test_entries_of_an_older_version_get_their_other_sides(url: str) -> None:
    migrate(url, "0004")
    engine = sa.create_engine(url)
    tables = sa.MetaData()
    intents, ledger, positions = (
        sa.Table(name, tables, autoload_with=engine) for name in ("intents", "ledger", "positions")
    )
    expected: dict[tuple[str, int], tuple[str, int]] = {}
    with engine.begin() as connection:
        for number, (kind, action, token, delta, log_index, account) in enumerate(ENTRIES):
            intent = transfer_intent(number)
            row = {**intent_row(intent), "state": "FINAL_OK"}
            tx = {"to": "0xTO", "action": action, "closes_token_id": 77 if action == "close" else None}
            connection.execute(sa.insert(intents).values({**row, "tx": json.dumps(tx)}))
            entry = {"chain_id": CHAIN, "wallet": WALLET, "token": token, "delta": delta, "kind": kind}
            entry |= {"tx_hash": f"0x{number}", "log_index": log_index, "intent_key": intent.key if action else None}
            connection.execute(sa.insert(ledger).values(entry))
            if action == "open":
                opened = {"chain_id": CHAIN, "wallet": WALLET, "manager": "0xkeeper", "token_id": "12", "is_open": True}
                connection.execute(sa.insert(positions).values({**opened, "opened_by": intent.key}))
            expected[f"0x{number}", log_index] = account.format(key=intent.key), -int(delta)
    engine.dispose()
    journal = SqlJournal(url)
    found = {(one.tx_hash, one.log_index): (one.account, one.delta) for one in journal.read_postings(CHAIN, WALLET)}
    assert found == expected
    assert journal.read_one_sided(CHAIN, WALLET) == ()
    journal.close()


def test_a_journal_of_a_newer_version_is_refused(url: str) -> None:
    SqlJournal(url).close()
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(ConfigError, match="newer version"):
        SqlJournal(url)


def test_all_tables_can_be_taken_away(url: str) -> None:
    SqlJournal(url).close()
    migrate(url, "base")
    engine = sa.create_engine(url)
    assert [name for name in sa.inspect(engine).get_table_names() if name != "alembic_version"] == []
    engine.dispose()

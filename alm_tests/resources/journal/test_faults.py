"""A journal whose disk is full, read-only, failing or damaged: a clear error, and nothing signed or sent after it."""

import os
import resource
import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path
from threading import Timer

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError, OperationalError

from alm_core.execution.engine import TransactionEngine
from alm_core.model.errors import AlmError, ConfigError, IllegalStep, JournalBroken
from alm_core.model.transactions import FeeBid, IntentState, SignedTransaction, UnsignedTransaction
from alm_resources.journal import SqlJournal
from alm_resources.journal.faults import fault_from, name_of
from alm_tests.chaos.killing import run_killed
from alm_tests.core.execution.fakes import WALLET, AllowAll, FakeChain, FakeSigner, transfer_intent
from alm_tests.resources.journal.scene import CHAIN, blank_journal, entry, in_state

NOBODY = 65534


class CountingSigner(FakeSigner):
    """Remembers what it signed."""

    def __init__(self) -> None:
        self.signed = 0

    def sign(self, tx: UnsignedTransaction, nonce: int, bid: FeeBid, *, fence: int = 0) -> SignedTransaction:
        self.signed += 1
        return super().sign(tx, nonce, bid, fence=fence)


def fill(journal: SqlJournal) -> None:
    """From now on the file may not grow by a page: SQLite answers as on a full disk."""
    with journal.writing() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")


class FullAt:
    """A journal whose disk is full from its n-th write on."""

    def __init__(self, journal: SqlJournal, at: int) -> None:
        self._journal = journal
        self._at = at
        self.writes = 0

    def __getattr__(self, name: str) -> object:
        found = getattr(self._journal, name)
        if name.startswith(("read_", "find_")) or not callable(found):
            return found

        def call(*args: object, **kwargs: object) -> object:
            self.writes += 1
            if self.writes == self._at:
                _refuse_writes(self._journal)
            return found(*args, **kwargs)

        return call


def _refuse_writes(journal: SqlJournal) -> None:
    """Fill the free space of the file, so that not even a small row fits."""
    fill(journal)
    for size in (4000, 400, 10):
        for number in range(200):
            try:
                journal.add_ledger_entries([entry(1, f"0x{size}-{number}-" + "f" * min(size, 60))])
            except JournalBroken:
                break


@pytest.mark.parametrize("at", range(1, 6))
def test_a_disk_full_at_any_write_lets_nothing_be_signed_or_sent_afterwards(tmp_path: Path, at: int) -> None:
    journal, chain, signer = blank_journal(tmp_path / "journal.db"), FakeChain(), CountingSigner()
    intent = journal.add_intents([transfer_intent(0)])[0]
    full = FullAt(journal, at)
    engine = TransactionEngine(full, chain, signer, AllowAll(), receipt_timeout_s=1.0, fence=1)
    with pytest.raises(JournalBroken, match=r"journal\.db.* full"):
        engine.run(intent)
    signed, sent = signer.signed, len(chain.received)
    for number in range(1, 4):
        with pytest.raises(JournalBroken, match="an earlier write was refused"):
            engine.run(journal.read_intent(intent.key) if number == 1 else transfer_intent(number))
    assert (signer.signed, len(chain.received)) == (signed, sent)
    journal.close()
    # Room again, and a new process: what was under way is finished, once.
    journal = SqlJournal(f"sqlite:///{tmp_path / 'journal.db'}")
    done = TransactionEngine(journal, chain, signer, AllowAll(), receipt_timeout_s=1.0, fence=1).run(
        journal.read_intent(intent.key)
    )
    assert done.state is IntentState.FINAL_OK
    assert chain.now.effects == ["P@1/0"]
    journal.close()


def test_taking_the_lead_proves_that_the_disk_takes_writes_again(tmp_path: Path) -> None:
    journal = blank_journal(tmp_path / "journal.db")
    journal.take_lead(CHAIN, WALLET)
    _refuse_writes(journal)
    with pytest.raises(JournalBroken, match="an earlier write"):
        journal.add_intents([transfer_intent(0)])
    with journal.reading() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count=100000")
    asked: tuple[Callable[[], object], ...] = (
        lambda: journal.add_intents([transfer_intent(0)]),
        lambda: journal.read_next_nonce(CHAIN, WALLET),
        lambda: journal.read_attempts("key"),
    )
    for ask in asked:  # what a signature rests on is not even read
        with pytest.raises(JournalBroken, match="an earlier write"):
            ask()
    journal.take_lead(CHAIN, WALLET)
    assert journal.read_next_nonce(CHAIN, WALLET) is None
    assert journal.add_intents([transfer_intent(0)])
    journal.close()


def test_a_halt_is_tried_whatever_was_refused_before(tmp_path: Path) -> None:
    journal = blank_journal(tmp_path / "journal.db")
    _refuse_writes(journal)
    with journal.reading() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count=100000")
    journal.halt(CHAIN, WALLET, "by hand")
    assert journal.read_halt(CHAIN, WALLET) is not None
    journal.close()


def test_a_file_that_may_not_grow_is_a_full_disk(tmp_path: Path) -> None:
    blank_journal(tmp_path / "journal.db").close()

    def work() -> None:
        journal = SqlJournal(f"sqlite:///{tmp_path / 'journal.db'}")
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        size = (tmp_path / "journal.db").stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        try:
            for number in range(1000):
                journal.add_intents([transfer_intent(number)])
        except JournalBroken as error:
            (tmp_path / "said").write_text(str(error))

    assert not run_killed(work)
    assert "nothing is signed or sent" in (tmp_path / "said").read_text()
    journal = SqlJournal(f"sqlite:///{tmp_path / 'journal.db'}")
    assert len(journal.read_open_intents(CHAIN, WALLET)) == len(journal.read_epoch_intents("P@1"))
    journal.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to become another user")
def test_a_read_only_journal_is_refused_when_it_is_opened(tmp_path: Path) -> None:
    blank_journal(tmp_path / "journal.db").close()
    for path in (tmp_path, *tmp_path.parents):
        if path.stat().st_uid == os.geteuid() and path != Path("/"):
            path.chmod(path.stat().st_mode | 0o055)
    (tmp_path / "journal.db").chmod(0o444)
    tmp_path.chmod(0o555)
    said = Path("/tmp") / f"alm-read-only-{os.getpid()}"

    def work() -> None:
        os.setgroups([])
        os.setuid(NOBODY)
        try:
            SqlJournal(f"sqlite:///{tmp_path / 'journal.db'}")
        except AlmError as error:
            said.write_text(f"{type(error).__name__}: {error}")

    try:
        assert not run_killed(work)
        assert said.read_text().startswith("JournalBroken")
        assert "journal.db" in said.read_text()
    finally:
        tmp_path.chmod(0o755)
        said.unlink(missing_ok=True)


def test_a_journal_that_became_read_only_stops_the_money_path(tmp_path: Path) -> None:
    journal, chain = blank_journal(tmp_path / "journal.db"), FakeChain()
    intent = journal.add_intents([transfer_intent(0)])[0]
    with journal.reading() as connection:
        connection.exec_driver_sql("PRAGMA query_only=ON")
    engine = TransactionEngine(journal, chain, FakeSigner(), AllowAll(), receipt_timeout_s=1.0, fence=1)
    with pytest.raises(JournalBroken, match="cannot be written"):
        engine.run(intent)
    assert chain.received == []
    journal.close()


@pytest.mark.control("journal_intact", "fires")
@pytest.mark.parametrize("page", ["first", "middle", "last"])
def test_a_damaged_page_is_found_when_the_journal_is_opened(tmp_path: Path, page: str) -> None:
    file = _filled(tmp_path)
    size = file.stat().st_size
    offset = {"first": 0, "middle": size // 2 // 4096 * 4096, "last": size - 4096}[page]
    with file.open("r+b") as raw:
        raw.seek(offset)
        raw.write(os.urandom(4096))
    with pytest.raises(JournalBroken, match="damaged") as caught:
        SqlJournal(f"sqlite:///{file}")
    assert "restore" in str(caught.value)


@pytest.mark.control("journal_intact", "passes")
def test_a_journal_that_was_killed_in_the_middle_of_a_write_is_whole(tmp_path: Path) -> None:
    file = _filled(tmp_path)

    def work() -> None:
        journal = SqlJournal(f"sqlite:///{file}")
        with journal.writing() as connection:
            connection.exec_driver_sql("UPDATE intents SET state = 'MANUAL'")
            os.kill(os.getpid(), signal.SIGKILL)

    assert run_killed(work)
    journal = SqlJournal(f"sqlite:///{file}")
    assert {intent.state for intent in journal.read_epoch_intents("P@1")} == {IntentState.PLANNED}
    journal.close()


def test_a_folder_that_cannot_be_made_is_a_configuration_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be made"):
        SqlJournal(f"sqlite:///{tmp_path / 'file' / 'journal.db'}")
    (tmp_path / "folder.db").mkdir()
    with pytest.raises(JournalBroken, match="cannot be opened"):
        SqlJournal(f"sqlite:///{tmp_path / 'folder.db'}")


def test_a_lock_held_too_long_is_said_and_does_not_last(tmp_path: Path) -> None:
    journal = blank_journal(tmp_path / "journal.db")
    with journal.reading() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout=50")
    other = sqlite3.connect(tmp_path / "journal.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(JournalBroken, match="write lock"):
        journal.add_intents([transfer_intent(0)])
    other.execute("ROLLBACK")
    other.close()
    assert journal.add_intents([transfer_intent(0)])
    journal.close()


def test_a_slow_disk_only_takes_longer(tmp_path: Path) -> None:
    # A second process holds the lock for a while, as a slow fsync does: the writer waits for it.
    journal = blank_journal(tmp_path / "journal.db")
    other = sqlite3.connect(tmp_path / "journal.db", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    waited: list[str] = []
    timer = Timer(0.3, lambda: (waited.append("released"), other.execute("COMMIT")))
    timer.start()
    assert journal.take_lead(CHAIN, WALLET) == 1
    assert waited == ["released"]
    timer.join()
    other.close()
    journal.close()


class PostgresError(Exception):
    """What psycopg2 raises, as far as it is looked at."""

    def __init__(self, code: str) -> None:
        super().__init__(f"code {code}\nDETAIL: more")
        self.pgcode = code


@pytest.mark.parametrize(
    ("code", "says", "lasts"),
    [
        ("53100", "full", True),
        ("58030", "fails", True),
        ("25006", "cannot be written", True),
        ("XX001", "damaged", True),
        ("55P03", "write lock", False),
        ("57P01", "cannot be opened or read", False),
    ],
)
def test_errors_of_a_server_are_told_apart_by_their_state(code: str, says: str, lasts: bool) -> None:
    fault = fault_from(OperationalError("INSERT", {}, PostgresError(code)), "journal alm on db")
    assert isinstance(fault.error, JournalBroken)
    assert says in str(fault.error)
    assert "DETAIL" not in str(fault.error)
    assert fault.lasts == lasts


def test_a_broken_rule_of_the_tables_is_an_illegal_step() -> None:
    fault = fault_from(IntegrityError("INSERT", {}, PostgresError("23505")), "journal alm on db")
    assert isinstance(fault.error, IllegalStep)
    assert not fault.lasts


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("sqlite:////var/lib/alm/journal.db", "journal /var/lib/alm/journal.db"),
        ("sqlite://", "journal in memory"),
        ("postgresql://alm:secret@db/books", "journal books on db"),
    ],
)
def test_a_journal_is_named_by_its_file_or_by_base_and_server_without_secrets(url: str, name: str) -> None:
    assert name_of(sa.make_url(url)) == name


def test_an_error_without_words_still_names_itself() -> None:
    assert "OperationalError" in str(fault_from(sqlite3.OperationalError(), "journal x").error)


def test_a_server_that_went_away_is_said_in_our_own_words(postgres_url: str) -> None:
    journal = SqlJournal(postgres_url)
    engine = sa.create_engine(postgres_url)
    with engine.begin() as connection:
        connection.execute(
            sa.text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        )
    engine.dispose()
    ask: Callable[[], object] = lambda: journal.read_open_intents(CHAIN, "0x" + "5e" * 20)  # noqa: E731
    with pytest.raises(JournalBroken, match="cannot be opened or read"):
        ask()
    assert ask() == ()
    journal.close()


def _filled(folder: Path) -> Path:
    journal = blank_journal(folder / "journal.db")
    journal.add_intents([transfer_intent(number) for number in range(40)])
    in_state(journal, IntentState.FINAL_OK, 50)
    with journal.reading() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    journal.close()
    return folder / "journal.db"

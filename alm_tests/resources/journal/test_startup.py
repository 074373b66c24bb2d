"""What a start remembers of chains, and where fences begin in a journal that has forgotten them."""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from alm_core.model.startup import ContractCode, KnownBlock
from alm_resources.journal import SqlJournal
from alm_resources.journal.fences import begin_fences_late
from alm_resources.journal.limit_versions import LimitVersions
from alm_resources.journal.startup import StartupMemory

POOL = "0x" + "Ab" * 20
CODE = ContractCode(chain_id=1, address=POOL, code_hash="0x01", implementation="0x2", implementation_hash="0x03")
AT = datetime(2026, 11, 22, 12, tzinfo=UTC)


def test_code_stays_as_it_was_first_seen_until_it_is_replaced(journal: SqlJournal) -> None:
    memory = StartupMemory(journal)
    other = replace(CODE, address="0x" + "cd" * 20, code_hash="0x09")
    elsewhere = replace(CODE, chain_id=2, code_hash="0x08")
    memory.add_pins([CODE, other, elsewhere])
    changed = replace(CODE, code_hash="0x04", implementation=None, implementation_hash=None)
    memory.add_pins([changed])
    assert memory.read_pins(1) == {POOL.lower(): replace(CODE, address=POOL.lower()), other.address: other}
    memory.add_pins([changed], replace=True)
    assert memory.read_pins(1) == {POOL.lower(): replace(changed, address=POOL.lower()), other.address: other}
    assert memory.read_pins(2) == {POOL.lower(): replace(elsewhere, address=POOL.lower())}
    assert memory.read_pins(3) == {}


def test_a_known_block_takes_the_place_of_the_older_one_of_its_chain(journal: SqlJournal) -> None:
    memory = StartupMemory(journal)
    assert memory.read_known_block(1) is None
    first, other = (KnownBlock(chain_id=chain, number=7, block_hash="0x07") for chain in (1, 2))
    memory.store_known_block(first)
    memory.store_known_block(other)
    later = replace(first, number=8, block_hash="0x08")
    memory.store_known_block(later)
    assert (memory.read_known_block(1), memory.read_known_block(2)) == (later, other)
    assert memory.read_known_block(3) is None


def test_when_all_was_in_order_is_known_by_wallet_and_chain(journal: SqlJournal) -> None:
    memory = StartupMemory(journal)
    memory.store_checked_at(1, "0xAA", AT)
    memory.store_checked_at(1, "0xaa", AT + timedelta(hours=1))
    assert memory.read_checked_at(1, "0xaA") == AT + timedelta(hours=1)
    assert memory.read_checked_at(2, "0xaa") is None
    assert memory.read_checked_at(1, "0xbb") is None


def test_fences_of_a_journal_that_has_forgotten_begin_beyond_all_earlier_ones(journal: SqlJournal) -> None:
    before = int(time.time())
    begin_fences_late(journal, 1, "0xaa")
    assert journal.take_lead(1, "0xaa") > before
    assert journal.take_lead(2, "0xaa") == 1


def test_fences_that_are_known_go_on_from_where_they_were(journal: SqlJournal) -> None:
    assert journal.take_lead(1, "0xaa") == 1
    begin_fences_late(journal, 1, "0xAA")
    assert journal.take_lead(1, "0xaa") == 2


def test_versions_of_limits_are_kept_in_order_and_none_is_older_than_the_one_before(journal: SqlJournal) -> None:
    versions, delay = LimitVersions(journal), timedelta(hours=24)
    assert versions.read() == ()
    versions.note({"b": 2, "a": 1}, AT, delay)
    versions.note({"a": 1, "b": 2}, AT + timedelta(hours=1), delay)
    assert [(dict(one.limits), one.seen_at) for one in versions.read()] == [({"a": 1, "b": 2}, AT)]
    versions.note({"a": 5}, AT + timedelta(hours=2), delay)
    versions.note({"a": 6}, AT, delay)
    assert [(dict(one.limits), one.seen_at) for one in versions.read()] == [
        ({"a": 1, "b": 2}, AT),
        ({"a": 5}, AT + timedelta(hours=2)),
        ({"a": 6}, AT + timedelta(hours=2)),
    ]
    with journal.reading() as connection:
        rows = connection.exec_driver_sql("SELECT seen_at, in_force_at FROM limit_versions ORDER BY seq").all()
    waits = [datetime.fromisoformat(end) - datetime.fromisoformat(start) for start, end in rows]
    assert waits == [timedelta(0), delay, delay]

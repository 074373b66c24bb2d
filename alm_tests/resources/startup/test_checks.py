"""Heads that are too old, and standstills that controls set and take back."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from alm_core.execution.restrict import restrict
from alm_core.model.market import Block
from alm_resources.journal import SqlJournal
from alm_resources.startup.checks import MAX_HEAD_AGE, StartupChecks
from alm_resources.startup.clocks import ClockReading

NOW = datetime(2026, 11, 1, 6, 0, tzinfo=UTC)
WALLET = "0x" + "AB" * 20


def ages(age: timedelta) -> list[str]:
    nothing: Any = None
    reading = ClockReading(now_s=NOW.timestamp(), local_s=0.0, told=("a", "b", "c"))
    checks = StartupChecks(nothing, "P", {}, nothing, nothing, own_clock=False, clocks=lambda: reading)
    head = Block(chain_id=1, number=5, block_hash="0x", block_at=NOW - age)
    return [found.severity for found in checks._head_age(head)]


@pytest.mark.control("head_age", "fires")
def test_a_head_that_is_too_old_stops_the_chain() -> None:
    assert ages(MAX_HEAD_AGE + timedelta(seconds=1)) == ["halt"]


@pytest.mark.control("head_age", "passes")
def test_a_head_of_the_greatest_age_is_young_enough() -> None:
    assert ages(MAX_HEAD_AGE) == []


@pytest.fixture
def journal(tmp_path: Path) -> Any:
    opened = SqlJournal(f"sqlite:///{tmp_path / 'journal.db'}")
    yield opened
    opened.close()


def held(journal: SqlJournal) -> tuple[str, str] | None:
    found = journal.read_halt(1, WALLET)
    return (found.mode, found.set_by) if found else None


def test_a_control_that_lifts_itself_takes_back_its_own_standstill_alone(journal: SqlJournal) -> None:
    restrict(journal, 1, WALLET, "gas_reserve", "too little")
    assert held(journal) == ("withdraw_only", "gas_reserve")
    restrict(journal, 1, WALLET, "registry_entry", None)
    assert held(journal) == ("withdraw_only", "gas_reserve")
    restrict(journal, 1, WALLET, "gas_reserve", None)
    assert held(journal) is None
    journal.halt(1, WALLET, "a person")
    restrict(journal, 1, WALLET, "gas_reserve", "too little")
    restrict(journal, 1, WALLET, "gas_reserve", None)
    assert held(journal) == ("halt", "operator")


def test_what_a_person_sets_meanwhile_is_not_lifted_with_it(journal: SqlJournal) -> None:
    restrict(journal, 1, WALLET, "gas_reserve", "too little")
    journal.halt(1, WALLET, "a person, just now")
    journal.lift_halt(1, WALLET, set_by="gas_reserve")
    assert held(journal) == ("halt", "operator")
    journal.lift_halt(1, WALLET)
    assert held(journal) is None


def test_a_control_that_needs_a_person_replaces_one_that_does_not_and_stays(journal: SqlJournal) -> None:
    restrict(journal, 1, WALLET, "gas_reserve", "too little")
    restrict(journal, 1, WALLET, "code_hash", "changed")
    restrict(journal, 1, WALLET, "gas_reserve", None)
    restrict(journal, 1, WALLET, "code_hash", None)
    assert held(journal) == ("withdraw_only", "code_hash")

"""Tightening holds at once, loosening after its delay, each limit for itself, whoever looks and however often."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from alm_core.model.config import LimitsConfig
from alm_core.model.errors import ConfigError
from alm_core.portfolio.limit_bounds import LIMIT_RULES, limit_value, too_loose
from alm_resources.journal import SqlJournal
from alm_resources.journal.limit_versions import LimitVersions
from alm_resources.limits import InForce, LimitBook
from alm_resources.settings import Settings, read_limits

AT = datetime(2026, 11, 22, tzinfo=UTC)
PLAIN = LimitsConfig(max_day_gas_usd=50.0)
LOOSE = replace(PLAIN, max_day_gas_usd=80.0)
TIGHT = replace(PLAIN, max_day_gas_usd=20.0)


class Clock:
    def __init__(self) -> None:
        self.hours = 0.0

    def __call__(self) -> datetime:
        return AT + timedelta(hours=self.hours)


class Books:
    def __init__(self, path: Path) -> None:
        self.clock = Clock()
        self.path = path

    def look(self, hours: float, wanted: LimitsConfig) -> InForce:
        """Another process each time: nothing but the journal remembers."""
        self.clock.hours = hours
        journal = SqlJournal(f"sqlite:///{self.path}")
        try:
            return LimitBook(LimitVersions(journal), self.clock).in_force(wanted)
        finally:
            journal.close()


@pytest.fixture
def books(tmp_path: Path) -> Books:
    return Books(tmp_path / "journal.db")


def test_the_first_file_ever_holds_at_once(books: Books) -> None:
    assert books.look(0, LOOSE) == InForce(limits=LOOSE, pending=())


def test_a_stricter_limit_holds_at_once(books: Books) -> None:
    books.look(0, PLAIN)
    assert books.look(1, TIGHT) == InForce(limits=TIGHT, pending=())


@pytest.mark.control("loosening_delay_h", "fires")
@pytest.mark.control("loosening_delay_h", "passes")
def test_a_looser_limit_holds_a_day_after_it_was_first_seen(books: Books) -> None:
    books.look(0, PLAIN)
    for hours in (5, 20, 28.99):
        found = books.look(hours, LOOSE)
        assert found.limits == PLAIN
        (pending,) = found.pending
        assert (pending.limit, pending.in_force, pending.wanted) == ("max_day_gas_usd", 50.0, 80.0)
        assert pending.from_at == AT + timedelta(hours=29)
    assert books.look(29, LOOSE) == InForce(limits=LOOSE, pending=())


def test_a_short_tightening_starts_the_delay_anew(books: Books) -> None:
    books.look(0, LOOSE)
    books.look(1, TIGHT)
    assert books.look(2, LOOSE).limits == TIGHT
    assert books.look(25.9, LOOSE).limits == TIGHT
    assert books.look(26, LOOSE).limits == LOOSE


def test_each_limit_waits_for_itself(books: Books) -> None:
    books.look(0, PLAIN)
    books.look(1, LOOSE)
    both = replace(LOOSE, max_gas_usd=80.0)
    found = books.look(25, both)
    assert (found.limits.max_day_gas_usd, found.limits.max_gas_usd) == (80.0, 50.0)
    assert [one.limit for one in found.pending] == ["max_gas_usd"]


def test_where_higher_is_stricter_lower_waits(books: Books) -> None:
    books.look(0, PLAIN)
    assert books.look(1, replace(PLAIN, min_price_sources=2)).limits.min_price_sources == 3
    assert books.look(2, replace(PLAIN, min_price_sources=4)).limits.min_price_sources == 4


def test_shortening_the_delay_waits_for_the_old_one(books: Books) -> None:
    books.look(0, PLAIN)
    hasty = replace(LOOSE, loosening_delay_h=1.0)
    assert books.look(1, hasty).limits.max_day_gas_usd == 50.0
    assert books.look(3, hasty).limits == replace(PLAIN, loosening_delay_h=24.0)
    assert books.look(25, hasty).limits == hasty


def test_a_hasty_second_file_does_not_get_around_the_delay(books: Books) -> None:
    books.look(0, PLAIN)
    books.look(1, replace(PLAIN, loosening_delay_h=1.0))
    hasty = replace(LOOSE, loosening_delay_h=1.0)
    books.look(2, hasty)
    assert books.look(3.5, hasty).limits.max_day_gas_usd == 50.0


def test_a_clock_that_went_back_loosens_nothing(books: Books) -> None:
    books.look(0, PLAIN)
    books.look(10, LOOSE)
    assert books.look(-500, LOOSE).limits == PLAIN
    assert books.look(34, LOOSE).limits == LOOSE


def test_what_bounds_nothing_is_taken_from_the_file_at_once(books: Books) -> None:
    books.look(0, PLAIN)
    assert books.look(1, replace(PLAIN, receipt_timeout_s=9.0)).limits.receipt_timeout_s == 9.0


@pytest.mark.control("limit_ceiling", "fires")
@pytest.mark.control("limit_ceiling", "passes")
@pytest.mark.parametrize("name", LIMIT_RULES)
def test_no_file_is_looser_than_the_ceiling(name: str, tmp_path: Path) -> None:
    rule = LIMIT_RULES[name]
    step = 1 if isinstance(limit_value(LimitsConfig(), name), int) else 1e-6
    beyond = rule.loosest + step if rule.stricter == "lower" else rule.loosest - step
    at_ceiling, file = replace(LimitsConfig(), **{name: rule.loosest}), tmp_path / "alm.toml"
    assert too_loose(at_ceiling, "file") == ()
    if beyond < 0:
        return  # no file can say that: a limit is not negative
    (violation,) = too_loose(replace(LimitsConfig(), **{name: beyond}), "file")
    assert violation.limit == name
    file.write_text(f"[limits]\n{name} = {beyond}\n")
    environ = {"ALM_CONFIG": str(file), "ALM_HOME": str(tmp_path)}
    assert limit_value(read_limits(file), name) == pytest.approx(beyond)
    with pytest.raises(ConfigError, match=f"{name} = .* is looser than its ceiling"):
        Settings.from_env(environ)


def test_the_defaults_are_within_every_ceiling() -> None:
    assert too_loose(LimitsConfig(), "defaults") == ()
    assert read_limits(None) == LimitsConfig()

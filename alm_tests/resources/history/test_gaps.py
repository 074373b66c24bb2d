"""Coverage of the history: what counts as a hole and what does not."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np

from alm_core.model.candles import MinuteQuality
from alm_core.model.inputs import MinuteRange
from alm_core.model.market import MarketSnapshot
from alm_resources.history import HistoryStore
from alm_resources.history.gaps import coverage
from alm_tests.resources.history.test_store import PAIR, candles

START = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
LATER = START + timedelta(days=30)
QUARTER = timedelta(minutes=15)


def snapshot(at: datetime) -> MarketSnapshot:
    return MarketSnapshot(pair=PAIR, epoch_at=at, quote_usd=None, chains=(), pools=(), markets=(), holdings=())


def test_a_history_begins_and_ends_in_a_day_without_a_hole(tmp_path: Path) -> None:
    history = HistoryStore(tmp_path)
    history.write_candles(PAIR, candles(START, 1_440))
    days = coverage(history, PAIR, None, None, LATER)
    assert [(one.day, one.minutes, one.whole) for one in days] == [
        (date(2026, 11, 20), 720, True),
        (date(2026, 11, 21), 720, True),
    ]
    assert sum(one.filled for one in days) == 480
    assert sum(one.real for one in days) == 960


def test_a_day_that_is_named_must_be_whole(tmp_path: Path) -> None:
    history = HistoryStore(tmp_path)
    history.write_candles(PAIR, candles(START, 1_440))
    (first,) = coverage(history, PAIR, date(2026, 11, 20), date(2026, 11, 20), LATER)
    assert first.missing == (MinuteRange(start_at=datetime(2026, 11, 20, tzinfo=UTC), end_at=START),)
    (none,) = coverage(history, PAIR, date(2026, 11, 25), date(2026, 11, 25), LATER)
    assert (none.minutes, none.whole) == (0, False)


def test_a_day_in_the_middle_without_a_file_is_a_hole(tmp_path: Path) -> None:
    history = HistoryStore(tmp_path)
    history.write_candles(PAIR, candles(START, 10))
    history.write_candles(PAIR, candles(START + timedelta(days=2), 10))
    days = coverage(history, PAIR, None, None, LATER)
    assert [one.minutes for one in days] == [10, 0, 10]
    assert not any(one.whole for one in days)
    assert days[1].missing == (
        MinuteRange(start_at=datetime(2026, 11, 21, tzinfo=UTC), end_at=datetime(2026, 11, 22, tzinfo=UTC)),
    )


def test_minutes_that_are_not_closed_are_not_missing(tmp_path: Path) -> None:
    history = HistoryStore(tmp_path)
    midnight = datetime(2026, 11, 20, tzinfo=UTC)
    history.write_candles(PAIR, candles(midnight, 600))
    now = midnight + timedelta(minutes=600, seconds=42)
    (today,) = coverage(history, PAIR, date(2026, 11, 20), date(2026, 11, 23), now)
    assert today.whole
    assert coverage(history, PAIR, date(2026, 11, 23), date(2026, 11, 23), now) == ()


def test_minutes_of_few_exchanges_are_counted_apart_from_those_of_unknown_ones(tmp_path: Path) -> None:
    history = HistoryStore(tmp_path)
    series = replace(candles(START, 8), filled=np.array([False] * 6 + [True] * 2))
    quality = MinuteQuality(
        used=np.array([0b111, 0b111111, 0b11, 0b100000, 0, 0b1, 0, 0]),
        vetoed=np.zeros(8, dtype=np.int64),
        spread_bps=np.zeros(8),
    )
    history.write_candles(PAIR, replace(series, quality=quality))
    (day,) = coverage(history, PAIR, None, None, LATER)
    assert (day.real, day.filled, day.thin, day.sources_unknown) == (6, 2, 3, 1)


def test_quarter_hours_between_the_first_and_the_last_snapshot_must_have_one(tmp_path: Path) -> None:
    history = HistoryStore(tmp_path)
    history.write_candles(PAIR, candles(START - timedelta(days=1), 2 * 1_440))
    for number in (0, 1, 4):
        history.write_epoch_once("pool_snapshots", snapshot(START + number * QUARTER))
    days = coverage(history, PAIR, None, None, LATER)
    assert [one.epochs_missing for one in days] == [(), (START + 2 * QUARTER, START + 3 * QUARTER), ()]
    assert [one.whole for one in days] == [True, False, True]


def test_nothing_stored_has_no_days(tmp_path: Path) -> None:
    assert coverage(HistoryStore(tmp_path), PAIR, None, None, LATER) == ()

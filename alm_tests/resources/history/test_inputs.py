"""Digests of candles: what changes them, what does not, and how a difference is told."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alm_core.model.candles import MINUTE_MS, CandleSeries, MinuteQuality
from alm_core.model.config import LimitsConfig, StrategyConfig
from alm_core.model.inputs import (
    EpochDigest,
    EpochInputs,
    MinuteRange,
    candle_difference,
    candle_inputs,
    missing_ranges,
    without_minutes,
)
from alm_resources.history.payload import payload_of, value_from_payload
from alm_tests.resources.history.test_store import candles, with_sources

START = datetime(2026, 11, 20, 22, 0, tzinfo=UTC)
END = START + timedelta(minutes=400)
MINUTE = timedelta(minutes=1)


def without(series: CandleSeries, *gaps: tuple[int, int]) -> CandleSeries:
    rows = [row for row in range(len(series)) if not any(first <= row < after for first, after in gaps)]
    return series.rows(np.array(rows, dtype=np.int64))


@given(column=st.sampled_from(["open", "high", "low", "close", "volume"]), row=st.integers(0, 399))
def test_the_least_change_of_one_figure_changes_the_digest_and_names_the_day(column: str, row: int) -> None:
    series = candles(START, 400)
    recorded = candle_inputs(series, START, END)
    values = getattr(series, column).copy()
    # Rounded outwards, so that high and low still enclose the others.
    values[row] = np.nextafter(values[row], 0.0 if column == "low" else np.inf)
    changed = replace(series, **{column: values, "high": np.maximum(series.high, values)})
    difference = candle_difference(recorded, candle_inputs(changed, START, END))
    assert ("2026-11-20" if row < 120 else "2026-11-21") in difference


@given(row=st.integers(0, 399), column=st.sampled_from(["used", "vetoed", "spread_bps"]))
def test_the_sources_of_a_minute_are_part_of_the_digest(row: int, column: str) -> None:
    series = with_sources(candles(START, 400))
    assert series.quality is not None
    values = getattr(series.quality, column).copy()
    values[row] = 99.0 if np.isnan(values[row]) else values[row] + 1
    other = replace(series, quality=replace(series.quality, **{column: values}))
    assert candle_inputs(other, START, END).sha256 != candle_inputs(series, START, END).sha256


def test_unknown_sources_have_one_digest_however_they_are_held() -> None:
    series = candles(START, 400)
    unknown = replace(series, quality=MinuteQuality.unknown(400))
    assert candle_inputs(series, START, END) == candle_inputs(unknown, START, END)


@given(gaps=st.lists(st.tuples(st.integers(0, 398), st.integers(1, 30)), max_size=4))
def test_minutes_that_come_later_are_left_out_again(gaps: list[tuple[int, int]]) -> None:
    series = candles(START, 400)
    then = without(series, *((first, first + length) for first, length in gaps))
    recorded = candle_inputs(then, START, END)
    again = without_minutes(series, recorded.gaps)
    np.testing.assert_array_equal(again.ts_ms, then.ts_ms)
    assert candle_difference(recorded, candle_inputs(again, START, END)) == ""


def test_a_lost_minute_is_named() -> None:
    series = candles(START, 400)
    recorded = candle_inputs(series, START, END)
    difference = candle_difference(recorded, candle_inputs(without(series, (130, 131)), START, END))
    assert difference == (
        "the minutes from 2026-11-21T00:10:00+00:00 to 2026-11-21T00:11:00+00:00 are not stored any more"
    )


def test_missing_ranges_cover_both_ends() -> None:
    series = without(candles(START, 400), (0, 3), (50, 51), (390, 400))
    assert missing_ranges(series, START, END) == [
        (START, START + 3 * MINUTE),
        (START + 50 * MINUTE, START + 51 * MINUTE),
        (START + 390 * MINUTE, END),
    ]
    assert missing_ranges(CandleSeries.empty(), START, END) == [(START, END)]
    assert candle_inputs(CandleSeries.empty(), START, END).gaps == (MinuteRange(start_at=START, end_at=END),)


def test_a_record_is_stored_in_full_and_comes_back_exactly() -> None:
    series = without(candles(START, 400), (5, 9))
    record = EpochInputs(
        pair="WETH-USDC",
        epoch_at=END,
        candles=candle_inputs(series, START, END),
        snapshot_sha256="ab" * 32,
        past_snapshots=(EpochDigest(epoch_at=START, sha256="cd" * 32),),
        previous_range=None,
        last_rebalance_at=START,
        strategy=StrategyConfig(min_hold=timedelta(hours=7, microseconds=1), pra_threshold=0.1 + 0.2),
        limits=LimitsConfig(deadline_s=33),
        code_version="1.2.3",
        config_version="x",
    )
    payload = payload_of(record)
    assert value_from_payload(EpochInputs, payload, "test") == record
    assert payload_of(value_from_payload(EpochInputs, payload, "test")) == payload


@pytest.mark.parametrize("days", [1, 30])
def test_a_digest_is_kept_of_every_day(days: int) -> None:
    start_at = datetime(2026, 10, 1, tzinfo=UTC)
    series = candles(start_at, days * 1_440)
    found = candle_inputs(series, start_at, start_at + timedelta(days=days))
    assert [digest.minutes for digest in found.days] == [1_440] * days
    assert int(series.ts_ms[-1]) + MINUTE_MS == int(found.end_at.timestamp()) * 1000

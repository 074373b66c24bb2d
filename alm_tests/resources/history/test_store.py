"""The history gives back exactly what was written, keeps files stable, and never hides a broken file."""

import multiprocessing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alm_core.model.candles import MINUTE_MS, CandleSeries, MinuteQuality
from alm_core.model.errors import HistoryCorrupted, InvalidInput
from alm_core.model.market import (
    Block,
    ChainState,
    Holdings,
    MarketSnapshot,
    PoolMarket,
    Position,
    SourceProblem,
    TokenBalance,
)
from alm_core.model.signals import Forces, ForceSignals
from alm_resources.history import HistoryStore
from alm_resources.history.frames import write_frame
from alm_resources.history.payload import payload_of, value_from_payload

PAIR = "WETH-USDC"
EPOCH_AT = datetime(2026, 11, 22, 10, 30, tzinfo=UTC)

floats = st.floats(allow_nan=False, allow_infinity=False)
uint256 = st.integers(min_value=0, max_value=2**256 - 1)
moments = st.datetimes(
    min_value=datetime(2022, 7, 1),  # noqa: DTZ001 - hypothesis adds the zone
    max_value=datetime(2030, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
blocks = st.builds(
    Block, chain_id=st.integers(1, 50_000), number=st.integers(0, 2**40), block_hash=st.text(), block_at=moments
)
positions = st.builds(
    Position,
    pool_id=st.text(),
    token_id=uint256,
    tick_lower=st.integers(-887272, 0),
    tick_upper=st.integers(0, 887272),
    liquidity=uint256,
    amount0=uint256,
    amount1=uint256,
    fees0=uint256,
    fees1=uint256,
)
holdings = st.builds(
    Holdings,
    block=blocks,
    wallet=st.text(),
    native_wei=uint256,
    balances=st.lists(st.builds(TokenBalance, address=st.text(), amount=uint256), max_size=2).map(tuple),
    positions=st.lists(positions, max_size=2).map(tuple),
)
markets = st.builds(
    PoolMarket,
    pool_id=st.text(),
    source=st.text(),
    fetched_at=moments,
    volume_24h_usd=st.none() | floats,
    tvl_usd=st.none() | floats,
    fee_frac=st.none() | floats,
    base_usd=st.none() | floats,
    quote_usd=st.none() | floats,
)
chains = st.builds(ChainState, block=blocks, base_fee_wei=uint256, priority_fee_wei=uint256, native_usd=floats)
snapshots = st.builds(
    MarketSnapshot,
    pair=st.just(PAIR),
    epoch_at=st.just(EPOCH_AT),
    quote_usd=st.none() | floats,
    chains=st.lists(chains, max_size=2).map(tuple),
    pools=st.just(()),
    markets=st.lists(markets, max_size=2).map(tuple),
    holdings=st.lists(holdings, max_size=2).map(tuple),
    problems=st.lists(st.builds(SourceProblem, source=st.text(), detail=st.text()), max_size=2).map(tuple),
)


def candles(start_at: datetime, minutes: int, price: float = 100.0) -> CandleSeries:
    ts_ms = int(start_at.timestamp() * 1000) + np.arange(minutes, dtype=np.int64) * MINUTE_MS
    close = price + np.arange(minutes) / 7
    return CandleSeries(
        ts_ms=ts_ms,
        open=close,
        high=close + 1,
        low=close - 1,
        close=close,
        volume=np.full(minutes, 2.5),
        filled=np.arange(minutes) % 3 == 0,
    )


def signals(epoch_at: datetime = EPOCH_AT, price: float = 2_000.1) -> ForceSignals:
    forces = Forces(volatility=50.0, momentum=0.1 + 0.2, trend=1e-300, sigma_annual_frac=0.6)
    return ForceSignals(
        pair=PAIR, epoch_at=epoch_at, price=price, candles_used=43_200, composite=forces, timeframes={"M15": forces}
    )


def content(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*.parquet")}


@given(snapshot=snapshots)
@settings(max_examples=60, deadline=None)
def test_a_stored_value_comes_back_exactly_with_integers_of_256_bits(snapshot: MarketSnapshot) -> None:
    payload = payload_of(snapshot)
    again = value_from_payload(MarketSnapshot, payload, "test")
    assert again == snapshot
    assert payload_of(again) == payload


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_a_number_that_is_none_is_refused(tmp_path: Path, bad: float) -> None:
    with pytest.raises(InvalidInput, match="ForceSignals cannot be stored"):
        HistoryStore(tmp_path).write_epoch("force_signals", signals(price=bad))
    assert content(tmp_path) == {}


def test_a_value_its_own_type_does_not_allow_is_refused() -> None:
    with pytest.raises(InvalidInput):
        payload_of(signals(price="2000"))  # type: ignore[arg-type]


def test_epochs_come_back_oldest_first_within_the_bounds_asked_for(tmp_path: Path) -> None:
    history = HistoryStore(tmp_path)
    stored = [signals(EPOCH_AT + timedelta(hours=h), 2_000.0 + h) for h in (30, 0, 12, 13, 14)]
    for value in stored:
        history.write_epoch("force_signals", value)
    found = history.read_epochs(
        "force_signals", ForceSignals, PAIR, EPOCH_AT + timedelta(hours=12), EPOCH_AT + timedelta(hours=30)
    )
    assert [value.price for value in found] == [2_012.0, 2_013.0, 2_014.0]
    assert history.read_epoch("force_signals", ForceSignals, PAIR, EPOCH_AT) == stored[1]
    assert history.read_epoch("force_signals", ForceSignals, PAIR, EPOCH_AT + timedelta(minutes=15)) is None
    assert history.read_epoch("force_signals", ForceSignals, "USDC-USDT", EPOCH_AT) is None


def test_the_latest_value_is_found_across_days_and_not_beyond_the_window(tmp_path: Path) -> None:
    history = HistoryStore(tmp_path)
    for days, price in ((0, 1.0), (1, 2.0), (6, 3.0)):
        history.write_epoch("force_signals", signals(EPOCH_AT + timedelta(days=days), price))

    def latest(days: float) -> float | None:
        found = history.read_latest("force_signals", ForceSignals, PAIR, EPOCH_AT + timedelta(days=days))
        return found.price if found else None

    assert latest(0) is None
    assert latest(0.5) == 1.0
    assert latest(6) == 2.0
    assert latest(13) == 3.0
    assert latest(14) is None


def test_writing_an_epoch_again_replaces_it(tmp_path: Path) -> None:
    history = HistoryStore(tmp_path)
    history.write_epoch("force_signals", signals(price=1.0))
    history.write_epoch("force_signals", signals(price=2.0))
    found = history.read_epoch("force_signals", ForceSignals, PAIR, EPOCH_AT)
    assert found is not None
    assert found.price == 2.0
    assert history.read_epoch_times("force_signals", PAIR, EPOCH_AT, EPOCH_AT + timedelta(days=1)) == (EPOCH_AT,)


def test_the_order_of_writing_does_not_show_in_the_files(tmp_path: Path) -> None:
    values = [signals(EPOCH_AT + timedelta(minutes=15 * n), 1_900.0 + n) for n in range(5)]
    series = candles(EPOCH_AT, 600)
    halves = [series.rows(slice(0, 200)), series.rows(slice(200, 600))]
    roots = tmp_path / "a", tmp_path / "b"
    for root, ordered, parts in ((roots[0], values, halves), (roots[1], values[::-1], halves[::-1])):
        for value in ordered:
            HistoryStore(root).write_epoch("force_signals", value)
        for part in parts:
            HistoryStore(root).write_candles(PAIR, part)
    assert content(roots[0]) == content(roots[1])
    assert set(content(roots[0])) == {
        "candles/WETH-USDC/2026-11-22.parquet",
        "force_signals/WETH-USDC/2026-11-22.parquet",
    }


def test_the_same_content_leaves_the_file_untouched(tmp_path: Path) -> None:
    history = HistoryStore(tmp_path)
    history.write_epoch("force_signals", signals())
    file = tmp_path / "force_signals" / PAIR / "2026-11-22.parquet"
    before = file.stat().st_mtime_ns, file.stat().st_ino
    history.write_epoch("force_signals", signals())
    assert (file.stat().st_mtime_ns, file.stat().st_ino) == before


def test_candles_are_split_by_day_and_joined_again(tmp_path: Path) -> None:
    history = HistoryStore(tmp_path)
    series = candles(EPOCH_AT, 3 * 1_440)
    history.write_candles(PAIR, series)
    assert len(list((tmp_path / "candles" / PAIR).glob("*.parquet"))) == 4
    back = history.read_candles(PAIR, EPOCH_AT, EPOCH_AT + timedelta(days=3))
    for name in ("ts_ms", "open", "high", "low", "close", "volume", "filled"):
        np.testing.assert_array_equal(getattr(back, name), getattr(series, name))
    assert len(history.read_candles(PAIR, EPOCH_AT + timedelta(minutes=5), EPOCH_AT + timedelta(minutes=9))) == 4
    assert len(history.read_candles("USDC-USDT", EPOCH_AT, EPOCH_AT + timedelta(days=3))) == 0


def test_a_stored_minute_is_never_replaced(tmp_path: Path) -> None:
    history = HistoryStore(tmp_path)
    assert history.write_candles(PAIR, candles(EPOCH_AT, 10)) == 10
    before = content(tmp_path)
    assert history.write_candles(PAIR, candles(EPOCH_AT + timedelta(minutes=3), 4, price=500.0)) == 0
    assert content(tmp_path) == before
    assert history.write_candles(PAIR, candles(EPOCH_AT + timedelta(minutes=8), 4, price=500.0)) == 2
    back = history.read_candles(PAIR, EPOCH_AT, EPOCH_AT + timedelta(hours=1))
    assert len(back) == 12
    assert (back.close[:10] < 200.0).all()
    assert (back.close[10:] >= 500.0).all()


def with_sources(series: CandleSeries, seed: int = 5) -> CandleSeries:
    drawn = np.random.default_rng(seed)
    used = np.where(series.filled, 0, drawn.integers(1, 64, len(series)))
    spread = np.where(used == 0, np.nan, drawn.random(len(series)))
    vetoed = drawn.integers(0, 64, len(series)) & ~used
    return replace(series, quality=MinuteQuality(used=used, vetoed=vetoed, spread_bps=spread))


def assert_same_quality(left: MinuteQuality | None, right: MinuteQuality | None) -> None:
    assert (left is None) == (right is None)
    for name in ("used", "vetoed", "spread_bps") if left is not None else ():
        np.testing.assert_array_equal(getattr(left, name), getattr(right, name))


def test_the_sources_of_minutes_come_back_and_unknown_ones_stay_unknown(tmp_path: Path) -> None:
    history = HistoryStore(tmp_path)
    known, plain = with_sources(candles(EPOCH_AT, 2_000)), candles(EPOCH_AT + timedelta(days=5), 30)
    history.write_candles(PAIR, known)
    history.write_candles(PAIR, plain)
    end_at = EPOCH_AT + timedelta(days=2)
    assert_same_quality(history.read_candles(PAIR, EPOCH_AT, end_at).quality, known.quality)
    assert history.read_candles(PAIR, EPOCH_AT + timedelta(days=4), EPOCH_AT + timedelta(days=6)).quality is None
    both = history.read_candles(PAIR, EPOCH_AT, EPOCH_AT + timedelta(days=6))
    assert_same_quality(both.quality, CandleSeries.joined([known, plain]).quality)


def test_files_from_before_sources_were_kept_are_read_and_extended(tmp_path: Path) -> None:
    history = HistoryStore(tmp_path)
    file = tmp_path / "candles" / PAIR / "2026-11-22.parquet"
    file.parent.mkdir(parents=True)
    old = candles(EPOCH_AT, 10)
    names = ("ts_ms", "open", "high", "low", "close", "volume", "filled")
    write_frame(file, pl.DataFrame({name: getattr(old, name) for name in names}))
    before = file.read_bytes()
    assert history.read_candles(PAIR, EPOCH_AT, EPOCH_AT + timedelta(hours=1)).quality is None
    assert history.write_candles(PAIR, old) == 0
    assert file.read_bytes() == before
    new = with_sources(candles(EPOCH_AT + timedelta(minutes=10), 10))
    assert history.write_candles(PAIR, new) == 10
    back = history.read_candles(PAIR, EPOCH_AT, EPOCH_AT + timedelta(hours=1))
    assert_same_quality(back.quality, CandleSeries.joined([old, new]).quality)
    assert pl.read_parquet(file)["used"].null_count() == 10


def test_an_equal_value_keeps_the_form_it_was_stored_in(tmp_path: Path) -> None:
    history = HistoryStore(tmp_path)
    history.write_epoch("force_signals", signals())
    file = tmp_path / "force_signals" / PAIR / "2026-11-22.parquet"
    frame = pl.read_parquet(file)
    # As code would have written it to which ``reason`` was not known yet.
    older = frame["payload"][0].replace(',"reason":""', "")
    assert older != frame["payload"][0]
    write_frame(file, frame.with_columns(pl.lit(older).alias("payload")))
    history.write_epoch("force_signals", signals())
    assert history.read_payload("force_signals", PAIR, EPOCH_AT) == older
    history.write_epoch("force_signals", signals(price=3.0))
    assert history.read_payload("force_signals", PAIR, EPOCH_AT) == payload_of(signals(price=3.0))


def test_what_is_written_once_stays(tmp_path: Path) -> None:
    history = HistoryStore(tmp_path)
    assert history.write_epoch_once("force_signals", signals(price=1.0))
    assert not history.write_epoch_once("force_signals", signals(price=2.0))
    found = history.read_epoch("force_signals", ForceSignals, PAIR, EPOCH_AT)
    assert found is not None
    assert found.price == 1.0


def test_stored_forms_and_days_are_listed_in_order(tmp_path: Path) -> None:
    history = HistoryStore(tmp_path)
    values = [signals(EPOCH_AT + timedelta(hours=h), 1.0 + h) for h in (30, 0, 12)]
    for value in values:
        history.write_epoch("force_signals", value)
    (tmp_path / "force_signals" / PAIR / "notes.parquet").write_bytes(b"")
    found = history.read_payloads("force_signals", PAIR, EPOCH_AT, EPOCH_AT + timedelta(hours=30))
    assert found == tuple((value.epoch_at, payload_of(value)) for value in values[1:])
    assert history.read_payload("force_signals", PAIR, EPOCH_AT + timedelta(minutes=15)) is None
    assert [day.isoformat() for day in history.stored_days("force_signals", PAIR)] == ["2026-11-22", "2026-11-23"]
    assert history.stored_days("candles", PAIR) == ()


@pytest.mark.parametrize("broken", [b"", b"PAR1 not parquet at all PAR1", b"\x00" * 200])
def test_a_corrupted_file_is_an_error_that_names_its_path(tmp_path: Path, broken: bytes) -> None:
    history = HistoryStore(tmp_path)
    history.write_epoch("force_signals", signals())
    history.write_candles(PAIR, candles(EPOCH_AT, 10))
    for asset in ("force_signals", "candles"):
        (tmp_path / asset / PAIR / "2026-11-22.parquet").write_bytes(broken)
    with pytest.raises(HistoryCorrupted, match=r"force_signals/WETH-USDC/2026-11-22\.parquet"):
        history.read_epoch("force_signals", ForceSignals, PAIR, EPOCH_AT)
    with pytest.raises(HistoryCorrupted, match=r"candles/WETH-USDC/2026-11-22\.parquet"):
        history.read_candles(PAIR, EPOCH_AT, EPOCH_AT + timedelta(hours=1))
    with pytest.raises(HistoryCorrupted):
        history.write_epoch("force_signals", signals(EPOCH_AT + timedelta(minutes=15)))


def test_a_payload_of_another_shape_is_an_error_that_names_file_and_epoch(tmp_path: Path) -> None:
    history = HistoryStore(tmp_path)
    history.write_epoch("force_signals", signals())
    with pytest.raises(InvalidInput, match=r"2026-11-22\.parquet at 2026-11-22T10:30:00\+00:00: not a MarketSnapshot"):
        history.read_epoch("force_signals", MarketSnapshot, PAIR, EPOCH_AT)


@pytest.mark.parametrize("pair", ["../WETH-USDC", "", "a/b", ".hidden"])
def test_a_pair_cannot_lead_out_of_the_folder(tmp_path: Path, pair: str) -> None:
    with pytest.raises(InvalidInput, match="cannot name a folder"):
        HistoryStore(tmp_path).write_epoch("force_signals", replace(signals(), pair=pair))


def test_scalars_can_be_queried_without_opening_the_payload(tmp_path: Path) -> None:
    HistoryStore(tmp_path).write_epoch("force_signals", signals())
    table = pl.read_parquet(tmp_path / "force_signals" / PAIR / "2026-11-22.parquet")
    row = table.row(0, named=True)
    assert row["epoch_at"] == EPOCH_AT
    assert row["price"] == 2_000.1
    assert row["candles_used"] == 43_200
    assert row["composite_momentum"] == 0.1 + 0.2


def _write_many(root: Path, first: int) -> None:
    history = HistoryStore(root)
    for n in range(first, 96, 4):
        history.write_epoch("force_signals", signals(datetime(2026, 11, 22, tzinfo=UTC) + timedelta(minutes=15 * n)))


def test_writers_in_several_processes_lose_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write_many, args=(tmp_path, first)) for first in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0, 0, 0]
    day = datetime(2026, 11, 22, tzinfo=UTC)
    assert len(HistoryStore(tmp_path).read_epoch_times("force_signals", PAIR, day, day + timedelta(days=1))) == 96

"""Files of the history: whatever happened to their bytes, they are read rightly or called corrupted."""

import json
import os
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from alm_core.model.candles import MINUTE_MS, CandleSeries, MinuteQuality
from alm_core.model.errors import HistoryCorrupted, InvalidInput
from alm_core.model.market import Block, ChainState, Holdings, MarketSnapshot, PoolMarket, PoolState, TokenBalance
from alm_resources.history import HistoryStore
from alm_resources.history.frames import write_frame
from alm_resources.history.payload import payload_of, value_from_payload
from alm_resources.registry import load_registry
from alm_tests.fuzz.harness import CASES, Build, Check, MakeBody, assert_told_apart, fuzz, fuzz_apart, named
from alm_tests.fuzz.mutation import Seed, broken_body, broken_file

pytestmark = pytest.mark.timeout(300 + CASES // 200)

PAIR = "WETH-USDC"
START_AT = datetime(2026, 11, 1, 8, 0, tzinfo=UTC)
END_AT = START_AT + timedelta(hours=1)
POOL = load_registry(None).pools_of(PAIR)[0]


def _series() -> CandleSeries:
    count = 4
    price = np.array([2500.0, 2501.5, 2499.0, 2500.25])
    return CandleSeries(
        ts_ms=int(START_AT.timestamp() * 1000) + np.arange(count) * MINUTE_MS,
        open=price,
        high=price + 1,
        low=price - 1,
        close=price + 0.5,
        volume=np.array([1.0, 0.0, 2.5, 3.0]),
        filled=np.array([False, True, False, False]),
        quality=MinuteQuality(
            used=np.array([3, 1, 3, 3]), vetoed=np.array([0, 2, 0, 4]), spread_bps=np.array([0.5, 0.25, 1.5, 2.5])
        ),
    )


def _snapshot() -> MarketSnapshot:
    block = Block(chain_id=1, number=100, block_hash="0x" + "ab" * 32, block_at=START_AT)
    market = {"volume_24h_usd": 1.5e7, "tvl_usd": 9.8e7, "fee_frac": None, "base_usd": 2700.79, "quote_usd": 0.9993}
    return MarketSnapshot(
        pair=PAIR,
        epoch_at=START_AT,
        quote_usd=0.9993,
        chains=(ChainState(block=block, base_fee_wei=10**9, priority_fee_wei=1, native_usd=2700.79),),
        pools=(
            PoolState(
                pool=POOL,
                block=block,
                sqrt_price_x96=2**100,
                tick=5,
                liquidity=10**18,
                fee_pips=500,
                fee_growth_global0_x128=2**130,
                fee_growth_global1_x128=0,
            ),
        ),
        markets=(PoolMarket(pool_id=POOL.pool_id, source="geckoterminal", fetched_at=START_AT, **market),),
        holdings=(
            Holdings(
                block=block,
                wallet="0x" + "11" * 20,
                native_wei=10**18,
                balances=(TokenBalance(address=POOL.base.address, amount=2**80),),
                positions=(),
            ),
        ),
    )


SNAPSHOT = _snapshot()


class Stored:
    """A history with one file of each kind, whose bytes are put in its place."""

    def __init__(self, root: Path) -> None:
        self.store = HistoryStore(root)
        self.store.write_candles(PAIR, _series())
        self.store.write_epoch("pool_snapshots", SNAPSHOT)
        (self.candles,) = (root / "candles" / PAIR).glob("*.parquet")
        (self.epochs,) = (root / "pool_snapshots" / PAIR).glob("*.parquet")
        self._changed_ns = 10**18

    def read_candles(self, content: bytes) -> CandleSeries:
        self._put(self.candles, content)
        return self.store.read_candles(PAIR, START_AT, END_AT)

    def read_epochs(self, content: bytes) -> tuple[MarketSnapshot, ...]:
        self._put(self.epochs, content)
        return self.store.read_epochs("pool_snapshots", MarketSnapshot, PAIR, START_AT, END_AT)

    def _put(self, path: Path, content: bytes) -> None:
        path.write_bytes(content)
        # Files that change faster than the clock of the disk would be taken for unchanged.
        self._changed_ns += 1_000_000
        os.utime(path, ns=(self._changed_ns, self._changed_ns))


def candle_files(root: Path) -> tuple[MakeBody, Check]:
    """Files of candles with broken bytes."""
    stored = Stored(root)
    right = stored.candles.read_bytes()

    def check(content: bytes) -> bool:
        try:
            series = stored.read_candles(content)
        except HistoryCorrupted as error:
            return named(error, str(stored.candles.parent))
        _are_candles(series)
        return True

    return lambda rng: broken_file(rng, right), check


def candle_columns(root: Path) -> tuple[MakeBody, Check]:
    """Whole files of candles whose columns and values are broken."""
    stored = Stored(root)
    seed = Seed(pl.read_parquet(stored.candles).to_dicts())

    def check(body: bytes) -> bool:
        if not _writes(stored.candles, body):
            return False
        try:
            series = stored.read_candles(stored.candles.read_bytes())
        except HistoryCorrupted as error:
            return named(error, str(stored.candles.parent))
        _are_candles(series)
        return True

    return lambda rng: broken_body(rng, seed), check


def epoch_files(root: Path) -> tuple[MakeBody, Check]:
    """Files of epochs with broken bytes."""
    stored = Stored(root)
    right = stored.epochs.read_bytes()

    def check(content: bytes) -> bool:
        try:
            found = stored.read_epochs(content)
        except (HistoryCorrupted, InvalidInput) as error:
            return named(error, str(stored.epochs))
        for snapshot in found:
            _is_storable(snapshot)
        return True

    return lambda rng: broken_file(rng, right), check


def test_the_right_files_are_read(tmp_path: Path) -> None:
    stored = Stored(tmp_path)
    _are_candles(stored.read_candles(stored.candles.read_bytes()))
    assert stored.read_epochs(stored.epochs.read_bytes()) == (SNAPSHOT,)


@pytest.mark.parametrize("build", [candle_files, candle_columns, epoch_files])
def test_a_broken_file_is_called_corrupted_or_holds_sound_values(
    build: Build, tmp_path: Path, record_property: Any
) -> None:
    verdicts = fuzz_apart(build.__name__, build, tmp_path)
    record_property("fuzz", dict(verdicts))
    assert verdicts["refused"] > 0
    if build is candle_columns:
        assert_told_apart(verdicts)


def test_a_broken_payload_is_refused_or_can_be_stored_again(record_property: Any) -> None:
    seed = Seed(json.loads(payload_of(SNAPSHOT)))

    def check(body: bytes) -> bool:
        try:
            snapshot = value_from_payload(
                MarketSnapshot, body.decode("utf-8", errors="surrogateescape"), "file at noon"
            )
        except InvalidInput as error:
            return named(error, "file at noon")
        _is_storable(snapshot)
        return True

    _fuzzed("payload", lambda rng: broken_body(rng, seed), check, record_property)


def _fuzzed(name: str, make_body: MakeBody, check: Check, record_property: Any) -> None:
    verdicts = fuzz(name, make_body, check)
    record_property("fuzz", dict(verdicts))
    assert_told_apart(verdicts)


def _writes(path: Path, body: bytes) -> bool:
    """Whether the rows of a body could be written as a file, with columns of whatever type they have."""
    if b'{"a":{"a":' in body or b"[[[" in body:
        return False  # Polars takes seconds to write types that are nested hundreds of times.
    try:
        rows = json.loads(body)
        if not isinstance(rows, list) or not rows:
            return False
        write_frame(path, pl.DataFrame(rows, strict=False))
    except (ValueError, TypeError, RecursionError, OverflowError, pl.exceptions.PolarsError):
        return False
    return True


def _are_candles(series: CandleSeries) -> None:
    ts = series.ts_ms
    assert ts.dtype == np.int64
    assert series.filled.dtype == np.bool_
    assert (np.diff(ts) > 0).all()
    assert ((ts >= START_AT.timestamp() * 1000) & (ts < END_AT.timestamp() * 1000)).all()
    assert (ts % MINUTE_MS == 0).all()
    for name in ("open", "high", "low", "close", "volume"):
        column = getattr(series, name)
        assert column.dtype == np.float64
        assert np.isfinite(column).all()
    assert (series.low > 0).all()
    assert (series.high >= np.maximum(series.open, series.close)).all()
    assert (series.low <= np.minimum(series.open, series.close)).all()


def _is_storable(snapshot: MarketSnapshot) -> None:
    """Every number is finite, and what is written comes back."""
    _has_finite_numbers(snapshot)
    assert value_from_payload(MarketSnapshot, payload_of(snapshot), "again") == snapshot


def _has_finite_numbers(value: object) -> None:
    if is_dataclass(value):
        for field in fields(value):
            _has_finite_numbers(getattr(value, field.name))
    elif isinstance(value, tuple):
        for one in value:
            _has_finite_numbers(one)
    elif isinstance(value, float):
        assert -inf < value < inf

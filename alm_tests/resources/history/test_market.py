"""A recorded market as a backtest reads it: what the store has, in memory that does not grow."""

from pathlib import Path

import numpy as np
import pytest

from alm_core.model.errors import HistoryCorrupted, InvalidInput
from alm_core.model.inputs import LOOK_BACK
from alm_core.model.market import MarketSnapshot
from alm_resources.history import HistoryStore
from alm_resources.history.days import write_day
from alm_resources.history.market import RecordedMarket
from alm_tests.core.backtest.tape_snapshot import PAIR
from alm_tests.resources.history.tape_history import DAYS, FIRST_DAY, at, recorded_tape


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> HistoryStore:
    return recorded_tape(tmp_path_factory.mktemp("recorded"), holes=[at(DAYS[1], 7)])


def test_it_answers_what_the_store_does(recorded: HistoryStore) -> None:
    market = RecordedMarket(recorded, PAIR)
    for moment in (at(DAYS[0]), at(DAYS[0], 0, 15), at(DAYS[1], 7), at(DAYS[2], 23, 45), at(DAYS[0], 12)):
        found = market.candles(moment - LOOK_BACK, moment)
        stored = recorded.read_candles(PAIR, moment - LOOK_BACK, moment)
        assert np.array_equal(found.ts_ms, stored.ts_ms)
        assert np.array_equal(found.close, stored.close)
        assert market.snapshot(moment) == recorded.read_epoch("pool_snapshots", MarketSnapshot, PAIR, moment)
    assert market.snapshot(at(DAYS[1], 7)) is None
    assert len(RecordedMarket(recorded, "NO-PAIR").candles(at(DAYS[0]), at(DAYS[1]))) == 0


def test_a_damaged_file_is_named(recorded: HistoryStore, tmp_path: Path) -> None:
    store = HistoryStore(tmp_path)
    folder = tmp_path / "pool_snapshots" / PAIR
    folder.mkdir(parents=True)
    (folder / f"{FIRST_DAY}.parquet").write_bytes(b"PAR1 nothing")
    with pytest.raises(HistoryCorrupted, match=f"{FIRST_DAY}.parquet"):
        RecordedMarket(store, PAIR).snapshot(at(FIRST_DAY))


def test_a_day_is_written_as_the_store_writes_it_epoch_by_epoch(recorded: HistoryStore, tmp_path: Path) -> None:
    whole, single = HistoryStore(tmp_path / "whole"), HistoryStore(tmp_path / "single")
    values = recorded.read_epochs("pool_snapshots", MarketSnapshot, PAIR, at(DAYS[1]), at(DAYS[1], 3))
    write_day(whole, "pool_snapshots", PAIR, DAYS[1], values)
    for value in values:
        single.write_epoch("pool_snapshots", value)
    name = f"pool_snapshots/{PAIR}/{DAYS[1]}.parquet"
    assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "single" / name).read_bytes()
    write_day(whole, "pool_snapshots", PAIR, DAYS[1], [])
    assert not (tmp_path / "whole" / name).exists()


def test_values_of_another_day_or_pair_are_refused(recorded: HistoryStore, tmp_path: Path) -> None:
    value = recorded.read_epoch("pool_snapshots", MarketSnapshot, PAIR, at(DAYS[0]))
    assert value is not None
    for pair, day in ((PAIR, DAYS[1]), ("USDC-USDT", DAYS[0])):
        with pytest.raises(InvalidInput, match=f"is not of {pair} on {day}"):
            write_day(HistoryStore(tmp_path), "pool_snapshots", pair, day, [value])

"""The recorded tape: real minutes, re-timed, reproduced by swaps."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from alm_core.model.errors import ConfigError, InvalidInput
from alm_localnet import Localnet, LocalnetConfig
from alm_localnet.market.tape import TapePath, tape_file
from alm_localnet.market.world import reference_data_folder

TAPE = "polygon_usdc_weth_005"
START_AT = datetime(2026, 11, 1, tzinfo=UTC)
FIRST = 1000


def _write(path: Path, rows: list[tuple[str, int, int, int]]) -> Path:
    table = pl.DataFrame(
        {
            "timestamp": [row[0] for row in rows],
            "openTick": [str(row[1]) for row in rows],
            "closeTick": [str(row[1]) for row in rows],
            "lowestTick": [str(row[1] - 2) for row in rows],
            "highestTick": [str(row[1] + 3) for row in rows],
            "inAmount0": [str(row[2]) for row in rows],
            "inAmount1": [str(row[3]) for row in rows],
            "currentLiquidity": ["1000000" for _ in rows],
        }
    )
    table.write_parquet(path)
    return path


def test_missing_minutes_are_filled_from_the_close_before_without_volume(tmp_path: Path) -> None:
    rows = [("2022-07-19 00:00:00", 202_000, 10**9, 10**18), ("2022-07-19 00:03:00", 202_100, 0, 10**18)]
    bars = TapePath(_write(tmp_path / "t.parquet", rows), FIRST).bars(FIRST, FIRST + 4)
    assert bars.minute.tolist() == [1000, 1001, 1002, 1003]
    assert bars.close[:3] == pytest.approx(1e12 / 1.0001**202_000)
    assert bars.close[3] == pytest.approx(1e12 / 1.0001**202_100)
    assert bars.high[1] == bars.low[1] == bars.close[0]
    assert bars.volume[1:3].tolist() == [0.0, 0.0]
    assert bars.volume[3] == pytest.approx(1.0)


def test_a_low_tick_is_a_high_price_where_usdc_is_token0(tmp_path: Path) -> None:
    bars = TapePath(_write(tmp_path / "t.parquet", [("2022-07-19 00:00:00", 202_000, 0, 0)]), 0).bars(0, 1)
    assert bars.high[0] == pytest.approx(1e12 / 1.0001**201_998)
    assert bars.low[0] == pytest.approx(1e12 / 1.0001**202_003)


def test_a_missing_tape_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="ALM_REFERENCE_DATA"):
        Localnet(config=LocalnetConfig(tape=TAPE, reference_data=tmp_path, start_at=START_AT)).__enter__()
    with pytest.raises(ConfigError, match="no_such_tape"):
        tape_file("no_such_tape", tmp_path)


def test_a_file_that_is_no_tape_is_refused(tmp_path: Path) -> None:
    pl.DataFrame({"x": [1]}).write_parquet(tmp_path / "t.parquet")
    with pytest.raises(ConfigError, match="not a tape"):
        TapePath(tmp_path / "t.parquet", 0)


def test_the_end_of_the_tape_is_an_error_and_not_a_flat_line(tmp_path: Path) -> None:
    tape = TapePath(_write(tmp_path / "t.parquet", [("2022-07-19 00:00:00", 202_000, 0, 0)]), FIRST)
    with pytest.raises(InvalidInput, match="four days"):
        tape.bars(FIRST, FIRST + 2)


@pytest.mark.chain
@pytest.mark.reference
def test_pools_follow_the_recorded_path_and_volume(tmp_path: Path) -> None:
    if not tape_file(TAPE, reference_data_folder()).is_file():
        pytest.skip("no recorded tape; point ALM_REFERENCE_DATA to it")
    config = LocalnetConfig(tape=TAPE, start_at=START_AT, chains=(8453,))
    with Localnet(tmp_path, config) as localnet:
        pool = next(p for p in localnet.chains[0].pools if p.pair.pair_id == "WETH-USDC" and p.preset.fee_pips == 500)
        first, tape = localnet.clock.minute, localnet.market.tape
        assert tape is not None
        prices = list[float]()
        for _ in range(12):
            localnet.advance_to(localnet.now + timedelta(minutes=5))
            slot0 = localnet.rpc(8453).call("eth_call", {"to": pool.address, "data": "0x3850c7bd"}, "latest")
            prices.append(pool.price(int(slot0[2:66], 16)))
        last = localnet.clock.minute
        book = localnet.volumes[8453]
        book.read_events()
        traded = book.window(pool.address, last, last - first).usd
        bars, flow = tape.bars(first, last), tape.flow_rows(first, last)
    assert prices == pytest.approx(bars.close[4::5].tolist(), rel=1e-6)
    scale = np.asarray([pool.liquidity_at(price) for price in bars.close]) / flow.liquidity
    recorded = float(((flow.in_usdc / 1e6 + flow.in_weth / 1e18 * bars.close) * scale).sum())
    assert traded == pytest.approx(recorded, rel=0.25)


@pytest.mark.reference
def test_the_recorded_tape_covers_a_month_of_history_and_four_days_of_demo() -> None:
    file = tape_file(TAPE, reference_data_folder())
    if not file.is_file():
        pytest.skip("no recorded tape; point ALM_REFERENCE_DATA to it")
    tape = TapePath(file, 0)
    assert tape.last_minute == 35 * 1440
    bars = tape.bars(0, tape.last_minute)
    assert 1000 < bars.close.min() < bars.close.max() < 2100
    assert (bars.high >= bars.close).all()

"""What a person sees of candles and snapshots in the UI."""

from dataclasses import replace
from datetime import timedelta

import numpy as np

from alm_assets.lookback import LookBack
from alm_assets.market_tables import candle_metadata, exchange_table, median_spread_bps, snapshot_metadata
from alm_core.model.candles import CandleSeries, MinuteQuality, mask_of
from alm_core.model.market import PoolMarket, Twap
from alm_tests.assets.world import EPOCH, EPOCH_AT, minutes
from alm_tests.core.portfolio.scene import Scene


def rated() -> CandleSeries:
    series = minutes(EPOCH_AT - timedelta(minutes=10), EPOCH_AT)
    used = np.full(10, mask_of(["binance", "okx"]), dtype=np.int64)
    used[:4] = mask_of(["binance"])
    used[9] = 0
    vetoed = np.zeros(10, dtype=np.int64)
    vetoed[:3] = mask_of(["bitget"])
    spread = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 2.0, 3.0, 4.0, 5.0, np.nan])
    filled = np.arange(10) == 9
    return replace(series, filled=filled, quality=MinuteQuality(used=used, vetoed=vetoed, spread_bps=spread))


def test_the_exchange_table_tells_shares_of_traded_minutes_and_vetoes() -> None:
    rows = exchange_table(rated()).splitlines()[2:]
    assert rows == ["| binance | 100.0% | 0 |", "| okx | 55.6% | 0 |", "| bitget | 0.0% | 3 |"]
    assert median_spread_bps(rated()) == 1.0


def test_minutes_of_unknown_sources_are_told_as_such() -> None:
    plain = minutes(EPOCH_AT - timedelta(minutes=5), EPOCH_AT)
    assert exchange_table(plain) == "not known: these minutes were stored without their sources"
    assert median_spread_bps(plain) is None
    mixed = CandleSeries.joined([rated(), minutes(EPOCH_AT, EPOCH_AT + timedelta(minutes=9))])
    assert exchange_table(mixed).splitlines()[-1] == "| sources not known | 50.0% | unknown |"


def test_candle_metadata_has_the_spread_only_where_it_is_known() -> None:
    found = LookBack(epoch=EPOCH, series=rated(), fresh=rated(), sources=("binance", "okx"), problems=())
    metadata = candle_metadata(found)
    assert metadata["median_spread_bps"] == 1.0
    assert metadata["filled_minutes"] == 1
    plain = minutes(EPOCH_AT - timedelta(minutes=5), EPOCH_AT)
    without = candle_metadata(LookBack(epoch=EPOCH, series=plain, fresh=plain, sources=(), problems=()))
    assert "median_spread_bps" not in without
    assert without["sources"] == "history only"


def test_snapshot_metadata_shows_source_block_and_age_of_every_figure() -> None:
    snapshot = Scene().snapshot(EPOCH_AT)
    first = replace(
        snapshot.pools[0],
        source="rpc:8453",
        twap=Twap(window_s=900, tick=-7),
        block=replace(snapshot.pools[0].block, block_at=EPOCH_AT - timedelta(seconds=30)),
    )
    market = PoolMarket(
        pool_id=first.pool.pool_id,
        source="geckoterminal",
        fetched_at=EPOCH_AT + timedelta(seconds=3),
        volume_24h_usd=None,
        tvl_usd=5e6,
        fee_frac=None,
        base_usd=2000.0,
        quote_usd=1.0,
        as_of_at=EPOCH_AT - timedelta(seconds=57),
    )
    shown = snapshot_metadata(replace(snapshot, pools=(first, *snapshot.pools[1:]), markets=(market,)))
    pools = str(shown["pools"].value).splitlines()  # pyright: ignore
    assert pools[0].endswith("| source | block | age s |")
    assert f"| -7 over 900 s | {first.liquidity} | rpc:8453 | {first.block.number} | 33 |" in pools[2]
    assert f"| unknown | {snapshot.pools[1].liquidity} | rpc |" in pools[3]
    assert pools[3].endswith("| 3 |")
    markets = str(shown["markets"].value)  # pyright: ignore
    assert "| unknown | 5,000,000.0000 | 2,000.0000 | 1.0000 | geckoterminal | 60 |" in markets


def test_a_snapshot_without_market_figures_says_so() -> None:
    assert snapshot_metadata(Scene().snapshot(EPOCH_AT))["markets"].value == "none"  # pyright: ignore

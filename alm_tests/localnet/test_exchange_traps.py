"""What makes each exchange different on the wire: bounds, caps, order of columns, short memories, refusals."""

import json
import urllib.error
import urllib.request
from typing import Any

import numpy as np
import pytest

from alm_localnet import Localnet
from alm_localnet.market.venues import SHARES, SPARSE, Venue

pytestmark = pytest.mark.chain


def ask(localnet: Localnet, exchange: str, path: str, **query: object) -> Any:
    asked = "&".join(f"{name.rstrip('_')}={value}" for name, value in query.items())
    with urllib.request.urlopen(f"{localnet.servers[exchange].url}{path}?{asked}", timeout=10) as answer:
        return json.loads(answer.read())


def refusal(localnet: Localnet, exchange: str, path: str, **query: object) -> tuple[int, Any]:
    with pytest.raises(urllib.error.HTTPError) as refused:
        ask(localnet, exchange, path, **query)
    with refused.value as answer:
        return answer.code, json.loads(answer.read())


def ms(localnet: Localnet, minutes_ago: int) -> int:
    return (localnet.clock.minute - minutes_ago) * 60_000


OKX, OKX_OLD = "/api/v5/market/candles", "/api/v5/market/history-candles"
GATE = "/api/v4/spot/candlesticks"
BITGET, BITGET_OLD = "/api/v2/spot/market/candles", "/api/v2/spot/market/history-candles"


def test_okx_excludes_both_bounds_and_sends_newest_first(localnet: Localnet) -> None:
    bounds = {"before": ms(localnet, 20), "after": ms(localnet, 10)}
    rows = ask(localnet, "okx", OKX, instId="ETH-USDT", bar="1m", limit=300, **bounds)["data"]
    assert [int(row[0]) for row in rows] == [ms(localnet, ago) for ago in range(11, 20)]
    assert {row[8] for row in rows} == {"1"}


def test_okx_caps_at_three_hundred_and_marks_the_open_candle(localnet: Localnet) -> None:
    rows = ask(localnet, "okx", OKX, instId="ETH-USDT", bar="1m", limit=1000)["data"]
    assert len(rows) == 300
    assert int(rows[0][0]) == ms(localnet, 0)
    assert [row[8] for row in rows[:2]] == ["0", "1"]
    assert len(rows[0]) == 9
    assert len(ask(localnet, "okx", OKX, instId="ETH-USDT", bar="1m")["data"]) == 100


def test_okx_keeps_a_day_on_the_recent_endpoint_and_only_closed_candles_on_the_other(localnet: Localnet) -> None:
    old = {"before": ms(localnet, 2000), "after": ms(localnet, 1900)}
    assert ask(localnet, "okx", OKX, instId="ETH-USDT", bar="1m", limit=300, **old)["data"] == []
    assert len(ask(localnet, "okx", OKX_OLD, instId="ETH-USDT", bar="1m", limit=300, **old)["data"]) == 99
    newest = ask(localnet, "okx", OKX_OLD, instId="ETH-USDT", bar="1m", limit=1)["data"][0]
    assert (int(newest[0]), newest[8]) == (ms(localnet, 1), "1")


def test_okx_refuses_with_http_200(localnet: Localnet) -> None:
    answer = ask(localnet, "okx", OKX, instId="ETHUSDT", bar="1m")
    assert answer == {"code": "51001", "msg": "Instrument ID ETHUSDT does not exist", "data": []}


def test_mexc_sends_five_hundred_rows_and_excludes_the_end(localnet: Localnet) -> None:
    query = {"symbol": "ETHUSDT", "interval": "1m", "startTime": ms(localnet, 900), "limit": 1000}
    rows = ask(localnet, "mexc", "/api/v3/klines", **query, endTime=ms(localnet, 100))
    assert [row[0] for row in rows] == [ms(localnet, ago) for ago in range(900, 400, -1)]
    rows = ask(localnet, "mexc", "/api/v3/klines", **query | {"startTime": ms(localnet, 30)}, endTime=ms(localnet, 20))
    assert rows[-1][0] == ms(localnet, 21)
    status, body = refusal(localnet, "mexc", "/api/v3/klines", symbol="NOPE", interval="1m")
    assert (status, body["code"]) == (400, -1121)


def test_gate_counts_seconds_and_scrambles_its_columns(localnet: Localnet) -> None:
    start = ms(localnet, 5) // 1000
    rows = ask(localnet, "gate", GATE, currency_pair="ETH_USDT", interval="1m", from_=start, to=start + 300)
    assert [int(row[0]) for row in rows] == [start + 60 * step for step in range(6)]
    assert [row[7] for row in rows] == ["true"] * 5 + ["false"]
    for row in rows[:5]:
        quote_volume, close, high, low, opened, volume = map(float, row[1:7])
        assert low <= min(opened, close) <= max(opened, close) <= high
        assert quote_volume == pytest.approx(volume * close, rel=1e-4)
    assert [float(row[5]) for row in rows[1:5]] == [float(row[2]) for row in rows[:4]]


def test_gate_remembers_ten_thousand_minutes_and_refuses_broad_ranges(localnet: Localnet) -> None:
    start = ms(localnet, 10_001) // 1000
    query = {"currency_pair": "ETH_USDT", "interval": "1m"}
    status, body = refusal(localnet, "gate", GATE, **query, from_=start, to=start + 600)
    assert (status, body["label"]) == (400, "INVALID_PARAM_VALUE")
    assert "10000 points ago" in body["message"]
    assert len(ask(localnet, "gate", GATE, **query, from_=start + 60, to=start + 60 * 1000)) == 1000
    status, body = refusal(localnet, "gate", GATE, **query, from_=start + 60, to=start + 60 * 1001)
    assert "too broad" in body["message"]
    status, body = refusal(localnet, "gate", GATE, currency_pair="ETHUSDT", interval="1m")
    assert (status, body["label"]) == (400, "INVALID_CURRENCY_PAIR")


def test_bitget_history_is_the_end_of_its_window(localnet: Localnet) -> None:
    query = {"symbol": "ETHUSDT", "granularity": "1min", "startTime": ms(localnet, 3000), "endTime": ms(localnet, 2000)}
    rows = ask(localnet, "bitget", BITGET_OLD, **query, limit=1000)["data"]
    assert [int(row[0]) for row in rows] == [ms(localnet, ago) for ago in range(2200, 2000, -1)]
    assert len(ask(localnet, "bitget", BITGET, **query, limit=1000)["data"]) == 1000


def test_bitget_keeps_thirty_days_on_the_recent_endpoint(localnet: Localnet) -> None:
    query = {"symbol": "ETHUSDT", "granularity": "1min", "startTime": ms(localnet, 31 * 1440)}
    old = query | {"endTime": ms(localnet, 31 * 1440 - 100)}
    assert ask(localnet, "bitget", BITGET, **old, limit=1000)["data"] == []
    assert len(ask(localnet, "bitget", BITGET_OLD, **old, limit=200)["data"]) == 100
    status, body = refusal(localnet, "bitget", BITGET, symbol="NOPE", granularity="1min")
    assert (status, body["code"], body["data"]) == (400, "40034", None)


def test_only_the_smaller_exchanges_leave_out_quiet_minutes_of_the_stable_pair(localnet: Localnet) -> None:
    first, last = localnet.clock.minute - 3000, localnet.clock.minute
    missing = dict[str, float]()
    for name in SHARES:
        venue = Venue(name, localnet.market, localnet.clock)
        for listing in venue.listings:
            columns = venue.columns(listing, first, last)
            quiet = venue.quiet(listing, columns)
            if listing.symbol == "USDCUSDT":
                missing[name] = float(quiet.mean())
                if name in SPARSE:
                    assert np.median(columns.volume[quiet]) < np.median(columns.volume)
            else:
                assert not quiet.any()
    assert all(0.01 < missing[name] < 0.3 for name in SPARSE)
    assert all(missing[name] == 0 for name in set(SHARES) - SPARSE)


def test_exchanges_share_the_volume_of_the_market(localnet: Localnet) -> None:
    assert sum(SHARES.values()) == pytest.approx(1.0)
    first = localnet.clock.minute - 60
    venues = [Venue(name, localnet.market, localnet.clock) for name in SHARES]
    ether = next(listing for listing in venues[0].listings if listing.symbol == "ETHUSDC")
    volume = sum(venue.columns(ether, first, first + 60).volume for venue in venues)
    assert np.allclose(volume, localnet.market.bars("WETH-USDC", first, first + 60).volume)


def test_every_exchange_has_noise_of_its_own_and_strays_no_further_than_two_deviations(localnet: Localnet) -> None:
    first = localnet.clock.minute - 500
    true = localnet.market.bars("WETH-USDC", first, first + 500).close
    closes = list[Any]()
    for name in SHARES:
        venue = Venue(name, localnet.market, localnet.clock)
        ether = next(listing for listing in venue.listings if listing.symbol == "ETHUSDC")
        closes.append(venue.columns(ether, first, first + 500).close)
    strays = [np.abs(close / true - 1) for close in closes]
    assert all(0.00008 < stray.max() <= 0.00016 * 1.0001 for stray in strays)
    assert len({tuple(close.tolist()) for close in closes}) == 6

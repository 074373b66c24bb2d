"""Faults of candles that are harder to see than an error: lies, freezes, gaps, running minutes, slowness."""

import time
from datetime import timedelta
from typing import Any

import pytest

from alm_localnet import Fault, Localnet
from alm_localnet.market.venues import SHARES
from alm_tests.localnet.test_exchanges import client_of

pytestmark = pytest.mark.chain


def closes(localnet: Localnet, exchange: str, minutes: int = 60, symbol: str = "ETH/USDT") -> dict[int, list[Any]]:
    """Rows of the last minutes as ccxt reads them, by minute; the running one is the last."""
    client = client_of(localnet, exchange)
    client.load_markets()
    since = (localnet.clock.minute - minutes) * 60_000
    return {row[0] // 60_000: row[1:] for row in client.fetch_ohlcv(symbol, "1m", since, minutes + 1)}


@pytest.mark.parametrize("exchange", sorted(SHARES))
def test_a_liar_is_off_by_what_was_asked_until_cleared(localnet: Localnet, exchange: str) -> None:
    honest = closes(localnet, exchange)
    localnet.faults.set(
        exchange,
        Fault(kind="liar", offset_bps=-80, times=None, path="andle" if exchange in "okx bitget gate" else "kline"),
    )
    for _ in range(2):
        lying = closes(localnet, exchange)
        assert lying.keys() == honest.keys()
        for minute, row in lying.items():
            assert row[:4] == pytest.approx([price * 0.992 for price in honest[minute][:4]], rel=1e-5)
            assert row[4] == honest[minute][4]
    localnet.faults.clear()
    assert closes(localnet, exchange) == honest


@pytest.mark.parametrize("exchange", sorted(SHARES))
def test_a_frozen_exchange_stops_where_the_fault_began_and_goes_on_in_time(localnet: Localnet, exchange: str) -> None:
    began = localnet.clock.minute
    honest = closes(localnet, exchange)
    localnet.faults.set(exchange, Fault(kind="frozen", times=None))
    localnet.advance_to(localnet.now + timedelta(minutes=15))
    rows = closes(localnet, exchange)
    stuck = honest[began - 1][3]
    assert all(rows[minute] == honest[minute] for minute in range(began - 40, began))
    for minute in range(began, began + 15):
        assert rows[minute][:4] == [stuck] * 4
        assert rows[minute][4] > 0


@pytest.mark.parametrize("exchange", sorted(SHARES))
def test_a_gap_is_where_it_was_asked(localnet: Localnet, exchange: str) -> None:
    begin = localnet.clock.minute - 30
    localnet.faults.set(exchange, Fault(kind="gap", from_minute=begin, gap_minutes=7, times=None))
    expected = set(range(localnet.clock.minute - 60, localnet.clock.minute + 1)) - set(range(begin, begin + 7))
    assert set(closes(localnet, exchange)) == expected


def test_the_running_minute_is_sent_as_closed_and_moves(localnet: Localnet) -> None:
    now = localnet.clock.minute
    localnet.faults.set("okx", Fault(kind="open_candle", times=None))
    localnet.faults.set("gate", Fault(kind="open_candle", times=None))
    for exchange in ("okx", "gate"):
        rows = [closes(localnet, exchange, 5)[now] for _ in range(3)]
        assert len({row[3] for row in rows}) == 3
        assert len({row[0] for row in rows}) == 1
        assert all(row[2] <= min(row[0], row[3]) <= max(row[0], row[3]) <= row[1] for row in rows)
    okx = localnet.servers["okx"].service.answer
    from alm_localnet.servers.http import Request

    query = {"instId": "ETH-USDT", "bar": "1m", "limit": "1"}
    flags = [
        str(okx(Request(path="/api/v5/market/candles", query=query, fault=fault)).body)
        for fault in (None, Fault(kind="open_candle"))
    ]
    assert '"0"]]' in flags[0]
    assert '"1"]]' in flags[1]


def test_a_slow_exchange_answers_all_the_same(localnet: Localnet) -> None:
    honest = closes(localnet, "mexc")
    localnet.faults.mexc = Fault(kind="slow", seconds=0.3, times=None, path="klines")
    began = time.monotonic()
    assert closes(localnet, "mexc") == honest
    assert time.monotonic() - began >= 0.3


@pytest.mark.parametrize("exchange", sorted(SHARES))
def test_ccxt_takes_a_rate_limit_and_an_outage_for_what_they_are(localnet: Localnet, exchange: str) -> None:
    import ccxt

    client = client_of(localnet, exchange)
    client.load_markets()
    asked = ("ETH/USDT", "1m", (localnet.clock.minute - 10) * 60_000, 10)
    localnet.faults.set(exchange, Fault(kind="status", status=429, times=None))
    with pytest.raises(ccxt.NetworkError):
        client.fetch_ohlcv(*asked)
    localnet.faults.set(exchange, Fault(kind="status", status=503, times=None))
    # By their bodies three of them word an outage like a refusal of the request.
    outage = ccxt.ExchangeError if exchange in ("bybit", "mexc", "bitget") else ccxt.OperationFailed
    with pytest.raises(outage):
        client.fetch_ohlcv(*asked)


@pytest.mark.parametrize("kind", ["nan_candle", "negative_price", "reversed_order", "empty"])
@pytest.mark.parametrize("exchange", sorted(SHARES))
def test_spoiled_rows_differ_from_good_ones(localnet: Localnet, exchange: str, kind: Any) -> None:
    client = client_of(localnet, exchange)
    client.load_markets()
    client.parse_ohlcvs = lambda rows, market=None, *_: [client.parse_ohlcv(row, market) for row in rows]
    since = (localnet.clock.minute - 10) * 60_000
    good = client.fetch_ohlcv("ETH/USDT", "1m", since, 9)
    localnet.faults.set(exchange, Fault(kind=kind, times=None))
    bad = client.fetch_ohlcv("ETH/USDT", "1m", since, 9)
    match kind:
        case "reversed_order":
            assert bad == good[::-1]
        case "empty":
            assert bad == []
        case "negative_price":
            assert bad[len(bad) // 2][1:5] == [-1.0] * 4
        case _:
            assert bad[len(bad) // 2][4] != bad[len(bad) // 2][4]
            assert bad[:2] == good[:2]

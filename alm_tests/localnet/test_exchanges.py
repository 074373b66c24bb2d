"""Stand-ins as clients meet them: ccxt parses all six, caps and refusals are the real ones, faults on demand."""

import json
import math
import re
import socket
import urllib.error
import urllib.request
from typing import Any

import pytest

from alm_localnet import Fault, Localnet

pytestmark = pytest.mark.chain


def get(url: str, timeout: float = 10) -> Any:
    with urllib.request.urlopen(url, timeout=timeout) as answer:
        return json.loads(answer.read())


def klines(localnet: Localnet, query: str = "symbol=ETHUSDC&interval=1m") -> Any:
    return get(f"{localnet.servers['binance'].url}/api/v3/klines?{query}")


def bybit_klines(localnet: Localnet, query: str = "symbol=ETHUSDC&interval=1&category=spot") -> Any:
    return get(f"{localnet.servers['bybit'].url}/v5/market/kline?{query}")


def pointed(urls: Any, target: str) -> Any:
    if isinstance(urls, dict):
        return {key: pointed(value, target) for key, value in urls.items()}
    return re.sub(r"^https?://[^/]+", target, urls)


def client_of(localnet: Localnet, exchange: str) -> Any:
    import ccxt

    client = getattr(ccxt, exchange)({"options": {"fetchMarkets": {"types": ["spot"]}}, "enableRateLimit": False})
    client.has["fetchCurrencies"] = False
    client.urls["api"] = pointed(client.urls["api"], localnet.servers[exchange].url)
    # ccxt chooses between endpoints for recent and for old candles by its own clock.
    client.milliseconds = localnet.clock.server_ms
    return client


PAGES = {"binance": 1000, "bybit": 1000, "okx": 300, "mexc": 500, "gate": 1000, "bitget": 1000}


@pytest.mark.parametrize("exchange", sorted(PAGES))
def test_ccxt_loads_the_markets_and_reads_the_candles(localnet: Localnet, exchange: str) -> None:
    client = client_of(localnet, exchange)
    assert sorted(client.load_markets()) == ["BTC/USDC", "BTC/USDT", "ETH/USDC", "ETH/USDT", "USDC/USDT"]
    server_ms = client.fetch_time()
    assert server_ms == localnet.clock.server_ms()
    since = (localnet.clock.minute - 250) * 60_000
    for symbol in ("ETH/USDC", "ETH/USDT", "BTC/USDT", "USDC/USDT"):
        rows = client.fetch_ohlcv(symbol, "1m", since, PAGES[exchange])
        if symbol != "USDC/USDT":
            assert [row[0] for row in rows] == [since + 60_000 * step for step in range(251)]
        assert all(row[3] <= min(row[1], row[4]) <= max(row[1], row[4]) <= row[2] for row in rows)
        pair = {"ETH/USDC": "WETH-USDC", "USDC/USDT": "USDC-USDT"}.get(symbol)
        if pair:
            first = localnet.clock.minute - 250
            true = localnet.market.bars(pair, first, localnet.clock.minute).close
            closed = [row for row in rows if row[0] + 60_000 <= server_ms - 2_000]
            assert all(abs(row[4] / true[row[0] // 60_000 - first] - 1) < 2e-4 for row in closed)


@pytest.mark.parametrize("exchange", sorted(set(PAGES) - {"gate"}))
def test_ccxt_reads_a_month_back_page_by_page(localnet: Localnet, exchange: str) -> None:
    client = client_of(localnet, exchange)
    client.load_markets()
    limit = 200 if exchange == "bitget" else PAGES[exchange]
    since = (localnet.clock.minute - 30 * 1440) * 60_000
    for _ in range(3):
        rows = client.fetch_ohlcv("ETH/USDT", "1m", since, limit)
        assert [row[0] for row in rows] == [since + 60_000 * step for step in range(limit)]
        since = rows[-1][0] + 60_000


def test_exchanges_differ_a_little_and_only_a_little(localnet: Localnet) -> None:
    binance = {row[0]: float(row[4]) for row in klines(localnet, "symbol=ETHUSDC&interval=1m&limit=200")}
    rows = bybit_klines(localnet)["result"]["list"]
    gaps = [abs(float(row[4]) / binance[int(row[0])] - 1) for row in rows]
    assert 0 < max(gaps) < 0.001


def test_a_month_of_history_precedes_the_first_epoch(localnet: Localnet) -> None:
    since = (localnet.clock.minute - 30 * 1440) * 60_000
    rows = klines(localnet, f"symbol=USDCUSDT&interval=1m&startTime={since}&limit=1000")
    assert rows[0][0] == since
    assert len(rows) == 1000


def test_answers_are_capped_as_the_real_ones_are(localnet: Localnet) -> None:
    assert len(klines(localnet)) == 500
    assert len(klines(localnet, "symbol=ETHUSDC&interval=1m&limit=5000")) == 1000
    assert len(bybit_klines(localnet)["result"]["list"]) == 200


def test_the_open_candle_tells_nothing_of_the_future(localnet: Localnet) -> None:
    last = klines(localnet, "symbol=ETHUSDC&interval=1m&limit=2")
    assert last[1][0] == localnet.clock.minute * 60_000
    assert last[1][1:5] == [last[0][4]] * 4
    assert float(last[1][5]) == 0.0


def test_bybit_sends_newest_first_and_strings(localnet: Localnet) -> None:
    answer = bybit_klines(localnet)
    times = [int(row[0]) for row in answer["result"]["list"]]
    assert answer["retCode"] == 0
    assert times == sorted(times, reverse=True)
    assert all(isinstance(value, str) for value in answer["result"]["list"][0])


def test_unknown_symbols_get_the_real_refusals(localnet: Localnet) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        klines(localnet, "symbol=NOPE&interval=1m")
    with refused.value:
        assert json.loads(refused.value.read()) == {"code": -1121, "msg": "Invalid symbol."}
    assert bybit_klines(localnet, "symbol=NOPE&interval=1&category=spot")["retCode"] == 10001


def test_a_rate_limit_fault_hits_as_many_answers_as_asked(localnet: Localnet) -> None:
    localnet.faults.binance = Fault(kind="status", status=429, retry_after_s=7, times=2)
    for _ in range(2):
        with pytest.raises(urllib.error.HTTPError) as limited:
            klines(localnet)
        with limited.value:
            assert (limited.value.code, limited.value.headers["Retry-After"]) == (429, "7")
    assert len(klines(localnet)) == 500


@pytest.mark.parametrize(
    ("kind", "spoiled"),
    [
        ("nan_candle", lambda rows: any(math.isnan(float(row[4])) for row in rows)),
        ("negative_price", lambda rows: any(float(row[4]) < 0 for row in rows)),
        ("reversed_order", lambda rows: rows[0][0] > rows[-1][0]),
        ("gap", lambda rows: len(rows) == 497),
        ("empty", lambda rows: rows == []),
    ],
)
def test_candle_faults_spoil_one_answer(localnet: Localnet, kind: Any, spoiled: Any) -> None:
    localnet.faults.binance = Fault(kind=kind)
    assert spoiled(klines(localnet))
    assert not spoiled(klines(localnet))


def test_transport_faults_break_the_answer(localnet: Localnet) -> None:
    localnet.faults.binance = Fault(kind="garbage")
    with pytest.raises(json.JSONDecodeError):
        klines(localnet)
    localnet.faults.binance = Fault(kind="drop")
    with pytest.raises((ConnectionError, urllib.error.URLError)):
        klines(localnet)
    localnet.faults.binance = Fault(kind="hang", seconds=1.0)
    with pytest.raises((TimeoutError, socket.timeout)):
        get(f"{localnet.servers['binance'].url}/api/v3/time", timeout=0.1)


def test_a_fault_for_a_server_that_does_not_exist_is_refused(localnet: Localnet) -> None:
    with pytest.raises(AttributeError, match="binance"):
        localnet.faults.kraken = Fault(kind="garbage")  # type: ignore[attr-defined]


def test_lifi_refuses_as_the_real_one_does(localnet: Localnet) -> None:
    tokens = localnet.chains[0].preset.tokens
    owner = localnet.wallets.addresses["WETH-USDC"]
    url = f"{localnet.servers['lifi'].url}/v1/quote?fromChain=1&toChain=1&fromToken={tokens['WBTC'].address}"
    for query, status, code in (
        ("", 400, 1011),
        (f"&toToken={tokens['USDC'].address}&fromAddress={owner}&fromAmount=1", 404, 1002),
        (f"&toToken={tokens['USDC'].address}&fromAddress=me&fromAmount=1", 400, 1011),
    ):
        with pytest.raises(urllib.error.HTTPError) as refused:
            get(url + query)
        with refused.value:
            assert refused.value.code == status
            assert json.loads(refused.value.read())["code"] == code
            assert int(refused.value.headers["ratelimit-remaining"]) > 0

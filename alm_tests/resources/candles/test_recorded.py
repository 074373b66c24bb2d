"""Answers of the real exchanges, sent again by a stand-in and read as a fetch reads them."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from alm_core.model.candles import FloatArray
from alm_core.model.errors import BadAnswer, SourceError
from alm_resources.candles.client import VenueClient
from alm_resources.candles.venues import VENUES
from alm_tests.resources.candles.exchanges import EXCHANGES
from alm_tests.resources.http.stub import Answer, http_stub

RECORDED = (
    Path(os.environ.get("ALM_REFERENCE_DATA", Path(__file__).parents[4] / "shared" / "data")) / "ccxt_like_klines"
)
pytestmark = [
    pytest.mark.reference,
    pytest.mark.skipif(not RECORDED.exists(), reason="recorded answers are not there"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:ccxt"),
]
NOW_MS = 1_800_000_000_000


def page_of(name: str, body: Any, since_ms: int) -> FloatArray:
    with http_stub(lambda _: Answer(body)) as stub:
        client = VenueClient(VENUES[name], ["BTC/USDT"], stub.url, 5.0)
        return client.fetch_page("BTC/USDT", since_ms, 100, NOW_MS)


def recorded(file: str) -> Any:
    return json.loads((RECORDED / file).read_text())


def test_recorded_klines_of_binance_are_read() -> None:
    rows = recorded("binance_resources_http_responses_http_spot_market_klines.json")
    page = page_of("binance", rows, 1634943780000)
    assert len(page) == len(rows) > 5
    assert page[0].tolist() == [1634943780000, 60685.22, 60729.84, 60670.9, 60719.27, 21.63272]
    assert page[:, 4].tolist() == [float(row[4]) for row in rows]


def test_the_documented_kline_of_binance_is_read() -> None:
    page = page_of("binance", recorded("binance_spot_http_json_klines_response.json"), 1499040000000)
    assert page.tolist() == [[1499040000000, 0.01634790, 0.8, 0.015758, 0.015771, 148976.11427815]]


def test_a_recorded_kline_of_bybit_off_the_minute_is_refused() -> None:
    body = recorded("bybit_http_get_klines_linear.json")
    with pytest.raises(BadAnswer, match="1709891679000 ms does not open on a whole minute"):
        page_of("bybit", body, 1709891640000)


def test_a_recorded_kline_of_bybit_on_the_minute_is_read() -> None:
    body = recorded("bybit_http_get_klines_linear.json")
    body["result"]["list"][0][0] = "1709891640000"
    page = page_of("bybit", body, 1709891640000)
    assert page.tolist() == [[1709891640000, 27450.0, 27460.0, 27440.0, 27455.0, 123.45]]


def test_recorded_candlesticks_of_okx_are_read_newest_first_as_okx_sends_them() -> None:
    body = recorded("okx_http_get_candlesticks.json")
    with pytest.raises(BadAnswer, match="rows must be descending"):
        page_of("okx", body, 1625097600000)
    body["data"].reverse()
    page = page_of("okx", body, 1625097600000)
    assert page.tolist() == [
        [1625097600000, 33528.6, 33870.0, 33528.6, 33783.9, 778.838],
        [1625097660000, 33783.9, 33783.9, 33782.1, 33782.1, 0.123],
    ]


@pytest.mark.parametrize("name", EXCHANGES)
def test_the_answer_of_another_exchange_is_refused_by_each(name: str) -> None:
    with pytest.raises(SourceError, match=name):
        page_of(name, recorded("kraken_http_ohlc.json"), 1762777020000)


@pytest.mark.parametrize("name", EXCHANGES)
def test_the_rows_of_kraken_alone_are_refused_by_each(name: str) -> None:
    rows = recorded("kraken_http_ohlc.json")["result"]["XBTUSDT"]
    # Seven columns of which the sixth is a mean price: as a row of another exchange it is off its minute, or backwards.
    bodies = {
        "bybit": {"retCode": 0, "retMsg": "OK", "result": {"list": rows}, "time": NOW_MS},
        "okx": {"code": "0", "msg": "", "data": rows},
        "bitget": {"code": "00000", "msg": "success", "requestTime": NOW_MS, "data": rows},
    }
    with pytest.raises(BadAnswer, match=name):
        page_of(name, bodies.get(name, rows), 1762777020000)

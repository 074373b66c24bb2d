"""Right answers of the six exchanges to a question for a few minutes; a later minute proves the last one closed."""

from typing import Any

from alm_tests.fuzz.recorded import recorded

MINUTE_MS = 60_000
START_MS = 1_793_520_000_000
"""2026-11-01T08:00Z."""
MINUTES = 4
END_MS = START_MS + MINUTES * MINUTE_MS
PRICES = ("2500.12", "2501.5", "2499.07", "2500.9", "12.345")


def _rows(order: int) -> list[tuple[int, tuple[str, ...]]]:
    return [(START_MS + number * MINUTE_MS, PRICES) for number in range(MINUTES + 1)][::order]


def _binance() -> Any:
    tail = ["30872.3", 120, "6.1", "15255.5", "0"]
    return [[ts, *prices, ts + MINUTE_MS - 1, *tail] for ts, prices in _rows(1)]


def _bybit() -> Any:
    rows = [[str(ts), *prices, "30872.3"] for ts, prices in _rows(-1)]
    result = {"category": "spot", "symbol": "ETHUSDC", "list": rows}
    return {"retCode": 0, "retMsg": "OK", "result": result, "retExtInfo": {}, "time": END_MS}


def _okx() -> Any:
    return {"code": "0", "msg": "", "data": [[str(ts), *prices, "0", "0", "1"] for ts, prices in _rows(-1)]}


def _mexc() -> Any:
    return [[ts, *prices, ts + MINUTE_MS, "30872.3"] for ts, prices in _rows(1)]


def _gate() -> Any:
    return [[str(ts // 1000), "30872.3", c, h, low, o, v, "true"] for ts, (o, h, low, c, v) in _rows(1)]


def _bitget() -> Any:
    rows = [[str(ts), *prices, "30872.3", "30872.3"] for ts, prices in _rows(1)]
    return {"code": "00000", "msg": "success", "requestTime": END_MS, "data": rows}


def _retimed(rows: list[list[Any]], order: int) -> list[list[Any]]:
    """The last few recorded rows, put into the minutes that are asked for, and one of them once more behind them."""
    kept = [*rows[-MINUTES:], rows[-1]]
    times = [START_MS + number * MINUTE_MS for number in range(len(kept))][::order]
    return [[type(row[0])(ts), *row[1:]] for ts, row in zip(times, kept, strict=True)]


def _recorded_binance() -> list[Any]:
    files = ("binance_resources_http_responses_http_spot_market_klines", "binance_spot_http_json_klines_response")
    bodies = [body for name in files for body in recorded(f"ccxt_like_klines/{name}.json")]
    return [_retimed(body, 1) for body in bodies]


def _recorded_bybit() -> list[Any]:
    bodies = recorded("ccxt_like_klines/bybit_http_get_klines_linear.json")
    return [{**body, "result": {**body["result"], "list": _retimed(body["result"]["list"], -1)}} for body in bodies]


def _recorded_okx() -> list[Any]:
    bodies = recorded("ccxt_like_klines/okx_http_get_candlesticks.json")
    return [{**body, "data": _retimed(body["data"], -1)} for body in bodies]


BODIES: dict[str, list[Any]] = {
    "binance": [_binance(), *_recorded_binance()],
    "bybit": [_bybit(), *_recorded_bybit()],
    "okx": [_okx(), *_recorded_okx()],
    "mexc": [_mexc()],
    "gate": [_gate()],
    "bitget": [_bitget()],
}
EMPTY: dict[str, bytes] = {
    "binance": b"[]",
    "bybit": b'{"retCode":0,"retMsg":"OK","result":{"category":"spot","symbol":"ETHUSDC","list":[]},"time":0}',
    "okx": b'{"code":"0","msg":"","data":[]}',
    "mexc": b"[]",
    "gate": b"[]",
    "bitget": b'{"code":"00000","msg":"success","requestTime":0,"data":[]}',
}
NOW_MS = END_MS + 90_000
TIMES: dict[str, bytes] = {
    "binance": b'{"serverTime":%d}' % NOW_MS,
    "bybit": b'{"retCode":0,"retMsg":"OK","result":{"timeSecond":"%d","timeNano":"%d000000"},"retExtInfo":{},"time":%d}'
    % (NOW_MS // 1000, NOW_MS, NOW_MS),
    "okx": b'{"code":"0","msg":"","data":[{"ts":"%d"}]}' % NOW_MS,
    "mexc": b'{"serverTime":%d}' % NOW_MS,
    "gate": b'{"server_time":%d}' % NOW_MS,
    "bitget": b'{"code":"00000","msg":"success","requestTime":%d,"data":{"serverTime":"%d"}}' % (NOW_MS, NOW_MS),
}
"""What each exchange says when asked for the time, a minute and a half after the last candle."""

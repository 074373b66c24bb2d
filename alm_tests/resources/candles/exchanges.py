"""Stand-ins that answer klines like the six exchanges do, page caps and row orders included."""

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from alm_tests.resources.http.stub import Answer, Request

MINUTE_MS = 60_000
Minutes = dict[int, list[Any]]
"""Open time in ms to open, high, low, close, volume."""


@dataclass
class Market:
    minutes: Minutes
    distort: Callable[[list[list[Any]]], list[list[Any]]] = field(default=lambda rows: rows)
    times: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self.times = sorted(self.minutes)

    def between(self, start_ms: int, end_ms: int = 2**62) -> list[int]:
        """Open times in ``[start_ms, end_ms)``, ascending."""
        return self.times[bisect_left(self.times, start_ms) : bisect_left(self.times, end_ms)]


def binance(market: Market, request: Request) -> Answer:
    assert request.path == "/api/v3/klines"
    start, limit = int(request.query["startTime"]), int(request.query["limit"])
    assert limit <= 1000
    rows = [[ts, *map(text, market.minutes[ts])] for ts in market.between(start)[:limit]]
    tail = [0, "0", 0, "0", "0", "0"]
    return Answer([[*row, *tail] for row in market.distort(rows)])


def bybit(market: Market, request: Request) -> Answer:
    assert request.path == "/v5/market/kline"
    assert request.query["category"] == "spot"
    start, limit = int(request.query["start"]), int(request.query["limit"])
    assert limit <= 1000
    rows = [[str(ts), *map(text, market.minutes[ts]), "0"] for ts in market.between(start)[:limit]]
    result = {"symbol": "X", "category": "spot", "list": market.distort(rows[::-1])}
    return Answer({"retCode": 0, "retMsg": "OK", "result": result, "retExtInfo": {}, "time": 0})


def okx(market: Market, request: Request) -> Answer:
    assert request.path in ("/api/v5/market/candles", "/api/v5/market/history-candles")
    after, before = int(request.query["after"]), int(request.query["before"])
    found = market.between(before + 1, after)[::-1][: int(request.query["limit"])]
    rows = [[str(ts), *map(text, market.minutes[ts]), "0", "0", "1"] for ts in found]
    return Answer({"code": "0", "msg": "", "data": market.distort(rows)})


def mexc(market: Market, request: Request) -> Answer:
    assert request.path == "/api/v3/klines"
    start, end = int(request.query["startTime"]), int(request.query["endTime"])
    found = market.between(start, end)[:500]
    return Answer(market.distort([[ts, *map(text, market.minutes[ts]), 0, "0"] for ts in found]))


def gate(market: Market, request: Request) -> Answer:
    assert request.path == "/api/v4/spot/candlesticks"
    start, end = int(request.query["from"]) * 1000, int(request.query["to"]) * 1000
    if (end - start) // MINUTE_MS > 1000:
        message = "Candlestick range too broad. Maximum 1000 data points are allowed per request"
        return Answer({"label": "INVALID_PARAM_VALUE", "message": message}, status=400)
    rows: list[list[Any]] = []
    for ts in market.between(start, end + 1):
        o, h, low, c, v = map(text, market.minutes[ts])
        rows.append([str(ts // 1000), "0", c, h, low, o, v, "true"])
    return Answer(market.distort(rows))


def bitget(market: Market, request: Request) -> Answer:
    start, end = int(request.query["startTime"]), int(request.query["endTime"])
    found = market.between(start, end)
    if request.path == "/api/v2/spot/market/history-candles":
        found = found[-200:]
    else:
        assert request.path == "/api/v2/spot/market/candles"
    rows = [[str(ts), *map(text, market.minutes[ts]), "0", "0"] for ts in found]
    return Answer({"code": "00000", "msg": "success", "requestTime": 0, "data": market.distort(rows)})


def text(value: Any) -> Any:
    return None if value is None else str(value)


EXCHANGES: dict[str, Callable[[Market, Request], Answer]] = {
    "binance": binance,
    "bybit": bybit,
    "okx": okx,
    "mexc": mexc,
    "gate": gate,
    "bitget": bitget,
}

"""Stand-ins that answer klines and time like the six exchanges do: caps, row orders, units, refusals, open minute."""

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from alm_tests.resources.http.stub import Answer, Request

MINUTE_MS = 60_000
GATE_POINTS = 10_000
BITGET_RECENT_MS = 30 * 1440 * MINUTE_MS
Minutes = dict[int, list[Any]]
"""Open time in ms to open, high, low, close, volume."""


@dataclass
class Market:
    """Minutes of one exchange; ``now_ms`` is its clock, by default half a minute after the last minute closed."""

    minutes: Minutes
    distort: Callable[[list[list[Any]]], list[list[Any]]] = field(default=lambda rows: rows)
    now_ms: int = 0
    times: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self.times = sorted(self.minutes)
        if not self.now_ms:
            self.now_ms = (self.times[-1] if self.times else 1_700_000_000_000) + MINUTE_MS + MINUTE_MS // 2

    def between(self, start_ms: int, end_ms: int = 2**62) -> list[int]:
        """Open times in ``[start_ms, end_ms)`` that have begun, ascending."""
        end_ms = min(end_ms, self.now_ms + 1)
        return self.times[bisect_left(self.times, start_ms) : bisect_left(self.times, end_ms)]

    def closed(self, ts: int) -> bool:
        return ts + MINUTE_MS <= self.now_ms


def binance(market: Market, request: Request) -> Answer:
    assert request.path == "/api/v3/klines"
    assert request.query["interval"] == "1m"
    start, limit = int(request.query["startTime"]), int(request.query["limit"])
    assert limit <= 1000
    found = market.between(start, int(request.query.get("endTime", 2**61)) + 1)[:limit]
    rows = [[ts, *map(text, market.minutes[ts])] for ts in found]
    return Answer([[*row, 0, "0", 0, "0", "0", "0"] for row in market.distort(rows)])


def bybit(market: Market, request: Request) -> Answer:
    assert request.path == "/v5/market/kline"
    assert request.query["category"] == "spot"
    start, limit = int(request.query["start"]), int(request.query["limit"])
    assert limit <= 1000
    found = market.between(start, int(request.query["end"]) + 1) if "end" in request.query else market.between(start)
    found = found[-limit:] if "end" in request.query else found[:limit]
    rows = [[str(ts), *map(text, market.minutes[ts]), "0"] for ts in found]
    result = {"symbol": "X", "category": "spot", "list": market.distort(rows[::-1])}
    return Answer({"retCode": 0, "retMsg": "OK", "result": result, "retExtInfo": {}, "time": market.now_ms})


def okx(market: Market, request: Request) -> Answer:
    assert request.path in ("/api/v5/market/candles", "/api/v5/market/history-candles")
    after, before = int(request.query["after"]), int(request.query["before"])
    found = market.between(before + 1, after)[::-1][: min(300, int(request.query["limit"]))]
    rows = [
        [str(ts), *map(text, market.minutes[ts]), "0", "0", "1" if market.closed(ts) else "0"]  # their confirm
        for ts in found
    ]
    return Answer({"code": "0", "msg": "", "data": market.distort(rows)})


def mexc(market: Market, request: Request) -> Answer:
    assert request.path == "/api/v3/klines"
    start, end = int(request.query["startTime"]), int(request.query["endTime"])
    found = market.between(start, end)[: min(500, int(request.query["limit"]))]
    return Answer(market.distort([[ts, *map(text, market.minutes[ts]), 0, "0"] for ts in found]))


def gate(market: Market, request: Request) -> Answer:
    assert request.path == "/api/v4/spot/candlesticks"
    start, end = int(request.query["from"]) * 1000, int(request.query["to"]) * 1000
    if (end - start) // MINUTE_MS > 1000:
        return gate_refusal("Candlestick range too broad. Maximum 1000 data points are allowed per request")
    if start < market.now_ms - GATE_POINTS * MINUTE_MS:
        return gate_refusal(f"Candlestick too long ago. Maximum {GATE_POINTS} points ago are allowed")
    rows: list[list[Any]] = []
    for ts in market.between(start, end + 1):
        o, h, low, c, v = map(text, market.minutes[ts])
        rows.append([str(ts // 1000), "0", c, h, low, o, v, "true" if market.closed(ts) else "false"])
    return Answer(market.distort(rows))


def gate_refusal(message: str) -> Answer:
    return Answer({"label": "INVALID_PARAM_VALUE", "message": message}, status=400)


def bitget(market: Market, request: Request) -> Answer:
    start, end = int(request.query["startTime"]), int(request.query["endTime"])
    found = market.between(start, end)
    limit = int(request.query["limit"])
    if request.path == "/api/v2/spot/market/history-candles":
        found = found[-min(200, limit) :]
    else:
        assert request.path == "/api/v2/spot/market/candles"
        assert start >= market.now_ms - BITGET_RECENT_MS, "older than the recent endpoint keeps"
        found = found[-min(1000, limit) :]
    rows = [[str(ts), *map(text, market.minutes[ts]), "0", "0"] for ts in found]
    body = {"code": "00000", "msg": "success", "requestTime": market.now_ms, "data": market.distort(rows)}
    return Answer(body)


def text(value: Any) -> Any:
    return value if value is None or isinstance(value, str) else str(value)


TIMES: dict[str, tuple[str, Callable[[int], Any]]] = {
    "binance": ("/api/v3/time", lambda now: {"serverTime": now}),
    "bybit": (
        "/v5/market/time",
        lambda now: {
            "retCode": 0,
            "retMsg": "OK",
            "result": {"timeSecond": str(now // 1000), "timeNano": str(now * 1_000_000)},
            "retExtInfo": {},
            "time": now,
        },
    ),
    "okx": ("/api/v5/public/time", lambda now: {"code": "0", "data": [{"ts": str(now)}], "msg": ""}),
    "mexc": ("/api/v3/time", lambda now: {"serverTime": now}),
    "gate": ("/api/v4/spot/time", lambda now: {"server_time": now}),
    "bitget": (
        "/api/v2/public/time",
        lambda now: {"code": "00000", "msg": "success", "requestTime": now, "data": {"serverTime": str(now)}},
    ),
}
EXCHANGES: dict[str, Callable[[Market, Request], Answer]] = {
    "binance": binance,
    "bybit": bybit,
    "okx": okx,
    "mexc": mexc,
    "gate": gate,
    "bitget": bitget,
}


def answer(name: str, market: Market, request: Request) -> Answer:
    """Answer of an exchange to a request for klines or for its time."""
    path, body = TIMES[name]
    return Answer(body(market.now_ms)) if request.path == path else EXCHANGES[name](market, request)

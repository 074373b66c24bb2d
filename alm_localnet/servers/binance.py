"""Stand-in for Binance spot: klines, server time, exchange info."""

from typing import Any

from alm_localnet.market.venues import Kline, Listing, Venue
from alm_localnet.servers.http import Answer, Request
from alm_localnet.servers.klines import spoil

ROW_CAP = 1000
DEFAULT_ROWS = 500


class Binance:
    """Answers like ``https://api.binance.com``."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    def answer(self, request: Request) -> Answer:
        """Answer one request."""
        match request.path:
            case "/api/v3/klines":
                return self._klines(request)
            case "/api/v3/time":
                return Answer(body={"serverTime": self._venue.clock.server_ms()})
            case "/api/v3/ping":
                return Answer(body={})
            case "/api/v3/exchangeInfo":
                return Answer(body=self._exchange_info())
            case _:
                return Answer(status=404, body={"code": -1, "msg": "no such endpoint"})

    @staticmethod
    def refuse(status: int) -> Any:
        """Body of an error answer."""
        if status in (418, 429):
            return {
                "code": -1003,
                "msg": "Too much request weight used; current limit is 6000 request weight per 1 MINUTE.",
            }
        return {"code": -1000, "msg": "An unknown error occurred while processing the request."}

    def _klines(self, request: Request) -> Answer:
        query = request.query
        if query.get("symbol") not in self._venue.listings:
            return Answer(status=400, body={"code": -1121, "msg": "Invalid symbol."})
        if query.get("interval") != "1m":
            return Answer(status=400, body={"code": -1120, "msg": "Invalid interval."})
        limit = min(int(query.get("limit", DEFAULT_ROWS)), ROW_CAP)
        end = int(query["endTime"]) // 60_000 + 1 if "endTime" in query else self._venue.clock.minute + 1
        if "startTime" in query:
            first = -(-int(query["startTime"]) // 60_000)
            end = min(end, first + limit)
        else:
            end = min(end, self._venue.clock.minute + 1)
            first = end - limit
        rows = [_row(kline) for kline in self._venue.klines(query["symbol"], first, end)]
        return Answer(body=spoil(rows, request.fault))

    def _exchange_info(self) -> dict[str, Any]:
        return {
            "timezone": "UTC",
            "serverTime": self._venue.clock.server_ms(),
            "rateLimits": [{"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000}],
            "exchangeFilters": [],
            "symbols": [_symbol(listing) for listing in self._venue.listings.values()],
        }


def _row(kline: Kline) -> list[Any]:
    half_base, half_quote = (f"{float(value) / 2:.5f}" for value in (kline.volume, kline.quote_volume))
    return [
        *(kline.open_ms, kline.open, kline.high, kline.low, kline.close, kline.volume),
        *(kline.open_ms + 59_999, kline.quote_volume, kline.trades, half_base, half_quote, "0"),
    ]


def _symbol(listing: Listing) -> dict[str, Any]:
    tick = f"{10**-listing.price_decimals:.8f}"
    return {
        "symbol": listing.symbol,
        "status": "TRADING",
        "baseAsset": listing.base,
        "baseAssetPrecision": 8,
        "quoteAsset": listing.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "orderTypes": ["LIMIT", "MARKET"],
        "icebergAllowed": True,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "1000000.00000000", "tickSize": tick},
            {"filterType": "LOT_SIZE", "minQty": "0.00010000", "maxQty": "9000.00000000", "stepSize": "0.00010000"},
        ],
        "permissions": [],
        "permissionSets": [["SPOT"]],
    }

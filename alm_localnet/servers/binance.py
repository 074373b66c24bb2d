"""Stand-in for Binance spot: klines, server time, exchange info."""

from typing import Any

from alm_localnet.market.venues import Listing, Venue
from alm_localnet.servers.http import Answer, Request
from alm_localnet.servers.klines import KlineBook, RowFormat

ROW_CAP = 1000
DEFAULT_ROWS = 500
ROW = RowFormat(
    template='[%d,"{price}","{price}","{price}","{price}","%.5f",%d,"%.5f",%d,"%.5f","%.5f","0"]',
    fields=(
        *("ms", "open", "high", "low", "close", "volume"),
        *("end_ms", "quote_volume", "trades", "half_volume", "half_quote_volume"),
    ),
)


class Binance:
    """Answers like ``https://api.binance.com``."""

    def __init__(self, venue: Venue) -> None:
        self._book = KlineBook(venue, ROW)

    def answer(self, request: Request) -> Answer:
        """Answer one request."""
        match request.path:
            case "/api/v3/klines":
                return self._klines(request)
            case "/api/v3/time":
                return Answer(body={"serverTime": self._book.clock.server_ms()})
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
        query, book = request.query, self._book
        if query.get("symbol") not in book.listings:
            return Answer(status=400, body={"code": -1121, "msg": "Invalid symbol."})
        if query.get("interval") != "1m":
            return Answer(status=400, body={"code": -1120, "msg": "Invalid interval."})
        limit = min(int(query.get("limit", DEFAULT_ROWS)), ROW_CAP)
        end = min(int(query["endTime"]) // 60_000 if "endTime" in query else book.clock.minute, book.clock.minute) + 1
        if "startTime" in query:
            first = -(-int(query["startTime"]) // 60_000)
            rows = book.rows(query["symbol"], first, min(end, first + limit), request.fault)
        else:
            rows = book.rows(query["symbol"], end - limit, end, request.fault)
        return Answer(body=book.json(rows, request.fault))

    def _exchange_info(self) -> dict[str, Any]:
        return {
            "timezone": "UTC",
            "serverTime": self._book.clock.server_ms(),
            "rateLimits": [{"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000}],
            "exchangeFilters": [],
            "symbols": [_symbol(listing) for listing in self._book.listings.values()],
        }


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

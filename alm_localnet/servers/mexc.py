"""Stand-in for MEXC v3 spot: klines in windows of 500 with an exclusive end, server time, exchange info."""

from typing import Any

from alm_localnet.market.venues import Listing, Venue
from alm_localnet.servers.http import Answer, Request
from alm_localnet.servers.klines import KlineBook, RowFormat

ROW_CAP = 500
ROW = RowFormat(
    template='[%d,"{price}","{price}","{price}","{price}","%.5f",%d,"%.5f"]',
    fields=("ms", "open", "high", "low", "close", "volume", "end_ms", "quote_volume"),
)


class Mexc:
    """Answers like ``https://api.mexc.com``. Asked for 1000 rows it sends 500, whatever its manual says."""

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
            case "/api/v1/contract/detail":
                return Answer(body={"success": True, "code": 0, "data": []})
            case _:
                return Answer(status=404, body={"code": 404, "msg": "Not Found"})

    @staticmethod
    def refuse(status: int) -> Any:
        """Body of an error answer."""
        if status == 429:
            return {"code": 429, "msg": "Too Many Requests"}
        return {"code": 500, "msg": "Internal system error"}

    def _klines(self, request: Request) -> Answer:
        query, book = request.query, self._book
        symbol = query.get("symbol", "")
        if symbol not in book.listings:
            return Answer(status=400, body={"code": -1121, "msg": "Invalid symbol."})
        if query.get("interval") != "1m":
            return Answer(status=400, body={"code": -1121, "msg": "Invalid interval."})
        limit = min(int(query.get("limit", ROW_CAP)), ROW_CAP)
        end = book.clock.minute + 1
        if "endTime" in query:
            end = min(end, -(-int(query["endTime"]) // 60_000))
        if "startTime" in query:
            first = -(-int(query["startTime"]) // 60_000)
            rows = book.rows(symbol, first, end, request.fault, oldest=limit)
        else:
            rows = book.rows(symbol, end - limit, end, request.fault)
        return Answer(body=book.json(rows, request.fault))

    def _exchange_info(self) -> dict[str, Any]:
        return {
            "timezone": "CST",
            "serverTime": self._book.clock.server_ms(),
            "rateLimits": [],
            "exchangeFilters": [],
            "symbols": [_symbol(listing) for listing in self._book.listings.values()],
        }


def _symbol(listing: Listing) -> dict[str, Any]:
    return {
        "symbol": listing.symbol,
        "status": "1",
        "baseAsset": listing.base,
        "baseAssetPrecision": 6,
        "quoteAsset": listing.quote,
        "quotePrecision": listing.price_decimals,
        "quoteAssetPrecision": listing.price_decimals,
        "orderTypes": ["LIMIT", "MARKET", "LIMIT_MAKER"],
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "permissions": ["SPOT"],
        "filters": [],
        "baseSizePrecision": "0.0001",
        "maxQuoteAmount": "2000000",
        "makerCommission": "0",
        "takerCommission": "0.0005",
        "quoteAmountPrecision": "1",
    }

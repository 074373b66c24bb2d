"""Stand-in for Bybit v5 spot: klines (newest first, all strings), server time, instruments."""

from typing import Any

from alm_localnet.market.venues import Listing, Venue
from alm_localnet.servers.http import ROWS, Answer, Request
from alm_localnet.servers.klines import KlineBook, RowFormat

ROW_CAP = 1000
DEFAULT_ROWS = 200
ROW = RowFormat(
    template='["%d","{price}","{price}","{price}","{price}","%.5f","%.5f"]',
    fields=("ms", "open", "high", "low", "close", "volume", "quote_volume"),
)


class Bybit:
    """Answers like ``https://api.bybit.com``; errors come with HTTP 200 and a ``retCode``."""

    def __init__(self, venue: Venue) -> None:
        self._book = KlineBook(venue, ROW)

    def answer(self, request: Request) -> Answer:
        """Answer one request."""
        match request.path:
            case "/v5/market/kline":
                return self._klines(request)
            case "/v5/market/time":
                now = self._book.clock.server_ms()
                return self._ok({"timeSecond": str(now // 1000), "timeNano": str(now * 1_000_000)})
            case "/v5/market/instruments-info":
                spot = request.query.get("category") == "spot"
                listings = self._book.listings.values() if spot else ()
                return self._ok({"category": "spot", "list": [_instrument(entry) for entry in listings]})
            case _:
                return Answer(status=404, body={"retCode": 10404, "retMsg": "Not Found"})

    @staticmethod
    def refuse(status: int) -> Any:
        """Body of an error answer."""
        code, message = (10006, "Too many visits!") if status in (403, 429) else (10016, "Server error.")
        return {"retCode": code, "retMsg": message, "result": {}, "retExtInfo": {}, "time": 0}

    def _klines(self, request: Request) -> Answer:
        query, book = request.query, self._book
        symbol = query.get("symbol", "")
        if symbol not in book.listings or query.get("category") != "spot":
            return self._error(10001, "Not supported symbols")
        if query.get("interval") != "1":
            return self._error(10001, "Invalid period!")
        limit = min(int(query.get("limit", DEFAULT_ROWS)), ROW_CAP)
        end = book.clock.minute + 1
        if "end" in query:
            end = min(end, int(query["end"]) // 60_000 + 1)
        if "start" in query:
            first = -(-int(query["start"]) // 60_000)
            # With both bounds the newest rows win, with a start alone the oldest.
            first, end = (max(first, end - limit), end) if "end" in query else (first, min(end, first + limit))
        else:
            first = end - limit
        rows = book.json(book.rows(symbol, first, end, request.fault)[::-1], request.fault)
        envelope = self._ok({"symbol": symbol, "category": "spot", "list": ROWS})
        return Answer(body=rows.inside(envelope.body))

    def _ok(self, result: dict[str, Any]) -> Answer:
        return Answer(
            body={
                "retCode": 0,
                "retMsg": "OK",
                "result": result,
                "retExtInfo": {},
                "time": self._book.clock.server_ms(),
            }
        )

    def _error(self, code: int, message: str) -> Answer:
        now = self._book.clock.server_ms()
        return Answer(body={"retCode": code, "retMsg": message, "result": {}, "retExtInfo": {}, "time": now})


def _instrument(listing: Listing) -> dict[str, Any]:
    return {
        "symbol": listing.symbol,
        "baseCoin": listing.base,
        "quoteCoin": listing.quote,
        "innovation": "0",
        "status": "Trading",
        "marginTrading": "none",
        "stTag": "0",
        "lotSizeFilter": {
            "basePrecision": "0.00001",
            "quotePrecision": "0.0000001",
            "minOrderQty": "0.00001",
            "maxOrderQty": "5000",
            "minOrderAmt": "1",
            "maxOrderAmt": "4000000",
        },
        "priceFilter": {"tickSize": f"{10**-listing.price_decimals:.{listing.price_decimals}f}"},
        "riskParameters": {"priceLimitRatioX": "0.01", "priceLimitRatioY": "0.02"},
    }

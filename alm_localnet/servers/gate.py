"""Stand-in for Gate v4 spot: candlesticks in seconds with scrambled columns and a short memory, time, pairs."""

from typing import Any

from alm_localnet.market.venues import Listing, Venue
from alm_localnet.servers.http import Answer, Request
from alm_localnet.servers.klines import KlineBook, RowFormat

ROW_CAP = 1000
DEFAULT_ROWS = 100
HISTORY_MINUTES = 10_000
ROW = RowFormat(
    template='["%d","%.5f","{price}","{price}","{price}","{price}","%.5f","{closed}"]',
    fields=("s", "quote_volume", "close", "high", "low", "open", "volume"),
    flags=("true", "false"),
    separator="_",
)


class Gate:
    """Answers like ``https://api.gateio.ws``; only the latest 10,000 minutes exist."""

    def __init__(self, venue: Venue) -> None:
        self._book = KlineBook(venue, ROW)

    def answer(self, request: Request) -> Answer:
        """Answer one request."""
        match request.path:
            case "/api/v4/spot/candlesticks":
                return self._candlesticks(request)
            case "/api/v4/spot/time":
                return Answer(body={"server_time": self._book.clock.server_ms()})
            case "/api/v4/spot/currency_pairs":
                return Answer(body=[_pair(name, entry) for name, entry in self._book.listings.items()])
            case "/api/v4/margin/currency_pairs":
                return Answer(body=[])
            case _:
                return Answer(status=404, body={"label": "NOT_FOUND", "message": "Not Found"})

    @staticmethod
    def refuse(status: int) -> Any:
        """Body of an error answer."""
        if status == 429:
            return {"label": "TOO_MANY_REQUESTS", "message": "Request Rate limit Exceeded (310)"}
        return {"label": "SERVER_ERROR", "message": "Internal Server Error"}

    def _candlesticks(self, request: Request) -> Answer:
        query, book = request.query, self._book
        market = query.get("currency_pair", "")
        if market not in book.listings:
            return _error("INVALID_CURRENCY_PAIR", f"Invalid currency pair {market}")
        if query.get("interval", "30m") != "1m":
            return _error("INVALID_PARAM_VALUE", "Invalid interval")
        if "limit" in query and "from" in query:
            return _error("INVALID_PARAM_VALUE", "Either from or limit is allowed")
        now = book.clock.minute
        last = int(query["to"]) // 60 if "to" in query else now
        limit = min(int(query.get("limit", DEFAULT_ROWS)), ROW_CAP)
        first = -(-int(query["from"]) // 60) if "from" in query else last - limit + 1
        if last - first + 1 > ROW_CAP:
            message = "Candlestick range too broad. Maximum 1000 data points are allowed per request"
            return _error("INVALID_PARAM_VALUE", message)
        if first < now - HISTORY_MINUTES:
            message = "Candlestick too long ago. Maximum 10000 points ago are allowed"
            return _error("INVALID_PARAM_VALUE", message)
        return Answer(body=book.json(book.rows(market, first, last + 1, request.fault), request.fault))


def _error(label: str, message: str) -> Answer:
    return Answer(status=400, body={"label": label, "message": message})


def _pair(name: str, listing: Listing) -> dict[str, Any]:
    return {
        "id": name,
        "base": listing.base,
        "quote": listing.quote,
        "fee": "0.2",
        "min_base_amount": "0.0001",
        "min_quote_amount": "3",
        "amount_precision": 6,
        "precision": listing.price_decimals,
        "trade_status": "tradable",
        "sell_start": 0,
        "buy_start": 0,
    }

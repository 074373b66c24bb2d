"""Stand-in for Bitget v2 spot: recent and history candles, the latter only the last 200 of a window, time, symbols."""

from typing import Any

from alm_localnet.market.bars import MINUTES_PER_DAY
from alm_localnet.market.venues import Listing, Venue
from alm_localnet.servers.http import ROWS, Answer, Request
from alm_localnet.servers.klines import KlineBook, RowFormat

RECENT_CAP = 1000
HISTORY_CAP = 200
DEFAULT_ROWS = 100
RECENT_DAYS = 30
ROW = RowFormat(
    template='["%d","{price}","{price}","{price}","{price}","%.5f","%.5f","%.5f"]',
    fields=("ms", "open", "high", "low", "close", "volume", "quote_volume", "quote_volume"),
)


class Bitget:
    """Answers like ``https://api.bitget.com``. A window with more rows than the limit loses its oldest, silently."""

    def __init__(self, venue: Venue) -> None:
        self._book = KlineBook(venue, ROW)

    def answer(self, request: Request) -> Answer:
        """Answer one request."""
        match request.path:
            case "/api/v2/spot/market/candles":
                return self._candles(request, RECENT_CAP, self._book.clock.minute - RECENT_DAYS * MINUTES_PER_DAY)
            case "/api/v2/spot/market/history-candles":
                return self._candles(request, HISTORY_CAP, 0)
            case "/api/v2/public/time":
                return self._ok({"serverTime": str(self._book.clock.server_ms())})
            case "/api/v2/spot/public/symbols":
                return self._ok([_symbol(entry) for entry in self._book.listings.values()])
            case "/api/v2/margin/currencies":
                return self._ok([])
            case _:
                return Answer(status=404, body=self._envelope("40404", "Request URL NOT FOUND", None))

    @staticmethod
    def refuse(status: int) -> Any:
        """Body of an error answer."""
        code, message = ("429", "Too Many Requests") if status == 429 else ("40015", "System is abnormal")
        return {"code": code, "msg": message, "requestTime": 0, "data": None}

    def _candles(self, request: Request, cap: int, earliest: int) -> Answer:
        query, book = request.query, self._book
        symbol = query.get("symbol", "")
        if symbol not in book.listings:
            return Answer(status=400, body=self._envelope("40034", f"Parameter {symbol} does not exist", None))
        if query.get("granularity") != "1min":
            return Answer(status=400, body=self._envelope("400171", "Parameter verification failed granularity", None))
        limit = min(int(query.get("limit", DEFAULT_ROWS)), cap)
        end = book.clock.minute + 1
        if "endTime" in query:
            end = min(end, -(-int(query["endTime"]) // 60_000))
        first = -(-int(query["startTime"]) // 60_000) if "startTime" in query else end - limit
        rows = book.rows(symbol, max(first, earliest), end, request.fault, newest=limit)
        return Answer(body=book.json(rows, request.fault).inside(self._ok(ROWS).body))

    def _ok(self, data: Any) -> Answer:
        return Answer(body=self._envelope("00000", "success", data))

    def _envelope(self, code: str, message: str, data: Any) -> dict[str, Any]:
        return {"code": code, "msg": message, "requestTime": self._book.clock.server_ms(), "data": data}


def _symbol(listing: Listing) -> dict[str, Any]:
    return {
        "symbol": listing.symbol,
        "baseCoin": listing.base,
        "quoteCoin": listing.quote,
        "minTradeAmount": "0",
        "maxTradeAmount": "900000000000000000000",
        "takerFeeRate": "0.001",
        "makerFeeRate": "0.001",
        "pricePrecision": str(listing.price_decimals),
        "quantityPrecision": "6",
        "quotePrecision": "8",
        "minTradeUSDT": "1",
        "status": "online",
    }

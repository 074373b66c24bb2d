"""Stand-in for OKX v5 spot: candles (newest first, bounds exclusive, a flag on the open one), time, instruments."""

from typing import Any

from alm_localnet.market.venues import Listing, Venue
from alm_localnet.servers.http import ROWS, Answer, Request
from alm_localnet.servers.klines import KlineBook, RowFormat

ROW_CAP = 300
DEFAULT_ROWS = 100
RECENT_MINUTES = 1440
ROW = RowFormat(
    template='["%d","{price}","{price}","{price}","{price}","%.5f","%.5f","%.5f","{closed}"]',
    fields=("ms", "open", "high", "low", "close", "volume", "quote_volume", "quote_volume"),
    flags=("1", "0"),
    separator="-",
)


class Okx:
    """Answers like ``https://www.okx.com``; most errors come with HTTP 200 and a ``code``."""

    def __init__(self, venue: Venue) -> None:
        self._book = KlineBook(venue, ROW)

    def answer(self, request: Request) -> Answer:
        """Answer one request."""
        match request.path:
            case "/api/v5/market/candles" | "/api/v5/market/history-candles":
                return self._candles(request)
            case "/api/v5/public/time":
                return _ok([{"ts": str(self._book.clock.server_ms())}])
            case "/api/v5/public/instruments":
                spot = request.query.get("instType") == "SPOT"
                return _ok([_instrument(name, entry) for name, entry in self._book.listings.items()] if spot else [])
            case _:
                return Answer(status=404, body={"code": "404", "msg": "Not Found", "data": []})

    @staticmethod
    def refuse(status: int) -> Any:
        """Body of an error answer."""
        code, message = (
            ("50011", "Too Many Requests") if status == 429 else ("50001", "Service temporarily unavailable")
        )
        return {"code": code, "msg": message, "data": []}

    def _candles(self, request: Request) -> Answer:
        query, book = request.query, self._book
        market = query.get("instId", "")
        if market not in book.listings:
            return _error("51001", f"Instrument ID {market} does not exist")
        if query.get("bar", "1m") != "1m":
            return _error("51000", "Parameter bar error")
        recent = request.path == "/api/v5/market/candles"
        limit = min(int(query.get("limit", DEFAULT_ROWS)), ROW_CAP)
        top = book.clock.minute + 1
        end = min(-(-int(query["after"]) // 60_000), top) if "after" in query else top
        # Without a bound the rows that are left out at the top must not cost one at the bottom.
        first = int(query["before"]) // 60_000 + 1 if "before" in query else end - limit - 1
        if recent:
            first = max(first, book.clock.minute - RECENT_MINUTES + 1)
        rows = book.rows(market, first, end, request.fault, newest=limit, with_open=recent)
        return Answer(body=book.json(rows[::-1], request.fault).inside(_ok(ROWS).body))


def _ok(data: Any) -> Answer:
    return Answer(body={"code": "0", "msg": "", "data": data})


def _error(code: str, message: str) -> Answer:
    return Answer(body={"code": code, "msg": message, "data": []})


def _instrument(name: str, listing: Listing) -> dict[str, Any]:
    return {
        "instType": "SPOT",
        "instId": name,
        "instFamily": "",
        "uly": "",
        "baseCcy": listing.base,
        "quoteCcy": listing.quote,
        "settleCcy": "",
        "ctVal": "",
        "tickSz": f"{10**-listing.price_decimals:.{listing.price_decimals}f}",
        "lotSz": "0.000001",
        "minSz": "0.0001",
        "maxLmtSz": "999999999999",
        "maxMktSz": "1000000",
        "lever": "",
        "listTime": "1611907686000",
        "expTime": "",
        "state": "live",
    }

"""One ccxt object: markets set by hand, one request a call, errors of this house."""

import re
from collections.abc import Callable, Sequence
from functools import cached_property
from http import HTTPStatus
from typing import Any, TypeVar, cast

from pydantic_core import from_json

from alm_core.model.candles import MINUTE_MS, FloatArray
from alm_core.model.errors import BadAnswer, SourceRejected, SourceUnavailable
from alm_resources.alerts.redaction import redact
from alm_resources.candles import ccxt_lib
from alm_resources.candles.pages import RowShape, read_page
from alm_resources.candles.venues import Venue

# Blocked region or address, or a ban: asking again makes it worse.
BLOCKED_STATUS = frozenset({401, 403, 418, 451})
MAX_RETRY_AFTER_S = 20.0
# Told apart by their values, these show where ccxt looks for each column.
_PROBE = [str(position) for position in range(1, 13)]

_Answer = TypeVar("_Answer")


class Transient(SourceUnavailable):
    """Worth another attempt; ``retry_after_s`` is what the exchange asked for."""

    def __init__(self, source: str, detail: str, retry_after_s: float | None) -> None:
        super().__init__(source, detail)
        self.retry_after_s = retry_after_s


class VenueClient:
    """Requests to one exchange, each sent once. For one thread at a time.

    Parameters
    ----------
    symbols
        Unified symbols that will be asked for; nothing else is known, and no market list is downloaded.
    base_url
        Host that stands in for the exchange.

    Notes
    -----
    ccxt's own throttle is off: it knows of no other thread or process. Who calls must keep to a budget.
    """

    def __init__(self, venue: Venue, symbols: Sequence[str], base_url: str | None, timeout_s: float) -> None:
        self._venue = venue
        self._symbols = tuple(symbols)
        self._base_url = base_url
        self._timeout_s = timeout_s
        self._status: int | None = None
        self._headers: dict[str, str] = {}
        self._body = ""
        self._json: object = None

    def fetch_page(self, symbol: str, since_ms: int, minutes: int, now_ms: int | None) -> FloatArray:
        """Fetch one page of at most ``minutes`` candles from ``since_ms``, shape ``(n, 6)``, ascending.

        Parameters
        ----------
        symbol
            Unified.
        since_ms, minutes
            The page; an exchange may send less of it, or more.
        now_ms
            Time of the exchange, where ccxt depends on it.

        Raises
        ------
        SourceUnavailable, SourceRejected, BadAnswer
            Naming the exchange; :class:`Transient` if another attempt makes sense.
        """
        if now_ms is not None:
            self._ccxt.milliseconds, self._ccxt.seconds = lambda: now_ms, lambda: now_ms // 1000
        key, end_ms = self._venue.end_key, since_ms + minutes * MINUTE_MS - 1
        end = {} if key is None else {key: end_ms}
        self._asked(symbol, lambda: self._ccxt.fetch_ohlcv(symbol, "1m", since_ms, minutes, end))
        return read_page(f"{self._venue.name} {symbol}", self._rows(symbol), self._venue.order, self._shape)

    def fetch_time_ms(self) -> int:
        """Fetch the exchange's own time; raises as :meth:`fetch_page` does."""
        now_ms = self._asked("time", lambda: self._ccxt.fetch_time())
        if not isinstance(now_ms, int) or now_ms <= 0:
            raise BadAnswer(self._venue.name, f"time is {now_ms!r}, in {self._excerpt}")
        return now_ms

    def _rows(self, symbol: str) -> list[object]:
        """Rows of the answer as sent. ccxt sorts them, drops those without a time and takes a missing list for none."""
        found = self._json
        for key in self._venue.rows_at:
            found = cast("dict[str, object]", found).get(key) if isinstance(found, dict) else None
        if not isinstance(found, list):
            raise BadAnswer(self._venue.name, f"{symbol}: answer has no list of candles: {self._excerpt}")
        return cast("list[object]", found)

    def _asked(self, what: str, ask: Callable[[], _Answer]) -> _Answer:
        errors = ccxt_lib.errors()
        self._status, self._headers, self._body, self._json = None, {}, "", None
        try:
            answer = ask()
        except errors.OperationFailed as error:
            raise self._unavailable(error) from None  # its text holds the address
        except errors.BaseError as error:
            # Some exchanges word a failure of their own as a refusal.
            if self._status is not None and self._status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                raise self._unavailable(error) from None
            raise SourceRejected(self._venue.name, self._detail(error)) from None
        except (TypeError, ValueError, KeyError, IndexError, AttributeError, RecursionError) as error:
            # ccxt indexes into whatever came; an answer of another shape surfaces as one of these.
            raise BadAnswer(
                self._venue.name, f"{what}: answer has an unknown shape: {redact(repr(error)):.120}"
            ) from None
        # A body that is no JSON, one cut short too, is for ccxt an object without anything in it.
        if self._json is None:
            raise BadAnswer(self._venue.name, f"{what}: answer has an unknown shape: {self._excerpt}")
        return answer

    def _unavailable(self, error: Exception) -> SourceUnavailable:
        detail = self._detail(error)
        retry_after_s = _seconds(self._headers.get("retry-after"))
        if self._status in BLOCKED_STATUS or (retry_after_s or 0.0) > MAX_RETRY_AFTER_S:
            return SourceUnavailable(self._venue.name, detail)
        return Transient(self._venue.name, detail, retry_after_s)

    @property
    def _excerpt(self) -> str:
        return f"{redact(self._body[:400])!r:.120}"

    def _detail(self, error: Exception) -> str:
        status = "no answer" if self._status is None else f"HTTP {self._status}"
        return f"{status}, {type(error).__name__}: {redact(str(error)):.200}"

    @cached_property
    def _ccxt(self) -> Any:
        client = ccxt_lib.exchange_class(self._venue.name)(
            {"timeout": int(self._timeout_s * 1000), "enableRateLimit": False}
        )
        if self._base_url is not None:
            client.urls["api"] = _rehosted(client.urls["api"], self._base_url)
        client.set_markets([self._market(client, symbol) for symbol in self._symbols])
        client.on_rest_response = self._note_response
        client.on_json_response = self._note_json
        client.parse_ohlcvs = _no_rows
        return client

    @cached_property
    def _shape(self) -> RowShape:
        opened_ms, *places = self._ccxt.parse_ohlcv(_PROBE, self._ccxt.market(self._symbols[0]))
        positions = (0, *(int(place) - 1 for place in places))
        return RowShape(positions=cast("tuple[int, int, int, int, int, int]", positions), time_ms=int(opened_ms))

    def _market(self, client: Any, symbol: str) -> Any:
        base, quote = symbol.split("/")
        market_id = self._venue.market_id.format(base=base, quote=quote)
        names = {"id": market_id, "symbol": symbol, "base": base, "quote": quote, "baseId": base, "quoteId": quote}
        kind = {"type": "spot", "spot": True, "swap": False, "future": False, "option": False, "contract": False}
        return client.safe_market_structure({**names, **kind, "margin": False, "active": True})

    def _note_response(
        self, code: int, _reason: str, _url: str, _method: str, headers: Any, body: str, *_request: object
    ) -> str:
        self._status = code
        self._headers = {str(name).lower(): str(value) for name, value in headers.items()}
        self._body = body.strip()
        return self._body

    def _note_json(self, body: str) -> object:
        # ccxt takes whatever JSON library it finds; this one refuses a body that is nested too deeply.
        self._json = from_json(body, allow_inf_nan=False, cache_strings="keys")
        return self._json


def _no_rows(*_rows: object) -> list[object]:
    return []


def _seconds(text: str | None) -> float | None:
    return float(text) if text is not None and re.fullmatch(r"\d{1,6}(\.\d+)?", text) else None


def _rehosted(urls: Any, base_url: str) -> Any:
    if isinstance(urls, dict):
        return {name: _rehosted(url, base_url) for name, url in cast("dict[str, Any]", urls).items()}
    return re.sub(r"^https?://[^/]+", base_url.rstrip("/"), urls) if isinstance(urls, str) else urls

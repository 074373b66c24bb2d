"""One exchange behind ccxt: markets set by hand, one request per page, errors of this house."""

import re
from collections.abc import Callable, Sequence
from functools import partial
from http import HTTPStatus
from threading import Lock
from typing import Any, cast

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_exponential,
    wait_random,
)

from alm_core.model.candles import MINUTE_MS, CandleSeries, FloatArray
from alm_core.model.errors import BadAnswer, SourceRejected, SourceUnavailable
from alm_resources.alerts.redaction import redact
from alm_resources.candles import ccxt_lib
from alm_resources.candles.pages import Row, read_page, series_from_pages
from alm_resources.candles.venues import venue_named

# Blocked region or address, or a ban: asking again makes it worse.
BLOCKED_STATUS = frozenset({401, 403, 418, 451})
MAX_RETRY_AFTER_S = 20.0

_backoff = wait_exponential(multiplier=0.25, max=4.0) + wait_random(0.0, 0.25)


class _Transient(SourceUnavailable):
    """Worth another attempt; ``retry_after_s`` is what the exchange asked for."""

    def __init__(self, source: str, detail: str, retry_after_s: float | None) -> None:
        super().__init__(source, detail)
        self.retry_after_s = retry_after_s


class CcxtExchange:
    """Closed minutes of one exchange. Safe to use from several threads, one at a time.

    Parameters
    ----------
    name
        ccxt id.
    symbols
        Unified symbols that will be asked for; nothing else is known, and no market list is downloaded.
    base_url
        Host that stands in for the exchange; its throttle is then off.
    """

    def __init__(
        self,
        name: str,
        symbols: Sequence[str],
        *,
        base_url: str | None,
        timeout_s: float,
        attempts: int,
        sleep: Callable[[float], None],
    ) -> None:
        self._venue = venue_named(name)
        self._symbols = tuple(symbols)
        self._base_url = base_url
        self._timeout_s = timeout_s
        self._attempts = attempts
        self._sleep = sleep
        self._lock = Lock()
        self._client: Any = None
        self._status: int | None = None
        self._headers: dict[str, str] = {}
        self._body = ""

    def fetch_minutes(self, symbol: str, start_ms: int, end_ms: int) -> CandleSeries:
        """Fetch minutes that open in ``[start_ms, end_ms)`` and are closed by ``end_ms``.

        Raises
        ------
        SourceUnavailable, SourceRejected, BadAnswer
            Naming the exchange.
        """
        if self._venue.history_minutes is not None:
            start_ms = max(start_ms, end_ms - self._venue.history_minutes * MINUTE_MS)
        with self._lock:
            return series_from_pages(list(self._pages(symbol, start_ms, end_ms)))

    def _pages(self, symbol: str, since_ms: int, end_ms: int) -> list[FloatArray]:
        pages: list[FloatArray] = []
        source = f"{self._venue.name} {symbol}"
        while since_ms + MINUTE_MS <= end_ms:
            limit = min(self._venue.page_minutes, (end_ms - since_ms) // MINUTE_MS)
            page = read_page(source, self._fetch_rows(symbol, since_ms, limit), self._venue.order)
            # Past the end lies the minute that is still open.
            fresh = page[(page[:, 0] >= since_ms) & (page[:, 0] + MINUTE_MS <= end_ms)]
            if fresh.size:
                pages.append(fresh)
                since_ms = int(fresh[-1, 0]) + MINUTE_MS
            elif page.size and page[-1, 0] < since_ms:
                raise BadAnswer(self._venue.name, f"{symbol}: page from {since_ms} ms holds only earlier minutes")
            elif self._venue.windowed:
                since_ms += limit * MINUTE_MS
            else:
                break
        return pages

    def _fetch_rows(self, symbol: str, since_ms: int, limit: int) -> list[Row]:
        retrying = Retrying(
            retry=retry_if_exception_type(_Transient),
            stop=stop_after_attempt(self._attempts),
            wait=_wait_s,
            sleep=self._sleep,
            reraise=True,
        )
        return retrying(self._fetch_rows_once, symbol, since_ms, limit)

    def _fetch_rows_once(self, symbol: str, since_ms: int, limit: int) -> list[Row]:
        errors = ccxt_lib.errors()
        self._status, self._headers, self._body = None, {}, ""
        try:
            rows = self._connected().fetch_ohlcv(symbol, "1m", since_ms, limit)
        except errors.OperationFailed as error:
            raise self._unavailable(error) from error
        except errors.BaseError as error:
            # Some exchanges word a failure of their own as a refusal.
            if self._status is not None and self._status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                raise self._unavailable(error) from error
            raise SourceRejected(self._venue.name, self._detail(error)) from error
        except (TypeError, ValueError, KeyError, IndexError, AttributeError) as error:
            # ccxt indexes into whatever came; an answer of another shape surfaces as one of these.
            raise BadAnswer(self._venue.name, f"{symbol}: answer has an unknown shape: {error!r:.120}") from error
        if not isinstance(rows, list):
            raise BadAnswer(self._venue.name, f"{symbol}: answer is no list of candles: {rows!r:.120}")
        # Where ccxt looks for the rows inside an object, it takes any text for an object without rows.
        if not self._body.startswith(("[", "{")):
            raise BadAnswer(self._venue.name, f"{symbol}: answer has an unknown shape: {self._body!r:.120}")
        return cast("list[Row]", rows)

    def _unavailable(self, error: Exception) -> SourceUnavailable:
        detail = self._detail(error)
        retry_after_s = _seconds(self._headers.get("retry-after"))
        if self._status in BLOCKED_STATUS or (retry_after_s or 0.0) > MAX_RETRY_AFTER_S:
            return SourceUnavailable(self._venue.name, detail)
        return _Transient(self._venue.name, detail, retry_after_s)

    def _detail(self, error: Exception) -> str:
        status = "no answer" if self._status is None else f"HTTP {self._status}"
        return f"{status}, {type(error).__name__}: {redact(str(error)):.200}"

    def _connected(self) -> Any:
        if self._client is None:
            client = ccxt_lib.exchange_class(self._venue.name)(
                {"timeout": int(self._timeout_s * 1000), "enableRateLimit": self._base_url is None}
            )
            if self._base_url is not None:
                client.urls["api"] = _rehosted(client.urls["api"], self._base_url)
            client.set_markets([self._market(client, symbol) for symbol in self._symbols])
            client.on_rest_response = self._note_response
            # ccxt sorts rows and drops those without a time: errors of the exchange would not be seen.
            client.parse_ohlcvs = partial(_rows_as_sent, client)
            self._client = client
        return self._client

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


def _rows_as_sent(client: Any, rows: Any, market: Any = None, *_cut: object) -> list[Row]:
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in cast("list[object]", rows)):
        raise TypeError(f"no list of candles: {rows!r:.60}")
    return [client.parse_ohlcv(row, market) for row in cast("list[object]", rows)]


def _wait_s(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome is not None else None
    if isinstance(error, _Transient) and error.retry_after_s is not None:
        return error.retry_after_s
    return _backoff(state)


def _seconds(text: str | None) -> float | None:
    return float(text) if text is not None and re.fullmatch(r"\d{1,6}(\.\d+)?", text) else None


def _rehosted(urls: Any, base_url: str) -> Any:
    if isinstance(urls, dict):
        return {name: _rehosted(url, base_url) for name, url in cast("dict[str, Any]", urls).items()}
    return re.sub(r"^https?://[^/]+", base_url.rstrip("/"), urls) if isinstance(urls, str) else urls

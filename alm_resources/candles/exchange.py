"""Closed minutes of one exchange: windows, pages, budget, attempts."""

import logging
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event, Lock
from typing import TypeVar

import numpy as np
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_exponential,
    wait_random,
)

from alm_core.model.candles import MINUTE_MS, CandleSeries, FloatArray
from alm_core.model.errors import BadAnswer, SourceError, SourceUnavailable
from alm_resources.candles.client import Transient, VenueClient
from alm_resources.candles.pages import COLUMNS, series_from_rows
from alm_resources.candles.venues import Venue, venue_named
from alm_resources.http import CallBudget, TokenBucket

logger = logging.getLogger(__name__)

WORKERS = 3
# An exchange may finish a candle a little after the minute.
SETTLED_MS = 2_000
# Pieces that one page may come in; an exchange that cuts it smaller than this is not understood.
MAX_PIECES = 16
MAX_BUDGET_WAIT_S = 60.0

_backoff = wait_exponential(multiplier=0.25, max=4.0) + wait_random(0.0, 0.25)
_Result = TypeVar("_Result")
Window = tuple[int, int]
"""Minutes from the first open time up to but not including the second, ms."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExchangeMinutes:
    """Closed minutes of one exchange; ``problem`` says what of the wanted range it does not keep, or nothing."""

    series: CandleSeries
    problem: str | None = None


class CcxtExchange:
    """Closed minutes of one exchange. Safe to use from several threads.

    Parameters
    ----------
    name
        ccxt id.
    symbols
        Unified symbols that will be asked for.
    base_url
        Host that stands in for the exchange; no budget holds for it.
    attempts
        Per request. Only failures that may pass by themselves are tried again; a block or ban is not.
    budget
        Calls granted to all processes; without one, or while it cannot be reached, those of this process are counted.
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
        budget: CallBudget | None = None,
        workers: int = WORKERS,
    ) -> None:
        self._venue = venue_named(name)
        self._symbols = tuple(symbols)
        self._base_url = base_url
        self._timeout_s = timeout_s
        self._attempts = attempts
        self._sleep = sleep
        self._own_budget = TokenBucket(capacity=self._venue.burst, per_s=self._venue.calls_per_s)
        self._budget = budget
        self._workers = workers
        self._turn = Lock()
        self._idle: deque[VenueClient] = deque()

    def fetch_minutes(self, symbol: str, start_ms: int, end_ms: int) -> ExchangeMinutes:
        """Fetch minutes that open in ``[start_ms, end_ms)`` and are proven closed.

        Proof is a later minute, or the exchange's own time read before the minute was; never the local clock.

        Raises
        ------
        SourceUnavailable, SourceRejected, BadAnswer
            Naming the exchange.
        """
        now_ms = self._call(VenueClient.fetch_time_ms) if self._venue.clocked else None
        kept_ms = self._kept_from(now_ms, start_ms)
        # One minute more than wanted: it proves the one before closed. What has not begun is not asked for.
        after_ms = end_ms + MINUTE_MS if now_ms is None else min(end_ms, now_ms // MINUTE_MS * MINUTE_MS) + MINUTE_MS
        windows = _windows(self._venue, kept_ms, after_ms, now_ms) if kept_ms < min(end_ms, after_ms) else []
        rows = self._closed(symbol, self._rows(symbol, windows, now_ms), end_ms, now_ms)
        return ExchangeMinutes(
            series=series_from_rows(rows), problem=self._not_kept(symbol, start_ms, min(kept_ms, end_ms))
        )

    def _kept_from(self, now_ms: int | None, start_ms: int) -> int:
        if self._venue.history_minutes is None or now_ms is None:
            return start_ms
        return max(start_ms, (now_ms // MINUTE_MS - self._venue.history_minutes) * MINUTE_MS)

    def _not_kept(self, symbol: str, start_ms: int, kept_ms: int) -> str | None:
        if kept_ms == start_ms:
            return None
        lost = (kept_ms - start_ms) // MINUTE_MS
        return f"{symbol}: keeps too short a history; {lost} minutes from {_iso(start_ms)} to {_iso(kept_ms)} are lost"

    def _rows(self, symbol: str, windows: Sequence[Window], now_ms: int | None) -> FloatArray:
        """Rows of all windows, several asked for at once; after a failure no further one is begun."""
        failed = Event()

        def fetch(window: Window) -> list[FloatArray]:
            if failed.is_set():
                return []
            try:
                return self._window(symbol, window, now_ms, windows[-1][1])
            except BaseException:
                failed.set()
                raise

        if len(windows) == 1:
            parts = fetch(windows[0])
        else:
            with ThreadPoolExecutor(max_workers=self._workers) as pool:
                # Asked in order: what was not begun comes after what failed, and is never reached here.
                parts = [part for found in pool.map(fetch, windows) for part in found]
        return np.concatenate([np.empty((0, len(COLUMNS))), *parts])

    def _window(self, symbol: str, window: Window, now_ms: int | None, end_ms: int, depth: int = 0) -> list[FloatArray]:
        """Rows of a window. Where its edges are missing they are asked for again: a cut page looks like a gap."""
        if depth > MAX_PIECES:
            raise BadAnswer(self._venue.name, f"{symbol}: page from {_iso(window[0])} comes in ever smaller pieces")
        first_ms, after_ms = window
        rows = self._asked(symbol, window, now_ms)
        if not rows.size:
            return []
        head, tail = (first_ms, int(rows[0, 0])), (int(rows[-1, 0]) + MINUTE_MS, after_ms)
        parts = [rows]
        if head[0] < head[1]:
            parts = [*self._window(symbol, head, now_ms, end_ms, depth + 1), *parts]
        # At the very end the last minutes have not been traded or not begun.
        not_begun = 2 * MINUTE_MS if after_ms == end_ms else 0
        if tail[0] + not_begun < tail[1]:
            parts += self._window(symbol, tail, now_ms, end_ms, depth + 1)
        return parts

    def _asked(self, symbol: str, window: Window, now_ms: int | None) -> FloatArray:
        first_ms, after_ms = window
        minutes = (after_ms - first_ms) // MINUTE_MS
        page = self._call(lambda client: client.fetch_page(symbol, first_ms, minutes, now_ms))
        if page.size and page[-1, 0] < first_ms:
            raise BadAnswer(self._venue.name, f"{symbol}: page from {_iso(first_ms)} holds only earlier minutes")
        return page[(page[:, 0] >= first_ms) & (page[:, 0] < after_ms)]

    def _closed(self, symbol: str, rows: FloatArray, end_ms: int, now_ms: int | None) -> FloatArray:
        """Wanted rows without the last one if nothing proves it closed."""
        if not rows.size or rows[-1, 0] >= end_ms:
            return rows[rows[:, 0] < end_ms]
        last_ms = int(rows[-1, 0])
        if now_ms is not None and _settled(last_ms, now_ms):
            return rows
        now_ms = self._call(VenueClient.fetch_time_ms)
        if not _settled(last_ms, now_ms):
            return rows[:-1]
        # Closed by now, but it may have been open when it was read.
        return np.concatenate([rows[:-1], self._asked(symbol, (last_ms, last_ms + MINUTE_MS), now_ms)])

    def _call(self, ask: Callable[[VenueClient], _Result]) -> _Result:
        retrying = Retrying(
            retry=retry_if_exception_type(Transient),
            stop=stop_after_attempt(self._attempts),
            wait=_wait_s,
            sleep=self._pause,
            reraise=True,
        )
        return retrying(lambda: self._call_once(ask))

    def _call_once(self, ask: Callable[[VenueClient], _Result]) -> _Result:
        self._await_budget()
        try:
            client = self._idle.pop()
        except IndexError:
            client = VenueClient(self._venue, self._symbols, self._base_url, self._timeout_s)
        try:
            return ask(client)
        finally:
            self._idle.append(client)

    def _pause(self, seconds: float) -> None:
        # Nobody else begins a request meanwhile: who goes on asking after a 429 is banned.
        with self._turn:
            self._sleep(seconds)

    def _await_budget(self) -> None:
        with self._turn:
            waited = 0.0
            while self._base_url is None and (wait_s := self._granted_in()) > 0:
                # Rounding may leave less to wait for than a clock can show.
                wait_s = max(wait_s, 0.001)
                waited += wait_s
                if waited > MAX_BUDGET_WAIT_S:
                    raise SourceUnavailable(self._venue.name, f"no call was granted within {MAX_BUDGET_WAIT_S:g} s")
                self._sleep(wait_s)

    def _granted_in(self) -> float:
        if self._budget is not None:
            try:
                return self._budget.take()
            except SourceError as error:
                logger.warning("candles: shared budget of %s is out of reach: %s", self._venue.name, error.detail)
        return self._own_budget.take()


def _windows(venue: Venue, start_ms: int, after_ms: int, now_ms: int | None) -> list[Window]:
    """Pages from start to end. The last has two minutes at least: the proof must come with what it proves."""
    starts, border_ms = [start_ms], 0
    if venue.old_page_minutes is not None and now_ms is not None:
        border_ms = now_ms - venue.old_after_minutes * MINUTE_MS
    while True:
        old = venue.old_page_minutes if starts[-1] < border_ms else None
        next_ms = starts[-1] + (old or venue.page_minutes) * MINUTE_MS
        if next_ms >= after_ms:
            break
        starts.append(next_ms)
    if len(starts) > 1 and after_ms - starts[-1] < 2 * MINUTE_MS:
        starts[-1] -= MINUTE_MS
    return list(zip(starts, [*starts[1:], after_ms], strict=True))


def _settled(opened_ms: int, now_ms: int) -> bool:
    return opened_ms + MINUTE_MS <= now_ms - SETTLED_MS


def _wait_s(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome is not None else None
    if isinstance(error, Transient) and error.retry_after_s is not None:
        return error.retry_after_s
    return _backoff(state)


def _iso(moment_ms: int) -> str:
    return datetime.fromtimestamp(moment_ms / 1000, tz=UTC).strftime("%Y-%m-%dT%H:%MZ")

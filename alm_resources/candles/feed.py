"""Candle feed of a pair over its exchanges."""

import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Lock

from alm_core.candles import Gap, MergedSeries, VenueSeries, fill_gaps, merge_venues
from alm_core.candles.gaps import MAX_GAP_MINUTES
from alm_core.model.errors import SourceError, SourceUnavailable
from alm_core.model.market import SourceProblem
from alm_core.model.ports import CandleFetch
from alm_resources.candles.exchange import CcxtExchange
from alm_resources.registry import CandleSource, Registry

logger = logging.getLogger(__name__)

MAX_STALE_MINUTES = 15
MAX_VETOED_FRAC = 0.1


class CcxtCandleFeed:
    """Minutes through ccxt, merged over the pair's exchanges, short gaps filled.

    Parameters
    ----------
    registry
        Gives sources, weights and hosts that stand in for exchanges.
    timeout_s
        Of one request.
    attempts
        Per page. Only failures that may pass by themselves are tried again; a block or ban is not.
    max_gap
        Longest gap that is filled, minutes.

    Notes
    -----
    Nothing is opened, and ccxt not imported, before the first fetch.
    """

    def __init__(
        self,
        registry: Registry,
        *,
        timeout_s: float = 10.0,
        attempts: int = 3,
        max_gap: int = MAX_GAP_MINUTES,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._registry = registry
        self._timeout_s = timeout_s
        self._attempts = attempts
        self._max_gap = max_gap
        self._sleep = sleep
        self._exchanges: dict[str, CcxtExchange] = {}
        self._lock = Lock()

    def fetch_candles(self, pair_id: str, start_at: datetime, end_at: datetime) -> CandleFetch:
        """Fetch closed minutes that open in ``[start_at, end_at)``, filled and merged.

        Exchanges that fail are left out and named in ``problems``, as are gaps that stay open, a price older than
        15 minutes at the end, and an exchange that disagrees with the others in more than a tenth of its minutes.

        Raises
        ------
        SourceUnavailable
            If no exchange gave a usable answer; names each of them.
        """
        sources = self._registry.sources_of(pair_id)
        # A gap at the start is filled from the close before it.
        earlier = start_at - timedelta(minutes=self._max_gap)
        with ThreadPoolExecutor(max_workers=len(sources)) as pool:
            jobs = [pool.submit(self._fetch, source, earlier, end_at) for source in sources]
            answers = [job.result() for job in jobs]
        venues = [answer for answer in answers if isinstance(answer, VenueSeries)]
        failures = [answer for answer in answers if isinstance(answer, SourceProblem)]
        if not venues:
            detail = "; ".join(f"{failure.source}: {failure.detail}" for failure in failures)
            raise SourceUnavailable(f"candles of {pair_id}", f"every exchange failed: {detail}")
        merged = merge_venues(venues)
        filled = fill_gaps(merged.series, start_at, end_at, self._max_gap)
        problems = [*failures, *_vetoes(venues, merged), *(_gap_problem(pair_id, gap) for gap in filled.gaps)]
        if filled.stale_minutes > MAX_STALE_MINUTES:
            detail = f"last traded minute is {filled.stale_minutes} minutes before {end_at.isoformat()}"
            problems.append(SourceProblem(source=f"candles of {pair_id}", detail=detail))
        return CandleFetch(
            series=filled.series, sources=tuple(venue.venue for venue in venues), problems=tuple(problems)
        )

    def _fetch(self, source: CandleSource, start_at: datetime, end_at: datetime) -> VenueSeries | SourceProblem:
        start_ms, end_ms = (int(moment.timestamp() * 1000) for moment in (start_at, end_at))
        try:
            series = self._exchange(source.exchange).fetch_minutes(source.symbol, start_ms, end_ms)
        except SourceError as error:
            logger.warning("candles: %s dropped: %s", source.exchange, error.detail)
            return SourceProblem(source=source.exchange, detail=error.detail)
        if not len(series):
            detail = f"{source.symbol}: no minute between {start_at.isoformat()} and {end_at.isoformat()}"
            return SourceProblem(source=source.exchange, detail=detail)
        return VenueSeries(venue=source.exchange, weight=source.weight, series=series)

    def _exchange(self, name: str) -> CcxtExchange:
        with self._lock:
            if name not in self._exchanges:
                self._exchanges[name] = CcxtExchange(
                    name,
                    self._symbols_of(name),
                    base_url=self._registry.services.exchange_urls.get(name),
                    timeout_s=self._timeout_s,
                    attempts=self._attempts,
                    sleep=self._sleep,
                )
            return self._exchanges[name]

    def _symbols_of(self, exchange: str) -> list[str]:
        every = [source for sources in self._registry.sources.values() for source in sources]
        return sorted({source.symbol for source in every if source.exchange == exchange})


def _vetoes(venues: list[VenueSeries], merged: MergedSeries) -> list[SourceProblem]:
    problems: list[SourceProblem] = []
    for venue in venues:
        vetoed, minutes = merged.vetoed[venue.venue], len(venue.series)
        if vetoed > MAX_VETOED_FRAC * minutes:
            detail = f"{vetoed} of {minutes} minutes disagree with the other exchanges and were left out"
            problems.append(SourceProblem(source=venue.venue, detail=detail))
        elif vetoed:
            logger.info("candles: %d of %d minutes of %s left out as outliers", vetoed, minutes, venue.venue)
    return problems


def _gap_problem(pair_id: str, gap: Gap) -> SourceProblem:
    detail = f"gap of {gap.minutes} minutes from {gap.start_at.isoformat()} on no exchange"
    return SourceProblem(source=f"candles of {pair_id}", detail=detail)

"""Candle feed of a pair over its exchanges."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock

from alm_core.candles import Consensus, ConsensusRules, VenueSeries, consensus, converted_venue
from alm_core.candles.gaps import MAX_GAP_MINUTES
from alm_core.model.candles import CandleSeries
from alm_core.model.errors import SourceError, SourceUnavailable
from alm_core.model.market import SourceProblem
from alm_core.model.ports import CandleFetch
from alm_resources.candles import problems as worded
from alm_resources.candles.conversion import Conversion, conversions_of, direct_sources_of
from alm_resources.candles.exchange import CcxtExchange
from alm_resources.candles.filling import filled_agreement
from alm_resources.http import CallBudget
from alm_resources.registry import CandleSource, Registry

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answers:
    """Minutes that sources gave, and why others gave none or not all."""

    venues: dict[CandleSource, VenueSeries]
    problems: tuple[SourceProblem, ...]


class CcxtCandleFeed:
    """Minutes through ccxt on which the pair's exchanges agree, short gaps filled.

    Parameters
    ----------
    registry
        Gives sources, weights and hosts that stand in for exchanges.
    timeout_s
        Of one request.
    attempts
        Per request. Only failures that may pass by themselves are tried again; a block or ban is not.
    max_gap
        Longest gap that is filled, minutes.
    rules
        When exchanges agree.
    budget_of
        Budget of an exchange by name that all processes share; ``None`` where only this one counts its calls. Hosts
        that stand in for an exchange have none.

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
        rules: ConsensusRules | None = None,
        budget_of: Callable[[str], CallBudget | None] = lambda _: None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._registry = registry
        self._timeout_s = timeout_s
        self._attempts = attempts
        self._max_gap = max_gap
        self._rules = rules or ConsensusRules()
        self._budget_of = budget_of
        self._sleep = sleep
        self._exchanges: dict[str, CcxtExchange] = {}
        self._lock = Lock()

    def fetch_candles(self, pair_id: str, start_at: datetime, end_at: datetime) -> CandleFetch:
        """Fetch closed minutes that open in ``[start_at, end_at)``, filled and agreed on.

        Exchanges that fail are left out and named in ``problems``, as are minutes without consensus, gaps that stay
        open, a price older than 15 minutes at the end, and an exchange that was left out of more than a tenth of its
        minutes.

        Raises
        ------
        SourceUnavailable
            If no exchange gave a usable answer; names each of them.
        ConfigError
            If a source cannot be converted into the pair's quote.
        """
        conversions = conversions_of(self._registry, pair_id)
        bases = dict.fromkeys(conversion.basis for conversion in conversions.values())
        # A gap at the start is filled from the close before it.
        earlier = start_at - timedelta(minutes=self._max_gap)
        asked = {pair_id: self._registry.sources_of(pair_id)}
        asked |= {basis: direct_sources_of(self._registry, basis) for basis in bases}
        answers = self._answers(asked, earlier, end_at)
        own, problems = self._in_quote_of(answers.pop(pair_id), conversions, answers, earlier, end_at)
        if not own:
            detail = "; ".join(f"{problem.source}: {problem.detail}" for problem in problems)
            raise SourceUnavailable(f"candles of {pair_id}", f"every exchange failed: {detail}")
        return self._fetch_of(pair_id, consensus(own, self._rules), own, problems, start_at, end_at)

    def _fetch_of(
        self,
        pair_id: str,
        agreed: Consensus,
        venues: Sequence[VenueSeries],
        problems: Sequence[SourceProblem],
        start_at: datetime,
        end_at: datetime,
    ) -> CandleFetch:
        filled = filled_agreement(agreed, start_at, end_at, self._max_gap)
        return CandleFetch(
            series=filled.series,
            sources=tuple(venue.venue for venue in venues),
            problems=(
                *problems,
                *worded.few_problems(pair_id, len(venues), self._rules.min_sources),
                *worded.left_out_problems(agreed.tallies),
                *worded.no_consensus_problems(pair_id, filled.disputed),
                *worded.gap_problems(pair_id, filled.gaps),
                *worded.stale_problems(pair_id, filled.stale_minutes, end_at),
            ),
            no_consensus=filled.disputed,
        )

    def _in_quote_of(
        self,
        own: _Answers,
        conversions: dict[CandleSource, Conversion],
        answers: dict[str, _Answers],
        start_at: datetime,
        end_at: datetime,
    ) -> tuple[list[VenueSeries], list[SourceProblem]]:
        """Venues of a pair in its own quote, and the problems of all that were asked."""
        every = [*own.problems, *(problem for basis in answers.values() for problem in basis.problems)]
        # An exchange that is down is so for pair and basis.
        problems = list(dict.fromkeys(every))
        agreed = {name: consensus(list(basis.venues.values()), self._rules) for name, basis in answers.items()}
        prices = {
            name: filled_agreement(basis, start_at, end_at, self._max_gap).series for name, basis in agreed.items()
        }
        venues: list[VenueSeries] = []
        for source, venue in own.venues.items():
            conversion = conversions.get(source)
            if conversion is not None:
                venue = converted_venue(venue, prices[conversion.basis], divide=conversion.divide)
            if len(venue.series):
                venues.append(venue)
            elif conversion is not None:
                detail = f"{source.symbol}: no price of {conversion.basis} to convert it by"
                problems.append(SourceProblem(source=source.exchange, detail=detail))
        return venues, problems

    def _answers(
        self, sources: Mapping[str, Sequence[CandleSource]], start_at: datetime, end_at: datetime
    ) -> dict[str, _Answers]:
        """Ask every source of every pair at once."""
        with ThreadPoolExecutor(max_workers=sum(map(len, sources.values()))) as pool:
            jobs = {
                pair_id: [(source, pool.submit(self._ask, source, start_at, end_at)) for source in own]
                for pair_id, own in sources.items()
            }
            return {
                pair_id: _sorted_out([(source, job.result()) for source, job in own]) for pair_id, own in jobs.items()
            }

    def _ask(
        self, source: CandleSource, start_at: datetime, end_at: datetime
    ) -> tuple[CandleSeries, SourceProblem | None]:
        start_ms, end_ms = (int(moment.timestamp() * 1000) for moment in (start_at, end_at))
        try:
            found = self._exchange(source.exchange).fetch_minutes(source.symbol, start_ms, end_ms)
        except SourceError as error:
            logger.warning("candles: %s %s dropped: %s", source.exchange, source.symbol, error.detail)
            return CandleSeries.empty(), SourceProblem(source=source.exchange, detail=error.detail)
        detail = found.problem
        if not len(found.series) and detail is None:
            detail = f"{source.symbol}: no minute between {start_at.isoformat()} and {end_at.isoformat()}"
        return found.series, None if detail is None else SourceProblem(source=source.exchange, detail=detail)

    def _exchange(self, name: str) -> CcxtExchange:
        with self._lock:
            if name not in self._exchanges:
                base_url = self._registry.services.exchange_urls.get(name)
                self._exchanges[name] = CcxtExchange(
                    name,
                    self._symbols_of(name),
                    base_url=base_url,
                    timeout_s=self._timeout_s,
                    attempts=self._attempts,
                    budget=self._budget_of(name) if base_url is None else None,
                    sleep=self._sleep,
                )
            return self._exchanges[name]

    def _symbols_of(self, exchange: str) -> list[str]:
        every = [source for sources in self._registry.sources.values() for source in sources]
        return sorted({source.symbol for source in every if source.exchange == exchange})


def _sorted_out(answers: Sequence[tuple[CandleSource, tuple[CandleSeries, SourceProblem | None]]]) -> _Answers:
    return _Answers(
        venues={
            source: VenueSeries(venue=source.exchange, weight=source.weight, series=series)
            for source, (series, _) in answers
            if len(series)
        },
        problems=tuple(problem for _, (_, problem) in answers if problem is not None),
    )

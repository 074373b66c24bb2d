"""A past day of candles or snapshots, completed from the sources: from the UI, or day after day by ``alm history``.

Only what is missing is fetched and nothing stored is replaced, so a backfill that was stopped goes on where it was, and
one of a complete day does nothing.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

import dagster as dg

from alm_assets.checks import MINUTES_COMPLETE, one_block_per_chain
from alm_assets.lookback import fresh_minutes
from alm_assets.market_tables import candle_metadata, snapshot_metadata
from alm_assets.partitions import FIRST_DAY, register_pairs
from alm_assets.ports import History, PastSnapshots
from alm_assets.provenance import SNAPSHOTS, payload_sha256
from alm_assets.tables import INPUTS_SHA256, Metadata
from alm_core.model.candles import CandleSeries
from alm_core.model.epochs import EPOCH_LENGTH, Epoch
from alm_core.model.errors import AlmError, InvalidInput
from alm_core.model.inputs import missing_ranges
from alm_core.model.market import MarketSnapshot, SourceProblem
from alm_core.model.ports import CandleFeed

CANDLES = "candles"
Asset = Literal["candles", "pool_snapshots"]
SETTLED = 2 * EPOCH_LENGTH
"""A quarter hour younger than this may still be read by its own run, which must not find a backfilled snapshot."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DayCandles:
    """Minutes of a day up to ``end_at`` as they are stored now. A :class:`alm_assets.lookback.CandleReading`."""

    pair: str
    start_at: datetime
    end_at: datetime
    series: CandleSeries
    fresh: CandleSeries
    sources: tuple[str, ...]
    problems: tuple[SourceProblem, ...]

    @property
    def name(self) -> str:
        """Pair and day."""
        return f"{self.pair} {self.start_at.date().isoformat()}"

    @property
    def missing(self) -> list[tuple[datetime, datetime]]:
        """Ranges of minutes that the sources do not have, or do not agree on."""
        return missing_ranges(self.series, self.start_at, self.end_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class DaySnapshots:
    """Quarter hours of a day that are over: those with a snapshot, and which of them were read just now."""

    pair: str
    stored: tuple[datetime, ...]
    fresh: tuple[datetime, ...]
    last: MarketSnapshot
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DayOutcome:
    """What became of a day. ``stored`` and ``fresh`` count minutes or snapshots."""

    asset: Asset
    day: date
    state: Literal["complete", "was complete", "incomplete", "not begun", "failed"]
    stored: int = 0
    fresh: int = 0
    detail: str = ""

    @property
    def good(self) -> bool:
        """Whether nothing that is asked for is missing."""
        return self.state not in ("incomplete", "failed")


def backfill_candles(pair: str, day: date, feed: CandleFeed, history: History, now: datetime) -> DayCandles:
    """Fetch and store the closed minutes of a day that are not stored.

    Raises
    ------
    SourceUnavailable
        If minutes are missing and no exchange of the pair answers.
    """
    start_at, end_at = day_start(day), min(day_start(day) + timedelta(days=1), now.replace(second=0, microsecond=0))
    stored = history.read_candles(pair, start_at, end_at)
    missing = missing_ranges(stored, start_at, end_at) if end_at > start_at else []
    fetch, fresh = None, CandleSeries.empty()
    if missing:
        fetch = feed.fetch_candles(pair, missing[0][0], missing[-1][1])
        fresh = fresh_minutes(fetch.series.between(start_at, end_at), stored)
        history.write_candles(pair, fresh)
    return DayCandles(
        pair=pair,
        start_at=start_at,
        end_at=end_at,
        series=history.read_candles(pair, start_at, end_at),
        fresh=fresh,
        sources=fetch.sources if fetch else (),
        problems=fetch.problems if fetch else (),
    )


def backfill_snapshots(pair: str, day: date, snapshots: PastSnapshots, history: History, now: datetime) -> DaySnapshots:
    """Read and store the snapshots of a day's quarter hours that have none, each as soon as it is read.

    Raises
    ------
    SourceUnavailable
        If a chain does not answer or keeps no state of that time; what was read before stays.
    InvalidInput
        If no quarter hour of the day is over.
    """
    wanted = settled_epochs(day, now)
    if not wanted:
        raise InvalidInput(f"no quarter hour of {day.isoformat()} is over for {SETTLED}: there is nothing to backfill")
    stored = set(history.read_epoch_times(SNAPSHOTS, pair, wanted[0], wanted[-1] + EPOCH_LENGTH))
    fresh: list[datetime] = []
    for at in wanted:
        if at not in stored:
            snapshot = snapshots.read_past_snapshot(Epoch(pair=pair, epoch_at=at))
            if history.write_epoch_once(SNAPSHOTS, snapshot):
                fresh.append(at)
    last = history.read_epoch(SNAPSHOTS, MarketSnapshot, pair, wanted[-1])
    if last is None:
        raise InvalidInput(f"{SNAPSHOTS} of {pair} at {wanted[-1].isoformat()} is gone right after it was written")
    payloads = history.read_payloads(SNAPSHOTS, pair, wanted[0], wanted[-1] + EPOCH_LENGTH)
    digest = hashlib.sha256("\n".join(payload_sha256(payload) for _, payload in payloads).encode()).hexdigest()
    return DaySnapshots(pair=pair, stored=tuple(at for at, _ in payloads), fresh=tuple(fresh), last=last, sha256=digest)


def day_start(day: date) -> datetime:
    """Return the first moment of a UTC day."""
    return datetime.combine(day, time(), tzinfo=UTC)


def settled_epochs(day: date, now: datetime) -> list[datetime]:
    """Return the quarter hours of a day that no run of their own will read any more."""
    every = [day_start(day) + number * EPOCH_LENGTH for number in range(96)]
    return [at for at in every if at + SETTLED <= now]


def day_check(found: DayCandles) -> dg.AssetCheckResult:
    """Check that the day is complete. A hole is a warning: no epoch waits for this day, and exchanges may have none."""
    problems = [f"minutes missing from {start.isoformat()} to {end.isoformat()}" for start, end in found.missing]
    return dg.AssetCheckResult(
        check_name=MINUTES_COMPLETE,
        passed=not problems,
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join(problems) or None,
        metadata={"problems": dg.MetadataValue.md("\n".join(f"- {text}" for text in problems) or "none")},
    )


def day_blocks_check(found: DaySnapshots) -> dg.AssetCheckResult:
    """Check the last snapshot of a day as that of an epoch."""
    return one_block_per_chain(found.last)


def day_snapshots_metadata(found: DaySnapshots) -> Metadata:
    """How many quarter hours have a snapshot, and the last of them."""
    return {
        **snapshot_metadata(found.last),
        "epochs_stored": len(found.stored),
        "epochs_fresh": len(found.fresh),
        INPUTS_SHA256: found.sha256,
    }


class Backfill:
    """Completes days in this process and reports each to a Dagster instance as a materialized partition.

    Parameters
    ----------
    instance
        Where materializations are reported.
    history, feed, snapshots
        What is completed, and from where.
    clock
        Tells the time, aware; nothing after it is asked for.
    """

    def __init__(
        self,
        instance: dg.DagsterInstance,
        history: History,
        feed: CandleFeed,
        snapshots: PastSnapshots,
        clock: Callable[[], datetime],
    ) -> None:
        self._instance = instance
        self._history = history
        self._feed = feed
        self._snapshots = snapshots
        self._clock = clock
        self._known: dict[str, set[str]] = {}

    def run_day(self, asset: Asset, pair: str, day: date) -> DayOutcome:
        """Complete one day; what goes wrong is in the outcome, and later days can go on."""
        if day < date.fromisoformat(FIRST_DAY):
            return DayOutcome(asset=asset, day=day, state="failed", detail=f"partitions begin on {FIRST_DAY}")
        try:
            return self._candles(pair, day) if asset == CANDLES else self._pool_snapshots(pair, day)
        except AlmError as error:
            return DayOutcome(asset=asset, day=day, state="failed", detail=str(error))

    def _candles(self, pair: str, day: date) -> DayOutcome:
        now = self._clock()
        if day_start(day) + timedelta(minutes=1) > now:
            return DayOutcome(asset="candles", day=day, state="not begun")
        found = backfill_candles(pair, day, self._feed, self._history, now)
        self._report(CANDLES, pair, day, bool(len(found.fresh)), lambda: candle_metadata(found))
        missing = "; ".join(f"{start.isoformat()} to {end.isoformat()}" for start, end in found.missing)
        return DayOutcome(
            asset="candles",
            day=day,
            state="incomplete" if missing else "complete" if len(found.fresh) else "was complete",
            stored=len(found.series),
            fresh=len(found.fresh),
            detail=f"missing {missing}; {_words(found.problems)}" if missing else _words(found.problems),
        )

    def _pool_snapshots(self, pair: str, day: date) -> DayOutcome:
        now = self._clock()
        if not settled_epochs(day, now):
            return DayOutcome(asset="pool_snapshots", day=day, state="not begun")
        found = backfill_snapshots(pair, day, self._snapshots, self._history, now)
        self._report(SNAPSHOTS, pair, day, bool(found.fresh), lambda: day_snapshots_metadata(found))
        return DayOutcome(
            asset="pool_snapshots",
            day=day,
            state="complete" if found.fresh else "was complete",
            stored=len(found.stored),
            fresh=len(found.fresh),
        )

    def _report(self, asset: str, pair: str, day: date, changed: bool, metadata: Callable[[], Metadata]) -> None:
        key = dg.MultiPartitionKey({"pair": pair, "day": day.isoformat()})
        # A day that epochs looked back on is stored without a partition of its own being materialized.
        if changed or str(key) not in self._materialized(asset):
            register_pairs(self._instance, [pair])
            self._instance.report_runless_asset_event(
                dg.AssetMaterialization(asset, partition=key, metadata=metadata())
            )

    def _materialized(self, asset: str) -> set[str]:
        if asset not in self._known:
            self._known[asset] = self._instance.get_materialized_partitions(dg.AssetKey(asset))
        return self._known[asset]


def _words(problems: Sequence[SourceProblem]) -> str:
    return "; ".join(f"{problem.source}: {problem.detail}" for problem in problems)

"""Backtests on disk: a folder per run, written day by day. A run that was stopped goes on after its last whole day.

``<root>/<pair>-<policy>-<first day>-<digest>/``: ``config.json`` says what the run was made with, ``days/`` has a file
per day that is whole, and beside it are histories by epoch: :data:`EPOCHS` and what was decided and done. The digest is
of everything that the path depends on besides the market, so that runs of other policies, capitals or venues never mix.

A stored day counts only while what is recorded of the market up to it is what it was computed from.
"""

import hashlib
import json
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, timedelta
from functools import lru_cache
from pathlib import Path

from alm_core.backtest.deciders import decider_named
from alm_core.backtest.run import run_backtest, summary_of
from alm_core.model.backtest import BacktestConfig, BacktestEpoch, BacktestSummary, SimulatedBook
from alm_core.model.config import LimitsConfig, StrategyConfig
from alm_core.model.epochs import EPOCHS_PER_DAY
from alm_core.model.errors import HistoryCorrupted, InvalidInput
from alm_core.model.inputs import LOOK_BACK
from alm_core.model.transactions import ExecutionReport
from alm_resources.history.days import stream_days, write_day
from alm_resources.history.files import day_file, days_between, folder_of, replace_file, writer_lock
from alm_resources.history.market import SNAPSHOTS, RecordedMarket
from alm_resources.history.payload import payload_of, value_from_payload
from alm_resources.history.recorded import simulated_report
from alm_resources.history.store import CANDLES, EpochValue, HistoryStore, day_bounds

EPOCHS, EXECUTED = "epochs", "executed_transactions"
CONFIG_FILE = "config.json"
DAY = timedelta(days=1)
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSetup:
    """Everything that the path of a backtest depends on, besides the market and its first day."""

    config: BacktestConfig
    strategy: StrategyConfig
    limits: LimitsConfig
    code_version: str

    @property
    def digest(self) -> str:
        """Short digest; equal for equal setups."""
        parts = (payload_of(self.config), payload_of(self.strategy), payload_of(self.limits), self.code_version)
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:10]


@dataclass(frozen=True, slots=True, kw_only=True)
class DayDone:
    """A day of a backtest that is stored.

    Parameters
    ----------
    epochs, valued
        Epochs of the day, and those whose market was known. None before the first epoch with a recorded market.
    seconds
        CPU time that computing it took.
    seal
        Digest of what was recorded of the market up to the end of the day.
    computed
        Whether it was computed just now, and not found.
    """

    day: date
    epochs: int
    valued: int
    seconds: float
    seal: str
    computed: bool = False


class StoredRun:
    """What is stored of a backtest.

    Parameters
    ----------
    folder, pair, first_day
        Where it is kept, and the UTC day it begins on.
    """

    def __init__(self, folder: Path, pair: str, first_day: date) -> None:
        self.folder = folder
        self.name = folder.name
        self.pair = pair
        self.first_day = first_day
        self.history = HistoryStore(folder)

    def epochs(self, first_day: date, last_day: date) -> Iterator[BacktestEpoch]:
        """Yield the stored epochs from one day to another, oldest first.

        ``book.recent`` is empty but in the last epoch of a day: a run goes on from there, and the figures of every
        epoch are in the epochs themselves.
        """
        return stream_days(self.history, EPOCHS, BacktestEpoch, self.pair, first_day, last_day)

    def executed(self, first_day: date, last_day: date) -> Iterator[ExecutionReport]:
        """Yield what the venue did from one day to another, oldest first."""
        return stream_days(self.history, EXECUTED, ExecutionReport, self.pair, first_day, last_day)

    def summary(self, last_day: date) -> BacktestSummary:
        """Return what the stored days up to ``last_day`` came to.

        Raises
        ------
        InvalidInput
            If no epoch of them has a known market.
        """
        days = days_between(self.first_day, last_day)
        seconds = sum(done.seconds for day in days if (done := self.found(day)) is not None)
        return summary_of(self.epochs(self.first_day, last_day), seconds)

    def begun_by(self, last_day: date) -> bool:
        """Return whether an epoch up to ``last_day`` has a market that is known."""
        days = (self.found(day) for day in days_between(self.first_day, last_day))
        return any(done.valued for done in days if done is not None)

    def found(self, day: date) -> DayDone | None:
        """Return the record of a stored day, ``None`` if there is none.

        Raises
        ------
        HistoryCorrupted
            If it cannot be read; names the path.
        """
        path = self.record(day)
        try:
            return value_from_payload(DayDone, path.read_text(encoding="utf-8"), str(path))
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise HistoryCorrupted(f"{path}: {error}; move it away, the day is computed anew") from error

    def record(self, day: date) -> Path:
        """Return the path of the record of a day; it is there if the day is whole."""
        return self.folder / "days" / f"{day.isoformat()}.json"


class BacktestRun(StoredRun):
    """One backtest over recorded history.

    Parameters
    ----------
    recorded
        History of the market; only read.
    root
        Where backtests are kept.
    setup, first_day
        What it is made with, and the UTC day it begins on.

    Raises
    ------
    ConfigError
        If the policy is not known.
    """

    def __init__(self, recorded: HistoryStore, root: Path, setup: RunSetup, first_day: date) -> None:
        decider_named(setup.config.policy)
        pair, policy = setup.config.pair, _NOT_PLAIN.sub("-", setup.config.policy)
        name = f"{pair}-{policy}-{first_day.isoformat()}-{setup.digest}"
        super().__init__(folder_of(root, name, pair).parent, pair, first_day)
        self.setup = setup
        self._recorded = recorded

    def days(self, last_day: date, *, anew_from: date | None = None) -> Iterator[DayDone]:
        """Yield the days up to ``last_day``, each as soon as it is stored: those that are already, then the others.

        Another process that works on the same run is waited for.

        Parameters
        ----------
        last_day
            Last UTC day.
        anew_from
            First day that is computed again although it is stored.
        """
        with writer_lock(self.folder):
            self._describe()
            seals = dict(self._seals(last_day))
            day = self.first_day
            while day <= min(last_day, anew_from - DAY if anew_from is not None else last_day):
                stored = self.found(day)
                if stored is None or stored.seal != seals[day]:
                    break
                yield stored
                day += DAY
            if day <= last_day:
                yield from self._computed(day, last_day, seals)

    def day(self, day: date, *, anew: bool = False) -> DayDone:
        """Return a day; it and those before it are computed where they are not stored."""
        return list(self.days(day, anew_from=day if anew else None))[-1]

    def _computed(self, first: date, last: date, seals: dict[date, str]) -> Iterator[DayDone]:
        earlier = self._earlier(first)
        book = earlier[-1].book if earlier else None
        setup, market = self.setup, RecordedMarket(self._recorded, self.pair)
        others = {pair: RecordedMarket(self._recorded, pair) for pair in setup.config.other_pairs}
        bounds = day_bounds(first)[0], day_bounds(last)[1]
        day, found = first, list[BacktestEpoch]()
        started_s = time.process_time()
        for epoch in run_backtest(market, *bounds, setup.config, setup.strategy, setup.limits, earlier, others):
            while day < epoch.epoch_at.astimezone(UTC).date():
                yield self._store(day, found, book, seals[day], started_s)
                book = found[-1].book if found else book
                day, found, started_s = day + DAY, [], time.process_time()
            found.append(epoch)
        while day <= last:
            yield self._store(day, found, book, seals[day], started_s)
            book = found[-1].book if found else book
            day, found, started_s = day + DAY, [], time.process_time()

    def _store(
        self, day: date, epochs: Sequence[BacktestEpoch], before: SimulatedBook | None, seal: str, started_s: float
    ) -> DayDone:
        """Write a day; its record comes last, so that a day is whole or not there."""
        self.record(day).unlink(missing_ok=True)
        kept: dict[str, list[EpochValue]] = {
            EPOCHS: [*(_slim(one) for one in epochs[:-1]), *epochs[-1:]],
            "force_signals": [one.signals for one in epochs if one.signals is not None],
            "optimized_ranges": [
                one.book.optimized
                for one in epochs
                if one.book.optimized is not None and one.book.optimized.epoch_at == one.epoch_at
            ],
            "allocations": [one.plan for one in epochs if one.plan is not None],
            EXECUTED: [],
        }
        for one in epochs:
            report = simulated_report(one, before, self.setup.config.venue)
            kept[EXECUTED].extend([] if report is None else [report])
            before = one.book
        for asset, values in kept.items():
            write_day(self.history, asset, self.pair, day, values)
        done = DayDone(
            day=day,
            epochs=len(epochs),
            valued=sum(one.nav_usd is not None for one in epochs),
            seconds=time.process_time() - started_s,
            seal=seal,
            computed=True,
        )
        self.record(day).parent.mkdir(exist_ok=True)
        replace_file(self.record(day), payload_of(replace(done, computed=False)).encode())
        return done

    def _earlier(self, day: date) -> list[BacktestEpoch]:
        """Epochs before a day, as many as yields look back on or all there are."""
        found: list[BacktestEpoch] = []
        wanted = max(1, self.setup.strategy.yield_window_epochs)
        while day > self.first_day and sum(one.seen is not None for one in found) < wanted:
            day -= DAY
            found = [*self.epochs(day, day), *found]
        return found

    def _seals(self, last: date) -> Iterator[tuple[date, str]]:
        pair, others = self.pair, self.setup.config.other_pairs
        looked_back = -(-self.setup.strategy.yield_window_epochs // EPOCHS_PER_DAY)
        before = [(CANDLES, pair, self.first_day - number * DAY) for number in range(LOOK_BACK.days, 0, -1)]
        before += [(SNAPSHOTS, pair, self.first_day - number * DAY) for number in range(looked_back, 0, -1)]
        before += [(CANDLES, other, self.first_day - DAY) for other in others]
        seal = self._sealed("", before)
        for day in days_between(self.first_day, last):
            files = [(CANDLES, pair, day), (SNAPSHOTS, pair, day), *((CANDLES, other, day) for other in others)]
            seal = self._sealed(seal, files)
            yield day, seal

    def _sealed(self, before: str, files: Sequence[tuple[str, str, date]]) -> str:
        root = self._recorded.root
        digests = [_digest(day_file(folder_of(root, asset, pair), day)) for asset, pair, day in files]
        return hashlib.sha256("\n".join((before, *digests)).encode()).hexdigest()

    def _describe(self) -> None:
        path = self.folder / CONFIG_FILE
        if path.exists():
            return
        parts = ("config", "strategy", "limits")
        told = {
            "first_day": self.first_day.isoformat(),
            "code_version": self.setup.code_version,
            **{name: json.loads(payload_of(getattr(self.setup, name))) for name in parts},
        }
        replace_file(path, json.dumps(told, indent=2).encode())


def stored_run(root: Path, name: str) -> StoredRun:
    """Return the run of a name.

    Raises
    ------
    InvalidInput
        If there is none, or its description cannot be read; names the folder.
    """
    folder = folder_of(root, name, "any").parent
    try:
        told = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
        return StoredRun(folder, str(told["config"]["pair"]), date.fromisoformat(told["first_day"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidInput(f"no backtest can be read in {folder}: {error!r}") from error


def _slim(epoch: BacktestEpoch) -> BacktestEpoch:
    return replace(epoch, book=replace(epoch.book, recent=()))


def _digest(path: Path) -> str:
    try:
        stat = path.stat()
    except FileNotFoundError:
        return "-"
    return _digest_of(path, stat.st_mtime_ns, stat.st_size, stat.st_ino)


@lru_cache(maxsize=4096)
def _digest_of(path: Path, _mtime_ns: int, _size: int, _inode: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()

"""A small recorded history for backtests: a seeded tape as candles and snapshots on disk."""

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from alm_core.backtest.assumed import READ_AFTERWARDS
from alm_core.model.epochs import EPOCH_LENGTH, EPOCHS_PER_DAY
from alm_core.model.market import MarketSnapshot, SourceProblem
from alm_resources.history import HistoryStore
from alm_resources.history.days import stream_days, write_day
from alm_tests.bench.scoreboard.tapes import seeded
from alm_tests.bench.scoreboard.world import TapeWorld
from alm_tests.core.backtest.tape_snapshot import PAIR

FIRST_DAY = date(2026, 1, 31)
"""First day with a whole look-back of candles before it; three days follow it on the tape."""
DAYS = [FIRST_DAY + timedelta(days=number) for number in range(3)]
ONE_DAY = timedelta(days=1)


def at(day: date, hour: int = 0, minute: int = 0) -> datetime:
    """A moment of a UTC day."""
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC)


def recorded_tape(root: Path, seed: int = 1, *, holes: Collection[datetime] = ()) -> HistoryStore:
    """Write the candles of a seeded tape and its snapshots from the day before ``FIRST_DAY`` to the last of ``DAYS``.

    ``holes`` are epochs without a snapshot.
    """
    store, tape = HistoryStore(root), seeded(seed)
    store.write_candles(PAIR, tape.candles)
    world = TapeWorld(tape, at(FIRST_DAY))
    for day in (FIRST_DAY - ONE_DAY, *DAYS):
        epochs = [at(day) + number * EPOCH_LENGTH for number in range(EPOCHS_PER_DAY)]
        write_day(store, "pool_snapshots", PAIR, day, [_seen(world, one) for one in epochs if one not in holes])
    return store


def read_afterwards(store: HistoryStore, day: date) -> None:
    """Replace the snapshots of a day by what archive nodes would have told: no USD prices. Figures of services stay."""
    found: list[MarketSnapshot] = []
    for one in stream_days(store, "pool_snapshots", MarketSnapshot, PAIR, day, day):
        problem = SourceProblem(source=READ_AFTERWARDS, detail="not known then")
        chains = tuple(replace(state, native_usd=None) for state in one.chains)
        found.append(replace(one, quote_usd=None, chains=chains, problems=(problem,)))
    write_day(store, "pool_snapshots", PAIR, day, found)


def _seen(world: TapeWorld, epoch_at: datetime) -> MarketSnapshot:
    return replace(world.snapshot(epoch_at), holdings=())

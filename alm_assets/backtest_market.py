"""What is recorded of a day's market, for a backtest: metadata, and a warning where something is missing."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

import dagster as dg

from alm_assets.market_tables import exchange_table, snapshot_metadata
from alm_assets.tables import Metadata, problem_list
from alm_core.backtest.assumed import READ_AFTERWARDS
from alm_core.model.epochs import EPOCH_LENGTH, EPOCHS_PER_DAY
from alm_core.model.inputs import missing_ranges
from alm_core.model.market import MarketSnapshot

if TYPE_CHECKING:
    from alm_resources.history import HistoryStore

MINUTES_RECORDED, SNAPSHOTS_RECORDED = "minutes_recorded", "snapshots_recorded"


def recorded_minutes(history: "HistoryStore", pair: str, day: date) -> tuple[Metadata, dg.AssetCheckResult]:
    """Return what is recorded of a day's candles."""
    start_at = _start(day)
    series = history.read_candles(pair, start_at, start_at + timedelta(days=1))
    gaps = missing_ranges(series, start_at, start_at + timedelta(days=1))
    holes = [f"minutes missing from {first:%H:%M} to {_until(first, last)}" for first, last in gaps]
    figures: Metadata = {
        "minutes": len(series),
        "filled_minutes": int(series.filled.sum()),
        "exchanges": dg.MetadataValue.md(exchange_table(series)),
        "missing": problem_list(holes),
    }
    if len(series):
        figures["last_close"] = float(series.close[-1])
    return figures, _warned(MINUTES_RECORDED, holes)


def recorded_quarter_hours(history: "HistoryStore", pair: str, day: date) -> tuple[Metadata, dg.AssetCheckResult]:
    """Return which quarter hours of a day have a snapshot that a backtest can use, and why others have none."""
    from alm_resources.history.days import stream_days

    every = [_start(day) + number * EPOCH_LENGTH for number in range(EPOCHS_PER_DAY)]
    stored: set[datetime] = set()
    doubts: Counter[str] = Counter()
    afterwards = 0
    last: MarketSnapshot | None = None
    for one in stream_days(history, "pool_snapshots", MarketSnapshot, pair, day, day):
        stored.add(one.epoch_at.astimezone(UTC))
        wrong = [problem for problem in one.problems if problem.source != READ_AFTERWARDS]
        doubts.update(f"{problem.source}: {problem.detail}" for problem in wrong[:1])
        afterwards += int(bool(one.problems) and not wrong)
        last = one
    missing = [at for at in every if at not in stored]
    holes = [f"no snapshot from {first:%H:%M} to {_until(first, last)}" for first, last in ranges(missing)]
    holes += [f"{count} snapshots are not complete, and held through: {text}" for text, count in doubts.most_common()]
    if afterwards:
        holes.append(
            f"{afterwards} snapshots were read afterwards: used with prices that a backtest assumes, else held"
        )
    figures: Metadata = {
        **(snapshot_metadata(last) if last is not None else {}),
        "epochs_recorded": len(stored),
        "epochs_usable": len(stored) - doubts.total() - afterwards,
        "epochs_read_afterwards": afterwards,
        "missing": problem_list(holes),
    }
    return figures, _warned(SNAPSHOTS_RECORDED, holes)


def ranges(moments: Iterable[datetime]) -> list[tuple[datetime, datetime]]:
    """Return quarter hours as ranges of consecutive ones.

    Examples
    --------
    >>> day = datetime(2026, 1, 1, tzinfo=UTC)
    >>> [(f"{a:%H:%M}", f"{b:%H:%M}") for a, b in ranges(day + n * EPOCH_LENGTH for n in (0, 1, 2, 8))]
    [('00:00', '00:45'), ('02:00', '02:15')]
    """
    found: list[tuple[datetime, datetime]] = []
    for at in moments:
        if found and found[-1][1] == at:
            found[-1] = found[-1][0], at + EPOCH_LENGTH
        else:
            found.append((at, at + EPOCH_LENGTH))
    return found


def _warned(name: str, holes: Sequence[str]) -> dg.AssetCheckResult:
    """A hole is a warning: a backtest holds through it and says so."""
    return dg.AssetCheckResult(
        check_name=name,
        passed=not holes,
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join(holes) or None,
        metadata={"problems": problem_list(holes)},
    )


def _start(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)


def _until(first: datetime, last: datetime) -> str:
    return "24:00" if last.date() > first.date() else f"{last:%H:%M}"

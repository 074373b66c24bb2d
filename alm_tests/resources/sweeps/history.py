"""A small recorded history: a generated pool over a few days, as live epochs would have stored it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import polars as pl

from alm_core.model.epochs import EPOCH_LENGTH
from alm_resources.history import HistoryStore
from alm_resources.history.files import day_file, folder_of
from alm_resources.history.frames import write_frame
from alm_resources.history.store import _epoch_frame  # pyright: ignore[reportPrivateUsage]
from alm_tests.bench.scoreboard.tapes import ScoreTape, seeded
from alm_tests.bench.scoreboard.world import TapeWorld
from alm_tests.core.backtest.tape_snapshot import PAIR

START = datetime(2026, 1, 1, tzinfo=UTC)
"""First minute of the generated tape."""


@cache
def _tape() -> ScoreTape:
    return seeded(0)


def record(root: Path, days: int, *, pair: str = PAIR) -> Path:
    """Store candles and snapshots of the first days of a tape; the first quarter hour has no snapshot."""
    tape, history = _tape(), HistoryStore(root)
    end_at = START + timedelta(days=days)
    history.write_candles(pair, tape.candles.between(START, end_at))
    world = TapeWorld(tape, START + EPOCH_LENGTH)
    for day in range(days):
        first = START + timedelta(days=day)
        epochs = [first + number * EPOCH_LENGTH for number in range(96)]
        snapshots = [replace(world.snapshot(at), pair=pair, holdings=()) for at in epochs if at > START]
        frame = pl.concat([_epoch_frame(snapshot) for snapshot in snapshots], how="diagonal_relaxed")
        path = day_file(folder_of(root, "pool_snapshots", pair), first.date())
        path.parent.mkdir(parents=True, exist_ok=True)
        write_frame(path, frame)
    return root

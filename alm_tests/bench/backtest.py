"""Backtests: a year with fixed parameters, a year re-tuned at every epoch, memory, and a peer on the same minutes."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from alm_core.backtest.run import run_backtest, summary_of
from alm_core.model.backtest import BacktestConfig
from alm_core.model.candles import CandleSeries
from alm_core.model.config import LimitsConfig, StrategyConfig
from alm_core.model.epochs import EPOCHS_PER_DAY
from alm_core.model.market import MarketSnapshot
from alm_tests.bench.demeter_peer import ROOT, WIDTH_TICKS, demeter, peer_python
from alm_tests.bench.figure import Figure, cpu_times_s, median
from alm_tests.bench.scoreboard.tapes import ScoreTape, polygon
from alm_tests.bench.scoreboard.world import TapeWorld, first_epoch
from alm_tests.core.backtest.tape_snapshot import PAIR
from alm_tests.core.simulation.recorded_pool import DAYS, FOLDER, RECORDED, recorded_frame

YEAR_DAYS = 365
HALF_DAYS, TWO_YEARS_DAYS = 182, 730
RETUNED_DAYS = int(os.environ.get("ALM_BENCH_RETUNED_DAYS", "30"))
"""Days that are really run with a search at every epoch; a year is scaled from them. Fewer for a quick look."""
PEER_REPEATS = 3
FIXED_TARGET_S, RETUNED_TARGET_S, RETUNED_GOAL_S = 60.0, 7200.0, 4200.0


def fixed() -> Iterator[Figure]:
    """CPU of a year of the default policy with its parameters fixed, and how memory grows with history."""
    found = _fresh("fixed", TWO_YEARS_DAYS)
    summary, cpu_s, rss_mb = found["summary"], found["cpu_s"], found["rss_mb"]
    yield Figure(
        name="backtest_1y_fixed_s",
        value=cpu_s[YEAR_DAYS - 1],
        unit="s",
        note=f"target {FIXED_TARGET_S:g}; process CPU of the first {YEAR_DAYS * EPOCHS_PER_DAY} epochs of two years, "
        f"all run, minutes of a seeded pool made day by day on the way; default policy, strategy.optimize off, code "
        f"compiled before, second year {cpu_s[-1] - cpu_s[YEAR_DAYS - 1]:.4g} s; {_told(summary)}",
    )
    half, whole = max(rss_mb[:HALF_DAYS]), max(rss_mb)
    more_years = (TWO_YEARS_DAYS - HALF_DAYS) / YEAR_DAYS
    yield Figure(
        name="backtest_memory_mb_per_year",
        value=(whole - half) / more_years,
        unit="MB",
        note=f"resident memory at most {half:.4g} MB within {HALF_DAYS} days, {whole:.4g} MB within {TWO_YEARS_DAYS} "
        f"({whole / half - 1.0:+.2%}), looked at at the end of every day of one run; epochs are not kept",
    )


def retuned() -> Iterator[Figure]:
    """CPU of a year in which the parameters are searched at every epoch, from a part of it that is really run."""
    found = _fresh("retuned", RETUNED_DAYS)
    spent_s = found["cpu_s"][-1]
    epochs = RETUNED_DAYS * EPOCHS_PER_DAY
    yield Figure(
        name="backtest_1y_retuned_cpu_s",
        value=spent_s * YEAR_DAYS / RETUNED_DAYS,
        unit="s",
        note=f"target {RETUNED_TARGET_S:g}, goal {RETUNED_GOAL_S:g}; measured: {RETUNED_DAYS} days, {epochs} epochs, "
        f"{spent_s:.4g} s of process CPU, {spent_s / epochs * 1e3:.4g} ms each, times {YEAR_DAYS}/{RETUNED_DAYS}; one "
        f"pair, every epoch searched over 30 days of minutes; {_told(found['summary'])}",
    )


def against_demeter() -> Iterator[Figure]:
    """CPU of demeter over ours for a day of a recorded pool: its simplest strategy, our whole decision."""
    if not RECORDED.exists():
        print(f"backtest_vs_demeter_ratio left out: no recorded minutes at {RECORDED}", file=sys.stderr)
        return
    python = peer_python()
    if python is None:
        return
    tape = polygon(FOLDER)
    days = DAYS - 2
    _lived(tape, 1)
    theirs, ours = list[float](), list[float]()
    with tempfile.TemporaryDirectory(prefix="alm-bench-") as folder:
        minutes = Path(folder) / "minutes.csv"
        recorded_frame().write_csv(minutes)
        for _ in range(PEER_REPEATS):
            theirs.append(demeter(python, minutes)["cpu_s"] / DAYS)
            ours += [spent / days for spent in cpu_times_s(lambda: _lived(tape, days), 1)]
    yield Figure(
        name="backtest_vs_demeter_ratio",
        value=median(theirs) / median(ours),
        unit="x",
        note=f"process CPU per day of the recorded Polygon pool, in turns, median of {PEER_REPEATS}: demeter 1.3.0 "
        f"recentring +-{WIDTH_TICKS} ticks {median(theirs) * 1e3:.4g} ms over {DAYS} d, our backtest with forces, "
        f"regimes, water-filling, costs and gates at each quarter hour {median(ours) * 1e3:.4g} ms over {days} d",
    )


class Recorded:
    """The recorded pool as a history, without its wallet."""

    def __init__(self, tape: ScoreTape, first_at: datetime) -> None:
        self.tape, self.world = tape, TapeWorld(tape, first_at)

    def candles(self, start_at: datetime, end_at: datetime) -> CandleSeries:
        return self.tape.candles.between(start_at, end_at)

    def snapshot(self, epoch_at: datetime) -> MarketSnapshot:
        return replace(self.world.snapshot(epoch_at), holdings=())


def _lived(tape: ScoreTape, days: int) -> None:
    # The yields of the first epoch look back on a day of snapshots.
    first_at = first_epoch(tape, 2)
    config, strategy = BacktestConfig(pair=PAIR), StrategyConfig(max_pool_share=1.0, optimize=False)
    market = Recorded(tape, first_at)
    epochs = run_backtest(market, first_at, first_at + timedelta(days=days), config, strategy, LimitsConfig())
    assert summary_of(epochs, 0.0).epochs == days * EPOCHS_PER_DAY


@cache
def _fresh(kind: str, days: int) -> dict[str, Any]:
    """One backtest in a fresh process: its memory is nobody else's."""
    command = [sys.executable, "-m", "alm_tests.bench.backtest_script", kind, str(days)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed: {done.stderr.strip().splitlines()[-1:]}")
    return json.loads(done.stdout)


def _told(summary: dict[str, Any]) -> str:
    decisions = ", ".join(f"{count} {kind}" for kind, count in summary["decisions"].items())
    return f"{summary['epochs']} epochs: {decisions}; NAV {summary['nav_start']:.2f} to {summary['nav_end']:.2f} USD"

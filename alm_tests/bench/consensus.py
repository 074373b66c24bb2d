"""Thirty days of six venues into one filled series."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import numpy as np

from alm_core.candles import FilledSeries, VenueSeries, consensus, fill_gaps
from alm_core.candles.consensus import DEFAULT_RULES
from alm_tests.bench.figure import Figure, cpu_times_s, median, spread
from alm_tests.core.candles import twin
from alm_tests.core.candles.markets import frozen, honest, replaced, scaled, without
from alm_tests.core.forces.tapes import END_AT, walk

DAYS = 30
TWIN_MINUTES = 1440
REPEATS = 9


def venues_with_faults() -> list[VenueSeries]:
    """Six venues with noise of 1 bp: one lies by 30 bp, one is frozen for a day, one lacks a tenth of its minutes.

    Half an hour of each day nobody has.
    """
    truth = walk(DAYS)
    venues = honest(without(truth, np.arange(len(truth)) % 1440 < 30))
    binance, _, okx, _, gate, _ = (each.series for each in venues)
    holes = np.random.default_rng(5).random(len(gate)) < 0.1
    return replaced(
        venues, binance=scaled(binance, 1 + 30e-4), okx=frozen(okx, 20_000, 21_440), gate=without(gate, holes)
    )


def consensus_of_30_days() -> Iterator[Figure]:
    """CPU of consensus and filling, and against the plain Python it must equal."""
    venues = venues_with_faults()
    start_at = END_AT - timedelta(days=DAYS)

    def agree() -> FilledSeries:
        return fill_gaps(consensus(venues).series, start_at, END_AT)

    found = agree()
    first = [replace(each, series=each.series.rows(slice(0, TWIN_MINUTES))) for each in venues]
    fast: list[float] = []
    slow: list[float] = []
    # Taken in turns: both see the same load of the machine.
    for _ in range(REPEATS):
        fast += cpu_times_s(agree, 1)
        slow += cpu_times_s(lambda: twin.consensus_minutes(first, DEFAULT_RULES), 1)
    minutes = len(found.series)
    filled = int(np.count_nonzero(found.series.filled))
    yield Figure(
        name="consensus_30d_cpu_seconds",
        value=median(fast),
        unit="s",
        note=f"6 venues x {DAYS * 1440} minutes, one lies, one freezes, one has holes, consensus + fill_gaps: "
        f"{minutes} minutes out, {filled} of them filled; process CPU; {spread(fast)}",
    )
    per_minute = median(slow) / len(first[0].series), median(fast) / (DAYS * 1440)
    yield Figure(
        name="consensus_speed_ratio_vs_python",
        value=per_minute[0] / per_minute[1],
        unit="x",
        note=f"plain Python with equal results {per_minute[0] * 1e6:.4g} us a minute over the first day, consensus and "
        f"fill_gaps {per_minute[1] * 1e6:.4g} us over all; process CPU, repeats in turns; median of {REPEATS} each",
    )

"""A year of minutes: the policy over it, its forces, the memory it takes, and what compiling costs."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from alm_core.forces.aggregation import aggregate
from alm_core.forces.composite import composite_at_quarters
from alm_core.model.candles import CandleSeries, FloatArray
from alm_tests.bench import minute_year
from alm_tests.bench.figure import Figure, cpu_times_s, median, spread
from alm_tests.core.forces.tapes import walk

ROOT = Path(__file__).resolve().parents[2]
YEAR_DAYS, SHORT_DAYS = 365, 60
REPEATS = 15
PROCESSES = 3
COMPILED_DAYS = 10


def policy_of_a_year() -> Iterator[Figure]:
    """CPU of one parameter set over a year of minutes."""
    market = minute_year.year_market(YEAR_DAYS)
    found = minute_year.run(market)
    spent = [seconds * 1e3 for seconds in cpu_times_s(lambda: minute_year.run(market), REPEATS)]
    note = (
        f"{len(market)} seeded M1 minutes, policy mode, one parameter set, {len(found.nav)} quarter-hour decisions, "
        f"{found.rebalances} rebalances, in range {found.in_range_frac:.1%}; minutes and forces prepared before; "
        f"process CPU; {spread(spent)}"
    )
    yield Figure(name="simulate_1y_m1_ms", value=median(spent), unit="ms", note=note)


def forces_of_a_year() -> Iterator[Figure]:
    """CPU of the composite forces at every quarter hour of a year, from minutes."""
    series = walk(YEAR_DAYS)
    epochs = len(_forces(series))
    spent = cpu_times_s(lambda: _forces(series), REPEATS)
    note = f"composite of M15, H1, H4 at each of {epochs} quarter hours from {len(series)} M1 candles; {spread(spent)}"
    yield Figure(name="forces_35040_epochs_cpu_s", value=median(spent), unit="s", note=note)


def memory_of_a_year() -> Iterator[Figure]:
    """Peak memory of a process that prepares and simulates a year, over that of sixty days."""
    with tempfile.TemporaryDirectory(prefix="alm-bench-") as cache:
        _fresh(COMPILED_DAYS, cache)
        peaks = {
            days: median([_fresh(days, cache)["peak_mb"] for _ in range(PROCESSES)]) for days in (SHORT_DAYS, YEAR_DAYS)
        }
    note = (
        f"max RSS of a fresh process that makes, prepares and simulates its minutes day by day: {YEAR_DAYS} d "
        f"{peaks[YEAR_DAYS]:.4g} MB, {SHORT_DAYS} d {peaks[SHORT_DAYS]:.4g} MB; compiled before; median of {PROCESSES}"
    )
    ratio = peaks[YEAR_DAYS] / peaks[SHORT_DAYS]
    yield Figure(name="simulate_peak_memory_ratio_365d_vs_60d", value=ratio, unit="x", note=note)


def compilation() -> Iterator[Figure]:
    """CPU of the first run in a fresh process beyond that of its second, with nothing compiled and with the cache."""
    cold, cached = [], []
    for _ in range(PROCESSES):
        with tempfile.TemporaryDirectory(prefix="alm-bench-") as cache:
            cold.append(_first(cache))
            cached.append(_first(cache))
    what = (
        f"{COMPILED_DAYS} days prepared, forces and policy run: CPU of the first time beyond the second, fresh process"
    )
    yield Figure(
        name="compile_s", value=median(cold), unit="s", note=f"{what}, empty cache of compiled code; {spread(cold)}"
    )
    yield Figure(
        name="compile_cached_s", value=median(cached), unit="s", note=f"{what}, cache on disk; {spread(cached)}"
    )


def _first(cache: str) -> float:
    found = _fresh(COMPILED_DAYS, cache)
    return found["first_s"] - found["second_s"]


def _fresh(days: int, cache: str) -> dict[str, float]:
    command = [sys.executable, "-m", "alm_tests.bench.minute_year", str(days)]
    environment = {**os.environ, "NUMBA_CACHE_DIR": cache}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def _forces(series: CandleSeries) -> FloatArray:
    return composite_at_quarters(aggregate(series, 15))

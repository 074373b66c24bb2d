"""A seeded market of many days, made day by day; ``python -m alm_tests.bench.minute_year DAYS`` runs the policy on it.

Printed is one JSON object of a fresh process: its peak memory, and the CPU of the first and of the second run.
"""

import json
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np

from alm_core.forces.aggregation import aggregate
from alm_core.model.candles import CandleSeries
from alm_core.model.config import StrategyConfig
from alm_core.ranges.search import SEARCH_SPACES
from alm_core.simulation.minute_rules import MinuteCosts, rule_from_config
from alm_core.simulation.minute_run import MinuteRun, Start, simulate_policy
from alm_core.simulation.minute_sources import TvlConcentration, minutes_from_figures
from alm_core.simulation.minutes import MinuteMarket, joined_minutes
from alm_core.simulation.quarter_tape import tape_from_quarters
from alm_tests.core.forces.tapes import END_AT, walk
from alm_tests.core.portfolio.scene import pool
from alm_tests.core.simulation.minute_scenes import figures, opening_and_closes

START = Start(capital=10_000.0)
COSTS = MinuteCosts(swap_fee_frac=5e-4, gas_open=0.2, gas_close=0.2, gas_swap=0.1)
PARAMS = SEARCH_SPACES["volatile"].initial
RULE = rule_from_config(StrategyConfig())
VOLUME_USD, CAPITAL_USD = 40e6, 20e6
SURE = TvlConcentration(times=10.0, error_frac=0.0)
"""One run and not three: a bench of the loop, not of its error bar."""


def days_of(days: int) -> Iterator[CandleSeries]:
    """Seeded days of minutes, each beginning where the one before ended; one at a time."""
    price = 2500.0
    for day in range(days):
        series = walk(1, price=price, seed=day, end_at=END_AT - timedelta(days=days - 1 - day))
        price = float(series.close[-1])
        yield series


def year_market(days: int) -> MinuteMarket:
    """Prepared minutes with forces of ``days`` days, none of which is held as candles."""
    of = pool()
    quarters: list[CandleSeries] = []

    def parts() -> Iterator[MinuteMarket]:
        for series in days_of(days):
            quarters.append(aggregate(series, 15))
            known = [figures(of, VOLUME_USD, CAPITAL_USD)]
            yield minutes_from_figures(of, known, int(series.ts_ms[0]), opening_and_closes(series), SURE)

    market = joined_minutes(parts(), days * 1440)
    return market.with_forces(tape_from_quarters(CandleSeries.joined(quarters)))


def run(market: MinuteMarket) -> MinuteRun:
    """The default policy over a market; refuses to measure what did not run."""
    found = simulate_policy(market, START, COSTS, PARAMS, RULE)
    if not found.success or found.rebalances == 0 or not np.isfinite(found.nav).all():
        raise RuntimeError(f"not a run worth measuring: {found.reason or found}")
    return found


def main(days: int) -> None:
    spent = [time.process_time()]
    for _ in range(2):
        run(year_market(days))
        spent.append(time.process_time())
    print(json.dumps({"peak_mb": peak_mb(), "first_s": spent[1] - spent[0], "second_s": spent[2] - spent[1]}))


def peak_mb() -> float:
    """Most resident memory of this program: ``getrusage`` would count that of the process that started it."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) / 1024


if __name__ == "__main__":
    main(int(sys.argv[1]))

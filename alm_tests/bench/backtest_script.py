"""Run in a fresh process: a backtest over a market made day by day; prints one JSON object.

``python -m alm_tests.bench.backtest_script fixed|retuned DAYS``
"""

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from datetime import timedelta

import psutil

from alm_core.backtest.run import run_backtest, summary_of
from alm_core.model.backtest import BacktestConfig, BacktestEpoch
from alm_core.model.config import LimitsConfig, StrategyConfig
from alm_core.model.epochs import EPOCHS_PER_DAY
from alm_core.model.inputs import LOOK_BACK
from alm_tests.bench.backtest_market import SeededDays, midnight
from alm_tests.core.backtest.tape_snapshot import PAIR

SEED = 7
WARM_EPOCHS = 40


def epochs_of(days: float, *, retuned: bool, explains: bool = False, seed: int = SEED) -> Iterator[BacktestEpoch]:
    """Default policy over a seeded market, with a look-back of history before the first epoch."""
    first_at = midnight(2025)
    # The pool's share of the pair is all of it: the cap per pool is for choosing among several.
    strategy = StrategyConfig(max_pool_share=1.0, optimize=retuned)
    market = SeededDays(seed, first_at - LOOK_BACK)
    config = BacktestConfig(pair=PAIR, policy="default")
    end_at = first_at + timedelta(days=days)
    return run_backtest(market, first_at, end_at, config, strategy, LimitsConfig(), explains=explains)


def main(kind: str, days: int) -> dict[str, object]:
    """CPU seconds and memory at the end of every day, and what the backtest came to."""
    for _ in epochs_of(WARM_EPOCHS / EPOCHS_PER_DAY, retuned=kind == "retuned"):
        pass
    here = psutil.Process()
    cpu_s: list[float] = []
    rss_mb: list[float] = []

    def watched() -> Iterator[BacktestEpoch]:
        began = time.process_time()
        for number, epoch in enumerate(epochs_of(days, retuned=kind == "retuned"), start=1):
            if number % EPOCHS_PER_DAY == 0:
                cpu_s.append(time.process_time() - began)
                rss_mb.append(here.memory_info().rss / 1e6)
            yield epoch

    summary = asdict(summary_of(watched(), 0.0))
    return {"cpu_s": cpu_s, "rss_mb": rss_mb, "summary": summary}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], int(sys.argv[2])), default=str))

"""Runs one policy over a tape, through :func:`alm_core.backtest.run.run_backtest`: the path of ``alm backtest``."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from alm_core.backtest.deciders import DECIDERS, POLICIES
from alm_core.backtest.run import run_backtest, summary_of
from alm_core.model.backtest import BacktestConfig, BacktestEpoch, MarketHistory
from alm_core.model.candles import FloatArray
from alm_core.model.config import LimitsConfig, StrategyConfig
from alm_core.model.epochs import EPOCH_LENGTH, EPOCHS_PER_DAY
from alm_tests.bench.scoreboard.tapes import ScoreTape
from alm_tests.bench.scoreboard.world import CAPITAL_USD, TapeHistory, TapeWorld, first_epoch
from alm_tests.core.backtest.tape_snapshot import PAIR

WARM_DAYS = 20
"""History before the first scored epoch; the optimizer looks back on all there is, up to 30 days."""
RETUNE_EPOCHS = EPOCHS_PER_DAY
"""Policies that search do so once a day here, every quarter hour live."""
SCORED = tuple(DECIDERS)
# Every policy may place all it has in the one pool there is: the cap per pool is for choosing among several.
STRATEGY = StrategyConfig(max_pool_share=1.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Score:
    """What one policy made of one tape.

    Parameters
    ----------
    nav_usd : shape (epochs,)
        Value after each epoch, net of gas and swaps; NaN where unknown.
    earned_usd : shape (epochs,)
        Fees and rewards less LVR, gas, swaps and bridges of each epoch: its profit without what the price did to the
        tokens that were held.
    fees_usd, lvr_usd, gas_usd, swap_usd
        Totals.
    promised_usd
        Gain that its actions promised less their cost, summed; rules promise nothing.
    decisions
        Number of epochs by decision.
    problems, cpu_s
        Epochs with a problem, and CPU time.
    """

    tape: str
    policy: str
    nav_usd: FloatArray
    earned_usd: FloatArray
    fees_usd: float
    lvr_usd: float
    gas_usd: float
    swap_usd: float
    moves: int
    promised_usd: float
    decisions: dict[str, int]
    problems: int
    cpu_s: float


def run_policy(tape: ScoreTape, policy: str, days: int | None = None) -> Score:
    """Return the score of a policy on a tape; ``days`` shortens it."""
    started = time.process_time()
    found = list(epochs_of(tape, policy, days))
    summary = summary_of(found, 0.0)
    promised = [one.plan.decision.promised_usd for one in found if one.plan is not None]
    return Score(
        tape=tape.name,
        policy=policy,
        nav_usd=np.array([np.nan if one.nav_usd is None else one.nav_usd for one in found]),
        earned_usd=np.array([one.parts.change_usd - one.parts.price_usd - one.parts.flow_usd for one in found]),
        fees_usd=summary.fees_usd,
        lvr_usd=summary.lvr_usd,
        gas_usd=summary.gas_usd,
        swap_usd=summary.swap_usd,
        moves=summary.rebalances,
        promised_usd=float(sum(gain - cost for gain, cost in promised)),
        decisions=summary.decisions,
        problems=sum(1 for one in found if one.problems),
        cpu_s=time.process_time() - started,
    )


def epochs_of(tape: ScoreTape, policy: str, days: int | None = None) -> Iterator[BacktestEpoch]:
    """Yield the scored epochs of a policy on a tape, oldest first."""
    first_at = first_epoch(tape, WARM_DAYS)
    world = TapeWorld(tape, first_at)
    scored = world.epochs(first_at)[: None if days is None else days * EPOCHS_PER_DAY]
    return retuned(TapeHistory(world), scored[0], scored[-1] + EPOCH_LENGTH, policy)


def retuned(market: MarketHistory, first_at: datetime, end_at: datetime, policy: str) -> Iterator[BacktestEpoch]:
    """Yield the epochs of a backtest in which the policy searches its parameters once every :data:`RETUNE_EPOCHS`.

    Every stretch goes on from the one before; rules never search, and run in one stretch.
    """
    config = BacktestConfig(pair=PAIR, policy=policy, capital_usd=CAPITAL_USD)
    if policy not in POLICIES:
        yield from run_backtest(market, first_at, end_at, config, replace(STRATEGY, optimize=False), LimitsConfig())
        return
    kept: list[BacktestEpoch] = []
    at = first_at
    while at < end_at:
        for optimize, length in ((True, 1), (False, RETUNE_EPOCHS - 1)):
            until = min(at + length * EPOCH_LENGTH, end_at)
            strategy = replace(STRATEGY, optimize=optimize)
            for one in run_backtest(market, at, until, config, strategy, LimitsConfig(), earlier=kept):
                kept = [*kept, one][-STRATEGY.yield_window_epochs :]
                yield one
            at = until

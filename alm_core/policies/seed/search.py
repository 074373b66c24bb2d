"""Range of an epoch as the reference finds it: regime, search, kill-switches, and a range that ignores the search."""

import math
from dataclasses import dataclass
from datetime import datetime

from alm_core.model.candles import CandleSeries
from alm_core.model.config import StrategyConfig
from alm_core.model.epochs import Epoch
from alm_core.model.market import MarketSnapshot
from alm_core.model.past import PastEpochs
from alm_core.model.signals import ForceSignals, OptimizedRange, RangeParams, Regime, RegimeState
from alm_core.policies.seed.candles import Columns, aggregate, columns_of
from alm_core.policies.seed.fitness import SeedVenue, seed_tape
from alm_core.policies.seed.kill_switch import kill_reason
from alm_core.policies.seed.memory import Memory, known_figures
from alm_core.policies.seed.optimizer import optimize
from alm_core.policies.seed.params import (
    DEFAULTS,
    EPOCH_SECONDS,
    GAS_COST_USD,
    POSITION_VALUE_USD,
    STABLE_TOKENS,
    params_from_vector,
    vector_from_params,
)
from alm_core.policies.seed.past_yields import shift_times_ms, spent_usd, trailing_yields
from alm_core.policies.seed.ranges import compute_range, widened
from alm_core.policies.seed.regime import SUPPRESSED_EPOCHS, detect_regime

MORE_THAN_MINUTES = 100
DAYS_PER_YEAR = 365.25
KILLED = {
    "negative_trailing_yield": "the last 24 known epochs lost on average",
    "excessive_rs": "more than 8 range shifts in 4 h",
    "pathological_range": "the widths tuned lie less than 0.001 apart",
    "gas_budget_exceeded": "gas of 24 h above 5 % of the position value",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Search:
    success: bool
    reason: str
    params: RangeParams
    fitness: float | None = None
    default_fitness: float | None = None
    evaluations: int = 0


def seed_range(
    epoch: Epoch,
    series: CandleSeries,
    signals: ForceSignals,
    snapshot: MarketSnapshot,
    past: PastEpochs,
    previous: OptimizedRange | None,
    config: StrategyConfig,
) -> OptimizedRange:
    """Return the parameters in force and the range that is placed.

    Parameters
    ----------
    epoch, series, signals, snapshot, past, config
        What is known at the epoch; only candles before it are used.
    previous
        Last result: start of the search, and memory of the last suppression in its ``regime``.

    Notes
    -----
    ``price_range`` comes from the default widths, whatever was tuned: of the tuned vector only ``rs_threshold`` has an
    effect, as in the reference. A kill-switch puts the defaults in force; the reference keeps its warm start beside
    them, here the next search starts from the defaults. ``regime.since_at`` is the epoch of the last suppression while
    the search rests, also in a state that trades.
    """
    minutes = columns_of(series.before(epoch.epoch_at))
    number = epoch_number(epoch.epoch_at)
    found = detect_regime(minutes, number, stable=is_stable_pair(epoch.pair))
    state = RegimeState.SUPPRESS if found.suppressed else RegimeState.NORMAL
    if found.widen_factor != 1.0:
        state = RegimeState.WIDEN
    # As read before this epoch's check: in the epoch of a spike the search still runs.
    rests = number <= suppressed_until(previous)
    since_at = previous.regime.since_at if previous is not None and rests else None
    searched = _searched(minutes, signals, snapshot, previous, config, rests=rests)
    killed = _killed(epoch, snapshot, past, searched.params)
    params = DEFAULTS if killed else searched.params
    return OptimizedRange(
        pair=epoch.pair,
        epoch_at=epoch.epoch_at,
        success=searched.success and not killed,
        reason=searched.reason,
        params=params,
        price_range=compute_range(signals.price, forces_tuple(signals), widened(DEFAULTS, found.widen_factor)),
        fitness=searched.fitness,
        baseline_fitness=searched.default_fitness,
        evaluations=searched.evaluations,
        regime=Regime(
            state=state,
            reason=found.reason,
            since_at=epoch.epoch_at if found.suppressed else since_at,
            calm_epochs=number - epoch_number(since_at) if since_at is not None and not found.suppressed else 0,
            widen_factor=found.widen_factor,
        ),
        kill_switches=(KILLED[killed],) if killed else (),
    )


def forces_tuple(signals: ForceSignals) -> tuple[float, float, float]:
    """Return volatility, momentum and trend of the composite."""
    return signals.composite.volatility, signals.composite.momentum, signals.composite.trend


def epoch_number(at: datetime) -> int:
    """Return the number of a quarter hour since 1970; the reference counts cycles."""
    return int(at.timestamp()) // EPOCH_SECONDS


def is_stable_pair(pair: str) -> bool:
    """True where both symbols of a pair are stables to the reference.

    Examples
    --------
    >>> is_stable_pair("USDC-USDT"), is_stable_pair("WETH-USDC")
    (True, False)
    """
    return all(symbol in STABLE_TOKENS for symbol in pair.split("-"))


def suppressed_until(previous: OptimizedRange | None) -> int:
    """Return the last epoch number without a search; 0 where nothing was suppressed."""
    if previous is None or previous.regime.since_at is None:
        return 0
    return epoch_number(previous.regime.since_at) + SUPPRESSED_EPOCHS


def _searched(
    minutes: Columns,
    signals: ForceSignals,
    snapshot: MarketSnapshot,
    previous: OptimizedRange | None,
    config: StrategyConfig,
    *,
    rests: bool,
) -> _Search:
    in_force = DEFAULTS if previous is None else previous.params
    venue = venue_of(snapshot)
    reason = _no_search(minutes, signals, snapshot, config, rests=rests)
    if reason or venue is None:
        return _Search(success=False, reason=reason or "no search: no pool's volume and TVL are known", params=in_force)
    optimum = optimize(seed_tape(aggregate(minutes, 15)), venue, vector_from_params(in_force))
    return _Search(
        success=optimum.fitness > optimum.default_fitness,
        reason=f"fitness {optimum.fitness:.6g}, of the defaults {optimum.default_fitness:.6g}",
        params=params_from_vector(optimum.vector),
        fitness=_finite(optimum.fitness),
        default_fitness=_finite(optimum.default_fitness),
        evaluations=optimum.evaluations,
    )


def _no_search(
    minutes: Columns, signals: ForceSignals, snapshot: MarketSnapshot, config: StrategyConfig, *, rests: bool
) -> str:
    if signals.reason:
        return f"no search on doubtful inputs: {signals.reason}"
    if snapshot.problems:
        problem = snapshot.problems[0]
        return f"no search on doubtful inputs: {problem.source}: {problem.detail}"
    if not config.optimize:
        return "optimization is switched off"
    if rests:
        return "the search rests after a suppressed epoch"
    count = minutes[0].shape[0]
    return f"no search: {count} candles are too few" if count <= MORE_THAN_MINUTES else ""


def venue_of(snapshot: MarketSnapshot) -> SeedVenue | None:
    """Return the first pool that answered as the place traded in; ``None`` where none did."""
    figures = known_figures(snapshot)
    if not figures:
        return None
    first = figures[0]
    return SeedVenue(
        base_apr=first.volume_24h_usd * first.fee / first.tvl * DAYS_PER_YEAR,
        pool_fee=first.fee,
        gas_cost_usd=GAS_COST_USD,
        position_value_usd=POSITION_VALUE_USD,
    )


def _killed(epoch: Epoch, snapshot: MarketSnapshot, past: PastEpochs, params: RangeParams) -> str:
    memory = Memory(snapshots=(*past.snapshots, snapshot), last_rebalance_at=past.last_rebalance_at)
    return kill_reason(
        int(epoch.epoch_at.timestamp() * 1000),
        trailing_yields(past.recent, memory),
        shift_times_ms(past.recent),
        spent_usd(past.recent),
        POSITION_VALUE_USD,
        params,
    )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None

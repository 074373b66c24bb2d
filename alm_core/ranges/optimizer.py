"""The range of an epoch: parameters found by the search where it proves them, and the bounds they give."""

from collections.abc import Sequence

from alm_core.model.candles import CandleSeries
from alm_core.model.config import StrategyConfig
from alm_core.model.epochs import Epoch
from alm_core.model.errors import InvalidInput
from alm_core.model.market import MarketSnapshot
from alm_core.model.pools import AssetClass
from alm_core.model.signals import ForceSignals, OptimizedRange, RangeParams
from alm_core.ranges.range import price_range
from alm_core.ranges.search import SEARCH_SPACES, Search, SearchSpace, kept, search_params
from alm_core.ranges.venue import venue_from_snapshot
from alm_core.simulation.tape import tape_from_candles


def optimize_range(
    epoch: Epoch,
    series: CandleSeries,
    signals: ForceSignals,
    snapshot: MarketSnapshot,
    previous: OptimizedRange | None,
    config: StrategyConfig,
    *,
    past_snapshots: Sequence[MarketSnapshot] = (),
) -> OptimizedRange:
    """Return the parameters in force from this epoch on, and the range they give: that range is the one placed.

    Parameters
    ----------
    epoch, series, signals, snapshot
        What is known at the epoch; only candles before it are used.
    previous
        Last result; its parameters are in force and start the search. ``None``: the asset class's initial ones.
    config
        Strategy rules.
    past_snapshots
        Earlier snapshots, oldest first: fee yields are measured from their fee growth.

    Raises
    ------
    InvalidInput
        If the price or the parameters in force give no range.
    """
    space = SEARCH_SPACES[asset_class_of(snapshot)]
    in_force = previous.params if previous is not None else space.initial
    search = _searched(epoch, series, signals, snapshot, past_snapshots, in_force, space, config)
    return OptimizedRange(
        pair=epoch.pair,
        epoch_at=epoch.epoch_at,
        success=search.success,
        reason=search.reason,
        params=search.params,
        price_range=price_range(signals.price, signals.composite, search.params),
        fitness=search.fitness,
        baseline_fitness=search.baseline_fitness,
        evaluations=search.evaluations,
    )


def asset_class_of(snapshot: MarketSnapshot) -> AssetClass:
    """Return ``stable`` where both tokens of every pool are stable, else ``volatile``."""
    tokens = [token for state in snapshot.pools for token in (state.pool.token0, state.pool.token1)]
    return "stable" if tokens and all(token.asset_class == "stable" for token in tokens) else "volatile"


def _searched(
    epoch: Epoch,
    series: CandleSeries,
    signals: ForceSignals,
    snapshot: MarketSnapshot,
    past_snapshots: Sequence[MarketSnapshot],
    in_force: RangeParams,
    space: SearchSpace,
    config: StrategyConfig,
) -> Search:
    if not config.optimize:
        return kept(in_force, "optimization is switched off")
    if signals.reason or snapshot.problems:
        named = signals.reason or f"{snapshot.problems[0].source}: {snapshot.problems[0].detail}"
        return kept(in_force, f"no search on doubtful inputs: {named}")
    try:
        venue = venue_from_snapshot(snapshot, past_snapshots, signals.price, config)
    except InvalidInput as problem:
        return kept(in_force, str(problem))
    return search_params(tape_from_candles(series.before(epoch.epoch_at)), venue, in_force, space)

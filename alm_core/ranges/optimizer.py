"""The range of an epoch: parameters found by the search where it proves them, and the bounds they give."""

from collections.abc import Sequence
from dataclasses import replace

from alm_core.model.candles import CandleSeries
from alm_core.model.config import StrategyConfig
from alm_core.model.epochs import EPOCH_LENGTH, Epoch
from alm_core.model.errors import InvalidInput
from alm_core.model.market import MarketSnapshot
from alm_core.model.past import RecentEpoch
from alm_core.model.pools import AssetClass
from alm_core.model.signals import ForceSignals, OptimizedRange, RangeParams, Regime, RegimeState
from alm_core.ranges.range import MAX_WIDTH_FRAC, price_range
from alm_core.ranges.search import SEARCH_SPACES, Search, SearchSpace, kept, search_params
from alm_core.ranges.venue import venue_from_snapshot
from alm_core.regimes.kill_switches import Bounds, KillSwitches, kill_switches, pathology
from alm_core.regimes.measures import regime_figures
from alm_core.regimes.regime import is_worse, next_regime
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
    recent: Sequence[RecentEpoch] = (),
) -> OptimizedRange:
    """Return the parameters in force from this epoch on, and the range they give: that range is the one placed.

    Parameters
    ----------
    epoch, series, signals, snapshot
        What is known at the epoch; only candles before it are used.
    previous
        Last result; its parameters are in force and start the search, its regime is the one before this. ``None``: the
        asset class's initial ones, in a normal market.
    config
        Strategy rules.
    past_snapshots
        Earlier snapshots, oldest first: fee yields are measured from their fee growth.
    recent
        Epochs of the last 24 h, oldest first: what the kill switches look at.

    Notes
    -----
    A kill switch sets the initial parameters. From ``suppress`` on nothing is searched. In ``widen`` the range is that
    of base widths times the factor of the regime, while ``params`` stay as they are: widening never adds up.

    Raises
    ------
    InvalidInput
        If the price or the parameters give no range.
    """
    known = _known_class(snapshot, past_snapshots)
    asset_class = known or "volatile"
    space = SEARCH_SPACES[asset_class]
    in_force = previous.params if previous is not None else space.initial
    figures = regime_figures(epoch, series, snapshot, past_snapshots, asset_class)
    regime = next_regime(_regime_before(epoch, previous), figures, epoch, asset_class)
    bounds = Bounds(lower=space.lower, upper=space.upper) if known else None
    switches = kill_switches(epoch, recent, in_force, signals, bounds, asset_class)
    search = _stopped(switches, regime, in_force, space)
    if search is None:
        found = _searched(epoch, series, signals, snapshot, past_snapshots, in_force, space, config)
        search = _without_pathology(found, in_force, signals, bounds)
    return _in_force(epoch, signals, search, regime, switches)


def asset_class_of(snapshot: MarketSnapshot) -> AssetClass:
    """Return ``stable`` where both tokens of every pool are stable, else ``volatile``."""
    return _known_class(snapshot, ()) or "volatile"


def placed_params(params: RangeParams, regime: Regime) -> RangeParams:
    """Return the parameters a range is placed with: base widths times the regime's factor, as wide as a range may be.

    Examples
    --------
    >>> wide = placed_params(RangeParams(base_min_frac=0.01, base_max_frac=0.4), Regime(widen_factor=1.5))
    >>> wide.base_min_frac, wide.base_max_frac
    (0.015, 0.45)
    """
    if regime.widen_factor == 1.0:
        return params
    low, high = (
        min(MAX_WIDTH_FRAC, width * regime.widen_factor) for width in (params.base_min_frac, params.base_max_frac)
    )
    return replace(params, base_min_frac=low, base_max_frac=high)


def _known_class(snapshot: MarketSnapshot, past_snapshots: Sequence[MarketSnapshot]) -> AssetClass | None:
    """Asset class of the last snapshot that has pools: with its chains down a pair is still what it was."""
    for seen in (snapshot, *reversed(past_snapshots)):
        tokens = [token for state in seen.pools for token in (state.pool.token0, state.pool.token1)]
        if tokens:
            return "stable" if all(token.asset_class == "stable" for token in tokens) else "volatile"
    return None


def _regime_before(epoch: Epoch, previous: OptimizedRange | None) -> Regime:
    if previous is None:
        return Regime()
    seamless = epoch.epoch_at - previous.epoch_at <= EPOCH_LENGTH
    # Nobody saw the epochs in between: they were not calm.
    return previous.regime if seamless else replace(previous.regime, calm_epochs=0)


def _stopped(switches: KillSwitches, regime: Regime, in_force: RangeParams, space: SearchSpace) -> Search | None:
    """Return the outcome where nothing may be searched: the initial parameters after a kill switch, else those kept."""
    if switches.fired:
        return kept(space.initial, f"kill switch: {'; '.join(switches.fired)}")
    if is_worse(regime.state, RegimeState.WIDEN):
        return kept(in_force, f"no search in {regime.state}: {regime.reason}")
    return None


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


def _without_pathology(search: Search, in_force: RangeParams, signals: ForceSignals, bounds: Bounds | None) -> Search:
    """Refuse found parameters that would fire a kill switch in the next epoch; those in force were looked at before."""
    named = pathology(search.params, signals, bounds) if search.success else ""
    if not named:
        return search
    return replace(
        search,
        success=False,
        reason=f"found parameters refused, {named}",
        params=in_force,
        fitness=search.baseline_fitness,
        # Of the parameters in force only the validation score is known here.
        train_fitness=None,
        test_fitness=None,
    )


def _in_force(
    epoch: Epoch, signals: ForceSignals, search: Search, regime: Regime, switches: KillSwitches
) -> OptimizedRange:
    return OptimizedRange(
        pair=epoch.pair,
        epoch_at=epoch.epoch_at,
        success=search.success,
        reason="; ".join((search.reason, *(f"cannot be judged: {unknown}" for unknown in switches.unknown))),
        params=search.params,
        price_range=price_range(signals.price, signals.composite, placed_params(search.params, regime)),
        fitness=search.fitness,
        baseline_fitness=search.baseline_fitness,
        evaluations=search.evaluations,
        train_fitness=search.train_fitness,
        test_fitness=search.test_fitness,
        regime=regime,
        kill_switches=switches.fired,
    )

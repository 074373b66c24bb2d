from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import Any

import pytest

from alm_core.forces.signals import compute_force_signals
from alm_core.math.orientation import ticks_for_range
from alm_core.model.candles import CandleSeries
from alm_core.model.config import LimitsConfig, StrategyConfig
from alm_core.model.decisions import DecisionKind
from alm_core.model.market import PoolState, SourceProblem
from alm_core.model.past import PastEpochs, RecentEpoch
from alm_core.model.signals import OptimizedRange, Regime, RegimeState
from alm_core.portfolio.decision import plan_allocation
from alm_core.ranges import optimizer
from alm_core.ranges.optimizer import asset_class_of, optimize_range, placed_params
from alm_core.ranges.range import MAX_WIDTH_FRAC, price_range
from alm_core.ranges.search import SEARCH_SPACES, Search
from alm_core.regimes.thresholds import WIDEN_FACTOR
from alm_resources.history.payload import payload_of
from alm_tests.core.forces.tapes import walk
from alm_tests.core.portfolio.scene import EPOCH, Scene, with_market

QUARTER = timedelta(minutes=15)


@cache
def series(days: int = 31) -> CandleSeries:
    return walk(days, price=2000.0)


def scene(**changes: object) -> Scene:
    price = float(series().close[-1])
    return Scene(**{"price": price, "fees_usd_day": (9_000.0, 5_000.0), **changes})


def all_stable(state: PoolState) -> PoolState:
    """The pool with both tokens meant to be worth a dollar."""
    pool = state.pool
    tokens = (replace(token, asset_class="stable") for token in (pool.token0, pool.token1))
    token0, token1 = tokens
    return replace(state, pool=replace(pool, token0=token0, token1=token1))


def optimized(
    world: Scene | None = None,
    *,
    candles: CandleSeries | None = None,
    previous: OptimizedRange | None = None,
    config: StrategyConfig | None = None,
    history: int = 4,
    problems: tuple[SourceProblem, ...] = (),
    recent: tuple[RecentEpoch, ...] = (),
) -> OptimizedRange:
    world = world or scene()
    candles = candles or series()
    signals = compute_force_signals(EPOCH, candles)
    snapshot = replace(world.snapshot(), problems=problems)
    rules = config or StrategyConfig()
    past = world.history(history)
    return optimize_range(EPOCH, candles, signals, snapshot, previous, rules, past_snapshots=past, recent=recent)


def test_the_optimized_parameters_are_the_ones_placed() -> None:
    world = scene()
    signals = compute_force_signals(EPOCH, series())
    found = optimized(world)
    assert found.success
    assert found.params != SEARCH_SPACES["volatile"].initial
    assert found.price_range == price_range(signals.price, signals.composite, found.params)
    past = PastEpochs(snapshots=world.history(4), last_rebalance_at=None)
    plan = plan_allocation(EPOCH, signals, found, world.snapshot(), past, StrategyConfig(), LimitsConfig(), "1", "1")
    assert plan.opens
    for target in plan.opens:
        pool = world.snapshot().pool_state(target.pool_id).pool
        assert (target.tick_lower, target.tick_upper) == ticks_for_range(pool, found.price_range)
        assert (target.tick_lower, target.tick_upper) != ticks_for_range(
            pool, price_range(signals.price, signals.composite, SEARCH_SPACES["volatile"].initial)
        )


def test_the_search_starts_from_and_falls_back_to_the_parameters_in_force() -> None:
    mine = replace(SEARCH_SPACES["volatile"].initial, base_max_frac=0.123)
    previous = replace(optimized(), params=mine)
    held = optimized(previous=previous, config=StrategyConfig(optimize=False))
    assert held.params == mine
    assert not held.success
    assert held.price_range.breadth_frac > 0


def test_candles_after_the_epoch_change_nothing() -> None:
    later = walk(31, price=2000.0)
    assert optimized(candles=later) == optimized(candles=later.before(EPOCH.epoch_at + timedelta(days=1)))
    longer = walk(32, price=2000.0, end_at=EPOCH.epoch_at + timedelta(days=1))
    assert optimized(candles=longer) == optimized(candles=longer.before(EPOCH.epoch_at))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"problems": (SourceProblem(source="rpc:1", detail="down"),)}, "rpc:1: down"),
        ({"history": 0}, "no fee yield is known"),
        ({"world": scene(idle_base=0.0, idle_quote=0.0)}, "nothing to place"),
        ({"config": StrategyConfig(optimize=False)}, "switched off"),
    ],
)
def test_without_usable_inputs_the_parameters_in_force_stay(changes: dict, named: str) -> None:
    found = optimized(**changes)
    assert (found.success, found.fitness, found.evaluations) == (False, None, 0)
    assert named in found.reason
    assert found.params == SEARCH_SPACES["volatile"].initial


def test_a_volume_estimate_serves_until_there_is_a_history() -> None:
    world = scene()
    signals = compute_force_signals(EPOCH, series())
    snapshot = with_market(world.snapshot(), (18e6, 2e6))
    found = optimize_range(EPOCH, series(), signals, snapshot, None, StrategyConfig())
    assert found.fitness is not None
    assert found.evaluations > 0


def test_the_asset_class_is_that_of_the_tokens() -> None:
    snapshot = scene().snapshot()
    assert asset_class_of(snapshot) == "volatile"
    assert asset_class_of(replace(snapshot, pools=tuple(map(all_stable, snapshot.pools)))) == "stable"
    assert asset_class_of(replace(snapshot, pools=())) == "volatile"


def busy(times: float, *, minutes: int = 15) -> CandleSeries:
    """The walk with a multiple of its volume in the last minutes."""
    tape = series()
    volume = tape.volume.copy()
    volume[-minutes:] = times * volume.mean()
    return replace(tape, volume=volume)


def crashed(to: float) -> CandleSeries:
    """The walk with the prices of its last ten minutes multiplied."""
    tape = series()
    moved = {name: getattr(tape, name).copy() for name in ("open", "high", "low", "close")}
    for column in moved.values():
        column[-10:] *= to
    return replace(tape, **moved)


def at_its_price(candles: CandleSeries) -> Scene:
    return scene(price=float(candles.close[-1]))


def before(state: RegimeState, *, epochs_ago: int = 1, calm_epochs: int = 0) -> OptimizedRange:
    """A result of an earlier epoch, in a regime."""
    return replace(
        optimized(config=StrategyConfig(optimize=False)),
        epoch_at=EPOCH.epoch_at - epochs_ago * QUARTER,
        regime=Regime(state=state, since_at=EPOCH.epoch_at - timedelta(hours=2), calm_epochs=calm_epochs),
    )


def test_in_a_normal_market_the_range_is_searched_and_placed_as_it_is() -> None:
    found = optimized()
    assert found.regime == Regime()
    assert found.kill_switches == ()
    assert found.evaluations > 0
    assert None not in (found.train_fitness, found.fitness, found.test_fitness)


@pytest.mark.parametrize(
    ("candles", "state"),
    [
        (crashed(0.95), RegimeState.SUPPRESS),
        (crashed(0.82), RegimeState.STOP_ADDING),
        (crashed(0.65), RegimeState.EXIT),
    ],
)
def test_from_suppress_on_nothing_is_searched(candles: CandleSeries, state: RegimeState) -> None:
    found = optimized(at_its_price(candles), candles=candles)
    assert found.regime.state is state
    assert (found.success, found.evaluations, found.params) == (False, 0, SEARCH_SPACES["volatile"].initial)
    assert found.reason == f"no search in {state}: {found.regime.reason}"


def test_a_wide_market_places_base_widths_times_the_factor_and_leaves_the_parameters() -> None:
    plain = optimized(config=StrategyConfig(optimize=False))
    wide = optimized(candles=busy(6.0), config=StrategyConfig(optimize=False))
    assert wide.regime.state is RegimeState.WIDEN
    assert wide.params == plain.params
    signals = compute_force_signals(EPOCH, series())
    widened = replace(
        plain.params,
        base_min_frac=plain.params.base_min_frac * WIDEN_FACTOR,
        base_max_frac=plain.params.base_max_frac * WIDEN_FACTOR,
    )
    assert wide.price_range == price_range(signals.price, signals.composite, widened)
    assert wide.price_range.breadth_frac == pytest.approx(WIDEN_FACTOR * plain.price_range.breadth_frac)


def test_widening_does_not_add_up_over_epochs() -> None:
    found = optimized(candles=busy(6.0), config=StrategyConfig(optimize=False))
    first = found.price_range
    for _ in range(5):
        earlier = replace(found, epoch_at=EPOCH.epoch_at - QUARTER)
        found = optimized(candles=busy(6.0), previous=earlier, config=StrategyConfig(optimize=False))
        assert found.regime.state is RegimeState.WIDEN
        assert found.price_range == first
        assert found.params == SEARCH_SPACES["volatile"].initial


def test_a_widened_range_is_as_wide_as_a_range_may_be_and_no_wider() -> None:
    space = SEARCH_SPACES["volatile"]
    placed = placed_params(space.upper, Regime(state=RegimeState.WIDEN, widen_factor=100.0))
    assert (placed.base_min_frac, placed.base_max_frac) == (MAX_WIDTH_FRAC, MAX_WIDTH_FRAC)
    assert placed_params(space.upper, Regime()) is space.upper


def test_in_a_wide_market_the_search_goes_on() -> None:
    assert optimized(candles=busy(6.0)).params == optimized().params


def test_the_regime_goes_on_from_that_of_the_epoch_before() -> None:
    assert optimized(previous=before(RegimeState.EXIT)).regime.state is RegimeState.EXIT
    assert optimized(previous=before(RegimeState.EXIT)).regime.calm_epochs == 1
    last = before(RegimeState.EXIT, calm_epochs=47)
    assert optimized(previous=last).regime.state is RegimeState.STOP_ADDING


def test_epochs_that_nobody_saw_were_not_calm() -> None:
    missed = before(RegimeState.EXIT, epochs_ago=2, calm_epochs=47)
    found = optimized(previous=missed).regime
    assert (found.state, found.calm_epochs) == (RegimeState.EXIT, 1)


def restless(moves: int) -> tuple[RecentEpoch, ...]:
    return tuple(
        RecentEpoch(
            epoch_at=EPOCH.epoch_at - number * QUARTER,
            kind=DecisionKind.RS,
            moved=True,
            nav_usd=40_000.0,
            fees_usd=10.0,
            gas_usd=0.1,
        )
        for number in range(moves, 0, -1)
    )


def test_a_kill_switch_sets_the_initial_parameters_and_adopts_nothing() -> None:
    mine = replace(SEARCH_SPACES["volatile"].initial, base_max_frac=0.123)
    previous = replace(before(RegimeState.NORMAL), params=mine)
    assert optimized(previous=previous, recent=restless(4)).success
    found = optimized(previous=previous, recent=restless(5))
    assert (found.success, found.evaluations) == (False, 0)
    assert found.params == SEARCH_SPACES["volatile"].initial
    assert found.kill_switches == ("excessive moves: 5 in 4:00:00, more than 4",)
    assert found.reason.startswith("kill switch: excessive moves")
    signals = compute_force_signals(EPOCH, series())
    assert found.price_range == price_range(signals.price, signals.composite, found.params)


def test_a_switch_that_cannot_be_judged_is_named_and_stops_nothing() -> None:
    found = optimized(recent=restless(1))
    assert found.success
    assert found.kill_switches == ()
    assert "cannot be judged: negative trailing yield: fees and NAV are not known over 12:00:00" in found.reason


def test_parameters_in_force_that_give_no_range_are_replaced_by_the_initial_ones() -> None:
    broken = replace(before(RegimeState.NORMAL), params=replace(SEARCH_SPACES["volatile"].initial, vforce_exp=0.5))
    found = optimized(previous=broken)
    assert found.params == SEARCH_SPACES["volatile"].initial
    assert found.kill_switches[0].startswith("pathological range: vforce_exp 0.5")


def test_found_parameters_that_the_next_epoch_would_kill_are_not_adopted(monkeypatch: pytest.MonkeyPatch) -> None:
    narrow = replace(SEARCH_SPACES["volatile"].initial, base_min_frac=1e-4, base_max_frac=1e-4)
    real = optimizer.search_params

    def finds_narrow(*asked: Any) -> Search:
        return replace(real(*asked), success=True, params=narrow)

    monkeypatch.setattr(optimizer, "search_params", finds_narrow)
    found = optimized()
    assert not found.success
    assert found.params == SEARCH_SPACES["volatile"].initial
    assert found.kill_switches == ()
    assert "found parameters refused, base_min_frac 0.0001 is outside" in found.reason
    assert found.fitness == found.baseline_fitness


def test_a_pair_whose_chains_are_down_keeps_the_thresholds_and_bounds_of_its_class() -> None:
    stable = replace(before(RegimeState.NORMAL), params=SEARCH_SPACES["stable"].initial)
    world = scene()
    lost = replace(world.snapshot(), pools=(), holdings=(), problems=(SourceProblem(source="rpc:1", detail="down"),))
    pegged = tuple(replace(one, pools=tuple(map(all_stable, one.pools))) for one in world.history(2))
    signals = compute_force_signals(EPOCH, series())
    for past in (pegged, ()):
        found = optimize_range(EPOCH, series(), signals, lost, stable, StrategyConfig(), past_snapshots=past)
        assert found.kill_switches == ()
        assert found.params == stable.params
    other = optimize_range(EPOCH, series(), signals, lost, stable, StrategyConfig(), past_snapshots=world.history(2))
    assert other.kill_switches[0].startswith("pathological range: base_min_frac 0.0005 is outside")


def test_the_same_inputs_give_the_same_result() -> None:
    for candles in (series(), busy(6.0), crashed(0.82)):
        world = at_its_price(candles)
        assert payload_of(optimized(world, candles=candles)) == payload_of(optimized(world, candles=candles))

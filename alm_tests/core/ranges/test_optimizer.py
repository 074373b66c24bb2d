from dataclasses import replace
from datetime import timedelta
from functools import cache

import pytest

from alm_core.forces.signals import compute_force_signals
from alm_core.math.orientation import ticks_for_range
from alm_core.model.candles import CandleSeries
from alm_core.model.config import LimitsConfig, StrategyConfig
from alm_core.model.market import SourceProblem
from alm_core.model.past import PastEpochs
from alm_core.model.signals import OptimizedRange
from alm_core.portfolio.decision import plan_allocation
from alm_core.ranges.optimizer import asset_class_of, optimize_range
from alm_core.ranges.range import price_range
from alm_core.ranges.search import SEARCH_SPACES
from alm_tests.core.forces.tapes import walk
from alm_tests.core.portfolio.scene import EPOCH, Scene, with_market


@cache
def series(days: int = 31) -> CandleSeries:
    return walk(days, price=2000.0)


def scene(**changes: object) -> Scene:
    price = float(series().close[-1])
    return Scene(**{"price": price, "fees_usd_day": (9_000.0, 5_000.0), **changes})


def optimized(
    world: Scene | None = None,
    *,
    candles: CandleSeries | None = None,
    previous: OptimizedRange | None = None,
    config: StrategyConfig | None = None,
    history: int = 4,
    problems: tuple[SourceProblem, ...] = (),
) -> OptimizedRange:
    world = world or scene()
    candles = candles or series()
    signals = compute_force_signals(EPOCH, candles)
    snapshot = replace(world.snapshot(), problems=problems)
    rules = config or StrategyConfig()
    return optimize_range(EPOCH, candles, signals, snapshot, previous, rules, past_snapshots=world.history(history))


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
    stable = tuple(
        replace(
            state,
            pool=replace(
                state.pool,
                token0=replace(state.pool.token0, asset_class="stable"),
                token1=replace(state.pool.token1, asset_class="stable"),
            ),
        )
        for state in snapshot.pools
    )
    assert asset_class_of(replace(snapshot, pools=stable)) == "stable"
    assert asset_class_of(replace(snapshot, pools=())) == "volatile"

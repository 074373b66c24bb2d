"""Corrections of the default policy over the reference (design, section 4), one test each.

Every test shows both: that the default has the property, and that the reference's formula does not.
"""

import math
from dataclasses import replace

import numpy as np
import pytest

from alm_core.forces.signals import compute_force_signals
from alm_core.model.candles import CandleSeries
from alm_core.model.config import LimitsConfig, StrategyConfig
from alm_core.model.market import MarketSnapshot
from alm_core.model.past import PastEpochs
from alm_core.model.signals import Forces, OptimizedRange, RangeParams, RegimeState
from alm_core.policies.default import DefaultPolicy
from alm_core.policies.policy import Policy
from alm_core.policies.seed.candles import Columns, aggregate, columns_of
from alm_core.policies.seed.fitness import SeedVenue, fitness, seed_tape, trailing_volatility
from alm_core.policies.seed.forces import composite_forces, timeframe_forces
from alm_core.policies.seed.head_fitness import head_fitness, head_tape
from alm_core.policies.seed.optimizer import SeedOptimum, optimize
from alm_core.policies.seed.params import DEFAULTS, Vector, vector_from_params
from alm_core.policies.seed.policy import SeedPolicy
from alm_core.policies.seed.ranges import compute_range, widened
from alm_core.policies.seed.ranges import confidence_and_bias as seed_bias
from alm_core.policies.seed.utilization import DEFAULT_FEE, SeedSnapshot, analyse_pools, interval_volume_usd
from alm_core.portfolio.yields import pool_yields
from alm_core.ranges.position import concentration, lvr_rate
from alm_core.ranges.range import confidence_and_bias, price_range
from alm_core.ranges.search import SEARCH_SPACES, search_params
from alm_core.ranges.walk_forward import layout_of
from alm_core.simulation.fitness import Venue, simulate
from alm_core.simulation.tape import BARS_PER_YEAR, Tape, tape_from_candles
from alm_tests.core.forces.tapes import flat, walk
from alm_tests.core.policies.seed_scene import ending_at, now_and_past, with_figures
from alm_tests.core.portfolio.scene import EPOCH, Scene

BARS = 15
MINUTES_PER_YEAR = 525_960
SPACE = SEARCH_SPACES["volatile"]
VENUE = Venue(
    full_range_apr=0.05,
    capital_share=1e-3,
    swap_cost_frac=8e-4,
    gas_cost_frac=2e-4,
    min_hold_bars=48,
    horizon_years=7 / 365.25,
    cost_multiple=2.0,
)
SEED_VENUE = SeedVenue(base_apr=0.3, pool_fee=5e-4, gas_cost_usd=0.5, position_value_usd=10_000.0)
KEEP = StrategyConfig(optimize=False)


def forces(volatility: float = 10.0, momentum: float = 50.0, trend: float = 50.0) -> Forces:
    return Forces(volatility=volatility, momentum=momentum, trend=trend, sigma_annual_frac=0.5)


def test_width_grows_with_volatility() -> None:
    levels = np.linspace(0.0, 100.0, 21)
    ours = [price_range(1.0, forces(volatility), RangeParams()).breadth_frac for volatility in levels]
    seeds = [compute_range(1.0, (volatility, 50.0, 50.0), DEFAULTS).breadth_frac for volatility in levels]
    assert (np.diff(ours) > 0).all()
    assert (np.diff(seeds) < 0).all()


def steady(count: int = 400, swing: float = 0.004) -> Columns:
    """Quarter hours that all swing as far and close where they opened."""
    close = np.full(count, 100.0)
    return np.arange(count) * 9e5, close, close * math.exp(swing), close * math.exp(-swing), close, np.ones(count)


def test_lvr_is_an_eighth_of_the_variance_in_the_limit_of_a_full_range() -> None:
    sigma_bar = 2 * 0.004 / math.sqrt(4 * math.log(2))
    full_range = sigma_bar**2 * BARS_PER_YEAR / 8
    # Ours: c sigma^2 / 8 with c -> 1 as the range opens.
    assert lvr_rate(sigma_bar * math.sqrt(BARS_PER_YEAR)) * concentration(100.0, 1e-9, 1e13) == pytest.approx(
        full_range, rel=1e-4
    )
    bars = steady()
    tape = Tape(
        ts_ms=bars[0].astype(np.int64),
        high=bars[2],
        low=bars[3],
        close=bars[4],
        volatility=np.full(400, 10.0),
        bias=np.zeros(400),
        sigma_annual=np.full(400, math.sqrt(8 * full_range)),
        variance_annual=np.full(400, 8 * full_range),
    )
    wide = RangeParams(base_min_frac=0.45, base_max_frac=0.45)
    assert simulate(tape, wide, VENUE).lvr_apr == pytest.approx(
        full_range * concentration(100.0, 55.0, 145.0), rel=1e-6
    )
    # The reference's: of the same range, without fees and costs the fitness is minus its LVR.
    vector: Vector = (0.005, 0.1, -0.05, 1000.0, 0.35)
    half = 100.0 * (0.005 + 0.095 * math.exp(-0.05 * 50.0 / 1000.0))
    correct = full_range * concentration(100.0, 100.0 - half, 100.0 + half)
    free = SeedVenue(base_apr=0.0, pool_fee=0.0, gas_cost_usd=0.0, position_value_usd=0.0)
    assert -fitness(seed_tape(bars), vector, free) < 1e-3 * correct
    # Its last version annualises, and charges twice.
    assert -head_fitness(head_tape(bars, 0.0), vector, free) == pytest.approx(2 * correct, rel=0.05)


def test_sigma_is_annual_and_one_market_has_one_volatility_on_every_timeframe() -> None:
    truth = 0.5
    series = walk(40, sigma_minute=truth / math.sqrt(MINUTES_PER_YEAR), seed=3)
    ours = compute_force_signals(EPOCH, series)
    for found in (ours.composite, *ours.timeframes.values()):
        assert found.sigma_annual_frac == pytest.approx(truth, rel=0.35)
    levels = [found.volatility for found in ours.timeframes.values()]
    assert max(levels) < 1.6 * min(levels)
    _, _, high, low, close, _ = aggregate(columns_of(series), BARS)
    charged = trailing_volatility(high, low, close)[0][-1]
    assert charged * math.sqrt(BARS_PER_YEAR) == pytest.approx(truth, rel=0.35)
    assert charged < truth / 100
    seeds = timeframe_forces(columns_of(series))
    assert seeds["H4"].volatility > 2 * seeds["M15"].volatility


def test_the_volume_of_an_interval_is_no_difference_of_rolling_days() -> None:
    # A pool that trades 100,000 USD in every quarter hour: what enters the day is what leaves it.
    day = 96 * 100_000.0
    assert interval_volume_usd(day, day, 900) == 0.0
    scene = Scene()
    steady_past, snapshot = scene.history(96), scene.snapshot()
    found = pool_yields(snapshot, steady_past, scene.price, 96)
    for state, per_day in zip(snapshot.pools, scene.fees_usd_day, strict=True):
        assert found[state.pool.pool_id].fees_usd == pytest.approx(per_day * 365.25, rel=1e-6)
    rolling = tuple(with_figures(one, [day + n, day - n]) for n, one in enumerate(steady_past))
    assert pool_yields(with_figures(snapshot, [day, 0.0]), rolling, scene.price, 96) == found


def test_fees_come_from_the_chain_and_never_from_a_default() -> None:
    scene = Scene(active_usd=(50e6, 30e6))
    snapshot = with_figures(scene.snapshot(), [10e6, 10e6])
    silent = replace(snapshot, markets=tuple(replace(market, fee_frac=None) for market in snapshot.markets))
    found = pool_yields(silent, (), scene.price, 96)
    ours = [found[state.pool.pool_id].fees_usd / (10e6 * 365.25) for state in silent.pools]
    assert ours == pytest.approx([state.fee_pips / 1e6 for state in silent.pools])
    figures = [
        SeedSnapshot(pool=one.pool_id, chain=1, volume_24h_usd=10e6, tvl_usd=1e6, fee_frac=0.0, exchange_rate=1.0)
        for one in silent.markets
    ]
    assert {one.fee_frac for one in analyse_pools(figures, {}, (10.0, 50.0, 50.0), 900)} == {DEFAULT_FEE}


def current_apr(policy: Policy, scene: Scene, snapshot: MarketSnapshot, past: PastEpochs) -> float:
    series = ending_at(walk(4), scene.price)
    signals = policy.force_signals(EPOCH, series)
    found = policy.optimized_range(EPOCH, series, signals, snapshot, past, None, KEEP)
    plan = policy.allocation(EPOCH, signals, found, snapshot, past, KEEP, LimitsConfig(), "1", "1")
    assert plan.nav_usd is not None, plan.decision.reason
    return plan.decision.current_apr


def test_the_current_apr_is_marked_anew_in_every_epoch() -> None:
    # The same position in a pool that begins to earn ten times as much after it was opened.
    poor = Scene(positions=((1, 0, 1800.0, 2200.0, 40_000.0),), idle_base=0.0, idle_quote=0.0)
    rich = replace(poor, fees_usd_day=(200_000.0, 12_000.0))
    before, past = now_and_past(poor)
    after, past_rich = now_and_past(rich, last_usd=(3e6, 20e3))
    entered = replace(past_rich, snapshots=(*past.snapshots[:4], *past_rich.snapshots[4:]))
    ours = [current_apr(DefaultPolicy(), poor, before, past), current_apr(DefaultPolicy(), rich, after, past_rich)]
    seeds = [current_apr(SeedPolicy(), poor, before, past), current_apr(SeedPolicy(), rich, after, entered)]
    assert ours[1] > ours[0] + 0.5
    assert seeds[0] == pytest.approx(seeds[1], rel=1e-9) != 0.0


def placed(policy: Policy, params: RangeParams) -> OptimizedRange:
    series = ending_at(walk(4), 2000.0)
    snapshot, past = now_and_past(Scene())
    signals = policy.force_signals(EPOCH, series)
    first = policy.optimized_range(EPOCH, series, signals, snapshot, past, None, KEEP)
    return policy.optimized_range(EPOCH, series, signals, snapshot, past, replace(first, params=params), KEEP)


def test_the_parameters_in_force_are_the_ones_placed() -> None:
    narrow = RangeParams(base_min_frac=0.004, base_max_frac=0.05)
    wide = RangeParams(base_min_frac=0.05, base_max_frac=0.4)
    ours = [placed(DefaultPolicy(), params) for params in (narrow, wide)]
    seeds = [placed(SeedPolicy(), params) for params in (narrow, wide)]
    assert [found.params for found in (*ours, *seeds)] == [narrow, wide, narrow, wide]
    assert ours[1].price_range.breadth_frac > 4 * ours[0].price_range.breadth_frac
    assert seeds[0].price_range == seeds[1].price_range


def reversed_from(tape: Tape, bar: int) -> Tape:
    """The tape with wilder bars, in reversed order, from one on."""
    after = slice(bar, None)
    close, variance = tape.close.copy(), tape.variance_annual.copy()
    close[after] = close[after][::-1]
    variance[after] = 20 * variance[after]
    return replace(
        tape, close=close, variance_annual=variance, high=np.maximum(tape.high, close), low=np.minimum(tape.low, close)
    )


def with_mirrored_end(columns: Columns, share: float) -> Columns:
    """Bars whose last part runs backwards."""
    cut = math.floor((1 - share) * columns[4].shape[0])
    ts, *prices = columns
    opened, high, low, close, volume = (np.concatenate([one[:cut], one[cut:][::-1] * 1.01]) for one in prices)
    return ts, opened, high, low, close, volume


def test_what_is_searched_on_is_not_what_it_is_judged_on() -> None:
    tape = tape_from_candles(walk(30))
    layout = layout_of(len(tape))
    cuts = (layout.folds[-1].train.stop, layout.folds[-1].validation.start, layout.test.start)
    assert cuts[1] - cuts[0] >= 96
    assert layout.test.start - layout.folds[-1].validation.stop >= 96
    found = search_params(tape, VENUE, SPACE.initial, SPACE)
    assert found.candidate is not None
    for cut in (cuts[0], layout.test.start):
        other = search_params(reversed_from(tape, cut), VENUE, SPACE.initial, SPACE)
        assert other.candidate is not None
        assert other.candidate.params == found.candidate.params
    # The reference returns the value of the very bars its search maximised, and other such bars find other parameters.
    bars = aggregate(columns_of(walk(20, sigma_minute=2e-4)), BARS)
    first, second = (optimize(seed_tape(columns), SEED_VENUE) for columns in (bars, with_mirrored_end(bars, 0.2)))
    assert first.vector != second.vector
    train_only = seed_tape(bars)
    same_train = seed_tape(with_mirrored_end(bars, 0.2))
    assert all(np.array_equal(a, b) for a, b in zip(train_only.train, same_train.train, strict=True))


def loses(found: SeedOptimum) -> bool:
    return found.fitness < 0.0 and found.vector != vector_from_params(DEFAULTS)


def test_a_set_is_adopted_only_if_it_beats_the_current_one_and_doing_nothing() -> None:
    barren = replace(VENUE, full_range_apr=1e-4)
    current = RangeParams(base_min_frac=0.002, base_max_frac=0.02, rs_threshold=0.1)
    found = search_params(tape_from_candles(walk(30)), barren, current, SPACE)
    assert not found.success
    assert found.params == current
    assert found.candidate is not None
    assert found.candidate.scores.validation < 0.0
    # The reference adopts what loses less than its defaults.
    bars = aggregate(columns_of(walk(20)), BARS)
    assert loses(optimize(seed_tape(bars), replace(SEED_VENUE, base_apr=0.0)))


def test_a_flat_series_is_not_overbought() -> None:
    series = flat(10)
    assert compute_force_signals(EPOCH, series).composite.momentum == 50.0
    assert composite_forces(columns_of(series)).momentum == pytest.approx(100.0)


def test_a_momentum_close_to_fifty_does_not_amplify() -> None:
    damped = [abs(confidence_and_bias(10.0, momentum, 70.0)[1]) for momentum in (49.9, 49.0, 30.0)]
    seeds = [abs(seed_bias(10.0, momentum, 70.0)[1]) for momentum in (49.9, 49.0, 30.0)]
    assert damped[0] == damped[1] == pytest.approx(0.2 / 3)
    assert damped[2] == seeds[2] == pytest.approx(0.2 / 60)
    assert seeds[0] == pytest.approx(0.2 / 0.3)
    assert confidence_and_bias(10.0, 49.9, 70.0)[0] <= 100.0 / 5.0
    assert seed_bias(10.0, 49.9, 70.0)[0] > 100.0


def loud(series: CandleSeries) -> CandleSeries:
    volume = series.volume.copy()
    volume[-15:] = 8.0 * volume.mean()
    return replace(series, volume=volume)


def test_widening_never_adds_up() -> None:
    scene, policy = Scene(), DefaultPolicy()
    snapshot, past = now_and_past(scene)
    series = loud(ending_at(walk(31), scene.price))
    signals = policy.force_signals(EPOCH, series)
    found = policy.optimized_range(EPOCH, series, signals, snapshot, past, None, KEEP)
    again = policy.optimized_range(EPOCH, series, signals, snapshot, past, found, KEEP)
    assert found.regime.state is again.regime.state is RegimeState.WIDEN
    assert again.price_range == found.price_range
    assert again.params == found.params == SPACE.initial
    # The reference writes the widened widths into its defaults, which the next anomaly widens.
    defaults = DEFAULTS
    for _ in range(2):
        defaults = widened(defaults, 1.5)
    assert defaults.base_max_frac == pytest.approx(2.25 * DEFAULTS.base_max_frac)

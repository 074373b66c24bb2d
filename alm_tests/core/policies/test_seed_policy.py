"""The seed policy behind the protocol: what it decides, what it refuses to decide, and that it is a pure function."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alm_core.math.orientation import price_at_tick, sqrt_price_x96_from_price
from alm_core.model.candles import CandleSeries
from alm_core.model.config import StrategyConfig
from alm_core.model.decisions import AllocationPlan, DecisionKind
from alm_core.model.epochs import Epoch
from alm_core.model.errors import ConfigError, InvalidInput
from alm_core.model.market import MarketSnapshot, PoolRefusal, SourceProblem
from alm_core.model.past import PastEpochs
from alm_core.model.signals import RangeParams, RegimeState
from alm_core.policies import policy_named
from alm_core.policies.default import DefaultPolicy
from alm_core.policies.policy import Policy
from alm_core.policies.seed.candles import columns_of
from alm_core.policies.seed.forces import composite_forces
from alm_core.policies.seed.params import DEFAULTS
from alm_core.policies.seed.past_yields import spent_usd
from alm_core.policies.seed.policy import SeedPolicy
from alm_core.policies.seed.ranges import compute_range
from alm_core.policies.seed.search import forces_tuple
from alm_core.portfolio.canonical import canonical_json
from alm_core.portfolio.plan_limits import check_plan
from alm_tests.core.forces.tapes import END_AT, flat, walk
from alm_tests.core.policies.seed_scene import (
    CONFIG,
    LIMITS,
    QUARTER,
    SEED,
    asked,
    ending_at,
    now_and_past,
    recent_epochs,
    with_figures,
)
from alm_tests.core.portfolio.scene import EPOCH, Scene

PLACED = Scene(
    positions=((1, 0, 1900.0, 2100.0, 30_000.0), (2, 1, 1900.0, 2100.0, 10_000.0)), idle_base=0, idle_quote=0
)
NEVER = StrategyConfig(policy="seed", optimize=False)


def test_policies_are_found_by_the_name_in_the_configuration() -> None:
    named: list[Policy] = [policy_named("default"), policy_named("seed")]
    assert [type(one) for one in named] == [DefaultPolicy, SeedPolicy]
    assert [one.name for one in named] == ["default", "seed"]
    with pytest.raises(ConfigError, match="'sed'"):
        policy_named("sed")


def test_signals_are_the_references_composite_on_the_candles_before_the_epoch() -> None:
    series = walk(3, end_at=END_AT + timedelta(hours=1))
    signals = SEED.force_signals(EPOCH, series)
    wanted = composite_forces(columns_of(series.before(END_AT)))
    assert forces_tuple(signals) == (wanted.volatility, wanted.momentum, wanted.trend)
    assert set(signals.timeframes) == {"M15", "H1", "H4"}
    assert signals.price == series.before(END_AT).close[-1]
    assert not signals.reason


def test_signals_without_candles_are_refused_and_old_or_few_ones_carry_a_reason() -> None:
    with pytest.raises(InvalidInput, match="no candle"):
        SEED.force_signals(EPOCH, CandleSeries.empty())
    few = SEED.force_signals(EPOCH, walk(10 / 1440))
    assert "10 before the epoch" in few.reason
    assert forces_tuple(few) == (0.0, 50.0, 50.0)
    assert "before the epoch" in SEED.force_signals(EPOCH, walk(3, end_at=END_AT - timedelta(hours=1))).reason


@pytest.mark.parametrize("base_is_token0", [True, False])
def test_idle_capital_is_placed_at_ticks_that_enclose_the_range_in_either_token_order(base_is_token0: bool) -> None:
    scene = Scene(base_is_token0=base_is_token0)
    snapshot, past = now_and_past(scene)
    found, plan = asked(scene, snapshot, past)
    assert plan.decision.kind is DecisionKind.PRA
    assert plan.opens == plan.targets
    assert check_plan(plan, snapshot, LIMITS) == ()
    for target in plan.opens:
        pool = snapshot.pool_state(target.pool_id).pool
        bounds = sorted(price_at_tick(pool, tick) for tick in (target.tick_lower, target.tick_upper))
        assert bounds[0] <= found.price_range.lower < found.price_range.upper <= bounds[1]
        slack = 1.0001 ** (2 * pool.tick_spacing)
        assert bounds[1] / bounds[0] < found.price_range.upper / found.price_range.lower * slack


def test_equal_inputs_give_equal_bytes() -> None:
    snapshot, past = now_and_past(PLACED)
    series = ending_at(walk(4), PLACED.price)
    first, second = (asked(PLACED, snapshot, past, series=series) for _ in range(2))
    assert canonical_json(first) == canonical_json(second)
    assert first[1].policy == "seed"


def test_the_inputs_of_a_plan_are_in_its_hash() -> None:
    snapshot, past = now_and_past(PLACED)
    richer = replace(snapshot, quote_usd=1.001)
    assert asked(PLACED, snapshot, past)[1].inputs_hash != asked(PLACED, richer, past)[1].inputs_hash


def test_only_the_threshold_of_what_was_tuned_reaches_the_market() -> None:
    snapshot, past = now_and_past(PLACED)
    found, _ = asked(PLACED, snapshot, past)
    assert found.success
    assert found.params != DEFAULTS
    signals = SEED.force_signals(EPOCH, ending_at(walk(4), PLACED.price))
    assert found.price_range == compute_range(signals.price, forces_tuple(signals), DEFAULTS)
    assert found.price_range != compute_range(signals.price, forces_tuple(signals), found.params)


def test_positions_whose_range_has_drifted_are_shifted_in_their_pools() -> None:
    scene = replace(PLACED, positions=((1, 0, 1600.0, 1700.0, 90_000.0), (2, 1, 1950.0, 2050.0, 10_000.0)))
    snapshot, past = now_and_past(scene, interval_usd=(300e3, 20e3))
    _, plan = asked(scene, snapshot, past, config=NEVER)
    assert plan.decision.kind is DecisionKind.RS
    assert [(close.pool_id, close.token_id) for close in plan.closes] == [(scene.pools[0].pool_id, 1)]
    assert [target.pool_id for target in plan.opens] == [scene.pools[0].pool_id]
    assert plan.opens[0].capital_usd == pytest.approx(90_000.0, rel=1e-3)
    assert check_plan(plan, snapshot, LIMITS) == ()


def test_a_reallocation_burns_everything_and_mints_the_targets() -> None:
    scene = replace(PLACED, positions=((2, 1, 1950.0, 2050.0, 40_000.0),))
    snapshot, past = now_and_past(scene, last_usd=(900e3, 20e3))
    _, plan = asked(scene, snapshot, past)
    assert plan.decision.kind is DecisionKind.PRA
    assert [close.token_id for close in plan.closes] == [2]
    assert plan.opens == plan.targets
    assert plan.decision.optimal_apr > plan.decision.current_apr
    assert check_plan(plan, snapshot, LIMITS) == ()


def test_the_hold_of_twelve_hours_blocks_everything_else() -> None:
    scene = replace(PLACED, positions=((2, 1, 1950.0, 2050.0, 40_000.0),))
    snapshot, past = now_and_past(scene, last_usd=(900e3, 20e3))
    young = replace(past, last_rebalance_at=END_AT - timedelta(hours=12) + QUARTER)
    _, plan = asked(scene, snapshot, young)
    assert (plan.decision.kind, plan.decision.binding) == (DecisionKind.HOLD, "min_hold")
    old = replace(past, last_rebalance_at=END_AT - timedelta(hours=12))
    assert asked(scene, snapshot, old)[1].decision.kind is DecisionKind.PRA


@pytest.mark.parametrize(("gained_apr", "kind"), [(0.0038, DecisionKind.HOLD), (0.0040, DecisionKind.PRA)])
def test_a_week_of_the_higher_apr_must_pay_one_and_a_half_times_the_gas(gained_apr: float, kind: DecisionKind) -> None:
    # 1.5 x 0.50 USD over 7 of 365 days of 10,000 USD is an APR of 0.0039.
    scene = Scene(active_usd=(50e6,), fees_usd_day=(20_000.0,), positions=((1, 0, 1950.0, 2050.0, 40_000.0),))
    usual, per_usd = 3_000.0, 5e-4 / 25e6 * 35_064

    def at(one: MarketSnapshot, volume: float) -> MarketSnapshot:
        return with_figures(one, [volume], [25e6])

    history = scene.history(8)
    past = [at(one, 40e6 + index * usual) for index, one in enumerate(history)]
    past[:2] = [replace(one, holdings=(replace(one.holdings[0], positions=()),)) for one in past[:2]]
    snapshot = at(scene.snapshot(), 40e6 + 8 * usual + gained_apr / per_usd)
    _, plan = asked(scene, snapshot, PastEpochs(snapshots=tuple(past), last_rebalance_at=None))
    assert plan.decision.optimal_apr - plan.decision.current_apr == pytest.approx(gained_apr, rel=1e-4)
    assert plan.decision.kind is kind
    assert plan.decision.binding == ("pra_gas" if kind is DecisionKind.HOLD else "pra_threshold")


def test_a_shift_that_the_spacing_rounds_back_is_left_out() -> None:
    fresh, past = now_and_past(Scene())
    found, plan = asked(Scene(), fresh, past, config=NEVER)
    scene = replace(PLACED, positions=((1, 0, found.price_range.lower, found.price_range.upper, 40_000.0),))
    snapshot, past = now_and_past(scene)
    position = snapshot.holdings[0].positions[0]
    assert (position.tick_lower, position.tick_upper) == (plan.targets[0].tick_lower, plan.targets[0].tick_upper)
    touchy = replace(found, params=replace(DEFAULTS, rs_threshold=1e-9))
    _, plan = asked(scene, snapshot, past, previous=touchy, config=NEVER)
    assert plan.decision.alternatives[2].gain_usd > 0.0
    assert (plan.decision.kind, plan.decision.binding, plan.closes) == (DecisionKind.HOLD, "nothing_to_do", ())


def test_a_pool_without_liquidity_takes_no_capital() -> None:
    snapshot, past = now_and_past(Scene())
    drained = replace(snapshot, pools=(replace(snapshot.pools[0], liquidity=0), snapshot.pools[1]))
    _, plan = asked(Scene(), drained, past)
    assert [target.pool_id for target in plan.opens] == [snapshot.pools[1].pool.pool_id]


def test_an_empty_wallet_is_a_hold() -> None:
    scene = Scene(idle_base=0.0, idle_quote=0.0)
    snapshot, past = now_and_past(scene)
    _, plan = asked(scene, snapshot, past)
    assert (plan.decision.kind, plan.decision.binding, plan.targets) == (DecisionKind.HOLD, "capital", ())
    assert plan.nav_usd == 0.0


@pytest.mark.parametrize(("known", "kind"), [(1, DecisionKind.HOLD), (2, DecisionKind.PRA)])
def test_figures_of_fewer_than_half_of_the_pools_are_a_hold(known: int, kind: DecisionKind) -> None:
    scene = Scene(active_usd=(50e6, 30e6, 10e6), fees_usd_day=(20e3, 12e3, 1e3))
    volumes = [40e6 if number < known else None for number in range(3)]
    snapshot = with_figures(scene.snapshot(), volumes, [25e6] * 3)
    _, plan = asked(scene, snapshot, PastEpochs(snapshots=(), last_rebalance_at=None))
    assert plan.decision.kind is kind


def test_capital_stays_on_its_chain() -> None:
    here, there = Scene(), Scene(chain_id=42161, idle_base=1.0, idle_quote=500.0)
    one, past_one = now_and_past(here)
    two, past_two = now_and_past(there, interval_usd=(900e3, 800e3))
    snapshot, past = (
        both(one, two),
        PastEpochs(
            snapshots=tuple(both(a, b) for a, b in zip(past_one.snapshots, past_two.snapshots, strict=True)),
            last_rebalance_at=None,
        ),
    )
    _, plan = asked(here, snapshot, past)
    placed = {chain: sum(t.capital_usd for t in plan.opens if t.chain_id == chain) for chain in (8453, 42161)}
    assert placed[8453] == pytest.approx(40_000.0)
    assert placed[42161] == pytest.approx(2_500.0)
    assert check_plan(plan, snapshot, LIMITS) == ()


def both(one: MarketSnapshot, two: MarketSnapshot) -> MarketSnapshot:
    names = ("chains", "pools", "markets", "holdings")
    return replace(one, **{name: (*getattr(one, name), *getattr(two, name)) for name in names})


def spiked(series: CandleSeries) -> CandleSeries:
    """The series with a last hour that swings fifty times as far."""
    high, low = series.high.copy(), series.low.copy()
    high[-60:] *= 1.03
    low[-60:] /= 1.03
    return replace(series, high=high, low=low)


def test_a_spike_suppresses_its_epoch_and_rests_the_search_for_four_more() -> None:
    scene = Scene()
    snapshot, past = now_and_past(scene)
    calm = ending_at(walk(4), scene.price)
    found, plan = asked(scene, snapshot, past, series=spiked(calm))
    assert found.regime.state is RegimeState.SUPPRESS
    assert found.evaluations > 0
    assert (plan.decision.kind, plan.decision.binding) == (DecisionKind.HOLD, "regime")
    assert "vol_spike" in plan.decision.reason
    searched = []
    for _ in range(6):
        epoch = Epoch(pair=EPOCH.pair, epoch_at=found.epoch_at + QUARTER)
        later = replace(calm, ts_ms=calm.ts_ms + int((epoch.epoch_at - END_AT).total_seconds() * 1000))
        found, plan = asked(
            scene, replace(snapshot, epoch_at=epoch.epoch_at), past, series=later, previous=found, epoch=epoch
        )
        assert found.regime.state is RegimeState.NORMAL
        assert plan.decision.kind is DecisionKind.PRA
        searched.append((found.evaluations > 0, found.regime.calm_epochs))
    assert searched == [(False, 1), (False, 2), (False, 3), (False, 4), (True, 0), (True, 0)]


def loud(series: CandleSeries) -> CandleSeries:
    """The series with six times the volume in its last quarter hour."""
    volume = series.volume.copy()
    volume[-15:] = 6.5 * volume.mean()
    return replace(series, volume=volume)


def test_a_volume_anomaly_widens_the_range_by_half_once_and_never_the_defaults() -> None:
    scene = Scene()
    snapshot, past = now_and_past(scene)
    calm = ending_at(walk(4), scene.price)
    usual, _ = asked(scene, snapshot, past, series=calm)
    first, plan = asked(scene, snapshot, past, series=loud(calm))
    second, _ = asked(scene, snapshot, past, series=loud(calm), previous=first)
    assert first.regime.state is RegimeState.WIDEN
    assert plan.decision.kind is DecisionKind.PRA
    assert first.price_range.breadth_frac == pytest.approx(1.5 * usual.price_range.breadth_frac)
    assert second.price_range == first.price_range
    assert asked(scene, snapshot, past, series=calm, previous=second)[0].price_range == usual.price_range


def test_a_volume_anomaly_raises_the_thresholds() -> None:
    scene = replace(PLACED, positions=((2, 1, 1950.0, 2050.0, 40_000.0),))
    snapshot, past = now_and_past(scene, last_usd=(300e3, 20e3))
    found, plan = asked(scene, snapshot, past, config=NEVER)
    improvement = plan.decision.optimal_apr / plan.decision.current_apr - 1.0
    assert 0.05 < improvement < 0.9
    widened = replace(found, regime=replace(found.regime, state=RegimeState.WIDEN, widen_factor=1.5))
    signals = SEED.force_signals(EPOCH, ending_at(walk(4), scene.price))
    for times, kind in ((0.33, DecisionKind.PRA), (0.34, DecisionKind.RS)):
        config = replace(NEVER, pra_threshold=times * improvement)
        again = SEED.allocation(EPOCH, signals, widened, snapshot, past, config, LIMITS, "1", "1")
        assert again.decision.kind is kind
        assert (
            SEED.allocation(EPOCH, signals, found, snapshot, past, config, LIMITS, "1", "1").decision.kind
            is DecisionKind.PRA
        )


def test_too_many_shifts_put_the_defaults_in_force() -> None:
    snapshot, past = now_and_past(PLACED)
    nine = replace(past, recent=recent_epochs(9, DecisionKind.RS))
    found, _ = asked(PLACED, snapshot, nine)
    assert found.params == DEFAULTS
    assert found.kill_switches == ("more than 8 range shifts in 4 h",)
    assert not found.success
    eight = replace(past, recent=recent_epochs(8, DecisionKind.RS))
    assert asked(PLACED, snapshot, eight)[0].kill_switches == ()


def test_a_day_of_losses_trips_the_yield_switch_and_unknown_figures_do_not() -> None:
    snapshot, past = now_and_past(PLACED, epochs=96)
    losing = tuple(replace(one, fees_usd=100.0 - index) for index, one in enumerate(recent_epochs(30)))
    assert asked(PLACED, snapshot, replace(past, recent=losing))[0].kill_switches == (
        "the last 24 known epochs lost on average",
    )
    earning = tuple(replace(one, fees_usd=100.0 + index) for index, one in enumerate(recent_epochs(30)))
    assert asked(PLACED, snapshot, replace(past, recent=earning))[0].kill_switches == ()
    unknown = tuple(replace(one, fees_usd=None) for one in losing)
    assert asked(PLACED, snapshot, replace(past, recent=unknown))[0].kill_switches == ()


def test_the_loss_against_holding_counts_as_lost_anew_in_every_epoch() -> None:
    opened = replace(PLACED, positions=PLACED.positions[:1])
    snapshot, past = now_and_past(opened, epochs=96)
    moved = Scene(price=2100.0, positions=opened.positions)
    later = tuple(replace(at, pools=one.pools) for at, one in zip(past.snapshots[4:], moved.history(92), strict=True))
    drifted = replace(past, snapshots=(*past.snapshots[:4], *later))
    # 4 USD of fees per epoch on 40,000 USD are 0.01 %, the loss of a full range over 5 % of price is 0.03 %.
    earning = tuple(replace(one, fees_usd=100.0 + 4.0 * index) for index, one in enumerate(recent_epochs(30)))
    assert asked(opened, snapshot, replace(past, recent=earning))[0].kill_switches == ()
    assert asked(opened, snapshot, replace(drifted, recent=earning))[0].kill_switches == (
        "the last 24 known epochs lost on average",
    )


def test_gas_that_nobody_knows_is_the_references_flat_figure_where_something_was_sent() -> None:
    unknown = (*recent_epochs(2, DecisionKind.PRA, gas_usd=None), *recent_epochs(3, gas_usd=None))
    assert spent_usd((*unknown, *recent_epochs(1, DecisionKind.RS, gas_usd=2.0))) == 3.0


def test_a_day_of_dear_gas_trips_the_gas_switch() -> None:
    snapshot, past = now_and_past(PLACED)
    for gas, tripped in ((499.0, False), (501.0, True)):
        spent = replace(past, recent=recent_epochs(1, DecisionKind.PRA, gas_usd=gas))
        assert bool(asked(PLACED, snapshot, spent)[0].kill_switches) is tripped


BROKEN: dict[str, tuple[dict[str, object], str]] = {
    "a source failed": ({"problems": (SourceProblem(source="binance", detail="timed out"),)}, "binance"),
    "no quote price": ({"quote_usd": None}, "quote price"),
    "no holdings": ({"holdings": ()}, "holdings"),
    "no market data": ({"markets": ()}, "market data"),
    "no gas price": ({"chains": ()}, "gas price"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_doubtful_inputs_are_a_hold_with_a_reason(name: str) -> None:
    changed, word = BROKEN[name]
    snapshot, past = now_and_past(PLACED)
    broken = replace(snapshot, **changed)
    _, plan = asked(PLACED, broken, past)
    assert plan.decision.kind is DecisionKind.HOLD
    assert word in plan.decision.reason
    assert check_plan(plan, broken, LIMITS) == ()


def test_a_pool_far_from_the_candles_price_is_a_hold() -> None:
    snapshot, past = now_and_past(PLACED)
    _, plan = asked(PLACED, snapshot, past, series=ending_at(walk(4), PLACED.price * 1.05))
    assert (plan.decision.kind, plan.decision.binding) == (DecisionKind.HOLD, "price_deviation")


def test_a_pool_that_nothing_may_enter_gets_nothing() -> None:
    scene = Scene()
    snapshot, past = now_and_past(scene)
    first, second = scene.pools
    assert [target.pool_id for target in asked(scene, snapshot, past)[1].opens] == [first.pool_id]
    refusing = replace(snapshot, refusals=(PoolRefusal(pool_id=first.pool_id, reason="taxes its sellers"),))
    far = replace(snapshot.pools[0], sqrt_price_x96=sqrt_price_x96_from_price(first, scene.price * 1.05))
    for seen in (refusing, replace(snapshot, pools=(far, *snapshot.pools[1:]))):
        _, found = asked(scene, seen, past)
        assert [target.pool_id for target in found.opens] == [second.pool_id]
        assert check_plan(found, seen, LIMITS) == ()


def test_a_position_whose_pool_nobody_knows_is_a_hold_not_a_zero() -> None:
    snapshot, past = now_and_past(PLACED)
    unread = replace(snapshot, pools=snapshot.pools[:1], markets=snapshot.markets[:1])
    plan = asked(PLACED, unread, past)[1]
    assert plan.decision.kind is DecisionKind.HOLD
    assert "was not read" in plan.decision.reason
    silent = tuple(replace(one, markets=one.markets[:1]) for one in past.snapshots)
    plan = asked(PLACED, replace(snapshot, markets=snapshot.markets[:1]), replace(past, snapshots=silent))[1]
    assert plan.decision.kind is DecisionKind.HOLD
    assert "unknown" in plan.decision.reason


def test_the_seed_survives_the_candles_the_default_survives() -> None:
    scene = Scene(price=1.0)
    snapshot, past = now_and_past(scene)
    default = DefaultPolicy()
    for series in (
        flat(2),
        flat(11 / 1440),
        flat(1 / 1440),
        ending_at(walk(0.1), 1.0),
        flat(2, end_at=END_AT - QUARTER * 4),
    ):
        for policy in (default, SEED):
            signals = policy.force_signals(EPOCH, series)
            found = policy.optimized_range(EPOCH, series, signals, snapshot, past, None, CONFIG)
            plan = policy.allocation(EPOCH, signals, found, snapshot, past, CONFIG, LIMITS, "1", "1")
            assert isinstance(plan, AllocationPlan)
            assert canonical_json(plan)


def test_the_entry_figures_of_a_position_are_those_of_the_epoch_it_was_decided_on() -> None:
    scene = replace(PLACED, positions=((1, 0, 1950.0, 2050.0, 40_000.0),))
    snapshot, past = now_and_past(scene, interval_usd=(300e3, 20e3))
    bare = tuple(replace(one, holdings=(replace(one.holdings[0], positions=()),)) for one in past.snapshots[:4])
    dear = with_figures(bare[3], [past.snapshots[2].markets[0].volume_24h_usd + 600e3, 24e6])
    opened = replace(past, snapshots=(*bare[:3], dear, *past.snapshots[4:]))
    _, plan = asked(scene, snapshot, opened)
    # 600,000 USD in the quarter hour before the decision, 0.05 % of it over 25 million.
    assert plan.decision.current_apr == pytest.approx(600e3 * 5e-4 / 25e6 * 35_064)


@settings(max_examples=25)
@given(
    price=st.floats(1e-3, 1e5),
    width=st.floats(0.002, 0.2),
    off=st.floats(-0.3, 0.3),
    capital=st.floats(0.0, 1e6),
    idle=st.floats(0.0, 1e5),
    volumes=st.tuples(st.floats(0.0, 1e6), st.floats(0.0, 1e6)),
    base_is_token0=st.booleans(),
    seed=st.integers(0, 5),
)
def test_no_scene_makes_it_raise_or_break_a_limit(
    price: float,
    width: float,
    off: float,
    capital: float,
    idle: float,
    volumes: tuple[float, float],
    base_is_token0: bool,
    seed: int,
) -> None:
    middle = price * (1.0 + off)
    positions = ((1, 0, middle * (1 - width), middle * (1 + width), capital),) if capital > 1.0 else ()
    scene = Scene(price=price, base_is_token0=base_is_token0, idle_base=0.0, idle_quote=idle, positions=positions)
    snapshot, past = now_and_past(scene, interval_usd=volumes, epochs=3)
    series = ending_at(walk(0.6, seed=seed), price)
    found, plan = asked(scene, snapshot, past, series=series)
    assert check_plan(plan, snapshot, LIMITS) == ()
    assert np.isfinite(found.price_range.breadth_frac)
    assert isinstance(found.params, RangeParams)

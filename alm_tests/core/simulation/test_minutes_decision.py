"""The simulated quarter hour decides what the live decision decides about a shift, at the same ticks."""

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
import pytest

from alm_core.math.orientation import price_at_sqrt_price_x96, range_bounds_at_ticks, to_float
from alm_core.model.candles import FloatArray, IntArray
from alm_core.model.config import LimitsConfig, StrategyConfig
from alm_core.model.decisions import AllocationPlan, Alternative
from alm_core.model.market import MarketSnapshot
from alm_core.model.past import PastEpochs
from alm_core.model.signals import Forces, ForceSignals, OptimizedRange, RangeParams
from alm_core.portfolio.decision import plan_allocation
from alm_core.portfolio.yields import pool_yields
from alm_core.ranges.range import confidence_and_bias, price_range
from alm_core.simulation.minute_book import (
    BOOK_ROWS,
    HIGH_ROOT,
    IDLE_BASE,
    IDLE_QUOTE,
    LIQUIDITY,
    LOW_ROOT,
    OWED_BASE,
    OWED_QUOTE,
)
from alm_core.simulation.minute_policy import HOLD, OPEN, SHIFT, WITHDRAW, Known, policy_step
from alm_core.simulation.minute_rules import costs_on_chain, rule_from_config
from alm_core.simulation.minute_ticks import grid_of
from alm_tests.core.portfolio.scene import EPOCH, Scene

CONFIG = StrategyConfig(max_pool_share=1.0, day_budget_frac=1.0)
HISTORY = 8
SCENES = 600
REFUSED_SHIFT = ("rs_cost", "min_hold")


@dataclass(frozen=True)
class Case:
    """One random scene with one position, as both sides see it."""

    scene: Scene
    snapshot: MarketSnapshot
    signals: ForceSignals
    optimized: OptimizedRange
    held_quarters: int | None


def drawn(seed: int) -> Case:
    random = np.random.default_rng(seed)
    price = float(random.uniform(1000, 4000))
    middle = price * math.exp(random.normal(0, 0.03))
    width = float(10 ** random.uniform(-2.2, -0.5))
    scene = Scene(
        price=price,
        base_is_token0=bool(random.integers(2)),
        fees_usd_day=(float(10 ** random.uniform(3, 5)),),
        active_usd=(float(10 ** random.uniform(6.5, 8)),),
        idle_base=float(random.choice([0.0, 0.05])),
        idle_quote=float(random.choice([0.0, 100.0])),
        positions=((1, 0, middle * (1 - width), middle * (1 + width), float(10 ** random.uniform(2, 5.5))),),
        base_fee_gwei=float(10 ** random.uniform(-3, 1)),
    )
    forces = Forces(
        volatility=float(random.uniform(0, 100)),
        momentum=float(random.uniform(0, 100)),
        trend=float(random.uniform(0, 100)),
        sigma_annual_frac=float(random.uniform(0.05, 1.5)),
    )
    low = float(10 ** random.uniform(-2.5, -1.3))
    params = RangeParams(
        base_min_frac=low,
        base_max_frac=float(random.uniform(low, 0.4)),
        vforce_exp=-float(random.uniform(0.05, 1)),
        vforce_divider=float(random.uniform(10, 1000)),
        rs_threshold=float(random.uniform(0.05, 0.9)),
    )
    signals = replace(scene.signals, composite=forces)
    optimized = replace(scene.optimized, params=params, price_range=price_range(price, forces, params))
    held = [None, 0, 10, 47, 48, 300][int(random.integers(6))]
    return Case(scene, with_fees(scene.snapshot(), random), signals, optimized, held)


def with_fees(snapshot: MarketSnapshot, random: np.random.Generator) -> MarketSnapshot:
    """Fees that were not collected, in both tokens."""
    held = snapshot.holdings[0]
    owed = [int(amount * random.uniform(0, 0.02)) for amount in (held.positions[0].amount0, held.positions[0].amount1)]
    position = replace(held.positions[0], fees0=owed[0], fees1=owed[1])
    return replace(snapshot, holdings=(replace(held, positions=(position,)),))


def live(case: Case) -> AllocationPlan:
    last = None if case.held_quarters is None else EPOCH.epoch_at - case.held_quarters * timedelta(minutes=15)
    past = PastEpochs(snapshots=case.scene.history(HISTORY), last_rebalance_at=last)
    return plan_allocation(
        EPOCH, case.signals, case.optimized, case.snapshot, past, CONFIG, LimitsConfig(), "code", "config"
    )


def book_of(case: Case) -> tuple[FloatArray, IntArray]:
    """Holdings as the kernel keeps them: floats in units of the tokens."""
    pool, held = case.snapshot.pools[0].pool, case.snapshot.holdings[0]
    book, ticks = np.zeros(BOOK_ROWS), np.zeros(2, dtype=np.int64)
    book[IDLE_BASE] = to_float(pool.base, held.balance(pool.base.address))
    book[IDLE_QUOTE] = to_float(pool.quote, held.balance(pool.quote.address))
    for position in held.positions:
        ticks[:] = position.tick_lower, position.tick_upper
        bounds = range_bounds_at_ticks(pool, position.tick_lower, position.tick_upper)
        book[LIQUIDITY] = position.liquidity / 10 ** ((pool.token0.decimals + pool.token1.decimals) / 2)
        book[LOW_ROOT], book[HIGH_ROOT] = math.sqrt(bounds[0]), math.sqrt(bounds[1])
        owed = (position.fees0, position.fees1) if pool.base_is_token0 else (position.fees1, position.fees0)
        book[OWED_BASE], book[OWED_QUOTE] = to_float(pool.base, owed[0]), to_float(pool.quote, owed[1])
    return book, ticks


def simulated(case: Case, *, may_idle: bool = False) -> tuple[int, int, int]:
    state, chain = case.snapshot.pools[0], case.snapshot.chains[0]
    pool = state.pool
    book, ticks = book_of(case)
    found = pool_yields(case.snapshot, case.scene.history(HISTORY), case.signals.price, CONFIG.yield_window_epochs)
    forces, params = case.signals.composite, case.optimized.params
    bias = confidence_and_bias(forces.volatility, forces.momentum, forces.trend)[1]
    return policy_step(
        math.sqrt(price_at_sqrt_price_x96(pool, state.sqrt_price_x96)),
        state.tick,
        book,
        ticks,
        (found[pool.pool_id].fees_usd, found[pool.pool_id].active_usd),
        Known(forces.volatility, bias, forces.sigma_annual_frac),
        (params.base_min_frac, params.base_max_frac, params.vforce_exp, params.vforce_divider, params.rs_threshold),
        rule_from_config(CONFIG, may_idle=may_idle).gates,
        costs_on_chain(chain, state, 1.0).charges,
        grid_of(pool),
        10**6 if case.held_quarters is None else case.held_quarters,
    )


def shift_line(plan: AllocationPlan) -> Alternative | None:
    """The line of an ordinary shift in the table of the decision."""
    return next((one for one in plan.decision.alternatives if one.note.startswith("shift ranges")), None)


def test_live_and_simulated_shifts_agree_on_random_scenes() -> None:
    seen: Counter[str] = Counter()
    for seed in range(SCENES):
        case = drawn(seed)
        plan, (action, lower, upper) = live(case), simulated(case)
        line = shift_line(plan)
        refused = line is None or any(f"refused by {gate}" in line.note for gate in REFUSED_SHIFT)
        assert plan.nav_usd is not None, plan.decision.reason
        assert action == (HOLD if refused else SHIFT), (seed, plan.decision.alternatives)
        taken = line is not None and line.is_taken
        if taken:
            assert [(one.tick_lower, one.tick_upper) for one in plan.opens] == [(lower, upper)], seed
        kind = "nothing to shift" if line is None else line.note.split("refused by ")[-1] if refused else "shifted"
        seen[kind] += 1
        seen["taken"] += taken
    # Every outcome is there often enough for the agreement to mean something.
    for outcome in ("nothing to shift", "rs_cost", "min_hold", "shifted", "taken"):
        assert seen[outcome] >= 20, seen


def test_where_the_live_decision_takes_all_capital_out_so_does_the_simulated_one() -> None:
    out = [case for case in map(drawn, range(SCENES)) if not (plan := live(case)).opens and plan.closes]
    assert len(out) >= 20
    assert [simulated(case, may_idle=True)[0] for case in out] == [WITHDRAW] * len(out)


def test_idle_capital_is_placed_whole_or_left_idle_as_in_the_live_decision() -> None:
    """Where the pool is too thin for all of it, the live decision places a part; the simulation knows no parts."""
    seen: Counter[int] = Counter()
    for seed in range(SCENES // 2):
        case = idle(drawn(seed), seed)
        plan = live(case)
        placed = sum(one.share_frac for one in plan.opens)
        if 0.0 < placed < 0.999:
            continue
        action, lower, upper = simulated(case, may_idle=True)
        assert action == (OPEN if placed else HOLD), (seed, plan.decision.alternatives)
        if placed:
            assert [(one.tick_lower, one.tick_upper) for one in plan.opens] == [(lower, upper)]
        seen[action] += 1
    assert min(seen[OPEN], seen[HOLD]) >= 30, seen


def idle(case: Case, seed: int) -> Case:
    """The same market with all capital idle, half in each token."""
    half = float(10 ** np.random.default_rng(seed).uniform(2, 5.5)) / 2
    scene = replace(case.scene, positions=(), idle_base=half / case.scene.price, idle_quote=half)
    return replace(case, scene=scene, snapshot=scene.snapshot(), held_quarters=None)


@pytest.mark.parametrize("base_is_token0", [True, False])
def test_gain_and_cost_turn_the_live_and_the_simulated_decision_at_the_same_gas(base_is_token0: bool) -> None:
    """The dearest gas at which each still shifts, found by bisection, is the same to 1e-6."""
    case = replace_scene(drawn(3), base_is_token0=base_is_token0)

    def shifts_live(gwei: float) -> bool:
        line = shift_line(live(replace_scene(case, base_fee_gwei=gwei)))
        return line is not None and "refused by rs_cost" not in line.note

    def shifts_simulated(gwei: float) -> bool:
        return simulated(replace_scene(case, base_fee_gwei=gwei))[0] == SHIFT

    found = [turning_point(shifts) for shifts in (shifts_live, shifts_simulated)]
    assert found[0] == pytest.approx(found[1], rel=1e-6)


def replace_scene(case: Case, **changes: object) -> Case:
    """Our position out of range, so that only the cost decides."""
    fixed = {"positions": ((1, 0, case.scene.price * 1.05, case.scene.price * 1.2, 20_000.0),), "idle_quote": 0.0}
    scene = replace(case.scene, **{**fixed, "fees_usd_day": (2e4,), "active_usd": (2e7,), **changes})
    calm = replace(case.signals.composite, sigma_annual_frac=0.3)
    return replace(
        case, scene=scene, snapshot=scene.snapshot(), signals=replace(case.signals, composite=calm), held_quarters=300
    )


def turning_point(shifts: Callable[[float], bool]) -> float:
    low, high = 1e-4, 1e4
    assert shifts(low)
    assert not shifts(high)
    while high / low > 1 + 1e-8:
        middle = math.sqrt(low * high)
        low, high = (middle, high) if shifts(middle) else (low, middle)
    return low

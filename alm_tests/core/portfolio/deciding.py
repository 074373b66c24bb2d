"""Plans of a scene in one line: the market of ``scene.py`` with a regime, kill switches, a past and other rules."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from alm_core.model.config import LimitsConfig, StrategyConfig
from alm_core.model.decisions import AllocationPlan, Alternative, DecisionKind
from alm_core.model.market import MarketSnapshot
from alm_core.model.past import PastEpochs, RecentEpoch
from alm_core.model.signals import Regime, RegimeState
from alm_core.portfolio.chainview import ChainView, chain_views
from alm_core.portfolio.decision import plan_allocation
from alm_core.portfolio.placing import OVERWEIGHT_FRAC
from alm_core.portfolio.plan_limits import check_plan
from alm_core.portfolio.rules import Rules, rules_of
from alm_core.portfolio.valuation import position_usd, prices_usd
from alm_tests.core.forces.tapes import END_AT
from alm_tests.core.portfolio.scene import EPOCH, Scene

LIMITS = LimitsConfig()
TARGET = (1900.0, 2100.0)
FITTING = ((1, 0, *TARGET, 28_000.0), (2, 1, *TARGET, 12_000.0))


def plan(
    scene: Scene,
    *,
    snapshot: MarketSnapshot | None = None,
    config: StrategyConfig | None = None,
    limits: LimitsConfig = LIMITS,
    last_rebalance_at: datetime | None = None,
    history: int = 8,
    signals_reason: str = "",
    regime: RegimeState = RegimeState.NORMAL,
    kill_switches: tuple[str, ...] = (),
    recent: tuple[RecentEpoch, ...] = (),
) -> AllocationPlan:
    past = PastEpochs(snapshots=scene.history(history), last_rebalance_at=last_rebalance_at, recent=recent)
    signals = replace(scene.signals, reason=signals_reason)
    optimized = replace(
        scene.optimized, regime=Regime(state=regime, reason=f"{regime} in a test"), kill_switches=kill_switches
    )
    rules = config or StrategyConfig()
    return plan_allocation(EPOCH, signals, optimized, snapshot or scene.snapshot(), past, rules, limits, "1", "2")


def view_and_rules(
    scene: Scene, snapshot: MarketSnapshot, config: StrategyConfig | None = None
) -> tuple[ChainView, Rules]:
    """The one chain of a scene and the rules of a calm epoch, for parts of the decision."""
    rules = config or StrategyConfig()
    past = PastEpochs(snapshots=scene.history(4), last_rebalance_at=None)
    (view,) = chain_views(scene.signals, scene.optimized, snapshot, past.snapshots, rules)
    return view, rules_of(EPOCH, scene.optimized, snapshot, past, rules, LIMITS)


def invested(**changes: object) -> Scene:
    return Scene(**{"idle_base": 0.0, "idle_quote": 0.0, "positions": FITTING, **changes})


def with_fees(snapshot: MarketSnapshot, *usd: float) -> MarketSnapshot:
    """The snapshot with uncollected fees per position, half of each in either token."""
    (holdings,) = snapshot.holdings
    price = snapshot.chains[0].native_usd
    changed = []
    for position, fees in zip(holdings.positions, usd, strict=True):
        base, quote = int(fees / 2 / price * 10**18), int(fees / 2 * 10**6)
        pool = snapshot.pool_state(position.pool_id).pool
        fees0, fees1 = (base, quote) if pool.base_is_token0 else (quote, base)
        changed.append(replace(position, fees0=fees0, fees1=fees1))
    return replace(snapshot, holdings=(replace(holdings, positions=tuple(changed)),))


def scaled(scene: Scene, times: float) -> Scene:
    """The same market whose pools have earned so many times as much."""
    return replace(scene, fees_usd_day=tuple(fees * times for fees in scene.fees_usd_day))


def assert_sound(found: AllocationPlan, snapshot: MarketSnapshot) -> None:
    """What holds of every plan."""
    held = {(entry.pool_id, entry.token_id) for entry in snapshot.holdings[0].positions}
    named = [(move.pool_id, move.token_id) for move in (*found.closes, *found.collects)]
    added = [(target.pool_id, target.token_id) for target in found.opens if target.token_id is not None]
    assert {*named, *added} <= held
    assert len(set(named)) == len(named)
    moves = len(found.closes) + len(found.opens) + len(found.collects)
    assert (found.decision.kind is DecisionKind.HOLD) == (moves == 0)
    assert sum(target.capital_usd for target in found.opens) <= (found.nav_usd or 0.0) * (1 + 1e-9)
    assert found.decision.reason
    assert found.decision.binding
    assert check_plan(found, snapshot, LIMITS) == ()
    for target in (*found.targets, *found.opens):
        assert target.tick_lower < target.tick_upper
    assert_nothing_is_done_twice(found, snapshot)
    assert_table_is_whole(found)


def assert_nothing_is_done_twice(found: AllocationPlan, snapshot: MarketSnapshot) -> None:
    """No range is closed to be opened again, but far smaller; none is opened where a position of ours stays."""
    closed = {(close.pool_id, close.token_id) for close in found.closes}
    prices = prices_usd(snapshot, found.price)
    for target in found.opens:
        same = [
            position
            for position in snapshot.holdings[0].positions
            if (position.pool_id, position.tick_lower, position.tick_upper)
            == (target.pool_id, target.tick_lower, target.tick_upper)
        ]
        staying = [position.token_id for position in same if (position.pool_id, position.token_id) not in closed]
        assert target.token_id in staying if staying else target.token_id is None
        leaving = [position for position in same if position.token_id not in staying]
        pool = snapshot.pool_state(target.pool_id).pool
        freed = sum(position_usd(pool, position, prices).total for position in leaving)
        assert not leaving or target.capital_usd <= freed / (1 + OVERWEIGHT_FRAC) * (1 + 1e-9)


def assert_table_is_whole(found: AllocationPlan) -> None:
    """HOLD is in every table, every line adds up, and exactly what is done was refused by nothing."""
    table = found.decision.alternatives
    assert table[0].action is DecisionKind.HOLD
    assert {line.action for line in taken(table)} == {found.decision.kind}
    for line in table:
        assert line.note
        if line.gain_usd is not None and line.cost_usd is not None:
            assert line.net_usd is not None
            assert abs(line.net_usd - (line.gain_usd - line.cost_usd)) <= 1e-9 * (1 + abs(line.gain_usd))


def taken(table: Sequence[Alternative]) -> list[Alternative]:
    return [line for line in table if line.is_taken]


def line_of(found: AllocationPlan, name: str) -> Alternative:
    """The line of an action by the name its note begins with."""
    return next(line for line in found.decision.alternatives if line.note.startswith(name))


def epoch_past(back: timedelta, **figures: object) -> RecentEpoch:
    """An epoch of the day before, that moved nothing unless told."""
    known = {"kind": DecisionKind.HOLD, "moved": False, "nav_usd": None, "fees_usd": None, "gas_usd": None}
    return RecentEpoch(epoch_at=END_AT - back, **{**known, **figures})

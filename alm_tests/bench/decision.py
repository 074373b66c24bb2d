"""The decision alone: a whole plan, and what a HOLD pays for saying from which fee yield on it would act."""

from collections.abc import Iterator
from dataclasses import replace

from alm_core.model.config import StrategyConfig
from alm_core.model.decisions import AllocationPlan, DecisionKind
from alm_core.model.market import MarketSnapshot
from alm_core.model.past import PastEpochs
from alm_core.portfolio.chainview import views_at
from alm_core.portfolio.choices import choose, kind_of
from alm_core.portfolio.counterfactual import best_full_range_apr, fee_counterfactual
from alm_core.portfolio.decision import plan_allocation
from alm_core.portfolio.rules import rules_of
from alm_core.portfolio.survey import survey_chains
from alm_tests.bench.figure import Figure, cpu_times_s, median, spread
from alm_tests.core.portfolio.deciding import LIMITS
from alm_tests.core.portfolio.scene import EPOCH, Scene

CHAINS = (1, 56, 8453, 42161)
POOLS_PER_CHAIN = 3
REPEATS = 15
CONFIG = StrategyConfig()
SCENES = tuple(
    Scene(chain_id=chain_id, active_usd=(50e6, 30e6, 20e6), fees_usd_day=(200.0, 120.0, 60.0)) for chain_id in CHAINS
)


def market() -> tuple[MarketSnapshot, PastEpochs]:
    """A pair on four chains whose pools do not pay for their LVR today, and the day before."""
    past = zip(*(scene.history(CONFIG.yield_window_epochs) for scene in SCENES), strict=True)
    snapshots = tuple(_joined(parts) for parts in past)
    return _joined(tuple(scene.snapshot() for scene in SCENES)), PastEpochs(snapshots=snapshots, last_rebalance_at=None)


def decision() -> Iterator[Figure]:
    """CPU of a plan that holds, and of its counterfactual."""
    snapshot, past = market()
    signals, optimized = SCENES[0].signals, SCENES[0].optimized

    def plan() -> AllocationPlan:
        return plan_allocation(EPOCH, signals, optimized, snapshot, past, CONFIG, LIMITS, "bench", "bench")

    surveys = survey_chains(signals, optimized, snapshot, past.snapshots, CONFIG)
    rules = rules_of(EPOCH, optimized, snapshot, past, CONFIG, LIMITS)
    now = best_full_range_apr(views_at(surveys, CONFIG))

    def kind_at(fee_scale: float) -> DecisionKind:
        return kind_of(choose(views_at(surveys, CONFIG, fee_scale=fee_scale), rules, float("inf")))

    held = plan().decision
    assert held.kind is DecisionKind.HOLD
    assert held.counterfactual is not None
    whole, search = cpu_times_s(plan, REPEATS), cpu_times_s(lambda: fee_counterfactual(kind_at, now), REPEATS)
    of = (
        f"{len(snapshot.pools)} pools on {len(CHAINS)} chains, {len(past.snapshots)} past snapshots; a HOLD "
        f"({held.binding}) that would be {held.counterfactual.action} at "
        f"{held.counterfactual.threshold / held.counterfactual.now:.2f} times the fees; process CPU"
    )
    yield Figure(
        name="plan_hold_ms",
        value=median(whole) * 1000,
        unit="ms",
        note=f"a plan with its hash over all inputs: {of}; s, {spread(whole)}",
    )
    yield Figure(
        name="plan_counterfactual_ms",
        value=median(search) * 1000,
        unit="ms",
        note=f"its search for that threshold alone: {of}; s, {spread(search)}",
    )


def _joined(parts: tuple[MarketSnapshot, ...]) -> MarketSnapshot:
    return replace(
        parts[0],
        chains=tuple(chain for part in parts for chain in part.chains),
        pools=tuple(pool for part in parts for pool in part.pools),
        holdings=tuple(held for part in parts for held in part.holdings),
    )

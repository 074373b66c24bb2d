"""The pure part of an epoch: forces, search, plan."""

from collections.abc import Iterator

from alm_core.forces.signals import compute_force_signals
from alm_core.model.candles import CandleSeries
from alm_core.model.config import LimitsConfig, StrategyConfig
from alm_core.model.decisions import AllocationPlan
from alm_core.model.market import MarketSnapshot
from alm_core.model.past import PastEpochs
from alm_core.model.signals import OptimizedRange
from alm_core.portfolio.decision import plan_allocation
from alm_core.ranges.optimizer import optimize_range
from alm_core.ranges.search import SEARCH_SPACES
from alm_core.ranges.venue import venue_from_snapshot
from alm_core.simulation.fitness import simulate
from alm_core.simulation.tape import tape_from_candles
from alm_tests.bench.figure import Figure, cpu_times_s, median, spread
from alm_tests.core.forces.tapes import walk
from alm_tests.core.portfolio.scene import EPOCH, Scene
from alm_tests.core.simulation import twin

DAYS = 30
REPEATS = 9
EVALUATIONS_PER_REPEAT = 200
CONFIG, LIMITS = StrategyConfig(), LimitsConfig()


def market() -> tuple[CandleSeries, MarketSnapshot, tuple[MarketSnapshot, ...]]:
    """Seeded candles, a snapshot at their last price with one position and idle capital, and the day before it."""
    series = walk(DAYS)
    price = float(series.close[-1])
    scene = Scene(price=price, positions=((1, 0, price * 0.95, price * 1.05, 10_000.0),))
    return series, scene.snapshot(), scene.history(CONFIG.yield_window_epochs)


def epoch_core() -> Iterator[Figure]:
    """CPU of forces, search and plan of one epoch."""
    series, snapshot, past = market()

    def decide() -> tuple[OptimizedRange, AllocationPlan]:
        signals = compute_force_signals(EPOCH, series)
        found = optimize_range(EPOCH, series, signals, snapshot, None, CONFIG, past_snapshots=past)
        remembered = PastEpochs(snapshots=past, last_rebalance_at=None)
        return found, plan_allocation(EPOCH, signals, found, snapshot, remembered, CONFIG, LIMITS, "bench", "bench")

    found, plan = decide()
    spent = cpu_times_s(decide, REPEATS)
    note = (
        f"forces + search + plan, {DAYS} d of seeded M1 candles ({len(series)} rows), {len(past)} past snapshots of "
        f"{len(snapshot.pools)} pools, {found.evaluations} fitness evaluations, decision {plan.decision.kind.value}; "
        f"process CPU, compiled code warm; {spread(spent)}"
    )
    yield Figure(name="epoch_core_cpu_s", value=median(spent), unit="s", note=note)


def fitness() -> Iterator[Figure]:
    """CPU of one fitness evaluation, and against the plain Python it must equal."""
    series, snapshot, past = market()
    venue = venue_from_snapshot(snapshot, past, float(series.close[-1]), CONFIG)
    tape, params = tape_from_candles(series), SEARCH_SPACES["volatile"].initial

    def compiled() -> None:
        for _ in range(EVALUATIONS_PER_REPEAT):
            simulate(tape, params, venue)

    shifts = simulate(tape, params, venue).shifts
    fast, slow = [], []
    # Taken in turns: both see the same load of the machine.
    for _ in range(REPEATS):
        fast += [spent / EVALUATIONS_PER_REPEAT for spent in cpu_times_s(compiled, 1)]
        slow += cpu_times_s(lambda: twin.net_apr(tape, params, venue), 1)
    data = f"one evaluation over {len(tape)} quarter hours, {shifts} shifts"
    yield Figure(
        name="fitness_evaluation_cpu_s",
        value=median(fast),
        unit="s",
        note=f"{data}; process CPU, {EVALUATIONS_PER_REPEAT} evaluations per repeat; {spread(fast)}",
    )
    yield Figure(
        name="fitness_speed_ratio_vs_python",
        value=median(slow) / median(fast),
        unit="x",
        note=f"{data}: plain Python with equal results {median(slow):.4g} s over compiled {median(fast):.4g} s, "
        f"process CPU, repeats in turns; median of {REPEATS} each",
    )

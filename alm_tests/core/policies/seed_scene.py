"""Scenes the seed policy can decide on: a data service that knows volume and TVL of every pool."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from alm_core.model.candles import CandleSeries
from alm_core.model.config import LimitsConfig, StrategyConfig
from alm_core.model.decisions import AllocationPlan, DecisionKind
from alm_core.model.epochs import Epoch
from alm_core.model.market import MarketSnapshot, PoolMarket
from alm_core.model.past import PastEpochs, RecentEpoch
from alm_core.model.signals import OptimizedRange
from alm_core.policies.seed.policy import SeedPolicy
from alm_tests.core.forces.tapes import walk
from alm_tests.core.portfolio.scene import EPOCH, Scene

SEED = SeedPolicy()
CONFIG, LIMITS = StrategyConfig(policy="seed"), LimitsConfig()
QUARTER = timedelta(minutes=15)
DAY_VOLUMES_USD = (40e6, 24e6)
TVLS_USD = (25e6, 15e6)


def ending_at(series: CandleSeries, price: float) -> CandleSeries:
    """The series scaled so that it ends at a price."""
    scale = price / float(series.close[-1])
    names = ("open", "high", "low", "close")
    return replace(series, **{name: getattr(series, name) * scale for name in names})


def with_figures(
    snapshot: MarketSnapshot, volumes_usd: Sequence[float | None], tvls_usd: Sequence[float | None] = TVLS_USD
) -> MarketSnapshot:
    """The snapshot with a service's volume and TVL of each pool."""
    markets = tuple(
        PoolMarket(
            pool_id=state.pool.pool_id,
            source="test",
            fetched_at=snapshot.epoch_at,
            volume_24h_usd=volume,
            tvl_usd=tvl,
            fee_frac=state.fee_pips / 1e6,
            base_usd=None,
            quote_usd=1.0,
        )
        for state, volume, tvl in zip(snapshot.pools, volumes_usd, tvls_usd, strict=True)
    )
    return replace(snapshot, markets=markets)


def now_and_past(
    scene: Scene,
    interval_usd: Sequence[float] = (300e3, 20e3),
    last_usd: Sequence[float] | None = None,
    epochs: int = 8,
) -> tuple[MarketSnapshot, PastEpochs]:
    """A snapshot and its past, whose rolling day volumes grow by the same amounts each epoch but the last.

    The scene's positions were decided on in the second of the past epochs.
    """

    def at(snapshot: MarketSnapshot, back: int) -> MarketSnapshot:
        days = [day - back * step for day, step in zip(DAY_VOLUMES_USD, interval_usd, strict=True)]
        return with_figures(snapshot, days)

    past = [at(one, epochs - index) for index, one in enumerate(scene.history(epochs))]
    past[:2] = [replace(one, holdings=(replace(one.holdings[0], positions=()),)) for one in past[:2]]
    before = [day - step for day, step in zip(DAY_VOLUMES_USD, interval_usd, strict=True)]
    now = [day + step for day, step in zip(before, last_usd or interval_usd, strict=True)]
    return with_figures(scene.snapshot(), now), PastEpochs(snapshots=tuple(past), last_rebalance_at=None)


def asked(
    scene: Scene,
    snapshot: MarketSnapshot,
    past: PastEpochs,
    *,
    series: CandleSeries | None = None,
    previous: OptimizedRange | None = None,
    config: StrategyConfig = CONFIG,
    epoch: Epoch = EPOCH,
) -> tuple[OptimizedRange, AllocationPlan]:
    """Range and plan of the seed policy, by default on four days of a walk that ends at the scene's price."""
    candles = series if series is not None else ending_at(walk(4), scene.price)
    signals = SEED.force_signals(epoch, candles)
    found = SEED.optimized_range(epoch, candles, signals, snapshot, past, previous, config)
    return found, SEED.allocation(epoch, signals, found, snapshot, past, config, LIMITS, "1", "1")


def recent_epochs(
    count: int, kind: DecisionKind = DecisionKind.HOLD, **figures: float | None
) -> tuple[RecentEpoch, ...]:
    """Epochs before the scene's, oldest first, each with the same figures."""
    plain = {"nav_usd": 40_000.0, "fees_usd": 100.0, "gas_usd": 0.0, **figures}
    moved = kind is not DecisionKind.HOLD
    return tuple(
        RecentEpoch(epoch_at=EPOCH.epoch_at - back * QUARTER, kind=kind, moved=moved, **plain)
        for back in range(count, 0, -1)
    )

"""Pool analyses of the reference system (its section 7.1): interval volume is a difference of rolling 24 h volumes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from alm_core.model.signals import PriceRange
from alm_core.policies.seed.ieee import divided
from alm_core.policies.seed.params import DEFAULTS, SECONDS_PER_YEAR
from alm_core.policies.seed.ranges import compute_range

DEFAULT_FEE = 0.0005
SECONDS_PER_DAY = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedSnapshot:
    """What the reference reads of a pool; its fee and TVL are 0 where unknown."""

    pool: str
    chain: int
    volume_24h_usd: float
    tvl_usd: float
    fee_frac: float
    exchange_rate: float

    @property
    def fee(self) -> float:
        """Fee, or the reference's default where it is unknown."""
        return self.fee_frac or DEFAULT_FEE

    @property
    def tvl(self) -> float:
        """TVL, or 1 USD where it is unknown."""
        return self.tvl_usd or 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Utilization:
    """Yield of a pool over one interval, annualised, with the range shared by all pools."""

    pool: str
    chain: int
    interval_volume_usd: float
    fee_frac: float
    fees_usd: float
    tvl_usd: float
    utilization: float
    apr: float
    price_range: PriceRange


def analyse_pools(
    snapshots: Sequence[SeedSnapshot],
    previous_volume_usd: Mapping[str, float],
    forces: tuple[float, float, float],
    interval_s: int,
) -> tuple[Utilization, ...]:
    """Return the analyses, highest APR first; ``previous_volume_usd`` is keyed ``chain:pool``."""
    if not snapshots:
        return ()
    shared = compute_range(snapshots[0].exchange_rate or 1.0, forces, DEFAULTS)
    analyses = [
        _analysed(one, previous_volume_usd.get(f"{one.chain}:{one.pool}"), shared, interval_s) for one in snapshots
    ]
    return tuple(sorted(analyses, key=lambda one: -one.apr))


def interval_volume_usd(now_usd: float, previous_usd: float | None, interval_s: int) -> float:
    """Return the difference of two rolling day volumes, or a share of the day's where that cannot be."""
    if previous_usd is not None and now_usd - previous_usd >= 0:
        return now_usd - previous_usd
    return now_usd * interval_s / SECONDS_PER_DAY


def _analysed(one: SeedSnapshot, previous: float | None, shared: PriceRange, interval_s: int) -> Utilization:
    fee, tvl = one.fee, one.tvl
    volume = interval_volume_usd(one.volume_24h_usd, previous, interval_s)
    return Utilization(
        pool=one.pool,
        chain=one.chain,
        interval_volume_usd=volume,
        fee_frac=fee,
        fees_usd=volume * fee,
        tvl_usd=tvl,
        utilization=volume * fee / tvl,
        apr=divided(volume * fee / tvl * SECONDS_PER_YEAR, interval_s),
        price_range=shared,
    )

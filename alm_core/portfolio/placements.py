"""Capital in ranges of pools, and the net income it is expected to make over the decision's horizon."""

from collections.abc import Iterable
from dataclasses import dataclass

from alm_core.portfolio.waterfill import Vessel
from alm_core.portfolio.yields import PoolYield
from alm_core.ranges.position import base_share, concentration, lvr_rate, occupancy, residence_years


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What is expected of the price.

    Parameters
    ----------
    sigma_annual_frac
        Volatility.
    horizon_years
        Time over which an action must pay.
    lvr_weight
        Share of LVR charged against fees.
    """

    sigma_annual_frac: float
    horizon_years: float
    lvr_weight: float

    @property
    def lvr_apr(self) -> float:
        """LVR charged to a full range, per year."""
        return self.lvr_weight * lvr_rate(self.sigma_annual_frac)

    def held_frac(self, price: float, lower: float, upper: float) -> float:
        """Share of the horizon that the price is expected to stay in a range before it first leaves it."""
        return occupancy(residence_years(price, lower, upper, self.sigma_annual_frac), self.horizon_years)


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Capital in a price range (quote per base) of one pool."""

    pool_id: str
    lower: float
    upper: float
    capital_usd: float

    def base_usd(self, price: float) -> float:
        """Part of the capital that is base at a price."""
        return self.capital_usd * base_share(price, self.lower, self.upper)


def pool_income_usd(found: PoolYield, placements: Iterable[Placement], price: float, outlook: Outlook) -> float:
    """Return the expected net income per year of our placements in one pool, together.

    They share the pool's fees with others' liquidity and with one another; a range the price is outside of, or is
    expected to leave within the horizon, earns (and loses to arbitrage) for that much less.
    """
    active = [
        (placement.capital_usd * concentration(price, placement.lower, placement.upper), placement)
        for placement in placements
        if placement.lower < price < placement.upper
    ]
    shared_by = found.active_usd + sum(own for own, _ in active)
    return sum(
        own * (found.fees_usd / shared_by - outlook.lvr_apr) * outlook.held_frac(price, place.lower, place.upper)
        for own, place in active
    )


def vessel_of(found: PoolYield, price: float, bounds: tuple[float, float], outlook: Outlook, cap_usd: float) -> Vessel:
    """Return the pool as water-filling sees it with our range at ``bounds``; without the price it takes nothing."""
    inside = bounds[0] < price < bounds[1]
    return Vessel(
        pool_id=found.pool_id,
        fees_usd=found.fees_usd if inside else 0.0,
        active_usd=found.active_usd,
        times=concentration(price, *bounds) if inside else 1.0,
        lvr_apr=outlook.lvr_apr,
        held_frac=outlook.held_frac(price, *bounds),
        cap_usd=cap_usd,
    )
